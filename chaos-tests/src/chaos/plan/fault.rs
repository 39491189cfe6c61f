//! What can go wrong.

use crate::chaos::hosts::{End, Links};
use crate::chaos::packets::Disorder;

/// One thing that is wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Groups of nodes that do not hear each other.
    Cut(Vec<Vec<usize>>),
    /// Two sides that do not hear each other, and one node that both hear.
    Bridge {
        /// The node in between.
        over: usize,
        /// One side.
        left: Vec<usize>,
        /// The other.
        right: Vec<usize>,
    },
    /// Packets of one direction are lost, so many of a thousand.
    Lose {
        /// Who sends.
        from: End,
        /// Who does not get all of it.
        to: End,
        /// Of a thousand packets.
        per_mille: u16,
    },
    /// A node sends at most so fast.
    Slow {
        /// The node.
        node: usize,
        /// Kilobits per second.
        kbit_per_s: u32,
    },
    /// New connections from one node to another are delayed in both directions.
    Delay {
        /// Who connects.
        from: usize,
        /// To whom.
        to: usize,
        /// How long each piece takes more, in milliseconds.
        ms: u64,
    },
    /// Packets from and to a node come late, twice and out of order.
    Disorder {
        /// The node.
        node: usize,
        /// What happens to them.
        how: Disorder,
    },
    /// `kill -9`; healed by starting it again.
    Kill(usize),
    /// A graceful stop; healed by starting it again.
    Restart(usize),
    /// A graceful stop and start of one node after the other.
    Rolling,
    /// SIGSTOP; healed by SIGCONT.
    Pause(usize),
    /// No room on its disk. Healed by making room and starting it again.
    DiskFull(usize),
    /// Every fsync takes so much longer.
    SlowSync {
        /// The node.
        node: usize,
        /// How much longer, in milliseconds.
        ms: u64,
    },
    /// Every fsync fails. Healed by starting it again on a good disk.
    FailSync(usize),
    /// Its wall clock is off.
    Clock {
        /// The node.
        node: usize,
        /// How far, in milliseconds; ahead if positive.
        ms: i64,
    },
    /// Stopped, bits in the last bytes of its log flipped, started. It may refuse to start; then it
    /// gets its files back. It may not start and have forgotten something.
    SpoilTail {
        /// The node.
        node: usize,
        /// How many bytes from the end.
        bytes: u64,
    },
    /// Drained: its leaders move away. Healed by undoing that.
    Drain(usize),
    /// Taken out of the cluster in good order. Healed by joining a fresh node.
    Remove(usize),
    /// Destroyed with its disk. Healed by joining a fresh node and giving the old one up.
    Replace(usize),
}

/// The kinds of faults, without their details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Fault::Cut`].
    Cut,
    /// [`Fault::Bridge`].
    Bridge,
    /// [`Fault::Lose`] of everything in one direction.
    OneWay,
    /// [`Fault::Lose`] of something.
    Lose,
    /// [`Fault::Slow`].
    Slow,
    /// [`Fault::Delay`].
    Delay,
    /// [`Fault::Disorder`].
    Disorder,
    /// [`Fault::Kill`].
    Kill,
    /// [`Fault::Restart`].
    Restart,
    /// [`Fault::Rolling`].
    Rolling,
    /// [`Fault::Pause`].
    Pause,
    /// [`Fault::DiskFull`].
    DiskFull,
    /// [`Fault::SlowSync`].
    SlowSync,
    /// [`Fault::FailSync`].
    FailSync,
    /// [`Fault::Clock`].
    Clock,
    /// [`Fault::SpoilTail`].
    SpoilTail,
    /// [`Fault::Drain`].
    Drain,
    /// [`Fault::Remove`].
    Remove,
    /// [`Fault::Replace`].
    Replace,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Cut,
        Self::Bridge,
        Self::OneWay,
        Self::Lose,
        Self::Slow,
        Self::Delay,
        Self::Disorder,
        Self::Kill,
        Self::Restart,
        Self::Rolling,
        Self::Pause,
        Self::DiskFull,
        Self::SlowSync,
        Self::FailSync,
        Self::Clock,
        Self::SpoilTail,
        Self::Drain,
        Self::Remove,
        Self::Replace,
    ];

    /// The fewest nodes with which it means anything.
    #[must_use]
    pub fn nodes_min(self) -> usize {
        match self {
            Self::Cut | Self::Delay | Self::Drain | Self::Remove => 2,
            Self::Bridge | Self::Replace => 3,
            Self::OneWay
            | Self::Lose
            | Self::Slow
            | Self::Disorder
            | Self::Kill
            | Self::Restart
            | Self::Rolling
            | Self::Pause
            | Self::DiskFull
            | Self::SlowSync
            | Self::FailSync
            | Self::Clock
            | Self::SpoilTail => 1,
        }
    }
}

impl Fault {
    /// The node that it takes out of service or changes, if it is one; no second such fault is
    /// begun on that node meanwhile.
    #[must_use]
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Kill(node)
            | Self::Restart(node)
            | Self::Pause(node)
            | Self::DiskFull(node)
            | Self::SlowSync { node, .. }
            | Self::FailSync(node)
            | Self::Clock { node, .. }
            | Self::SpoilTail { node, .. }
            | Self::Drain(node)
            | Self::Remove(node)
            | Self::Replace(node) => Some(*node),
            Self::Cut(_)
            | Self::Bridge { .. }
            | Self::Lose { .. }
            | Self::Slow { .. }
            | Self::Delay { .. }
            | Self::Disorder { .. }
            | Self::Rolling => None,
        }
    }

    /// What it does to the links.
    pub fn break_links(&self, links: &mut Links) {
        let mut apart = |left: &[usize], right: &[usize]| {
            for a in left {
                for b in right {
                    links.cut(End::Node(*a), End::Node(*b));
                }
            }
        };
        match self {
            Self::Cut(groups) => {
                for (at, group) in groups.iter().enumerate() {
                    groups[at + 1..].iter().for_each(|other| apart(group, other));
                }
            }
            Self::Bridge { left, right, .. } => apart(left, right),
            Self::Lose { from, to, per_mille } => links.lose(*from, *to, *per_mille),
            Self::Slow { .. }
            | Self::Delay { .. }
            | Self::Disorder { .. }
            | Self::Kill(_)
            | Self::Restart(_)
            | Self::Rolling
            | Self::Pause(_)
            | Self::DiskFull(_)
            | Self::SlowSync { .. }
            | Self::FailSync(_)
            | Self::Clock { .. }
            | Self::SpoilTail { .. }
            | Self::Drain(_)
            | Self::Remove(_)
            | Self::Replace(_) => {}
        }
    }
}
