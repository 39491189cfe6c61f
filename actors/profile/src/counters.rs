//! Counts per event name, the last events, and orders. All folds here are commutative.

use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::{COUNTED_NAMES, RECENT_EVENTS};

/// The place of names that are not counted one by one.
const OTHER: u16 = u16::MAX;

/// How often, and from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Tally {
    #[n(0)]
    pub(crate) count: u64,
    #[n(1)]
    pub(crate) first: Timestamp,
    #[n(2)]
    pub(crate) last: Timestamp,
}

impl Tally {
    fn once(at: Timestamp) -> Self {
        Self { count: 1, first: at, last: at }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Counter {
    #[n(0)]
    pub(crate) name: Box<str>,
    #[n(1)]
    pub(crate) tally: Tally,
}

/// One of the last events. The name is a position among the counters, which only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Recent {
    #[n(0)]
    pub(crate) at: Timestamp,
    #[n(1)]
    pub(crate) message: u64,
    #[n(2)]
    name: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Counters {
    /// In the order in which the names came.
    #[n(0)]
    names: Vec<Counter>,
    #[n(1)]
    other: Option<Box<Tally>>,
    /// Newest first.
    #[n(2)]
    recent: Vec<Recent>,
}

impl Counters {
    pub(crate) fn record(&mut self, name: &str, at: Timestamp, message: u64) {
        let place = self.add(name, Tally::once(at));
        self.remember(Recent { at, message, name: place });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let places: Vec<u16> =
            other.names.iter().map(|counter| self.add(&counter.name, counter.tally)).collect();
        if let Some(tally) = &other.other {
            self.add_other(**tally);
        }
        for recent in &other.recent {
            let name = places.get(usize::from(recent.name)).copied().unwrap_or(OTHER);
            self.remember(Recent { name, ..*recent });
        }
    }

    /// Name and tally of each counted name, in no particular order, then `other`.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (&str, Tally)> {
        self.names
            .iter()
            .map(|counter| (&*counter.name, counter.tally))
            .chain(self.other.iter().map(|tally| ("other", **tally)))
    }

    /// The last events, newest first, with their names.
    pub(crate) fn recent(&self) -> impl Iterator<Item = (&str, Recent)> {
        self.recent.iter().map(|recent| {
            let name = self.names.get(usize::from(recent.name));
            (name.map_or("other", |counter| &*counter.name), *recent)
        })
    }

    fn add(&mut self, name: &str, tally: Tally) -> u16 {
        if let Some(place) = self.names.iter().position(|counter| &*counter.name == name) {
            self.names[place].tally.merge(tally);
            return u16::try_from(place).unwrap_or(OTHER);
        }
        if self.names.len() >= COUNTED_NAMES {
            self.add_other(tally);
            return OTHER;
        }
        self.names.reserve_exact(1);
        self.names.push(Counter { name: name.into(), tally });
        u16::try_from(self.names.len() - 1).unwrap_or(OTHER)
    }

    fn add_other(&mut self, tally: Tally) {
        match &mut self.other {
            Some(other) => other.merge(tally),
            None => self.other = Some(Box::new(tally)),
        }
    }

    fn remember(&mut self, recent: Recent) {
        let key = (recent.at, recent.message);
        let place = self.recent.partition_point(|known| (known.at, known.message) > key);
        if place >= RECENT_EVENTS {
            return;
        }
        self.recent.truncate(RECENT_EVENTS - 1);
        self.recent.insert(place, recent);
    }
}

/// Orders and what they brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Orders {
    #[n(0)]
    pub(crate) completed: u64,
    #[n(1)]
    pub(crate) refunded: u64,
    #[n(2)]
    pub(crate) cancelled: u64,
    #[n(3)]
    pub(crate) revenue_micros: i128,
}

impl Orders {
    /// The sign that this event's amount has, if the event is about an order.
    pub(crate) fn sign(event: &str) -> Option<i64> {
        match event {
            "Order Completed" => Some(1),
            "Order Refunded" | "Order Cancelled" => Some(-1),
            _ => None,
        }
    }

    pub(crate) fn record(&mut self, event: &str, revenue_micros: i64) {
        match event {
            "Order Completed" => self.completed += 1,
            "Order Refunded" => self.refunded += 1,
            "Order Cancelled" => self.cancelled += 1,
            _ => return,
        }
        self.revenue_micros = self.revenue_micros.saturating_add(revenue_micros.into());
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.completed += other.completed;
        self.refunded += other.refunded;
        self.cancelled += other.cancelled;
        self.revenue_micros = self.revenue_micros.saturating_add(other.revenue_micros);
    }
}
