//! Findings: what `doctor` and `check` have to say, for people and as a document.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::clean;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Playing works, but not as well as it could.
    Warning,
    /// Playing won't work.
    Failure,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's word.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is so, in a sentence without a full stop.
    pub message: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            message: message.into(),
            advice: None,
        }
    }

    pub(crate) fn warning(
        check: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            level: Level::Warning,
            message: message.into(),
            advice: Some(advice.into()),
        }
    }

    pub(crate) fn failure(
        check: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Failure,
            ..Self::warning(check, message, advice)
        }
    }
}

/// Everything found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    failures: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(findings: Vec<Finding>) -> Self {
        let count = |level| findings.iter().filter(|f| f.level == level).count();
        Self {
            failures: count(Level::Failure),
            warnings: count(Level::Warning),
            findings,
        }
    }

    /// Whether a script should take it for good; with `strict` a warning is none.
    pub fn passes(&self, strict: bool) -> bool {
        self.failures == 0 && !(strict && self.warnings > 0)
    }

    /// All findings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// For people: a finding per line, what to do below it, and a last line that counts.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any write.
        for f in &self.findings {
            let level = match f.level {
                Level::Ok => "ok",
                Level::Warning => "warning",
                Level::Failure => "FAILURE",
            };
            let _ = writeln!(text, "{level:7}  {:13}  {}", f.check, clean(&f.message));
            if let Some(advice) = &f.advice {
                let _ = writeln!(text, "{:24}→ {}", "", clean(advice));
            }
        }
        let some = |n: usize, one: &str| match n {
            0 => format!("no {one}s"),
            1 => format!("1 {one}"),
            n => format!("{n} {one}s"),
        };
        let (failures, warnings) = (
            some(self.failures, "failure"),
            some(self.warnings, "warning"),
        );
        let _ = writeln!(text, "\n{failures}, {warnings}.");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(vec![
            Finding::ok("swap", "no swap"),
            Finding::warning("limits", "low", "raise it"),
            Finding::failure("files", "a.wav: no such file", "check the path"),
        ])
    }

    #[test]
    fn the_text_says_what_to_do() {
        assert_eq!(
            report().text(),
            "ok       swap           no swap\n\
             warning  limits         low\n\
             \x20                       → raise it\n\
             FAILURE  files          a.wav: no such file\n\
             \x20                       → check the path\n\
             \n1 failure, 1 warning.\n"
        );
    }

    #[test]
    fn the_document_is_the_documented_one() {
        assert_eq!(
            serde_json::to_value(report()).unwrap(),
            serde_json::json!({
                "failures": 1, "warnings": 1,
                "findings": [
                    {"check": "swap", "level": "ok", "message": "no swap", "advice": null},
                    {"check": "limits", "level": "warning", "message": "low", "advice": "raise it"},
                    {"check": "files", "level": "failure", "message": "a.wav: no such file", "advice": "check the path"},
                ]
            })
        );
    }

    #[test]
    fn warnings_count_only_when_strict() {
        let only = |level| {
            Report::new(vec![Finding {
                level,
                ..Finding::ok("x", "y")
            }])
        };
        assert!(only(Level::Ok).passes(true));
        assert!(only(Level::Warning).passes(false) && !only(Level::Warning).passes(true));
        assert!(!only(Level::Failure).passes(false));
    }
}
