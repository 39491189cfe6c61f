//! Standard Webhooks 1.0, outbound: compose a message, sign it, send it, and say what the answer
//! means.
//!
//! - W1: the signature is `v1,` and the base 64 of HMAC-SHA256 over `id.timestamp.body`, one per
//!   live secret, so that a receiver verifies with the old or the new secret during a rotation.
//! - W2: no request leaves for an address that is not public (private, loopback, link-local, shared,
//!   multicast, reserved, cloud metadata; also wrapped in IPv6), whether it is written in the URL or
//!   comes from a name, unless [`Options::allow_private`] is set. The address that was checked is
//!   the address that is connected to, so a name cannot change its mind in between.
//! - W3: redirects are not followed, proxies of the environment are not used, and nothing is tried
//!   twice below [`Sender::send`]: one call is at most one request.
//! - W4: only 2xx is success, 410 ends the endpoint; everything else may be tried again.
//! - W5: an answer costs bounded memory and time, whatever the receiver sends.
//!
//! What it is not: a queue. When to try again is a pure function ([`next_attempt`]); who remembers
//! it is the outbox.

mod address;
mod message;
mod schedule;
mod secret;
mod sender;
mod tls;

#[cfg(test)]
mod tests;

pub use address::{Ports, Refusal, UrlPolicy, is_public};
pub use message::{BODY_BYTES_MAX, MessageError, body, check_type};
pub use schedule::{RETRY_AFTER_MS_MAX, SCHEDULE_MS, next_attempt, parse_retry_after};
pub use secret::{Secret, SecretError, sign};
pub use sender::{Answer, BuildError, Delivery, Options, Outcome, Reason, Sender};
