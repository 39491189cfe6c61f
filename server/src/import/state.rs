//! How far an import came, on disk.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What makes two imports the same one: the same bytes, read in the same way, for the same tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The hash of the file's bytes.
    pub(crate) content: String,
    pub(crate) bytes: u64,
    pub(crate) event: String,
    pub(crate) map: String,
    pub(crate) tenant: String,
}

/// What the server has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    #[serde(flatten)]
    identity: Identity,
    /// All rows before this one are acknowledged or refused.
    pub(crate) rows: u64,
    pub(crate) accepted: u64,
    /// Rows that the server said it knew.
    #[serde(default)]
    pub(crate) duplicates: u64,
    pub(crate) refused: u64,
    /// Of the accepted rows.
    pub(crate) revenue_micros: i128,
    /// How long the list of refused rows was.
    pub(crate) report_bytes: u64,
    pub(crate) finished: bool,
}

const VERSION: u32 = 1;

impl State {
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            version: VERSION,
            identity,
            rows: 0,
            accepted: 0,
            duplicates: 0,
            refused: 0,
            revenue_micros: 0,
            report_bytes: 0,
            finished: false,
        }
    }
}

/// The tenant that a key belongs to, as far as the key's text tells; otherwise the key's hash.
pub(crate) fn tenant_of(key: &str) -> String {
    let mut parts = key.trim().split('_');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("imp"), Some(_), Some(tenant)) if !tenant.is_empty() => tenant.to_owned(),
        _ => blake3::hash(key.trim().as_bytes()).to_hex()[..26].to_owned(),
    }
}

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none.
    Nothing,
    /// How far another import came.
    Other,
    /// How far this import came.
    Ours(State),
}

/// The file of a state.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The state of this import.
    pub(crate) fn load(&self, identity: &Identity) -> Result<Found> {
        let place = || self.path.display().to_string();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", place())),
        };
        let state: State = serde_json::from_str(&text).with_context(|| {
            format!("{} is not the state of an import; delete it to begin anew", place())
        })?;
        let ours = state.version == VERSION && state.identity == *identity;
        Ok(if ours { Found::Ours(state) } else { Found::Other })
    }

    /// Replaces the file as a whole: after a crash it holds the old state or the new one.
    pub(crate) fn store(&self, state: &State) -> Result<()> {
        let write = || -> Result<()> {
            let mut name = self.path.as_os_str().to_owned();
            name.push(".new");
            let fresh = PathBuf::from(name);
            let mut file = File::create(&fresh)?;
            file.write_all(serde_json::to_string_pretty(state)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(content: &str) -> Identity {
        let text = |text: &str| text.to_owned();
        Identity {
            content: text(content),
            bytes: 7,
            event: text("e"),
            map: text("m"),
            tenant: text("t"),
        }
    }

    fn file(name: &str) -> StateFile {
        let path = std::env::temp_dir().join(format!("import-state-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        StateFile::new(path)
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let file = file("round");
        assert_eq!(file.load(&identity("a")).unwrap(), Found::Nothing);
        let mut state = State::new(identity("a"));
        state.rows = 12;
        state.revenue_micros = i128::from(i64::MAX) * 1_000;
        file.store(&state).unwrap();
        assert_eq!(file.load(&identity("a")).unwrap(), Found::Ours(state));
        fs::remove_file(file.path()).unwrap();
    }

    #[test]
    fn the_state_of_another_import_is_told_apart() {
        let file = file("other");
        file.store(&State::new(identity("a"))).unwrap();
        assert_eq!(file.load(&identity("b")).unwrap(), Found::Other);
        fs::remove_file(file.path()).unwrap();
    }

    #[test]
    fn a_broken_state_is_not_guessed_at() {
        let file = file("broken");
        fs::write(file.path(), "{\"version\": 1, \"rows\"").unwrap();
        let error = format!("{:#}", file.load(&identity("a")).unwrap_err());
        assert!(error.contains("delete it to begin anew"), "{error}");
        fs::remove_file(file.path()).unwrap();
    }

    #[test]
    fn keys_of_a_tenant_are_the_same_tenant() {
        assert_eq!(tenant_of("imp_wk_01abc_secret"), "01abc");
        assert_eq!(tenant_of(" imp_sk_01abc_other\n"), "01abc");
        assert_ne!(tenant_of("x"), tenant_of("y"));
    }
}
