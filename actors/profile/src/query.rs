//! What a profile can be asked to tell.

use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::view::View;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// Everything known.
    #[n(0)]
    Get,
    /// The segments that the profile belonged to at a moment.
    #[n(1)]
    Memberships {
        /// The moment.
        #[n(0)]
        at: Timestamp,
    },
    /// Whether the profile matches this rule now, from what is remembered already.
    #[n(2)]
    Matches {
        /// A rule's JSON text.
        #[n(0)]
        rule: String,
    },
    /// Whether anything is known.
    #[n(3)]
    Exists,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Answer {
    /// To `Get`.
    #[n(0)]
    Profile(#[n(0)] Box<View>),
    /// To `Get`: nothing was ever known, or it was deleted.
    #[n(1)]
    Missing,
    /// To any question: the profile is merged, ask that one.
    #[n(2)]
    Merged {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
    },
    /// To `Memberships`.
    #[n(3)]
    Memberships {
        /// The segments.
        #[n(0)]
        segments: Vec<Membership>,
        /// The profile remembers its last [`crate::STAYS`] completed memberships: for moments
        /// before this one, older ones may be missing here (the membership history index has all).
        #[n(1)]
        complete_since: Option<Timestamp>,
    },
    /// To `Matches`.
    #[n(4)]
    Matches {
        /// The verdict.
        #[n(0)]
        member: bool,
    },
    /// To `Matches`: the rule needs the past; send [`crate::Command::Preview`] instead.
    #[n(5)]
    NeedsHistory,
    /// To `Matches`: not a rule.
    #[n(6)]
    RuleInvalid {
        /// The problems, a JSON array.
        #[n(0)]
        problems: String,
    },
    /// To `Exists`.
    #[n(7)]
    Exists {
        /// Whether anything is known.
        #[n(0)]
        exists: bool,
    },
}

/// One stay in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Membership {
    /// The segment.
    #[n(0)]
    pub segment: SegmentId,
    /// The version of its rule at the entry.
    #[n(1)]
    pub version: u32,
    /// When it began, Unix milliseconds.
    #[n(2)]
    #[serde(serialize_with = "crate::view::ms")]
    pub entered_at: Timestamp,
    /// When it ended; `None`: still a member.
    #[n(3)]
    #[serde(serialize_with = "crate::view::ms_or_null")]
    pub left_at: Option<Timestamp>,
}
