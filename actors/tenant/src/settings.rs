use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{Patch, Problem};

const NAME_CHARS_MAX: usize = 200;
const URL_BYTES_MAX: usize = 2_048;
const ORIGINS_MAX: usize = 100;
const COLOURS_MAX: usize = 16;
const IDLE_MINUTES_MAX: u32 = 1_440;

/// What a tenant has chosen. Always valid: it changes only by a validated [`Patch`].
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct Settings {
    /// What people call the company.
    #[n(0)]
    pub name: String,
    /// Its own host name in lower case; empty for none.
    #[n(1)]
    pub domain: String,
    /// How pages look.
    #[n(2)]
    pub branding: Branding,
    /// Web origins from which browsers may call with this tenant's keys.
    #[n(3)]
    pub allowed_origins: Vec<String>,
    /// A visit ends after this many minutes without an event (ING-21); for messages from now on.
    #[n(4)]
    pub session_idle_minutes: u32,
    // Number 5 held days of retention that nothing obeyed (docs/adr/0009): never use it again.
    /// An IANA name by which days are counted in reports.
    #[n(6)]
    pub time_zone: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::new(),
            domain: String::new(),
            branding: Branding::default(),
            allowed_origins: Vec::new(),
            session_idle_minutes: 30,
            time_zone: "UTC".to_owned(),
        }
    }
}

/// How a tenant's pages look (TEN-05).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Branding {
    /// The name shown to customers; empty means the tenant's name.
    #[n(0)]
    pub display_name: String,
    /// An `https` address of a picture; empty for none.
    #[n(1)]
    pub logo_url: String,
    /// Name of a colour (`primary`, `accent`, …) to `#rrggbb`.
    #[n(2)]
    pub colours: BTreeMap<String, String>,
}

impl Settings {
    /// Whether a browser page of this origin (the `Origin` header) may call.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let Some(given) = Origin::parse(origin) else { return false };
        self.allowed_origins.iter().any(|allowed| match allowed.strip_prefix("*.") {
            // A wildcard stands for sites on the open web, and those must be encrypted.
            Some(parent) => {
                given.scheme == "https"
                    && given
                        .host
                        .strip_suffix(parent)
                        .is_some_and(|head| head.len() > 1 && head.ends_with('.'))
            }
            None => Origin::parse(allowed).is_some_and(|allowed| allowed == given),
        })
    }

    pub(crate) fn apply(&mut self, patch: &Patch) {
        let Patch { name, domain, branding, allowed_origins, session_idle_minutes, time_zone } =
            patch.clone();
        set(&mut self.name, name);
        set(&mut self.domain, domain);
        set(&mut self.branding, branding);
        set(&mut self.allowed_origins, allowed_origins);
        set(&mut self.session_idle_minutes, session_idle_minutes);
        set(&mut self.time_zone, time_zone);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Every problem of a patch; empty if it may be applied.
pub(crate) fn problems(patch: &Patch) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(name) = &patch.name {
        text("/name", name, 1, NAME_CHARS_MAX, &mut problems);
    }
    if let Some(domain) = patch.domain.as_deref().filter(|domain| !domain.is_empty())
        && !(is_host(domain) && domain.contains('.'))
    {
        problems.push(Problem::new(
            "/domain",
            "not_a_host_name",
            "must be a host name in lower case",
        ));
    }
    if let Some(branding) = &patch.branding {
        branding_problems(branding, &mut problems);
    }
    if let Some(origins) = &patch.allowed_origins {
        origin_problems(origins, &mut problems);
    }
    if let Some(minutes) = patch.session_idle_minutes
        && !(1..=IDLE_MINUTES_MAX).contains(&minutes)
    {
        let message = format!("must be 1 to {IDLE_MINUTES_MAX}");
        problems.push(Problem::new("/session_idle_minutes", "out_of_range", message));
    }
    if let Some(zone) = &patch.time_zone
        && !is_time_zone_name(zone)
    {
        let message = "must be an IANA name such as UTC or Europe/Berlin";
        problems.push(Problem::new("/time_zone", "not_a_time_zone", message));
    }
    problems
}

fn branding_problems(branding: &Branding, problems: &mut Vec<Problem>) {
    text("/branding/display_name", &branding.display_name, 0, NAME_CHARS_MAX, problems);
    let logo = &branding.logo_url;
    if !(logo.is_empty() || (logo.starts_with("https://") && is_url(logo))) {
        let message = format!("must be an https address of at most {URL_BYTES_MAX} bytes");
        problems.push(Problem::new("/branding/logo_url", "not_an_https_url", message));
    }
    if branding.colours.len() > COLOURS_MAX {
        let message = format!("must be at most {COLOURS_MAX} colours");
        problems.push(Problem::new("/branding/colours", "too_many", message));
        return;
    }
    for (name, value) in &branding.colours {
        let pointer = format!("/branding/colours/{}", escape(name));
        let named = (1..=32).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !named {
            let message = "a colour's name is 1 to 32 of a-z, 0-9 and _";
            problems.push(Problem::new(pointer.clone(), "not_a_name", message));
        }
        let hex = value.strip_prefix('#').unwrap_or_default();
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            problems.push(Problem::new(pointer, "not_a_colour", "must be # and six hex digits"));
        }
    }
}

fn origin_problems(origins: &[String], problems: &mut Vec<Problem>) {
    if origins.len() > ORIGINS_MAX {
        let message = format!("must be at most {ORIGINS_MAX} origins");
        problems.push(Problem::new("/allowed_origins", "too_many", message));
        return;
    }
    for (place, origin) in origins.iter().enumerate() {
        let valid = match origin.strip_prefix("*.") {
            // `*.com` would allow half the web.
            Some(parent) => is_host(parent) && parent.contains('.'),
            None => Origin::parse(origin).is_some(),
        };
        if !valid {
            let message =
                "must be like https://shop.example, http://localhost:3000 or *.shop.example";
            problems.push(Problem::new(
                format!("/allowed_origins/{place}"),
                "not_an_origin",
                message,
            ));
        }
    }
}

/// A text of `min` to `max` characters without control characters.
pub(crate) fn text(
    pointer: &str,
    value: &str,
    min: usize,
    max: usize,
    problems: &mut Vec<Problem>,
) {
    let length = value.chars().count();
    if length > max || value.trim().chars().count() < min {
        let message = format!("must be {min} to {max} characters");
        problems.push(Problem::new(pointer, "wrong_length", message));
    } else if value.chars().any(char::is_control) {
        problems.push(Problem::new(
            pointer,
            "control_character",
            "must not hold control characters",
        ));
    }
}

/// A web origin: scheme, host, port.
#[derive(Debug, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    /// As browsers send it: lower case, without path.
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let standard = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => (host, parse_port(port)?),
            None => (rest, standard),
        };
        is_host(host).then_some(Self { scheme, host, port })
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// A host name in lower case (or an IPv4 address, which has the same shape).
fn is_host(host: &str) -> bool {
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

/// An absolute `http` or `https` address without user info and fragment. What its host resolves to
/// is the sender's concern.
pub(crate) fn is_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = if let Some(literal) = authority.strip_prefix('[') {
        let Some((address, port)) = literal.split_once(']') else { return false };
        let port_fits = port.is_empty() || port.strip_prefix(':').and_then(parse_port).is_some();
        return matches!(scheme, "http" | "https")
            && url.len() <= URL_BYTES_MAX
            && is_printable_ascii(url)
            && address.parse::<std::net::Ipv6Addr>().is_ok()
            && port_fits;
    } else if let Some((host, port)) = authority.rsplit_once(':') {
        if parse_port(port).is_none() {
            return false;
        }
        host
    } else {
        authority
    };
    matches!(scheme, "http" | "https")
        && url.len() <= URL_BYTES_MAX
        && is_printable_ascii(url)
        && is_host(&host.to_ascii_lowercase())
}

fn is_printable_ascii(url: &str) -> bool {
    url.bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\' | b'`'))
}

/// The shape of an IANA name. Whether the zone is known depends on the reader's data, so a name of
/// the right shape is kept and an unknown one is read as UTC.
fn is_time_zone_name(name: &str) -> bool {
    name.len() <= 64
        && name.split('/').count() <= 3
        && name.split('/').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
        })
}

/// One reference token of an RFC 6901 pointer.
fn escape(token: &str) -> String {
    token.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}
