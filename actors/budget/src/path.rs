use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::NAME_BYTES_MAX;

/// What a limit is on.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    #[n(0)]
    Tenant,
    /// One campaign.
    #[n(1)]
    Campaign(#[n(0)] String),
    /// Every campaign for itself, unless it has a limit of its own for the same period.
    #[n(2)]
    EachCampaign,
    /// One class of conversations (a channel, a language, a tier: the caller's word).
    #[n(3)]
    Class(#[n(0)] String),
    /// Every conversation for itself, for ever.
    #[n(4)]
    EachConversation,
    /// Every run of an agent for itself, for ever.
    #[n(5)]
    EachRun,
}

/// Over what time a limit counts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Period {
    /// A day in UTC.
    #[n(0)]
    Day,
    /// A month in UTC.
    #[n(1)]
    Month,
    /// For ever.
    #[n(2)]
    Total,
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// On what.
    #[n(0)]
    pub scope: Scope,
    /// Over what time.
    #[n(1)]
    pub period: Period,
    /// How much, in micro-units.
    #[n(2)]
    pub micros: i64,
}

/// Something that is counted elsewhere: the caller says what it has spent so far.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Spend {
    /// Its id.
    #[n(0)]
    pub id: String,
    /// What it has spent until now, settled calls only, in micro-units.
    #[n(1)]
    pub spent_micros: i64,
}

/// Whom a call is charged to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Path {
    /// The campaign, if any.
    #[n(0)]
    pub campaign: Option<String>,
    /// The class of the conversation, if any.
    #[n(1)]
    pub class: Option<String>,
    /// The conversation, if any.
    #[n(2)]
    pub conversation: Option<Spend>,
    /// The run, if any.
    #[n(3)]
    pub run: Option<Spend>,
    /// The agent; may be empty.
    #[n(4)]
    pub agent: String,
    /// The model's id in the registry.
    #[n(5)]
    pub model: String,
}

impl Path {
    /// Whether all names are short enough and nothing was spent below nothing.
    #[must_use]
    pub(crate) fn is_valid(&self) -> bool {
        let spends = [&self.conversation, &self.run];
        let names = [
            self.campaign.as_deref(),
            self.class.as_deref(),
            self.conversation.as_ref().map(|spend| spend.id.as_str()),
            self.run.as_ref().map(|spend| spend.id.as_str()),
        ];
        self.agent.len() <= NAME_BYTES_MAX
            && !self.model.is_empty()
            && self.model.len() <= NAME_BYTES_MAX
            && names
                .into_iter()
                .flatten()
                .all(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX)
            && spends.into_iter().flatten().all(|spend| spend.spent_micros >= 0)
    }
}
