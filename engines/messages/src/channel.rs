use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Where a conversation takes place. The numbers are stored; the texts are public.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
pub enum Channel {
    /// The widget on a tenant's website.
    #[n(1)]
    #[serde(rename = "web")]
    Web,
    /// WhatsApp by Meta's Cloud API.
    #[n(2)]
    #[serde(rename = "whatsapp")]
    WhatsApp,
    /// WhatsApp by Twilio.
    #[n(3)]
    #[serde(rename = "twilio")]
    Twilio,
    /// Slack.
    #[n(4)]
    #[serde(rename = "slack")]
    Slack,
    /// Discord.
    #[n(5)]
    #[serde(rename = "discord")]
    Discord,
    /// A client of the OpenAI-compatible endpoint.
    #[n(6)]
    #[serde(rename = "openai")]
    OpenAi,
    /// A program that calls the conversation API.
    #[n(7)]
    #[serde(rename = "api")]
    Api,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 7] = [
        Self::Web,
        Self::WhatsApp,
        Self::Twilio,
        Self::Slack,
        Self::Discord,
        Self::OpenAi,
        Self::Api,
    ];

    /// The stable word for listings, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::WhatsApp => "whatsapp",
            Self::Twilio => "twilio",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::OpenAi => "openai",
            Self::Api => "api",
        }
    }

    /// The stored number, for index terms and derived ids.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Web => 1,
            Self::WhatsApp => 2,
            Self::Twilio => 3,
            Self::Slack => 4,
            Self::Discord => 5,
            Self::OpenAi => 6,
            Self::Api => 7,
        }
    }

    /// The channel of a word of [`Channel::as_str`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }

    /// Whether the channel reaches the person behind it only while a window of 24 hours is open.
    #[must_use]
    pub const fn has_window(self) -> bool {
        matches!(self, Self::WhatsApp | Self::Twilio)
    }
}

/// One person in one room of one connection: the other end of a conversation.
#[derive(Clone, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct Address {
    /// The kind of platform.
    #[n(0)]
    pub channel: Channel,
    /// The tenant's id of the connection (one WhatsApp number, one Slack workspace, one website).
    #[n(1)]
    pub connection: String,
    /// The platform's id of the person.
    #[n(2)]
    pub user: String,
    /// The platform's room: Slack `channel` or `channel:thread_ts`, Discord channel, WhatsApp
    /// `phone_number_id`, the number at Twilio, the session of a widget.
    #[n(3)]
    pub thread: String,
}

/// What a platform says about a person. Everything here is personal.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The name to show.
    #[n(0)]
    pub name: Option<String>,
    /// The telephone number: `+` and digits.
    #[n(1)]
    pub phone: Option<String>,
    /// The email address.
    #[n(2)]
    pub email: Option<String>,
    /// Further ids as (type, id), such as `("whatsapp_bsuid", "US.1349…")`.
    #[n(3)]
    pub external: Vec<(String, String)>,
    /// Whether the platform, or the tenant's signature, vouches for the above.
    #[n(4)]
    pub verified: bool,
}
