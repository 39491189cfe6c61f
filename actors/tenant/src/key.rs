use impresario_ids::ApiKeyId;
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::keys::KeyHash;
use crate::{KeyKind, NewKey, Scope};

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Key {
    /// Its id, which is public.
    #[n(0)]
    pub id: ApiKeyId,
    /// Write or secret.
    #[n(1)]
    pub kind: KeyKind,
    /// What people call it.
    #[n(2)]
    pub name: String,
    /// What it may do, sorted; a write key has `events:write`.
    #[n(3)]
    pub scopes: Vec<Scope>,
    /// The keyed hash of its secret.
    #[n(4)]
    pub hash: KeyHash,
    /// The last four characters of its text.
    #[n(5)]
    pub last4: String,
    /// When it was made.
    #[n(6)]
    pub created_at: Timestamp,
    /// When it stops working, if ever.
    #[n(7)]
    pub expires_at: Option<Timestamp>,
    /// When it was ended.
    #[n(8)]
    pub revoked_at: Option<Timestamp>,
    /// The key that it replaced.
    #[n(9)]
    pub replaces: Option<ApiKeyId>,
    /// The key that replaced it; until its end it works on.
    #[n(10)]
    pub replaced_by: Option<ApiKeyId>,
}

impl Key {
    /// Whether the key works at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the key may do this.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// When it stopped or stops working.
    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        match (self.revoked_at, self.expires_at) {
            (Some(revoked), Some(expired)) => Some(revoked.min(expired)),
            (end, None) | (None, end) => end,
        }
    }

    pub(crate) fn new(key: &NewKey, replaces: Option<ApiKeyId>, at: Timestamp) -> Self {
        let NewKey { id, kind, name, scopes, hash, last4, expires_at } = key.clone();
        Self {
            id,
            kind,
            name,
            scopes,
            hash,
            last4,
            created_at: at,
            expires_at,
            revoked_at: None,
            replaces,
            replaced_by: None,
        }
    }
}
