use serde::{Deserialize, Serialize};

/// Where backups go, and how often. Credentials of an S3 store come from the environment
/// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), never from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A folder that every node reaches under this path, `file:///folder`, or `s3://bucket/prefix`.
    /// Empty: backups name their target themselves, and nothing is shipped.
    pub target: String,
    /// How often committed batches are shipped behind the newest backup, in milliseconds: what a
    /// loss of the whole cluster can cost. 0: never.
    pub ship_ms: u64,
    /// How often a new backup is taken, in milliseconds. 0: only on demand.
    pub every_ms: u64,
    /// How many backups stay in the target when a new one is finished. 0: all.
    pub keep: u64,
    /// Bytes of one object of rows or batches. A row or batch that is larger has one for itself.
    pub piece_bytes: u64,
    /// How many partitions a cluster writes at the same time.
    pub parallel: u64,
    /// Where the S3 store listens, if not at AWS, as `https://minio.example:9000`.
    pub s3_endpoint: String,
    /// The region that requests are signed for.
    pub s3_region: String,
    /// Whether the endpoint may be spoken to without TLS.
    pub s3_allow_http: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: String::new(),
            ship_ms: 10_000,
            every_ms: 0,
            keep: 0,
            piece_bytes: 8 << 20,
            parallel: 4,
            s3_endpoint: String::new(),
            s3_region: "us-east-1".to_owned(),
            s3_allow_http: false,
        }
    }
}

/// An option that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("backup.{key} {why}")]
pub struct OptionsError {
    /// The key.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Options {
    /// Looks for values that cannot be meant.
    ///
    /// # Errors
    /// [`OptionsError`] names the first.
    pub fn check(&self) -> Result<(), OptionsError> {
        let refuse = |key, why| Err(OptionsError { key, why });
        if !(64 << 10..=256 << 20).contains(&self.piece_bytes) {
            return refuse("piece_bytes", "is from 65536 to 268435456");
        }
        if !(1..=64).contains(&self.parallel) {
            return refuse("parallel", "is from 1 to 64");
        }
        if self.ship_ms != 0 && self.ship_ms < 100 {
            return refuse("ship_ms", "is 0 or at least 100");
        }
        if self.every_ms != 0 && self.every_ms < 60_000 {
            return refuse("every_ms", "is 0 or at least 60000");
        }
        if self.s3_region.is_empty() {
            return refuse("s3_region", "is not empty");
        }
        Ok(())
    }
}
