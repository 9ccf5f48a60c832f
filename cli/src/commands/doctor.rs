//! `backline doctor`: prints what [`crate::doctor`] finds.

use super::{Ending, tell};
use crate::args::Doctor;
use crate::doctor::{System, examine};
use crate::exit::Failure;

pub(super) fn run(asked: &Doctor) -> Result<Ending, Failure> {
    let report = examine(&System::default(), &asked.settings, &asked.files);
    tell(&report, asked.json, asked.strict)
}
