use axum::Json;
use axum::extract::Extension;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::brain::{self, Prompt, Said};
use super::{CREATED_S, event, id, paid, paid_stream, tokens};
use crate::Fate;

/// `POST /v1/chat/completions`.
pub(super) async fn chat(
    Extension(Fate(fault)): Extension<Fate>,
    Json(body): Json<Value>,
) -> Response {
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        return refused("you must provide a messages parameter");
    };
    let said = brain::answer(&prompt(&body, messages), fault.as_ref());
    let id = id("chatcmpl-", &body);
    let model = body.get("model").cloned().unwrap_or_default();
    let headers =
        [("x-request-id", format!("req_{id}")), ("openai-processing-ms", "12".to_owned())];
    if body.get("stream").and_then(Value::as_bool).unwrap_or(false) {
        let with_usage =
            body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false);
        let pieces = stream(&said, &id, &model, with_usage);
        return paid_stream("text/event-stream; charset=utf-8", pieces, &headers);
    }
    let mut message = json!({"role": "assistant", "content": said.text, "refusal": null});
    if let Some((name, arguments)) = &said.call {
        message["content"] = Value::Null;
        message["tool_calls"] = json!([tool_call(&id, name, arguments)]);
    }
    let answer = json!({
        "id": id,
        "object": "chat.completion",
        "created": CREATED_S,
        "model": model,
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": said.finish,
        }],
        "usage": usage(&said),
        "system_fingerprint": "fp_farm",
    });
    paid(&answer, &headers)
}

/// `GET /v1/models`; Together lists them bare and with prices.
pub(super) async fn models(uri: Uri) -> Response {
    let names = ["farm-large", "farm-small"];
    if uri.path().starts_with("/together/") {
        let models = names.map(|name| {
            json!({
                "id": name, "object": "model", "created": CREATED_S, "type": "chat",
                "display_name": name, "organization": "farm", "context_length": 131_072,
                "pricing": {"hourly": 0, "input": 0.88, "output": 0.88, "base": 0, "finetune": 0},
            })
        });
        return Json(json!(models)).into_response();
    }
    let models = names.map(
        |name| json!({"id": name, "object": "model", "created": CREATED_S, "owned_by": "farm"}),
    );
    Json(json!({"object": "list", "data": models})).into_response()
}

fn refused(message: &str) -> Response {
    let error =
        json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
    (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response()
}

fn tool_call(id: &str, name: &str, arguments: &Value) -> Value {
    let function = json!({"name": name, "arguments": arguments.to_string()});
    json!({"id": format!("call_{id}"), "type": "function", "function": function})
}

fn usage(said: &Said) -> Value {
    json!({
        "prompt_tokens": said.input,
        "completion_tokens": said.output,
        "total_tokens": said.input + said.output,
        "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning, "audio_tokens": 0},
    })
}

fn stream(said: &Said, id: &str, model: &Value, with_usage: bool) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": id, "object": "chat.completion.chunk", "created": CREATED_S, "model": model,
            "choices": choices,
        });
        if with_usage {
            chunk["usage"] = usage;
        }
        event("", &chunk)
    };
    let delta = |delta: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null)
    };
    let mut pieces = vec![delta(json!({"role": "assistant", "content": ""}))];
    if let Some((name, arguments)) = &said.call {
        let mut call = tool_call(id, name, &json!({}));
        call["index"] = json!(0);
        call["function"]["arguments"] = json!("");
        pieces.push(delta(json!({"tool_calls": [call]})));
        pieces.extend(tokens(&arguments.to_string()).into_iter().map(|part| {
            delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
        }));
    } else {
        pieces.extend(tokens(&said.text).into_iter().map(|part| delta(json!({"content": part}))));
    }
    let end = json!([{"index": 0, "delta": {}, "finish_reason": said.finish}]);
    pieces.push(chunk(end, Value::Null));
    if with_usage {
        pieces.push(chunk(json!([]), usage(said)));
    }
    pieces.push("data: [DONE]\n\n".to_owned());
    pieces
}

fn prompt(body: &Value, messages: &[Value]) -> Prompt {
    let mut prompt = Prompt::default();
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        let text = text_of(message.get("content"));
        if matches!(role, "system" | "developer") {
            prompt.system.push_str(&text);
            prompt.system.push('\n');
        } else {
            prompt.turns.push((role.to_owned(), text));
        }
    }
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    prompt.tools = tools
        .filter_map(|tool| {
            let name = tool.pointer("/function/name")?.as_str()?.to_owned();
            Some((name, tool.pointer("/function/parameters").cloned().unwrap_or_default()))
        })
        .collect();
    let choice = body.get("tool_choice");
    prompt.tool_forced = choice.is_some_and(|choice| choice.is_object() || choice == "required");
    prompt.schema = body.pointer("/response_format/json_schema/schema").cloned();
    let most = body.get("max_completion_tokens").or_else(|| body.get("max_tokens"));
    prompt.output_max = most.and_then(Value::as_u64).unwrap_or(0);
    prompt
}

/// The text of a content that is a text or a list of parts.
pub(super) fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| {
                part.get("text").or_else(|| part.get("content")).map(|text| text_of(Some(text)))
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
