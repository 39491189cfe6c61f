//! One node: what it is, its stores, its configuration and logs, what operators did.

use serde_json::{Value, json};

use super::command::Command;
use super::print;
use super::readable::readable;
use super::session::{Columns, Fail, Output, Part, Session, number};
use super::table::{facts, text};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "node show",
        "[node]",
        "One node: version, time up, partitions, entities by kind",
        "node show node-2",
        |s, words| Box::pin(parted(s, "/admin/v1/node", words.first(), "kinds", KINDS)),
    ),
    Command::new(
        "stores",
        "[node]",
        "The stores of one node: sizes, batches, forced writes, by partition",
        "stores node-2",
        |s, words| Box::pin(parted(s, "/admin/v1/stores", words.first(), "partitions", STORES)),
    ),
    Command::new(
        "config",
        "[part] [node]",
        "The configuration of a node, secrets blanked",
        "config http node-2",
        |s, words| Box::pin(config(s, words)),
    ),
    Command::new(
        "log level",
        "[filter] [node]",
        "What is logged; with a filter, from now on that (node all: everywhere)",
        "log level info,impresario_host=debug all",
        |s, words| Box::pin(log(s, words)),
    ),
    Command::new(
        "tail",
        "<tenant>",
        "What happens in a tenant from now on, until control-C",
        "tail Shop",
        |s, words| Box::pin(tail(s, words)),
    ),
    Command::new("audit", "[n]", "What operators did, newest first", "audit 20", |s, words| {
        Box::pin(audit(s, words))
    }),
];

const KINDS: Columns = &[("KIND", "kind"), ("ACTIVE", "active"), ("DOWN", "down")];
const STORES: Columns = &[
    ("PARTITION", "partition"),
    ("APPLIED", "applied"),
    ("CHECKPOINTED", "checkpointed"),
    ("STATE BYTES", "state_bytes"),
    ("DIRTY ROWS", "dirty_rows"),
];
const ACTS: Columns = &[
    ("AT", "at"),
    ("NODE", "node"),
    ("TOKEN", "token"),
    ("FROM", "peer"),
    ("ACT", "act"),
    ("OUTCOME", "outcome"),
    ("TOOK MS", "took_ms"),
    ("DETAIL", "said"),
];

/// The query that names a node, if one is named.
pub(crate) fn at(node: Option<&String>) -> Vec<(&'static str, &str)> {
    node.map(|node| ("node", node.as_str())).into_iter().collect()
}

/// A document with a list in it: the rest of it, then the list.
async fn parted(
    session: &Session,
    path: &str,
    node: Option<&String>,
    list: &str,
    columns: Columns,
) -> Result<Output, Fail> {
    let raw = session.client.get(path, &at(node)).await?;
    let mut shown = raw.clone();
    readable(&mut shown);
    let rows = shown.as_object_mut().and_then(|members| members.remove(list)).unwrap_or_default();
    let rows = rows.as_array().cloned().unwrap_or_default();
    Ok(Output::Parts { raw, parts: vec![Part::Facts(shown), Part::List("", rows, columns)] })
}

async fn config(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let raw = session.client.get("/admin/v1/config", &at(words.get(1))).await?;
    match words.first() {
        None => Ok(Output::Facts(raw)),
        Some(part) => match raw.get(part) {
            Some(value) => Ok(Output::Facts(json!({ part.as_str(): value }))),
            None => {
                let parts: Vec<&str> =
                    raw.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                Err(Fail::Usage(format!("there is no part {part:?}, only {}", parts.join(", "))))
            }
        },
    }
}

async fn log(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let mut raw = match words {
        [] => session.client.get("/admin/v1/log-level", &[]).await?,
        [filter, node @ ..] => {
            let body = json!({ "filter": filter });
            session.client.put_at("/admin/v1/log-level", &at(node.first()), &body).await?
        }
    };
    if !session.json && raw["nodes"].is_array() {
        raw["nodes"].as_array_mut().into_iter().flatten().for_each(readable);
        return Ok(Output::list(raw, "nodes", &[("NODE", "node"), ("FILTER", "filter")]));
    }
    if !session.json {
        readable(&mut raw);
    }
    Ok(Output::Facts(raw))
}

async fn audit(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let limit = number(words.first(), 50, 500)?;
    let raw = session.client.get("/admin/v1/audit", &[("limit", &limit)]).await?;
    let mut rows = raw["acts"].as_array().cloned().unwrap_or_default();
    for row in &mut rows {
        row["said"] = said(row).into();
        readable(row);
    }
    Ok(Output::List { raw, rows, columns: ACTS })
}

/// What was asked for in an act, and why it was not done.
fn said(act: &Value) -> String {
    let asked = act["detail"].get("ask").unwrap_or(&act["detail"]);
    let mut words: Vec<String> = facts(asked)
        .into_iter()
        .filter(|(name, value)| name != "ask" && !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if let Some(why) = act["why"].as_str() {
        words.push(format!("({why})"));
    }
    words.join(" ")
}

async fn tail(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let tenant = session.tenant(&words[0]).await?;
    let mut lines = session.client.stream("/admin/v1/tail", &[("tenant", &tenant)]).await?;
    print::error("following; control-C ends it");
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let value = tokio::select! {
            value = lines.next_json() => value?,
            _ = &mut stop => return Ok(Output::Nothing),
        };
        let Some(value) = value else {
            print::error("the node ended it");
            return Ok(Output::Nothing);
        };
        print::line(&if session.json { value.to_string() } else { tail_line(&value) });
    }
}

fn tail_line(value: &Value) -> String {
    let part = |name: &str| text(&value[name]);
    let data: Vec<String> = facts(&value["data"])
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let line = format!(
        "{:24}  {:24}  {}  {}  {}",
        part("at"),
        part("type"),
        part("profile"),
        part("segment"),
        data.join(" "),
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_changes_are_one_line() {
        let value = json!({
            "type": "segment.entered", "at": "2026-11-20T12:00:00.000Z", "profile": "prf_1", "segment": "seg_1",
            "data": {"version": 1},
        });
        assert_eq!(
            tail_line(&value),
            "2026-11-20T12:00:00.000Z  segment.entered           prf_1  seg_1  version=1"
        );
    }

    #[test]
    fn an_act_is_one_line() {
        let act = json!({
            "detail": { "ask": { "ask": "leave", "member": 2, "force": false }, "place": "any" },
            "why": "too few nodes",
        });
        assert_eq!(said(&act), "force=no member=2 (too few nodes)");
    }
}
