//! One file per promise; see the crate's documentation.

mod crash;
mod hostile;
mod import;
mod isolation;
mod node_under_strain;
mod schemathesis;
mod segment_libraries;
mod segments;
mod webhooks;
