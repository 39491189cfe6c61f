use impresario_journal::ReadError;
use impresario_vault::VaultError;

/// Why a view has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    /// Stored bytes could not be opened.
    #[error("stored bytes could not be opened")]
    Vault(#[from] VaultError),
    /// Stored bytes open but are not what they should be.
    #[error("stored bytes are damaged: {0}")]
    Damaged(String),
    /// The cursor belongs to another list.
    #[error("the cursor does not belong to this list")]
    Cursor,
    /// This value of a trait is not indexed: only texts of up to 256 bytes, numbers and booleans are.
    #[error("only texts of up to 256 bytes, numbers and booleans can be looked up")]
    NotIndexed,
    /// The answer would be too large: ask for less.
    #[error("the answer would have more than {0} rows")]
    TooBroad(usize),
}

impl ViewError {
    /// The stable code for the edge.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(
                ReadError::NoPartition(_) | ReadError::Unreachable { .. } | ReadError::Closed,
            ) => "unavailable",
            Self::Vault(VaultError::UnknownTenant(_)) => "unknown_tenant",
            Self::Read(ReadError::Store(_)) | Self::Vault(_) | Self::Damaged(_) => "store_damaged",
            Self::Cursor | Self::NotIndexed | Self::TooBroad(_) => "parameter_invalid",
        }
    }
}

/// For every way of reading stored bytes wrongly.
pub(crate) fn damaged(error: impl std::fmt::Display) -> ViewError {
    ViewError::Damaged(error.to_string())
}
