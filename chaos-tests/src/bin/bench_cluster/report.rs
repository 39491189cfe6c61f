//! What was measured, as the part about clusters of docs/benchmarks.md.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use impresario_chaos_tests::{Measured, machine, put_section, today};

/// Where the part about clusters begins.
const HEADING: &str = "## Clusters";

/// The rows so far.
#[derive(Debug)]
pub(crate) struct Report {
    smoke: bool,
    loads: Vec<(String, Measured)>,
    figures: Vec<(String, String)>,
}

impl Report {
    pub(crate) fn new(smoke: bool) -> Self {
        Self { smoke, loads: Vec::new(), figures: Vec::new() }
    }

    /// Adds a load and prints it at once; its rate.
    pub(crate) fn load(&mut self, name: &str, measured: Measured) -> f64 {
        say(&row(name, &measured));
        if let Some(refusal) = &measured.refusal {
            say(&format!("   {} refused, for example: {refusal}", measured.refused));
        }
        let rate = measured.events_per_s();
        self.loads.push((name.to_owned(), measured));
        rate
    }

    /// Adds a single figure and prints it at once.
    pub(crate) fn figure(&mut self, name: &str, value: String) {
        say(&format!("| {name} | {value} |"));
        self.figures.push((name.to_owned(), value));
    }

    fn markdown(&self) -> String {
        let smoke = if self.smoke { " --smoke" } else { "" };
        let mut text = format!(
            "{HEADING}\n\nMeasured by `cargo xtask bench cluster{smoke}` on {}, {}. **All nodes and the \
             load generator run on this one machine**: three nodes share its processors and its one \
             disk, so what is written three times is synced three times to the same disk. Mutual TLS \
             between the nodes, 16 partitions, default timings.\n\n",
            machine(),
            today(),
        );
        if !self.loads.is_empty() {
            text.push_str(
                "| load | asks/s | p50 ms | p99 ms | max ms | CPU µs/ask, all nodes | refused |\n",
            );
            text.push_str("|---|---:|---:|---:|---:|---:|---:|\n");
            for (name, measured) in &self.loads {
                let _ = writeln!(text, "{}", row(name, measured));
            }
        }
        text.push_str("\n| figure | value |\n|---|---:|\n");
        for (name, value) in &self.figures {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text
    }

    /// Rewrites the part about clusters of this file.
    pub(crate) fn put_into(&self, path: &Path) -> Result<()> {
        put_section(path, HEADING, &self.markdown())
    }
}

fn row(name: &str, measured: &Measured) -> String {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    format!(
        "| {name} | {:.0} | {:.1} | {:.1} | {:.1} | {:.0} | {} |",
        measured.events_per_s(),
        ms(measured.p50),
        ms(measured.p99),
        ms(measured.max),
        measured.cpu_us_per_event(),
        measured.refused,
    )
}

/// Prints a line.
pub(crate) fn say(line: &str) {
    // A closed pipe on stdout is no reason to stop measuring.
    let _ = writeln!(std::io::stdout(), "{line}");
}
