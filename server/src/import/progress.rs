use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::shell::print;

/// How often a line is written where nobody looks at a screen.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What the person in front of the screen sees of the import.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When the last plain line was written; `None` on a screen.
    lines: Option<Instant>,
    rows: u64,
}

impl Progress {
    /// While the file is looked at.
    pub(crate) fn survey(path: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(format!("reading {path}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, lines: None, rows: 0 }
    }

    /// While this many rows are sent.
    pub(crate) fn sending(rows: u64) -> Self {
        let bar = ProgressBar::new(rows);
        let style = "{bar:40} {human_pos}/{human_len} rows  {per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        let lines = (!stderr().is_terminal()).then(Instant::now);
        Self { bar, lines, rows }
    }

    /// This many rows are behind us.
    pub(crate) fn at(&mut self, row: u64) {
        if self.bar.position() == 0 && row > 0 {
            // What an earlier run has done says nothing about the speed of this one.
            self.bar.reset_eta();
        }
        self.bar.set_position(row);
        if let Some(last) = &mut self.lines
            && last.elapsed() >= LINE_EVERY
        {
            *last = Instant::now();
            print::error(&format!("{} of {} rows", print::grouped(row), print::grouped(self.rows)));
        }
    }

    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
