//! Why a node does not start, as stable codes. `docs/operations/start-errors.md` has a line for each.

use impresario_config::ConfigError;
use impresario_http::ServeError;
use impresario_redb::OpenError;
use impresario_steward::{IdentityError, JoinError};
use impresario_vault::{MasterKeyError, VaultError};
use impresario_wire::{StartError, TlsError};

use super::replicas::NotAlone;

/// The code of the innermost cause that has one.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> &'static str {
    error.chain().find_map(of_cause).unwrap_or("start_failed")
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return Some(match error {
            OpenError::InUse { .. } => "store_in_use",
            OpenError::Partitions { .. } | OpenError::NoPartitions => "store_partitions",
            OpenError::Format { .. } => "store_format",
            OpenError::Misplaced { .. } => "store_misplaced",
            OpenError::Damaged { .. } => "store_damaged",
            OpenError::Missing { .. } => "store_missing",
            OpenError::Io { .. } => "store_io",
        });
    }
    if let Some(error) = cause.downcast_ref::<VaultError>() {
        return Some(if *error == VaultError::WrongMasterKey {
            "wrong_master_key"
        } else {
            "keys_unreadable"
        });
    }
    if cause.is::<MasterKeyError>() {
        return Some("master_key_unusable");
    }
    if cause.is::<IdentityError>() {
        return Some("identity_unusable");
    }
    if cause.is::<NotAlone>() {
        return Some("not_alone");
    }
    if let Some(JoinError::Refused { code, .. }) = cause.downcast_ref::<JoinError>() {
        // One of those that the cluster's rules give.
        return impresario_placement::CODES.iter().find(|known| *known == code).copied();
    }
    if let Some(error) = cause.downcast_ref::<StartError>() {
        return Some(match error {
            StartError::Listen { .. } => "cannot_listen",
            StartError::NotMine(_) | StartError::Tls(_) => "certificate_unusable",
            StartError::Options(_) => "config_invalid",
            StartError::ServesAlready | StartError::Gateway(_) => return None,
        });
    }
    if cause.is::<TlsError>() {
        return Some("certificate_unusable");
    }
    if cause.is::<ConfigError>() {
        return Some("config_invalid");
    }
    match cause.downcast_ref::<ServeError>()? {
        ServeError::Listen { .. } => Some("cannot_listen"),
        ServeError::Tls(_) => Some("certificate_unusable"),
        ServeError::Options(_) => Some("config_invalid"),
        ServeError::Serve(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/operations/start-errors.md");
    const SOURCE: &str = include_str!("codes.rs");

    #[test]
    fn the_innermost_cause_gives_the_code() {
        let error =
            anyhow::Error::new(VaultError::WrongMasterKey).context("the tenants' keys do not open");
        assert_eq!(code_of(&error), "wrong_master_key");
        assert_eq!(code_of(&anyhow::anyhow!("something else")), "start_failed");
    }

    #[test]
    fn every_code_has_its_line_in_the_guide() {
        let product = SOURCE.split("#[cfg(test)]").next().unwrap_or_default();
        let is_code = |text: &&str| {
            text.contains('_') && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        };
        let codes: Vec<&str> = product.split('"').skip(1).step_by(2).filter(is_code).collect();
        assert!(codes.len() > 10, "{codes:?}");
        for code in codes {
            assert!(PAGE.contains(&format!("| `{code}` |")), "{code}");
        }
    }
}
