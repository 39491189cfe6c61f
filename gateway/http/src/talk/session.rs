//! A visitor's session: who they are, sealed by the edge. Every node can verify it, as the key is
//! derived from the tenant's pepper; nothing is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use impresario_api::codes;
use impresario_conversation::id_of;
use impresario_ids::{ConversationId, ProfileId, TenantId};
use impresario_kernel::Timestamp;
use impresario_messages::{Address, Channel, Person};
use impresario_tenant::keys::Pepper;
use serde::{Deserialize, Serialize};

use super::identity::Known;
use crate::fault::Fault;

const TOKEN_BYTES_MAX: usize = 4_096;
const MAC_BYTES: usize = 32;
/// How long a session of somebody unknown lives, in seconds; each new visit prolongs it.
const VISITOR_TTL_S: i64 = 60 * 86_400;
/// How long a session of a known user lives: the page signs anew.
const USER_TTL_S: i64 = 86_400;

/// Who is at the other end of a widget.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The connection.
    #[serde(rename = "c")]
    pub(crate) connection: String,
    /// The user of the conversation's address: `visitor:…` or `user:…`.
    #[serde(rename = "u")]
    pub(crate) user: String,
    /// The user id, if the host vouched for one.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    /// When it ends, in seconds since the epoch.
    #[serde(rename = "x")]
    pub(crate) ends_s: i64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Session {
    /// A session of somebody unknown.
    pub(crate) fn of_visitor(connection: &str, random: [u8; 16], now: Timestamp) -> Self {
        Self {
            connection: connection.to_owned(),
            user: format!("visitor:{}", URL_SAFE_NO_PAD.encode(random)),
            user_id: None,
            name: None,
            email: None,
            phone: None,
            ends_s: seconds(now) + VISITOR_TTL_S,
        }
    }

    /// A session of a user of the host, wherever they are signed in.
    pub(crate) fn of_user(connection: &str, known: &Known, now: Timestamp) -> Self {
        let user = format!("user:{}", known.user_id);
        Self { user, ..Self::of_visitor(connection, [0; 16], now) }.known_as(known, now)
    }

    /// The same conversation, now with somebody who is known.
    pub(crate) fn known_as(self, known: &Known, now: Timestamp) -> Self {
        let Known { user_id, name, email, phone } = known.clone();
        Self {
            user_id: Some(user_id),
            name,
            email,
            phone,
            ends_s: seconds(now) + USER_TTL_S,
            ..self
        }
    }

    /// Somebody unknown who came again.
    pub(crate) fn prolonged(self, now: Timestamp) -> Self {
        Self { ends_s: seconds(now) + VISITOR_TTL_S, ..self }
    }

    /// Where the conversation takes place.
    pub(crate) fn address(&self) -> Address {
        Address {
            channel: Channel::Web,
            connection: self.connection.clone(),
            user: self.user.clone(),
            thread: String::new(),
        }
    }

    pub(crate) fn conversation(&self, tenant: TenantId) -> ConversationId {
        id_of(tenant, &self.address())
    }

    pub(crate) fn person(&self) -> Person {
        let external = self.user_id.iter().map(|id| ("user_id".to_owned(), id.clone()));
        Person {
            name: self.name.clone(),
            phone: self.phone.clone(),
            email: self.email.clone(),
            external: external.collect(),
            verified: self.user_id.is_some(),
        }
    }

    pub(crate) fn profile(&self, tenant: TenantId) -> ProfileId {
        match &self.user_id {
            Some(user) => impresario_profile::id_of_user(tenant, user),
            None => {
                let name = format!("{}:{}", Channel::Web.as_str(), self.user);
                impresario_profile::id_of_anonymous(tenant, &name)
            }
        }
    }

    /// The text that the browser keeps.
    pub(crate) fn seal(&self, tenant: TenantId, pepper: &Pepper) -> Result<String, Fault> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| {
            tracing::error!(%error, "a session could not be written");
            Fault::new(&codes::INTERNAL)
        })?;
        let mac = mac(tenant, pepper, &bytes);
        bytes.extend_from_slice(mac.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Who a text speaks for, if it is ours and has not ended.
    pub(crate) fn open(
        text: &str,
        tenant: TenantId,
        connection: &str,
        pepper: &Pepper,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let invalid = || Fault::new(&codes::TOKEN_INVALID).detail("begin a new session");
        if text.len() > TOKEN_BYTES_MAX {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let split = bytes.len().checked_sub(MAC_BYTES).ok_or_else(invalid)?;
        let (json, given) = bytes.split_at(split);
        let given = <[u8; MAC_BYTES]>::try_from(given).map_err(|_| invalid())?;
        // BLAKE3's hashes compare in constant time.
        if mac(tenant, pepper, json) != blake3::Hash::from_bytes(given) {
            return Err(invalid());
        }
        let session: Self = serde_json::from_slice(json).map_err(|_| invalid())?;
        if session.connection != connection {
            return Err(invalid());
        }
        if session.ends_s <= seconds(now) {
            return Err(Fault::new(&codes::TOKEN_EXPIRED).detail("begin a new session"));
        }
        Ok(session)
    }
}

fn seconds(now: Timestamp) -> i64 {
    now.as_ms().div_euclid(1_000)
}

fn mac(tenant: TenantId, pepper: &Pepper, json: &[u8]) -> blake3::Hash {
    let context = "impresario 2026-11-21 sessions of a website's visitors";
    let key = blake3::derive_key(context, &impresario_kernel::encode(pepper));
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(tenant.as_bytes()).update(json);
    hasher.finalize()
}
