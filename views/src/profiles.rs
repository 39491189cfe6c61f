use impresario_ids::{ProfileId, TenantId};
use impresario_kernel::Timestamp;
use impresario_profile::index;
use serde::Serialize;
use serde_json::Value;

use crate::scatter::Rows;
use crate::{Cursor, Page, ViewError, Views};

/// By what profiles are looked up, exactly.
#[derive(Clone, Copy, PartialEq)]
pub enum Find<'a> {
    /// The id that the tenant's application gives the person.
    UserId(&'a str),
    /// The id of a browser or device.
    AnonymousId(&'a str),
    /// The trait `email`; upper and lower case are the same.
    Email(&'a str),
    /// Another trait: a text, a number or a boolean.
    Trait {
        /// The trait's name.
        name: &'a str,
        /// Its value.
        value: &'a Value,
    },
    /// An id of another system, as `type:id`.
    ExternalId(&'a str),
}

impl std::fmt::Debug for Find<'_> {
    /// What is looked for is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UserId(_) => "Find::UserId",
            Self::AnonymousId(_) => "Find::AnonymousId",
            Self::Email(_) => "Find::Email",
            Self::Trait { .. } => "Find::Trait",
            Self::ExternalId(_) => "Find::ExternalId",
        })
    }
}

/// One profile in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileItem {
    /// Its id.
    pub id: ProfileId,
    /// When its first message was received, in Unix milliseconds in JSON.
    #[serde(serialize_with = "crate::timeline::ms")]
    pub since: Timestamp,
}

impl Views {
    /// Profiles by an exact value, by id.
    ///
    /// # Errors
    /// [`ViewError`]; [`ViewError::NotIndexed`] for a value that cannot be looked up.
    pub fn find_profiles(
        &self,
        tenant: TenantId,
        find: Find<'_>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ProfileId>, ViewError> {
        let (index, value) = match find {
            Find::UserId(id) => (index::BY_USER_ID, id.as_bytes().to_vec()),
            Find::AnonymousId(id) => (index::BY_ANONYMOUS_ID, id.as_bytes().to_vec()),
            Find::Email(email) => (index::BY_EMAIL, index::email_key(email)),
            Find::Trait { name, value } => {
                (index::BY_TRAIT, index::trait_key(name, value).ok_or(ViewError::NotIndexed)?)
            }
            Find::ExternalId(id) => (index::BY_EXTERNAL_ID, id.as_bytes().to_vec()),
        };
        let blind = Some(self.vault.blind(tenant, index.0, &value)?);
        let rows = Rows { tenant, index, blind, prefix: &[] };
        self.page(&rows, after, limit, &mut |place, _, _| Some(ProfileId::from_bytes(place)))
    }

    /// All profiles of a tenant that are neither merged nor deleted, by id.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn profiles(
        &self,
        tenant: TenantId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ProfileItem>, ViewError> {
        let rows = Rows { tenant, index: index::PROFILES, blind: None, prefix: &[] };
        self.page(&rows, after, limit, &mut |place, _, value| {
            let since = index::decode_time(value).unwrap_or_default();
            Some(ProfileItem { id: ProfileId::from_bytes(place), since })
        })
    }

    /// How many profiles the tenant has. Reads a row of each.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn profiles_count(&self, tenant: TenantId) -> Result<u64, ViewError> {
        let rows = Rows { tenant, index: index::PROFILES, blind: None, prefix: &[] };
        self.count(&rows, &mut |_, _| true)
    }
}
