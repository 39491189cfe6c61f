//! What the server, the provider and the platform have at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use impresario_farm::{Ending, Entry};
use serde_json::Value;

use super::bursts::{Burst, Channel};
use super::client::{room, user};
use super::oracle::{PaidCall, Record, Shown, Talk, marks};
use super::scene::{CHAT, POST, Scene};
use crate::Api;

/// Reads everything.
pub(super) async fn look(scene: &Scene, bursts: &[Arc<Burst>]) -> Result<Record> {
    let mut by_user = conversations(&scene.api).await?;
    let log = scene.farm.farm.log();
    let mut talks = Vec::new();
    for burst in bursts {
        let shown = by_user.remove(&user(burst.talk)).unwrap_or_default();
        let mut talk = talk(&shown)?;
        if burst.channel == Channel::Slack {
            talk.posted = posted(&log, &room(burst.talk));
        }
        talks.push((Burst::clone(burst), talk));
    }
    let calls = log.iter().filter(|entry| entry.path.contains(CHAT)).map(paid).collect();
    Ok(Record { windows: scene.windows, talks, calls })
}

/// All conversations by the customer's id.
///
/// # Errors
/// If they are not shown.
pub async fn conversations(api: &Api) -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for id in ids(api).await? {
        let shown = api.get(&format!("/api/v1/conversations/{id}?limit=200")).await?.ok()?;
        let user = shown["address"]["user"].as_str().context("a user")?.to_owned();
        found.insert(user, shown);
    }
    Ok(found)
}

async fn ids(api: &Api) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/api/v1/conversations?limit=200{cursor}")).await?.ok()?;
        let rows = page["items"].as_array().context("a list of conversations")?;
        ids.extend(rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(ids),
        }
    }
}

fn talk(shown: &Value) -> Result<Talk> {
    let messages = shown["messages"].as_array().cloned().unwrap_or_default();
    let mut found =
        messages.iter().map(message).collect::<Result<Vec<Shown>>>().context("a message")?;
    found.sort_by_key(|shown| shown.seq);
    let put_off = shown["unanswered"].as_array().cloned().unwrap_or_default();
    Ok(Talk {
        shown: found,
        put_off: put_off.iter().map(|one| one["question"].to_string()).collect(),
        is_busy: is_busy(shown) || shown["status"] != "bot",
        posted: Vec::new(),
    })
}

/// Whether something waits or is worked on.
pub(super) fn is_busy(shown: &Value) -> bool {
    shown["thinking"] != false || shown["collecting"] != 0
}

fn message(message: &Value) -> Result<Shown> {
    let received = message["received"].as_str().context("a time")?;
    let received: jiff::Timestamp = received.parse().context("a time")?;
    let contents = message["content"].as_array().cloned().unwrap_or_default();
    let texts: Vec<&str> = contents.iter().filter_map(|one| one["text"].as_str()).collect();
    Ok(Shown {
        seq: message["seq"].as_u64().context("a number")?,
        id: message["id"].as_str().unwrap_or_default().to_owned(),
        is_customers: message["from"] == "customer",
        received_ms: received.as_millisecond(),
        turn: message["turn"].as_u64().and_then(|turn| u32::try_from(turn).ok()),
        text: texts.join("\n"),
    })
}

fn posted(log: &[Entry], room: &str) -> Vec<(String, u64)> {
    let posts = log.iter().filter(|entry| entry.path.contains(POST)).map(Entry::json);
    posts
        .filter(|post| post["channel"] == room)
        .map(|post| {
            let payload = &post["metadata"]["event_payload"];
            let id = payload["id"].as_str().unwrap_or_default().to_owned();
            (id, payload["part"].as_u64().unwrap_or(0))
        })
        .collect()
}

/// A call, with what is asked: the lines under `MESSAGES`.
fn paid(entry: &Entry) -> PaidCall {
    let body = entry.json();
    let turns = body["messages"].as_array().cloned().unwrap_or_default();
    let told = turns.iter().filter_map(|turn| turn["content"].as_str());
    let asked = told.filter_map(|text| text.split_once("MESSAGES\n")).map(|(_, lines)| lines);
    let marks: Vec<(usize, usize)> = asked.flat_map(marks).collect();
    PaidCall {
        name: entry.request_id.clone(),
        talk: marks.first().map_or(usize::MAX, |(talk, _)| *talk),
        messages: marks.iter().map(|(_, message)| *message).collect(),
        is_answered: entry.ending == Ending::Finished,
    }
}
