use impresario_kernel::Coded;
use minicbor::{Decode, Encode};
use serde::Serialize;
use serde_json::json;

use crate::{
    CHUNKS_MAX, EXTERNAL_CHARS_MAX, LABEL_CHARS_MAX, LABELS_MAX, TEXT_BYTES_MAX, TITLE_CHARS_MAX,
    VECTOR_BYTES_MAX,
};

/// What is wrong with one name of a document's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct MetadataProblem {
    /// Where, as an RFC 6901 pointer.
    #[n(0)]
    pub pointer: String,
    /// What is wanted.
    #[n(1)]
    pub message: String,
}

/// Why a document refuses. Each code has a page in `docs/errors/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// Never put, or erased.
    #[error("there is no such document")]
    #[n(0)]
    NotFound,
    /// It was deleted.
    #[error("the document is deleted; restore it first")]
    #[n(1)]
    Deleted,
    /// Someone else changed it in between.
    #[error("the document is at version {actual}, not at {expected}")]
    #[n(2)]
    VersionConflict {
        /// What the caller expected.
        #[n(0)]
        expected: u32,
        /// What it is.
        #[n(1)]
        actual: u32,
    },
    /// Not a name.
    #[error("a collection's name is 1 to 40 of a-z, 0-9 and -")]
    #[n(3)]
    CollectionNameInvalid,
    /// The tenant has no such collection.
    #[error("there is no collection {0}")]
    #[n(4)]
    CollectionUnknown(#[n(0)] String),
    /// The title is empty, too long, or has control characters.
    #[error("a title has 1 to {TITLE_CHARS_MAX} characters and no control characters")]
    #[n(5)]
    TitleInvalid,
    /// Sections and chunks do not go together.
    #[error("the content is not sound: {0}")]
    #[n(6)]
    ContentInvalid(#[n(0)] String),
    /// Too many chunks.
    #[error("a document has at most {CHUNKS_MAX} chunks, not {chunks}")]
    #[n(7)]
    TooManyChunks {
        /// How many there are.
        #[n(0)]
        chunks: u64,
    },
    /// Too much text.
    #[error("a document has at most {TEXT_BYTES_MAX} bytes of text, not {bytes}")]
    #[n(8)]
    TooLarge {
        /// How many there are.
        #[n(0)]
        bytes: u64,
    },
    /// A field is not as it must be.
    #[error("{field}: {message}")]
    #[n(9)]
    FieldInvalid {
        /// Its name.
        #[n(0)]
        field: String,
        /// What is wanted.
        #[n(1)]
        message: String,
    },
    /// The metadata is no object, or not as the collection wants it.
    #[error("the metadata has {} problem(s); the first: {}", .0.len(), first(.0))]
    #[n(10)]
    MetadataInvalid(#[n(0)] Vec<MetadataProblem>),
    /// Vectors that are none.
    #[error("the vectors are not sound: {0}")]
    #[n(11)]
    VectorsInvalid(#[n(0)] String),
    /// Too many bytes of vectors.
    #[error(
        "the vectors of a document have at most {VECTOR_BYTES_MAX} bytes per model, not {bytes}"
    )]
    #[n(12)]
    VectorsTooLarge {
        /// How many there would be.
        #[n(0)]
        bytes: u64,
    },
}

fn first(problems: &[MetadataProblem]) -> &str {
    problems.first().map_or("unknown", |problem| problem.message.as_str())
}

impl Rejection {
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::FieldInvalid { field: field.to_owned(), message: message.into() }
    }

    pub(crate) fn labels(field: &str) -> Self {
        Self::field(
            field,
            format!("at most {LABELS_MAX} texts of 1 to {LABEL_CHARS_MAX} characters"),
        )
    }

    pub(crate) fn external() -> Self {
        Self::field("external_id", format!("1 to {EXTERNAL_CHARS_MAX} characters"))
    }
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "document_not_found",
            Self::Deleted => "document_deleted",
            Self::VersionConflict { .. } => "document_version_conflict",
            Self::CollectionNameInvalid => "collection_name_invalid",
            Self::CollectionUnknown(_) => "collection_unknown",
            Self::TitleInvalid => "document_title_invalid",
            Self::ContentInvalid(_) => "document_content_invalid",
            Self::TooManyChunks { .. } => "document_too_many_chunks",
            Self::TooLarge { .. } => "document_too_large",
            Self::FieldInvalid { .. } => "document_field_invalid",
            Self::MetadataInvalid(_) => "document_metadata_invalid",
            Self::VectorsInvalid(_) => "vectors_invalid",
            Self::VectorsTooLarge { .. } => "vectors_too_large",
        }
    }

    fn detail(&self) -> Option<String> {
        let detail = match self {
            Self::VersionConflict { expected, actual } => {
                json!({ "expected": expected, "actual": actual })
            }
            Self::TooManyChunks { chunks } => json!({ "chunks": chunks, "max": CHUNKS_MAX }),
            Self::TooLarge { bytes } => json!({ "bytes": bytes, "max": TEXT_BYTES_MAX }),
            Self::VectorsTooLarge { bytes } => json!({ "bytes": bytes, "max": VECTOR_BYTES_MAX }),
            Self::FieldInvalid { field, .. } => json!({ "field": field }),
            Self::MetadataInvalid(problems) => json!({ "problems": problems }),
            Self::CollectionUnknown(name) => json!({ "collection": name }),
            Self::NotFound
            | Self::Deleted
            | Self::CollectionNameInvalid
            | Self::TitleInvalid
            | Self::ContentInvalid(_)
            | Self::VectorsInvalid(_) => return None,
        };
        Some(detail.to_string())
    }
}
