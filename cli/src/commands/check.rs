//! `backline check`: prints what [`crate::check`] finds.

use super::{Ending, document, out};
use crate::args::Check;
use crate::check::check;
use crate::exit::{Code, Failure};
use crate::song::Request;

pub(super) fn run(asked: &Check) -> Result<Ending, Failure> {
    let request = Request {
        inputs: &asked.inputs,
        sequence: asked.sequence,
        on_end: None,
        max_gain_db: asked.settings.max_gain_db.value,
    };
    let report = check(&request, &asked.settings, asked.quick)?;
    if asked.json {
        // Plain structs with string keys always have a JSON.
        out(&document(
            &serde_json::to_value(&report).unwrap_or_default(),
        ))?;
    } else {
        out(&report.text())?;
    }
    Ok(Ending::Code(if report.passes(asked.strict) {
        Code::Done
    } else {
        Code::Found
    }))
}
