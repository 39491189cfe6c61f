//! What arrives as events: JSON in the form of the Segment tracking API, read without building
//! trees. A message is scanned once for what must never get further ([`guard`]) and read once for
//! its fields; `properties`, `traits` and `context` stay text.

pub(crate) mod fields;
pub(crate) mod guard;
pub(crate) mod message;
pub(crate) mod time;

#[cfg(test)]
mod tests;
