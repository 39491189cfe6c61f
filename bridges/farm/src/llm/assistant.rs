//! What a tenant's assistant is told and has to answer: data as lines of JSON under headings, and a
//! schema with one part per wish. The answer is grounded in the sources, as `brain` does it for
//! numbered ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::brain::stems;

/// Words that a sentence and a wish must share before the one answers the other.
const SHARED_MIN: usize = 2;

/// Something that may be cited.
struct Source {
    id: String,
    text: String,
}

/// What was told.
#[derive(Default)]
struct Told {
    sources: Vec<Source>,
    intents: Vec<String>,
    messages: Vec<String>,
}

/// Whether an answer of this kind is wanted.
pub(super) fn is_wanted(schema: &Value) -> bool {
    schema.pointer("/properties/parts/items/properties/citations").is_some()
}

/// The answer, as the text of a JSON object.
pub(super) fn answer(prompt: &str) -> String {
    let told = read(prompt);
    let mut intents = told.intents.clone();
    let mut parts: Vec<Value> = Vec::new();
    for wish in wishes(&told.messages) {
        let wanted = stems(&wish);
        let near = intents.iter().position(|name| !stems(name).is_disjoint(&wanted));
        let intent = near.map(|place| intents.remove(place)).unwrap_or_default();
        parts.push(part(&told.sources, intent, &wish, &wanted));
    }
    // The wishes are counted in another way there; no intent may be without a part.
    for intent in intents {
        let free = parts.iter_mut().find(|part| part["intent"] == "");
        match free {
            Some(part) => part["intent"] = json!(intent),
            None => parts.push(deferred(intent, "")),
        }
    }
    json!({
        "language": "en", "confidence": 0.9, "handoff": null, "suggestions": [], "collected": [],
        "parts": parts,
        "memory": {
            "summary": null, "key_facts": [], "entities": [], "topic": null,
            "pending_action": null, "last_product": null, "last_service": null,
        },
    })
    .to_string()
}

fn read(prompt: &str) -> Told {
    let mut told = Told::default();
    let mut section = "";
    for line in prompt.lines() {
        let Ok(Value::Object(line)) = serde_json::from_str(line) else {
            section = line;
            continue;
        };
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        match section {
            "KNOWLEDGE" | "CATALOGUE" => {
                let source = text("id").zip(text("text"));
                told.sources.extend(source.map(|(id, text)| Source { id, text }));
            }
            "MESSAGES" => told.messages.extend(text("customer")),
            _ => {
                let found = line.get("intents_found").and_then(Value::as_array);
                let names = found.into_iter().flatten().filter_map(Value::as_str);
                told.intents.extend(names.map(str::to_owned));
            }
        }
    }
    told
}

/// The questions; without one everything that was said.
fn wishes(messages: &[String]) -> Vec<String> {
    let sentences = messages.iter().flat_map(|text| text.split_inclusive(['.', '!', '?']));
    let asked: Vec<String> = sentences
        .map(str::trim)
        .filter(|sentence| sentence.ends_with('?'))
        .map(str::to_owned)
        .collect();
    if asked.is_empty() { vec![messages.join(" ")] } else { asked }
}

fn part(sources: &[Source], intent: String, wish: &str, wanted: &BTreeSet<String>) -> Value {
    let sentences = sources.iter().flat_map(|source| {
        source.text.split_inclusive(['.', '!', '?']).map(move |sentence| (source, sentence.trim()))
    });
    // Of equally near ones the first: sources come best first.
    let mut best: Option<(usize, &Source, &str)> = None;
    for (source, sentence) in sentences {
        let shared = stems(sentence).intersection(wanted).count();
        if shared >= SHARED_MIN && best.is_none_or(|(most, ..)| shared > most) {
            best = Some((shared, source, sentence));
        }
    }
    let Some((_, source, sentence)) = best else { return deferred(intent, wish) };
    let text = format!("{} [{}].", sentence.trim_end_matches(['.', '!', '?']), source.id);
    json!({
        "intent": intent, "request": wish, "text": text, "citations": [source.id], "deferred": null,
    })
}

fn deferred(intent: String, wish: &str) -> Value {
    json!({
        "intent": intent, "request": wish, "text": "", "citations": [],
        "deferred": "not in the sources",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_gets_a_part_with_its_source() {
        let prompt = "SITUATION\n{\"intents_found\":[\"returns\",\"other\"]}\nKNOWLEDGE\n\
            {\"id\":\"k1\",\"title\":\"Returns\",\"text\":\"We like cats. Returns are free for 30 days.\"}\n\
            HISTORY\n{\"customer\":\"Is this free of charge?\"}\n\
            MESSAGES\n{\"customer\":\"Hello!\"}\n{\"customer\":\"Are returns free? And who won?\"}\n";
        let answer: Value = serde_json::from_str(&answer(prompt)).expect("JSON");
        let parts = answer["parts"].as_array().expect("parts");
        let told: Vec<[&Value; 3]> =
            parts.iter().map(|part| [&part["intent"], &part["text"], &part["deferred"]]).collect();
        let text = json!("Returns are free for 30 days [k1].");
        let (returns, other, why) = (json!("returns"), json!("other"), json!("not in the sources"));
        assert_eq!(told, [[&returns, &text, &Value::Null], [&other, &json!(""), &why]]);
    }
}
