use impresario_calls::Unreadable;
use impresario_messages::{
    Address, Channel, Content, Delivery, Event, Fault, Inbound, Person, StatusUpdate,
};
use serde_json::Value;

use crate::parse_content::{contents, extras};

/// Everything in a webhook, in order. `phone_number_id` is the connection's: what is for another
/// number of the same account is ignored.
///
/// # Errors
/// If the body is not JSON of Meta's form; parts that are not known are ignored instead.
pub fn parse(
    connection: &str,
    phone_number_id: &str,
    raw: &[u8],
) -> Result<Vec<Event>, Unreadable> {
    let body: Value = serde_json::from_slice(raw).map_err(|error| Unreadable(error.to_string()))?;
    if body["object"] != "whatsapp_business_account" {
        return Ok(vec![Event::Ignored { reason: "object" }]);
    }
    let mut events = Vec::new();
    for change in items(&body["entry"]).flat_map(|entry| items(&entry["changes"])) {
        let value = &change["value"];
        let number = text(&value["metadata"]["phone_number_id"]);
        let room = Room { connection, phone_number_id };
        match change["field"].as_str() {
            _ if number.is_some_and(|number| number != phone_number_id) => {
                events.push(Event::Ignored { reason: "other_number" });
            }
            Some("messages") => room.messages(value, &mut events),
            Some("user_preferences") => room.preferences(value, &mut events),
            _ => events.push(Event::Ignored { reason: "field" }),
        }
    }
    if events.is_empty() {
        events.push(Event::Ignored { reason: "empty" });
    }
    Ok(events)
}

pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text that is there and not empty.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Meta writes seconds since 1970, mostly as text.
fn at_ms(value: &Value) -> i64 {
    let seconds = match value {
        Value::String(text) => text.parse().unwrap_or(0),
        other => other.as_i64().unwrap_or(0),
    };
    seconds.saturating_mul(1_000)
}

struct Room<'a> {
    connection: &'a str,
    phone_number_id: &'a str,
}

impl Room<'_> {
    fn address(&self, user: &str) -> Address {
        Address {
            channel: Channel::WhatsApp,
            connection: self.connection.to_owned(),
            user: user.to_owned(),
            thread: self.phone_number_id.to_owned(),
        }
    }

    fn messages(&self, value: &Value, events: &mut Vec<Event>) {
        for message in items(&value["messages"]) {
            self.message(message, value, events);
        }
        for status in items(&value["statuses"]) {
            events.push(self.status(status));
        }
        for _error in items(&value["errors"]) {
            events.push(Event::Ignored { reason: "platform_error" });
        }
    }

    fn message(&self, message: &Value, value: &Value, events: &mut Vec<Event>) {
        let phone = text(&message["from"]);
        let scoped = text(&message["from_user_id"]).or_else(|| {
            // Older payloads have it beside the profile only.
            let mut contacts = items(&value["contacts"]);
            let contact = contacts.find(|contact| text(&contact["wa_id"]) == phone)?;
            text(&contact["user_id"])
        });
        let (Some(id), Some(user)) = (text(&message["id"]), scoped.or(phone)) else {
            events.push(Event::Ignored { reason: "no_sender" });
            return;
        };
        let at_ms = at_ms(&message["timestamp"]);
        if message["type"] == "system" {
            events.push(self.moved(&message["system"], user, at_ms));
            return;
        }
        let person = person(phone, scoped, value);
        let extra = extras(message);
        for (index, content) in contents(message).into_iter().enumerate() {
            // The second and later cards of one message need ids of their own.
            let id = if index == 0 { id.to_owned() } else { format!("{id}#{index}") };
            events.push(Event::Message(Box::new(Inbound {
                id,
                address: self.address(user),
                person: person.clone(),
                at_ms,
                content,
                reply_to: text(&message["context"]["id"]).map(str::to_owned),
                extra: extra.clone(),
            })));
        }
    }

    /// A person changed their number; with it Meta changes the business-scoped id.
    fn moved(&self, system: &Value, user: &str, at_ms: i64) -> Event {
        let next = ["user_id", "new_user_id", "wa_id", "new_wa_id"]
            .iter()
            .find_map(|name| text(&system[*name]));
        match next {
            Some(next) if next != user => {
                Event::Moved { from: self.address(user), to: self.address(next), at_ms }
            }
            _ => Event::Ignored { reason: "system" },
        }
    }

    fn status(&self, status: &Value) -> Event {
        let state = match status["status"].as_str() {
            Some("sent") => Delivery::Sent,
            Some("delivered") => Delivery::Delivered,
            Some("read" | "played") => Delivery::Read,
            Some("failed") => Delivery::Failed,
            _ => return Event::Ignored { reason: "status" },
        };
        let mut ours = text(&status["biz_opaque_callback_data"]).unwrap_or_default().splitn(3, '#');
        let outgoing_id = ours.next().filter(|id| !id.is_empty()).map(str::to_owned);
        let part = ours.next().and_then(|part| part.parse().ok());
        let user = ours
            .next()
            .filter(|user| !user.is_empty())
            .or_else(|| text(&status["recipient_user_id"]))
            .or_else(|| text(&status["recipient_id"]));
        let (Some(id), Some(user)) = (text(&status["id"]), user) else {
            return Event::Ignored { reason: "status" };
        };
        let error = items(&status["errors"]).next().map(|error| Fault {
            code: error["code"].as_i64().map_or_else(String::new, |code| code.to_string()),
            detail: text(&error["error_data"]["details"])
                .or_else(|| text(&error["message"]))
                .or_else(|| text(&error["title"]))
                .unwrap_or_default()
                .to_owned(),
        });
        Event::Status(StatusUpdate {
            platform_id: id.to_owned(),
            address: self.address(user),
            status: state,
            at_ms: at_ms(&status["timestamp"]),
            error,
            outgoing_id,
            part,
            extra: charges(status),
        })
    }

    fn preferences(&self, value: &Value, events: &mut Vec<Event>) {
        for wish in items(&value["user_preferences"]) {
            let user = text(&wish["user_id"]).or_else(|| text(&wish["wa_id"]));
            let stopped = match wish["value"].as_str() {
                Some("stop") => Some(true),
                Some("resume") => Some(false),
                _ => None,
            };
            events.push(match (user, stopped) {
                (Some(user), Some(stopped)) => Event::Consent {
                    address: self.address(user),
                    stopped,
                    at_ms: at_ms(&wish["timestamp"]),
                },
                _ => Event::Ignored { reason: "preference" },
            });
        }
    }
}

fn person(phone: Option<&str>, scoped: Option<&str>, value: &Value) -> Person {
    let contact = items(&value["contacts"]).find(|contact| {
        (phone.is_some() && text(&contact["wa_id"]) == phone)
            || (scoped.is_some() && text(&contact["user_id"]) == scoped)
    });
    let profile = contact.map(|contact| &contact["profile"]);
    let field = |name: &str| profile.and_then(|profile| text(&profile[name])).map(str::to_owned);
    let mut external = Vec::new();
    let mut add = |kind: &str, id: Option<&str>| {
        external.extend(id.map(|id| (kind.to_owned(), id.to_owned())));
    };
    add("whatsapp_bsuid", scoped);
    add("whatsapp_id", phone);
    add("whatsapp_username", field("username").as_deref());
    Person {
        name: field("name"),
        phone: phone.map(|phone| format!("+{}", phone.trim_start_matches('+'))),
        email: None,
        external,
        verified: true,
    }
}

/// What Meta will charge for: since October 2026 each message, so the price is part of the report.
fn charges(status: &Value) -> Vec<(String, String)> {
    let mut extra = Vec::new();
    for (group, name) in [
        ("pricing", "billable"),
        ("pricing", "category"),
        ("pricing", "pricing_model"),
        ("pricing", "type"),
        ("conversation", "id"),
    ] {
        let value = match &status[group][name] {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        extra.push((format!("{group}.{name}"), value));
    }
    extra
}

/// The content of a kind that this release does not know.
pub(crate) fn unknown(kind: &str) -> Vec<Content> {
    vec![Content::Unsupported { kind: kind.to_owned() }]
}
