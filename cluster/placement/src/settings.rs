use minicbor::{Decode, Encode};
use serde::Serialize;

/// The most partitions of a cluster: the system group needs a number too.
pub const PARTITIONS_MAX: u16 = 4_096;
/// How many replicas a partition may have.
pub const REPLICA_COUNTS: [u8; 3] = [1, 3, 5];

/// What holds for the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Settings {
    /// Partitions, without the system group. Never changes.
    #[n(0)]
    pub partitions: u16,
    /// Replicas of each partition, once there are as many nodes: 1, 3 or 5.
    #[n(1)]
    pub replicas: u8,
    /// Groups whose replicas are moved at a time, at most. 0 pauses every move.
    #[n(2)]
    pub moving_groups_max: u16,
    /// Leaders that are moved per plan, at most. 0 pauses every transfer.
    #[n(3)]
    pub leader_transfers_max: u16,
    /// How long a node may be silent before the planner declares it dead, in milliseconds. 0 leaves
    /// that to a person.
    #[n(4)]
    pub dead_after_ms: u64,
    /// A replica that is at most so many log entries behind counts as caught up.
    #[n(5)]
    pub caught_up_lag: u64,
}

impl Settings {
    /// The default settings of a cluster of so many partitions, each with so many replicas.
    #[must_use]
    pub fn new(partitions: u16, replicas: u8) -> Self {
        Self {
            partitions,
            replicas,
            moving_groups_max: 4,
            leader_transfers_max: 8,
            dead_after_ms: 10 * 60 * 1_000,
            caught_up_lag: 1_000,
        }
    }
}

/// The settings to change; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct SettingsPatch {
    /// See [`Settings::replicas`].
    #[n(0)]
    pub replicas: Option<u8>,
    /// See [`Settings::moving_groups_max`].
    #[n(1)]
    pub moving_groups_max: Option<u16>,
    /// See [`Settings::leader_transfers_max`].
    #[n(2)]
    pub leader_transfers_max: Option<u16>,
    /// See [`Settings::dead_after_ms`].
    #[n(3)]
    pub dead_after_ms: Option<u64>,
    /// See [`Settings::caught_up_lag`].
    #[n(4)]
    pub caught_up_lag: Option<u64>,
}

impl SettingsPatch {
    /// The settings with this change.
    #[must_use]
    pub fn on(&self, settings: &Settings) -> Settings {
        Settings {
            partitions: settings.partitions,
            replicas: self.replicas.unwrap_or(settings.replicas),
            moving_groups_max: self.moving_groups_max.unwrap_or(settings.moving_groups_max),
            leader_transfers_max: self
                .leader_transfers_max
                .unwrap_or(settings.leader_transfers_max),
            dead_after_ms: self.dead_after_ms.unwrap_or(settings.dead_after_ms),
            caught_up_lag: self.caught_up_lag.unwrap_or(settings.caught_up_lag),
        }
    }
}
