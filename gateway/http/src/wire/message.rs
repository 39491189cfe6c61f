use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use impresario_api::codes::{self, Code};
use impresario_kernel::{Personal, Timestamp};
use impresario_profile::{Call, Message};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{self, Fields};
use super::guard::{self, DEPTH_MAX};
use super::time;

/// Longest message id, in bytes.
pub(crate) const MESSAGE_ID_MAX: usize = 100;
/// Longest user, anonymous, previous or group id, in bytes.
pub(crate) const ID_MAX: usize = 256;
/// Longest event name, in bytes.
pub(crate) const NAME_MAX: usize = 200;

/// Why one event is not taken; it goes to the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static Code,
    pub(crate) detail: String,
    /// The field, as an RFC 6901 pointer into the event.
    pub(crate) pointer: Option<String>,
}

impl Refusal {
    fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), pointer: None }
    }

    fn at(code: &'static Code, field: &str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), pointer: Some(format!("/{field}")) }
    }
}

/// What all events of one request have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common<'a> {
    pub(crate) received: Timestamp,
    /// The batch's `sentAt`, in milliseconds.
    pub(crate) sent_at: Option<i64>,
    /// The batch's `context`, under that of each event.
    pub(crate) context: Option<&'a RawValue>,
    /// The client's address, for events with `context.direct`.
    pub(crate) peer: Option<IpAddr>,
    /// The only user that the credential may speak for.
    pub(crate) user: Option<&'a str>,
    pub(crate) event_bytes_max: usize,
}

/// The call of a `type` field.
pub(crate) fn call(kind: &str) -> Option<Call> {
    Some(match kind {
        "track" => Call::Track,
        "identify" => Call::Identify,
        "page" => Call::Page,
        "screen" => Call::Screen,
        "group" => Call::Group,
        "alias" => Call::Alias,
        _ => return None,
    })
}

/// What decides which call an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The path.
    Call(Call),
    /// The event's `type`.
    ByType,
    /// The event's `type`; without one it is this call.
    TypeOr(Call),
}

/// Entries of one context at most.
const CONTEXT_ENTRIES_MAX: usize = 128;

/// One event's text as a message. `fresh_id` makes the message id if the sender gave none.
pub(crate) fn read(
    text: &str,
    expect: Expect,
    common: &Common<'_>,
    fresh_id: impl FnOnce() -> String,
) -> Result<Message, Refusal> {
    if text.len() > common.event_bytes_max {
        return Err(Refusal::new(
            &codes::EVENT_TOO_LARGE,
            format!("{} bytes, at most {} are allowed", text.len(), common.event_bytes_max),
        ));
    }
    guard::check(text, DEPTH_MAX).map_err(|flaw| Refusal::new(flaw.code, flaw.detail))?;
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::new(&codes::NOT_AN_OBJECT, "an event is a JSON object"));
    }
    let fields = fields::read(text).map_err(|error| {
        let flaw = guard::explain(&error, None);
        Refusal::new(flaw.code, flaw.detail)
    })?;
    build(&fields, expect, common, fresh_id)
}

/// The message of fields that were read from checked text.
fn build(
    fields: &Fields<'_>,
    expect: Expect,
    common: &Common<'_>,
    fresh_id: impl FnOnce() -> String,
) -> Result<Message, Refusal> {
    if let Some(field) = fields.wrong {
        return Err(Refusal::at(
            &codes::FIELD_TYPE_WRONG,
            field,
            format!("{field} has the wrong JSON type"),
        ));
    }
    let call = match (expect, fields.kind.as_deref()) {
        (Expect::Call(call), _) | (Expect::TypeOr(call), None) => call,
        (Expect::ByType | Expect::TypeOr(_), kind) => kind.and_then(call).ok_or_else(|| {
            Refusal::at(
                &codes::TYPE_UNKNOWN,
                "type",
                "expected track, identify, page, screen, group or alias",
            )
        })?,
    };
    let at = happened(fields, common)?;
    let message_id = match &fields.message_id {
        Some(id) if id.len() > MESSAGE_ID_MAX => {
            let detail = format!("a message id has at most {MESSAGE_ID_MAX} bytes");
            return Err(Refusal::at(&codes::MESSAGE_ID_INVALID, "messageId", detail));
        }
        Some(id) => id.clone().into_owned(),
        None => fresh_id(),
    };
    let mut message = Message::new(call, message_id, at, common.received);
    identity(fields, common, &mut message)?;
    named(fields, &mut message)?;
    message.properties = fields.properties.map(owned);
    message.traits = fields.traits.map(owned);
    message.context = context(fields.context, common)?.map(Personal);
    Ok(message)
}

fn owned(json: &RawValue) -> Personal<String> {
    Personal(json.get().to_owned())
}

fn happened(fields: &Fields<'_>, common: &Common<'_>) -> Result<Timestamp, Refusal> {
    let given = match (&fields.original_timestamp, &fields.timestamp) {
        (Some(text), _) => Some(("originalTimestamp", text)),
        (None, Some(text)) => Some(("timestamp", text)),
        (None, None) => None,
    };
    let original = match given {
        None => None,
        Some((field, text)) => Some(time::parse(text).ok_or_else(|| {
            Refusal::at(
                &codes::TIMESTAMP_INVALID,
                field,
                "expected ISO 8601, for example 2026-11-20T12:00:00.000Z",
            )
        })?),
    };
    let sent = fields.sent_at.as_deref().and_then(time::parse).or(common.sent_at);
    time::correct(common.received, sent, original).map_err(|code| {
        let field = given.map_or("timestamp", |(field, _)| field);
        Refusal::at(code, field, "before 1970, or more than a day ahead of the server's clock")
    })
}

fn identity(
    fields: &Fields<'_>,
    common: &Common<'_>,
    message: &mut Message,
) -> Result<(), Refusal> {
    let id = |field: &'static str, value: &Option<Cow<'_, str>>| match value {
        Some(id) if id.len() > ID_MAX => {
            Err(Refusal::at(&codes::ID_INVALID, field, format!("an id has at most {ID_MAX} bytes")))
        }
        Some(id) => Ok(Some(Personal(id.clone().into_owned()))),
        None => Ok(None),
    };
    message.user_id = id("userId", &fields.user_id)?;
    message.anonymous_id = id("anonymousId", &fields.anonymous_id)?;
    message.previous_id = id("previousId", &fields.previous_id)?;
    message.group_id = id("groupId", &fields.group_id)?.map(|id| id.0);
    if let Some(user) = common.user {
        match &message.user_id {
            None => message.user_id = Some(Personal(user.to_owned())),
            Some(given) if given.0 == user => {}
            Some(_) => {
                return Err(Refusal::at(
                    &codes::USER_MISMATCH,
                    "userId",
                    "the token speaks for another user",
                ));
            }
        }
    }
    if message.user_id.is_none() && message.anonymous_id.is_none() {
        return Err(Refusal::new(
            &codes::USER_OR_ANONYMOUS_ID_MISSING,
            "every event needs userId or anonymousId",
        ));
    }
    Ok(())
}

fn named(fields: &Fields<'_>, message: &mut Message) -> Result<(), Refusal> {
    let missing =
        |field| Refusal::at(&codes::FIELD_MISSING, field, format!("this call needs {field}"));
    let (field, name) = match message.call {
        Call::Track => ("event", &fields.event),
        Call::Page | Call::Screen => ("name", &fields.name),
        Call::Identify => return Ok(()),
        Call::Group => {
            return if message.group_id.is_none() { Err(missing("groupId")) } else { Ok(()) };
        }
        Call::Alias if message.previous_id.is_none() => return Err(missing("previousId")),
        Call::Alias if message.user_id.is_none() => return Err(missing("userId")),
        Call::Alias => return Ok(()),
    };
    // Old clients name a page by its category alone.
    let name = name.as_ref().or(if field == "name" { fields.category.as_ref() } else { None });
    match name {
        Some(name) if name.len() <= NAME_MAX => message.name = Some(name.clone().into_owned()),
        None if field == "name" => {}
        _ => {
            let detail = format!("an event name has 1 to {NAME_MAX} bytes");
            return Err(Refusal::at(&codes::EVENT_NAME_INVALID, field, detail));
        }
    }
    Ok(())
}

/// The context to keep: the event's over the batch's, without `library`, which only says which
/// client sent it; with the client's address where `direct` asks for it.
fn context(own: Option<&RawValue>, common: &Common<'_>) -> Result<Option<String>, Refusal> {
    if own.is_none() && common.context.is_none() {
        return Ok(None);
    }
    let broken = |error: serde_json::Error| {
        Refusal::at(&codes::MALFORMED_JSON, "context", error.to_string())
    };
    let mut entries = Entries::default();
    for part in [common.context, own].into_iter().flatten() {
        for (key, value) in serde_json::from_str::<Entries<'_>>(part.get()).map_err(broken)?.0 {
            entries.set(key, value);
        }
    }
    if entries.0.len() > CONTEXT_ENTRIES_MAX {
        let detail = format!("a context has at most {CONTEXT_ENTRIES_MAX} entries");
        return Err(Refusal::at(&codes::FIELD_TOO_LARGE, "context", detail));
    }
    entries.0.retain(|(key, _)| key != "library");
    let direct = entries.get("direct") == Some("true") && entries.get("ip").is_none();
    let peer = common.peer.filter(|_| direct);
    if entries.0.is_empty() {
        return Ok(None);
    }
    let mut text = String::with_capacity(128);
    for (key, value) in &entries.0 {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(&serde_json::to_string(key).map_err(broken)?);
        text.push(':');
        text.push_str(value.get());
    }
    if let Some(peer) = peer {
        text.push_str(&format!(r#","ip":"{peer}""#));
    }
    text.push('}');
    Ok(Some(text))
}

/// The entries of a JSON object in order, values as text; of duplicate keys the last one stays.
#[derive(Default)]
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Entries<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.get())
    }

    fn set(&mut self, key: Cow<'a, str>, value: &'a RawValue) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((key, value)),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Entries::default();
                while let Some(Key(key)) = map.next_key()? {
                    // Bounds the work; the caller refuses what is over the bound.
                    if entries.0.len() > CONTEXT_ENTRIES_MAX {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        entries.set(key, map.next_value()?);
                    }
                }
                Ok(entries)
            }
        }
        reader.deserialize_map(Read)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        reader.deserialize_str(Read)
    }
}
