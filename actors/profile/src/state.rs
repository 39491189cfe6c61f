//! What a profile remembers, and how events change it.

use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::Timestamp;
use impresario_rules::{Computed, ComputedId, Tracker, TrackerId};
use minicbor::{Decode, Encode};

use crate::STAYS;
use crate::consents::Consent;
use crate::event::{ComputedEntry, Event, Facts, Received, SegmentVersion, TrackerEntry};
use crate::index::month;
use crate::query::Membership;
use crate::sessions::Idle;

/// How the profile stands to a segment that it can be evaluated against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Standing {
    #[n(0)]
    pub(crate) segment: SegmentId,
    /// The version whose trackers are complete here; 0 once the segment is gone.
    #[n(1)]
    pub(crate) version: u32,
    /// Since when it is a member.
    #[n(2)]
    pub(crate) entered_at: Option<Timestamp>,
}

/// What a profile remembers.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct State {
    #[n(0)]
    pub(crate) facts: Facts,
    #[n(1)]
    pub(crate) standings: Vec<Standing>,
    /// Completed memberships, oldest first.
    #[n(2)]
    pub(crate) stays: Vec<Membership>,
    #[n(3)]
    pub(crate) stays_dropped: bool,
    /// Sorted by id, as are the next two.
    #[n(4)]
    trackers: Vec<TrackerEntry>,
    #[n(5)]
    computed: Vec<ComputedEntry>,
    /// The computed traits that saw the whole past.
    #[n(6)]
    complete: Vec<ComputedId>,
    /// The profiles that are merged into this one.
    #[n(7)]
    pub(crate) parts: Vec<ProfileId>,
    /// Those that were, and were taken out: not to be linked again by themselves.
    #[n(8)]
    pub(crate) separated: Vec<ProfileId>,
    #[n(9)]
    pub(crate) merged_into: Option<ProfileId>,
    #[n(10)]
    pub(crate) recheck_at: Option<Timestamp>,
    /// The last month (see [`month`]) in which a message was received.
    #[n(11)]
    active_month: Option<i64>,
    /// Whether the profile is in the index of all profiles.
    #[n(12)]
    pub(crate) listed: bool,
}

impl State {
    /// What is known about the person.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The profile that this one is merged into.
    #[must_use]
    pub fn merged_into(&self) -> Option<ProfileId> {
        self.merged_into
    }

    /// Whether there is no past that a rule could have missed.
    pub(crate) fn is_fresh(&self) -> bool {
        self.facts.received == 0 && self.standings.is_empty() && self.complete.is_empty()
    }

    pub(crate) fn standing(&self, segment: SegmentId) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.segment == segment)
    }

    pub(crate) fn tracker(&self, id: TrackerId) -> Option<&Tracker> {
        let place = self.trackers.binary_search_by_key(&id, |entry| entry.id).ok()?;
        Some(&self.trackers[place].value)
    }

    pub(crate) fn computed(&self, id: ComputedId) -> Option<&Computed> {
        let place = self.computed.binary_search_by_key(&id, |entry| entry.id).ok()?;
        Some(&self.computed[place].value)
    }

    /// Whether the computed trait saw the whole past.
    pub(crate) fn is_complete(&self, id: ComputedId) -> bool {
        self.complete.binary_search(&id).is_ok()
    }

    /// Whether a message received then is the profile's first in its month.
    pub(crate) fn is_new_in_month(&self, received_at: Timestamp) -> bool {
        self.active_month.is_none_or(|last| month(received_at) > last)
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Received(received) => self.received(received),
            Event::Forwarded { .. } | Event::Linked { .. } => {}
            Event::MergedInto { into, .. } => self.merged(*into),
            Event::Absorbed { from, facts, session_idle, .. } => {
                self.facts.merge(facts, Idle::of(*session_idle));
                self.separated.retain(|id| id != from);
                if !self.parts.contains(from) {
                    self.parts.push(*from);
                }
                self.listed = true;
            }
            Event::Unmerged { from, facts, .. } => {
                self.facts = Facts::clone(facts);
                self.parts.retain(|id| id != from);
                if !self.separated.contains(from) {
                    self.separated.push(*from);
                }
            }
            Event::Restored { events, .. } => {
                self.merged_into = None;
                self.listed = true;
                events.iter().for_each(|received| self.facts.record(received));
            }
            Event::ConsentChanged { change, recorded_at } => {
                self.listed = true;
                self.facts
                    .record_consent(Consent { change: change.clone(), recorded_at: *recorded_at });
            }
            Event::Tracked { trackers, computed } => self.tracked(trackers, computed),
            Event::Rebuilt { trackers, computed, segments, complete } => {
                self.trackers.clear();
                self.computed.clear();
                self.tracked(trackers, computed);
                self.complete.clone_from(complete);
                self.complete.sort_unstable();
                self.stand(segments);
            }
            Event::SegmentEntered { segment, version, at } => self.enter(*segment, *version, *at),
            Event::SegmentLeft { segment, version, at, entered_at } => {
                self.leave(*segment, *version, *at, *entered_at);
            }
            Event::RecheckSet { at } => self.recheck_at = *at,
            Event::Deleted { .. } => self.delete(),
        }
    }

    fn received(&mut self, received: &Received) {
        self.facts.record(received);
        self.active_month = self.active_month.max(Some(month(received.received_at)));
        self.listed = self.merged_into.is_none();
    }

    fn merged(&mut self, into: ProfileId) {
        self.merged_into = Some(into);
        self.listed = false;
        self.recheck_at = None;
        // The facts stay for a later un-merge; what rules remember is rebuilt then.
        self.standings = Vec::new();
        self.trackers = Vec::new();
        self.computed = Vec::new();
        self.complete = Vec::new();
    }

    fn tracked(&mut self, trackers: &[TrackerEntry], computed: &[ComputedEntry]) {
        for entry in trackers {
            match self.trackers.binary_search_by_key(&entry.id, |known| known.id) {
                Ok(place) => self.trackers[place] = entry.clone(),
                Err(place) => self.trackers.insert(place, entry.clone()),
            }
        }
        for entry in computed {
            match self.computed.binary_search_by_key(&entry.id, |known| known.id) {
                Ok(place) => self.computed[place] = entry.clone(),
                Err(place) => self.computed.insert(place, entry.clone()),
            }
        }
    }

    fn stand(&mut self, segments: &[SegmentVersion]) {
        let old = std::mem::take(&mut self.standings);
        let entered = |segment| {
            old.iter()
                .find(|known: &&Standing| known.segment == segment)
                .and_then(|known| known.entered_at)
        };
        self.standings.reserve_exact(segments.len());
        for SegmentVersion { segment, version } in segments {
            let entered_at = entered(*segment);
            self.standings.push(Standing { segment: *segment, version: *version, entered_at });
        }
        // Of a segment that is gone only a membership is kept, until it is left.
        for known in old {
            if known.entered_at.is_some() && self.standing(known.segment).is_none() {
                self.standings.push(Standing { version: 0, ..known });
            }
        }
    }

    fn enter(&mut self, segment: SegmentId, version: u32, at: Timestamp) {
        match self.standings.iter_mut().find(|known| known.segment == segment) {
            Some(standing) => standing.entered_at = Some(at),
            None => self.standings.push(Standing { segment, version, entered_at: Some(at) }),
        }
    }

    fn leave(&mut self, segment: SegmentId, version: u32, at: Timestamp, entered_at: Timestamp) {
        for standing in self.standings.iter_mut().filter(|known| known.segment == segment) {
            standing.entered_at = None;
        }
        if version == 0 {
            self.standings.retain(|known| known.segment != segment);
        }
        self.stays.push(Membership { segment, version, entered_at, left_at: Some(at) });
        if self.stays.len() > STAYS {
            self.stays.remove(0);
            self.stays_dropped = true;
        }
    }

    fn delete(&mut self) {
        *self = Self {
            parts: std::mem::take(&mut self.parts),
            separated: std::mem::take(&mut self.separated),
            merged_into: self.merged_into,
            active_month: self.active_month,
            ..Self::default()
        };
    }
}
