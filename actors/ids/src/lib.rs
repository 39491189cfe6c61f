//! Typed ids that print their kind.
//!
//! An [`Id`] is 128 bits with a kind known to the compiler. It prints as `ten_0123…` (a prefix and
//! 26 characters of lower-case Crockford base 32) and parses only under its own prefix, so that an
//! id of one kind can never be passed where another is meant, neither in code nor over HTTP.
//!
//! - I1: `parse(print(id)) == id` for every id of every kind.
//! - I2: a text of another kind, or with one character changed to an invalid one, never parses.
//! - I3: derived ids depend on their parts and on the borders between the parts.
//!
//! What it is not: a source of randomness or time. Fresh ids are built from bytes handed in.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

mod node;
#[cfg(test)]
mod tests;
mod text;

pub use node::NodeId;

/// A kind of thing that has ids. The prefix is part of every public interface: never change one.
pub trait Kind: 'static {
    /// Three lower-case letters, printed before the underscore.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident = $kind:ident, $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $kind {}
            impl Kind for $kind {
                const PREFIX: &'static str = $prefix;
            }
            $(#[$doc])*
            pub type $alias = Id<$kind>;
        )*
        /// Every prefix in use, for the test that keeps them distinct.
        #[cfg(test)]
        const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

// Append only; keep the prefixes distinct.
kinds! {
    /// One customer of the platform: the cell that owns everything below.
    TenantId = TenantKind, "ten";
    /// One person as one tenant knows them.
    ProfileId = ProfileKind, "prf";
    /// One rule-defined audience.
    SegmentId = SegmentKind, "seg";
    /// One API key (the id is public, the secret is not).
    ApiKeyId = ApiKeyKind, "key";
    /// One webhook endpoint of a tenant.
    EndpointId = EndpointKind, "whe";
    /// One outbound webhook message, the same over all its attempts.
    MessageId = MessageKind, "msg";
    /// One trace, from a request to its commit and its effects.
    TraceId = TraceKind, "trc";
    /// One shard of a tenant's quarantine.
    QuarantineId = QuarantineKind, "qua";
    /// One cluster: nodes of different clusters never speak to each other.
    ClusterId = ClusterKind, "clu";
    /// One conversation: a person on one channel.
    ConversationId = ConversationKind, "cnv";
    /// One document or entry of a tenant's knowledge.
    DocumentId = DocumentKind, "doc";
    /// One paid call to a model provider, the same over everything that is known of it.
    CallId = CallKind, "cal";
}

/// 128 bits that know what they identify.
pub struct Id<K: Kind> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// The id with all bits zero; used for the system's own rows, never handed to a caller.
    pub const NIL: Self = Self::from_bytes([0; 16]);

    /// An id from its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// A fresh id that sorts by creation time (UUID version 7, RFC 9562).
    /// `unix_ms` is milliseconds since the epoch; `random` are ten random bytes.
    #[must_use]
    pub fn at(unix_ms: u64, random: [u8; 10]) -> Self {
        Self::from_bytes(
            *uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).as_uuid().as_bytes(),
        )
    }

    /// The id that these parts always give: the first 128 bits of BLAKE3 over the kind's prefix and
    /// each part preceded by its length.
    #[must_use]
    pub fn derived(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(K::PREFIX.as_bytes());
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self::from_bytes(bytes)
    }
}

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The text carries another kind's prefix, or none.
    #[error("expected an id that begins with \"{expected}_\"")]
    WrongKind {
        /// The prefix that was wanted, without the underscore.
        expected: &'static str,
    },
    /// The prefix is right, the rest is not 26 characters of base 32 for 128 bits.
    #[error("an id is \"{expected}_\" and 26 characters of 0-9 and a-z without i, l, o and u")]
    Malformed {
        /// The prefix that was wanted, without the underscore.
        expected: &'static str,
    },
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let expected = K::PREFIX;
        let rest = text
            .strip_prefix(expected)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(ParseIdError::WrongKind { expected })?;
        text::decode(rest).map(Self::from_bytes).ok_or(ParseIdError::Malformed { expected })
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = text::encode(&self.bytes);
        write!(f, "{}_{}", K::PREFIX, std::str::from_utf8(&digits).unwrap_or("?"))
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// By hand, because a derive would ask the same of `K`.
impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Id<K> {}
impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K: Kind> Eq for Id<K> {}
impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<K: Kind, C> minicbor::Encode<C> for Id<K> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.bytes)?.ok()
    }
}

impl<'b, K: Kind, C> minicbor::Decode<'b, C> for Id<K> {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        <[u8; 16]>::try_from(d.bytes()?)
            .map(Self::from_bytes)
            .map_err(|_| minicbor::decode::Error::message("an id is 16 bytes"))
    }
}

impl<K: Kind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
