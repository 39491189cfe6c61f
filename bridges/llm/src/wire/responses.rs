use impresario_routing::{Class, Usage};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::request::{Message, Part, Request, Role, ToolChoice};
use crate::stream::Delta;
use crate::wire::{Parts, RawCall, RawFinish, failure, number, text};

/// Writes `POST /responses`.
pub(crate) fn write(request: &Request, stream: bool) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    // The provider is not to keep the conversation: we have it.
    body.insert("store".to_owned(), json!(false));
    if !request.system.is_empty() {
        body.insert("instructions".to_owned(), json!(request.system));
    }
    let mut input = Vec::new();
    request.messages.iter().for_each(|message| write_message(message, &mut input));
    body.insert("input".to_owned(), Value::Array(input));
    body.insert("max_output_tokens".to_owned(), json!(request.output_tokens_max));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(effort) = request.effort {
        body.insert("reasoning".to_owned(), json!({"effort": effort.as_str()}));
    }
    if let Some(schema) = &request.schema {
        let format = json!({
            "type": "json_schema", "name": schema.name, "schema": schema.schema, "strict": true,
        });
        body.insert("text".to_owned(), json!({"format": format}));
    }
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters,
            })
        })
        .collect();
    if request.live_search {
        tools.push(json!({"type": "web_search"}));
    }
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named(name) => json!({"type": "function", "name": name}),
        };
        body.insert("tool_choice".to_owned(), choice);
    }
    if stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Value::Object(body)
}

fn write_message(message: &Message, out: &mut Vec<Value>) {
    let (role, kind) = match message.role {
        Role::User => ("user", "input_text"),
        Role::Assistant => ("assistant", "output_text"),
    };
    let mut parts = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(text) => parts.push(json!({"type": kind, "text": text})),
            Part::Image(image) => {
                let url = format!("data:{};base64,{}", image.mime, image.base64);
                parts.push(json!({"type": "input_image", "image_url": url}));
            }
            Part::ToolCall { id, name, arguments } => out.push(json!({
                "type": "function_call", "call_id": id, "name": name,
                "arguments": arguments.to_string(),
            })),
            Part::ToolResult { id, text, .. } => {
                out.push(json!({"type": "function_call_output", "call_id": id, "output": text}));
            }
        }
    }
    if !parts.is_empty() {
        out.push(json!({"role": role, "content": parts}));
    }
}

/// Reads a whole answer; also the one inside the last event of a stream.
pub(crate) fn read(body: &Value) -> Result<Parts, Error> {
    let output = body
        .get("output")
        .and_then(Value::as_array)
        .ok_or_else(|| Error::new(Class::Malformed, "output_missing", ""))?;
    let mut parts = Parts {
        usage: usage(body.get("usage")),
        model: text(body, "/model").to_owned(),
        id: text(body, "/id").to_owned(),
        ..Parts::default()
    };
    for item in output {
        match text(item, "/type") {
            "message" => {
                let contents = item.get("content").and_then(Value::as_array);
                for content in contents.into_iter().flatten() {
                    parts.text.push_str(text(content, "/text"));
                    if content.get("type").is_some_and(|kind| kind == "refusal") {
                        parts.finish = RawFinish::Filter;
                    }
                }
            }
            "function_call" => parts.calls.push(RawCall {
                id: text(item, "/call_id").to_owned(),
                name: text(item, "/name").to_owned(),
                arguments: text(item, "/arguments").to_owned(),
            }),
            // Reasoning, searches and what else the provider did by itself.
            _ => {}
        }
    }
    match (text(body, "/status"), text(body, "/incomplete_details/reason")) {
        ("incomplete", "content_filter") => parts.finish = RawFinish::Filter,
        ("incomplete", _) => parts.finish = RawFinish::Length,
        ("failed" | "cancelled", _) => return Err(failure(None, body)),
        _ if !parts.calls.is_empty() => parts.finish = RawFinish::ToolCalls,
        _ => {}
    }
    Ok(parts)
}

fn usage(json: Option<&Value>) -> Option<Usage> {
    let json = json.filter(|usage| usage.is_object())?;
    let input = number(json, "/input_tokens");
    let output = number(json, "/output_tokens");
    let cached = number(json, "/input_tokens_details/cached_tokens").min(input);
    let reasoning = number(json, "/output_tokens_details/reasoning_tokens").min(output);
    Some(Usage {
        input: input - cached,
        cached_input: cached,
        cache_write: 0,
        output: output - reasoning,
        reasoning,
    })
}

/// Waits for the last event, which has everything, and passes pieces on meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    parts: Parts,
    done: bool,
}

impl Assembler {
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn feed(&mut self, json: &Value) -> Result<Vec<Delta>, Error> {
        match text(json, "/type") {
            "response.output_text.delta" => {
                let piece = text(json, "/delta").to_owned();
                self.parts.text.push_str(&piece);
                Ok(vec![Delta::Text(piece)])
            }
            "response.output_item.added" if text(json, "/item/type") == "function_call" => {
                Ok(vec![Delta::ToolCall { name: text(json, "/item/name").to_owned() }])
            }
            "response.completed" | "response.incomplete" => {
                self.parts = read(json.get("response").unwrap_or(&Value::Null))?;
                self.done = true;
                Ok(Vec::new())
            }
            "response.failed" => {
                let response = json.get("response").unwrap_or(&Value::Null);
                Err(failure(None, response))
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(crate) fn parts(&mut self) -> (Parts, bool) {
        (std::mem::take(&mut self.parts), self.done)
    }
}
