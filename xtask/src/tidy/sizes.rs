//! How long files and functions may be. Exceptions stand in `tidy.toml` with their present size,
//! and may only shrink.

use serde::Deserialize;

use super::{File, Finding};
use crate::source::functions;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const KERNEL_LINES_MAX: usize = 800;

/// The exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ratchet {
    #[serde(default)]
    file: Vec<LongFile>,
    #[serde(default)]
    function: Vec<LongFunction>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongFile {
    path: String,
    lines: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongFunction {
    path: String,
    name: String,
    lines: usize,
}

pub(super) fn check(files: &[File], ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let allowed =
            ratchet.file.iter().find(|long| long.path == file.path).map(|long| long.lines);
        findings.extend(judge(
            &file.path,
            1,
            "the file",
            file.text.lines().count(),
            FILE_LINES_MAX,
            allowed,
        ));
        for function in functions(&file.code) {
            let allowed = ratchet
                .function
                .iter()
                .find(|long| long.path == file.path && long.name == function.name)
                .map(|long| long.lines);
            let what = format!("`{}`", function.name);
            findings.extend(judge(
                &file.path,
                function.line,
                &what,
                function.lines,
                FUNCTION_LINES_MAX,
                allowed,
            ));
        }
    }
    findings.extend(kernel(files));
    findings.extend(gone(files, ratchet));
    findings
}

/// Compares a size with its limit and its exception, which must be exact so that it can only
/// shrink.
fn judge(
    path: &str,
    line: usize,
    what: &str,
    lines: usize,
    max: usize,
    allowed: Option<usize>,
) -> Option<Finding> {
    let message = match allowed {
        None if lines > max => format!("{what} has {lines} lines, more than {max}: split it"),
        Some(allowed) if lines > allowed.max(max) => {
            format!("{what} has {lines} lines, more than its exception of {allowed}: split it")
        }
        Some(_) if lines <= max => {
            format!("{what} has {lines} lines: take its exception out of xtask/tidy.toml")
        }
        Some(allowed) if lines < allowed => {
            format!(
                "{what} has {lines} lines: lower its exception in xtask/tidy.toml from {allowed}"
            )
        }
        None | Some(_) => return None,
    };
    Some(Finding::new(path, line, message))
}

/// The contract that everything depends on stays small.
fn kernel(files: &[File]) -> Option<Finding> {
    let lines: usize = files
        .iter()
        .filter(|file| file.path.starts_with("actors/kernel/src/") && file.tests_from() > 0)
        .map(|file| file.text.lines().count())
        .sum();
    (lines > KERNEL_LINES_MAX).then(|| {
        let message = format!(
            "the kernel has {lines} lines, more than {KERNEL_LINES_MAX}: move something out"
        );
        Finding::new("actors/kernel/src/lib.rs", 1, message)
    })
}

/// Exceptions for what is no longer there.
fn gone(files: &[File], ratchet: &Ratchet) -> Vec<Finding> {
    let paths = ratchet
        .file
        .iter()
        .map(|long| &long.path)
        .chain(ratchet.function.iter().map(|long| &long.path));
    paths
        .filter(|path| !files.iter().any(|file| file.path == **path))
        .map(|path| {
            Finding::new("xtask/tidy.toml", 1, format!("{path} is gone: take its exception out"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(lines: usize, allowed: Option<usize>, want: Option<&str>) {
        let found = judge("a.rs", 1, "it", lines, 70, allowed).map(|finding| finding.message);
        assert_eq!(found.as_deref(), want);
    }

    #[test]
    fn exceptions_can_only_shrink() {
        check_size(70, None, None);
        check_size(71, None, Some("it has 71 lines, more than 70: split it"));
        check_size(90, Some(90), None);
        check_size(91, Some(90), Some("it has 91 lines, more than its exception of 90: split it"));
        check_size(
            89,
            Some(90),
            Some("it has 89 lines: lower its exception in xtask/tidy.toml from 90"),
        );
        check_size(
            70,
            Some(90),
            Some("it has 70 lines: take its exception out of xtask/tidy.toml"),
        );
    }
}
