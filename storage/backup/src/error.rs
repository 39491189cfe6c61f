/// Why a backup cannot be written, read or poured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The target's name cannot be meant.
    #[error("{0:?} is no target: give a folder, file:///folder or s3://bucket/prefix")]
    TargetInvalid(String),
    /// The target does not take or give objects.
    #[error("the backup target failed at {object}: {why}")]
    TargetUnavailable {
        /// The object.
        object: String,
        /// What the target said.
        why: String,
    },
    /// There is no such backup.
    #[error("there is no backup {0} in this target")]
    NotFound(String),
    /// Its manifest was never written.
    #[error("backup {0} was never finished: it has no manifest")]
    Incomplete(String),
    /// An object is not what was written.
    #[error("{object} is damaged: {why}")]
    Damaged {
        /// The object.
        object: String,
        /// What is wrong with it.
        why: String,
    },
    /// An object was written by a later release.
    #[error("{object} has format {version}, this release knows {known}")]
    Format {
        /// The object.
        object: String,
        /// Its format.
        version: u8,
        /// The newest that this release reads.
        known: u8,
    },
    /// A row is in no table or index that this release knows, so that nobody can say where it goes.
    #[error("a row of table {table} is of no kind that this release knows: {key}")]
    Unroutable {
        /// The table's code.
        table: u8,
        /// The beginning of its key, in hexadecimal.
        key: String,
    },
    /// The cluster did not take rows.
    #[error("partition {partition} does not take rows: {why}")]
    Sink {
        /// The partition.
        partition: u16,
        /// Why.
        why: String,
    },
    /// The place for a part's rows while its batches are replayed failed.
    #[error("the scratch store failed: {0}")]
    Scratch(String),
}

impl BackupError {
    /// Stable, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TargetInvalid(_) => "backup_target_invalid",
            Self::TargetUnavailable { .. } => "backup_target_unavailable",
            Self::NotFound(_) => "backup_not_found",
            Self::Incomplete(_) => "backup_incomplete",
            Self::Damaged { .. } => "backup_damaged",
            Self::Format { .. } | Self::Unroutable { .. } => "backup_format_unknown",
            Self::Sink { .. } | Self::Scratch(_) => "restore_failed",
        }
    }

    pub(crate) fn damaged(object: &str, why: impl std::fmt::Display) -> Self {
        Self::Damaged { object: object.to_owned(), why: why.to_string() }
    }
}
