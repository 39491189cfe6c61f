//! Finding the node that decides, as a pure machine: what became of one try leads to the next.

use impresario_ids::NodeId;
use impresario_placement::{Answered, GaveUp, Next as After, RedirectLimits, Redirects};

use crate::{Direction, Options};

/// What this node sees of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whether the host here decides for it.
    pub(crate) leads: bool,
    /// What is heard.
    pub(crate) direction: Direction,
}

/// What became of a try that is not the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// Who was asked does not decide.
    Elsewhere {
        /// Who does, as far as it knows.
        hint: Option<NodeId>,
    },
    /// It did not come to an answer; it may be sent again.
    Again,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask the host here.
    Here,
    /// Ask another node.
    Ask(NodeId),
    /// Wait until what is seen changes, at most for so many milliseconds; then look again.
    Wait { ms: u64 },
    /// No more.
    GiveUp(Why),
}

/// Why a search is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The deadline passed.
    Deadline,
    /// Nobody was found that decides.
    NoLeader,
}

/// The search for one message.
#[derive(Debug)]
pub(crate) struct Search {
    me: NodeId,
    redirects: Redirects,
    patience_ms: u64,
}

impl Search {
    /// Different seeds pause differently.
    pub(crate) fn new(me: NodeId, options: &Options, seed: u64) -> Self {
        let limits = RedirectLimits { asks_max: options.asks_max, ..RedirectLimits::default() };
        Self { me, redirects: Redirects::new(limits, seed), patience_ms: options.patience_ms }
    }

    /// Nodes asked so far.
    pub(crate) fn asks(&self) -> u8 {
        self.redirects.asks()
    }

    /// Where to go by what is seen, with `left_ms` until the deadline.
    pub(crate) fn look(&mut self, seen: Seen, left_ms: u64) -> Next {
        if left_ms == 0 {
            return Next::GiveUp(Why::Deadline);
        }
        match seen.direction {
            _ if seen.leads => self.ask(self.me),
            Direction::Node(node) if node != self.me => self.ask(node),
            // Decided here, but the host is not ready yet, is the same as nobody.
            Direction::Node(_) | Direction::Here | Direction::Unknown => {
                self.after(Tried::Again, left_ms)
            }
        }
    }

    /// Where to go after a try.
    pub(crate) fn after(&mut self, tried: Tried, left_ms: u64) -> Next {
        let answered = match tried {
            Tried::Elsewhere { hint } => Answered::NotLeader { hint },
            Tried::Again => Answered::NotSent,
        };
        let wait_max_ms = left_ms.min(self.patience_ms);
        match self.redirects.after(answered, wait_max_ms.max(u64::from(left_ms > 0))) {
            After::Ask(node) if node == self.me => Next::Here,
            After::Ask(node) => Next::Ask(node),
            After::Pause { ms } => Next::Wait { ms },
            After::GiveUp(GaveUp::Deadline) if left_ms == 0 => Next::GiveUp(Why::Deadline),
            // The next pause is too long; what is left may still bring news.
            After::GiveUp(GaveUp::Deadline) if wait_max_ms > 0 => Next::Wait { ms: wait_max_ms },
            After::GiveUp(_) => Next::GiveUp(Why::NoLeader),
        }
    }

    /// So long was waited.
    pub(crate) fn waited(&mut self, ms: u64) {
        // At least something, so that a search with quick news ends too.
        self.patience_ms = self.patience_ms.saturating_sub(ms.max(1));
    }

    fn ask(&mut self, node: NodeId) -> Next {
        if !self.redirects.ask(node) {
            Next::GiveUp(Why::NoLeader)
        } else if node == self.me {
            Next::Here
        } else {
            Next::Ask(node)
        }
    }
}
