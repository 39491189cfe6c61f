//! What the chat bridges share: calling a platform's API at its fixed host, keeping its secrets,
//! checking its signatures, and pacing.
//!
//! - C1: a failed call says whether the request can have arrived ([`CallError::arrived`]): only what
//!   cannot have is safe to repeat.
//! - C2: redirects are not followed, proxies of the environment are not used, nothing is repeated
//!   below [`Http::call`]: one call is at most one request.
//! - C3: an answer costs bounded memory and time, whatever the platform sends.
//! - C4: signatures are compared in constant time, over the bytes as they came.
//! - C5: secrets are wiped on drop and shown by nothing but [`Secret::expose`].
//!
//! What it is not: a guard against calling private addresses. The hosts are the platforms'; only
//! whoever runs the server may set another base URL (for tests, the demo and gateways of their own),
//! never a tenant. What tenants write is called by `bridges/webhooks` alone.

mod base;
mod bucket;
mod http;
mod secret;
mod sign;
mod tls;

#[cfg(test)]
mod tests;

pub use base::{check_base_url, host_of, missing};
pub use bucket::Bucket;
pub use http::{Answer, Call, CallError, Http, Method, Options, multipart, parse_retry_after};
pub use secret::Secret;
pub use sign::{
    Refusal, Unreadable, from_hex, hmac_sha1, hmac_sha256, same, sha256, to_hex, verify_hmac_sha1,
    verify_hmac_sha256,
};
pub use tls::client_config;
