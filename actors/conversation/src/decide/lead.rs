//! Details of a lead are asked for and checked (CNV-14).

use impresario_assistant::{AfterCollect, AssistantConfig, Field, FieldKind, Handling};
use impresario_kernel::Personal;

use crate::message::clip;
use crate::{AnswerPath, Collected, TurnAnswer};

const VALUE_BYTES: usize = 400;

/// The required fields of an intent that are not there yet, in the order of asking.
pub(super) fn missing<'a>(
    intent: &str,
    config: &'a AssistantConfig,
    collected: &[Collected],
) -> impl Iterator<Item = &'a Field> {
    let there: Vec<String> = collected.iter().map(|detail| detail.field.clone()).collect();
    fields(intent, config)
        .iter()
        .filter(move |field| !field.optional && !there.contains(&field.name))
}

/// What happens with a lead of this intent; `None`: the intent collects nothing.
pub(super) fn then(intent: &str, config: &AssistantConfig) -> Option<AfterCollect> {
    let intent = config.intents.iter().find(|known| known.name == intent)?;
    match &intent.handling {
        Handling::Collect { fields: _, then } => Some(*then),
        Handling::Answer | Handling::Handoff => None,
    }
}

fn fields<'a>(intent: &str, config: &'a AssistantConfig) -> &'a [Field] {
    let intent = config.intents.iter().find(|known| known.name == intent);
    match intent.map(|intent| &intent.handling) {
        Some(Handling::Collect { fields, then: _ }) => fields,
        Some(Handling::Answer | Handling::Handoff) | None => &[],
    }
}

/// The details that this turn gave: what the answerer found, as far as it is sound. Where no model
/// reads the words, they are the answer to the question that was asked last, if they can be.
pub(super) fn gather(
    intent: &str,
    config: &AssistantConfig,
    known: &[Collected],
    answer: &TurnAnswer,
    asked_before: bool,
    text: &str,
) -> Vec<Collected> {
    let fields = fields(intent, config);
    let mut found: Vec<Collected> = Vec::new();
    for detail in &answer.collected {
        let Some(field) = fields.iter().find(|field| field.name == detail.field) else { continue };
        if let Some(value) = sound(field.kind, &detail.value.0) {
            found.retain(|other| other.field != field.name);
            found.push(Collected { field: field.name.clone(), value: Personal(value) });
        }
    }
    let unread = asked_before && found.is_empty() && answer.path != AnswerPath::Generated;
    if let Some(field) = missing(intent, config, known).next().filter(|_| unread)
        && let Some(value) = sound(field.kind, text)
    {
        found.push(Collected { field: field.name.clone(), value: Personal(value) });
    }
    found
}

/// The value of this kind in a text, if there is one.
fn sound(kind: FieldKind, text: &str) -> Option<String> {
    let text = text.trim();
    let value = match kind {
        FieldKind::Text => text.to_owned(),
        FieldKind::Email => text
            .split(|char: char| char.is_whitespace() || ",;<>()".contains(char))
            .map(|word| word.trim_matches(['.', ':', '"', '\'']))
            .find(|word| {
                word.split_once('@').is_some_and(|(local, host)| {
                    !local.is_empty() && host.contains('.') && !host.contains('@')
                })
            })?
            .to_owned(),
        FieldKind::Phone => {
            let number: String =
                text.chars().filter(|char| char.is_ascii_digit() || *char == '+').collect();
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            (6..=15).contains(&digits).then_some(number)?
        }
        FieldKind::Number => {
            let number = text
                .split(|char: char| !(char.is_ascii_digit() || ".,-".contains(char)))
                .map(|word| word.trim_matches(['.', ',', '-']))
                .find(|word| word.bytes().any(|byte| byte.is_ascii_digit()))?;
            number.to_owned()
        }
    };
    let value = clip(value, VALUE_BYTES);
    (!value.is_empty()).then_some(value)
}
