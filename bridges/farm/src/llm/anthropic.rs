use axum::Json;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::brain::{self, Prompt, Said};
use super::openai::text_of;
use super::{event, id, paid, paid_stream, tokens};
use crate::Fate;

/// `POST /v1/messages`.
pub(super) async fn messages(
    Extension(Fate(fault)): Extension<Fate>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if !headers.contains_key("anthropic-version") {
        return refused("anthropic-version: header is required");
    }
    if body.get("max_tokens").and_then(Value::as_u64).is_none() {
        return refused("max_tokens: Field required");
    }
    let said = brain::answer(&prompt(&body), fault.as_ref());
    let id = id("msg_", &body);
    let headers = [("request-id", format!("req_{id}"))];
    if body.get("stream").and_then(Value::as_bool).unwrap_or(false) {
        return paid_stream(
            "text/event-stream; charset=utf-8",
            stream(&said, &id, &body),
            &headers,
        );
    }
    let content = match &said.call {
        Some((name, arguments)) => {
            json!([{"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": arguments}])
        }
        None => json!([{"type": "text", "text": said.text}]),
    };
    let mut message = shell(&id, &body, &said);
    message["content"] = content;
    message["stop_reason"] = json!(stop_reason(&said));
    message["usage"] = usage(&said);
    paid(&message, &headers)
}

/// `POST /v1/messages/count_tokens`; free.
pub(super) async fn count_tokens(Json(body): Json<Value>) -> Json<Value> {
    Json(json!({"input_tokens": prompt(&body).tokens()}))
}

/// `GET /v1/models`.
pub(super) async fn models() -> Json<Value> {
    let names = ["farm-large", "farm-small"];
    let data = names.map(|name| {
        json!({"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"})
    });
    Json(json!({"data": data, "has_more": false, "first_id": names[0], "last_id": names[1]}))
}

fn refused(message: &str) -> Response {
    let error = json!({"type": "invalid_request_error", "message": message});
    let body = json!({"type": "error", "error": error, "request_id": "req_farm"});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn stop_reason(said: &Said) -> &'static str {
    match said.finish.as_str() {
        "length" => "max_tokens",
        "content_filter" => "refusal",
        "tool_calls" => "tool_use",
        _ => "end_turn",
    }
}

/// Input tokens exclude what came from the cache.
fn usage(said: &Said) -> Value {
    json!({
        "input_tokens": said.input - said.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached,
        "output_tokens": said.output,
        "service_tier": "standard",
    })
}

fn shell(id: &str, body: &Value, said: &Said) -> Value {
    let mut usage = usage(said);
    usage["output_tokens"] = json!(1);
    json!({
        "id": id, "type": "message", "role": "assistant", "model": body.get("model"),
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage,
    })
}

fn stream(said: &Said, id: &str, body: &Value) -> Vec<String> {
    let send = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        event(kind, &data)
    };
    let (block, deltas) = match &said.call {
        Some((name, arguments)) => (
            json!({"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": {}}),
            tokens(&arguments.to_string())
                .into_iter()
                .map(|part| json!({"type": "input_json_delta", "partial_json": part}))
                .collect::<Vec<_>>(),
        ),
        None => (
            json!({"type": "text", "text": ""}),
            tokens(&said.text)
                .into_iter()
                .map(|part| json!({"type": "text_delta", "text": part}))
                .collect(),
        ),
    };
    let mut pieces = vec![
        send("message_start", json!({"message": shell(id, body, said)})),
        send("content_block_start", json!({"index": 0, "content_block": block})),
        send("ping", json!({})),
    ];
    pieces.extend(
        deltas
            .into_iter()
            .map(|delta| send("content_block_delta", json!({"index": 0, "delta": delta}))),
    );
    pieces.push(send("content_block_stop", json!({"index": 0})));
    let delta = json!({"stop_reason": stop_reason(said), "stop_sequence": null});
    pieces.push(send(
        "message_delta",
        json!({"delta": delta, "usage": {"output_tokens": said.output}}),
    ));
    pieces.push(send("message_stop", json!({})));
    pieces
}

fn prompt(body: &Value) -> Prompt {
    let mut prompt = Prompt { system: text_of(body.get("system")), ..Prompt::default() };
    let messages = body.get("messages").and_then(Value::as_array).into_iter().flatten();
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        prompt.turns.push((role.to_owned(), text_of(message.get("content"))));
    }
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    prompt.tools = tools
        .filter_map(|tool| {
            let name = tool.get("name")?.as_str()?.to_owned();
            Some((name, tool.get("input_schema").cloned()?))
        })
        .collect();
    let choice = body.pointer("/tool_choice/type").and_then(Value::as_str);
    prompt.tool_forced = matches!(choice, Some("any" | "tool"));
    prompt.schema = body.pointer("/output_config/format/schema").cloned();
    prompt.output_max = body.get("max_tokens").and_then(Value::as_u64).unwrap_or(0);
    prompt
}
