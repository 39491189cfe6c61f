//! What a model answers: one structure for all intents of a burst (CNV-17, CNV-19).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::problem::codes;
use crate::{AssistantConfig, HandoffReason, Problem};

/// A model's answer, read and made sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelAnswer {
    /// The language of the answer.
    pub language: Option<String>,
    /// One per intent.
    pub parts: Vec<ModelPart>,
    /// 0 to 1.
    pub confidence: f64,
    /// Why a human should take over, if one should.
    pub handoff: Option<String>,
    /// What to remember.
    pub memory: ModelMemory,
    /// What is suggested.
    pub suggestions: Vec<ModelSuggestion>,
    /// Details of a lead that were given.
    pub collected: Vec<ModelDetail>,
}

/// The answer to one intent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelPart {
    /// The tenant's name of it, or empty.
    pub intent: String,
    /// What was asked, in the customer's words.
    pub request: String,
    /// What to say.
    pub text: String,
    /// Ids of the passages that support it.
    pub citations: Vec<String>,
    /// Why it is not answered, if it is not.
    pub deferred: Option<String>,
}

/// What to remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "as in the conversation's memory")]
pub struct ModelMemory {
    pub summary: Option<String>,
    pub key_facts: Vec<String>,
    pub entities: Vec<ModelEntity>,
    pub topic: Option<String>,
    pub pending_action: Option<String>,
    pub last_product: Option<String>,
    pub last_service: Option<String>,
}

/// A name or value in what was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelEntity {
    /// What it is.
    pub kind: String,
    /// As said.
    pub value: String,
}

/// A product that is suggested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSuggestion {
    /// An id of the catalogue.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A detail of a lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelDetail {
    /// The field's name.
    pub field: String,
    /// What the customer said.
    pub value: String,
}

impl ModelAnswer {
    /// The category of the handoff that is asked for.
    #[must_use]
    pub fn handoff_reason(&self) -> Option<HandoffReason> {
        let word = self.handoff.as_deref().filter(|word| !word.is_empty())?;
        let known = HandoffReason::ALL.into_iter().find(|reason| reason.as_str() == word);
        Some(known.unwrap_or(HandoffReason::Assistant))
    }
}

/// The JSON Schema of the answer, strict: every member is required, none may be added.
#[must_use]
pub fn answer_schema(config: &AssistantConfig) -> Value {
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    let names: Vec<&str> =
        config.intents.iter().map(|intent| intent.name.as_str()).chain([""]).collect();
    let part = object(&[
        ("intent", json!({ "type": "string", "enum": names })),
        ("request", text.clone()),
        ("text", text.clone()),
        ("citations", list(text.clone())),
        ("deferred", maybe.clone()),
    ]);
    let entity = object(&[("kind", text.clone()), ("value", text.clone())]);
    let memory = object(&[
        ("summary", maybe.clone()),
        ("key_facts", list(text.clone())),
        ("entities", list(entity)),
        ("topic", maybe.clone()),
        ("pending_action", maybe.clone()),
        ("last_product", maybe.clone()),
        ("last_service", maybe.clone()),
    ]);
    let reasons = ["wish", "topic", "sentiment", "low_confidence", "assistant"];
    let reasons: Vec<Value> = reasons.into_iter().map(Value::from).chain([Value::Null]).collect();
    object(&[
        ("language", text.clone()),
        ("parts", list(part)),
        ("confidence", json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        ("handoff", json!({ "type": ["string", "null"], "enum": reasons })),
        ("memory", memory),
        ("suggestions", list(object(&[("id", text.clone()), ("reason", text.clone())]))),
        ("collected", list(object(&[("field", text.clone()), ("value", text)]))),
    ])
}

/// Reads a model's answer: the first JSON object in the text, with or without a fence around it.
/// Intents that the tenant does not have become nameless, the confidence is held between 0 and 1, and
/// empty parts are left out.
///
/// # Errors
/// Everything that keeps it from being an answer, for another try with these words: no JSON, a wrong
/// shape, no parts, or no part for one of the `expected` intents.
pub fn parse_answer(
    text: &str,
    config: &AssistantConfig,
    expected: &[&str],
) -> Result<ModelAnswer, Vec<Problem>> {
    let wrong = |code, message: String| vec![Problem::new("", code, message)];
    let begin = text
        .find('{')
        .ok_or_else(|| wrong(codes::INVALID_JSON, "expected a JSON object".to_owned()))?;
    let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(wrong(codes::INVALID_JSON, error.to_string())),
        None => return Err(wrong(codes::INVALID_JSON, "expected a JSON object".to_owned())),
    };
    let mut answer: ModelAnswer = serde_json::from_value(value)
        .map_err(|error| wrong(codes::WRONG_SHAPE, error.to_string()))?;
    answer.confidence =
        if answer.confidence.is_nan() { 0.0 } else { answer.confidence.clamp(0.0, 1.0) };
    for part in &mut answer.parts {
        if !config.intents.iter().any(|intent| intent.name == part.intent) {
            part.intent.clear();
        }
        part.deferred = part.deferred.take().filter(|reason| !reason.trim().is_empty());
    }
    answer.parts.retain(|part| !part.text.trim().is_empty() || part.deferred.is_some());
    let mut problems = Vec::new();
    if answer.parts.is_empty() {
        problems.push(Problem::new("/parts", codes::WRONG_LENGTH, "expected at least one part"));
    }
    for name in expected.iter().filter(|name| !name.is_empty()) {
        if !answer.parts.iter().any(|part| part.intent == **name) {
            let message = format!("there is no part for the intent \"{name}\"");
            problems.push(Problem::new("/parts", codes::UNKNOWN_NAME, message));
        }
    }
    if problems.is_empty() { Ok(answer) } else { Err(problems) }
}

fn object(members: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}
