//! What was measured, as a table.

use std::fmt::Write as _;
use std::io::Write as _;

use impresario_chaos_tests::{Measured, machine, today};

/// The rows so far.
#[derive(Debug)]
pub(crate) struct Report {
    smoke: bool,
    /// Durable writes per second of the disk beside it.
    syncs_per_s: Option<f64>,
    loads: Vec<(String, Measured)>,
    figures: Vec<(String, String)>,
}

impl Report {
    pub(crate) fn new(smoke: bool) -> Self {
        Self { smoke, syncs_per_s: None, loads: Vec::new(), figures: Vec::new() }
    }

    /// Adds a load and prints it at once.
    pub(crate) fn load(&mut self, name: &str, measured: Measured) {
        say(&row(name, &measured));
        if let Some(refusal) = &measured.refusal {
            say(&format!("   {} refused, for example: {refusal}", measured.refused));
        }
        self.loads.push((name.to_owned(), measured));
    }

    /// Notes what the disk can do, which the loads are held against.
    pub(crate) fn disk(&mut self, syncs_per_s: f64) {
        self.figure(
            "durable 4 KiB appends per second of the disk, one thread",
            format!("{syncs_per_s:.0}"),
        );
        self.syncs_per_s = Some(syncs_per_s);
    }

    /// Adds a single figure and prints it at once.
    pub(crate) fn figure(&mut self, name: &str, value: String) {
        say(&format!("| {name} | {value} |"));
        self.figures.push((name.to_owned(), value));
    }

    /// The whole report.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "# Benchmarks\n\nMeasured by `cargo xtask bench{}` on {}, {}. The load generator runs on the same machine, on one \
             thread. One run; the processor time per event is the figure that a busy machine spoils least.\n\n",
            if self.smoke { " --smoke" } else { "" },
            machine(),
            today(),
        );
        text.push_str("| load | events/s | p50 ms | p99 ms | max ms | server CPU µs/event | server memory MB | refused | events per disk sync |\n");
        text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for (name, measured) in &self.loads {
            let ratio = self.syncs_per_s.map_or_else(
                || "–".to_owned(),
                |syncs| format!("{:.1}", measured.events_per_s() / syncs),
            );
            let _ = writeln!(text, "{} {ratio} |", row(name, measured));
        }
        text.push_str("\n| figure | value |\n|---|---:|\n");
        for (name, value) in &self.figures {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text.push_str(LIMITS);
        text
    }
}

const LIMITS: &str = "
\"Events per disk sync\" is the load's rate over the rate at which one thread can append 4 KiB durably, measured in the same run: above 1, commits are shared.

## What this does not show

- One run each, of a few seconds, on a machine that others may share: repeat it before you compare, and compare only within a run.
- The load generator takes its share of the same processors; a server alone does more.
- Loopback only, no TLS, one tenant without segments, small events, few distinct event names.
- Memory is the whole process: the store's caches and rows that are not yet in its files are part of it. Only the run with idle profiles holds the caches small, and its activations read the disk more often for that.
- \"From 25 people each\" is what client libraries and imports send: what a person did comes together. The other batches take the next event from the next of 10 000 people, so no two events of a batch share a turn.
";

fn row(name: &str, measured: &Measured) -> String {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    format!(
        "| {name} | {:.0} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {} |",
        measured.events_per_s(),
        ms(measured.p50),
        ms(measured.p99),
        ms(measured.max),
        measured.cpu_us_per_event(),
        measured.server_rss_bytes as f64 / 1e6,
        measured.refused,
    )
}

/// Prints a line.
pub(crate) fn say(line: &str) {
    // A closed pipe on stdout is no reason to stop measuring.
    let _ = writeln!(std::io::stdout(), "{line}");
}
