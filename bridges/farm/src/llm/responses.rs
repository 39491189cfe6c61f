use axum::Json;
use axum::extract::Extension;
use axum::response::Response;
use serde_json::{Value, json};

use super::brain::{self, Prompt, Said};
use super::openai::text_of;
use super::{CREATED_S, event, id, paid, paid_stream, tokens};
use crate::Fate;

/// `POST /v1/responses`.
pub(super) async fn create(
    Extension(Fate(fault)): Extension<Fate>,
    Json(body): Json<Value>,
) -> Response {
    let said = brain::answer(&prompt(&body), fault.as_ref());
    let id = id("resp_", &body);
    let headers = [("x-request-id", format!("req_{id}"))];
    let done = response(&said, &id, &body);
    if body.get("stream").and_then(Value::as_bool).unwrap_or(false) {
        return paid_stream(
            "text/event-stream; charset=utf-8",
            stream(&said, &id, &done),
            &headers,
        );
    }
    paid(&done, &headers)
}

fn item(said: &Said, id: &str) -> Value {
    match &said.call {
        Some((name, arguments)) => json!({
            "type": "function_call", "id": format!("fc_{id}"), "call_id": format!("call_{id}"),
            "name": name, "arguments": arguments.to_string(), "status": "completed",
        }),
        None => json!({
            "type": "message", "id": format!("msg_{id}"), "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": said.text, "annotations": []}],
        }),
    }
}

fn response(said: &Said, id: &str, body: &Value) -> Value {
    let (status, details) = match said.finish.as_str() {
        "length" => ("incomplete", json!({"reason": "max_output_tokens"})),
        "content_filter" => ("incomplete", json!({"reason": "content_filter"})),
        _ => ("completed", Value::Null),
    };
    json!({
        "id": id,
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "error": null,
        "incomplete_details": details,
        "model": body.get("model"),
        "output": [item(said, id)],
        "usage": {
            "input_tokens": said.input,
            "input_tokens_details": {"cached_tokens": said.cached},
            "output_tokens": said.output,
            "output_tokens_details": {"reasoning_tokens": said.reasoning},
            "total_tokens": said.input + said.output,
        },
    })
}

fn stream(said: &Said, id: &str, done: &Value) -> Vec<String> {
    let mut number = 0;
    let mut send = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(number);
        number += 1;
        event(kind, &data)
    };
    let mut begun = done.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let item = item(said, id);
    let item_id = item.get("id").cloned().unwrap_or_default();
    // It is announced empty, and filled by what follows.
    let mut empty = item.clone();
    empty["status"] = json!("in_progress");
    if said.call.is_some() {
        empty["arguments"] = json!("");
    } else {
        empty["content"] = json!([]);
    }
    let mut pieces = vec![
        send("response.created", json!({"response": begun})),
        send("response.output_item.added", json!({"output_index": 0, "item": empty})),
    ];
    let (kind, text) = match &said.call {
        Some((_, arguments)) => ("response.function_call_arguments.delta", arguments.to_string()),
        None => ("response.output_text.delta", said.text.clone()),
    };
    for part in tokens(&text) {
        let data =
            json!({"item_id": item_id, "output_index": 0, "content_index": 0, "delta": part});
        pieces.push(send(kind, data));
    }
    pieces.push(send("response.output_item.done", json!({"output_index": 0, "item": item})));
    let end = if said.finish == "length" || said.finish == "content_filter" {
        "response.incomplete"
    } else {
        "response.completed"
    };
    pieces.push(send(end, json!({"response": done})));
    pieces
}

fn prompt(body: &Value) -> Prompt {
    let mut prompt = Prompt { system: text_of(body.get("instructions")), ..Prompt::default() };
    match body.get("input") {
        Some(Value::String(text)) => prompt.turns.push(("user".to_owned(), text.clone())),
        Some(Value::Array(items)) => {
            for item in items {
                let role = item.get("role").and_then(Value::as_str).unwrap_or("tool");
                let text = text_of(item.get("content").or_else(|| item.get("output")));
                if matches!(role, "system" | "developer") {
                    prompt.system.push_str(&text);
                } else {
                    prompt.turns.push((role.to_owned(), text));
                }
            }
        }
        _ => {}
    }
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    prompt.tools = tools
        .filter(|tool| tool.get("type").is_some_and(|kind| kind == "function"))
        .filter_map(|tool| {
            let name = tool.get("name")?.as_str()?.to_owned();
            Some((name, tool.get("parameters").cloned().unwrap_or_default()))
        })
        .collect();
    let choice = body.get("tool_choice");
    prompt.tool_forced = choice.is_some_and(|choice| choice.is_object() || choice == "required");
    prompt.schema = body.pointer("/text/format/schema").cloned();
    prompt.output_max = body.get("max_output_tokens").and_then(Value::as_u64).unwrap_or(0);
    prompt
}
