//! What was measured, as the part about conversations of docs/benchmarks.md.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use impresario_chaos_tests::{machine, today};

use crate::Scale;

/// Where the part about conversations begins.
pub(crate) const HEADING: &str = "## Conversations";

/// The rows so far.
pub(crate) struct Report {
    scale: Scale,
    smoke: bool,
    figures: Vec<(String, String)>,
    times: Vec<String>,
}

impl Report {
    pub(crate) fn new(scale: Scale, smoke: bool) -> Self {
        Self { scale, smoke, figures: Vec::new(), times: Vec::new() }
    }

    /// How many answers in which time, and what they cost the server's processors.
    pub(crate) fn answers(&mut self, count: usize, lasted: Duration, cpu: Duration) {
        let (seconds, answers) = (lasted.as_secs_f64(), count as f64);
        self.figure("answers that were counted", count.to_string());
        self.figure("answers per second", format!("{:.1}", answers / seconds));
        self.figure(
            "processor time of the server per answer, with its three messages",
            format!("{:.1} ms", cpu.as_secs_f64() * 1e3 / answers),
        );
        self.figure(
            "share of the machine that the server took",
            format!("{:.0} %", cpu.as_secs_f64() / seconds / cores() * 100.0),
        );
    }

    /// Times beside the model's own.
    pub(crate) fn times(&mut self, until: &str, mut ms: Vec<i64>) {
        ms.sort_unstable();
        let at = |share: usize| {
            ms.get(ms.len().saturating_sub(1) * share / 100).copied().unwrap_or_default()
        };
        let row = format!("| {until} | {} | {} | {} | {} |", at(50), at(95), at(99), at(100));
        say(&row);
        self.times.push(row);
    }

    /// Memory of the process before so many conversations were woken, with them, and when they slept
    /// again.
    pub(crate) fn memory(&mut self, woken: u64, [before, awake, asleep]: [u64; 3]) {
        let each = |more: u64| more.saturating_sub(before) as f64 / woken.max(1) as f64 / 1024.0;
        self.figure(
            &format!("memory per active idle conversation, over {woken}"),
            format!("{:.1} KiB", each(awake)),
        );
        self.figure(
            "what of that the process keeps after they were put to sleep",
            format!("{:.1} KiB", each(asleep)),
        );
        self.figure("memory of the process before", format!("{:.0} MB", before as f64 / 1e6));
    }

    fn figure(&mut self, name: &str, value: String) {
        say(&format!("| {name} | {value} |"));
        self.figures.push((name.to_owned(), value));
    }

    pub(crate) fn markdown(&self) -> String {
        let Scale { talks, rounds, period, model, quiet, .. } = self.scale;
        let smoke = if self.smoke { " --smoke" } else { "" };
        let mut text = format!(
            "{HEADING}\n\nMeasured by `cargo xtask bench conversations{smoke}` on {}, {}. {talks} \
             conversations on a chat platform, each with a burst of three messages every {} s, {rounds} \
             bursts each, the first not counted. Customers, model and platform run on the same machine.\n\n\
             **Answer overhead** is the time from the end of the burst's quiet window ({} ms after its \
             last message, by the server's durable times) to the reply, less the {} ms that the model \
             takes for each answer:\n\n",
            machine(),
            today(),
            period.as_secs(),
            quiet.as_millis(),
            model.as_millis(),
        );
        text.push_str("| answer overhead | p50 ms | p95 ms | p99 ms | max ms |\n");
        text.push_str("|---|---:|---:|---:|---:|\n");
        for row in &self.times {
            let _ = writeln!(text, "{row}");
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
What this does not show: the tenant knows ten short pages; what finding costs among many is in [quality](quality.md). No answer needed a second call of the model. Memory is the whole process's, started again without an embedding model and with its store's caches held to 10 MB, for conversations of a dozen messages; some hundred kilobytes come and go by themselves.
";

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// Prints a line.
fn say(line: &str) {
    // A closed pipe on stdout is no reason to stop measuring.
    let _ = writeln!(std::io::stdout(), "{line}");
}
