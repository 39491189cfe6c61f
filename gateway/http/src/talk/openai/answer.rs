use impresario_conversation::{Citation, TurnAnswer};
use impresario_messages::{Channel, Rendered, plan};
use serde_json::{Value, json};

use super::MODEL;
use crate::port::Talk;

/// Characters of one piece of a stream, about.
const PIECE_CHARS: usize = 24;

/// An answer that is being given.
pub(super) struct Completion {
    pub(super) id: String,
    /// Seconds since the epoch.
    pub(super) created: i64,
    /// Tokens of the question, where no model has counted more.
    pub(super) asked: u64,
    /// What is said where there is nothing to say.
    pub(super) fallback: String,
}

/// An answer in words.
pub(super) struct Spoken {
    pub(super) text: String,
    annotations: Vec<Value>,
    usage: Value,
}

/// A content as one text.
fn words(rendered: &Rendered) -> String {
    match rendered {
        Rendered::Text { text } => text.clone(),
        Rendered::Media(media) => {
            let caption = media.caption.as_deref().unwrap_or_default();
            format!("{caption}\n{}", media.url().unwrap_or_default()).trim().to_owned()
        }
        Rendered::Location(place) => {
            let name = place.name.as_deref().or(place.address.as_deref()).unwrap_or_default();
            format!("{name} ({}, {})", place.latitude, place.longitude).trim().to_owned()
        }
        Rendered::Contact(card) => {
            let ways = card.phones.iter().chain(&card.emails).cloned().collect::<Vec<_>>();
            format!("{} {}", card.name, ways.join(" ")).trim().to_owned()
        }
        Rendered::Reaction { emoji, .. } => emoji.clone().unwrap_or_default(),
        Rendered::Buttons(buttons) => buttons.body.clone(),
        Rendered::List(list) => list.body.clone(),
        Rendered::Product(card) => card.title.clone(),
        Rendered::Template(template) => template.text.clone().unwrap_or_default(),
    }
}

impl Spoken {
    /// What remains of it to be said after its beginning. If something else was said, because a model
    /// failed on the way, it follows as a whole.
    pub(super) fn after(mut self, said: &str) -> Self {
        if let Some(rest) = self.text.strip_prefix(said) {
            self.text = rest.to_owned();
            return self;
        }
        self.text.insert_str(0, "\n\n");
        let moved = said.chars().count() + 2;
        for annotation in &mut self.annotations {
            for end in ["start_index", "end_index"] {
                let index = &mut annotation["url_citation"][end];
                *index = json!(index.as_u64().unwrap_or_default() + moved as u64);
            }
        }
        self
    }
}

impl Completion {
    /// The answer in words: each part is followed by the numbers of what it rests on, and those are
    /// listed below.
    pub(super) fn speak(&self, answer: &TurnAnswer, talk: &dyn Talk) -> Spoken {
        let mut text = String::new();
        let mut cited: Vec<&Citation> = Vec::new();
        let mut annotations = Vec::new();
        for part in &answer.parts {
            let said: Vec<String> =
                plan(&part.content, Channel::OpenAi).iter().map(words).collect();
            let said = said.join("\n\n");
            if said.trim().is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            let start = text.chars().count();
            text.push_str(said.trim_end());
            let end = text.chars().count();
            for citation in &part.citations {
                let place = cited.iter().position(|known| *known == citation);
                let place = place.unwrap_or_else(|| {
                    cited.push(citation);
                    cited.len() - 1
                });
                text.push_str(&format!(" [{}]", place + 1));
                annotations.push(annotation(citation, start, end));
            }
        }
        if text.is_empty() {
            text.clone_from(&self.fallback);
        }
        for (place, citation) in cited.iter().enumerate() {
            text.push_str(if place == 0 { "\n\n" } else { "\n" });
            text.push_str(&format!("[{}] {}", place + 1, citation.title));
            if let Some(url) = &citation.url {
                text.push_str(&format!(" {url}"));
            }
        }
        let usage = self.usage(answer, &text, talk);
        Spoken { text, annotations, usage }
    }

    fn usage(&self, answer: &TurnAnswer, text: &str, talk: &dyn Talk) -> Value {
        let read = if answer.tokens_in == 0 { self.asked } else { answer.tokens_in };
        let written = match answer.tokens_out {
            0 => u64::try_from(talk.tokens(text)).unwrap_or(u64::MAX),
            counted => counted,
        };
        json!({
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read.saturating_add(written),
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    }

    /// In one piece.
    pub(super) fn whole(&self, spoken: &Spoken) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": MODEL,
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": spoken.text,
                    "refusal": null,
                    "annotations": spoken.annotations,
                },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": spoken.usage,
            "system_fingerprint": null,
        })
    }

    /// One piece of a stream. `usage`: whether the last piece will have it; then this one says that
    /// it has none.
    pub(super) fn chunk(&self, delta: &Value, finish: Option<&str>, usage: bool) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": MODEL,
            "system_fingerprint": null,
            "choices": [{
                "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish,
            }],
        });
        if usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// Some words, in pieces.
    pub(super) fn spoken(&self, text: &str, usage: bool) -> impl Iterator<Item = String> {
        pieces(text)
            .map(move |piece| self.chunk(&json!({ "content": piece }), None, usage).to_string())
    }

    /// All pieces up to the end.
    pub(super) fn chunks(&self, spoken: &Spoken, usage: bool) -> Vec<String> {
        let mut chunks: Vec<String> = self.spoken(&spoken.text, usage).collect();
        if !spoken.annotations.is_empty() {
            let delta = json!({ "annotations": spoken.annotations });
            chunks.push(self.chunk(&delta, None, usage).to_string());
        }
        chunks.push(self.chunk(&json!({}), Some("stop"), usage).to_string());
        if usage {
            let mut last = self.chunk(&json!({}), None, usage);
            last["choices"] = json!([]);
            last["usage"] = spoken.usage.clone();
            chunks.push(last.to_string());
        }
        chunks
    }
}

/// Where a part of the text comes from. OpenAI's clients want an address, also where there is none.
fn annotation(citation: &Citation, start: usize, end: usize) -> Value {
    json!({
        "type": "url_citation",
        "url_citation": {
            "start_index": start,
            "end_index": end,
            "title": citation.title,
            "url": citation.url.clone().unwrap_or_else(|| format!("urn:impresario:{}", citation.document)),
        },
    })
}

/// The text cut between words, nothing lost.
pub(in crate::talk) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let enough = rest.char_indices().nth(PIECE_CHARS).map_or(rest.len(), |(at, _)| at);
        let end = rest[enough..].find(char::is_whitespace).map_or(rest.len(), |at| enough + at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}
