//! What a message must be like to become part of a profile.

use std::borrow::Cow;

use impresario_kernel::Personal;
use impresario_rules::micros;
use serde_json::{Map, Value};

use super::sound::is_json;
use crate::counters::Orders;
use crate::event::Preference;
use crate::facts::{Facts, Text};
use crate::{
    CONSENTS_MAX, Call, DEPTH_MAX, GROUPS_MAX, JSON_BYTES_MAX, JSON_DEPTH_MAX, Message, Rejection,
    TRAITS_BYTES_MAX, TRAITS_MAX,
};

const MESSAGE_ID_MAX: usize = 100;
const ID_MAX: usize = 256;
const NAME_MAX: usize = 200;
const TRAIT_NAME_MAX: usize = 128;
const PAGE_MAX: usize = 200;
const EXTERNAL_IDS_MAX: usize = 20;
const PURPOSE_MAX: usize = 64;

/// The form of a message, whatever profile it reaches.
pub(super) fn form(message: &Message) -> Result<(), Rejection> {
    if message.message_id.is_empty() || message.message_id.len() > MESSAGE_ID_MAX {
        return Err(Rejection::MessageIdInvalid);
    }
    let text = |id: &Option<Personal<String>>| id.as_ref().map_or(1, |id| id.0.len());
    for (field, length) in [
        ("userId", text(&message.user_id)),
        ("anonymousId", text(&message.anonymous_id)),
        ("previousId", text(&message.previous_id)),
        ("groupId", message.group_id.as_ref().map_or(1, String::len)),
    ] {
        if length == 0 || length > ID_MAX {
            return Err(Rejection::IdInvalid { field: field.into() });
        }
    }
    call(message)?;
    object("properties", message.properties.as_ref(), JSON_DEPTH_MAX)?;
    object("traits", message.traits.as_ref(), DEPTH_MAX + 1)?;
    object("context", message.context.as_ref(), JSON_DEPTH_MAX)
}

fn call(message: &Message) -> Result<(), Rejection> {
    let name = message.name.as_deref().unwrap_or_default();
    match message.call {
        Call::Track if name.is_empty() => Err(Rejection::EventNameInvalid),
        Call::Group if message.group_id.is_none() => {
            Err(Rejection::FieldMissing { field: Cow::Borrowed("groupId") })
        }
        Call::Alias if message.previous_id.is_none() => {
            Err(Rejection::FieldMissing { field: Cow::Borrowed("previousId") })
        }
        Call::Alias if message.user_id.is_none() => {
            Err(Rejection::FieldMissing { field: Cow::Borrowed("userId") })
        }
        Call::Identify | Call::Track | Call::Page | Call::Screen | Call::Group | Call::Alias => {
            if name.len() > NAME_MAX {
                Err(Rejection::EventNameInvalid)
            } else {
                Ok(())
            }
        }
    }
}

fn object(
    field: &'static str,
    text: Option<&Personal<String>>,
    max: usize,
) -> Result<(), Rejection> {
    let Some(Personal(text)) = text else { return Ok(()) };
    if text.len() > JSON_BYTES_MAX {
        return Err(Rejection::TooLarge {
            field: field.into(),
            bytes: text.len(),
            max: JSON_BYTES_MAX,
        });
    }
    // Depth first: the parser's own bound is a different one.
    if depth(text) > max {
        return Err(Rejection::TooDeep { field: field.into(), max });
    }
    let is_object = text.trim_ascii_start().starts_with('{') && is_json(text);
    if is_object { Ok(()) } else { Err(Rejection::NotAnObject { field: field.into() }) }
}

/// How deep brackets nest outside of strings. Right for JSON, harmless for anything else.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether the profile has room for what the message adds. Not asked of forwarded messages: they
/// were accepted once and may not be lost.
pub(super) fn room(facts: &Facts, message: &Message) -> Result<(), Rejection> {
    match message.call {
        Call::Identify => traits(facts, message),
        Call::Group => {
            let known = |id: &str| facts.groups.iter().any(|group| &*group.id == id);
            let new = message.group_id.as_deref().is_some_and(|id| !known(id));
            if new && facts.groups.len() >= GROUPS_MAX {
                return Err(Rejection::GroupsTooMany { max: GROUPS_MAX });
            }
            Ok(())
        }
        Call::Track | Call::Page | Call::Screen | Call::Alias => Ok(()),
    }
}

fn traits(facts: &Facts, message: &Message) -> Result<(), Rejection> {
    let Some(Personal(text)) = &message.traits else { return Ok(()) };
    let new: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    if new.keys().any(|name| name.is_empty() || name.len() > TRAIT_NAME_MAX) {
        return Err(Rejection::TraitNameInvalid);
    }
    let kept = || facts.traits().filter(|one| !new.contains_key(&*one.name));
    let set = || new.iter().filter(|(_, value)| !value.is_null());
    if kept().count() + set().count() > TRAITS_MAX {
        return Err(Rejection::TraitsTooMany { max: TRAITS_MAX });
    }
    let bytes = kept().map(crate::facts::Trait::size).sum::<usize>()
        + set().map(|(name, value)| name.len() + value.to_string().len()).sum::<usize>();
    if bytes > TRAITS_BYTES_MAX {
        return Err(Rejection::TraitsTooLarge { max: TRAITS_BYTES_MAX });
    }
    Ok(())
}

/// What an order brought, in millionths, with its sign. An amount that is missing, not a number or
/// absurd counts as nothing.
pub(super) fn revenue(message: &Message, properties: &Value) -> Option<i64> {
    let sign = Orders::sign(message.label()).filter(|_| message.call == Call::Track)?;
    let amount =
        ["revenue", "total", "value"].iter().find_map(|key| micros(properties.get(key)?))?;
    // A refund is a refund, whether it is sent as 5 or as -5.
    let amount = if sign < 0 { amount.abs() } else { amount };
    i64::try_from(amount).ok().map(|amount| amount.saturating_mul(sign))
}

/// What the session shows as its entry or exit.
pub(super) fn page(message: &Message, properties: &Value) -> Option<Text> {
    match message.call {
        Call::Page | Call::Screen => {}
        Call::Identify | Call::Track | Call::Group | Call::Alias => return None,
    }
    let text =
        |key: &str| properties.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let page = text("path")
        .or_else(|| text("url"))
        .or(message.name.as_deref())
        .or_else(|| text("name"))?;
    Some(Personal(page[..page.floor_char_boundary(PAGE_MAX)].into()))
}

/// `context.consent.categoryPreferences`: whether the person allows each purpose. Other shapes of
/// `context.consent` are not ours to read; this one, if it is there, must be right, because a word
/// that is lost may be a withdrawal.
pub(super) fn preferences(message: &Message) -> Result<Vec<Preference>, Rejection> {
    const FIELD: &str = "categoryPreferences";
    const WRONG: Rejection = Rejection::ConsentInvalid { field: Cow::Borrowed(FIELD) };
    let text = message.context.as_ref().map_or("", |context| &context.0);
    if !text.contains(FIELD) {
        return Ok(Vec::new());
    }
    let context: Value = serde_json::from_str(text).unwrap_or_default();
    let given = context.get("consent").and_then(|consent| consent.get(FIELD));
    let given = match given {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(given) => given.as_object().ok_or(WRONG)?,
    };
    if given.len() > CONSENTS_MAX {
        return Err(Rejection::ConsentsTooMany { max: CONSENTS_MAX });
    }
    let one = |(purpose, granted): (&String, &Value)| match granted.as_bool() {
        Some(granted) if (1..=PURPOSE_MAX).contains(&purpose.len()) => {
            Ok(Preference { purpose: purpose.as_str().into(), granted })
        }
        _ => Err(WRONG),
    };
    given.iter().map(one).collect()
}

/// Whether the profile has room for what a message says about consent.
pub(super) fn room_for_consents(facts: &Facts, new: &[Preference]) -> Result<(), Rejection> {
    let Some(known) = facts.consents().filter(|_| !new.is_empty()) else { return Ok(()) };
    let added = new.iter().filter(|one| known.in_force(&one.purpose).is_none()).count();
    if added > 0 && known.current().len() + added > CONSENTS_MAX {
        return Err(Rejection::ConsentsTooMany { max: CONSENTS_MAX });
    }
    Ok(())
}

/// `context.externalIds` as `type:id`.
pub(super) fn external_ids(message: &Message) -> Vec<Text> {
    let text = message.context.as_ref().map_or("", |context| &context.0);
    if !text.contains("\"externalIds\"") {
        return Vec::new();
    }
    let context: Value = serde_json::from_str(text).unwrap_or_default();
    let list = context.get("externalIds").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let one = |entry: &Value| {
        let (kind, id) = (entry.get("type")?.as_str()?, entry.get("id")?.as_str()?);
        let fits = !kind.is_empty() && !id.is_empty() && kind.len() + id.len() < ID_MAX;
        fits.then(|| Personal(format!("{kind}:{id}").into_boxed_str()))
    };
    list.iter().filter_map(one).take(EXTERNAL_IDS_MAX).collect()
}
