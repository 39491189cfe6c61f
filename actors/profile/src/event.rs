//! What happened to a profile. Stored for ever: append variants and fields, never renumber.

use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::{Personal, Timestamp};
use impresario_rules::{Computed, ComputedId, Tracker, TrackerId};
use minicbor::{Decode, Encode};

use crate::command::{Call, ConsentChange};
pub use crate::facts::Facts;

/// A message that became part of a profile.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Received {
    /// The sender's id of the message.
    #[n(0)]
    pub message_id: Box<str>,
    /// Which call.
    #[n(1)]
    pub call: Call,
    /// Track: the event's name. Page and screen: the page's name, if given.
    #[n(2)]
    pub name: Option<Box<str>>,
    /// The text of a JSON object.
    #[n(3)]
    pub properties: Option<Personal<Box<str>>>,
    /// The text of a JSON object.
    #[n(4)]
    pub traits: Option<Personal<Box<str>>>,
    /// The text of a JSON object.
    #[n(5)]
    pub context: Option<Personal<Box<str>>>,
    /// Group only.
    #[n(6)]
    pub group_id: Option<Box<str>>,
    /// The user id, if the profile did not know it yet or the message was passed on.
    #[n(7)]
    pub user_id: Option<Personal<Box<str>>>,
    /// The anonymous id, if the profile did not know it yet or the message was passed on.
    #[n(8)]
    pub anonymous_id: Option<Personal<Box<str>>>,
    /// Alias only: the id that is the same person.
    #[n(9)]
    pub previous_id: Option<Personal<Box<str>>>,
    /// When it happened.
    #[n(10)]
    pub at: Timestamp,
    /// When the edge received it.
    #[n(11)]
    pub received_at: Timestamp,
    /// The merged profile that passed the message on.
    #[n(12)]
    pub via: Option<ProfileId>,
    /// What an order brought (negative: a refund or a cancellation), in millionths.
    #[n(13)]
    pub revenue_micros: Option<i64>,
    /// Page and screen: what the session shows as its entry or exit (path, else URL, else name).
    #[n(14)]
    pub page: Option<Personal<Box<str>>>,
    /// Ids of other systems, from `context.externalIds`, as `type:id`.
    #[n(15)]
    pub external_ids: Vec<Personal<Box<str>>>,
    /// What the person allows, from `context.consent.categoryPreferences`.
    #[n(16)]
    pub preferences: Option<Vec<Preference>>,
    /// The minutes after which a session was over when the message came, if not the usual ones.
    #[n(17)]
    pub session_idle: Option<u16>,
}

/// A word on one purpose that messages carry and repeat: it is about every channel, and said when
/// the message happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Preference {
    /// The category's name, 1 to 64 bytes.
    #[n(0)]
    pub purpose: Box<str>,
    /// Given, or withdrawn.
    #[n(1)]
    pub granted: bool,
}

impl Received {
    /// The name under which the message is counted: the event's name for `track`, otherwise the
    /// call's [`Call::label`].
    #[must_use]
    pub fn label(&self) -> &str {
        match self.call {
            Call::Track => self.name.as_deref().unwrap_or_default(),
            Call::Identify | Call::Page | Call::Screen | Call::Group | Call::Alias => {
                self.call.label()
            }
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Event {
    /// A message became part of the profile.
    #[n(0)]
    Received(#[n(0)] Box<Received>),
    /// A message, or the past of another profile, reached the profile after it was merged, and was
    /// passed on.
    #[n(1)]
    Forwarded {
        /// The sender's id of the message, or the id of the other profile.
        #[n(0)]
        message_id: Box<str>,
        /// The profile that stays.
        #[n(1)]
        into: ProfileId,
    },
    /// Another id turned out to be the same person; that profile is asked to merge into this one.
    #[n(2)]
    Linked {
        /// The profile of the other id.
        #[n(0)]
        from: ProfileId,
    },
    /// This profile is the same person as that one, and handed over what it knew.
    #[n(3)]
    MergedInto {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A merged profile's knowledge was taken in.
    #[n(4)]
    Absorbed {
        /// The merged profile.
        #[n(0)]
        from: ProfileId,
        /// When.
        #[n(1)]
        at: Timestamp,
        /// All that it knew.
        #[n(2)]
        facts: Box<Facts>,
        /// Its past messages, at most [`crate::ABSORBED_EVENTS`].
        #[n(3)]
        events: Vec<Received>,
        /// The minutes after which a session was over then, if not the usual ones.
        #[n(4)]
        session_idle: Option<u16>,
    },
    /// A merged profile's knowledge was taken out again.
    #[n(5)]
    Unmerged {
        /// The profile that is on its own again.
        #[n(0)]
        from: ProfileId,
        /// When.
        #[n(1)]
        at: Timestamp,
        /// What is left.
        #[n(2)]
        facts: Box<Facts>,
    },
    /// The merge into that profile was taken back.
    #[n(6)]
    Restored {
        /// The profile that this one was merged into.
        #[n(0)]
        from: ProfileId,
        /// When.
        #[n(1)]
        at: Timestamp,
        /// What was passed on in the meantime.
        #[n(2)]
        events: Vec<Received>,
    },
    /// A consent was given or withdrawn.
    #[n(7)]
    ConsentChanged {
        /// The person's word.
        #[n(0)]
        change: ConsentChange,
        /// When it was recorded.
        #[n(1)]
        recorded_at: Timestamp,
    },
    /// New values of what the policy's rules and computed traits remember.
    #[n(8)]
    Tracked {
        /// Those that changed.
        #[n(0)]
        trackers: Vec<TrackerEntry>,
        /// Those that changed.
        #[n(1)]
        computed: Vec<ComputedEntry>,
    },
    /// What rules and computed traits remember was rebuilt from the whole past; replaces all.
    #[n(9)]
    Rebuilt {
        /// All that remember something.
        #[n(0)]
        trackers: Vec<TrackerEntry>,
        /// All that remember something.
        #[n(1)]
        computed: Vec<ComputedEntry>,
        /// The segments whose trackers are complete from now on.
        #[n(2)]
        segments: Vec<SegmentVersion>,
        /// The computed traits that are complete from now on.
        #[n(3)]
        complete: Vec<ComputedId>,
    },
    /// The profile became a member of a segment.
    #[n(10)]
    SegmentEntered {
        /// The segment.
        #[n(0)]
        segment: SegmentId,
        /// The version of its rule that matched.
        #[n(1)]
        version: u32,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// The profile stopped being a member of a segment.
    #[n(11)]
    SegmentLeft {
        /// The segment.
        #[n(0)]
        segment: SegmentId,
        /// The version of its rule that no longer matches (0 if the segment is gone).
        #[n(1)]
        version: u32,
        /// When.
        #[n(2)]
        at: Timestamp,
        /// Since when it had been a member.
        #[n(3)]
        entered_at: Timestamp,
    },
    /// When the passing of time alone may change a membership next.
    #[n(12)]
    RecheckSet {
        /// `None`: never.
        #[n(0)]
        at: Option<Timestamp>,
    },
    /// Everything known about the person was forgotten.
    #[n(13)]
    Deleted {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
}

/// What one tracker remembers.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct TrackerEntry {
    /// Which tracker.
    #[n(0)]
    pub id: TrackerId,
    /// What it remembers.
    #[n(1)]
    pub value: Tracker,
}

/// What one computed trait remembers.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ComputedEntry {
    /// Which definition.
    #[n(0)]
    pub id: ComputedId,
    /// What it remembers.
    #[n(1)]
    pub value: Computed,
}

/// One version of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SegmentVersion {
    /// The segment.
    #[n(0)]
    pub segment: SegmentId,
    /// Its version, from 1.
    #[n(1)]
    pub version: u32,
}
