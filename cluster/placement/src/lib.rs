//! Who is in the cluster, which replica belongs where, and what to do next so that it gets there.
//!
//! [`ClusterState`] is what the system group holds; [`decide`] answers a [`Command`] with
//! [`Event`]s, [`ClusterState::apply`] follows them. Each decision that changes who may hold what
//! carries the right map with it ([`balance`]). [`plan`] compares the map with what is observed and
//! says the next [`Step`]s; whoever leads the system group has them carried out and plans again.
//! [`route`] and [`Redirects`] find the leader of a group for a call.
//!
//! - P1: the number of a node and the identity of a store are never given to another node; the same
//!   store gets the same number however often it joins. A store whose node left or was removed
//!   never comes back.
//! - P2: every map is the least square sum: within a zone, and without zones in the whole cluster,
//!   replicas differ by at most one; so do leaders where all holders may lead and replicas differ
//!   by at most one. Zones come first: a group's replicas are spread over them as evenly as their
//!   sizes permit.
//! - P3: the map of a map is itself (`balance` is idempotent), and it moves little: a join moves no
//!   more replicas than the new node's share, as long as zones do not ask for more.
//! - P4: no step takes a group below a quorum: voters change only if a quorum of the old ones
//!   answers and a quorum of the new ones answers and has caught up. A leader that is to go hands
//!   over first.
//! - P5: at most `moving_groups_max` partitions are taken up at a time; the system group always.
//! - P6: when nothing changes any more and every needed node answers, repeated plans end in an
//!   empty one, with memberships and leaders as in the map. One node alone has nothing to plan.
//! - P7: a replica is deleted only where neither the map nor the group's confirmed membership has
//!   it.
//! - P8: a dead node keeps its votes where nobody can take its place, and a dead node is removed
//!   without force only if no group loses its last hope of a quorum.
//! - P9: events carry results, not reasons: applying them never balances, so releases that balance
//!   differently agree on every state.
//! - P10: a call asks a bounded number of nodes, and is never sent again after it was perhaps
//!   delivered.
//!
//! What it is not: a failure detector (who answers is handed in), the consensus (it names steps,
//! others take them), or a clock (times are handed in, in milliseconds of the Unix epoch). A drain
//! moves leaders, not replicas: a partition with one replica waits while its node restarts.

#![deny(clippy::wildcard_enum_match_arm)]

mod apply;
mod balance;
mod command;
mod decide;
mod event;
mod member;
mod names;
mod observe;
mod plan;
mod redirects;
mod rejection;
mod route;
mod settings;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use balance::{SYSTEM_VOTERS_MAX, balance, replica_count};
pub use command::{Command, Decision, Reply, Votes};
pub use decide::decide;
pub use event::Event;
pub use member::{Introduction, Member, Status};
pub use names::{GroupId, StoreId, WireRange, ZONE_BYTES_MAX, Zone};
pub use observe::{GroupView, NodeView, Observations};
pub use plan::plan;
pub use redirects::{Answered, GaveUp, Next, RedirectLimits, Redirects};
pub use rejection::{CODES, NAMED_GROUPS_MAX, Rejection};
pub use route::{Leaders, Route, route};
pub use settings::{PARTITIONS_MAX, REPLICA_COUNTS, Settings, SettingsPatch};
pub use state::{Assignment, ClusterState, Hint, RECOVERIES_KEPT, Recovery, quorum};
pub use step::Step;
