//! Figures of a run, and the limits they have in the README's table: the table is the gate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// What was measured, in the order of measuring.
#[derive(Default)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Adds one.
    pub fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }
}

/// The README's table.
pub struct Limits {
    /// `rustc`'s version it was measured with, as `1.95`.
    pub rust: String,
    /// Board and figure to limit.
    limits: BTreeMap<(String, String), f64>,
}

impl Limits {
    /// Reads the table whose first heading is `at most, Rust VERSION`, with a column for each board.
    pub fn read(path: &Path) -> Result<Self> {
        const FIRST: &str = "at most, Rust ";
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter_map(|l| l.strip_prefix('|')?.strip_suffix('|'))
            .map(|l| l.split('|').map(str::trim).collect())
            .skip_while(|r: &Vec<&str>| !r[0].starts_with(FIRST))
            .collect();
        let Some(([first, boards @ ..], rows)) = rows.split_first().map(|(h, r)| (h.as_slice(), r))
        else {
            bail!("{} has no table of limits", path.display());
        };
        let mut limits = BTreeMap::new();
        for row in rows.iter().skip(1) {
            for (board, limit) in boards.iter().zip(&row[1..]) {
                if *limit == "–" {
                    continue;
                }
                let limit = limit
                    .replace(' ', "")
                    .parse()
                    .with_context(|| format!("the limit {limit:?} of {}", row[0]))?;
                limits.insert((board.to_string(), row[0].to_string()), limit);
            }
        }
        Ok(Self {
            rust: first[FIRST.len()..].to_string(),
            limits,
        })
    }

    /// Prints a board's figures beside their limits, and says which exceed them or have none, and which limits have no
    /// figure.
    pub fn compare(&mut self, board: &str, figures: &Figures) -> Vec<String> {
        let mut faults = Vec::new();
        println!("{board:<44} {:>10} {:>10}", "measured", "at most");
        for (name, value) in &figures.0 {
            let digits = if value.fract() == 0.0 { 0 } else { 2 };
            let Some(limit) = self.limits.remove(&(board.to_string(), name.clone())) else {
                println!("  {name:<42} {value:>10.digits$} {:>10}", "none");
                faults.push(format!("{board}: {name} ({value}) has no limit"));
                continue;
            };
            let verdict = if *value > limit {
                faults.push(format!(
                    "{board}: {name} is {value:.digits$}, at most {limit} allowed"
                ));
                "TOO MUCH"
            } else if *value < 0.9 * limit {
                "(the limit could be lower)"
            } else {
                ""
            };
            println!("  {name:<42} {value:>10.digits$} {limit:>10} {verdict}");
        }
        let (left, others) = std::mem::take(&mut self.limits)
            .into_iter()
            .partition(|((b, _), _)| b == board);
        self.limits = others;
        for ((_, name), _) in left {
            faults.push(format!("{board}: {name} has a limit and wasn't measured"));
        }
        faults
    }
}
