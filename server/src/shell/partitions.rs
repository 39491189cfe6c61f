//! Partitions: as one node sees them all, as all nodes see one, and moving them.

use serde_json::{Value, json};

use super::command::Command;
use super::node::at;
use super::readable::{bytes, readable};
use super::session::{Columns, Fail, Output, Part, Session};
use super::table::text;
use crate::client::segment;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "partitions",
        "[node]",
        "All partitions as one node sees them",
        "partitions node-2",
        |s, words| Box::pin(partitions(s, words)),
    ),
    Command::new(
        "partition show",
        "<partition> [digest]",
        "One partition as every node sees it; with digest, whether the replicas are equal",
        "partition show 3 digest",
        |s, words| Box::pin(show(s, words)),
    ),
    Command::new(
        "partition move",
        "<partition> <from> <to>",
        "Move a replica to a node that holds none",
        "partition move 3 node-1 node-4",
        |s, words| {
            Box::pin(async {
                let order = json!({ "from": words[1], "to": words[2] });
                let raw = s.client.post(&path(&words[0], "move"), &order).await?;
                let said = format!(
                    "partition {} moves from {} to {}; `partition show {}` shows how far",
                    words[0], words[1], words[2], words[0]
                );
                Ok(Output::done(raw, said))
            })
        },
    )
    .risks("The replica is copied over the network, then the old one is deleted."),
    Command::new(
        "partition transfer",
        "<partition> <to>",
        "Let another voter lead",
        "partition transfer 3 node-2",
        |s, words| Box::pin(transfer(s, words)),
    ),
    Command::new(
        "partition snapshot",
        "<partition> [node]",
        "Write everything applied into the state file, and say its hash",
        "partition snapshot 3 node-2",
        |s, words| Box::pin(snapshot(s, words)),
    ),
];

const PARTITIONS: Columns = &[
    ("PARTITION", "partition"),
    ("ROLE", "role"),
    ("LEADER", "leader"),
    ("TERM", "term"),
    ("APPLIED", "applied"),
    ("BEHIND", "apply_lag"),
    ("LOG", "log_entries"),
    ("SIZE", "size"),
    ("VOTERS", "voters"),
    ("LEARNERS", "learners"),
];
const REPLICAS: Columns = &[
    ("NODE", "node"),
    ("ROLE", "role"),
    ("LEADER", "leader"),
    ("TERM", "term"),
    ("LAST", "last"),
    ("COMMITTED", "committed"),
    ("APPLIED", "applied"),
    ("DURABLE", "durable"),
    ("LOG", "log_entries"),
    ("SIZE", "size"),
    ("HASH", "hash"),
];
const FOLLOWERS: Columns = &[
    ("FOLLOWER", "node"),
    ("VOTES", "voter"),
    ("BEHIND", "lag"),
    ("ANSWERED MS AGO", "answered_ms"),
];
const MOVING: Columns =
    &[("SENT TO", "peer"), ("UP TO", "index"), ("PIECES", "pieces"), ("SIZE", "size")];

fn path(partition: &str, act: &str) -> String {
    format!("/admin/v1/partitions/{}/{act}", segment(partition))
}

fn sized(rows: &mut [Value], member: &str) {
    for row in rows {
        row["size"] = bytes(row[member].as_u64().unwrap_or(0)).into();
        readable(row);
    }
}

async fn partitions(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let raw = session.client.get("/admin/v1/partitions", &at(words.first())).await?;
    let mut rows = raw["partitions"].as_array().cloned().unwrap_or_default();
    sized(&mut rows, "state_bytes");
    for row in rows.iter_mut().filter(|row| row["system"] == true) {
        row["partition"] = format!("{} (system)", row["partition"]).into();
    }
    Ok(Output::List { raw, rows, columns: PARTITIONS })
}

async fn show(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let digest = match words.get(1).map(String::as_str) {
        None => false,
        Some("digest") => true,
        Some(other) => {
            return Err(Fail::Usage(format!("{other:?} is not understood here; write digest")));
        }
    };
    let path = format!("/admin/v1/partitions/{}", segment(&words[0]));
    let query: &[(&str, &str)] = if digest { &[("digest", "true")] } else { &[] };
    let raw = session.client.get(&path, query).await?;
    let mut rows = raw["replicas"].as_array().cloned().unwrap_or_default();
    let said = if digest { vec![compared(&rows)] } else { Vec::new() };
    for row in &mut rows {
        let hash = &row["digest"];
        row["hash"] = match (hash["blake3"].as_str(), hash["error"].as_str()) {
            (Some(hex), _) => {
                format!("{} at {}", hex.chars().take(16).collect::<String>(), hash["applied"])
                    .into()
            }
            (None, Some(error)) => error.into(),
            (None, None) => Value::Null,
        };
    }
    sized(&mut rows, "state_bytes");
    let leader = rows.iter().find(|row| row["role"] == "leader").cloned().unwrap_or_default();
    let part = |name: &str| {
        let mut rows = leader[name].as_array().cloned().unwrap_or_default();
        sized(&mut rows, "bytes");
        rows
    };
    let parts = vec![
        Part::Facts(json!({
            "partition": raw["partition"],
            "leader": leader["node"],
            "voters": leader["voters"],
            "learners": leader["learners"],
            "members change": leader["changing"],
        })),
        Part::List("", rows, REPLICAS),
        Part::List("", part("followers"), FOLLOWERS),
        Part::List("", part("sending"), MOVING),
        Part::Lines(said),
    ];
    Ok(Output::Parts { raw, parts })
}

/// Whether replicas that applied equally much are equal.
fn compared(rows: &[Value]) -> String {
    let known: Vec<(&Value, &Value)> = rows
        .iter()
        .map(|row| (&row["digest"]["applied"], &row["digest"]["blake3"]))
        .filter(|(_, hash)| hash.is_string())
        .collect();
    let differ = known
        .iter()
        .any(|(at, hash)| known.iter().any(|(also, other)| at == also && hash != other));
    let same = known.iter().all(|(at, _)| Some(at) == known.first().map(|(at, _)| at));
    match (known.len(), differ, same) {
        (0 | 1, ..) => "there is nothing to compare with".to_owned(),
        (_, true, _) => "THE REPLICAS DIFFER: stop writing to the cluster and report it".to_owned(),
        (n, false, true) => format!("the {n} replicas are equal"),
        (_, false, false) => {
            "no difference, but they were not looked at at the same place; ask again when less is written"
                .to_owned()
        }
    }
}

async fn transfer(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let mut raw =
        session.client.post(&path(&words[0], "transfer"), &json!({ "to": words[1] })).await?;
    let mut shown = raw.clone();
    readable(&mut shown);
    let said = match text(&shown["leader"]) {
        none if none.is_empty() => format!("nobody leads partition {} at the moment", words[0]),
        leader => format!("{leader} leads partition {}", words[0]),
    };
    Ok(Output::done(raw.take(), said))
}

async fn snapshot(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let at = at(words.get(1));
    let mut raw = session.client.act_at(&path(&words[0], "snapshot"), &at).await?;
    if !session.json {
        readable(&mut raw);
    }
    Ok(Output::Facts(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(replicas: &[(u64, &str)], said: &str) {
        let rows: Vec<Value> = replicas
            .iter()
            .map(|(at, hash)| json!({ "digest": { "applied": at, "blake3": hash } }))
            .collect();
        let text = compared(&rows);
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn replicas_are_compared_where_they_can_be() {
        check(&[(5, "a"), (5, "a"), (5, "a")], "the 3 replicas are equal");
        check(&[(5, "a"), (5, "b"), (6, "c")], "DIFFER");
        check(&[(5, "a"), (6, "b")], "not looked at at the same place");
        check(&[(5, "a")], "nothing to compare");
    }
}
