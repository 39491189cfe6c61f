//! Who asks, and for which tenant. The tenant always comes from the credential; only the root token
//! may name one, in the header [`TENANT_HEADER`].

mod credential;
mod jwt;

pub(crate) use credential::{Credential, find, from_write_key};
pub(crate) use jwt::{Claims, issue, signing_secret, verify};

use std::sync::Arc;

use http::HeaderMap;
use impresario_api::codes;
use impresario_ids::{ApiKeyId, TenantId};
use impresario_kernel::Timestamp;
use impresario_tenant::keys::{self, Presented};
use impresario_tenant::{Key, KeyKind, Scope, State, Status};
use subtle::ConstantTimeEq;

use crate::fault::Fault;

/// The header by which the root token says whose data it means.
pub const TENANT_HEADER: &str = "impresario-tenant";

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A credential with `events:write`; it may also be the body's `writeKey`.
    Write,
    /// A credential with this scope.
    Scope(Scope),
    /// Any secret key or token of a tenant.
    Tenant,
    /// The root token.
    Root,
}

impl Access {
    /// The scope that is asked for, if it is one.
    #[must_use]
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Self::Write => Some(Scope::EventsWrite),
            Self::Scope(scope) => Some(scope),
            Self::Public | Self::Tenant | Self::Root => None,
        }
    }
}

/// How a caller proved itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Key(ApiKeyId, KeyKind),
    Token,
    Root,
}

/// A caller that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) state: Arc<State>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) proof: Proof,
    /// The only user that the caller may speak for or look at.
    pub(crate) user: Option<String>,
}

impl Caller {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.proof == Proof::Root || self.scopes.contains(&scope)
    }
}

/// How every root token begins.
const ROOT_PREFIX: &str = "imp_root_";

/// Whether a BLAKE3 hash is that of the root token of another node of the cluster.
pub type RootTokens = Arc<dyn Fn(&[u8; 32]) -> bool + Send + Sync>;

/// Looks tenants up for [`Authority::admit`].
pub(crate) trait Tenants {
    /// The tenant's state; `None` if there is no such tenant.
    fn state(&self, id: TenantId) -> Result<Option<Arc<State>>, Fault>;
}

/// Decides who is let in.
pub(crate) struct Authority<'a, T> {
    pub(crate) tenants: &'a T,
    pub(crate) root_token_hash: &'a [u8; 32],
    pub(crate) root_tokens: &'a RootTokens,
    pub(crate) now: Timestamp,
    pub(crate) token_ttl_max_s: u64,
}

impl<T: Tenants> Authority<'_, T> {
    /// Whether a text is the root token of this node or of another of the cluster. Takes the same
    /// time for every text that is no root token.
    pub(crate) fn is_root(&self, text: &str) -> bool {
        let hash = *blake3::hash(text.as_bytes()).as_bytes();
        bool::from(hash.ct_eq(self.root_token_hash))
            || text.starts_with(ROOT_PREFIX) && (self.root_tokens)(&hash)
    }

    /// The caller behind a credential, if it may use a route of this access.
    pub(crate) fn admit(
        &self,
        credential: &Credential<'_>,
        access: Access,
        headers: &HeaderMap,
    ) -> Result<Caller, Fault> {
        let caller = match credential {
            Credential::Key(presented) => self.by_key(presented)?,
            Credential::Token(text) => self.by_token(text)?,
            Credential::Opaque(text) if self.is_root(text) => self.root_for(headers)?,
            Credential::Opaque(_) => return Err(Fault::new(&codes::CREDENTIAL_INVALID)),
        };
        let root = caller.proof == Proof::Root;
        match caller.state.status() {
            Status::Active => {}
            Status::Suspended { .. } if root => {}
            Status::Suspended { reason, .. } => {
                return Err(Fault::new(&codes::TENANT_SUSPENDED).detail(reason.clone()));
            }
            Status::Deleted { .. } if root => return Err(Fault::new(&codes::TENANT_DELETED)),
            Status::Missing | Status::Deleted { .. } => {
                return Err(Fault::new(&codes::CREDENTIAL_INVALID));
            }
        }
        match access {
            Access::Root if !root => return Err(Fault::new(&codes::ROOT_REQUIRED)),
            Access::Tenant if matches!(caller.proof, Proof::Key(_, KeyKind::Write)) => {
                return Err(
                    Fault::new(&codes::SCOPE_MISSING).detail("this route needs a secret key")
                );
            }
            Access::Public | Access::Root | Access::Tenant | Access::Write | Access::Scope(_) => {}
        }
        if let Some(scope) = access.scope().filter(|scope| !caller.may(*scope)) {
            return Err(Fault::new(&codes::SCOPE_MISSING)
                .detail(format!("this route needs the scope {scope}"))
                .info(serde_json::json!({ "scope": scope.as_str() })));
        }
        Ok(caller)
    }

    fn by_key(&self, presented: &Presented) -> Result<Caller, Fault> {
        let state = self
            .tenants
            .state(presented.tenant)?
            .ok_or_else(|| Fault::new(&codes::CREDENTIAL_INVALID))?;
        let key = match state.authenticate(presented, self.now) {
            Some(key) => key,
            None => return Err(self.dead_key(&state, presented)),
        };
        let (scopes, proof) = (key.scopes.clone(), Proof::Key(key.id, key.kind));
        Ok(Caller { tenant: presented.tenant, state, scopes, proof, user: None })
    }

    /// A key that once worked is told so; that helps its owner and nobody else.
    fn dead_key(&self, state: &State, presented: &Presented) -> Fault {
        let hash =
            state.pepper().map(|pepper| keys::hash(pepper, presented.kind, &presented.secret));
        let known = state.keys().find(|key| {
            key.kind == presented.kind && hash.as_ref().is_some_and(|hash| key.hash == *hash)
        });
        match known {
            Some(Key { revoked_at: Some(_), .. }) => Fault::new(&codes::KEY_REVOKED),
            Some(_) => Fault::new(&codes::KEY_EXPIRED),
            None => Fault::new(&codes::CREDENTIAL_INVALID),
        }
    }

    fn by_token(&self, text: &str) -> Result<Caller, Fault> {
        let tenant = jwt::tenant_of(text)?;
        let invalid = || Fault::new(&codes::TOKEN_INVALID);
        let state = self.tenants.state(tenant)?.ok_or_else(invalid)?;
        let pepper = state.pepper().ok_or_else(invalid)?;
        let claims = verify(text, &signing_secret(pepper), self.now, self.token_ttl_max_s)?;
        let mut scopes = claims.scopes();
        if let Some(issuer) = claims.key {
            // A token dies with the key that asked for it, and never outgrows it.
            let key = state.key(issuer).filter(|key| key.is_live(self.now));
            let key = key.ok_or_else(|| Fault::new(&codes::KEY_REVOKED))?;
            scopes.retain(|scope| key.allows(*scope));
        }
        Ok(Caller { tenant, state, scopes, proof: Proof::Token, user: claims.sub })
    }

    fn root_for(&self, headers: &HeaderMap) -> Result<Caller, Fault> {
        let given = headers.get(TENANT_HEADER).ok_or_else(|| {
            Fault::new(&codes::PARAMETER_INVALID).detail(format!(
                "with the root token, name the tenant in the header {TENANT_HEADER}"
            ))
        })?;
        let tenant: TenantId = given
            .to_str()
            .map_err(|_| Fault::new(&codes::ID_INVALID))?
            .parse()
            .map_err(Fault::from)?;
        let state = self
            .tenants
            .state(tenant)?
            .filter(|state| state.is_onboarded())
            .ok_or_else(|| Fault::new(&codes::TENANT_NOT_ONBOARDED))?;
        Ok(Caller { tenant, state, scopes: Scope::ALL.to_vec(), proof: Proof::Root, user: None })
    }
}
