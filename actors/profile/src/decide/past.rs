//! The committed events read again: all messages, and which merged profile each came from.

use impresario_ids::ProfileId;
use impresario_kernel::Timestamp;

use crate::command::ConsentChange;
use crate::consents::Consent;
use crate::event::{Event, Facts, Received};
use crate::sessions::Idle;

enum Item<'p> {
    /// A message; `handed`: its facts came with the merged profile's.
    Message {
        source: Option<ProfileId>,
        received: &'p Received,
        handed: bool,
    },
    Part {
        source: ProfileId,
        facts: &'p Facts,
        idle: Idle,
    },
    Consent {
        change: &'p ConsentChange,
        recorded_at: Timestamp,
    },
}

impl Item<'_> {
    fn source(&self) -> Option<ProfileId> {
        match self {
            Self::Message { source, .. } => *source,
            Self::Part { source, .. } => Some(*source),
            Self::Consent { .. } => None,
        }
    }
}

/// What the profile consists of, without what was taken out again or forgotten.
pub(super) struct Past<'p> {
    items: Vec<Item<'p>>,
}

impl<'p> Past<'p> {
    pub(super) fn of(history: &'p [Event]) -> Self {
        let mut past = Self { items: Vec::with_capacity(history.len()) };
        history.iter().for_each(|event| past.read(event));
        past
    }

    /// All messages, in the order of arrival.
    pub(super) fn messages(&self) -> impl DoubleEndedIterator<Item = &'p Received> {
        self.items.iter().filter_map(|item| match item {
            Item::Message { received, .. } => Some(*received),
            Item::Part { .. } | Item::Consent { .. } => None,
        })
    }

    /// The messages that a merged profile passed on after the merge.
    pub(super) fn forwarded_by(&self, from: ProfileId) -> Vec<Received> {
        let forwarded = self.items.iter().filter_map(|item| match item {
            Item::Message { source, received, handed: false } if *source == Some(from) => {
                Some(Received { via: None, ..(*received).clone() })
            }
            Item::Message { .. } | Item::Part { .. } | Item::Consent { .. } => None,
        });
        forwarded.collect()
    }

    pub(super) fn remove(&mut self, from: ProfileId) {
        self.items.retain(|item| item.source() != Some(from));
    }

    /// The facts that these items add up to.
    pub(super) fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        for item in &self.items {
            match item {
                Item::Message { handed: true, .. } => {}
                Item::Message { received, .. } => facts.record(received),
                Item::Part { facts: part, idle, .. } => facts.merge(part, *idle),
                Item::Consent { change, recorded_at } => facts.record_consent(Consent {
                    change: (*change).clone(),
                    recorded_at: *recorded_at,
                }),
            }
        }
        facts
    }

    fn read(&mut self, event: &'p Event) {
        match event {
            Event::Received(received) => {
                self.items.push(Item::Message { source: received.via, received, handed: false });
            }
            Event::Absorbed { from, facts, events, session_idle, .. } => {
                let idle = Idle::of(*session_idle);
                self.items.push(Item::Part { source: *from, facts, idle });
                let messages = events.iter();
                self.items.extend(messages.map(|received| Item::Message {
                    source: Some(*from),
                    received,
                    handed: true,
                }));
            }
            Event::Restored { events, .. } => {
                let messages = events.iter();
                self.items.extend(messages.map(|received| Item::Message {
                    source: None,
                    received,
                    handed: false,
                }));
            }
            Event::ConsentChanged { change, recorded_at } => {
                self.items.push(Item::Consent { change, recorded_at: *recorded_at });
            }
            Event::Unmerged { from, .. } => self.remove(*from),
            Event::Deleted { .. } => self.items.clear(),
            Event::Forwarded { .. }
            | Event::Linked { .. }
            | Event::MergedInto { .. }
            | Event::Tracked { .. }
            | Event::Rebuilt { .. }
            | Event::SegmentEntered { .. }
            | Event::SegmentLeft { .. }
            | Event::RecheckSet { .. } => {}
        }
    }
}
