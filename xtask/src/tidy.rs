//! The rules that rustfmt and clippy cannot check. Each finding says what to do instead.

mod codes;
mod crates;
mod deploy;
mod sizes;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::step::say;
use crate::workspace;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A text file of the project.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Relative to the root, with forward slashes.
    path: String,
    text: String,
    /// The text without comments and literals, for Rust; otherwise empty.
    code: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let code = if is_rust(path) { crate::source::mask(text) } else { String::new() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// The byte from which on this file is test code only.
    fn tests_from(&self) -> usize {
        let path = &self.path;
        let places = ["/tests/", "/tests.rs", "/examples/", "/benches/"];
        if path.starts_with("chaos-tests/") || places.iter().any(|place| path.contains(place)) {
            return 0;
        }
        self.code
            .match_indices("#[cfg(test)]")
            .find(|(at, mark)| {
                let item = self.code[at + mark.len()..].trim_start();
                item.starts_with("mod ") && item.find('{') < item.find(';').or(Some(usize::MAX))
            })
            .map_or(usize::MAX, |(at, _)| at)
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Checks everything, prints what is wrong and fails if anything is.
pub(crate) fn run(root: &Path) -> Result<()> {
    let findings = check(root)?;
    for finding in &findings {
        say(&finding.to_string());
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

/// All findings in the workspace at `root`.
pub(crate) fn check(root: &Path) -> Result<BTreeSet<Finding>> {
    let files = read(root)?;
    let metadata = workspace::metadata(root)?;
    let limits =
        fs::read_to_string(root.join("xtask/tidy.toml")).context("read xtask/tidy.toml")?;
    let mut findings = BTreeSet::new();
    findings.extend(words::check(&files));
    findings
        .extend(sizes::check(&files, &toml::from_str(&limits).context("parse xtask/tidy.toml")?));
    findings.extend(crates::check(root, &metadata)?);
    findings.extend(codes::check(&files));
    findings.extend(deploy::check(&files));
    Ok(findings)
}

/// Every file that is text; the others (golden bytes, images) have no lines to check.
fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in workspace::files(root)? {
        let bytes =
            fs::read(root.join(&path)).with_context(|| format!("read {}", path.display()))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File::new(&workspace::text(&path), &text));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let findings = check(&workspace::root()).expect("the workspace can be read");
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn test_code_is_told_from_product_code() {
        let inline = File::new("a/src/b.rs", "fn a() {}\n#[cfg(test)]\nmod tests {}\n");
        assert_eq!(inline.tests_from(), 10);
        let outside = File::new("a/src/b.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n");
        assert_eq!(outside.tests_from(), usize::MAX);
        assert_eq!(File::new("a/src/tests.rs", "").tests_from(), 0);
    }
}
