use axum::Json;
use axum::extract::Extension;
use axum::response::Response;
use serde_json::{Value, json};

use super::brain::{self, Prompt, Said};
use super::openai::text_of;
use super::{paid, paid_stream, tokens};
use crate::Fate;

const AT: &str = "2026-01-01T00:00:00Z";

/// `POST /api/chat`: lines of JSON, not events.
pub(super) async fn chat(
    Extension(Fate(fault)): Extension<Fate>,
    Json(body): Json<Value>,
) -> Response {
    let said = brain::answer(&prompt(&body), fault.as_ref());
    let piece = |text: &str| json!({"message": {"role": "assistant", "content": text}});
    let mut whole = piece(&said.text);
    if let Some((name, arguments)) = &said.call {
        let function = json!({"name": name, "arguments": arguments});
        whole["message"]["tool_calls"] = json!([{"function": function}]);
    }
    respond(&body, &said, piece, whole)
}

/// `POST /api/generate`.
pub(super) async fn generate(
    Extension(Fate(fault)): Extension<Fate>,
    Json(body): Json<Value>,
) -> Response {
    let said = brain::answer(&prompt(&body), fault.as_ref());
    let piece = |text: &str| json!({"response": text});
    let whole = piece(&said.text);
    respond(&body, &said, piece, whole)
}

/// `GET /api/tags`.
pub(super) async fn tags() -> Json<Value> {
    let models = ["farm-large:latest", "farm-small:latest"].map(|name| {
        json!({
            "name": name, "model": name, "modified_at": AT, "size": 2_019_393_189_u64,
            "digest": "a80c4f17acd5", "details": {"format": "gguf", "family": "llama"},
        })
    });
    Json(json!({"models": models}))
}

/// `GET /api/version`.
pub(super) async fn version() -> Json<Value> {
    Json(json!({"version": "0.12.6"}))
}

fn respond(body: &Value, said: &Said, piece: impl Fn(&str) -> Value, whole: Value) -> Response {
    let line = |mut data: Value, done: bool| {
        data["model"] = body.get("model").cloned().unwrap_or_default();
        data["created_at"] = json!(AT);
        data["done"] = json!(done);
        if done {
            data["done_reason"] = json!(if said.finish == "length" { "length" } else { "stop" });
            data["total_duration"] = json!(5_191_566_416_u64);
            data["load_duration"] = json!(2_154_458);
            data["prompt_eval_count"] = json!(said.input);
            data["prompt_eval_duration"] = json!(383_809_000);
            data["eval_count"] = json!(said.output);
            data["eval_duration"] = json!(4_799_921_000_u64);
        }
        data
    };
    // This server streams unless it is told not to.
    if !body.get("stream").and_then(Value::as_bool).unwrap_or(true) {
        return paid(&line(whole, true), &[]);
    }
    let mut lines: Vec<Value> = if said.call.is_some() {
        vec![line(whole, false)]
    } else {
        tokens(&said.text).iter().map(|part| line(piece(part), false)).collect()
    };
    lines.push(line(piece(""), true));
    let lines = lines.iter().map(|line| format!("{line}\n")).collect();
    paid_stream("application/x-ndjson", lines, &[])
}

fn prompt(body: &Value) -> Prompt {
    let mut prompt = Prompt { system: text_of(body.get("system")), ..Prompt::default() };
    let messages = body.get("messages").and_then(Value::as_array).into_iter().flatten();
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        let text = text_of(message.get("content"));
        if role == "system" {
            prompt.system.push_str(&text);
        } else {
            prompt.turns.push((role.to_owned(), text));
        }
    }
    if let Some(text) = body.get("prompt").and_then(Value::as_str) {
        prompt.turns.push(("user".to_owned(), text.to_owned()));
    }
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    prompt.tools = tools
        .filter_map(|tool| {
            let name = tool.pointer("/function/name")?.as_str()?.to_owned();
            Some((name, tool.pointer("/function/parameters").cloned().unwrap_or_default()))
        })
        .collect();
    prompt.schema = body.get("format").filter(|format| format.is_object()).cloned();
    prompt.output_max = body.pointer("/options/num_predict").and_then(Value::as_u64).unwrap_or(0);
    prompt
}
