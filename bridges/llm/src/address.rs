use std::net::SocketAddr;

use impresario_webhooks::{Ports, UrlPolicy, is_public};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

pub use impresario_webhooks::Refusal;

/// What the operator allows, for all tenants.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Servers (`host:port`) that may be called although their address is not public: an Ollama on
    /// this machine, a model server in the same network. Tenants cannot add to it.
    pub local_servers: Vec<String>,
    /// Call every address; for tests and closed networks.
    pub allow_private: bool,
    /// Call only `https`, except for the servers listed above.
    pub require_https: bool,
    /// Longest time for connecting, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Idle connections kept per provider.
    pub idle_connections_max: usize,
    /// How long an idle connection is kept, in milliseconds.
    pub idle_timeout_ms: u64,
    /// DER certificates to trust instead of the system's.
    pub roots: Vec<Vec<u8>>,
    /// The `user-agent` header.
    pub user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            local_servers: Vec::new(),
            allow_private: false,
            require_https: true,
            connect_timeout_ms: 5_000,
            idle_connections_max: 32,
            idle_timeout_ms: 60_000,
            roots: Vec::new(),
            user_agent: concat!("Impresario/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Options {
    /// Checks a base URL as far as that goes without asking the name service.
    ///
    /// # Errors
    /// Why it may not be called.
    pub fn check(&self, url: &str) -> Result<Url, Refusal> {
        self.place(url).map(|(url, _)| url)
    }

    /// The URL, and whether it may be on an address that is not public.
    pub(crate) fn place(&self, url: &str) -> Result<(Url, bool), Refusal> {
        let listed = Url::parse(url).is_ok_and(|url| self.lists(&url));
        let policy = UrlPolicy {
            allow_private: self.allow_private || listed,
            require_https: self.require_https && !listed && !self.allow_private,
            ports: if listed || self.allow_private { Ports::Any } else { Ports::Web },
        };
        policy.check(url).map(|url| (url, policy.allow_private))
    }

    fn lists(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return false;
        };
        let place = format!("{host}:{port}");
        self.local_servers.iter().any(|server| server.eq_ignore_ascii_case(&place))
    }
}

/// All addresses of a name are forbidden.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
pub(crate) struct NoPublicAddress;

/// Resolves names by the system and keeps only the addresses that may be called. The connector dials
/// what this returns, so there is no second look-up that could answer differently.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| allow_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
