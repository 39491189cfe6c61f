use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::assistant;
use crate::Fault;

/// What a model is asked, without any provider's shape.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) system: String,
    /// Role and text, oldest first.
    pub(super) turns: Vec<(String, String)>,
    /// Names and parameter schemas.
    pub(super) tools: Vec<(String, Value)>,
    /// A tool must be called.
    pub(super) tool_forced: bool,
    /// The answer must be JSON of this schema.
    pub(super) schema: Option<Value>,
    /// The most tokens of output; 0: no limit.
    pub(super) output_max: u64,
}

/// What a model answers, without any provider's shape.
#[derive(Debug, Default, Clone)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) call: Option<(String, Value)>,
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
    /// In the words of OpenAI.
    pub(super) finish: String,
}

/// About as many tokens as English has: four bytes each, at least one.
pub(super) fn count(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4).max(1)
}

impl Prompt {
    pub(super) fn tokens(&self) -> u64 {
        let turns: u64 = self.turns.iter().map(|(_, text)| count(text) + 3).sum();
        let tools: u64 = self.tools.iter().map(|(_, schema)| count(&schema.to_string()) + 8).sum();
        turns + tools + if self.system.is_empty() { 0 } else { count(&self.system) + 3 }
    }

    fn last_user(&self) -> &str {
        self.turns.iter().rev().find(|(role, _)| role == "user").map_or("", |(_, text)| text)
    }

    /// What an assistant is told; further turns only ask for a better answer.
    fn data(&self) -> &str {
        let users = self.turns.iter().filter(|(role, _)| role == "user");
        users.map(|(_, text)| text.as_str()).find(|text| text.contains("MESSAGES\n")).unwrap_or("")
    }

    /// Numbered sources, wherever they are.
    fn sources(&self) -> Vec<(u32, String)> {
        let texts = std::iter::once(&self.system).chain(self.turns.iter().map(|(_, text)| text));
        let mut sources: Vec<(u32, String)> = Vec::new();
        for text in texts {
            let mut open = false;
            for line in text.lines() {
                if let Some((number, rest)) = numbered(line) {
                    sources.push((number, rest.to_owned()));
                    open = true;
                } else if line.trim().is_empty() {
                    open = false;
                } else if open && let Some((_, source)) = sources.last_mut() {
                    source.push(' ');
                    source.push_str(line.trim());
                }
            }
        }
        sources
    }

    /// The last user's words without sources.
    fn question(&self) -> String {
        let text = self.last_user();
        let after = ["Question:", "question:", "Message:"]
            .into_iter()
            .find_map(|mark| text.rsplit_once(mark).map(|(_, after)| after));
        let text = after.unwrap_or(text);
        let lines: Vec<&str> = text.lines().filter(|line| numbered(line).is_none()).collect();
        lines.join("\n").trim().to_owned()
    }
}

/// `[3] text`.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    Some((number.parse().ok()?, rest.trim()))
}

/// The answer: the script's, or one that depends on the prompt only.
pub(super) fn answer(prompt: &Prompt, fault: Option<&Fault>) -> Said {
    let mut said = match fault {
        Some(Fault::Say { text, cached_tokens, reasoning_tokens, finish }) => Said {
            text: text.clone(),
            cached: *cached_tokens,
            reasoning: *reasoning_tokens,
            finish: finish.clone().unwrap_or_default(),
            ..Said::default()
        },
        Some(Fault::CallTool { name, arguments }) => {
            Said { call: Some((name.clone(), arguments.clone())), ..Said::default() }
        }
        _ => own(prompt),
    };
    said.input = prompt.tokens();
    said.cached = said.cached.min(said.input);
    let written = said.call.as_ref().map(|(_, arguments)| arguments.to_string());
    said.output = count(written.as_deref().unwrap_or(&said.text)) + said.reasoning;
    if said.finish.is_empty() {
        said.finish = if said.call.is_some() { "tool_calls" } else { "stop" }.to_owned();
    }
    if prompt.output_max > 0 && said.call.is_none() && said.output > prompt.output_max {
        let room = prompt.output_max.saturating_sub(said.reasoning);
        let bytes = usize::try_from(room * 4).unwrap_or(usize::MAX).min(said.text.len());
        said.text.truncate(said.text.floor_char_boundary(bytes));
        said.output = prompt.output_max;
        "length".clone_into(&mut said.finish);
    }
    said
}

fn own(prompt: &Prompt) -> Said {
    if prompt.tool_forced
        && let Some((name, schema)) = prompt.tools.first()
    {
        let arguments = instance(schema, "", prompt, &prompt.question());
        return Said { call: Some((name.clone(), arguments)), ..Said::default() };
    }
    let text = match &prompt.schema {
        Some(schema) if assistant::is_wanted(schema) => assistant::answer(prompt.data()),
        Some(schema) => instance(schema, "", prompt, &prompt.question()).to_string(),
        None => words(prompt, &prompt.question()),
    };
    Said { text, ..Said::default() }
}

/// Grounded if there are sources, an echo otherwise.
fn words(prompt: &Prompt, question: &str) -> String {
    let sources = prompt.sources();
    if sources.is_empty() {
        return format!("You said: {question}");
    }
    let wanted = stems(question);
    let mut best: Vec<(usize, usize, String)> = Vec::new();
    for (number, source) in &sources {
        for sentence in sentences(source) {
            let score = stems(sentence).intersection(&wanted).count();
            if score > 0 {
                let bare = sentence.trim_end_matches(['.', '!', '?', ' ']);
                best.push((score, best.len(), format!("{bare} [{number}].")));
            }
        }
    }
    best.sort_by_key(|(score, place, _)| (std::cmp::Reverse(*score), *place));
    match best.first() {
        None => "I do not know that from the sources.".to_owned(),
        Some((top, ..)) => {
            let near = best.iter().filter(|(score, ..)| *score * 2 > *top).take(2);
            near.map(|(_, _, text)| text.as_str()).collect::<Vec<_>>().join(" ")
        }
    }
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '\n']).map(str::trim).filter(|part| part.len() > 1)
}

/// The beginnings of the words that mean something.
pub(super) fn stems(text: &str) -> BTreeSet<String> {
    const EMPTY: [&str; 22] = [
        "what", "when", "where", "which", "does", "have", "with", "your", "this", "that", "from",
        "will", "would", "could", "there", "about", "please", "long", "much", "many", "how", "the",
    ];
    text.to_lowercase()
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().count() > 2 && !EMPTY.contains(word))
        .map(|word| word.chars().take(5).collect())
        .collect()
}

/// A value of a schema, as sensible as its names allow.
fn instance(schema: &Value, name: &str, prompt: &Prompt, about: &str) -> Value {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return likeliest(values, about);
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    let any = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    if let Some(first) = any.and_then(|options| options.first()) {
        return instance(first, name, prompt, about);
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ => "string",
    };
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    match kind {
        "object" => {
            let empty = Map::new();
            let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
            let fields = properties.iter();
            fields
                .map(|(key, part)| (key.clone(), instance(part, key, prompt, about)))
                .collect::<Map<_, _>>()
                .into()
        }
        "array" => {
            let item = schema.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
            let parts = if name == "intents" { wishes(about) } else { vec![about.to_owned()] };
            parts.iter().map(|part| instance(&item, "", prompt, part)).collect()
        }
        "boolean" => json!(false),
        "integer" => json!(bound("minimum").map_or(1, |least| least.ceil() as i64)),
        "number" => {
            json!(0.9_f64.clamp(bound("minimum").unwrap_or(0.0), bound("maximum").unwrap_or(1.0)))
        }
        "null" => Value::Null,
        _ => match name {
            "language" | "lang" => json!("en"),
            "answer" | "reply" => json!(words(prompt, about)),
            _ => json!(about),
        },
    }
}

/// The value whose words the text has most of.
fn likeliest(values: &[Value], about: &str) -> Value {
    let wanted = stems(about);
    let score = |value: &Value| {
        stems(&value.as_str().unwrap_or_default().replace('_', " ")).intersection(&wanted).count()
    };
    let mut best = values.first().cloned().unwrap_or_default();
    for value in values {
        if score(value) > score(&best) {
            best = value.clone();
        }
    }
    best
}

/// The different wishes of a message: its sentences and lines.
fn wishes(text: &str) -> Vec<String> {
    let parts: Vec<String> = sentences(text).map(str::to_owned).collect();
    if parts.is_empty() { vec![text.to_owned()] } else { parts }
}
