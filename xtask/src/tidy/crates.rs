//! What every crate has: a first line that says what it is, the workspace's lints, a purpose of
//! its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, Package};

use super::Finding;
use crate::workspace;

pub(super) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut purposes: BTreeMap<String, String> = BTreeMap::new();
    for package in &metadata.packages {
        let manifest = package.manifest_path.as_std_path();
        let shown = workspace::text(manifest.strip_prefix(root).unwrap_or(manifest));
        findings.extend(lints(manifest, &shown)?);
        findings.extend(first_lines(root, package)?);
        let purpose = package.description.clone().unwrap_or_default().to_lowercase();
        if purpose.is_empty() {
            findings.push(Finding::new(
                &shown,
                1,
                "the crate has no description: say in one line what it is for",
            ));
        } else if let Some(other) = purposes.insert(purpose, package.name.to_string()) {
            let message = format!(
                "the crate has the same description as {other}: merge them, or say what differs"
            );
            findings.push(Finding::new(&shown, 1, message));
        }
    }
    Ok(findings)
}

fn lints(manifest: &Path, shown: &str) -> Result<Option<Finding>> {
    let text = fs::read_to_string(manifest).with_context(|| format!("read {shown}"))?;
    let table: toml::Table = text.parse().with_context(|| format!("parse {shown}"))?;
    let inherited =
        table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    Ok((inherited != Some(true))
        .then(|| Finding::new(shown, 1, "add `[lints]` with `workspace = true`")))
}

/// The library, or the program of a crate without one, begins with `//!`.
fn first_lines(root: &Path, package: &Package) -> Result<Option<Finding>> {
    let library = package.targets.iter().find(|target| target.is_lib());
    let Some(target) = library.or_else(|| package.targets.iter().find(|target| target.is_bin()))
    else {
        return Ok(None);
    };
    let path = target.src_path.as_std_path();
    let shown = workspace::text(path.strip_prefix(root).unwrap_or(path));
    let text = fs::read_to_string(path).with_context(|| format!("read {shown}"))?;
    let message = "begin with `//!`: what the crate is, its invariants, what it is not";
    Ok((!text.starts_with("//!")).then(|| Finding::new(&shown, 1, message)))
}
