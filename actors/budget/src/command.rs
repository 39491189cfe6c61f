use impresario_ids::CallId;
use impresario_kernel::Coded;
use minicbor::{Decode, Encode};

use crate::{HELD_MAX, LIMITS_MAX, Limit, NAME_BYTES_MAX, Path, Period, Scope, View};

/// What a call used, in tokens; the classes do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tokens {
    /// Input that was neither read from nor written to a cache.
    #[n(0)]
    pub input: u64,
    /// Input read from a cache.
    #[n(1)]
    pub cached_input: u64,
    /// Input written to a cache.
    #[n(2)]
    pub cache_write: u64,
    /// Output without reasoning.
    #[n(3)]
    pub output: u64,
    /// Reasoning.
    #[n(4)]
    pub reasoning: u64,
}

/// What a budget can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// These are the limits from now on, all of them. What was spent stays spent.
    #[n(0)]
    SetLimits {
        /// At most [`LIMITS_MAX`], one per scope and period.
        #[n(0)]
        limits: Vec<Limit>,
    },
    /// Hold so much for a call that is about to be made.
    #[n(1)]
    Reserve {
        /// The call.
        #[n(0)]
        call: CallId,
        /// Whom it is charged to.
        #[n(1)]
        path: Path,
        /// The most it can cost, in micro-units.
        #[n(2)]
        micros: i64,
    },
    /// The call was made and cost so much.
    #[n(2)]
    Settle {
        /// The call.
        #[n(0)]
        call: CallId,
        /// What it cost, in micro-units.
        #[n(1)]
        micros: i64,
        /// What it used.
        #[n(2)]
        tokens: Tokens,
    },
    /// The call was not made, or surely not charged.
    #[n(3)]
    Release {
        /// The call.
        #[n(0)]
        call: CallId,
    },
    /// Give up the reservations that were held too long; sent by the timer.
    #[n(4)]
    GiveUpDue,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// The limits are set.
    #[n(0)]
    LimitsSet,
    /// The call may be made.
    #[n(1)]
    Granted {
        /// What the tightest limit on the path leaves after this; `None`: nothing limits it.
        #[n(0)]
        left_micros: Option<i64>,
    },
    /// The call must not be made.
    #[n(2)]
    Denied {
        /// The limit that is in the way (the tightest).
        #[n(0)]
        scope: Scope,
        /// Its period.
        #[n(1)]
        period: Period,
        /// What it leaves; a smaller reservation may fit.
        #[n(2)]
        left_micros: i64,
    },
    /// The call had its end already, so it must not be made (again).
    #[n(3)]
    Closed,
    /// The call is settled, by this command or an earlier one.
    #[n(4)]
    Settled,
    /// The call is released, by this command or an earlier one.
    #[n(5)]
    Released,
    /// The call is not known: it was never reserved, or is forgotten. Nothing changed.
    #[n(6)]
    UnknownCall,
    /// So many reservations were given up.
    #[n(7)]
    GaveUp {
        /// How many.
        #[n(0)]
        count: u32,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// An amount is negative, or above what can be counted.
    #[error("an amount is between 0 and 10^15 micro-units")]
    #[n(0)]
    AmountInvalid,
    /// A name is missing or too long.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes, and a call names its model")]
    #[n(1)]
    PathInvalid,
    /// Too many limits, or two for the same scope and period, or one that cannot be kept.
    #[error(
        "at most {LIMITS_MAX} limits, one per scope and period; conversations and runs are limited in total only"
    )]
    #[n(2)]
    LimitsInvalid,
    /// Too many calls are under way at once.
    #[error("at most {HELD_MAX} reservations are held at once")]
    #[n(3)]
    TooManyHeld,
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::AmountInvalid => "budget_amount_invalid",
            Self::PathInvalid => "budget_path_invalid",
            Self::LimitsInvalid => "budget_limits_invalid",
            Self::TooManyHeld => "budget_too_many_held",
        }
    }
}

/// What a budget can be asked to tell.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// Limits with what was spent and is held under each.
    #[n(0)]
    Get,
    /// What the tightest limit on a path leaves now.
    #[n(1)]
    Left {
        /// The path.
        #[n(0)]
        path: Path,
    },
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// To [`Query::Get`].
    #[n(0)]
    Budget(#[n(0)] View),
    /// To [`Query::Left`]; `None`: nothing limits it.
    #[n(1)]
    Left(#[n(0)] Option<i64>),
}
