use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a steward keeps time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How often a node tells the others what it leads, besides when that changes, in
    /// milliseconds.
    pub beat_ms: u64,
    /// A node that has answered nothing for so long counts as silent, in milliseconds.
    pub silence_ms: u64,
    /// How often the planner looks at the cluster, besides when something has changed, in
    /// milliseconds.
    pub plan_ms: u64,
    /// The least time between two plans, in milliseconds. With
    /// [`leader_transfers_max`](impresario_placement::Settings::leader_transfers_max) it is the
    /// rate of transfers.
    pub plan_pause_ms: u64,
    /// How long a question to another node may take, in milliseconds.
    pub call_ms: u64,
    /// How long a command may take, with the search for the leader, in milliseconds.
    pub command_ms: u64,
    /// How long one step may take, in milliseconds. More than the consensus' `change_timeout_ms`,
    /// so that it is the consensus that gives up.
    pub step_ms: u64,
    /// A node that has left hears the others for so long after, so that it learns of it, in
    /// milliseconds.
    pub farewell_ms: u64,
    /// How often and how long a node asks to be let in.
    pub join: JoinOptions,
}

/// How often and how long a node asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JoinOptions {
    /// How long one question may take, in milliseconds.
    pub knock_ms: u64,
    /// The pause after every address was tried, in milliseconds; doubled each time.
    pub pause_ms: u64,
    /// The longest such pause, in milliseconds.
    pub pause_max_ms: u64,
    /// Give up after so long, in milliseconds; 0 = never.
    pub within_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            beat_ms: 500,
            silence_ms: 2_000,
            plan_ms: 1_000,
            plan_pause_ms: 250,
            call_ms: 1_000,
            command_ms: 5_000,
            step_ms: 40_000,
            farewell_ms: 3_000,
            join: JoinOptions::default(),
        }
    }
}

impl Default for JoinOptions {
    fn default() -> Self {
        Self { knock_ms: 8_000, pause_ms: 200, pause_max_ms: 2_000, within_ms: 0 }
    }
}

impl Options {
    /// What is wrong with these options, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let rules = [
            (self.beat_ms > 0, "beat_ms must be above 0"),
            (self.silence_ms >= 2 * self.beat_ms, "silence_ms must be two beats or more"),
            (self.plan_ms > 0, "plan_ms must be above 0"),
            (self.plan_pause_ms <= self.plan_ms, "plan_pause_ms must not be above plan_ms"),
            (self.call_ms > 0, "call_ms must be above 0"),
            (self.command_ms >= self.call_ms, "command_ms must not be below call_ms"),
            (self.step_ms >= self.call_ms, "step_ms must not be below call_ms"),
            (self.join.knock_ms > 0, "join.knock_ms must be above 0"),
            (self.join.pause_ms > 0, "join.pause_ms must be above 0"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, why)| why)
    }

    pub(crate) fn call(&self) -> Duration {
        Duration::from_millis(self.call_ms)
    }

    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }
}
