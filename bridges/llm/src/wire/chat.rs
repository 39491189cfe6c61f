use impresario_routing::{Class, Usage};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::request::{Message, Part, Request, Role, ToolChoice};
use crate::settings::Provider;
use crate::stream::Delta;
use crate::wire::{Parts, RawCall, RawFinish, number, text};

/// Writes `POST /chat/completions`.
pub(crate) fn write(request: &Request, provider: Provider, stream: bool) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system}));
    }
    request.messages.iter().for_each(|message| write_message(message, &mut messages));
    body.insert("messages".to_owned(), Value::Array(messages));
    let most = match provider {
        Provider::OpenAi | Provider::Xai => "max_completion_tokens",
        Provider::Anthropic
        | Provider::Together
        | Provider::Ollama
        | Provider::Cohere
        | Provider::Compatible => "max_tokens",
    };
    body.insert(most.to_owned(), json!(request.output_tokens_max));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if !request.stop.is_empty() {
        body.insert("stop".to_owned(), json!(request.stop));
    }
    if let Some(seed) = request.seed {
        body.insert("seed".to_owned(), json!(seed));
    }
    if let Some(effort) = request.effort {
        body.insert("reasoning_effort".to_owned(), json!(effort.as_str()));
    }
    if let Some(schema) = &request.schema {
        let schema = json!({"name": schema.name, "schema": schema.schema, "strict": true});
        let format = json!({"type": "json_schema", "json_schema": schema});
        body.insert("response_format".to_owned(), format);
    }
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                let function = json!({
                    "name": tool.name, "description": tool.description,
                    "parameters": tool.parameters,
                });
                json!({"type": "function", "function": function})
            })
            .collect();
        body.insert("tools".to_owned(), Value::Array(tools));
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        };
        body.insert("tool_choice".to_owned(), choice);
    }
    if stream {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    Value::Object(body)
}

/// Tool results are messages of their own on this wire.
fn write_message(message: &Message, out: &mut Vec<Value>) {
    let mut parts = Vec::new();
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(text) => parts.push(json!({"type": "text", "text": text})),
            Part::Image(image) => {
                let url = format!("data:{};base64,{}", image.mime, image.base64);
                parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
            }
            Part::ToolCall { id, name, arguments } => {
                let function = json!({"name": name, "arguments": arguments.to_string()});
                calls.push(json!({"id": id, "type": "function", "function": function}));
            }
            Part::ToolResult { id, text, .. } => {
                out.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
            }
        }
    }
    if parts.is_empty() && calls.is_empty() {
        return;
    }
    // One text goes as a text: many compatible servers know nothing else.
    let content = match parts.as_slice() {
        [] => Value::Null,
        [only] if only.get("text").is_some() => only.get("text").cloned().unwrap_or_default(),
        _ => Value::Array(parts),
    };
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut written = json!({"role": role, "content": content});
    if !calls.is_empty() {
        written["tool_calls"] = Value::Array(calls);
    }
    out.push(written);
}

/// Reads a whole answer.
pub(crate) fn read(body: &Value) -> Result<Parts, Error> {
    let choice = body
        .pointer("/choices/0")
        .ok_or_else(|| Error::new(Class::Malformed, "choices_missing", ""))?;
    let calls = choice.pointer("/message/tool_calls").and_then(Value::as_array);
    Ok(Parts {
        text: text(choice, "/message/content").to_owned(),
        calls: calls
            .into_iter()
            .flatten()
            .map(|call| RawCall {
                id: text(call, "/id").to_owned(),
                name: text(call, "/function/name").to_owned(),
                arguments: text(call, "/function/arguments").to_owned(),
            })
            .collect(),
        finish: finish(text(choice, "/finish_reason")),
        usage: usage(body.get("usage")),
        model: text(body, "/model").to_owned(),
        id: text(body, "/id").to_owned(),
    })
}

fn finish(reason: &str) -> RawFinish {
    match reason {
        "length" => RawFinish::Length,
        "tool_calls" | "function_call" => RawFinish::ToolCalls,
        "content_filter" => RawFinish::Filter,
        _ => RawFinish::Stop,
    }
}

/// On this wire cached tokens are a part of the prompt's, and reasoning a part of the completion's.
fn usage(json: Option<&Value>) -> Option<Usage> {
    let json = json.filter(|usage| usage.is_object())?;
    let input = number(json, "/prompt_tokens");
    let output = number(json, "/completion_tokens");
    let cached = number(json, "/prompt_tokens_details/cached_tokens").min(input);
    let reasoning = number(json, "/completion_tokens_details/reasoning_tokens");
    // Some servers count reasoning beside the completion; the total tells.
    let beside =
        number(json, "/total_tokens") >= input.saturating_add(output + reasoning) && reasoning > 0;
    Some(Usage {
        input: input - cached,
        cached_input: cached,
        cache_write: 0,
        output: if beside { output } else { output.saturating_sub(reasoning) },
        reasoning: if beside { reasoning } else { reasoning.min(output) },
    })
}

/// Puts chunks together.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    parts: Parts,
    finished: bool,
    done: bool,
}

impl Assembler {
    pub(crate) const fn done(&mut self) {
        self.done = true;
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn feed(&mut self, json: &Value) -> Vec<Delta> {
        let mut deltas = Vec::new();
        if self.parts.id.is_empty() {
            text(json, "/id").clone_into(&mut self.parts.id);
        }
        if self.parts.model.is_empty() {
            text(json, "/model").clone_into(&mut self.parts.model);
        }
        if let Some(usage) = usage(json.get("usage")) {
            self.parts.usage = Some(usage);
        }
        let Some(choice) = json.pointer("/choices/0") else { return deltas };
        let piece = text(choice, "/delta/content");
        if !piece.is_empty() {
            self.parts.text.push_str(piece);
            deltas.push(Delta::Text(piece.to_owned()));
        }
        let calls = choice.pointer("/delta/tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            deltas.extend(self.feed_call(call));
        }
        let reason = text(choice, "/finish_reason");
        if !reason.is_empty() {
            self.parts.finish = finish(reason);
            self.finished = true;
        }
        deltas
    }

    fn feed_call(&mut self, piece: &Value) -> Option<Delta> {
        let calls = &mut self.parts.calls;
        let next = calls.len() as u64;
        let index = piece.get("index").and_then(Value::as_u64).unwrap_or(next);
        // A server that skips numbers still means the next call.
        let index = usize::try_from(index).unwrap_or(usize::MAX).min(calls.len());
        let mut began = None;
        if index == calls.len() {
            let name = text(piece, "/function/name").to_owned();
            began = Some(Delta::ToolCall { name: name.clone() });
            calls.push(RawCall { id: text(piece, "/id").to_owned(), name, ..RawCall::default() });
        }
        if let Some(call) = calls.get_mut(index) {
            call.arguments.push_str(text(piece, "/function/arguments"));
        }
        began
    }

    /// Some servers leave the last line out; a stated reason is as good, if the stream ended well.
    pub(crate) fn parts(&mut self) -> (Parts, bool) {
        (std::mem::take(&mut self.parts), self.finished)
    }
}
