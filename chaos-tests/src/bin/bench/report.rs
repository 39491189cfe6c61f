//! What was measured, as a table.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use impresario_chaos_tests::Measured;

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

    /// Adds a load and prints it at once.
    pub(crate) fn load(&mut self, name: &str, measured: Measured) {
        say(&row(name, &measured));
        if let Some(refusal) = &measured.refusal {
            say(&format!("   {} refused, for example: {refusal}", measured.refused));
        }
        self.loads.push((name.to_owned(), measured));
    }

    /// Adds a single figure and prints it at once.
    pub(crate) fn figure(&mut self, name: &str, value: String) {
        say(&format!("| {name} | {value} |"));
        self.figures.push((name.to_owned(), value));
    }

    /// The whole report.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "# Benchmarks\n\nMeasured by `cargo xtask bench{}` on {}. The load generator runs on the same machine, on one \
             thread. One run; the processor time per event is the figure that a busy machine spoils least.\n\n",
            if self.smoke { " --smoke" } else { "" },
            machine(),
        );
        text.push_str("| load | events/s | p50 ms | p99 ms | max ms | server CPU µs/event | server memory MB | refused |\n");
        text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
        for (name, measured) in &self.loads {
            let _ = writeln!(text, "{}", row(name, measured));
        }
        text.push_str("\n| figure | value |\n|---|---:|\n");
        for (name, value) in &self.figures {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text
    }
}

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

fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("an unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores ({}), Linux {}",
        model.trim_start_matches([':', ' ', '\t']),
        kernel.trim()
    )
}

/// Prints a line.
pub(crate) fn say(line: &str) {
    // A closed pipe on stdout is no reason to stop measuring.
    let _ = writeln!(std::io::stdout(), "{line}");
}
