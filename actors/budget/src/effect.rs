use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::{Period, Scope};

/// What a budget wants done elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Effect {
    /// Tell the tenant's webhooks (`budget.threshold`) that a part of a limit is used up.
    #[n(0)]
    Notify {
        /// The limit's scope, with the campaign's own name where the limit is on each.
        #[n(0)]
        scope: Scope,
        /// Its period.
        #[n(1)]
        period: Period,
        /// 50, 80 or 100.
        #[n(2)]
        percent: u8,
        /// The limit, in micro-units.
        #[n(3)]
        limit_micros: i64,
        /// What is spent or held under it, in micro-units.
        #[n(4)]
        committed_micros: i64,
        /// When.
        #[n(5)]
        at: Timestamp,
    },
}
