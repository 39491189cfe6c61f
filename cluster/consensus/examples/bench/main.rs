//! What the consensus costs, as rows of markdown. Run in release:
//!
//! `cargo run --release -p impresario-consensus --example bench -- journal [seconds]`
//! `… -- catch-up [megabytes]`: how fast an empty replica is filled
//! `… -- idle [groups] [seconds]`: what groups of three replicas cost that nobody writes to
//!
//! The stores are in a folder under `TMPDIR`. Three nodes are three nodes in this one process, over
//! real connections on the loopback.

use std::io::Write as _;
use std::time::Duration;

mod catch_up;
mod idle;
mod journal;
mod nodes;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let mut number = |usual: u64| {
        let given = arguments.next();
        given.and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let dir = tempfile::tempdir_in(std::env::temp_dir()).expect("a folder");
    match what.as_str() {
        "journal" => journal::run(dir.path(), number(5)).await,
        "catch-up" => catch_up::run(dir.path(), number(256)).await,
        "idle" => idle::run(dir.path(), number(256) as u16, number(20)).await,
        other => panic!("\"{other}\" is none of journal, catch-up, idle"),
    }
}

pub(crate) fn say(line: &str) {
    // Whoever reads it may have gone.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Time that this process has computed, from `/proc/self/stat` (in hundredths of a second).
pub(crate) fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
    Duration::from_millis(10 * (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)))
}

/// Memory of this process that is in use, in bytes, from `/proc/self/statm` (in pages of 4 KiB).
pub(crate) fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok());
    4096 * pages.unwrap_or(0)
}

/// The load runs for so long; there is nothing else to wait for.
pub(crate) async fn lasting(seconds: u64) {
    let _ = tokio::time::timeout(Duration::from_secs(seconds), std::future::pending::<()>()).await;
}
