use impresario_kernel::Personal;
use serde::de::IgnoredAny;

use super::{Context, Decided, changed, refuse_if_any, unchanged};
use crate::rejection::{Problem, Subject};
use crate::{Collection, Event, Rejection, State, settings};

const CONFIG_BYTES_MAX: usize = 64 * 1_024;
const SETTINGS_BYTES_MAX: usize = 16 * 1_024;
/// Connections of a tenant, whatever its plan.
const CONNECTIONS_MAX: u64 = 100;
/// Collections with settings of a tenant, whatever its plan.
const COLLECTIONS_MAX: usize = 50;
const FIELDS_MAX: usize = 50;

pub(super) fn configure(state: &State, config: String, ctx: &Context<'_>) -> Decided {
    let mut problems = Vec::new();
    object_problems("", &config, CONFIG_BYTES_MAX, &mut problems);
    refuse_if_any(Subject::Assistant, problems)?;
    if state.assistant().is_some_and(|known| known.config == config) {
        return Ok(unchanged(state));
    }
    Ok(changed(state, Event::AssistantConfigured { config, at: ctx.now }))
}

pub(super) fn put(
    state: &State,
    name: String,
    kind: String,
    settings: Personal<String>,
    ctx: &Context<'_>,
) -> Decided {
    let mut problems = Vec::new();
    name_problems("/name", &name, &mut problems);
    name_problems("/kind", &kind, &mut problems);
    object_problems("/settings", &settings.0, SETTINGS_BYTES_MAX, &mut problems);
    refuse_if_any(Subject::Connection, problems)?;
    match state.connection(&name) {
        Some(known) if known.kind == kind && known.settings == settings => {
            return Ok(unchanged(state));
        }
        Some(_) => {}
        None => super::within("connections", state.connections().count(), CONNECTIONS_MAX)?,
    }
    Ok(changed(state, Event::ConnectionPut { name, kind, settings, at: ctx.now }))
}

pub(super) fn remove(state: &State, name: String, ctx: &Context<'_>) -> Decided {
    state.connection(&name).ok_or(Rejection::ConnectionUnknown)?;
    Ok(changed(state, Event::ConnectionRemoved { name, at: ctx.now }))
}

pub(super) fn collect(state: &State, collections: Vec<Collection>, ctx: &Context<'_>) -> Decided {
    let mut problems = Vec::new();
    if collections.len() > COLLECTIONS_MAX {
        let message = format!("must be at most {COLLECTIONS_MAX} collections");
        problems.push(Problem::new("", "too_many", message));
    } else {
        for (place, collection) in collections.iter().enumerate() {
            collection_problems(place, collection, &mut problems);
            if collections.iter().take(place).any(|other| other.name == collection.name) {
                let message = "two collections have this name";
                problems.push(Problem::new(format!("/{place}/name"), "not_unique", message));
            }
        }
    }
    refuse_if_any(Subject::Collections, problems)?;
    if state.collections() == collections {
        return Ok(unchanged(state));
    }
    Ok(changed(state, Event::CollectionsConfigured { collections, at: ctx.now }))
}

fn collection_problems(place: usize, collection: &Collection, problems: &mut Vec<Problem>) {
    let Collection { name, title, description, embedding, fields } = collection;
    name_problems(&format!("/{place}/name"), name, problems);
    settings::text(&format!("/{place}/title"), title, 0, 100, problems);
    settings::text(&format!("/{place}/description"), description, 0, 500, problems);
    if let Some(embedding) = embedding {
        settings::text(&format!("/{place}/embedding"), embedding, 1, 200, problems);
    }
    if fields.len() > FIELDS_MAX {
        let message = format!("must be at most {FIELDS_MAX} fields");
        problems.push(Problem::new(format!("/{place}/fields"), "too_many", message));
        return;
    }
    for (number, field) in fields.iter().enumerate() {
        let pointer = format!("/{place}/fields/{number}/name");
        settings::text(&pointer, &field.name, 1, 100, problems);
        if fields.iter().take(number).any(|other| other.name == field.name) {
            problems.push(Problem::new(pointer, "not_unique", "two fields have this name"));
        }
    }
}

fn name_problems(pointer: &str, name: &str, problems: &mut Vec<Problem>) {
    let named = (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !named {
        problems.push(Problem::new(pointer, "not_a_name", "must be 1 to 40 of a-z, 0-9 and -"));
    }
}

/// The text of a JSON object of at most `max` bytes.
fn object_problems(pointer: &str, text: &str, max: usize, problems: &mut Vec<Problem>) {
    if text.len() > max {
        problems.push(Problem::new(pointer, "too_large", format!("must be at most {max} bytes")));
        return;
    }
    let object: Result<std::collections::BTreeMap<String, IgnoredAny>, _> =
        serde_json::from_str(text);
    if object.is_err() {
        problems.push(Problem::new(pointer, "not_an_object", "must be a JSON object"));
    }
}
