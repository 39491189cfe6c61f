use impresario_calls::Unreadable;
use impresario_messages::{Choice, Content, Event, Inbound};
use serde_json::{Value, json};

use crate::message::{address, ignored, made_ms, person, text};

/// An interaction, read: what to answer at once, and what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The body of the answer within three seconds, as JSON with status 200.
    pub answer: String,
    /// What was said. The interaction's token is in the extras (`interaction.token`): whoever has it
    /// can answer for 15 minutes, so it is kept like a secret.
    pub events: Vec<Event>,
}

/// Reads an interaction whose signature is right.
///
/// # Errors
/// If the body is not JSON with an interaction's type.
pub fn parse(connection: &str, raw: &[u8]) -> Result<Parsed, Unreadable> {
    let body: Value = serde_json::from_slice(raw).map_err(|error| Unreadable(error.to_string()))?;
    let Some(kind) = body["type"].as_u64() else {
        return Err(Unreadable("the interaction has no type".to_owned()));
    };
    let data = &body["data"];
    // 5: "is thinking"; 6: nothing to see, an answer follows; 8: choices while typing.
    let (answer, content) = match kind {
        1 => (json!({ "type": 1 }), None),
        2 => (json!({ "type": 5 }), Some(command(data))),
        3 => (json!({ "type": 5 }), component(&body)),
        4 => (json!({ "type": 8, "data": { "choices": [] } }), None),
        5 => (json!({ "type": 5 }), Some(form(data))),
        _ => (json!({ "type": 6 }), None),
    };
    let event = match content {
        Some(content) => said(connection, &body, content),
        None if kind == 1 => ignored("ping"),
        None => ignored("interaction"),
    };
    Ok(Parsed { answer: answer.to_string(), events: vec![event] })
}

fn said(connection: &str, body: &Value, content: Content) -> Event {
    // In a guild the person is a member, in a direct talk a user.
    let user = if body["member"].is_object() { &body["member"]["user"] } else { &body["user"] };
    let channel = text(&body["channel_id"]).or_else(|| text(&body["channel"]["id"]));
    let (Some(id), Some(who), Some(channel)) = (text(&body["id"]), text(&user["id"]), channel)
    else {
        return ignored("no_sender");
    };
    let extra = [
        ("interaction.token", text(&body["token"])),
        ("interaction.id", text(&body["id"])),
        ("guild_id", text(&body["guild_id"])),
        ("locale", text(&body["locale"])),
        ("command", text(&body["data"]["name"])),
    ];
    Event::Message(Box::new(Inbound {
        id: id.to_owned(),
        address: address(connection, who, channel),
        person: person(user),
        at_ms: made_ms(id),
        content,
        reply_to: text(&body["message"]["id"]).map(str::to_owned),
        extra: extra
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect(),
    }))
}

/// The options of a command as words, the deepest first option's value alone if it is the only one.
fn command(data: &Value) -> Content {
    let mut words = Vec::new();
    gather(&data["options"], 0, &mut words);
    Content::text(words.join(" "))
}

fn gather(options: &Value, depth: u8, words: &mut Vec<String>) {
    // Sub-commands are at most two deep.
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    for option in options.iter().filter(|_| depth < 3) {
        match &option["value"] {
            Value::Null => gather(&option["options"], depth + 1, words),
            Value::String(text) => words.push(text.clone()),
            other => words.push(other.to_string()),
        }
    }
}

/// A button that was pressed or an option that was chosen, with the title that the person saw.
fn component(body: &Value) -> Option<Content> {
    let data = &body["data"];
    let pressed = text(&data["custom_id"])?;
    let chosen = data["values"].as_array().and_then(|values| values.first()).and_then(text);
    let id = chosen.unwrap_or(pressed);
    let title = title_of(&body["message"]["components"], id, 0);
    Some(Content::Choice(Choice { id: id.to_owned(), title: title.unwrap_or(id).to_owned() }))
}

fn title_of<'a>(components: &'a Value, id: &str, depth: u8) -> Option<&'a str> {
    let all = components.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|_| depth < 4).find_map(|component| {
        if component["custom_id"] == id {
            return text(&component["label"]);
        }
        let options = component["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        options
            .iter()
            .find(|option| option["value"] == id)
            .and_then(|option| text(&option["label"]))
            .or_else(|| title_of(&component["components"], id, depth + 1))
    })
}

/// What was written into a form.
fn form(data: &Value) -> Content {
    let mut values = Vec::new();
    fields(&data["components"], 0, &mut values);
    Content::text(values.join("\n"))
}

fn fields(components: &Value, depth: u8, values: &mut Vec<String>) {
    let all = components.as_array().map(Vec::as_slice).unwrap_or_default();
    for component in all.iter().filter(|_| depth < 4) {
        values.extend(text(&component["value"]).map(str::to_owned));
        fields(&component["components"], depth + 1, values);
        // A label holds one component of its own.
        if component["component"].is_object() {
            values.extend(text(&component["component"]["value"]).map(str::to_owned));
        }
    }
}
