use std::io;
use std::path::PathBuf;

/// Why a store does not open. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another opening in this one) has the folder.
    #[error(
        "the data folder {path} is in use by another process: stop it, or choose another folder"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The store was created with another number of partitions.
    #[error(
        "the store in {path} has {stored} partitions, {wanted} are configured: the number is fixed at creation"
    )]
    Partitions {
        /// The folder.
        path: PathBuf,
        /// As created.
        stored: u16,
        /// As asked for.
        wanted: u16,
    },
    /// A number of partitions that no store can have.
    #[error("a store has at least one partition")]
    NoPartitions,
    /// A file has the format of a later release, or of none.
    #[error(
        "{path} has format {stored}, this release reads up to {known}: use the release that wrote it"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        stored: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A file is not the one its name says, for example the state of another partition.
    #[error("{path} is {found}, not {expected}: put the right file back")]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// What its rows say it is.
        found: String,
        /// What its name says it is.
        expected: String,
    },
    /// A file is damaged.
    #[error(
        "{path} is damaged ({why}): restore it from a backup together with all files beside it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A file that must be there is not, or is an older copy of itself.
    #[error(
        "{path} is missing or out of date ({why}): restore it from a backup together with all files beside it"
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// The operating system refused.
    #[error("{path} cannot be used")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// The stable code, for logs and for whoever starts nodes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "store_in_use",
            Self::Partitions { .. } | Self::NoPartitions => "store_partitions_wrong",
            Self::Format { .. } => "store_format_unknown",
            Self::Misplaced { .. } => "store_misplaced",
            Self::Damaged { .. } => "store_damaged",
            Self::Missing { .. } => "store_out_of_date",
            Self::Io { .. } => "store_unusable",
        }
    }
}
