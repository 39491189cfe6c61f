use std::fmt;
use std::str::FromStr;

/// One node of a cluster. Given by the cluster when the node joins, never given twice; 1 is the
/// node that founded the cluster.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    minicbor::Encode,
    minicbor::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct NodeId(#[n(0)] pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = ParseNodeIdError;

    fn from_str(text: &str) -> Result<Self, ParseNodeIdError> {
        text.strip_prefix("node-")
            .and_then(|rest| rest.parse().ok())
            .map(Self)
            .ok_or(ParseNodeIdError)
    }
}

/// The text is not `node-` and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node is named \"node-\" and its number")]
pub struct ParseNodeIdError;
