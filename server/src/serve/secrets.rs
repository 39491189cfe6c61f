//! The root token and the master key.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use impresario_config::Config;
use impresario_vault::MasterKey;

/// The name of the root token's file in the data folder.
pub(crate) const ROOT_TOKEN_FILE: &str = "root-token";
/// Holds the master key itself, in hexadecimal or base 64; wins over the file.
const MASTER_KEY_VARIABLE: &str = "IMPRESARIO_MASTER_KEY";
/// Readable and writable by its owner, by nobody else.
const OWNER_ONLY: u32 = 0o600;

/// The root token: that of the data folder, or a new one.
pub(crate) fn root_token(data: &Path) -> anyhow::Result<String> {
    let path = data.join(ROOT_TOKEN_FILE);
    match OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&path) {
        Ok(mut file) => {
            let token = format!("imp_root_{}", random_text()?);
            file.write_all(token.as_bytes())
                .and_then(|()| file.sync_all())
                .with_context(|| writing(&path))?;
            Ok(token)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read_token(&path),
        Err(error) => Err(error).with_context(|| writing(&path)),
    }
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let mode = fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others than its owner: run chmod 600 on it", path.display());
    }
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let token = text.trim();
    if token.len() < 16 {
        bail!("{} does not hold a root token: delete it to have a new one made", path.display());
    }
    Ok(token.to_owned())
}

fn writing(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// The master key of the environment, else of its file, which is made if the store is new.
pub(crate) fn master_key(config: &Config, is_new_store: bool) -> anyhow::Result<MasterKey> {
    if let Some(key) = environment_key()? {
        return Ok(key);
    }
    let path: PathBuf = config.master_key_file();
    let key = if is_new_store {
        MasterKey::from_file_or_create(&path)
    } else {
        MasterKey::from_file(&path)
    };
    key.with_context(|| format!("the master key in {} cannot be used", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "a program reads its environment")]
fn environment_key() -> anyhow::Result<Option<MasterKey>> {
    match std::env::var(MASTER_KEY_VARIABLE) {
        Ok(text) => {
            let key = MasterKey::from_text(&text);
            key.map(Some)
                .with_context(|| format!("the master key in {MASTER_KEY_VARIABLE} cannot be used"))
        }
        Err(_) => Ok(None),
    }
}

/// 256 random bits in hexadecimal.
fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    let mut source = fs::File::open("/dev/urandom").context("the system gives no random bytes")?;
    source.read_exact(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_token_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let token = root_token(folder.path()).expect("a token");
        assert_eq!(root_token(folder.path()).expect("the same token"), token);
        let path = folder.path().join(ROOT_TOKEN_FILE);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is set");
        let refused = root_token(folder.path()).expect_err("it is refused").to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
