use std::collections::{BTreeMap, VecDeque};

use minicbor::{Decode, Encode};

use crate::{BYTES_MAX, Event, ITEMS_MAX, Item};

/// Different reasons counted by name; further ones are counted as [`OTHER`].
const REASONS_MAX: usize = 200;
const OTHER: &str = "other";

/// The newest items, oldest first, and exact counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct State {
    #[n(0)]
    last_seq: u64,
    #[n(1)]
    items: VecDeque<Item>,
    #[n(2)]
    bytes: u64,
    #[n(3)]
    counts: BTreeMap<String, u64>,
}

impl State {
    /// The number of the last item that ever came; 0 if none did.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// How many were ever refused, by reason.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// Items that are kept, newest first, with numbers below `before`.
    pub fn newest(&self, before: Option<u64>) -> impl Iterator<Item = &Item> {
        self.items.iter().rev().filter(move |item| before.is_none_or(|before| item.seq < before))
    }

    /// Whether an item is kept.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        self.items.binary_search_by_key(&seq, |item| item.seq).is_ok()
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Refused { first, items } => {
                for (seq, refused) in (*first..).zip(items) {
                    self.count(&refused.reason);
                    self.last_seq = seq;
                    self.bytes += refused.raw.0.len() as u64;
                    self.items.push_back(Item { seq, refused: refused.clone() });
                    self.forget_oldest();
                }
            }
            Event::Discarded { seqs } => {
                self.items.retain(|item| !seqs.contains(&item.seq));
                self.bytes = self.items.iter().map(|item| item.refused.raw.0.len() as u64).sum();
            }
        }
    }

    fn count(&mut self, reason: &str) {
        let known = self.counts.contains_key(reason) || self.counts.len() < REASONS_MAX;
        *self.counts.entry(if known { reason } else { OTHER }.to_owned()).or_default() += 1;
    }

    fn forget_oldest(&mut self) {
        while self.items.len() > ITEMS_MAX || self.bytes > BYTES_MAX as u64 {
            let Some(oldest) = self.items.pop_front() else { return };
            self.bytes -= oldest.refused.raw.0.len() as u64;
        }
    }
}
