use impresario_backup::BackupError;
use impresario_vault::VaultError;

use crate::across::PeerError;
use crate::across::keys::KeysError;

/// Why work with backups failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failed {
    /// Stable, for programs.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
}

impl Failed {
    pub(crate) fn new(code: &str, message: impl std::fmt::Display) -> Self {
        Self { code: code.to_owned(), message: message.to_string() }
    }
}

/// For whatever else goes wrong on the way.
pub(crate) fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::new("internal", error)
}

impl From<BackupError> for Failed {
    fn from(error: BackupError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<PeerError> for Failed {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::Failed { code, message } => Self { code, message },
            PeerError::NotSent(_) | PeerError::Doubtful(_) => Self::new("unavailable", error),
        }
    }
}

impl From<KeysError> for Failed {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Refused { code, message } => Self { code, message },
            KeysError::Unavailable(_) => Self::new("unavailable", error),
        }
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        let code = match error {
            VaultError::WrongMasterKey => "restore_key_wrong",
            _ => "store_damaged",
        };
        Self::new(code, error)
    }
}
