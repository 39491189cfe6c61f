//! Names in `deploy/` and in the guides for operators that must be those of the code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::chart::yaml;
use super::{CHART, find, text, word};
use crate::source::line_of;
use crate::tidy::{File, Finding};

const OPTIONS: &str = "config/impresario.toml";
const VARIABLE: &str = "IMPRESARIO__";
const METRIC: &str = "impresario_";
/// What makes a metric in the code.
const MACROS: [&str; 3] = ["counter!(", "gauge!(", "histogram!("];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = options(files);
    findings.extend(metrics(files));
    findings.extend(versions(files));
    findings.extend(scripts(files));
    findings
}

/// Every option there is, as in `http.listen`. Those that the file only shows in a comment count
/// too.
pub(super) fn known_options(files: &[File]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut table = String::new();
    for line in text(files, OPTIONS).lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c))
        };
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.to_owned();
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| is_name(name)) {
            known.insert(format!("{table}.{name}"));
        }
    }
    known
}

fn is_guide(path: &str) -> bool {
    path.starts_with("docs/operations/") || path == "docs/scaling.md"
}

/// Every value of the chart, as in `tls.certManager.enabled`.
fn known_values(files: &[File]) -> BTreeSet<String> {
    fn collect(place: &str, value: &Value, known: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let name = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            collect(&name, value, known);
            known.insert(name);
        }
    }
    let mut known = BTreeSet::new();
    // What is not YAML is found elsewhere.
    let values = yaml(text(files, &format!("{CHART}values.yaml"))).unwrap_or_default();
    collect("", &values, &mut known);
    known
}

/// Variables in `deploy/`, and `--set` there and in the guides: of the program, or of the chart.
fn options(files: &[File]) -> Vec<Finding> {
    let (known, values) = (known_options(files), known_values(files));
    let mut findings = Vec::new();
    let speaks = |file: &&File| file.path.starts_with("deploy/") || is_guide(&file.path);
    for file in files.iter().filter(speaks) {
        let variables = file.text.match_indices(VARIABLE).filter_map(|(at, _)| {
            let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let name = word(&file.text, at + VARIABLE.len(), is_part);
            // What is put together by a template is checked where it is rendered.
            (!name.is_empty()).then(|| (at, name.to_lowercase().replace("__", ".")))
        });
        let set = file.text.match_indices("--set ").filter_map(|(at, mark)| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
            let name = word(&file.text, at + mark.len(), is_part);
            let is_given = file.text[at + mark.len() + name.len()..].starts_with('=');
            (is_given && !values.contains(name)).then(|| (at, name.to_owned()))
        });
        for (at, name) in variables.chain(set).filter(|(_, name)| !known.contains(name)) {
            let message = format!("there is no option `{name}` in {OPTIONS}");
            findings.push(Finding::new(&file.path, line_of(&file.text, at), message));
        }
    }
    findings
}

/// The metrics of the code, and which of them are histograms. Where a file makes metrics, each text
/// that looks like a name is one: names are also handed to helpers.
fn known_metrics(files: &[File]) -> BTreeMap<&str, bool> {
    let mut known = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust() && file.tests_from() > 0) {
        if !MACROS.iter().any(|mark| file.text.contains(mark)) {
            continue;
        }
        for (at, _) in file.text.match_indices(METRIC).filter(|(at, _)| *at > 0) {
            if !file.text[..at].ends_with('"') {
                continue;
            }
            let name = word(&file.text, at, is_metric);
            let is_histogram = file.text[..at - 1].trim_end().ends_with("histogram!(");
            *known.entry(name).or_insert(false) |= is_histogram;
        }
    }
    known
}

fn is_metric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

fn metrics(files: &[File]) -> Vec<Finding> {
    let known = known_metrics(files);
    let mut findings = Vec::new();
    let places = ["rules/", "dashboards/"].map(|place| format!("{CHART}{place}"));
    for file in files.iter().filter(|file| places.iter().any(|place| file.path.starts_with(place)))
    {
        for (at, _) in file.text.match_indices(METRIC) {
            let name = word(&file.text, at, is_metric);
            let message = match series(&known, name) {
                Ok(()) => continue,
                Err(message) => message,
            };
            findings.push(Finding::new(&file.path, line_of(&file.text, at), message));
        }
    }
    findings
}

/// Whether Prometheus would have a series of this name.
fn series(known: &BTreeMap<&str, bool>, name: &str) -> Result<(), String> {
    match known.get(name) {
        Some(false) => return Ok(()),
        Some(true) => {
            return Err(format!("`{name}` is a histogram: name its _bucket, _sum or _count"));
        }
        None => {}
    }
    let parts = ["_bucket", "_sum", "_count"];
    let whole = parts.iter().find_map(|part| name.strip_suffix(part));
    match whole.and_then(|whole| known.get(whole)) {
        Some(true) => Ok(()),
        Some(false) | None => Err(format!("no metric of the code is called `{name}`")),
    }
}

/// The compiler and the release that `deploy/` speaks of.
fn versions(files: &[File]) -> Vec<Finding> {
    let quoted = |path: &str, key: &str| {
        let line = text(files, path).lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
    };
    let compiler = quoted("rust-toolchain.toml", "channel");
    let ours = quoted("Cargo.toml", "version");
    let mut findings = Vec::new();
    let mut expect = |path: &str, mark: &str, want: &str, whose: &str| {
        let Some(file) = find(files, path) else {
            findings.push(Finding::new(
                path,
                1,
                "the file is gone; xtask/src/tidy/deploy checks it",
            ));
            return;
        };
        for (at, _) in file.text.match_indices(mark) {
            let found = word(&file.text, at + mark.len(), |c| c.is_ascii_digit() || c == '.');
            if found != want {
                let message = format!("{mark}{found} is not the version {want} of {whose}");
                findings.push(Finding::new(path, line_of(&file.text, at), message));
            }
        }
    };
    expect("deploy/Dockerfile", "=rust:", &compiler, "rust-toolchain.toml");
    expect("deploy/compose.yaml", "image: impresario:", &ours, "Cargo.toml");
    expect(&format!("{CHART}Chart.yaml"), "\nappVersion: ", &ours, "Cargo.toml");
    findings
}

/// The scripts that the image takes in exist.
fn scripts(files: &[File]) -> Vec<Finding> {
    let path = "deploy/Dockerfile";
    let dockerfile = text(files, path);
    let folder = "deploy/docker/";
    dockerfile
        .match_indices(folder)
        .map(|(at, _)| (at, word(dockerfile, at, |c| c.is_ascii_lowercase() || "/-".contains(c))))
        .filter(|(_, script)| find(files, script).is_none())
        .map(|(at, script)| {
            Finding::new(path, line_of(dockerfile, at), format!("there is no {script}"))
        })
        .collect()
}
