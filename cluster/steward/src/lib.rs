//! The life of a cluster, carried out: who joins, where replicas go, who leads, who leaves.
//!
//! `impresario-placement` says what should be and which step comes next; this crate makes it so.
//! The [`ClusterState`](impresario_placement::ClusterState) is one row of the system group, which
//! every node holds a replica of. Each node runs a [`Steward`]: it reads that row where it is,
//! keeps the wire's addresses and the [`Gate`] as it says, tells the others which groups it leads,
//! and does what it is asked. The steward of the node that leads the system group also looks at all
//! of them, plans, and has the steps carried out.
//!
//! - S1: the state changes only by a command that the system group's leader decided on the state
//!   as of its reign, one at a time, committed under that reign's term. A command that changes
//!   nothing, or is refused, is answered only after the leadership was confirmed.
//! - S2: a step is planned twice: on what is cheaply seen, and again on what the leaders of the
//!   groups concerned have confirmed with a quorum. Only the second plan is carried out, and only
//!   while the planner itself has confirmed its term; a minority does nothing.
//! - S3: per group one step is under way at a time, as far as this planner started it, and it is
//!   taken by the group's leader; a change of voters only if the voters are those it was planned
//!   for.
//! - S4: a node deletes a replica only after the group's leader has told it, from a committed
//!   membership and with a confirmed term, that it is not a member.
//! - S5: a node that left or was removed is let in nowhere, and a store gets one number for ever,
//!   however often it asks. A second process on the same store is refused while the first answers.
//! - S6: every call has a deadline, every search for a leader a bounded number of asks.
//!
//! - S7: a group goes on without its quorum only by [`Steward::recover`], which says so loudly, puts
//!   it on record, and gives up the members whose votes are missing. A process of theirs ends itself
//!   when it hears of that.
//!
//! What it is not: a judge of what is right (`impresario-placement` is), or a consensus.

mod answer;
mod ask;
mod beat;
mod carry;
mod command;
mod follow;
mod gate;
mod guests;
mod identity;
mod join;
mod leaders;
mod life;
mod message;
mod observe;
mod options;
mod peers;
mod reason;
mod recover;
mod report;
mod resume;
mod rounds;
mod status;
mod steward;
mod system;
#[cfg(test)]
mod tests;

pub use command::CommandError;
pub use gate::Gate;
pub use identity::{Identity, IdentityError};
pub use join::{Claim, GuestKnock, JoinError, Knock, Knocked, Welcome, join};
pub use leaders::LeaderTable;
pub use options::{JoinOptions, Options};
pub use peers::Peers;
pub use recover::{RecoverError, RecoverReport, RecoverRequest, RecoveredGroup};
pub use status::{ClusterStatus, Copying, GroupStatus, NodeStatus, Pending, Work};
pub use steward::{Clock, Parts, Steward, StewardError};
