use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use impresario_api::codes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::named;
use super::request::invalid;
use crate::call::{self, Call};
use crate::fault::Fault;

const INPUTS_MAX: usize = 2_048;
const TOKENS_MAX: usize = 8_192;
const ALL_TOKENS_MAX: usize = 300_000;

#[derive(Deserialize)]
struct Request {
    input: Value,
    #[serde(default)]
    encoding_format: Option<Format>,
    #[serde(default)]
    dimensions: Option<usize>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Float,
    Base64,
}

pub(super) async fn embed(call: &mut Call) -> Result<Response, Fault> {
    let Request { input, encoding_format, dimensions } = call.json()?;
    let texts = texts(input)?;
    check(call, &texts)?;
    let embedded = call.edge.chat.embed(call.tenant()?, texts).await?;
    if embedded.model.is_empty() {
        return Err(Fault::new(&codes::UNAVAILABLE).detail("no embedding model is configured"));
    }
    let length = embedded.vectors.first().map_or(0, Vec::len);
    if dimensions.is_some_and(|wanted| wanted != length) {
        return Err(invalid("/dimensions", format!("the model has {length} dimensions")));
    }
    let format = encoding_format.unwrap_or_default();
    let data = embedded.vectors.iter().enumerate().map(|(index, vector)| {
        json!({ "object": "embedding", "index": index, "embedding": written(vector, format) })
    });
    let answer = json!({
        "object": "list",
        "data": data.collect::<Vec<_>>(),
        "model": embedded.model,
        "usage": { "prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens },
    });
    Ok(named(call::ok(&answer)?, call.trace))
}

/// One text, or several.
fn texts(input: Value) -> Result<Vec<String>, Fault> {
    let tokens = || invalid("/input", "give a text or a list of texts, not tokens");
    match input {
        Value::String(text) => Ok(vec![text]),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => Err(tokens()),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(tokens()),
    }
}

fn check(call: &Call, texts: &[String]) -> Result<(), Fault> {
    if texts.is_empty() || texts.len() > INPUTS_MAX {
        return Err(invalid("/input", format!("1 to {INPUTS_MAX} texts")));
    }
    let mut sum = 0;
    for text in texts {
        if text.is_empty() {
            return Err(invalid("/input", "a text has at least one character"));
        }
        let tokens = call.edge.talk.tokens(text);
        sum += tokens;
        if tokens > TOKENS_MAX || sum > ALL_TOKENS_MAX {
            let most = format!("at most {TOKENS_MAX} tokens each, {ALL_TOKENS_MAX} together");
            return Err(invalid("/input", most));
        }
    }
    Ok(())
}

/// A vector as numbers, or as the base 64 of its little-endian 32-bit floats.
fn written(vector: &[f32], format: Format) -> Value {
    match format {
        Format::Float => json!(vector),
        Format::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Value::String(STANDARD.encode(bytes))
        }
    }
}
