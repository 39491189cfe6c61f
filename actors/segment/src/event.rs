use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

/// What happened to a segment. Append-only; the numbers are the format (see `src/tests/golden.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// A new version of the rule; version 1 creates the segment.
    #[n(0)]
    Saved {
        /// One more than before.
        #[n(0)]
        version: u32,
        /// The name from now on.
        #[n(1)]
        name: String,
        /// The description from now on.
        #[n(2)]
        description: String,
        /// Canonical JSON text.
        #[n(3)]
        rule: String,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// Another name or description, the same rule.
    #[n(1)]
    Described {
        /// The name from now on.
        #[n(0)]
        name: String,
        /// The description from now on.
        #[n(1)]
        description: String,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// Evaluation stopped.
    #[n(2)]
    Paused {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// Evaluation began again.
    #[n(3)]
    Resumed {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// The end.
    #[n(4)]
    Archived {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// All profiles were evaluated against the current version.
    #[n(5)]
    Built {
        /// The version.
        #[n(0)]
        version: u32,
        /// Profiles visited.
        #[n(1)]
        profiles: u64,
        /// Members among them.
        #[n(2)]
        members: u64,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// The sweep over the current version gave up.
    #[n(6)]
    BuildFailed {
        /// The version.
        #[n(0)]
        version: u32,
        /// A stable code.
        #[n(1)]
        reason: String,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
}
