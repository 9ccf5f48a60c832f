//! `backline check`: prints what [`crate::check`] finds.

use super::{Ending, tell};
use crate::args::Check;
use crate::check::check;
use crate::exit::Failure;
use crate::song::Request;

pub(super) fn run(asked: &Check) -> Result<Ending, Failure> {
    let request = Request {
        inputs: &asked.inputs,
        sequence: asked.sequence,
        on_end: None,
        max_gain_db: asked.settings.max_gain_db.value,
    };
    let report = check(&request, &asked.settings, asked.quick)?;
    tell(&report, asked.json, asked.strict)
}
