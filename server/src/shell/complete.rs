//! What may stand where a line ends: commands, and the live names of what they take.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Handle;

use super::command::{self, Command};
use super::session::Session;
use super::table::lookup;
use super::words;

/// A kind of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Names {
    Tenants,
    Nodes,
    Partitions,
    Kinds,
    /// Of active entities of a kind.
    Entities(String),
    Segments(String),
    Effects,
    DeadLetters,
    Settings,
    ConfigParts,
    /// Words of a command itself.
    Fixed(&'static [&'static str]),
}

/// Where names are looked up.
pub(crate) type LookUp<'a> = dyn Fn(Names) -> Vec<String> + 'a;

/// The kind of names that a word of a command is one of.
fn names(command: &Command, place: usize, words: &[String]) -> Option<Names> {
    let takes = command.takes.split_whitespace().nth(place);
    let takes = takes
        .or_else(|| command.takes.split_whitespace().last().filter(|last| last.ends_with('…')))?;
    let word = |at: usize| words.get(at).cloned().unwrap_or_default();
    Some(match takes.trim_matches(['<', '>', '[', ']', '…']) {
        "tenant" => Names::Tenants,
        "node" | "from" | "to" => Names::Nodes,
        "partition" => Names::Partitions,
        "kind" if command.name.starts_with("keys") => Names::Fixed(&["write", "secret"]),
        "kind" => Names::Kinds,
        "id" if command.name.starts_with("actor") => Names::Entities(word(1)),
        "id" if command.name.starts_with("outbox") => Names::Effects,
        "id" if command.name.starts_with("dead-letters") => Names::DeadLetters,
        "segment" => Names::Segments(word(0)),
        "plan" => Names::Fixed(&["free", "pro", "enterprise"]),
        "grain" => Names::Fixed(&["day", "month"]),
        "by" => Names::Fixed(&["user_id", "anonymous_id", "email", "external_id", "trait"]),
        "force" => Names::Fixed(&["force"]),
        "without-majority" => Names::Fixed(&["without-majority"]),
        "digest" => Names::Fixed(&["digest"]),
        "name=value" => Names::Settings,
        "part" => Names::ConfigParts,
        "filter" => Names::Fixed(&["info", "debug", "warn"]),
        _ => return None,
    })
}

/// What the line may go on with: whole lines.
pub(crate) fn complete(line: &str, look_up: &LookUp<'_>) -> Vec<String> {
    let line = line.trim_start();
    for prefix in ["help ", "watch "] {
        if let Some(rest) = line.strip_prefix(prefix) {
            let known: &LookUp<'_> = if prefix == "help " { &|_| Vec::new() } else { look_up };
            let found = complete(rest, known);
            return found.into_iter().map(|rest| format!("{prefix}{rest}")).collect();
        }
    }
    let mut found = commands(line);
    found.extend(arguments(line, look_up).unwrap_or_default());
    found.dedup();
    found
}

/// Names of commands, one word at a time.
fn commands(line: &str) -> Vec<String> {
    let mut found: Vec<String> = command::all()
        .map(|command| command.name)
        .chain(["help", "watch", "exit"])
        .filter(|name| name.starts_with(line))
        .map(|name| {
            let end = name[line.len()..].find(' ').map_or(name.len(), |blank| line.len() + blank);
            name[..end].to_owned()
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Names that the word at the end of the line may be.
fn arguments(line: &str, look_up: &LookUp<'_>) -> Option<Vec<String>> {
    // The word that is being written; inside quotes it may hold blanks.
    let begin = begin_of_last(line);
    let (before, partial) = line.split_at(begin);
    let written = words::split(before).ok()?;
    let (command, rest) = command::find(&written).ok()?;
    // `top` alone is a command, not yet its first word.
    if command.name.split(' ').count() + rest.len() != written.len() {
        return None;
    }
    let partial = partial.trim_start_matches(['"', '\'']).to_lowercase();
    let names = names(command, rest.len(), rest)?;
    let mut fitting: Vec<String> = look_up(names)
        .into_iter()
        .filter(|name| name.to_lowercase().starts_with(&partial))
        .map(|name| format!("{before}{}", quoted(&name)))
        .collect();
    fitting.sort();
    Some(fitting)
}

fn begin_of_last(line: &str) -> usize {
    let (mut begin, mut quote) = (0, None);
    for (at, character) in line.char_indices() {
        match (character, quote) {
            (end, Some(open)) if end == open => quote = None,
            (_, Some(_)) => {}
            (open @ ('"' | '\''), None) => quote = Some(open),
            (blank, None) if blank.is_whitespace() => begin = at + blank.len_utf8(),
            _ => {}
        }
    }
    begin
}

fn quoted(name: &str) -> String {
    let plain = |character: char| !character.is_whitespace() && !"\"'\\#".contains(character);
    if name.chars().all(plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Names of a running cluster, asked for when they are wanted and kept for a moment.
pub(crate) struct LiveNames {
    session: Session,
    runtime: Handle,
    known: Mutex<HashMap<Names, (Instant, Vec<String>)>>,
}

/// Names are asked for again after this.
const FRESH: Duration = Duration::from_secs(5);
/// Whoever presses the tabulator does not wait longer.
const PATIENCE: Duration = Duration::from_millis(1_500);

impl LiveNames {
    pub(crate) fn new(session: Session, runtime: Handle) -> Self {
        Self { session, runtime, known: Mutex::default() }
    }

    /// Must not be called on a thread of the runtime.
    pub(crate) fn of(&self, names: Names) -> Vec<String> {
        if let Ok(known) = self.known.lock()
            && let Some((at, list)) = known.get(&names)
            && at.elapsed() < FRESH
        {
            return list.clone();
        }
        let asking = async { tokio::time::timeout(PATIENCE, self.ask(&names)).await };
        let list = self.runtime.block_on(asking).ok().flatten().unwrap_or_default();
        if let Ok(mut known) = self.known.lock() {
            known.insert(names, (Instant::now(), list.clone()));
        }
        list
    }

    async fn ask(&self, names: &Names) -> Option<Vec<String>> {
        let client = &self.session.client;
        let get = |path: &'static str, query: &'static [(&'static str, &'static str)]| async move {
            client.get(path, query).await.ok()
        };
        Some(match names {
            Names::Fixed(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            Names::Kinds => {
                ["tenant", "profile", "segment", "quarantine"].map(str::to_owned).into()
            }
            Names::Tenants => {
                let page = self.session.tenants_page(None, 500).await.ok()?;
                let mut list = column(&page["items"], "/settings/name");
                list.extend(column(&page["items"], "id"));
                list
            }
            Names::Nodes => {
                let status = get("/admin/v1/cluster", &[]).await?;
                column(&status["nodes"], "node").iter().map(|node| format!("node-{node}")).collect()
            }
            Names::Partitions => {
                let status = get("/admin/v1/cluster", &[]).await?;
                column(&status["groups"], "group")
            }
            Names::Entities(kind) => {
                let query = [("kind", kind.as_str()), ("limit", "100")];
                column(&client.get("/admin/v1/actors", &query).await.ok()?["actors"], "id")
            }
            Names::Segments(tenant) => {
                let tenant = self.session.of(tenant).await.ok()?;
                let page = tenant.get("/api/v1/segments", &[("limit", "200")]).await.ok()?;
                column(&page["items"], "id")
            }
            Names::Effects => {
                column(&get("/admin/v1/outbox", &[("limit", "100")]).await?["effects"], "id")
            }
            Names::DeadLetters => {
                let letters = get("/admin/v1/dead-letters", &[("limit", "100")]).await?;
                column(&letters["dead_letters"], "id")
            }
            Names::Settings => {
                let status = get("/admin/v1/cluster", &[]).await?;
                let names = status["settings"].as_object()?.keys();
                names.filter(|name| *name != "partitions").map(|name| format!("{name}=")).collect()
            }
            Names::ConfigParts => {
                get("/admin/v1/config", &[]).await?.as_object()?.keys().cloned().collect()
            }
        })
    }
}

fn column(rows: &Value, path: &str) -> Vec<String> {
    let text = |row: &Value| match lookup(row, path) {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    rows.as_array().into_iter().flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(names: Names) -> Vec<String> {
        let list: &[&str] = match names {
            Names::Tenants => &["Shop Ltd", "Store", "ten_1"],
            Names::Nodes => &["node-1", "node-2"],
            Names::Partitions => &["0", "1", "10"],
            Names::Kinds => &["profile", "segment"],
            Names::Entities(kind) if kind == "profile" => &["prf_a", "prf_b"],
            Names::Fixed(words) => words,
            _ => &[],
        };
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[track_caller]
    fn check(line: &str, want: &[&str]) {
        assert_eq!(complete(line, &live), want, "{line:?}");
    }

    #[test]
    fn commands_are_completed_word_by_word() {
        check("nodes", &["nodes"]);
        check("ten", &["tenants"]);
        check("tenants sh", &["tenants show"]);
        check("help nodes", &["help nodes"]);
        check("watch cluster st", &["watch cluster status"]);
        check("nothing", &[]);
    }

    #[test]
    fn live_names_are_completed() {
        check("node drain ", &["node drain node-1", "node drain node-2"]);
        check("partition move 1", &["partition move 1", "partition move 10"]);
        check("partition move 1 node-2 node-1", &["partition move 1 node-2 node-1"]);
        check("node leave node-1 f", &["node leave node-1 force"]);
        check("actor show Store profile prf_b", &["actor show Store profile prf_b"]);
        check("help node drain ", &[]);
    }

    #[test]
    fn names_with_blanks_are_quoted() {
        check("tenants show sh", &["tenants show \"Shop Ltd\""]);
        check("tenants show \"Shop L", &["tenants show \"Shop Ltd\""]);
        check("actor show \"Shop Ltd\" pro", &["actor show \"Shop Ltd\" profile"]);
    }
}
