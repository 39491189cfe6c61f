use impresario_ids::NodeId;

/// The bounds of following hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectLimits {
    /// Nodes that are asked, at most, the first included.
    pub asks_max: u8,
    /// The first pause, in milliseconds; each later one is twice as long.
    pub pause_ms: u64,
    /// The longest pause, in milliseconds.
    pub pause_max_ms: u64,
}

impl Default for RedirectLimits {
    /// Enough for an election of some seconds.
    fn default() -> Self {
        Self { asks_max: 16, pause_ms: 20, pause_max_ms: 500 }
    }
}

/// What became of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The node does not lead; nothing was done.
    NotLeader {
        /// Who does, as far as it knows.
        hint: Option<NodeId>,
    },
    /// The call was certainly not delivered; nothing was done.
    NotSent,
    /// The call was perhaps delivered, and no answer came: only the caller can try again, with the
    /// same idempotency key.
    NoAnswer,
}

/// What to do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask this node at once.
    Ask(NodeId),
    /// Pause, then route anew.
    Pause {
        /// For so many milliseconds.
        ms: u64,
    },
    /// No more.
    GiveUp(GaveUp),
}

/// Why a call is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Nothing was done: nobody was found that leads.
    NoLeader,
    /// Nothing was done: the deadline comes before another try could.
    Deadline,
    /// It is not known whether it was done.
    OutcomeUnknown,
}

/// One call on its way to the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirects {
    limits: RedirectLimits,
    asks: u8,
    pauses: u8,
    /// Asked since the last pause: hints back to them are circles.
    asked: Vec<NodeId>,
    seed: u64,
}

impl Redirects {
    /// A call that was not sent yet. Different seeds pause differently.
    #[must_use]
    pub fn new(limits: RedirectLimits, seed: u64) -> Self {
        Self { limits, asks: 0, pauses: 0, asked: Vec::new(), seed }
    }

    /// Nodes asked so far.
    #[must_use]
    pub fn asks(&self) -> u8 {
        self.asks
    }

    /// Notes that a node is asked; says no if no more may be.
    pub fn ask(&mut self, node: NodeId) -> bool {
        if self.asks >= self.limits.asks_max {
            return false;
        }
        self.asks += 1;
        self.asked.push(node);
        true
    }

    /// What to do after a try, or after no node was found to try ([`Answered::NotSent`]), with
    /// `left_ms` milliseconds until the deadline. [`Next::Ask`] was noted already.
    pub fn after(&mut self, answered: Answered, left_ms: u64) -> Next {
        let hint = match answered {
            Answered::NoAnswer => return Next::GiveUp(GaveUp::OutcomeUnknown),
            Answered::NotLeader { hint } => hint,
            Answered::NotSent => None,
        };
        if left_ms == 0 {
            return Next::GiveUp(GaveUp::Deadline);
        }
        if self.asks >= self.limits.asks_max {
            return Next::GiveUp(GaveUp::NoLeader);
        }
        if let Some(node) = hint.filter(|node| !self.asked.contains(node)) {
            self.ask(node);
            return Next::Ask(node);
        }
        self.pause(left_ms)
    }

    fn pause(&mut self, left_ms: u64) -> Next {
        let ms = self.pause_ms();
        if ms >= left_ms {
            return Next::GiveUp(GaveUp::Deadline);
        }
        // Pauses without an ask between them are bounded like asks.
        if self.pauses >= self.limits.asks_max.saturating_mul(2) {
            return Next::GiveUp(GaveUp::NoLeader);
        }
        self.pauses += 1;
        self.asked.clear();
        Next::Pause { ms }
    }

    /// Between half and the whole of the doubled pause.
    fn pause_ms(&self) -> u64 {
        let doubled = self.limits.pause_ms.saturating_mul(1 << u32::from(self.pauses).min(20));
        let whole = doubled.min(self.limits.pause_max_ms).max(1);
        let half = whole / 2;
        half + mix(self.seed.wrapping_add(u64::from(self.pauses))) % (whole - half + 1)
    }
}

/// The finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
