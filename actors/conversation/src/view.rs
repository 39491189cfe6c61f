use impresario_assistant::AssistantConfig;
use impresario_ids::{ConversationId, ProfileId};
use impresario_kernel::Timestamp;
use impresario_messages::{Address, Person};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{
    Collected, Counters, Handoff, Memory, Message, SentMessage, State, Status, Unanswered, decide,
};

/// Messages of one page.
const PAGE_MAX: usize = 200;

/// Everything about a conversation, for the API. Times serialize as RFC 3339.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct View {
    /// Its id.
    #[n(0)]
    pub id: ConversationId,
    /// Who holds it.
    #[n(1)]
    pub status: Status,
    /// Where it takes place.
    #[n(2)]
    pub address: Address,
    /// With whom.
    #[n(3)]
    pub person: Person,
    /// Their profile.
    #[n(4)]
    pub profile: Option<ProfileId>,
    /// When it began.
    #[n(5)]
    #[serde(serialize_with = "crate::json::time")]
    pub created_at: Timestamp,
    /// When something was last said, or somebody took or gave it.
    #[n(6)]
    #[serde(serialize_with = "crate::json::time")]
    pub updated_at: Timestamp,
    /// The current turn (0: none yet).
    #[n(7)]
    pub turn: u32,
    /// Whether an answer is being worked on.
    #[n(8)]
    pub thinking: bool,
    /// Messages that wait for the end of their burst, or for the turn in progress.
    #[n(9)]
    pub collecting: u32,
    /// The customer's language.
    #[n(10)]
    pub language: Option<String>,
    /// A page of what was said, oldest first.
    #[n(11)]
    pub messages: Vec<Message>,
    /// Whether there are remembered messages before the page.
    #[n(12)]
    pub more: bool,
    /// What is remembered.
    #[n(13)]
    pub memory: Memory,
    /// When all but the key facts is put aside.
    #[n(14)]
    #[serde(serialize_with = "crate::json::time_or_null")]
    pub memory_expires_at: Option<Timestamp>,
    /// That a human has, or should have, it.
    #[n(15)]
    pub handoff: Option<Handoff>,
    /// Messages that wait for a human, by number.
    #[n(16)]
    pub waiting: Vec<u64>,
    /// Questions that were put off or overlooked.
    #[n(17)]
    pub unanswered: Vec<Unanswered>,
    /// Details of a lead.
    #[n(18)]
    pub collected: Vec<Collected>,
    /// The customer's rating, 1 to 5.
    #[n(19)]
    pub rating: Option<u8>,
    /// Whether the person wants nothing that was not asked for.
    #[n(20)]
    pub opted_out: bool,
    /// What became of the last messages that were sent.
    #[n(21)]
    pub deliveries: Vec<SentMessage>,
    /// How often things happened.
    #[n(22)]
    pub counters: Counters,
}

pub(crate) fn view(
    state: &State,
    id: ConversationId,
    before: Option<u64>,
    limit: u32,
    config: &AssistantConfig,
) -> Option<Box<View>> {
    let address = state.address.clone()?;
    let limit = usize::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let wanted: Vec<&Message> = state
        .messages
        .iter()
        .filter(|message| before.is_none_or(|before| message.seq < before))
        .collect();
    let skipped = wanted.len().saturating_sub(limit);
    Some(Box::new(View {
        id,
        status: state.status,
        address,
        person: state.person.clone(),
        profile: state.profile,
        created_at: state.created,
        updated_at: state.updated,
        turn: state.turn,
        thinking: state.thinking.is_some(),
        collecting: state
            .burst
            .as_ref()
            .map_or(0, |burst| u32::try_from(burst.messages.len()).unwrap_or(u32::MAX)),
        language: state.language.clone(),
        messages: wanted.into_iter().skip(skipped).cloned().collect(),
        more: skipped > 0,
        memory: state.memory.clone(),
        memory_expires_at: decide::memory_expires_at(state, config),
        handoff: state.handoff.clone(),
        waiting: state.held.clone(),
        unanswered: state.unanswered.clone(),
        collected: state.collected.clone(),
        rating: state.rating,
        opted_out: state.opted_out,
        deliveries: state.sent.clone(),
        counters: state.counters.clone(),
    }))
}
