use serde::{Deserialize, Serialize};

use crate::ReadOptions;

/// The router's bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Messages under way on this node, at most.
    pub node_permits: usize,
    /// Messages under way of one tenant, at most.
    pub tenant_permits: usize,
    /// Messages under way to one partition, at most.
    pub partition_permits: usize,
    /// What an overloaded caller is told to wait, in milliseconds.
    pub retry_after_ms: u64,
    /// How long a message waits, in sum, while no node decides for its partition, in milliseconds.
    /// Its deadline may come first.
    pub patience_ms: u64,
    /// Nodes that are asked for one message, at most; this one is counted too.
    pub asks_max: u8,
    /// How long one call to another node may take at the longest, in milliseconds: the bound of
    /// messages without a deadline.
    pub call_ms_max: u64,
    /// Bounds of reads that cross nodes.
    pub reads: ReadOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node_permits: 32_768,
            tenant_permits: 16_384,
            partition_permits: 8_192,
            retry_after_ms: 250,
            patience_ms: 5_000,
            asks_max: 16,
            call_ms_max: 30_000,
            reads: ReadOptions::default(),
        }
    }
}
