//! What a report says of where and when it was made.

use std::fs;

/// Today's date, UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a report says when it was made")]
pub fn today() -> String {
    let now = jiff::Timestamp::now().to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// Milliseconds since 1970, for holding the server's own times against.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the server's times are held against it")]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Processors and kernel.
#[must_use]
pub fn machine() -> String {
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

/// Whether something else on the machine is busy: the load average of the last minute.
#[must_use]
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
