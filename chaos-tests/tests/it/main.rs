//! One file per promise; see the crate's documentation.

mod chaos_checkers;
mod chaos_hosts;
mod chaos_single_node;
mod crash;
mod hostile;
mod import;
mod isolation;
mod node_under_strain;
mod schemathesis;
mod segment_libraries;
mod segments;
mod webhooks;
