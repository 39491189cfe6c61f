//! The node: stores, actors, timers, effects, what was set aside, configuration, logs.

use serde_json::{Value, json};

use super::command::Command;
use super::print;
use super::session::{Fail, Output, Session, number};
use super::table::{facts, text};
use crate::client::segment;

const ROWS_MAX: usize = 10_000;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "nodes",
        "",
        "The node: version, time up, partitions, entities by kind",
        "nodes",
        |s, _| Box::pin(parted(s, "/admin/v1/node", "kinds", KINDS)),
    ),
    Command::new(
        "stores",
        "",
        "The stores: sizes, batches, forced writes, by partition",
        "stores",
        |s, _| Box::pin(parted(s, "/admin/v1/stores", "partitions", PARTITIONS)),
    ),
    Command::new(
        "top",
        "[kind] [n]",
        "The most recently used active entities",
        "top profile 20",
        |s, words| Box::pin(top(s, words)),
    ),
    Command::new(
        "actor show",
        "<tenant> <kind> <id>",
        "One entity: sequence, timers, state without personal values",
        "actor show Shop profile prf_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| Box::pin(actor(s, words)),
    ),
    Command::new(
        "timers",
        "[tenant] [n]",
        "Durable timers, the next first",
        "timers Shop",
        |s, words| {
            Box::pin(async {
                let raw = rows(s, "/admin/v1/timers", words).await?;
                Ok(Output::list(raw, "timers", TIMERS))
            })
        },
    ),
    Command::new(
        "outbox list",
        "[tenant] [n]",
        "Effects that are not done yet",
        "outbox list Shop",
        |s, words| {
            Box::pin(async {
                let raw = rows(s, "/admin/v1/outbox", words).await?;
                Ok(Output::list(raw, "effects", EFFECTS))
            })
        },
    ),
    Command::new("outbox retry", "<id>", "Try an effect now", "outbox retry 01ab", |s, words| {
        Box::pin(async {
            let raw =
                s.client.act(&format!("/admin/v1/outbox/{}/retry", segment(&words[0]))).await?;
            Ok(Output::done(raw, "it is tried again"))
        })
    }),
    Command::new(
        "outbox drop",
        "<id>",
        "Forget an effect for good",
        "outbox drop 01ab",
        |s, words| {
            Box::pin(async {
                let raw =
                    s.client.delete(&format!("/admin/v1/outbox/{}", segment(&words[0]))).await?;
                Ok(Output::done(raw, "it is forgotten"))
            })
        },
    ),
    Command::new(
        "dead-letters list",
        "[tenant] [n]",
        "Commands that were set aside because they kept crashing",
        "dead-letters list",
        |s, words| {
            Box::pin(async {
                let raw = rows(s, "/admin/v1/dead-letters", words).await?;
                Ok(Output::list(raw, "dead_letters", LETTERS))
            })
        },
    ),
    Command::new(
        "dead-letters replay",
        "<id>",
        "Send such a command once more",
        "dead-letters replay 01ab",
        |s, words| Box::pin(replay(s, words)),
    ),
    Command::new(
        "dead-letters drop",
        "<id>",
        "Forget such a command for good",
        "dead-letters drop 01ab",
        |s, words| {
            Box::pin(async {
                let raw = s
                    .client
                    .delete(&format!("/admin/v1/dead-letters/{}", segment(&words[0])))
                    .await?;
                Ok(Output::done(raw, "it is forgotten"))
            })
        },
    ),
    Command::new(
        "config",
        "[part]",
        "The configuration in effect, secrets blanked",
        "config http",
        |s, words| Box::pin(config(s, words)),
    ),
    Command::new(
        "log",
        "[filter]",
        "What is logged; with a filter, from now on that",
        "log info,impresario_host=debug",
        |s, words| Box::pin(log(s, words)),
    ),
    Command::new(
        "tail",
        "<tenant>",
        "What happens in a tenant from now on, until control-C",
        "tail Shop",
        |s, words| Box::pin(tail(s, words)),
    ),
];

const KINDS: &[(&str, &str)] = &[("KIND", "kind"), ("ACTIVE", "active"), ("DOWN", "down")];
const PARTITIONS: &[(&str, &str)] = &[
    ("PARTITION", "partition"),
    ("APPLIED", "applied"),
    ("CHECKPOINTED", "checkpointed"),
    ("STATE BYTES", "state_bytes"),
    ("DIRTY ROWS", "dirty_rows"),
];
const ACTORS: &[(&str, &str)] = &[
    ("KIND", "kind"),
    ("ID", "id"),
    ("TENANT", "tenant"),
    ("PARTITION", "partition"),
    ("SEQ", "seq"),
    ("PENDING", "pending"),
    ("IDLE MS", "idle_ms"),
    ("DOWN", "/down/reason"),
];
const TIMERS: &[(&str, &str)] =
    &[("DUE", "due"), ("KIND", "kind"), ("ID", "id"), ("TENANT", "tenant"), ("NAME", "name")];
const EFFECTS: &[(&str, &str)] = &[
    ("SINCE", "at"),
    ("KIND", "kind"),
    ("ENTITY", "entity"),
    ("TRIES", "attempts"),
    ("NEXT", "next_at"),
    ("LAST ERROR", "last_error"),
    ("ID", "id"),
];
const LETTERS: &[(&str, &str)] = &[
    ("SINCE", "at"),
    ("KIND", "kind"),
    ("ENTITY", "entity"),
    ("CRASHES", "kills"),
    ("REASON", "reason"),
    ("ID", "id"),
];

/// A list that may be of one tenant. A sole number is the number of rows.
async fn rows(session: &Session, path: &str, words: &[String]) -> Result<Value, Fail> {
    let (tenant, limit) = match words {
        [] => (None, None),
        [one] if one.parse::<usize>().is_ok() => (None, Some(one)),
        [tenant, rest @ ..] => (Some(session.tenant(tenant).await?), rest.first()),
    };
    let limit = number(limit, 50, ROWS_MAX)?;
    let mut query = vec![("limit", limit.as_str())];
    query.extend(tenant.as_deref().map(|tenant| ("tenant", tenant)));
    let mut raw = session.client.get(path, &query).await?;
    if !session.json {
        readable_times(&mut raw);
    }
    Ok(raw)
}

/// Adds `x` in ISO 8601 beside each `x_ms`.
fn readable_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(readable_times),
        Value::Object(members) => {
            let times: Vec<(String, Value)> = members
                .iter()
                .filter_map(|(name, value)| {
                    let time = jiff::Timestamp::from_millisecond(value.as_i64()?).ok()?;
                    Some((name.strip_suffix("_ms")?.to_owned(), format!("{time:.3}").into()))
                })
                .collect();
            members.extend(times);
            members.values_mut().for_each(readable_times);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A document with a list in it: the rest of it, then the list.
async fn parted(
    session: &Session,
    path: &str,
    list: &str,
    columns: &'static [(&'static str, &'static str)],
) -> Result<Output, Fail> {
    let mut raw = session.client.get(path, &[]).await?;
    if session.json {
        return Ok(Output::Facts(raw));
    }
    let rows = raw.as_object_mut().and_then(|members| members.remove(list)).unwrap_or_default();
    print::facts(&facts(&raw));
    print::line("");
    Ok(Output::list(json!({ list: rows }), list, columns))
}

async fn top(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let (kind, count) = match words {
        [] => (None, None),
        [one] if one.parse::<usize>().is_ok() => (None, Some(one)),
        [kind, rest @ ..] => (Some(kind.as_str()), rest.first()),
    };
    let count = number(count, 20, ROWS_MAX)?;
    let mut query = vec![("limit", count.as_str())];
    query.extend(kind.map(|kind| ("kind", kind)));
    let raw = session.client.get("/admin/v1/actors", &query).await?;
    Ok(Output::list(raw, "actors", ACTORS))
}

async fn actor(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let tenant = session.tenant(&words[0]).await?;
    let path = format!("/admin/v1/actors/{tenant}/{}/{}", segment(&words[1]), segment(&words[2]));
    let raw = session.client.get(&path, &[]).await?;
    if session.json {
        return Ok(Output::Facts(raw));
    }
    // The state is a Rust value printed for people, over many lines.
    let mut shown = raw.clone();
    let state =
        shown.as_object_mut().and_then(|members| members.remove("state")).unwrap_or_default();
    print::facts(&facts(&shown));
    match state {
        Value::String(lines) => {
            lines.lines().for_each(|line| print::line(&format!("  {}", text(&line.into()))))
        }
        Value::Null => print::line("  no state"),
        other => print::facts(&facts(&json!({ "state": other }))),
    }
    Ok(Output::Nothing)
}

async fn replay(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let raw = session
        .client
        .act(&format!("/admin/v1/dead-letters/{}/replay", segment(&words[0])))
        .await?;
    let words = match text(&raw["rejected"]) {
        none if none.is_empty() => "it is done now".to_owned(),
        why => format!("it was refused this time: {why}"),
    };
    Ok(Output::done(raw, words))
}

async fn config(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let raw = session.client.get("/admin/v1/config", &[]).await?;
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
    let raw = match words.first() {
        None => session.client.get("/admin/v1/log-level", &[]).await?,
        Some(filter) => {
            session.client.put("/admin/v1/log-level", &json!({ "filter": filter })).await?
        }
    };
    Ok(Output::Facts(raw))
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
    fn times_are_made_readable() {
        let mut value = json!({"timers": [{"due_ms": 0, "name": "tick"}]});
        readable_times(&mut value);
        assert_eq!(value["timers"][0]["due"], "1970-01-01T00:00:00.000Z");
    }

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
}
