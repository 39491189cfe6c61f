use impresario_routing::{Class, Usage};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::request::{Message, Part, Request, Role};
use crate::stream::Delta;
use crate::wire::{Parts, RawCall, RawFinish, number, text};

/// Writes `POST /api/chat` of Ollama, which streams unless it is told not to.
pub(crate) fn write(request: &Request, stream: bool) -> Value {
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system}));
    }
    request.messages.iter().for_each(|message| write_message(message, &mut messages));
    let mut options = Map::new();
    options.insert("num_predict".to_owned(), json!(request.output_tokens_max));
    if let Some(temperature) = request.temperature {
        options.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(seed) = request.seed {
        options.insert("seed".to_owned(), json!(seed));
    }
    if !request.stop.is_empty() {
        options.insert("stop".to_owned(), json!(request.stop));
    }
    let mut body = json!({
        "model": request.model, "messages": messages, "stream": stream, "options": options,
    });
    if let Some(schema) = &request.schema {
        body["format"] = schema.schema.clone();
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
        body["tools"] = Value::Array(tools);
    }
    body
}

fn write_message(message: &Message, out: &mut Vec<Value>) {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut words = Vec::new();
    let mut images = Vec::new();
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(text) => words.push(text.as_str()),
            Part::Image(image) => images.push(image.base64.as_str()),
            Part::ToolCall { name, arguments, .. } => {
                calls.push(json!({"function": {"name": name, "arguments": arguments}}));
            }
            Part::ToolResult { name, text, .. } => {
                out.push(json!({"role": "tool", "tool_name": name, "content": text}));
            }
        }
    }
    if words.is_empty() && images.is_empty() && calls.is_empty() {
        return;
    }
    let mut written = json!({"role": role, "content": words.join("\n")});
    if !images.is_empty() {
        written["images"] = json!(images);
    }
    if !calls.is_empty() {
        written["tool_calls"] = Value::Array(calls);
    }
    out.push(written);
}

/// Reads a whole answer.
pub(crate) fn read(body: &Value) -> Result<Parts, Error> {
    if body.get("message").is_none() {
        return Err(Error::new(Class::Malformed, "message_missing", ""));
    }
    let mut assembler = Assembler::default();
    assembler.feed(body);
    if assembler.done {
        Ok(assembler.parts().0)
    } else {
        Err(Error::new(Class::Truncated, "not_done", ""))
    }
}

/// Puts lines together.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    parts: Parts,
    done: bool,
}

impl Assembler {
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn feed(&mut self, json: &Value) -> Vec<Delta> {
        let mut deltas = Vec::new();
        let piece = text(json, "/message/content");
        if !piece.is_empty() {
            self.parts.text.push_str(piece);
            deltas.push(Delta::Text(piece.to_owned()));
        }
        let calls = json.pointer("/message/tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            let name = text(call, "/function/name").to_owned();
            deltas.push(Delta::ToolCall { name: name.clone() });
            let arguments = call.pointer("/function/arguments").unwrap_or(&Value::Null).to_string();
            // This provider has no ids for calls; the place does.
            let id = format!("call_{}", self.parts.calls.len());
            self.parts.calls.push(RawCall { id, name, arguments });
        }
        if json.get("done").and_then(Value::as_bool).unwrap_or(false) {
            self.done = true;
            text(json, "/model").clone_into(&mut self.parts.model);
            self.parts.finish = match text(json, "/done_reason") {
                "length" => RawFinish::Length,
                _ if self.parts.calls.is_empty() => RawFinish::Stop,
                _ => RawFinish::ToolCalls,
            };
            if json.get("eval_count").is_some() || json.get("prompt_eval_count").is_some() {
                self.parts.usage = Some(Usage {
                    input: number(json, "/prompt_eval_count"),
                    output: number(json, "/eval_count"),
                    ..Usage::default()
                });
            }
        }
        deltas
    }

    pub(crate) fn parts(&mut self) -> (Parts, bool) {
        (std::mem::take(&mut self.parts), self.done)
    }
}
