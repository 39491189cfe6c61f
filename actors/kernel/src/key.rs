use std::fmt;

use impresario_ids::{Id, Kind, TenantId};

/// Bytes of an encoded [`EntityKey`]: tenant 16, kind 1, id 16.
pub const KEY_LENGTH: usize = 33;

/// What an entity is: a code that is stored for ever, and the name used in metrics and the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKind {
    /// The stored byte. Never reuse one.
    pub code: u8,
    /// Lower-case and short, for example `profile`.
    pub name: &'static str,
}

/// One of the fixed number of partitions of a cluster, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// The address of an entity: whose it is, what it is, which one it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey {
    /// The tenant that owns the entity.
    pub tenant: TenantId,
    /// The code of the entity's kind.
    pub kind: u8,
    /// The 128 bits of the entity's typed id.
    pub id: [u8; 16],
}

/// The bytes are not an entity key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entity key is {KEY_LENGTH} bytes, got {0}")]
pub struct KeyError(pub usize);

impl EntityKey {
    /// The key of the entity `id` of `kind` in `tenant`.
    #[must_use]
    pub fn new<K: Kind>(tenant: TenantId, kind: EntityKind, id: Id<K>) -> Self {
        Self { tenant, kind: kind.code, id: *id.as_bytes() }
    }

    /// The stored form: tenant, kind, id. Orders as the key does.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; KEY_LENGTH] {
        let mut bytes = [0; KEY_LENGTH];
        bytes[..16].copy_from_slice(self.tenant.as_bytes());
        bytes[16] = self.kind;
        bytes[17..].copy_from_slice(&self.id);
        bytes
    }

    /// Reads the stored form from the first [`KEY_LENGTH`] bytes.
    ///
    /// # Errors
    /// If there are fewer bytes than a key has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (Some(tenant), Some(kind), Some(id)) = (
            bytes.get(..16).and_then(|part| part.try_into().ok()),
            bytes.get(16),
            bytes.get(17..KEY_LENGTH).and_then(|part| part.try_into().ok()),
        ) else {
            return Err(KeyError(bytes.len()));
        };
        Ok(Self { tenant: TenantId::from_bytes(tenant), kind: *kind, id })
    }

    /// The partition that holds this entity in a cluster of `partitions`.
    ///
    /// The hash is part of the stored format: two rounds of the splitmix64 finaliser over the
    /// tenant, the kind and the id. The modulo's bias is below 2^-48 for 65 536 partitions.
    #[must_use]
    pub fn partition(&self, partitions: u16) -> PartitionId {
        let mut hash = u64::from(self.kind);
        for half in self.tenant.as_bytes().chunks_exact(8).chain(self.id.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(half);
            hash = mix(hash ^ u64::from_le_bytes(word));
        }
        let index = hash % u64::from(partitions.max(1));
        PartitionId(u16::try_from(index).unwrap_or_default())
    }

    /// The id, typed as `K`. The caller knows the kind from [`EntityKey::kind`].
    #[must_use]
    pub fn typed_id<K: Kind>(&self) -> Id<K> {
        Id::from_bytes(self.id)
    }
}

impl fmt::Debug for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/", self.tenant, self.kind)?;
        self.id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014).
pub(crate) const fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
