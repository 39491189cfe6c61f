use std::fmt;

use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{Content, Encoding, Kind, Product, SectionView, Status, VectorItem, View};

/// What a document can be asked to do. The numbers are stored: append only.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Create the document, or replace all of it.
    #[n(0)]
    Put {
        /// What it says from now on.
        #[n(0)]
        content: Box<Content>,
        /// Refuse unless this is the version now (0: must not exist yet).
        #[n(1)]
        expected_version: Option<u32>,
    },
    /// Change how it is found, not what it says.
    #[n(1)]
    PatchMetadata {
        /// What to change.
        #[n(0)]
        patch: Box<Patch>,
        /// Refuse unless this is the version now.
        #[n(1)]
        expected_version: Option<u32>,
    },
    /// Take it out of everything; it can be restored.
    #[n(2)]
    Delete,
    /// Take a deleted document back.
    #[n(3)]
    Restore,
    /// Forget all that it said. A later `Put` begins anew.
    #[n(4)]
    Erase,
    /// Vectors of some of its chunks. Those of chunks that are gone are passed over.
    #[n(5)]
    RecordVectors {
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
    },
    /// Make vectors of this model too; the present ones serve until the new ones are complete.
    #[n(6)]
    Reembed {
        /// The model's name.
        #[n(0)]
        model: String,
    },
    /// Somebody has looked at it, and it is right.
    #[n(7)]
    MarkReviewed {
        /// When to look again; `None`: never.
        #[n(0)]
        next_review_at: Option<Timestamp>,
    },
    /// Work on it failed.
    #[n(8)]
    RecordFailure {
        /// Where it belongs, for a document that could not be read at all.
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
        /// For people; it may quote the file. Cut at 500 characters.
        #[n(4)]
        message: String,
    },
    /// End it if its time is over.
    #[n(9)]
    Expire,
    /// Say that somebody should look at it, if that time has come.
    #[n(10)]
    RemindReview,
}

/// Work that is done elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Stage {
    /// Reading the file.
    #[n(0)]
    Ingest,
    /// Making vectors.
    #[n(1)]
    Embed,
}

/// A field of a patch that can be cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Field<T> {
    /// As it was.
    #[default]
    #[n(0)]
    Keep,
    /// To nothing.
    #[n(1)]
    Clear,
    /// To this.
    #[n(2)]
    Set(#[n(0)] T),
}

impl<T> Field<T> {
    pub(crate) fn apply_to(&self, target: &mut Option<T>)
    where
        T: Clone,
    {
        match self {
            Self::Keep => {}
            Self::Clear => *target = None,
            Self::Set(value) => *target = Some(value.clone()),
        }
    }
}

/// What to change about a document; `None` and [`Field::Keep`]: nothing. `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Patch {
    /// Its title.
    #[n(0)]
    pub title: Option<String>,
    /// Its keywords.
    #[n(1)]
    pub keywords: Option<Vec<String>>,
    /// Its shelf.
    #[n(2)]
    pub category: Option<String>,
    /// Its rank among equals.
    #[n(3)]
    pub priority: Option<i32>,
    /// Who may be answered from it.
    #[n(4)]
    pub audience: Option<Vec<String>>,
    /// The text of a JSON object: names with a value are set, names with `null` are removed.
    #[n(5)]
    pub metadata: Option<String>,
    /// Its language.
    #[n(6)]
    pub language: Field<String>,
    /// When somebody should look at it.
    #[n(7)]
    pub review_at: Field<Timestamp>,
    /// When it ends.
    #[n(8)]
    pub expires_at: Field<Timestamp>,
    /// What it has as a catalogue item (a new price or stock).
    #[n(9)]
    pub product: Option<Product>,
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patch").finish_non_exhaustive()
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Reply {
    /// The version after the command.
    #[n(0)]
    pub version: u32,
    /// The status after the command.
    #[n(1)]
    pub status: Status,
    /// Whether the command changed anything.
    #[n(2)]
    pub changed: bool,
    /// Chunks that have no vector of the model that is wanted.
    #[n(3)]
    pub to_embed: u32,
}

/// What a document can be asked to tell.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// Everything but its vectors.
    #[n(0)]
    Get,
    /// Everything but its text and vectors.
    #[n(1)]
    Summary,
    /// One section in full: the context of a chunk.
    #[n(2)]
    Section {
        /// Its place, from 0.
        #[n(0)]
        section: u32,
    },
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// To [`Query::Get`] and [`Query::Summary`]; `None` if there is no such document.
    #[n(0)]
    Document(#[n(0)] Option<Box<View>>),
    /// To [`Query::Section`]; `None` if there is no such section.
    #[n(1)]
    Section(#[n(0)] Option<SectionView>),
}
