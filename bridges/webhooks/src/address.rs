use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The most bytes of an endpoint's URL.
const URL_BYTES_MAX: usize = 2_048;

/// Ports above 1023 that the Fetch standard forbids, because other protocols listen there.
const BAD_PORTS: [u16; 18] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697,
];

/// Which ports an endpoint may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ports {
    /// 80, 443, and from 1024 on, without those the Fetch standard forbids.
    #[default]
    Web,
    /// Only these.
    Only(Vec<u16>),
    /// Every port; for tests and closed networks.
    Any,
}

impl Ports {
    fn allow(&self, port: u16) -> bool {
        match self {
            Self::Web => matches!(port, 80 | 443 | 1024..) && !BAD_PORTS.contains(&port),
            Self::Only(ports) => ports.contains(&port),
            Self::Any => port != 0,
        }
    }
}

/// Why nothing is sent to a URL. Trying again does not help; the tenant must change the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not an absolute URL with a host, or longer than 2 048 bytes.
    #[error("the endpoint is not a valid absolute URL")]
    Url,
    /// Neither `http` nor `https`, or `http` where only `https` is allowed.
    #[error("the endpoint's scheme \"{0}\" is not allowed")]
    Scheme(String),
    /// The URL carries a user name or a password.
    #[error("the endpoint's URL must not carry a user name or a password")]
    Credentials,
    /// The port policy forbids it.
    #[error("the endpoint's port {0} is not allowed")]
    Port(u16),
    /// The host is an address that is not public.
    #[error("the endpoint's address is not public")]
    Address,
    /// The endpoint has no signing secret.
    #[error("the endpoint has no signing secret")]
    Secret,
    /// The message id cannot be written into a header, or the body cannot be sent.
    #[error("the message cannot be sent as it is")]
    Message,
}

impl Refusal {
    /// A stable word for metrics and listings.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url => "url_invalid",
            Self::Scheme(_) => "scheme_forbidden",
            Self::Credentials => "credentials_forbidden",
            Self::Port(_) => "port_forbidden",
            Self::Address => "address_forbidden",
            Self::Secret => "secret_missing",
            Self::Message => "message_invalid",
        }
    }
}

/// What URLs may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlPolicy {
    /// Also private and loopback addresses: for tests, the demo and closed networks.
    pub allow_private: bool,
    /// Only `https`.
    pub require_https: bool,
    /// Which ports.
    pub ports: Ports,
}

impl UrlPolicy {
    /// Checks everything about a URL that can be checked without asking the name service; also
    /// useful when an endpoint is registered.
    ///
    /// # Errors
    /// The first reason why nothing would be sent to it.
    pub fn check(&self, url: &str) -> Result<Url, Refusal> {
        if url.len() > URL_BYTES_MAX {
            return Err(Refusal::Url);
        }
        let url = Url::parse(url).map_err(|_| Refusal::Url)?;
        match url.scheme() {
            "https" => {}
            "http" if !self.require_https => {}
            other => return Err(Refusal::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Refusal::Url)?;
        if !self.ports.allow(port) {
            return Err(Refusal::Port(port));
        }
        // The parser has already turned every spelling of an IPv4 address (octal, hexadecimal, one
        // number) into the dotted one, so what does not parse here is a name.
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Refusal::Url)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) if !self.allow_private && !is_public(address) => Err(Refusal::Address),
            Ok(_) | Err(_) => Ok(url),
        }
    }
}

/// Whether an address belongs to the public internet. Everything else is refused, including ranges
/// that are reserved today and the metadata services of the large clouds.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// A network: its first address and how many leading bits count.
type NetworkV4 = ([u8; 4], u32);

/// The IANA special-purpose registry, and Azure's wire server, which looks like a public address.
const CLOSED_V4: [NetworkV4; 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !CLOSED_V4.iter().any(|(network, length)| {
        (bits ^ u32::from_be_bytes(*network)).checked_shr(32 - length).unwrap_or(0) == 0
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = Ipv4Addr::from_bits((u32::from(g) << 16) | u32::from(h));
    match (a, b) {
        // IPv4-mapped, and the well-known prefix of NAT64: as the address inside.
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => is_public_v4(embedded),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => is_public_v4(embedded),
        // Protocol assignments with Teredo and ORCHID, documentation, 6to4.
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff) => false,
        // Only this eighth of the space has been given out.
        (0x2000..=0x3fff, _) => true,
        (0..=0x1fff | 0x4000..=0xffff, _) => false,
    }
}

/// All addresses of a name are forbidden.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
pub(crate) struct NoPublicAddress;

/// Resolves names by the system and keeps only the addresses that may be called. The connector dials
/// what this returns, so there is no second look-up that could answer differently.
#[derive(Debug)]
pub(crate) struct PublicOnly {
    pub(crate) allow_private: bool,
}

impl Resolve for PublicOnly {
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
