//! `backline doctor`: prints what [`crate::doctor`] finds.

use super::{Ending, document, out};
use crate::args::Doctor;
use crate::doctor::{System, examine};
use crate::exit::{Code, Failure};

pub(super) fn run(asked: &Doctor) -> Result<Ending, Failure> {
    let report = examine(&System::default(), &asked.settings, &asked.files);
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
