//! What the store keeps of Raft: votes, log ids, entries and the mark of the applied state.

use std::sync::Arc;

use impresario_redb::{LogEntry, Mark, Payload};

use crate::codec::{Damaged, Reader, Writer};
use crate::types::{Entry, EntryPayload, LogId, Proposal, StoredMembership};

const BLANK: u8 = 0;
const MEMBERSHIP: u8 = 1;

/// The id of an entry in the store: its term. The store keeps the index itself.
pub(crate) fn id_bytes(id: &LogId) -> Vec<u8> {
    let mut bytes = Writer::new(8);
    bytes.u64(id.committed_leader_id().term);
    bytes.finish()
}

pub(crate) fn log_id(index: u64, id: &[u8]) -> Result<LogId, Damaged> {
    let mut bytes = Reader::new(id)?;
    let term = bytes.u64()?;
    bytes.finish()?;
    Ok(LogId::new_term_index(term, index))
}

pub(crate) fn committed_bytes(committed: Option<&LogId>) -> Vec<u8> {
    let mut bytes = Writer::new(17);
    bytes.some_log_id(committed);
    bytes.finish()
}

pub(crate) fn committed(bytes: &[u8]) -> Result<Option<LogId>, Damaged> {
    let mut bytes = Reader::new(bytes)?;
    let committed = bytes.some_log_id()?;
    bytes.finish()?;
    Ok(committed)
}

/// The payload of an entry as the store and the network carry it. A batch is shared, not copied.
pub(crate) fn payload_of(payload: &EntryPayload) -> Arc<Payload> {
    match payload {
        EntryPayload::Normal(proposal) => Arc::clone(&proposal.0),
        EntryPayload::Blank => {
            let mut bytes = Writer::new(1);
            bytes.u8(BLANK);
            Arc::new(Payload::opaque(bytes.finish()))
        }
        EntryPayload::Membership(membership) => {
            let mut bytes = Writer::new(64);
            bytes.u8(MEMBERSHIP);
            bytes.membership(membership);
            Arc::new(Payload::opaque(bytes.finish()))
        }
    }
}

pub(crate) fn entry_payload(payload: Arc<Payload>) -> Result<EntryPayload, Damaged> {
    if payload.is_writes() {
        return Ok(EntryPayload::Normal(Proposal(payload)));
    }
    let mut bytes = Reader::new(payload.encoded())?;
    let read = match bytes.u8()? {
        BLANK => EntryPayload::Blank,
        MEMBERSHIP => EntryPayload::Membership(bytes.membership()?),
        _ => return Err(Damaged::Bytes("an entry of an unknown kind")),
    };
    bytes.finish()?;
    Ok(read)
}

pub(crate) fn to_log(entry: &Entry) -> LogEntry {
    LogEntry {
        index: entry.log_id.index(),
        id: id_bytes(&entry.log_id),
        payload: payload_of(&entry.payload),
    }
}

pub(crate) fn from_log(entry: LogEntry) -> Result<Entry, Damaged> {
    let log_id = log_id(entry.index, &entry.id)?;
    Ok(Entry { log_id, payload: entry_payload(entry.payload)? })
}

/// How far the state of a group is, as its mark says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The last applied entry.
    pub(crate) last: Option<LogId>,
    /// The last applied membership.
    pub(crate) membership: StoredMembership,
    /// How many batches were applied; the number of the last one.
    pub(crate) batches: u64,
}

impl Applied {
    /// The mark after the entry `last`.
    pub(crate) fn mark(&self, last: LogId) -> Mark {
        let mut bytes = Writer::new(96);
        bytes.log_id(&last);
        bytes.u64(self.batches);
        bytes.stored_membership(&self.membership);
        Mark { index: last.index(), bytes: bytes.finish() }
    }

    pub(crate) fn of(mark: Option<&Mark>) -> Result<Self, Damaged> {
        let Some(mark) = mark else { return Ok(Self::default()) };
        let mut bytes = Reader::new(&mark.bytes)?;
        let last = bytes.log_id()?;
        let batches = bytes.u64()?;
        let membership = bytes.stored_membership()?;
        bytes.finish()?;
        if last.index() != mark.index {
            return Err(Damaged::Bytes("a mark of another entry"));
        }
        Ok(Self { last: Some(last), membership, batches })
    }
}
