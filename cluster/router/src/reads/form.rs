//! A read and its answer as they cross nodes. The first byte is the version, then numbered fields.

use impresario_kernel::{Stored, decode, encode};
use minicbor::{Decode, Encode};

const VERSION: u8 = 1;

/// What is read of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Ask {
    /// One row.
    #[n(0)]
    Get {
        #[n(0)]
        partition: u16,
        /// As stored, see [`impresario_journal::Table::code`].
        #[n(1)]
        table: u8,
        #[cbor(n(2), with = "minicbor::bytes")]
        key: Vec<u8>,
    },
    /// The first rows of a range.
    #[n(1)]
    Scan {
        #[n(0)]
        partition: u16,
        #[n(1)]
        table: u8,
        #[cbor(n(2), with = "minicbor::bytes")]
        from: Vec<u8>,
        /// Empty for no end.
        #[cbor(n(3), with = "minicbor::bytes")]
        to: Vec<u8>,
        #[n(4)]
        reverse: bool,
        #[n(5)]
        rows_max: u32,
        /// Of keys and values; one row comes in any case.
        #[n(6)]
        bytes_max: u32,
    },
}

/// The answer to one [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Said {
    #[n(0)]
    Value {
        #[cbor(n(0), with = "minicbor::bytes")]
        value: Option<Vec<u8>>,
        /// Batches of the partition that were applied before it was read.
        #[n(1)]
        applied: u64,
    },
    #[n(1)]
    Rows {
        #[n(0)]
        rows: Vec<Row>,
        /// Whether the range perhaps goes on after the last of them. No rows and more to come: the
        /// call's other answers were as large as one may be.
        #[n(1)]
        more: bool,
        #[n(2)]
        applied: u64,
    },
    /// Whoever was asked does not decide.
    #[n(2)]
    NotLeader {
        #[n(0)]
        leader: Option<u64>,
        #[n(1)]
        term: u64,
    },
    /// It could not be read.
    #[n(3)]
    Failed {
        #[n(0)]
        message: String,
    },
}

/// A row of a range.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Row {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) key: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) value: Vec<u8>,
}

pub(super) fn pack<T: Stored>(what: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&encode(what));
    bytes
}

/// `Err` says why for people.
pub(super) fn unpack<T: Stored>(bytes: &[u8]) -> Result<T, String> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => decode(rest).map_err(|error| error.to_string()),
        Some((version, _)) => Err(format!("version {version} is not understood")),
        None => Err("nothing is not understood".to_owned()),
    }
}
