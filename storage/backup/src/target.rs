use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, RetryConfig};

use crate::{BackupError, Options};

/// A place for objects. Writing one is all or nothing, and durable when it returns. A handle: cheap
/// to clone.
#[derive(Clone)]
pub struct Target {
    name: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Target {
    /// The target of this name: a folder (made if it is not there), `file:///folder`, or
    /// `s3://bucket/prefix` with the credentials of the environment and the endpoint of the options.
    ///
    /// # Errors
    /// [`BackupError::TargetInvalid`], [`BackupError::TargetUnavailable`].
    pub fn open(name: &str, options: &Options) -> Result<Self, BackupError> {
        match name.split_once("://") {
            Some(("s3", _)) => {
                Self::s3(name, AmazonS3Builder::from_env(), options, RetryConfig::default())
            }
            Some(("file", folder)) => Self::folder(FilePath::new(folder)),
            Some(_) => Err(BackupError::TargetInvalid(name.to_owned())),
            None => Self::folder(FilePath::new(name)),
        }
    }

    /// As [`Target::open`] of an S3 store, with these credentials and at most so many tries.
    ///
    /// # Errors
    /// [`BackupError::TargetInvalid`].
    pub fn open_s3(
        name: &str,
        options: &Options,
        (key, secret): (&str, &str),
        tries: usize,
    ) -> Result<Self, BackupError> {
        let builder = AmazonS3Builder::new().with_access_key_id(key).with_secret_access_key(secret);
        let mut retry = RetryConfig { max_retries: tries, ..RetryConfig::default() };
        retry.backoff.init_backoff = std::time::Duration::from_millis(5);
        Self::s3(name, builder, options, retry)
    }

    /// A folder.
    ///
    /// # Errors
    /// [`BackupError::TargetInvalid`] if it has no absolute path,
    /// [`BackupError::TargetUnavailable`] if it cannot be made.
    pub fn folder(folder: &FilePath) -> Result<Self, BackupError> {
        let name = folder.display().to_string();
        if !folder.is_absolute() {
            return Err(BackupError::TargetInvalid(name));
        }
        let unavailable =
            |why: String| BackupError::TargetUnavailable { object: name.clone(), why };
        std::fs::create_dir_all(folder).map_err(|error| unavailable(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(PathBuf::from(folder))
            .map_err(|error| unavailable(error.to_string()))?
            .with_fsync(true)
            // A folder without objects would look like a backup that was cut short.
            .with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store), prefix: Path::default(), name })
    }

    fn s3(
        name: &str,
        builder: AmazonS3Builder,
        options: &Options,
        retry: RetryConfig,
    ) -> Result<Self, BackupError> {
        let invalid = || BackupError::TargetInvalid(name.to_owned());
        let rest = name.strip_prefix("s3://").ok_or_else(invalid)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid());
        }
        let mut builder = builder
            .with_bucket_name(bucket)
            .with_region(&options.s3_region)
            .with_retry(retry)
            // The store refuses what arrives otherwise than it was sent.
            .with_checksum_algorithm(Checksum::SHA256)
            .with_client_options(ClientOptions::new().with_allow_http(options.s3_allow_http));
        if !options.s3_endpoint.is_empty() {
            builder = builder.with_endpoint(&options.s3_endpoint);
        }
        let store = builder.build().map_err(|error| BackupError::TargetUnavailable {
            object: name.to_owned(),
            why: error.to_string(),
        })?;
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|_| invalid())?;
        Ok(Self { store: Arc::new(store), prefix, name: name.to_owned() })
    }

    /// What it was opened by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes an object, in place of one of this name if there is one.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), BackupError> {
        let place = self.place(object)?;
        self.store.put(&place, bytes.into()).await.map_err(|error| failed(object, &error))?;
        Ok(())
    }

    /// Writes an object, unless there is one of this name. Whether it was written.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn put_new(&self, object: &str, bytes: Vec<u8>) -> Result<bool, BackupError> {
        let place = self.place(object)?;
        match self.store.put_opts(&place, bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(false),
            Err(error) => Err(failed(object, &error)),
        }
    }

    /// An object's bytes; `None` if it is not there.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn get(&self, object: &str) -> Result<Option<Bytes>, BackupError> {
        let place = self.place(object)?;
        let found = match self.store.get(&place).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(object, &error)),
        };
        found.bytes().await.map(Some).map_err(|error| failed(object, &error))
    }

    /// The names of all objects that begin with `folder` and a slash, sorted.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, BackupError> {
        let place = self.place(folder)?;
        let mut names = Vec::new();
        let mut found = self.store.list(Some(&place));
        while let Some(meta) = found.try_next().await.map_err(|error| failed(folder, &error))? {
            let suffix: Option<Vec<_>> =
                meta.location.prefix_match(&self.prefix).map(Iterator::collect);
            let Some(parts) = suffix else { continue };
            let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            names.push(parts.join("/"));
        }
        names.sort();
        Ok(names)
    }

    /// The names directly in a folder that are folders themselves, sorted.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, BackupError> {
        let place = self.place(folder)?;
        let listed = self.store.list_with_delimiter(Some(&place)).await;
        let listed = listed.map_err(|error| failed(folder, &error))?;
        let mut names: Vec<String> = listed
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes an object, if it is there.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn delete(&self, object: &str) -> Result<(), BackupError> {
        let place = self.place(object)?;
        match self.store.delete(&place).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(object, &error)),
        }
    }

    fn place(&self, object: &str) -> Result<Path, BackupError> {
        let suffix = Path::parse(object).map_err(|error| BackupError::TargetUnavailable {
            object: object.to_owned(),
            why: error.to_string(),
        })?;
        Ok(self.prefix.parts().chain(suffix.parts()).collect())
    }
}

fn failed(object: &str, error: &object_store::Error) -> BackupError {
    let mut why = error.to_string();
    // What the network said is further down.
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        cause = inner.source();
    }
    BackupError::TargetUnavailable { object: object.to_owned(), why }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.name).finish()
    }
}
