use std::collections::BTreeMap;

use impresario_calls::Unreadable;
use impresario_messages::{Choice, Content, Event, Inbound};
use serde_json::Value;

use crate::parse::{Room, at_ms, ignored, person, text};

/// An interaction (`payload=<json>`) or a slash command (fields).
pub(crate) fn parse(room: &Room<'_>, raw: &[u8], now_ms: i64) -> Result<Vec<Event>, Unreadable> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(raw).into_owned().collect();
    if let Some(payload) = form.get("payload") {
        let payload: Value =
            serde_json::from_str(payload).map_err(|error| Unreadable(error.to_string()))?;
        return Ok(interaction(room, &payload, now_ms));
    }
    if form.contains_key("ssl_check") {
        return Ok(vec![ignored("ssl_check")]);
    }
    if form.contains_key("command") {
        return Ok(vec![command(room, &form, now_ms)]);
    }
    Err(Unreadable("the form is neither an interaction nor a command".to_owned()))
}

fn interaction(room: &Room<'_>, payload: &Value, now_ms: i64) -> Vec<Event> {
    if !room.is_ours(text(&payload["team"]["id"])) {
        return vec![ignored("other_team")];
    }
    if payload["type"] != "block_actions" {
        return vec![ignored("interaction")];
    }
    let actions = payload["actions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let events: Vec<Event> = actions.iter().map(|it| action(room, payload, it, now_ms)).collect();
    if events.is_empty() { vec![ignored("interaction")] } else { events }
}

fn action(room: &Room<'_>, payload: &Value, action: &Value, now_ms: i64) -> Event {
    let container = &payload["container"];
    let channel = text(&payload["channel"]["id"]).or_else(|| text(&container["channel_id"]));
    let (Some(user), Some(channel)) = (text(&payload["user"]["id"]), channel) else {
        return ignored("no_sender");
    };
    let selected = &action["selected_option"];
    let id = text(&action["value"]).or_else(|| text(&selected["value"]));
    // A button with a URL reports its press, and has no value: nothing to answer.
    let Some(id) = id else { return ignored("link") };
    let title = text(&action["text"]["text"]).or_else(|| text(&selected["text"]["text"]));
    let stamp = text(&payload["message"]["ts"]).or_else(|| text(&container["message_ts"]));
    let thread = text(&payload["message"]["thread_ts"]).or_else(|| text(&container["thread_ts"]));
    let pressed = text(&action["action_ts"]).unwrap_or_default();
    let mut who = person(user, text(&payload["team"]["id"]));
    who.name = text(&payload["user"]["name"]).map(str::to_owned);
    let direct = channel.starts_with('D');
    let extra = [
        ("response_url", text(&payload["response_url"])),
        ("trigger_id", text(&payload["trigger_id"])),
    ];
    Event::Message(Box::new(Inbound {
        id: format!("{channel}:{}:{pressed}", stamp.unwrap_or_default()),
        address: room.address(user, channel, thread.or(stamp.filter(|_| !direct))),
        person: who,
        at_ms: if pressed.is_empty() { now_ms } else { at_ms(pressed) },
        content: Content::Choice(Choice {
            id: id.to_owned(),
            title: title.map_or_else(|| id.to_owned(), |title| room.words(title)),
        }),
        reply_to: stamp.map(|stamp| format!("{channel}:{stamp}")),
        extra: extra
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect(),
    }))
}

fn command(room: &Room<'_>, form: &BTreeMap<String, String>, now_ms: i64) -> Event {
    let get = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if !room.is_ours(get("team_id")) {
        return ignored("other_team");
    }
    let (Some(user), Some(channel)) = (get("user_id"), get("channel_id")) else {
        return ignored("no_sender");
    };
    let mut who = person(user, get("team_id"));
    who.name = get("user_name").map(str::to_owned);
    let extra = ["command", "response_url", "trigger_id"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), get(name)?.to_owned())));
    Event::Message(Box::new(Inbound {
        // A command has no id but its trigger, which is never used twice.
        id: format!("{channel}:{}", get("trigger_id").unwrap_or_default()),
        address: room.address(user, channel, None),
        person: who,
        at_ms: now_ms,
        content: Content::text(room.words(get("text").unwrap_or_default())),
        reply_to: None,
        extra: extra.collect(),
    }))
}
