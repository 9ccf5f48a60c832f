//! The table of figures that the bench prints.

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Nothing in particular.
    Nothing,
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// Lines of figures, each with what is wanted of it.
#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<(String, String, String)>,
    /// What could not be measured, and why.
    pub missing: Vec<String>,
}

impl Table {
    /// A line: what was measured, the figure with its unit, and what is wanted.
    pub fn line(&mut self, what: impl Into<String>, figure: f64, unit: &str, wanted: Wanted) {
        let met = match wanted {
            Wanted::Nothing => None,
            Wanted::AtMost(limit) => Some((figure <= limit, format!("at most {}", plain(limit)))),
            Wanted::AtLeast(limit) => Some((figure >= limit, format!("at least {}", plain(limit)))),
        };
        let remark = met.map_or_else(String::new, |(met, limit)| {
            format!("{} (wanted: {limit})", if met { "met" } else { "MISSED" })
        });
        let (what, figure) = (what.into(), format!("{} {unit}", plain(figure)));
        // At once as well, for a run takes minutes.
        println!("  {what}: {figure}  {remark}");
        self.lines.push((what, figure, remark));
    }

    /// Something that can't be measured here.
    pub fn miss(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("  not here: {what}");
        if !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    /// Prints it all.
    pub fn print(&self) {
        let width = |of: fn(&(String, String, String)) -> &String| {
            let widths = self.lines.iter().map(|line| of(line).chars().count());
            widths.max().unwrap_or(0)
        };
        let (first, second) = (width(|l| &l.0), width(|l| &l.1));
        println!();
        for (what, figure, remark) in &self.lines {
            let line = format!("{what:first$}  {figure:>second$}  {remark}");
            println!("{}", line.trim_end());
        }
        for missing in &self.missing {
            println!("not here: {missing}");
        }
    }
}

/// Three digits that count.
fn plain(figure: f64) -> String {
    match figure.abs() {
        x if x >= 100.0 => format!("{figure:.0}"),
        x if x >= 10.0 => format!("{figure:.1}"),
        x if x >= 1.0 || x == 0.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}
