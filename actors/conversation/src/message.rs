use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Choice, Content, Media};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{Citation, TEXT_BYTES_MAX};

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Author {
    /// The customer.
    #[n(0)]
    Customer,
    /// The assistant.
    #[n(1)]
    Assistant,
    /// A human of the tenant.
    #[n(2)]
    Human,
    /// A human of the tenant, not to the customer.
    #[n(3)]
    Note,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct Message {
    /// Counted from 1 by arrival, over everything that was said.
    #[n(0)]
    pub seq: u64,
    /// The platform's id, or ours of what we sent.
    #[n(1)]
    pub id: String,
    /// Who said it.
    #[n(2)]
    pub from: Author,
    /// Which human.
    #[n(3)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub by: Option<Personal<String>>,
    /// When it was said, by the platform's clock for what came in.
    #[n(4)]
    #[serde(serialize_with = "crate::json::time")]
    pub at: Timestamp,
    /// When it was taken in.
    #[n(5)]
    #[serde(serialize_with = "crate::json::time")]
    pub received: Timestamp,
    /// What was said.
    #[n(6)]
    pub content: Vec<Content>,
    /// What was chosen, by a press or by a typed number or title.
    #[n(7)]
    pub choice: Option<Choice>,
    /// The turn it belongs to, if any (yet).
    #[n(8)]
    pub turn: Option<u32>,
    /// What it rests on.
    #[n(9)]
    pub citations: Vec<Citation>,
    /// The platform's id of the message that it answers.
    #[n(10)]
    pub reply_to: Option<String>,
}

impl Message {
    /// The words of it, for reading on.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<&str> = self.content.iter().filter_map(Content::words).collect();
        words.join("\n")
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let content: usize = self.content.iter().map(weight).sum();
        let citations: usize = self
            .citations
            .iter()
            .map(|citation| citation.title.len() + citation.document.len() + 64)
            .sum();
        content + citations + self.id.len() + 64
    }
}

fn weight(content: &Content) -> usize {
    // What has many small parts is counted by its stored form.
    match content {
        Content::Text { text } => text.len(),
        Content::Media(_)
        | Content::Location(_)
        | Content::Choice(_)
        | Content::Reaction { .. }
        | Content::Contact(_)
        | Content::Unsupported { .. }
        | Content::Buttons(_)
        | Content::List(_)
        | Content::ProductCard(_)
        | Content::ServiceCard(_)
        | Content::Template(_) => impresario_kernel::encode(content).len(),
    }
}

/// A text of at most so many bytes, cut between characters.
pub(crate) fn clip(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// What came in, with nothing longer than [`TEXT_BYTES_MAX`].
pub(crate) fn clip_content(content: Content) -> Content {
    const SHORT: usize = 2_048;
    match content {
        Content::Text { text } => Content::Text { text: clip(text, TEXT_BYTES_MAX) },
        Content::Media(media) => Content::Media(Media {
            id_or_url: clip(media.id_or_url, SHORT),
            mime: clip(media.mime, 200),
            caption: media.caption.map(|text| clip(text, TEXT_BYTES_MAX)),
            name: media.name.map(|text| clip(text, SHORT)),
            ..media
        }),
        Content::Choice(choice) => {
            Content::Choice(Choice { id: clip(choice.id, SHORT), title: clip(choice.title, SHORT) })
        }
        Content::Reaction { message_id, emoji } => Content::Reaction {
            message_id: clip(message_id, SHORT),
            emoji: emoji.map(|emoji| clip(emoji, 64)),
        },
        Content::Unsupported { kind } => Content::Unsupported { kind: clip(kind, 200) },
        Content::Location(mut place) => {
            place.name = place.name.map(|text| clip(text, SHORT));
            place.address = place.address.map(|text| clip(text, SHORT));
            Content::Location(place)
        }
        Content::Contact(mut card) => {
            card.name = clip(card.name, SHORT);
            card.phones.truncate(10);
            card.phones = card.phones.into_iter().map(|text| clip(text, 200)).collect();
            card.emails.truncate(10);
            card.emails = card.emails.into_iter().map(|text| clip(text, 400)).collect();
            card.organization = card.organization.map(|text| clip(text, SHORT));
            Content::Contact(card)
        }
        // Only outbound: whatever claims to have come in like this is not read.
        other @ (Content::Buttons(_)
        | Content::List(_)
        | Content::ProductCard(_)
        | Content::ServiceCard(_)
        | Content::Template(_)) => Content::Unsupported { kind: other.kind().to_owned() },
    }
}
