//! Entities: which are busy, which are active, one of them.

use serde_json::{Value, json};

use super::command::Command;
use super::readable::readable;
use super::session::{Columns, Fail, Output, Part, Session, number};
use super::table::{facts, text};
use crate::client::segment;

const ROWS_MAX: usize = 500;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "top",
        "[n]",
        "What is busy now: nodes, entities, tenants, waits (full screen: `impresario top`)",
        "top 10",
        |s, words| Box::pin(top(s, words)),
    ),
    Command::new(
        "actors",
        "[kind] [n]",
        "The most recently used active entities of all nodes",
        "actors profile 20",
        |s, words| Box::pin(actors(s, words)),
    ),
    Command::new(
        "actor show",
        "<tenant> <kind> <id>",
        "One entity: sequence, timers, state without personal values",
        "actor show Shop profile prf_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| Box::pin(show(s, words)),
    ),
    Command::new(
        "actor trace",
        "<tenant> <kind> <id> [n]",
        "What happened to an entity, newest first, with traces",
        "actor trace Shop profile prf_01jd5x2k3m4n5p6q7r8s9t0v1w 20",
        |s, words| Box::pin(trace(s, words)),
    ),
    Command::new(
        "actor passivate",
        "<tenant> <kind> <id>",
        "Take an entity out of memory; the next message brings it back",
        "actor passivate Shop profile prf_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| {
            Box::pin(async {
                let raw = s.client.act(&path(s, words, "/passivate").await?).await?;
                let said = if raw["passivated"] == false {
                    "it is not in memory, or busy"
                } else {
                    "it is out of memory"
                };
                Ok(Output::done(raw, said))
            })
        },
    ),
    Command::new(
        "actor quarantine",
        "<tenant> <kind> <id> <reason> [seconds]",
        "Keep an entity out of service for a while",
        "actor quarantine Shop profile prf_01jd5x2k3m4n5p6q7r8s9t0v1w \"answers nonsense\" 600",
        |s, words| Box::pin(quarantine(s, words)),
    )
    .risks("Whoever asks the entity is told to come back later; its timers and effects wait too."),
    Command::new(
        "actor release",
        "<tenant> <kind> <id>",
        "Let an entity that crashed, or is in quarantine, serve again",
        "actor release Shop profile prf_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| {
            Box::pin(async {
                let raw = s.client.act(&path(s, words, "/release").await?).await?;
                Ok(Output::done(raw, "it serves again"))
            })
        },
    ),
];

pub(crate) const NODES: Columns = &[
    ("NODE", "node"),
    ("LEADS", "leads"),
    ("ACTIVE", "active_all"),
    ("COMMANDS/S", "/waits/commands_per_s"),
    ("UNDER WAY", "under_way"),
    ("MAILBOX P50 MS", "/waits/mailbox_ms/p50"),
    ("P99", "/waits/mailbox_ms/p99"),
    ("COMMIT P50 MS", "/waits/commit_ms/p50"),
    ("P99", "/waits/commit_ms/p99"),
];
pub(crate) const ENTITIES: Columns = &[
    ("EVENTS/S", "events_per_s"),
    ("PENDING", "pending"),
    ("KIND", "kind"),
    ("NODE", "node"),
    ("PARTITION", "partition"),
    ("TENANT", "tenant"),
    ("ID", "id"),
];
pub(crate) const TENANTS: Columns = &[
    ("EVENTS/S", "events_per_s"),
    ("PENDING", "pending"),
    ("ACTIVE", "active"),
    ("TENANT", "tenant"),
];
const ACTORS: Columns = &[
    ("KIND", "kind"),
    ("ID", "id"),
    ("TENANT", "tenant"),
    ("NODE", "node"),
    ("PARTITION", "partition"),
    ("SEQ", "seq"),
    ("PENDING", "pending"),
    ("IDLE MS", "idle_ms"),
    ("DOWN", "/down/reason"),
];
const EVENTS: Columns = &[("SEQ", "seq"), ("AT", "at"), ("TRACE", "trace"), ("EVENT", "event")];

/// The rows of one part of the answer about what is busy, as people read them.
pub(crate) fn busy(raw: &Value, part: &str) -> Vec<Value> {
    let mut rows = raw[part].as_array().cloned().unwrap_or_default();
    for row in &mut rows {
        if let Some(kinds) = row["active"].as_object() {
            let active: u64 = kinds.values().filter_map(Value::as_u64).sum();
            row["active_all"] = active.into();
        }
        readable(row);
    }
    rows
}

async fn top(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let limit = number(words.first(), 10, ROWS_MAX)?;
    let raw = session.client.get("/admin/v1/top", &[("limit", &limit)]).await?;
    let parts = vec![
        Part::List("", busy(&raw, "nodes"), NODES),
        Part::List("HOTTEST ENTITIES", busy(&raw, "entities"), ENTITIES),
        Part::List("HOTTEST TENANTS", busy(&raw, "tenants"), TENANTS),
    ];
    Ok(Output::Parts { raw, parts })
}

async fn actors(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let (kind, count) = match words {
        [] => (None, None),
        [one] if one.parse::<usize>().is_ok() => (None, Some(one)),
        [kind, rest @ ..] => (Some(kind.as_str()), rest.first()),
    };
    let count = number(count, 20, ROWS_MAX)?;
    let mut query = vec![("limit", count.as_str())];
    query.extend(kind.map(|kind| ("kind", kind)));
    let mut raw = session.client.get("/admin/v1/actors", &query).await?;
    if !session.json {
        raw["actors"].as_array_mut().into_iter().flatten().for_each(readable);
    }
    Ok(Output::list(raw, "actors", ACTORS))
}

async fn path(session: &Session, words: &[String], more: &str) -> Result<String, Fail> {
    let tenant = session.tenant(&words[0]).await?;
    let (kind, id) = (segment(&words[1]), segment(&words[2]));
    Ok(format!("/admin/v1/actors/{tenant}/{kind}/{id}{more}"))
}

async fn show(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let raw = session.client.get(&path(session, words, "").await?, &[]).await?;
    // The state is a Rust value printed for people, over many lines.
    let mut shown = raw.clone();
    let state =
        shown.as_object_mut().and_then(|members| members.remove("state")).unwrap_or_default();
    readable(&mut shown);
    let state = match state {
        Value::String(lines) => {
            let lines = lines.lines().map(|line| format!("  {}", text(&line.into())));
            Part::Lines(lines.collect())
        }
        Value::Null => Part::Lines(vec!["  no state".to_owned()]),
        other => Part::Facts(json!({ "state": other })),
    };
    Ok(Output::Parts { raw, parts: vec![Part::Facts(shown), state] })
}

async fn trace(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let limit = number(words.get(3), 20, ROWS_MAX)?;
    let path = path(session, words, "/trace").await?;
    let raw = session.client.get(&path, &[("limit", &limit)]).await?;
    let mut rows = raw["events"].as_array().cloned().unwrap_or_default();
    rows.iter_mut().for_each(readable);
    Ok(Output::List { raw, rows, columns: EVENTS })
}

async fn quarantine(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let seconds = number(words.get(4), 600, 604_800)?;
    let order = json!({ "reason": words[3], "seconds": seconds.parse::<u64>().unwrap_or(600) });
    let raw = session.client.post(&path(session, words, "/quarantine").await?, &order).await?;
    let mut shown = raw.clone();
    readable(&mut shown);
    let said: Vec<String> =
        facts(&shown).into_iter().filter(|(name, _)| name == "until").map(|(_, at)| at).collect();
    Ok(Output::done(raw, format!("it is out of service until {}", said.join(""))))
}
