use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::brain::{count, stems};
use super::paid;

/// The most inputs of one request.
const INPUTS_MAX: usize = 2_048;

/// `POST /v1/embeddings`.
pub(super) async fn openai(Json(body): Json<Value>) -> Response {
    let Some(inputs) = inputs(&body).filter(|inputs| inputs.len() <= INPUTS_MAX) else {
        let error = json!({
            "message": "'$.input' is invalid.", "type": "invalid_request_error", "param": null,
            "code": null,
        });
        return (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    };
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    let own = if model.contains("large") { 3_072 } else { 1_536 };
    let asked = body.get("dimensions").and_then(Value::as_u64);
    let dimensions = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(own);
    let as_base64 = body.get("encoding_format").is_some_and(|format| format == "base64");
    let tokens: u64 = inputs.iter().map(|text| count(text)).sum();
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embed(text, dimensions);
            let embedding = if as_base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let answer = json!({
        "object": "list", "data": data, "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    });
    paid(&answer, &[])
}

/// `POST /api/embed`.
pub(super) async fn ollama(Json(body): Json<Value>) -> Response {
    let inputs = inputs(&body).unwrap_or_default();
    let embeddings: Vec<Vec<f32>> = inputs.iter().map(|text| embed(text, 768)).collect();
    let tokens: u64 = inputs.iter().map(|text| count(text)).sum();
    let answer = json!({
        "model": body.get("model"), "embeddings": embeddings, "total_duration": 14_143_917,
        "load_duration": 1_019_500, "prompt_eval_count": tokens,
    });
    paid(&answer, &[])
}

/// `POST /v2/rerank`.
pub(super) async fn rerank(Json(body): Json<Value>) -> Response {
    let query = stems(body.get("query").and_then(Value::as_str).unwrap_or_default());
    let documents = body.get("documents").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut scored: Vec<(usize, f64)> = documents
        .iter()
        .enumerate()
        .map(|(index, document)| {
            let text = document.as_str().or_else(|| document.get("text").and_then(Value::as_str));
            let shared = stems(text.unwrap_or_default()).intersection(&query).count();
            (index, shared as f64 / query.len().max(1) as f64)
        })
        .collect();
    scored.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let most = body.get("top_n").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let results: Vec<Value> = scored
        .iter()
        .take(most)
        .map(|(index, score)| json!({"index": index, "relevance_score": score}))
        .collect();
    let meta = json!({"api_version": {"version": "2"}, "billed_units": {"search_units": 1}});
    let answer =
        json!({"id": "07734bd2-2473-4f07-94e1-0d9f0e6843cf", "results": results, "meta": meta});
    paid(&answer, &[])
}

fn inputs(body: &Value) -> Option<Vec<String>> {
    match body.get("input")? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(|text| Some(text.as_str()?.to_owned())).collect(),
        _ => None,
    }
}

/// A bag of words, hashed: the same words, the same direction.
fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions.max(1)];
    for stem in stems(text) {
        let hash =
            stem.bytes().fold(5_381_usize, |hash, byte| hash.wrapping_mul(33) ^ usize::from(byte));
        let place = hash % vector.len();
        vector[place] += 1.0;
    }
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|part| *part /= length);
    } else {
        vector[0] = 1.0;
    }
    vector
}
