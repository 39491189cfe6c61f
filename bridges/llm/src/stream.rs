use std::collections::VecDeque;
use std::fmt;

use impresario_routing::{Class, Usage};
use serde_json::Value;
use tracing::Span;

use crate::answer::{Answer, Finish, ToolCall};
use crate::error::Error;
use crate::observe;
use crate::settings::Settings;
use crate::transport::Reply;
use crate::wire::frames::{Frame, Frames};
use crate::wire::{Assembler, Parts, RawFinish, Wire};

/// A piece of an answer. `Debug` says nothing of the contents.
#[derive(Clone, PartialEq, Eq)]
pub enum Delta {
    /// More words.
    Text(String),
    /// A call of a tool begins; its arguments are in the answer.
    ToolCall {
        /// The tool.
        name: String,
    },
}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::ToolCall { .. } => "ToolCall(..)",
        })
    }
}

/// An answer on its way. Dropping it closes the connection, which ends the provider's work.
#[derive(Debug)]
pub struct Streaming {
    /// `None` once everything has come, so that the connection goes back to the pool.
    reply: Option<Reply>,
    frames: Frames,
    assembler: Assembler,
    settings: Settings,
    span: Span,
    pending: VecDeque<Delta>,
    first_chunk_ms: Option<u64>,
    ended: Option<Result<Answer, Error>>,
    reported: bool,
}

impl Streaming {
    pub(crate) fn new(reply: Reply, wire: Wire, settings: Settings, span: Span) -> Self {
        Self {
            reply: Some(reply),
            frames: Frames::new(wire.is_lines()),
            assembler: wire.assembler(),
            settings,
            span,
            pending: VecDeque::new(),
            first_chunk_ms: None,
            ended: None,
            reported: false,
        }
    }

    /// A server that was asked to stream and gave everything at once.
    pub(crate) fn whole(mut self, answer: Answer) -> Self {
        if !answer.text.is_empty() {
            self.pending.push_back(Delta::Text(answer.text.clone()));
        }
        for call in &answer.tool_calls {
            self.pending.push_back(Delta::ToolCall { name: call.name.clone() });
        }
        self.end(Ok(answer));
        self
    }

    /// The next piece; `None` after the last one and after an error. Cancelling it loses nothing:
    /// the next call goes on.
    ///
    /// # Errors
    /// If the answer does not come to its end; reported once.
    pub async fn next(&mut self) -> Option<Result<Delta, Error>> {
        loop {
            if let Some(delta) = self.pending.pop_front() {
                return Some(Ok(delta));
            }
            if let Some(ended) = &self.ended {
                if let Err(error) = ended
                    && !std::mem::replace(&mut self.reported, true)
                {
                    return Some(Err(error.clone()));
                }
                return None;
            }
            self.advance().await;
        }
    }

    /// Waits for the end and gives the whole answer.
    ///
    /// # Errors
    /// If the answer does not come to its end; also if [`Streaming::next`] has said so already.
    pub async fn finish(mut self) -> Result<Answer, Error> {
        loop {
            if let Some(ended) = self.ended.take() {
                return ended;
            }
            self.advance().await;
        }
    }

    /// Reads one piece of the connection.
    async fn advance(&mut self) {
        let Some(reply) = &mut self.reply else {
            return self.end(Err(Error::new(Class::Truncated, "ended", "")));
        };
        let mut frames = Vec::new();
        let chunk = match reply.chunk().await {
            Ok(chunk) => chunk,
            Err(error) => return self.end(Err(error)),
        };
        let cut = match &chunk {
            Some(bytes) => self.frames.feed(bytes, &mut frames),
            None => self.frames.end(&mut frames),
        };
        if let Err(mut error) = cut.and_then(|()| self.take(&frames)) {
            // A last line that is not JSON is half of one.
            if chunk.is_none() && error.class == Class::Malformed {
                error.class = Class::Truncated;
            }
            return self.end(Err(error));
        }
        if self.assembler.is_done() || chunk.is_none() {
            self.conclude();
        }
    }

    fn take(&mut self, frames: &[Frame]) -> Result<(), Error> {
        for (name, data) in frames {
            let deltas = self.assembler.feed(name, data)?;
            if self.first_chunk_ms.is_none() && !deltas.is_empty() {
                self.first_chunk_ms = self.reply.as_ref().map(Reply::elapsed_ms);
            }
            self.pending.extend(deltas);
        }
        Ok(())
    }

    fn conclude(&mut self) {
        let (parts, complete) = self.assembler.parts();
        let Some(reply) = &self.reply else { return };
        let usage = parts.usage;
        let ended = if complete {
            answer(parts, reply, self.first_chunk_ms)
        } else {
            let error = reply.error(Class::Truncated, "stream_ended_early");
            Err(Error { usage, ..error })
        };
        self.end(ended);
    }

    fn end(&mut self, ended: Result<Answer, Error>) {
        let ended = ended.map_err(|mut error| {
            if error.usage.is_none() {
                error.usage = self.assembler.parts().0.usage;
            }
            if let Some(reply) = &self.reply
                && error.request_id.is_empty()
            {
                error.request_id.clone_from(&reply.request_id);
            }
            error
        });
        observe::chat_ended(&self.settings, &self.span, &ended);
        self.reply = None;
        self.ended = Some(ended);
    }
}

/// What a provider said, in our shape.
pub(crate) fn answer(
    parts: Parts,
    reply: &Reply,
    first_chunk_ms: Option<u64>,
) -> Result<Answer, Error> {
    let usage = parts.usage.unwrap_or_default();
    let finish = match parts.finish {
        RawFinish::Filter => {
            return Err(reply.error(Class::ContentFilter, "refused").with_usage(usage));
        }
        RawFinish::Length => Finish::Length,
        RawFinish::ToolCalls => Finish::ToolCalls,
        RawFinish::Stop if parts.calls.is_empty() => Finish::Stop,
        // Some servers say that they stopped when they want a tool.
        RawFinish::Stop => Finish::ToolCalls,
    };
    let tool_calls = tool_calls(&parts, finish, reply, usage)?;
    let latency_ms = reply.elapsed_ms();
    Ok(Answer {
        text: parts.text,
        tool_calls,
        finish,
        usage,
        usage_known: parts.usage.is_some(),
        model: parts.model,
        response_id: parts.id,
        request_id: reply.request_id.to_string(),
        latency_ms,
        first_chunk_ms: first_chunk_ms.unwrap_or(latency_ms),
    })
}

fn tool_calls(
    parts: &Parts,
    finish: Finish,
    reply: &Reply,
    usage: Usage,
) -> Result<Vec<ToolCall>, Error> {
    let calls = parts.calls.iter().enumerate().map(|(place, call)| {
        let written = call.arguments.trim();
        let arguments = if written.is_empty() { "{}" } else { written };
        let arguments = serde_json::from_str::<Value>(arguments).map_err(|_| {
            // A limit in the middle of the arguments leaves half a JSON.
            let cut = finish == Finish::Length;
            let class = if cut { Class::Truncated } else { Class::Malformed };
            reply.error(class, "arguments_not_json").with_usage(usage)
        })?;
        let id = if call.id.is_empty() { format!("call_{place}") } else { call.id.clone() };
        Ok(ToolCall { id, name: call.name.clone(), arguments })
    });
    calls.collect()
}
