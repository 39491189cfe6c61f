use impresario_ids::CallId;
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::{Limit, Path, Period, Scope, Tokens};

/// What happened to a budget. Append-only; the numbers are the format.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// The limits were replaced.
    #[n(0)]
    LimitsSet {
        /// All of them.
        #[n(0)]
        limits: Vec<Limit>,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// Money is held for a call.
    #[n(1)]
    Reserved {
        /// The call.
        #[n(0)]
        call: CallId,
        /// Whom it is charged to.
        #[n(1)]
        path: Path,
        /// How much.
        #[n(2)]
        micros: i64,
        /// When; days and months of the call are those of this moment.
        #[n(3)]
        at: Timestamp,
    },
    /// A call was refused.
    #[n(2)]
    Denied {
        /// The call.
        #[n(0)]
        call: CallId,
        /// The limit in the way.
        #[n(1)]
        scope: Scope,
        /// Its period.
        #[n(2)]
        period: Period,
        /// What would have been held.
        #[n(3)]
        micros: i64,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// The cost of a call is known.
    #[n(3)]
    Settled {
        /// The call.
        #[n(0)]
        call: CallId,
        /// What it cost.
        #[n(1)]
        micros: i64,
        /// What it used.
        #[n(2)]
        tokens: Tokens,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// A call cost nothing.
    #[n(4)]
    Released {
        /// The call.
        #[n(0)]
        call: CallId,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// Nobody told how a call ended; it counts as spent.
    #[n(5)]
    GivenUp {
        /// The call.
        #[n(0)]
        call: CallId,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A part of a limit is used up, for the first time in its period.
    #[n(6)]
    ThresholdReached {
        /// The limit's scope, with the campaign's own name where the limit is on each.
        #[n(0)]
        scope: Scope,
        /// Its period.
        #[n(1)]
        period: Period,
        /// 50, 80 or 100.
        #[n(2)]
        percent: u8,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
}
