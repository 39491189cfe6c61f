//! Sessions as intervals of event time. Adding an event can lengthen, join or open sessions, never
//! split one, so the outcome does not depend on the order of arrival.
//!
//! How long a gap ends a session is handed in by what is recorded: it may change over the years.

use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

use crate::{SESSION_IDLE_MINUTES, SESSIONS};

/// A page or screen and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) struct Page {
    #[n(0)]
    pub(crate) at: Timestamp,
    #[n(1)]
    pub(crate) page: Personal<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Session {
    #[n(0)]
    pub(crate) start: Timestamp,
    #[n(1)]
    pub(crate) end: Timestamp,
    #[n(2)]
    pub(crate) events: u32,
    /// The first page.
    #[n(3)]
    pub(crate) entry: Option<Box<Page>>,
    /// The last page, if it is not the first.
    #[n(4)]
    exit: Option<Box<Page>>,
}

impl Session {
    fn new(at: Timestamp, page: Option<&Personal<Box<str>>>) -> Self {
        let entry = page.map(|page| Box::new(Page { at, page: page.clone() }));
        Self { start: at, end: at, events: 1, entry, exit: None }
    }

    pub(crate) fn exit(&self) -> Option<&Page> {
        self.exit.as_deref().or(self.entry.as_deref())
    }

    fn join(&mut self, mut other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.events = self.events.saturating_add(other.events);
        let pages = [self.entry.take(), self.exit.take(), other.entry.take(), other.exit.take()];
        let mut pages: Vec<Box<Page>> = pages.into_iter().flatten().collect();
        pages.sort_unstable();
        let last = pages.pop();
        let mut pages = pages.into_iter();
        self.entry = pages.next();
        match self.entry {
            Some(_) => self.exit = last,
            None => self.entry = last,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Sessions {
    /// The last ones, oldest first, apart from each other by the idle time of their days.
    #[n(0)]
    last: Vec<Session>,
    /// How many older ones are only counted.
    #[n(1)]
    before: u64,
    /// The end of the latest of those.
    #[n(2)]
    floor: Option<Timestamp>,
}

impl Sessions {
    pub(crate) fn count(&self) -> u64 {
        self.before + self.last.len() as u64
    }

    /// The last sessions, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Session> {
        self.last.iter().rev()
    }

    pub(crate) fn record(&mut self, at: Timestamp, page: Option<&Personal<Box<str>>>, idle: Idle) {
        if page.is_none() {
            // The usual case without an allocation: an event inside or at the end of a session.
            let place = self.last.partition_point(|session| session.start <= at);
            let next_is_far = self.last.get(place).is_none_or(|next| idle.parts(at, next.start));
            // Not a matter of course once the idle time was shorter than it is.
            let before = place.checked_sub(2).and_then(|place| self.last.get(place));
            let before_is_far = before.is_none_or(|before| idle.parts(before.end, at));
            if let Some(session) = place.checked_sub(1).and_then(|place| self.last.get_mut(place))
                && next_is_far
                && before_is_far
                && !idle.parts(session.end, at)
            {
                session.end = session.end.max(at);
                session.events = session.events.saturating_add(1);
                return;
            }
        }
        self.add(Session::new(at, page), idle);
    }

    pub(crate) fn merge(&mut self, other: &Self, idle: Idle) {
        self.before += other.before;
        self.floor = self.floor.max(other.floor);
        for session in &other.last {
            self.add(session.clone(), idle);
        }
    }

    fn add(&mut self, mut session: Session, idle: Idle) {
        if let Some(floor) = self.floor
            && !idle.parts(floor, session.start)
        {
            // It belongs among those that are only counted, and may even join two of them.
            self.floor = Some(floor.max(session.end));
            return;
        }
        let from = self.last.partition_point(|known| idle.parts(known.end, session.start));
        let to = self.last.partition_point(|known| !idle.parts(session.end, known.start));
        for known in self.last.drain(from..to.max(from)) {
            session.join(known);
        }
        self.last.reserve_exact(1);
        self.last.insert(from, session);
        if self.last.len() > SESSIONS {
            let oldest = self.last.remove(0);
            self.before += 1;
            self.floor = self.floor.max(Some(oldest.end));
        }
    }
}

/// How long nothing must happen for a session to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Idle {
    ms: i64,
}

impl Idle {
    /// As events carry it: minutes, or nothing for the usual ones.
    pub(crate) fn of(minutes: Option<u16>) -> Self {
        Self { ms: i64::from(minutes.unwrap_or(SESSION_IDLE_MINUTES)) * 60_000 }
    }

    /// Whether no session that ends at `end` goes on at `start`.
    fn parts(self, end: Timestamp, start: Timestamp) -> bool {
        start.since_ms(end) >= self.ms
    }
}
