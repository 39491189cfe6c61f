use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// One thing that is said. Texts are Markdown (bold, italic, strike, code, links, lists, headings);
/// the bridges write them in the dialect of their platform ([`crate::text_for`]).
#[derive(Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Words.
    #[n(0)]
    Text {
        /// The Markdown.
        #[n(0)]
        text: String,
    },
    /// A picture, a film, a sound, a file.
    #[n(1)]
    Media(#[n(0)] Media),
    /// A place.
    #[n(2)]
    Location(#[n(0)] Location),
    /// A button or a row of a list was chosen. Only inbound.
    #[n(3)]
    Choice(#[n(0)] Choice),
    /// An emoji put on a message, or taken away.
    #[n(4)]
    Reaction {
        /// The platform's id of the message.
        #[n(0)]
        message_id: String,
        /// The emoji; none if it was taken away.
        #[n(1)]
        emoji: Option<String>,
    },
    /// A business card.
    #[n(5)]
    Contact(#[n(0)] ContactCard),
    /// Something that this release cannot read. Only inbound.
    #[n(6)]
    Unsupported {
        /// What the platform calls it.
        #[n(0)]
        kind: String,
    },
    /// A question with buttons. Only outbound.
    #[n(7)]
    Buttons(#[n(0)] Buttons),
    /// A question with a list to choose from. Only outbound.
    #[n(8)]
    List(#[n(0)] List),
    /// A product. Only outbound.
    #[n(9)]
    ProductCard(#[n(0)] ProductCard),
    /// A service that can be booked. Only outbound.
    #[n(10)]
    ServiceCard(#[n(0)] ServiceCard),
    /// An approved template: the only thing that is allowed outside the window. Only outbound.
    #[n(11)]
    Template(#[n(0)] Template),
}

impl Content {
    /// Words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A stable word for the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Media(_) => "media",
            Self::Location(_) => "location",
            Self::Choice(_) => "choice",
            Self::Reaction { .. } => "reaction",
            Self::Contact(_) => "contact",
            Self::Unsupported { .. } => "unsupported",
            Self::Buttons(_) => "buttons",
            Self::List(_) => "list",
            Self::ProductCard(_) => "product_card",
            Self::ServiceCard(_) => "service_card",
            Self::Template(_) => "template",
        }
    }

    /// The words of it, for reading on: a text, a caption, the title that was chosen, the body of a
    /// question.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        let words = match self {
            Self::Text { text } => text,
            Self::Media(media) => media.caption.as_ref()?,
            Self::Location(place) => place.name.as_ref().or(place.address.as_ref())?,
            Self::Choice(choice) => &choice.title,
            Self::Reaction { emoji, .. } => emoji.as_ref()?,
            Self::Contact(card) => &card.name,
            Self::Buttons(buttons) => &buttons.body,
            Self::List(list) => &list.body,
            Self::ProductCard(card) => &card.title,
            Self::ServiceCard(card) => &card.title,
            Self::Template(template) => template.text.as_ref()?,
            Self::Unsupported { .. } => return None,
        };
        Some(words.as_str()).filter(|words| !words.is_empty())
    }
}

/// What kind of media something is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    #[n(0)]
    Image,
    /// A film.
    #[n(1)]
    Video,
    /// A sound or a spoken message.
    #[n(2)]
    Audio,
    /// A file.
    #[n(3)]
    Document,
    /// A sticker.
    #[n(4)]
    Sticker,
}

impl MediaKind {
    /// A stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }

    /// The kind of a MIME type.
    #[must_use]
    pub fn of_mime(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("audio") => Self::Audio,
            _ => Self::Document,
        }
    }
}

/// A picture, a film, a sound, a file: where it is and what is known of it.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    #[n(0)]
    pub kind: MediaKind,
    /// The platform's id of it, or an `http(s)` URL.
    #[n(1)]
    pub id_or_url: String,
    /// The MIME type, empty if unknown.
    #[n(2)]
    #[serde(default)]
    pub mime: String,
    /// The words below it.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The file's name.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its size in bytes.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Media {
    /// Something at a URL (or with a platform's id), nothing else known.
    #[must_use]
    pub fn new(kind: MediaKind, id_or_url: impl Into<String>) -> Self {
        let id_or_url = id_or_url.into();
        Self { kind, id_or_url, mime: String::new(), caption: None, name: None, size: None }
    }

    /// The URL, if it is one and not a platform's id.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        let text = self.id_or_url.as_str();
        (text.starts_with("https://") || text.starts_with("http://")).then_some(text)
    }
}

/// A place on earth.
#[derive(Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north.
    #[n(0)]
    pub latitude: f64,
    /// Degrees east.
    #[n(1)]
    pub longitude: f64,
    /// What the place is called.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its postal address.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Something that can be chosen, and was.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Choice {
    /// The id that was given to the button or row.
    #[n(0)]
    pub id: String,
    /// What the person saw.
    #[n(1)]
    pub title: String,
}

/// A business card.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactCard {
    /// The whole name.
    #[n(0)]
    pub name: String,
    /// Telephone numbers.
    #[n(1)]
    pub phones: Vec<String>,
    /// Email addresses.
    #[n(2)]
    pub emails: Vec<String>,
    /// Company or organisation.
    #[n(3)]
    pub organization: Option<String>,
}

/// A button: an answer that comes back with its id, or a link.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Button {
    /// Comes back when it is pressed.
    #[n(0)]
    pub id: String,
    /// What is on it: one line without markup.
    #[n(1)]
    pub title: String,
    /// If set, the button opens this and nothing comes back.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Button {
    /// A button that answers.
    #[must_use]
    pub fn reply(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), url: None }
    }

    /// A button that opens a URL.
    #[must_use]
    pub fn link(title: impl Into<String>, url: impl Into<String>) -> Self {
        Self { id: String::new(), title: title.into(), url: Some(url.into()) }
    }
}

/// A question with buttons.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Buttons {
    /// A line above, without markup.
    #[n(0)]
    pub header: Option<String>,
    /// A picture, film or file above; not together with `header`.
    #[n(1)]
    pub media: Option<Media>,
    /// The question.
    #[n(2)]
    pub body: String,
    /// A small line below, without markup.
    #[n(3)]
    pub footer: Option<String>,
    /// The buttons, in order.
    #[n(4)]
    pub buttons: Vec<Button>,
}

/// A question with a list to choose from.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// A line above, without markup.
    #[n(0)]
    pub header: Option<String>,
    /// The question.
    #[n(1)]
    pub body: String,
    /// A small line below, without markup.
    #[n(2)]
    pub footer: Option<String>,
    /// What is on the button that opens the list.
    #[n(3)]
    pub button: String,
    /// The rows in their sections.
    #[n(4)]
    pub sections: Vec<Section>,
}

/// A group of rows.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// The line above the group; may be empty if there is only one.
    #[n(0)]
    pub title: String,
    /// The rows.
    #[n(1)]
    pub rows: Vec<Row>,
}

/// A row of a list.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Comes back when it is chosen.
    #[n(0)]
    pub id: String,
    /// What is on it.
    #[n(1)]
    pub title: String,
    /// A second line.
    #[n(2)]
    pub description: Option<String>,
}

/// An amount of money.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Price {
    /// Millionths of the unit.
    #[n(0)]
    pub micros: i64,
    /// ISO 4217.
    #[n(1)]
    pub currency: String,
}

/// A product, shown.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductCard {
    /// The tenant's id of it (SKU).
    #[n(0)]
    pub id: String,
    /// Its name.
    #[n(1)]
    pub title: String,
    /// What there is to say.
    #[n(2)]
    pub description: String,
    /// What it costs.
    #[n(3)]
    pub price: Option<Price>,
    /// "In stock", "3 left", in the reader's language.
    #[n(4)]
    pub availability: Option<String>,
    /// A picture.
    #[n(5)]
    pub image: Option<Media>,
    /// Where it is sold.
    #[n(6)]
    pub url: Option<String>,
    /// The catalogue at Meta in which `id` is the retailer's id, for WhatsApp's own product message.
    #[n(7)]
    pub catalog_id: Option<String>,
    /// What can be done with it.
    #[n(8)]
    pub buttons: Vec<Button>,
}

/// A service, shown.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceCard {
    /// The tenant's id of it.
    #[n(0)]
    pub id: String,
    /// Its name.
    #[n(1)]
    pub title: String,
    /// What there is to say.
    #[n(2)]
    pub description: String,
    /// What it costs.
    #[n(3)]
    pub price: Option<Price>,
    /// How long it takes.
    #[n(4)]
    pub duration_min: Option<u32>,
    /// Free times, in the reader's language.
    #[n(5)]
    pub slots: Vec<String>,
    /// A picture.
    #[n(6)]
    pub image: Option<Media>,
    /// Where it is booked.
    #[n(7)]
    pub url: Option<String>,
    /// What can be done with it.
    #[n(8)]
    pub buttons: Vec<Button>,
}

/// A template that the platform has approved.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Its name at Meta, or its `ContentSid` at Twilio.
    #[n(0)]
    pub name: String,
    /// Its language code, such as `pt_BR`.
    #[n(1)]
    pub language: String,
    /// What is put into its body, in order.
    #[n(2)]
    pub params: Vec<TemplateParam>,
    /// Its wording with `{{1}}` or `{{name}}`, for channels without templates.
    #[n(3)]
    pub text: Option<String>,
}

/// One value for a template.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateParam {
    /// The parameter's name; none for templates with numbered ones.
    #[n(0)]
    pub name: Option<String>,
    /// The value.
    #[n(1)]
    pub value: String,
}
