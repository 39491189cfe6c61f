use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use impresario_ids::{ProfileId, SegmentId, TenantId};
use impresario_journal::KeyRange;
use impresario_kernel::{EntityKey, Personal, Timestamp};
use impresario_profile::{ConsentChange, Event, Json, Profile, Received, index};
use serde::{Serialize, Serializer};

use crate::load::{Committed, scan_events};
use crate::{Cursor, Freshness, ViewError, Views};

/// No message is from further in the future than this when it is received (the edge refuses more
/// than 24 hours; the rest is for clocks that differ). So a page that is full of younger entries
/// needs no older rows.
const FUTURE_MAX_MS: i64 = 48 * 3_600_000;

/// A page of what happened to a profile, newest first by the time at which it happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// The entries.
    pub items: Vec<Entry>,
    /// For the next page; `None` at the end.
    pub next: Option<Cursor>,
    /// The profile that this one is merged into; the timeline goes on there.
    pub merged_into: Option<ProfileId>,
    /// How fresh the page is: batches applied in the profile's partition.
    pub freshness: Freshness,
}

/// One thing that happened. Times are Unix milliseconds in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// When it happened.
    #[serde(serialize_with = "ms")]
    pub at: Timestamp,
    /// `track`, `page`, `screen`, `identify`, `group`, `alias`, `consent_changed`,
    /// `segment_entered`, `segment_left`, `profile_absorbed` or `profile_unmerged`.
    pub kind: &'static str,
    /// When the edge received the message.
    #[serde(serialize_with = "ms_or_null", skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// The event's or page's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sender's id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Json>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traits: Option<Json>,
    /// The parts of the context that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Json>,
    /// The group of a `group` call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The segment that was entered or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentId>,
    /// The other profile: the one that was merged or taken out, or that passed the message on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileId>,
    /// What was said about consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentEntry>,
}

/// A person's word on consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentEntry {
    /// What for.
    pub purpose: String,
    /// Over what.
    pub channel: String,
    /// Given, or withdrawn.
    pub granted: bool,
    /// Where it was said.
    pub source: String,
    /// Which version of the text the person saw.
    pub text_version: String,
}

/// Time, sequence, number within the event: the order of a timeline.
type Order = [u8; 20];

impl Views {
    /// What happened to a profile, newest first by event time; also what happened to profiles that
    /// were merged into it, as long as they are.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn timeline(
        &self,
        tenant: TenantId,
        profile: ProfileId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Timeline, ViewError> {
        let after: Option<Order> = Cursor::place(after)?;
        let key = EntityKey::new(tenant, impresario_profile::KIND, profile);
        let freshness = self.freshness_of(&key);
        let range = KeyRange::prefix(&key.to_bytes());
        let mut reader = Reader::new(after, limit.max(1));
        scan_events::<Profile>(
            &*self.journal,
            &self.vault,
            &key,
            &range,
            true,
            &mut |committed| reader.take(&committed),
        )?;
        let more = reader.kept.len() > reader.limit;
        if more {
            reader.kept.pop_first();
        }
        let next = if more {
            reader.kept.first_key_value().map(|(order, _)| Cursor::new(*order))
        } else {
            None
        };
        Ok(Timeline {
            items: reader.kept.into_values().rev().collect(),
            next,
            merged_into: reader.merged_into.flatten(),
            freshness,
        })
    }
}

/// Reads a profile's events from the newest row to the oldest, and keeps the latest entries before
/// the cursor, one more than asked for.
struct Reader {
    after: Option<Order>,
    limit: usize,
    kept: BTreeMap<Order, Entry>,
    /// Profiles that were taken out again after the rows that are still to come.
    unmerged: BTreeSet<ProfileId>,
    /// Once known: the profile that this one is merged into, or none.
    merged_into: Option<Option<ProfileId>>,
    /// The profile was deleted after the rows that are still to come.
    forgotten: bool,
}

impl Reader {
    fn new(after: Option<Order>, limit: usize) -> Self {
        Self {
            after,
            limit,
            kept: BTreeMap::new(),
            unmerged: BTreeSet::new(),
            merged_into: None,
            forgotten: false,
        }
    }

    fn take(&mut self, committed: &Committed<Profile>) -> ControlFlow<()> {
        let Committed { seq, row, event } = committed;
        if self.is_done(row.at) {
            return ControlFlow::Break(());
        }
        if self.forgotten {
            // What was before is forgotten, all but where the profile went.
            return self.look_for_merge(event);
        }
        match event {
            Event::Received(received) => {
                if received.via.is_none_or(|via| !self.unmerged.contains(&via)) {
                    self.keep(received.at, *seq, 0, || message(received, received.via));
                }
            }
            Event::Absorbed { from, at, events, .. } => {
                if !self.unmerged.contains(from) {
                    self.keep(*at, *seq, 0, || other("profile_absorbed", *at, *from));
                    self.keep_all(*seq, events, *from);
                }
            }
            Event::Restored { from, events, .. } => {
                let _ = self.look_for_merge(event);
                self.keep_all(*seq, events, *from);
            }
            Event::Unmerged { from, at, .. } => {
                self.keep(*at, *seq, 0, || other("profile_unmerged", *at, *from));
                self.unmerged.insert(*from);
            }
            Event::MergedInto { .. } => {
                let _ = self.look_for_merge(event);
            }
            Event::ConsentChanged { change, .. } => {
                self.keep(change.at, *seq, 0, || consent(change));
            }
            Event::SegmentEntered { segment, at, .. } => {
                self.keep(*at, *seq, 0, || membership("segment_entered", *at, *segment));
            }
            Event::SegmentLeft { segment, at, .. } => {
                self.keep(*at, *seq, 0, || membership("segment_left", *at, *segment));
            }
            Event::Deleted { .. } => self.forgotten = true,
            Event::Forwarded { .. }
            | Event::Linked { .. }
            | Event::Tracked { .. }
            | Event::Rebuilt { .. }
            | Event::RecheckSet { .. } => {}
        }
        ControlFlow::Continue(())
    }

    /// The newest word on whether the profile is merged.
    fn look_for_merge(&mut self, event: &Event) -> ControlFlow<()> {
        if let Event::MergedInto { into, .. } = event {
            self.merged_into.get_or_insert(Some(*into));
        } else if let Event::Restored { .. } = event {
            self.merged_into.get_or_insert(None);
        }
        if self.merged_into.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Whether no row committed at `at` or before can hold an entry of this page.
    fn is_done(&self, at: Timestamp) -> bool {
        let full = self.kept.len() > self.limit;
        let oldest = self.kept.first_key_value().map(|(_, entry)| entry.at);
        full && oldest.is_some_and(|oldest| at.plus_ms(FUTURE_MAX_MS) < oldest)
    }

    fn keep_all(&mut self, seq: u64, events: &[Received], from: ProfileId) {
        for (number, received) in (1..).zip(events) {
            self.keep(received.at, seq, number, || message(received, Some(from)));
        }
    }

    fn keep(&mut self, at: Timestamp, seq: u64, number: u32, entry: impl FnOnce() -> Entry) {
        let mut order = [0; 20];
        order[..8].copy_from_slice(&index::sortable(at.as_ms()));
        order[8..16].copy_from_slice(&seq.to_be_bytes());
        order[16..].copy_from_slice(&number.to_be_bytes());
        if self.after.is_some_and(|after| order >= after) {
            return;
        }
        if self.kept.len() > self.limit {
            if self.kept.first_key_value().is_some_and(|(oldest, _)| order < *oldest) {
                return;
            }
            self.kept.pop_first();
        }
        self.kept.insert(order, entry());
    }
}

fn bare(kind: &'static str, at: Timestamp) -> Entry {
    Entry {
        at,
        kind,
        received_at: None,
        name: None,
        message_id: None,
        properties: None,
        traits: None,
        context: None,
        group_id: None,
        segment: None,
        profile: None,
        consent: None,
    }
}

fn message(received: &Received, via: Option<ProfileId>) -> Entry {
    let json = |text: &Option<Personal<Box<str>>>| {
        text.as_ref().map(|text| Json(Personal(text.0.to_string())))
    };
    Entry {
        received_at: Some(received.received_at),
        name: received.name.as_deref().map(str::to_owned),
        message_id: Some(received.message_id.to_string()),
        properties: json(&received.properties),
        traits: json(&received.traits),
        context: json(&received.context),
        group_id: received.group_id.as_deref().map(str::to_owned),
        profile: via,
        ..bare(received.call.name(), received.at)
    }
}

fn other(kind: &'static str, at: Timestamp, profile: ProfileId) -> Entry {
    Entry { profile: Some(profile), ..bare(kind, at) }
}

fn membership(kind: &'static str, at: Timestamp, segment: SegmentId) -> Entry {
    Entry { segment: Some(segment), ..bare(kind, at) }
}

fn consent(change: &ConsentChange) -> Entry {
    let consent = ConsentEntry {
        purpose: change.purpose.clone(),
        channel: change.channel.clone(),
        granted: change.granted,
        source: change.source.clone(),
        text_version: change.text_version.clone(),
    };
    Entry { consent: Some(consent), ..bare("consent_changed", change.at) }
}

/// For `serde(serialize_with)`: Unix milliseconds.
pub(crate) fn ms<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_ms())
}

/// For `serde(serialize_with)`: Unix milliseconds, or null.
#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
pub(crate) fn ms_or_null<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => ms(at, serializer),
        None => serializer.serialize_none(),
    }
}
