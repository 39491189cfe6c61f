use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

/// The longest name of a zone, in bytes.
pub const ZONE_BYTES_MAX: usize = 64;

/// One consensus group: the partitions are `0..N`, and the group numbered `N` is the system group.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct GroupId(#[n(0)] pub u16);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// The identity of a data folder, made at random when the folder is made.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct StoreId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for StoreId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Nodes that may fail together: a rack, a data centre. Nodes without a zone are in the zone with
/// the empty name, all together.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Zone(#[n(0)] String);

impl Zone {
    /// A zone by its name: at most [`ZONE_BYTES_MAX`] of letters, digits, `-`, `_`, `.` and `/`.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
        (name.len() <= ZONE_BYTES_MAX && name.bytes().all(allowed)).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_valid(&self) -> bool {
        Self::new(&self.0).is_some()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The versions of the wire that a node speaks, both ends inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct WireRange {
    /// The oldest.
    #[n(0)]
    pub lowest: u8,
    /// The newest.
    #[n(1)]
    pub highest: u8,
}

impl WireRange {
    /// Whether some version is in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.lowest <= other.highest && other.lowest <= self.highest
    }
}
