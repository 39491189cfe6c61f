//! A report that several programs write, each its own section.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What begins a section that is a program's own, in their order; before the first stands what is
/// written by the benches of one node.
pub const SECTIONS: [&str; 2] = ["## Conversations", "## Clusters"];

/// Puts a section in the place of the old one and leaves the others as they are. `heading` is one of
/// [`SECTIONS`], with which `text` begins; or empty, for what stands before them.
///
/// # Errors
/// If the file cannot be written.
pub fn put_section(path: &Path, heading: &str, text: &str) -> Result<()> {
    let old = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, with_section(&old, heading, text))
        .with_context(|| format!("write {}", path.display()))
}

/// The report with another section.
#[must_use]
pub fn with_section(report: &str, heading: &str, text: &str) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    let mut at = "";
    for line in report.lines() {
        at = SECTIONS.into_iter().find(|heading| *heading == line).unwrap_or(at);
        let section = sections.entry(at).or_default();
        section.push_str(line);
        section.push('\n');
    }
    sections.insert(heading, text.to_owned());
    let order = std::iter::once("").chain(SECTIONS);
    let all: Vec<&str> =
        order.filter_map(|name| sections.get(name)).map(|one| one.trim()).collect();
    format!("{}\n", all.join("\n\n"))
}
