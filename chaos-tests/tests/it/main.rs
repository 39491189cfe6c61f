//! One file per promise; see the crate's documentation.

mod chaos_checkers;
mod chaos_cluster;
mod chaos_hosts;
mod chaos_inside;
mod chaos_simulated;
mod chaos_single_node;
mod cluster_bad_input;
mod conversations;
mod conversations_oracle;
mod crash;
mod hostile;
mod import;
mod interrupted;
mod isolation;
mod node_under_strain;
mod schemathesis;
mod segment_libraries;
mod segments;
mod webhooks;
