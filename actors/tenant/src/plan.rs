use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::scope::{ParseNameError, named};

named! {
    /// What a tenant pays for (TEN-08, API-06). The numbers are stored.
    Plan {
        /// To try it.
        0 Free = "free",
        /// For a company.
        1 Pro = "pro",
        /// By contract: high defaults, meant to be overridden.
        2 Enterprise = "enterprise",
    }
}

impl Plan {
    /// The limits of this plan before overrides.
    #[must_use]
    pub const fn limits(self) -> Limits {
        match self {
            Self::Free => Limits {
                requests_per_day: 1_000,
                burst_per_second: 10,
                profiles: 10_000,
                segments: 10,
                computed: 5,
                keys: 5,
                endpoints: 3,
            },
            Self::Pro => Limits {
                requests_per_day: 100_000,
                burst_per_second: 100,
                profiles: 1_000_000,
                segments: 200,
                computed: 100,
                keys: 50,
                endpoints: 20,
            },
            Self::Enterprise => Limits {
                requests_per_day: 10_000_000,
                burst_per_second: 1_000,
                profiles: 100_000_000,
                segments: 1_000,
                computed: 500,
                keys: 500,
                endpoints: 100,
            },
        }
    }
}

/// How much of everything a tenant may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Limits {
    /// Requests per UTC day.
    #[n(0)]
    pub requests_per_day: u64,
    /// Requests per second that may come at once.
    #[n(1)]
    pub burst_per_second: u64,
    /// Profiles kept.
    #[n(2)]
    pub profiles: u64,
    /// Live segments.
    #[n(3)]
    pub segments: u64,
    /// Computed traits.
    #[n(4)]
    pub computed: u64,
    /// API keys that work.
    #[n(5)]
    pub keys: u64,
    /// Webhook endpoints.
    #[n(6)]
    pub endpoints: u64,
}

/// Single limits that the operator has set for one tenant, over those of its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overrides {
    /// See [`Limits::requests_per_day`].
    #[n(0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// See [`Limits::burst_per_second`].
    #[n(1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_per_second: Option<u64>,
    /// See [`Limits::profiles`].
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<u64>,
    /// See [`Limits::segments`].
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<u64>,
    /// See [`Limits::computed`].
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<u64>,
    /// See [`Limits::keys`].
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// See [`Limits::endpoints`].
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<u64>,
}

impl Overrides {
    /// The plan's limits with these laid over them.
    #[must_use]
    pub fn over(&self, limits: Limits) -> Limits {
        Limits {
            requests_per_day: self.requests_per_day.unwrap_or(limits.requests_per_day),
            burst_per_second: self.burst_per_second.unwrap_or(limits.burst_per_second),
            profiles: self.profiles.unwrap_or(limits.profiles),
            segments: self.segments.unwrap_or(limits.segments),
            computed: self.computed.unwrap_or(limits.computed),
            keys: self.keys.unwrap_or(limits.keys),
            endpoints: self.endpoints.unwrap_or(limits.endpoints),
        }
    }
}
