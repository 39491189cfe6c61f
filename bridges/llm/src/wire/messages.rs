use impresario_routing::{Class, Usage};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::request::{Message, Part, Request, Role, ToolChoice};
use crate::stream::Delta;
use crate::wire::{Parts, RawCall, RawFinish, number, text};

/// Writes `POST /messages`.
pub(crate) fn write(request: &Request, stream: bool) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("max_tokens".to_owned(), json!(request.output_tokens_max));
    if !request.system.is_empty() {
        body.insert("system".to_owned(), json!(request.system));
    }
    let messages: Vec<Value> = request.messages.iter().filter_map(write_message).collect();
    body.insert("messages".to_owned(), Value::Array(messages));
    if let Some(temperature) = request.temperature {
        // This provider's scale ends at 1.
        body.insert("temperature".to_owned(), json!(temperature.min(1.0)));
    }
    if !request.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(request.stop));
    }
    let mut config = Map::new();
    if let Some(effort) = request.effort {
        config.insert("effort".to_owned(), json!(effort.as_str()));
    }
    if let Some(schema) = &request.schema {
        let format = json!({"type": "json_schema", "schema": schema.schema});
        config.insert("format".to_owned(), format);
    }
    if !config.is_empty() {
        body.insert("output_config".to_owned(), Value::Object(config));
    }
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| {
            json!({
                "name": tool.name, "description": tool.description,
                "input_schema": tool.parameters,
            })
        })
        .collect();
    if request.live_search {
        tools.push(json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 5}));
    }
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!({"type": "auto"}),
            ToolChoice::None => json!({"type": "none"}),
            ToolChoice::Required => json!({"type": "any"}),
            ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
        };
        body.insert("tool_choice".to_owned(), choice);
    }
    if stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Value::Object(body)
}

fn write_message(message: &Message) -> Option<Value> {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let parts: Vec<Value> = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => json!({"type": "text", "text": text}),
            Part::Image(image) => {
                let source =
                    json!({"type": "base64", "media_type": image.mime, "data": image.base64});
                json!({"type": "image", "source": source})
            }
            Part::ToolCall { id, name, arguments } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": arguments})
            }
            Part::ToolResult { id, text, .. } => {
                json!({"type": "tool_result", "tool_use_id": id, "content": text})
            }
        })
        .collect();
    (!parts.is_empty()).then(|| json!({"role": role, "content": parts}))
}

/// Reads a whole answer.
pub(crate) fn read(body: &Value) -> Result<Parts, Error> {
    let content = body
        .get("content")
        .and_then(Value::as_array)
        .ok_or_else(|| Error::new(Class::Malformed, "content_missing", ""))?;
    let mut parts = Parts {
        finish: finish(text(body, "/stop_reason")),
        model: text(body, "/model").to_owned(),
        id: text(body, "/id").to_owned(),
        ..Parts::default()
    };
    let mut counted = Usage::default();
    if let Some(usage) = body.get("usage") {
        count(&mut counted, usage);
        parts.usage = Some(counted);
    }
    for block in content {
        match text(block, "/type") {
            "text" => parts.text.push_str(text(block, "/text")),
            "tool_use" => parts.calls.push(RawCall {
                id: text(block, "/id").to_owned(),
                name: text(block, "/name").to_owned(),
                arguments: block.get("input").unwrap_or(&Value::Null).to_string(),
            }),
            // Thinking, and tools that the provider ran by itself.
            _ => {}
        }
    }
    Ok(parts)
}

fn finish(reason: &str) -> RawFinish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => RawFinish::Length,
        "tool_use" => RawFinish::ToolCalls,
        "refusal" => RawFinish::Filter,
        _ => RawFinish::Stop,
    }
}

/// On this wire the classes do not overlap, and later counts replace earlier ones. Thinking is in
/// the output, and not told apart unless the details are there.
fn count(usage: &mut Usage, json: &Value) {
    let take = |field: &mut u64, pointer: &str| {
        if let Some(number) = json.pointer(pointer).and_then(Value::as_u64) {
            *field = number;
        }
    };
    take(&mut usage.input, "/input_tokens");
    take(&mut usage.cached_input, "/cache_read_input_tokens");
    take(&mut usage.cache_write, "/cache_creation_input_tokens");
    if json.pointer("/output_tokens").is_some() {
        let output = number(json, "/output_tokens");
        usage.reasoning = number(json, "/output_tokens_details/thinking_tokens").min(output);
        usage.output = output - usage.reasoning;
    }
}

/// Puts events together.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    parts: Parts,
    usage: Usage,
    /// The call that the current block writes.
    call: Option<RawCall>,
    done: bool,
}

impl Assembler {
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn feed(&mut self, json: &Value) -> Vec<Delta> {
        match text(json, "/type") {
            "message_start" => {
                text(json, "/message/id").clone_into(&mut self.parts.id);
                text(json, "/message/model").clone_into(&mut self.parts.model);
                if let Some(usage) = json.pointer("/message/usage") {
                    count(&mut self.usage, usage);
                }
                Vec::new()
            }
            "content_block_start" if text(json, "/content_block/type") == "tool_use" => {
                let name = text(json, "/content_block/name").to_owned();
                self.call = Some(RawCall {
                    id: text(json, "/content_block/id").to_owned(),
                    name: name.clone(),
                    arguments: String::new(),
                });
                vec![Delta::ToolCall { name }]
            }
            "content_block_delta" => {
                if let Some(call) = &mut self.call {
                    call.arguments.push_str(text(json, "/delta/partial_json"));
                }
                let piece = text(json, "/delta/text");
                if piece.is_empty() {
                    return Vec::new();
                }
                self.parts.text.push_str(piece);
                vec![Delta::Text(piece.to_owned())]
            }
            "content_block_stop" => {
                self.parts.calls.extend(self.call.take());
                Vec::new()
            }
            "message_delta" => {
                self.parts.finish = finish(text(json, "/delta/stop_reason"));
                if let Some(usage) = json.get("usage") {
                    count(&mut self.usage, usage);
                }
                Vec::new()
            }
            "message_stop" => {
                self.done = true;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn parts(&mut self) -> (Parts, bool) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.usage = (self.usage != Usage::default()).then_some(self.usage);
        (parts, self.done)
    }
}
