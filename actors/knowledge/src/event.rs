use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::{Content, Encoding, Kind, Patch, Stage, VectorItem};

/// What happened to a document. Append-only; the numbers are the format (see `src/tests/golden.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// It says this from now on; the first one creates it.
    #[n(0)]
    Put {
        /// One more than before.
        #[n(0)]
        version: u32,
        /// All of it.
        #[n(1)]
        content: Box<Content>,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// It is found in another way.
    #[n(1)]
    Patched {
        /// One more than before.
        #[n(0)]
        version: u32,
        /// What changed.
        #[n(1)]
        patch: Box<Patch>,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// It was taken out.
    #[n(2)]
    Deleted {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// It was taken back.
    #[n(3)]
    Restored {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// All that it said was forgotten.
    #[n(4)]
    Erased {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// Chunks have vectors.
    #[n(5)]
    VectorsRecorded {
        /// The model that made them.
        #[n(0)]
        model: String,
        /// Numbers per vector.
        #[n(1)]
        dim: u32,
        /// How they are stored.
        #[n(2)]
        encoding: Encoding,
        /// The vectors.
        #[n(3)]
        items: Vec<VectorItem>,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// Vectors of another model are wanted.
    #[n(6)]
    ReembedAsked {
        /// The model's name.
        #[n(0)]
        model: String,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// Somebody looked at it.
    #[n(7)]
    Reviewed {
        /// When to look again.
        #[n(0)]
        next_review_at: Option<Timestamp>,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// Somebody should look at it.
    #[n(8)]
    ReviewFellDue {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// Its time is over.
    #[n(9)]
    Expired {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// Work on it failed.
    #[n(10)]
    Failed {
        /// Where it belongs.
        #[n(0)]
        collection: String,
        /// What it would have been.
        #[n(1)]
        kind: Kind,
        /// Which work.
        #[n(2)]
        stage: Stage,
        /// A stable code.
        #[n(3)]
        code: String,
        /// For people.
        #[n(4)]
        message: String,
        /// When.
        #[n(5)]
        at: Timestamp,
    },
}
