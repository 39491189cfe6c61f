//! What the nodes of a group say to each other: a version byte, a kind, the fields.

use std::sync::Arc;

use bytes::Bytes;
use impresario_redb::{Mark, Payload};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::codec::{Damaged, Reader, Writer};
use crate::stored;
use crate::types::{Entry, LogId, Member, Types, Vote};

/// The most entries that a decoder believes to be in one request.
const ENTRIES_LIMIT: u32 = 1 << 20;

/// A question to a replica.
pub(crate) enum Request {
    Vote(VoteRequest<Types>),
    PreVote(VoteRequest<Types>),
    Append(AppendEntriesRequest<Types>),
    Transfer(TransferLeaderRequest<Types>),
    Piece(Piece),
}

/// A piece of a snapshot, or, without bytes, the question which piece is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) vote: Vote,
    pub(crate) mark: Mark,
    pub(crate) bytes: Option<Bytes>,
}

/// The answer to a [`Piece`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Send this one.
    Next(u64),
    /// The whole snapshot is in place, or a later state is.
    Installed(Vote),
    /// There is a newer leader.
    Higher(Vote),
}

impl Request {
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Vote(request) => vote_request(0, request),
            Self::PreVote(request) => vote_request(1, request),
            Self::Append(request) => append(request),
            Self::Transfer(request) => {
                let mut bytes = Writer::new(64);
                bytes.u8(3);
                bytes.vote(request.from_leader());
                bytes.u64(request.to_node_id().0);
                bytes.some_log_id(request.last_log_id());
                bytes.finish().into()
            }
            Self::Piece(piece) => {
                let length = piece.bytes.as_ref().map_or(0, Bytes::len);
                let mut bytes = Writer::new(length + piece.mark.bytes.len() + 64);
                bytes.u8(4);
                bytes.vote(&piece.vote);
                bytes.u64(piece.mark.index);
                bytes.bytes(&piece.mark.bytes);
                bytes.flag(piece.bytes.is_some());
                if let Some(chunk) = &piece.bytes {
                    bytes.raw(chunk);
                }
                bytes.finish().into()
            }
        }
    }

    pub(crate) fn decode(frame: &Bytes) -> Result<Self, Damaged> {
        let mut bytes = Reader::new(frame)?;
        let request = match bytes.u8()? {
            0 => Self::Vote(read_vote_request(&mut bytes)?),
            1 => Self::PreVote(read_vote_request(&mut bytes)?),
            2 => Self::Append(read_append(frame, &mut bytes)?),
            3 => {
                let (from, to) = (bytes.vote()?, Member(bytes.u64()?));
                Self::Transfer(TransferLeaderRequest::new(from, to, bytes.some_log_id()?))
            }
            4 => {
                let vote = bytes.vote()?;
                let mark = Mark { index: bytes.u64()?, bytes: bytes.bytes()?.to_vec() };
                let chunk = if bytes.flag()? {
                    Some(frame.slice_ref(bytes.take(bytes.left())?))
                } else {
                    None
                };
                Self::Piece(Piece { vote, mark, bytes: chunk })
            }
            _ => return Err(Damaged::Bytes("a request of an unknown kind")),
        };
        bytes.finish()?;
        Ok(request)
    }
}

fn vote_request(kind: u8, request: &VoteRequest<Types>) -> Bytes {
    let mut bytes = Writer::new(40);
    bytes.u8(kind);
    bytes.vote(&request.vote);
    bytes.some_log_id(request.last_log_id.as_ref());
    bytes.flag(request.leadership_transfer);
    bytes.finish().into()
}

fn read_vote_request(bytes: &mut Reader<'_>) -> Result<VoteRequest<Types>, Damaged> {
    let mut request = VoteRequest::new(bytes.vote()?, bytes.some_log_id()?);
    request.leadership_transfer = bytes.flag()?;
    Ok(request)
}

fn append(request: &AppendEntriesRequest<Types>) -> Bytes {
    let entries: Vec<(LogId, Arc<Payload>)> = request
        .entries
        .iter()
        .map(|entry| (entry.log_id, stored::payload_of(&entry.payload)))
        .collect();
    let size: usize = entries.iter().map(|(_, payload)| payload.encoded().len() + 21).sum();
    let mut bytes = Writer::new(size + 64);
    bytes.u8(2);
    bytes.vote(&request.vote);
    bytes.some_log_id(request.prev_log_id.as_ref());
    bytes.some_log_id(request.leader_commit.as_ref());
    bytes.u32(u32::try_from(entries.len()).unwrap_or(u32::MAX));
    for (id, payload) in entries {
        bytes.log_id(&id);
        bytes.flag(payload.is_writes());
        bytes.bytes(payload.encoded());
    }
    bytes.finish().into()
}

fn read_append(
    frame: &Bytes,
    bytes: &mut Reader<'_>,
) -> Result<AppendEntriesRequest<Types>, Damaged> {
    let vote = bytes.vote()?;
    let (prev_log_id, leader_commit) = (bytes.some_log_id()?, bytes.some_log_id()?);
    let count = bytes.u32()?;
    if count > ENTRIES_LIMIT {
        return Err(Damaged::Bytes("too many entries"));
    }
    let mut entries = Vec::with_capacity(count.min(4096) as usize);
    for _ in 0..count {
        let (log_id, writes) = (bytes.log_id()?, bytes.flag()?);
        // The frame holds little else than its entries, so they may keep it.
        let encoded = frame.slice_ref(bytes.bytes()?);
        let payload =
            if writes { Payload::of_encoded_writes(encoded) } else { Payload::opaque(encoded) };
        entries.push(Entry { log_id, payload: stored::entry_payload(Arc::new(payload))? });
    }
    Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

pub(crate) fn encode_vote_answer(answer: &VoteResponse<Types>) -> Bytes {
    let mut bytes = Writer::new(40);
    bytes.vote(&answer.vote);
    bytes.flag(answer.vote_granted);
    bytes.some_log_id(answer.last_log_id.as_ref());
    bytes.finish().into()
}

pub(crate) fn decode_vote_answer(frame: &[u8]) -> Result<VoteResponse<Types>, Damaged> {
    let mut bytes = Reader::new(frame)?;
    let (vote, granted, last) = (bytes.vote()?, bytes.flag()?, bytes.some_log_id()?);
    bytes.finish()?;
    Ok(VoteResponse::new(vote, last, granted))
}

pub(crate) fn encode_append_answer(answer: &AppendEntriesResponse<Types>) -> Bytes {
    let mut bytes = Writer::new(20);
    match answer {
        AppendEntriesResponse::Success => bytes.u8(0),
        AppendEntriesResponse::PartialSuccess(matching) => {
            bytes.u8(1);
            bytes.some_log_id(matching.as_ref());
        }
        AppendEntriesResponse::Conflict => bytes.u8(2),
        AppendEntriesResponse::HigherVote(vote) => {
            bytes.u8(3);
            bytes.vote(vote);
        }
    }
    bytes.finish().into()
}

pub(crate) fn decode_append_answer(frame: &[u8]) -> Result<AppendEntriesResponse<Types>, Damaged> {
    let mut bytes = Reader::new(frame)?;
    let answer = match bytes.u8()? {
        0 => AppendEntriesResponse::Success,
        1 => AppendEntriesResponse::PartialSuccess(bytes.some_log_id()?),
        2 => AppendEntriesResponse::Conflict,
        3 => AppendEntriesResponse::HigherVote(bytes.vote()?),
        _ => return Err(Damaged::Bytes("an answer of an unknown kind")),
    };
    bytes.finish()?;
    Ok(answer)
}

pub(crate) fn encode_transfer_answer(answer: &TransferLeaderResponse<Types>) -> Bytes {
    let mut bytes = Writer::new(40);
    match answer {
        Ok(()) => bytes.u8(0),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            bytes.u8(1);
            bytes.vote(expected);
            bytes.vote(actual);
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            bytes.u8(2);
            bytes.some_log_id(expected.as_ref());
            bytes.some_log_id(actual.as_ref());
        }
    }
    bytes.finish().into()
}

pub(crate) fn decode_transfer_answer(
    frame: &[u8],
) -> Result<TransferLeaderResponse<Types>, Damaged> {
    let mut bytes = Reader::new(frame)?;
    let answer = match bytes.u8()? {
        0 => Ok(()),
        1 => {
            Err(TransferLeaderError::VoteChanged { expected: bytes.vote()?, actual: bytes.vote()? })
        }
        2 => Err(TransferLeaderError::LogNotFlushed {
            expected: bytes.some_log_id()?,
            actual: bytes.some_log_id()?,
        }),
        _ => return Err(Damaged::Bytes("an answer of an unknown kind")),
    };
    bytes.finish()?;
    Ok(answer)
}

impl Taken {
    pub(crate) fn encode(self) -> Bytes {
        let mut bytes = Writer::new(20);
        match self {
            Self::Next(number) => {
                bytes.u8(0);
                bytes.u64(number);
            }
            Self::Installed(vote) => {
                bytes.u8(1);
                bytes.vote(&vote);
            }
            Self::Higher(vote) => {
                bytes.u8(2);
                bytes.vote(&vote);
            }
        }
        bytes.finish().into()
    }

    pub(crate) fn decode(frame: &[u8]) -> Result<Self, Damaged> {
        let mut bytes = Reader::new(frame)?;
        let taken = match bytes.u8()? {
            0 => Self::Next(bytes.u64()?),
            1 => Self::Installed(bytes.vote()?),
            2 => Self::Higher(bytes.vote()?),
            _ => return Err(Damaged::Bytes("an answer of an unknown kind")),
        };
        bytes.finish()?;
        Ok(taken)
    }
}
