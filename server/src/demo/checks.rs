//! Figures that were known in advance, beside those that the node gave.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::screen::Screen;
use crate::shell::print;

/// How long the node may take for what follows a commit by itself: merges, timers, webhooks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// All comparisons of the tour.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    wanted: String,
    found: String,
}

impl Row {
    fn passed(&self) -> bool {
        self.wanted == self.found
    }
}

impl Checks {
    /// Compares a figure and shows the outcome.
    pub(crate) fn equal(
        &mut self,
        screen: &Screen,
        name: &str,
        wanted: impl Display,
        found: impl Display,
    ) {
        let row =
            Row { name: name.to_owned(), wanted: wanted.to_string(), found: found.to_string() };
        let passed = row.passed();
        let text = if passed {
            row.found.clone()
        } else {
            format!("{} instead of {}", row.found, row.wanted)
        };
        screen.check(passed, name, &text);
        self.rows.push(row);
    }

    /// Shows everything once more; whether all of it was right.
    pub(crate) fn summary(&self, screen: &Screen, took: Duration) -> bool {
        screen.heading("What was known in advance, and what the node says");
        let wide = |column: fn(&Row) -> &String| {
            self.rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0)
        };
        let (name, wanted) = (wide(|row| &row.name), wide(|row| &row.wanted).max(8));
        print::line(&format!("     {:name$}  {:>wanted$}  {:>wanted$}", "", "expected", "found"));
        for row in &self.rows {
            let mark = if row.passed() { "✓" } else { "✗" };
            print::line(&format!(
                "   {mark} {:name$}  {:>wanted$}  {:>wanted$}",
                row.name, row.wanted, row.found
            ));
        }
        let wrong = self.rows.iter().filter(|row| !row.passed()).count();
        let seconds = took.as_secs_f64();
        let text = match wrong {
            0 => format!("\n   all {} figures are right ({seconds:.1} s)", self.rows.len()),
            wrong => {
                format!("\n   {wrong} of {} figures are wrong ({seconds:.1} s)", self.rows.len())
            }
        };
        screen.verdict(wrong == 0, &text);
        wrong == 0
    }
}

/// Looks again and again until what is seen is good, or patience ends; the last thing seen.
pub(crate) async fn settle<T>(
    mut look: impl AsyncFnMut() -> Result<T>,
    good: impl Fn(&T) -> bool,
) -> Result<T> {
    let began = Instant::now();
    loop {
        let seen = look().await?;
        if good(&seen) || began.elapsed() > PATIENCE {
            return Ok(seen);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
