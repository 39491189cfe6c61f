use impresario_ids::{ClusterId, TenantId};
use minicbor::{Decode, Encode};

use super::{PieceKind, open, seal};
use crate::BackupError;

/// A blake3 checksum of a whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct SumOf(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// One object of rows or batches.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FileInfo {
    /// Its name in the target.
    #[n(0)]
    pub name: String,
    /// Its bytes, all of them.
    #[n(1)]
    pub bytes: u64,
    /// Its checksum.
    #[n(2)]
    pub sum: SumOf,
    /// How many rows or batches it holds.
    #[n(3)]
    pub items: u64,
    /// The number of its first batch; 0 for rows.
    #[n(4)]
    pub first: u64,
    /// The number of its last batch; 0 for rows.
    #[n(5)]
    pub last: u64,
}

/// What was written of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Part {
    /// The partition's number.
    #[n(0)]
    pub group: u16,
    /// The last batch that the rows hold.
    #[n(1)]
    pub batch: u64,
    /// The rows, in order.
    #[n(2)]
    pub rows: Vec<FileInfo>,
    /// The batches from `batch` + 1 to `cut`, in order.
    #[n(3)]
    pub log: Vec<FileInfo>,
    /// The last batch when the taking of the cut began.
    #[n(4)]
    pub begun: u64,
    /// The last batch of the cut.
    #[n(5)]
    pub cut: u64,
}

/// Of what a backup is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Subject {
    /// A whole cluster.
    #[n(0)]
    Cluster,
    /// One tenant, to be brought into another cluster.
    #[n(1)]
    Tenant(#[n(0)] TenantId),
}

/// What a backup is made of.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// Its name.
    #[n(0)]
    pub id: String,
    /// Of what.
    #[n(1)]
    pub subject: Subject,
    /// The cluster it was taken of.
    #[n(2)]
    pub cluster: ClusterId,
    /// How many partitions that has.
    #[n(3)]
    pub partitions: u16,
    /// One for each partition, in order. Of a tenant: those that hold rows of it.
    #[n(4)]
    pub parts: Vec<Part>,
    /// Rows of the system group: tenants' wrapped keys. Read after all cuts, so that it has the keys
    /// of every tenant that has rows.
    #[n(5)]
    pub system: Option<Part>,
    /// When it was begun, in milliseconds since 1970.
    #[n(6)]
    pub began_ms: i64,
    /// When its cut was taken, in milliseconds since 1970: everything that was acknowledged before
    /// is in it.
    #[n(7)]
    pub cut_ms: i64,
    /// How long the taking of the cut took, in milliseconds.
    #[n(8)]
    pub cut_took_ms: u64,
    /// The release that wrote it.
    #[n(9)]
    pub release: String,
}

/// The batches of one partition that were shipped with a cut.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CutPart {
    /// The partition's number.
    #[n(0)]
    pub group: u16,
    /// Batches from the cut before (or the backup's) on to `cut`.
    #[n(1)]
    pub log: Vec<FileInfo>,
    /// The last batch when the taking of the cut began.
    #[n(2)]
    pub begun: u64,
    /// The last batch of the cut.
    #[n(3)]
    pub cut: u64,
}

/// A moment to which a backup can be rolled forward.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cut {
    /// The backup that it follows.
    #[n(0)]
    pub base: String,
    /// 1, 2, 3 ...
    #[n(1)]
    pub number: u64,
    /// When it was taken, in milliseconds since 1970: everything acknowledged before is in it.
    #[n(2)]
    pub at_ms: i64,
    /// The partitions, in order.
    #[n(3)]
    pub parts: Vec<CutPart>,
    /// The rows of the system group, if they are others than those of the cut before.
    #[n(4)]
    pub system: Option<Part>,
    /// The checksum of the cut before, or of the manifest: what comes after what.
    #[n(5)]
    pub follows: SumOf,
}

macro_rules! stored {
    ($type:ty, $kind:expr) => {
        impl $type {
            /// The stored object.
            #[must_use]
            pub fn to_object(&self) -> Vec<u8> {
                seal($kind, &impresario_kernel::encode(self))
            }

            /// Reads a stored object of this name.
            ///
            /// # Errors
            /// [`BackupError::Damaged`], [`BackupError::Format`].
            pub fn from_object(object: &str, bytes: &[u8]) -> Result<Self, BackupError> {
                let body = open($kind, object, bytes)?;
                impresario_kernel::decode(body).map_err(|error| BackupError::damaged(object, error))
            }
        }
    };
}

stored!(Part, PieceKind::Part);
stored!(Manifest, PieceKind::Manifest);
stored!(Cut, PieceKind::Cut);

impl SumOf {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl FileInfo {
    /// Whether these are its bytes.
    ///
    /// # Errors
    /// [`BackupError::Damaged`].
    pub fn check(&self, bytes: &[u8]) -> Result<(), BackupError> {
        if bytes.len() as u64 != self.bytes {
            let why = format!("it has {} bytes instead of {}", bytes.len(), self.bytes);
            return Err(BackupError::damaged(&self.name, why));
        }
        if SumOf::of(bytes) != self.sum {
            return Err(BackupError::damaged(
                &self.name,
                "its checksum is not that of the manifest",
            ));
        }
        Ok(())
    }
}

impl Manifest {
    /// Every object of rows and batches.
    pub fn files(&self) -> impl Iterator<Item = &FileInfo> {
        let parts = self.parts.iter().chain(&self.system);
        parts.flat_map(|part| part.rows.iter().chain(&part.log))
    }

    /// Rows of the partitions.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.parts.iter().flat_map(|part| part.rows.iter()).map(|file| file.items).sum()
    }

    /// Bytes of all of them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files().map(|file| file.bytes).sum()
    }
}

impl Cut {
    /// Every object of rows and batches.
    pub fn files(&self) -> impl Iterator<Item = &FileInfo> {
        let log = self.parts.iter().flat_map(|part| &part.log);
        log.chain(self.system.iter().flat_map(|part| &part.rows))
    }
}
