use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::keys::DataKey;
use crate::nonce::random;

/// The key that wraps every tenant's data keys. Whoever has it and the data folder reads everything.
pub struct MasterKey(DataKey);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not 32 bytes in hexadecimal or base 64.
    #[error("a master key is 32 bytes, written as 64 hexadecimal digits or in base 64")]
    Malformed,
    /// The file's content is not a master key.
    #[error("{path} does not hold a master key (32 bytes as 64 hexadecimal digits or in base 64)")]
    MalformedFile {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read the file.
    #[error(
        "{path} can be read by others (mode {mode:03o}): make it yours alone with chmod 600 {path}"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be read or made.
    #[error("the master key file {path} cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
}

impl MasterKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(DataKey { id: 0, bytes: Zeroizing::new(bytes) })
    }

    /// A key from a text such as the value of an environment variable: 64 hexadecimal digits, or
    /// base 64 (either alphabet, padded or not). Spaces around it do not matter.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        if let Some(bytes) = from_hex(text) {
            return Ok(Self::from_bytes(bytes));
        }
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|engine| {
                let decoded = Zeroizing::new(engine.decode(text).ok()?);
                decoded.as_slice().try_into().ok().map(Self::from_bytes)
            })
            .ok_or(MasterKeyError::Malformed)
    }

    /// A fresh key.
    ///
    /// # Errors
    /// [`MasterKeyError::Random`].
    pub fn generate() -> Result<Self, MasterKeyError> {
        random().map(Self::from_bytes).map_err(|error| MasterKeyError::Random(error.to_string()))
    }

    /// The key in a file that only its owner may read.
    ///
    /// # Errors
    /// [`MasterKeyError::File`] (also if it is not there), [`MasterKeyError::TooOpen`],
    /// [`MasterKeyError::MalformedFile`].
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::TooOpen { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(Vec::new());
        // A key is under 100 bytes; whatever is longer is another file.
        file.take(4096).read_to_end(&mut text).map_err(failed)?;
        let malformed = || MasterKeyError::MalformedFile { path: path.to_owned() };
        Self::from_text(std::str::from_utf8(&text).map_err(|_| malformed())?)
            .map_err(|_| malformed())
    }

    /// The key in a file; if there is no such file, a fresh key, written there with mode 0600 and
    /// synced to disk before this returns.
    ///
    /// # Errors
    /// As [`MasterKey::from_file`].
    pub fn from_file_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::from_file(path) {
            Err(MasterKeyError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                let key = Self::generate()?;
                key.write_to(path)?;
                Ok(key)
            }
            other => other,
        }
    }

    /// Writes the key into a new file with mode 0600, as hexadecimal digits, and syncs it.
    ///
    /// # Errors
    /// [`MasterKeyError::File`], also if the file exists: a key is never overwritten.
    pub fn write_to(&self, path: &Path) -> Result<(), MasterKeyError> {
        self.write_new(path)
            .map_err(|source| MasterKeyError::File { path: path.to_owned(), source })
    }

    fn write_new(&self, path: &Path) -> io::Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in self.0.bytes.iter() {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        text.push('\n');
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // The name is durable only with its folder.
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }

    pub(crate) fn key(&self) -> &DataKey {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}
