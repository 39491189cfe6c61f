//! Tenants' keys on their way: wrapped by a cluster's master key, or by one made of a passphrase.

use impresario_backup::stretch;
use impresario_ids::TenantId;
use impresario_vault::{CHECK_ROW, MasterKey, Row, Vault, VaultError};

use super::Failed;

/// The shortest passphrase, in characters.
const PASSPHRASE_MIN: usize = 12;

fn of_passphrase(passphrase: &str, tenant: TenantId, archive: &str) -> Result<MasterKey, Failed> {
    if passphrase.chars().count() < PASSPHRASE_MIN {
        let message = format!("a passphrase has at least {PASSPHRASE_MIN} characters");
        return Err(Failed::new("archive_passphrase_wrong", message));
    }
    let salt = format!("impresario archive 1 {tenant} {archive}");
    Ok(MasterKey::from_bytes(stretch(passphrase, salt.as_bytes())))
}

/// The rows wrapped for an archive: by the passphrase, if there is one.
pub(super) async fn wrapped(
    rows: Vec<Row>,
    master: MasterKey,
    passphrase: Option<String>,
    (tenant, archive): (TenantId, String),
) -> Result<Vec<Row>, Failed> {
    let work = move || -> Result<Vec<Row>, Failed> {
        let vault = Vault::open(master, rows.clone())?;
        match passphrase {
            None => Ok(rows),
            Some(passphrase) => {
                Ok(vault.rotate_master(of_passphrase(&passphrase, tenant, &archive)?)?)
            }
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(super::failed(error)))
}

/// The rows of an archive wrapped by this cluster's master key.
pub(super) async fn unwrapped(
    rows: Vec<Row>,
    master: MasterKey,
    passphrase: Option<String>,
    (tenant, archive): (TenantId, String),
) -> Result<Vec<Row>, Failed> {
    let work = move || -> Result<Vec<Row>, Failed> {
        let Some(passphrase) = passphrase else {
            check(master, &rows)?;
            return Ok(only_tenants(rows));
        };
        let transport = of_passphrase(&passphrase, tenant, &archive)?;
        let vault = Vault::open(transport, rows).map_err(|error| match error {
            VaultError::WrongMasterKey => Failed::new(
                "archive_passphrase_wrong",
                "the archive does not open: another passphrase, or none, was used",
            ),
            other => other.into(),
        })?;
        Ok(only_tenants(vault.rotate_master(master)?))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(super::failed(error)))
}

/// That this master key opens these rows.
pub(super) fn check(master: MasterKey, rows: &[Row]) -> Result<(), Failed> {
    match Vault::open(master, rows.to_vec()) {
        Ok(_) => Ok(()),
        Err(VaultError::WrongMasterKey) => Err(Failed::new(
            "restore_key_wrong",
            "the tenants' keys in the backup were wrapped by another master key: give that one",
        )),
        Err(other) => Err(other.into()),
    }
}

/// The rows without the one by which a wrong master key is recognised: every store has its own.
pub(super) fn only_tenants(mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|(tenant, _)| *tenant != CHECK_ROW);
    rows
}
