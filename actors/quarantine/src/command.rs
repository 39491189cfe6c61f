use std::collections::BTreeMap;

use impresario_kernel::{Coded, Personal, Timestamp};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::BATCH_MAX;

/// What a quarantine can be asked to do. The numbers are stored: append only.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Keep what was refused.
    #[n(0)]
    Refuse {
        /// At most [`BATCH_MAX`]; texts and input that are too long are cut.
        #[n(0)]
        items: Vec<Refused>,
    },
    /// Forget items; the counts stay. Numbers that are not there are passed over.
    #[n(1)]
    Discard {
        /// The items' numbers.
        #[n(0)]
        seqs: Vec<u64>,
    },
}

/// One refused piece of input.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refused {
    /// The problem's stable code.
    #[n(0)]
    pub reason: String,
    /// What was wrong, for people; it may quote the input.
    #[n(1)]
    pub detail: Personal<String>,
    /// The input as it came.
    #[n(2)]
    pub raw: Personal<ByteVec>,
    /// The route that it came by, for example `/v1/batch`.
    #[n(3)]
    pub source: String,
    /// When it came.
    #[n(4)]
    pub received_at: Timestamp,
}

/// A refused piece of input and its number in the shard.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Item {
    /// From 1, in the order of arrival.
    #[n(0)]
    pub seq: u64,
    /// What was refused.
    #[n(1)]
    pub refused: Refused,
}

/// What happened to a quarantine. Stored for ever: append only, never renumber.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// Input was refused.
    #[n(0)]
    Refused {
        /// The number of the first item; the others follow.
        #[n(0)]
        first: u64,
        /// Not empty.
        #[n(1)]
        items: Vec<Refused>,
    },
    /// Items were forgotten.
    #[n(1)]
    Discarded {
        /// Their numbers.
        #[n(0)]
        seqs: Vec<u64>,
    },
}

/// The answer to every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reply {
    /// Items kept or forgotten by this command.
    #[n(0)]
    pub count: u64,
}

/// Why a quarantine refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// More items than one command may bring.
    #[error("at most {BATCH_MAX} items at once")]
    #[n(0)]
    TooMany,
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "quarantine_batch_too_large",
        }
    }
}

/// What a quarantine can be asked to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// Items, newest first.
    #[n(0)]
    List {
        /// At most this many.
        #[n(0)]
        limit: u32,
        /// Only items with lower numbers.
        #[n(1)]
        before: Option<u64>,
    },
    /// How many were refused, by reason.
    #[n(1)]
    Counts,
}

/// The answers to the queries, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// To [`Query::List`].
    #[n(0)]
    Items(#[n(0)] Vec<Item>),
    /// To [`Query::Counts`].
    #[n(1)]
    Counts(#[n(0)] BTreeMap<String, u64>),
}
