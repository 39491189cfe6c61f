//! One reply out of its parts (CNV-19).

use impresario_assistant::{DisclaimerWhen, Say, with_topic};
use impresario_messages::{Button, Buttons, Channel, Content};

use super::{draft::Draft, is_returning};
use crate::{Citation, RETURNING_CONTINUE, RETURNING_FRESH};

/// Contents of one reply; what would be more is left out.
const CONTENTS_MAX: usize = 24;

/// Pages that are named below an answer.
const SOURCES_MAX: usize = 3;

/// What a reply is made of.
#[derive(Default)]
pub(super) struct Pieces {
    /// An overlooked question is answered.
    pub(super) recovered: bool,
    /// The answers, in order.
    pub(super) answers: Vec<Content>,
    /// A question for a detail of a lead, or thanks for all of them.
    pub(super) lead: Option<String>,
    /// A human takes over.
    pub(super) handoff: bool,
    /// The answers say so already.
    pub(super) said: bool,
    /// Whether a returning customer is asked whether to go on.
    pub(super) welcome: bool,
    /// The intents that are answered.
    pub(super) intents: Vec<String>,
    /// What the answers rest on.
    pub(super) sources: Vec<Citation>,
}

pub(super) fn compose(draft: &Draft<'_>, pieces: Pieces) -> Vec<Content> {
    let mut content = Vec::new();
    if !draft.state.disclosed && draft.config.disclosure.enabled {
        content.push(Content::text(draft.text(Say::Disclosure)));
    }
    if pieces.recovered {
        content.push(Content::text(draft.text(Say::Forgot)));
    }
    let silent = pieces.answers.is_empty() && pieces.lead.is_none() && !pieces.handoff;
    content.extend(pieces.answers);
    content.extend(sources(draft, &pieces.sources));
    if silent {
        content.push(Content::text(draft.text(Say::Unknown)));
    }
    content.extend(pieces.lead.map(Content::text));
    if pieces.handoff && !pieces.said {
        let hours = draft.config.business_hours.as_ref();
        let open = hours.is_none_or(|hours| hours.is_open(draft.now.as_ms()));
        content.push(Content::text(draft.text(if open {
            Say::Handoff
        } else {
            Say::OutsideHours
        })));
    }
    content.extend(disclaimers(draft, &pieces.intents).into_iter().map(Content::text));
    let mut content = merged(content);
    content.truncate(CONTENTS_MAX);
    if pieces.welcome && !pieces.handoff && is_returning(&draft.state) {
        content.push(welcome(draft));
    }
    content
}

/// Where the answers can be read, for those who get nothing but the text: the widget and programs show
/// the citations themselves.
fn sources(draft: &Draft<'_>, citations: &[Citation]) -> Option<Content> {
    let channel = draft.state.address.as_ref()?.channel;
    let is_text_only = match channel {
        Channel::WhatsApp | Channel::Twilio | Channel::Slack | Channel::Discord => true,
        Channel::Web | Channel::OpenAi | Channel::Api => false,
    };
    let mut lines: Vec<String> = Vec::new();
    for citation in citations.iter().filter(|_| is_text_only && draft.config.features.sources) {
        let url = citation.url.as_deref().unwrap_or_default();
        let is_page = url.starts_with("https://") || url.starts_with("http://");
        if !is_page || url.contains([' ', '(', ')', '<', '>']) || lines.len() >= SOURCES_MAX {
            continue;
        }
        let title = citation.title.replace(['[', ']', '\n'], " ");
        let line = format!("[{}]({url})", if title.trim().is_empty() { url } else { title.trim() });
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    (!lines.is_empty()).then(|| Content::text(lines.join("\n")))
}

/// The customer was away: go on, or start afresh? (CNV-27)
fn welcome(draft: &Draft<'_>) -> Content {
    let past = draft.state.memory.previous.as_ref();
    let topic = past.and_then(|past| past.topic.as_ref()).map_or("", |topic| &topic.0);
    Content::Buttons(Buttons {
        body: with_topic(&draft.text(Say::WelcomeBack), topic),
        buttons: vec![
            Button::reply(RETURNING_CONTINUE, draft.text(Say::Resume)),
            Button::reply(RETURNING_FRESH, draft.text(Say::Afresh)),
        ],
        ..Buttons::default()
    })
}

/// What must be said with this reply.
fn disclaimers(draft: &Draft<'_>, intents: &[String]) -> Vec<String> {
    let first = !draft.state.disclosed;
    let language = draft.config.language(draft.state.language.as_deref());
    draft
        .config
        .disclaimers
        .iter()
        .filter(|disclaimer| match disclaimer.when {
            DisclaimerWhen::Always => true,
            DisclaimerWhen::FirstReply => first,
            DisclaimerWhen::Intents => disclaimer.intents.iter().any(|name| intents.contains(name)),
        })
        .map(|disclaimer| disclaimer.languages.get(language).unwrap_or(&disclaimer.text).clone())
        .collect()
}

/// Neighbouring texts become one, so that a reply is one message where it can be.
fn merged(content: Vec<Content>) -> Vec<Content> {
    let mut merged: Vec<Content> = Vec::with_capacity(content.len());
    for next in content {
        match (merged.last_mut(), next) {
            (Some(Content::Text { text }), Content::Text { text: more }) => {
                text.push_str("\n\n");
                text.push_str(&more);
            }
            (_, next) => merged.push(next),
        }
    }
    merged
}
