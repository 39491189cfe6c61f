use minicbor::{Decode, Encode};

use crate::Occurrence;
use crate::time::Span;
use crate::times::Times;
use crate::tracker::Step;

/// How many times are kept for each step and each purpose. As long as no step has more occurrences
/// that wait or may be continued than this, events may come in any order and the outcome is exact.
/// Events in the order of their times are always exact. Past the bound a match can be missed by a
/// late event, but none is ever invented.
pub const TIMES_KEPT: usize = 16;

/// What is remembered of a sequence. A step's occurrence is *reached* if some chain of the steps
/// before ends in it; otherwise it *waits* for a late event that makes one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SequenceMemory {
    /// When the latest match was completed.
    #[n(0)]
    pub(crate) matched: Option<i64>,
    #[n(1)]
    steps: Vec<StepMemory>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
struct StepMemory {
    #[n(0)]
    reached: Times,
    #[n(1)]
    waiting: Times,
}

impl SequenceMemory {
    pub(crate) fn new(steps: usize) -> Self {
        Self { matched: None, steps: vec![StepMemory::default(); steps] }
    }

    pub(crate) fn fits(&self, steps: &[Step]) -> bool {
        self.steps.len() == steps.len()
    }

    pub(crate) fn record(&mut self, steps: &[Step], occurrence: &Occurrence<'_>) -> bool {
        let accepting: Vec<bool> =
            steps.iter().map(|step| step.pattern.accepts(occurrence)).collect();
        if !accepting.contains(&true) {
            return false;
        }
        let before = self.clone();
        for (index, (memory, accepts)) in self.steps.iter_mut().zip(accepting).enumerate() {
            if !accepts || memory.reached.contains(occurrence.at_ms) {
                continue;
            }
            let times = if index == 0 { &mut memory.reached } else { &mut memory.waiting };
            times.add_once(occurrence.at_ms);
        }
        self.settle(steps);
        *self != before
    }

    pub(crate) fn merge(&mut self, steps: &[Step], other: &Self) {
        self.matched = self.matched.max(other.matched);
        for (memory, more) in self.steps.iter_mut().zip(&other.steps) {
            for at in more.reached.as_slice() {
                memory.reached.add_once(*at);
            }
            for at in more.waiting.as_slice() {
                memory.waiting.add_once(*at);
            }
        }
        self.settle(steps);
    }

    /// Moves what is reached now from waiting to reached, step by step, then lets go what is
    /// beyond the bounds.
    fn settle(&mut self, steps: &[Step]) {
        let mut earlier: Option<&Times> = None;
        for (memory, step) in self.steps.iter_mut().zip(steps) {
            let StepMemory { reached, waiting } = memory;
            if let Some(earlier) = earlier {
                waiting.retain(|at| {
                    if continues(earlier, *at, step.within) {
                        reached.add_once(*at);
                    }
                    !reached.contains(*at)
                });
            }
            earlier = Some(reached);
        }
        if let Some(last) = self.steps.last_mut() {
            self.matched = self.matched.max(last.reached.as_slice().last().copied());
            last.reached.keep_latest(0);
        }
        self.trim(steps);
    }

    fn trim(&mut self, steps: &[Step]) {
        let next = steps.iter().skip(1).map(|step| step.within);
        for (memory, within_next) in self.steps.iter_mut().zip(next.chain([None])) {
            match within_next {
                Some(_) => memory.reached.keep_latest(TIMES_KEPT),
                // Whatever comes after the earliest may continue it.
                None => memory.reached.keep_earliest(1),
            }
            memory.waiting.keep_latest(TIMES_KEPT);
        }
    }
}

/// Whether a step at `at` continues a chain that ends in one of `earlier`. A step is later than the
/// one before it, so one event never stands for two steps.
fn continues(earlier: &Times, at: i64, within: Option<Span>) -> bool {
    earlier.latest_before(at).is_some_and(|before| {
        within.is_none_or(|span| before.checked_add(span.0).is_none_or(|end| at <= end))
    })
}
