//! Who may import whom, as data (`floorplan.toml`), held against what the manifests say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata};
use serde::Deserialize;

use crate::step::say;
use crate::workspace;

const PREFIX: &str = "impresario-";
const SNAPSHOT: &str = "docs/floorplan.txt";

/// The table. Names of our crates stand without their prefix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// In the order in which they are read, from the inside out.
    room: Vec<Room>,
    /// Outside names that only some of our crates may say.
    guarded: Vec<Guarded>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    name: String,
    /// Which of ours it may import; `["*"]` for all.
    ours: Vec<String>,
    /// Which of ours its tests may import besides.
    #[serde(default)]
    ours_in_tests: Vec<String>,
    /// If given: the only outside crates it may import.
    outside: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Guarded {
    name: String,
    only: Vec<String>,
    #[serde(default)]
    in_tests_of: Vec<String>,
    why: String,
}

/// What one crate imports, by name without prefix for ours.
#[derive(Clone, Debug, Default)]
struct Imports {
    ours: BTreeSet<String>,
    ours_in_tests: BTreeSet<String>,
    outside: BTreeSet<String>,
    outside_in_tests: BTreeSet<String>,
}

type Graph = BTreeMap<String, Imports>;

/// Checks the plan and the snapshot of the graph; `bless` rewrites the snapshot.
pub(crate) fn run(root: &Path, bless: bool) -> Result<()> {
    let plan = load(root)?;
    let graph = graph(&workspace::metadata(root)?);
    let mut problems = check(&plan, &graph);
    let drawn = draw(&plan, &graph);
    let path = root.join(SNAPSHOT);
    if bless {
        fs::write(&path, &drawn).with_context(|| format!("write {SNAPSHOT}"))?;
    } else if fs::read_to_string(&path).unwrap_or_default() != drawn {
        problems.push(format!(
            "{SNAPSHOT} is out of date: run `cargo xtask floorplan --bless` and read the difference"
        ));
    }
    for problem in &problems {
        say(problem);
    }
    if !problems.is_empty() {
        bail!("{} problems with the floor plan", problems.len());
    }
    Ok(())
}

fn load(root: &Path) -> Result<Plan> {
    let text = fs::read_to_string(root.join("xtask/floorplan.toml"))
        .context("read xtask/floorplan.toml")?;
    toml::from_str(&text).context("parse xtask/floorplan.toml")
}

fn graph(metadata: &Metadata) -> Graph {
    let mut graph = Graph::new();
    for package in &metadata.packages {
        let imports = graph.entry(short(package.name.as_str()).to_owned()).or_default();
        for dependency in &package.dependencies {
            let tests = dependency.kind == DependencyKind::Development;
            let set = match (dependency.name.starts_with(PREFIX), tests) {
                (true, false) => &mut imports.ours,
                (true, true) => &mut imports.ours_in_tests,
                (false, false) => &mut imports.outside,
                (false, true) => &mut imports.outside_in_tests,
            };
            set.insert(short(&dependency.name).to_owned());
        }
    }
    graph
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

fn check(plan: &Plan, graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, imports) in graph {
        match plan.room.iter().find(|room| room.name == *name) {
            None => problems.push(format!(
                "{name} has no room: add it to xtask/floorplan.toml (and write an ADR)"
            )),
            Some(room) => problems.extend(check_room(room, imports)),
        }
        problems.extend(
            plan.guarded.iter().filter_map(|guarded| check_guarded(guarded, name, imports)),
        );
    }
    for room in plan.room.iter().filter(|room| !graph.contains_key(&room.name)) {
        problems
            .push(format!("the room {} is empty: take it out of xtask/floorplan.toml", room.name));
    }
    problems
}

fn check_room(room: &Room, imports: &Imports) -> Vec<String> {
    let name = &room.name;
    let allowed =
        |list: &[String], wanted: &String| list.iter().any(|entry| entry == "*" || entry == wanted);
    let ours = imports
        .ours
        .iter()
        .filter(|wanted| !allowed(&room.ours, wanted))
        .map(|wanted| format!("{name} may not import {wanted}"));
    let in_tests = imports
        .ours_in_tests
        .iter()
        .filter(|wanted| !allowed(&room.ours, wanted) && !allowed(&room.ours_in_tests, wanted))
        .map(|wanted| format!("the tests of {name} may not import {wanted}"));
    let outside = imports
        .outside
        .iter()
        .filter(|wanted| room.outside.as_ref().is_some_and(|list| !allowed(list, wanted)))
        .map(|wanted| format!("{name} may not import the outside crate {wanted}"));
    ours.chain(in_tests).chain(outside).collect()
}

fn check_guarded(guarded: &Guarded, name: &str, imports: &Imports) -> Option<String> {
    if guarded.only.iter().any(|entry| entry == name) {
        return None;
    }
    let named = imports.outside.contains(&guarded.name);
    let tested = imports.outside_in_tests.contains(&guarded.name)
        && !guarded.in_tests_of.iter().any(|entry| entry == name || entry == "*");
    (named || tested).then(|| {
        let only = guarded.only.join(", ");
        format!("{name} may not name {}: only {only} may, because {}", guarded.name, guarded.why)
    })
}

/// The graph as text, from the inside out: ours, then the guarded outside names.
fn draw(plan: &Plan, graph: &Graph) -> String {
    let mut text = String::from(
        "# Who imports whom, from the inside out. Written by `cargo xtask floorplan --bless`.\n\
         # name: our crates it imports | guarded outside crates it names\n\n",
    );
    for room in &plan.room {
        let Some(imports) = graph.get(&room.name) else { continue };
        let in_order = plan.room.iter().map(|other| other.name.as_str());
        let ours: Vec<&str> = in_order.filter(|other| imports.ours.contains(*other)).collect();
        let guarded: Vec<&str> = plan
            .guarded
            .iter()
            .map(|g| g.name.as_str())
            .filter(|name| imports.outside.contains(*name))
            .collect();
        let _ = write!(text, "{:<12} {}", format!("{}:", room.name), ours.join(" "));
        if !guarded.is_empty() {
            let _ = write!(text, " | {}", guarded.join(" "));
        }
        let trimmed = text.trim_end().len();
        text.truncate(trimmed);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
