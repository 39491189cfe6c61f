//! Where the files of tenants lie.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use impresario_ids::TenantId;

/// The file of a tenant's collection under a model: a folder per tenant, a name that any text fits.
#[must_use]
pub fn path_of(root: &Path, tenant: TenantId, collection: &str, model: &str) -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(collection.len() as u64).to_le_bytes());
    hasher.update(collection.as_bytes());
    hasher.update(model.as_bytes());
    let name = hasher.finalize().to_hex();
    root.join(tenant.to_string()).join(format!("{}.vec", &name[..32]))
}

/// Removes every file of a tenant.
///
/// # Errors
/// The file system refused.
pub fn erase(root: &Path, tenant: TenantId) -> io::Result<()> {
    match fs::remove_dir_all(root.join(tenant.to_string())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
