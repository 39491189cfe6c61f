//! A request of a program as the work of a turn.

use impresario_assistant::RolloutPath;
use impresario_conversation::{Author, Memory, Message, TurnWork, id_of};
use impresario_ids::TenantId;
use impresario_kernel::Timestamp;
use impresario_messages::{Address, Content, Person};

use super::Said;

/// A turn that is no conversation's.
pub(super) fn work(tenant: TenantId, address: Address, said: Said, now: Timestamp) -> TurnWork {
    let message = |seq: u64, is_assistant: bool, text: String| Message {
        seq,
        id: seq.to_string(),
        from: if is_assistant { Author::Assistant } else { Author::Customer },
        by: None,
        at: now,
        received: now,
        content: vec![Content::text(text)],
        choice: None,
        turn: None,
        citations: Vec::new(),
        reply_to: None,
    };
    let history: Vec<Message> = (1..)
        .zip(said.history)
        .map(|(seq, (is_assistant, text))| message(seq, is_assistant, text))
        .collect();
    TurnWork {
        conversation: id_of(tenant, &address),
        turn: 1,
        attempt: 0,
        path: RolloutPath::New,
        address,
        person: Person::default(),
        profile: None,
        messages: vec![message(0, false, said.text)],
        history,
        memory: Memory::default(),
        language: None,
        forgotten: None,
        returning: false,
        collecting: None,
        summarise: false,
        uncertain_turns: 0,
        opted_out: false,
        begun: Vec::new(),
        since: now,
    }
}
