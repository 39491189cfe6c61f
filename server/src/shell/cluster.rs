//! The cluster at a glance, its settings, its nodes.

use serde_json::{Map, Value, json};

use super::command::Command;
use super::readable::{bytes, readable};
use super::session::{Columns, Fail, Output, Part, Session};
use super::table::text;
use crate::client::segment;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "cluster status",
        "",
        "Nodes, partitions that need attention, what is being moved",
        "cluster status",
        |s, _| Box::pin(status(s)),
    ),
    Command::new(
        "cluster settings",
        "[name=value]…",
        "The cluster's settings; with values, changes them",
        "cluster settings moving_groups_max=2",
        |s, words| Box::pin(settings(s, words)),
    ),
    Command::new(
        "cluster rebalance",
        "",
        "Compute anew where replicas and leaders should be",
        "cluster rebalance",
        |s, _| {
            Box::pin(async {
                let raw = s.client.act("/admin/v1/cluster/rebalance").await?;
                Ok(changed(raw, "the plan is new; `cluster status` shows what moves"))
            })
        },
    )
    .risks("Replicas may move, which costs network and disk."),
    Command::new(
        "cluster recover",
        "<node> <reason> [partition]…",
        "Go on without a lost quorum from what one node holds",
        "cluster recover node-1 \"two machines burnt\" 3",
        |s, words| Box::pin(recover(s, words)),
    )
    .ends(
        "Partitions without a quorum go on from what this node holds alone. Commits that were \
         acknowledged may be missing, and the other replicas are given up.",
    ),
    Command::new("nodes", "", "The members: zone, status, load, version", "nodes", |s, _| {
        Box::pin(nodes(s))
    }),
    Command::new(
        "node drain",
        "<node> [seconds]",
        "Move leaders off a node before it is restarted",
        "node drain node-2",
        |s, words| Box::pin(drain(s, words)),
    ),
    Command::new(
        "node resume",
        "<node>",
        "End a drain, or take a leave back",
        "node resume node-2",
        |s, words| {
            Box::pin(async {
                let raw = s.client.act(&path(&words[0], "resume")).await?;
                Ok(changed(raw, format!("{} holds and leads again", words[0])))
            })
        },
    ),
    Command::new(
        "node leave",
        "<node> [force] [without-majority]",
        "Move everything off a node, for good",
        "node leave node-2",
        |s, words| Box::pin(leave(s, words, &["force", "without-majority"], "leave")),
    )
    .risks("Its replicas move to other nodes, and the node stops when they have."),
    Command::new(
        "node remove",
        "<node> [without-majority]",
        "Give a dead node up; its data folder may never be used again",
        "node remove node-3",
        |s, words| Box::pin(leave(s, words, &["without-majority"], "remove")),
    )
    .ends("The node's data folder will never be let in again, whatever it holds."),
    Command::new(
        "node zone",
        "<node> <zone>",
        "Say where a node stands; replicas are spread over zones",
        "node zone node-2 rack-2",
        |s, words| {
            Box::pin(async {
                let raw =
                    s.client.put(&path(&words[0], "zone"), &json!({ "zone": words[1] })).await?;
                Ok(changed(raw, format!("{} stands in {}", words[0], words[1])))
            })
        },
    ),
    Command::new(
        "peers",
        "[node]",
        "How one node reaches the others: round trip, calls under way",
        "peers node-1",
        |s, words| Box::pin(peers(s, words)),
    ),
];

const NODES: Columns = &[
    ("NODE", "node"),
    ("ZONE", "zone"),
    ("STATUS", "status"),
    ("ANSWERS", "alive"),
    ("LEADS", "leads"),
    ("REPLICAS", "replicas"),
    ("SIZE", "size"),
    ("VERSION", "version"),
    ("ADDRESS", "addr"),
    ("HTTP", "http"),
];
pub(crate) const ATTENTION: Columns = &[
    ("PARTITION", "group"),
    ("LEADER", "leader"),
    ("TERM", "term"),
    ("VOTERS", "voters"),
    ("WANTED", "/wanted/voters"),
    ("LAG", "lag_max"),
    ("WHY", "why"),
];
pub(crate) const WORKS: Columns =
    &[("SINCE", "since"), ("PARTITION", "group"), ("STEP", "step"), ("WHY", "why")];
const RECOVERIES: Columns = &[
    ("AT", "at"),
    ("PARTITION", "group"),
    ("KEPT", "kept"),
    ("LOST", "lost"),
    ("REASON", "reason"),
];
const PEERS: Columns = &[
    ("NODE", "node"),
    ("CONNECTED", "connected"),
    ("ALIVE", "alive"),
    ("RTT US", "rtt_us"),
    ("UNDER WAY", "in_flight"),
    ("ADDRESS", "addr"),
    ("WHY NOT", "why"),
];
/// A replica that is so many entries behind deserves a look.
const LAG: u64 = 1_000;

fn path(node: &str, act: &str) -> String {
    format!("/admin/v1/nodes/{}/{act}", segment(node))
}

fn changed(raw: Value, words: impl Into<String>) -> Output {
    let words = words.into();
    let words =
        if raw["changed"] == false { format!("{words} (it was so already)") } else { words };
    Output::done(raw, words)
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The nodes that are members now.
pub(crate) fn members(status: &Value) -> Vec<Value> {
    let mut nodes = list(&status["nodes"]);
    nodes.retain(|node| !matches!(node["status"].as_str(), Some("left" | "removed")));
    nodes
}

/// The nodes as rows to show.
fn node_rows(status: &Value) -> Vec<Value> {
    let mut rows = list(&status["nodes"]);
    for row in &mut rows {
        row["size"] = bytes(row["bytes"].as_u64().unwrap_or(0)).into();
        readable(row);
    }
    rows
}

/// The partitions that are not as they should be, and why.
pub(crate) fn attention(status: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    for group in list(&status["groups"]) {
        let lag_max =
            group["lag"].as_object().into_iter().flatten().filter_map(|(_, lag)| lag.as_u64());
        let lag_max = lag_max.max().unwrap_or(0);
        let why = if group["leader"].is_null() {
            "nobody leads it"
        } else if group["changing"] == true {
            "its members change"
        } else if group["voters"] != group["wanted"]["voters"] {
            "it is not where it should be"
        } else if lag_max >= LAG {
            "a replica is behind"
        } else {
            continue;
        };
        let mut row = group;
        row["lag_max"] = lag_max.into();
        row["why"] = why.into();
        readable(&mut row);
        rows.push(row);
    }
    rows
}

async fn status(session: &Session) -> Result<Output, Fail> {
    let raw = session.client.get("/admin/v1/cluster", &[]).await?;
    let groups = list(&raw["groups"]);
    let led = groups.iter().filter(|group| !group["leader"].is_null()).count();
    let nodes = members(&raw);
    let alive = nodes.iter().filter(|node| node["alive"] == true).count();
    let mut asked = json!({ "asked": raw["asked"] });
    readable(&mut asked);
    let facts = json!({
        "cluster": raw["cluster"],
        "asked": asked["asked"],
        "nodes": format!("{alive} of {} answer", nodes.len()),
        "partitions": format!("{led} of {} are led (the last is the system's own)", groups.len()),
        "replicas": raw["settings"]["replicas"],
    });
    let (mut works, mut recoveries) = (raw["works"].clone(), raw["recoveries"].clone());
    readable(&mut works);
    readable(&mut recoveries);
    let attention = attention(&raw);
    let well = attention.is_empty() && alive == nodes.len() && works == json!([]);
    let silent: Vec<String> = nodes
        .iter()
        .filter(|node| node["alive"] != true)
        .map(|node| {
            format!(
                "node-{} does not answer: start it again; if it is gone for good, `node remove node-{}`",
                node["node"], node["node"]
            )
        })
        .collect();
    let parts = vec![
        Part::Facts(facts),
        Part::List("", node_rows(&raw), NODES),
        Part::Lines(silent),
        Part::List("NEEDS ATTENTION", attention, ATTENTION),
        Part::List("UNDER WAY", list(&works), WORKS),
        Part::List("RECOVERIES FROM A LOST QUORUM", list(&recoveries), RECOVERIES),
        Part::Lines(if well { vec!["all is well".to_owned()] } else { Vec::new() }),
    ];
    Ok(Output::Parts { raw, parts })
}

async fn nodes(session: &Session) -> Result<Output, Fail> {
    let raw = session.client.get("/admin/v1/cluster", &[]).await?;
    let rows = node_rows(&raw);
    Ok(Output::List { raw: raw["nodes"].clone(), rows, columns: NODES })
}

async fn settings(session: &Session, words: &[String]) -> Result<Output, Fail> {
    if words.is_empty() {
        let raw = session.client.get("/admin/v1/cluster", &[]).await?;
        return Ok(Output::Facts(raw["settings"].clone()));
    }
    let mut patch = Map::new();
    for word in words {
        let (name, value) = word
            .split_once('=')
            .and_then(|(name, value)| Some((name, value.parse::<u64>().ok()?)))
            .ok_or_else(|| {
                Fail::Usage(format!("{word:?} is no setting: write name=number, as replicas=3"))
            })?;
        patch.insert(name.to_owned(), value.into());
    }
    let raw = session.client.patch("/admin/v1/cluster/settings", &Value::Object(patch)).await?;
    Ok(Output::Facts(raw))
}

async fn recover(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let mut order = json!({
        "node": words[0],
        "reason": words[1],
        // The person was asked just now, or said --yes.
        "i_know_that_acknowledged_commits_may_be_missing": true,
    });
    if words.len() > 2 {
        let partitions: Result<Vec<u16>, _> = words[2..].iter().map(|word| word.parse()).collect();
        let partitions =
            partitions.map_err(|_| Fail::Usage("a partition is named by its number".to_owned()))?;
        order["groups"] = json!(partitions);
    }
    let mut raw = session.client.post("/admin/v1/cluster/recover", &order).await?;
    if !session.json {
        readable(&mut raw);
    }
    Ok(Output::Facts(raw))
}

async fn drain(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let seconds = super::session::number(words.get(1), 30, 50)?;
    let within_ms = seconds.parse::<u64>().unwrap_or(30) * 1_000;
    let order = json!({ "within_ms": within_ms });
    let raw = session.client.post(&path(&words[0], "drain"), &order).await?;
    let left = raw["still_leads"].as_array().map_or(0, Vec::len);
    let words = match left {
        0 => format!("{} leads nothing: it can be restarted", words[0]),
        _ => format!("{} still leads {}; the drain goes on", words[0], text(&raw["still_leads"])),
    };
    Ok(Output::done(raw, words))
}

async fn leave(
    session: &Session,
    words: &[String],
    known: &[&str],
    act: &str,
) -> Result<Output, Fail> {
    let insisted = &words[1..];
    if let Some(other) = insisted.iter().find(|word| !known.contains(&word.as_str())) {
        let known = known.join(" or ");
        return Err(Fail::Usage(format!("{other:?} is not understood here; write {known}")));
    }
    let says = |word: &str| insisted.iter().any(|one| one == word);
    let order = json!({ "force": says("force"), "without_majority": says("without-majority") });
    let mut raw = session.client.post(&path(&words[0], act), &order).await?;
    let mut said = match act {
        "leave" => format!("{} leaves; `watch nodes` shows when it is gone", words[0]),
        _ => format!("{} is given up; its replicas are replaced", words[0]),
    };
    if says("without-majority") {
        let warning = "partitions without a majority stand still until `cluster recover`";
        raw["warning"] = warning.into();
        said = format!("{said}\nWARNING: {warning}");
    }
    Ok(changed(raw, said))
}

async fn peers(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let mut raw = session.client.get("/admin/v1/peers", &super::node::at(words.first())).await?;
    if !session.json {
        readable(&mut raw);
    }
    Ok(Output::list(raw, "peers", PEERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_needs_attention() {
        let group = |voters: Value, leader: Value, lag: u64| {
            json!({
                "group": 1, "leader": leader, "term": 4, "voters": voters, "changing": false,
                "wanted": { "voters": [1, 2, 3] }, "lag": { "2": lag },
            })
        };
        let status = json!({ "groups": [
            group(json!([1, 2, 3]), json!(1), 0),
            group(json!([1, 2, 4]), json!(1), 0),
            group(json!([1, 2, 3]), Value::Null, 0),
            group(json!([1, 2, 3]), json!(1), 5_000),
        ] });
        let why: Vec<String> = attention(&status).iter().map(|row| text(&row["why"])).collect();
        assert_eq!(why, ["it is not where it should be", "nobody leads it", "a replica is behind"]);
    }
}
