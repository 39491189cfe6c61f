use std::cmp::Reverse;

use minicbor::{Decode, Encode};

use crate::DISTINCT_MAX;
use crate::expr::sooner;
use crate::time::Span;
use crate::tracker::stable_hash;
use crate::value::Scalar;

/// Distinct values by their hashes, with the latest time of each: the [`DISTINCT_MAX`] values with
/// the latest times, whatever the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Distinct {
    /// By ascending hash.
    #[n(0)]
    seen: Vec<Seen>,
    /// The latest time of a value that was let go.
    #[n(1)]
    let_go: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Seen {
    #[n(0)]
    hash: u64,
    #[n(1)]
    at: i64,
}

impl Distinct {
    pub(crate) fn add(&mut self, value: &Scalar, at: i64) -> bool {
        let mut json = String::new();
        value.print(&mut json);
        self.add_seen(Seen { hash: stable_hash(&json), at })
    }

    fn add_seen(&mut self, new: Seen) -> bool {
        match self.seen.binary_search_by_key(&new.hash, |seen| seen.hash) {
            Ok(place) => {
                let Some(seen) = self.seen.get_mut(place) else { return false };
                let later = new.at > seen.at;
                seen.at = seen.at.max(new.at);
                later
            }
            Err(place) => {
                self.seen.insert(place, new);
                if self.seen.len() > DISTINCT_MAX {
                    self.let_go_oldest();
                }
                true
            }
        }
    }

    fn let_go_oldest(&mut self) {
        let oldest = self
            .seen
            .iter()
            .enumerate()
            .min_by_key(|(_, seen)| (seen.at, Reverse(seen.hash)))
            .map(|(place, _)| place);
        if let Some(place) = oldest {
            let gone = self.seen.remove(place);
            self.let_go = self.let_go.max(Some(gone.at));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.let_go = self.let_go.max(other.let_go);
        for seen in &other.seen {
            self.add_seen(*seen);
        }
    }

    /// How many values lie in the window, and until when.
    pub(crate) fn read(&self, window: Option<Span>, now: i64) -> (u64, Option<i64>) {
        let Some(window) = window else { return (self.seen.len() as u64, None) };
        let inside = self.seen.iter().filter(|seen| window.holds(seen.at, now));
        inside
            .fold((0, None), |(count, until), seen| (count + 1, sooner(until, window.end(seen.at))))
    }

    /// Whether there may be more values in the window than are remembered.
    pub(crate) fn saturated(&self, window: Option<Span>, now: i64) -> bool {
        self.let_go.is_some_and(|at| window.is_none_or(|window| window.holds(at, now)))
    }
}
