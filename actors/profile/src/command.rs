//! What a profile can be asked to do, what it answers, and why it refuses.

use std::borrow::Cow;

use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::{Coded, Personal, Timestamp};
use minicbor::{Decode, Encode};

use crate::event::{Facts, Received};

/// Which of the tracking API's calls a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Call {
    /// Who the person is: traits.
    #[n(0)]
    Identify,
    /// What the person did: a named event.
    #[n(1)]
    Track,
    /// A web page was seen.
    #[n(2)]
    Page,
    /// A screen of an app was seen.
    #[n(3)]
    Screen,
    /// The person belongs to a group.
    #[n(4)]
    Group,
    /// Two ids are the same person.
    #[n(5)]
    Alias,
}

impl Call {
    /// The lower-case name, as in the tracking API's paths.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// The name under which a call without an event name is counted, listened to by rules and
    /// shown: `page`, `screen`, `identify`, `group`, `alias`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.name()
    }
}

/// One message of the tracking API, validated in form by the edge.
///
/// `properties`, `traits` and `context` are the texts of JSON objects.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Message {
    /// The sender's id of the message, 1 to 100 bytes; also its idempotency key.
    #[n(0)]
    pub message_id: String,
    /// Which call.
    #[n(1)]
    pub call: Call,
    /// The known person's id, at most 256 bytes.
    #[n(2)]
    pub user_id: Option<Personal<String>>,
    /// The device's or browser's id, at most 256 bytes.
    #[n(3)]
    pub anonymous_id: Option<Personal<String>>,
    /// Alias only: the id that is now known as `user_id`.
    #[n(4)]
    pub previous_id: Option<Personal<String>>,
    /// Track: the event's name. Page and screen: the page's name, if given.
    #[n(5)]
    pub name: Option<String>,
    /// Track, page, screen: a JSON object.
    #[n(6)]
    pub properties: Option<Personal<String>>,
    /// Identify and group: a JSON object. `null` unsets a trait.
    #[n(7)]
    pub traits: Option<Personal<String>>,
    /// A JSON object: the parts of the context worth keeping.
    #[n(8)]
    pub context: Option<Personal<String>>,
    /// Group only.
    #[n(9)]
    pub group_id: Option<String>,
    /// When it happened, corrected for the sender's clock.
    #[n(10)]
    pub at: Timestamp,
    /// When the edge received it.
    #[n(11)]
    pub received_at: Timestamp,
    /// The merged profiles that passed the message on, oldest first. The edge leaves it empty.
    #[n(12)]
    pub via: Vec<ProfileId>,
    /// The person is there already, under another of the message's ids: the profile that this begins
    /// will take that one in, so the plan's limit does not refuse it.
    #[cbor(n(13), skip_if = "is_unset")]
    pub person_is_known: bool,
}

/// A flag that was added later is written only if it is set, so that what was stored before it
/// reads, and reads back, as it was.
fn is_unset(flag: &impl std::borrow::Borrow<bool>) -> bool {
    !*flag.borrow()
}

impl Message {
    /// A message of this call with nothing but its id and times.
    #[must_use]
    pub fn new(
        call: Call,
        message_id: impl Into<String>,
        at: Timestamp,
        received_at: Timestamp,
    ) -> Self {
        Self {
            message_id: message_id.into(),
            call,
            user_id: None,
            anonymous_id: None,
            previous_id: None,
            name: None,
            properties: None,
            traits: None,
            context: None,
            group_id: None,
            at,
            received_at,
            via: Vec::new(),
            person_is_known: false,
        }
    }

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

/// A person's word on being contacted or measured (PRV-01).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ConsentChange {
    /// What for, for example `marketing`; 1 to 64 bytes.
    #[n(0)]
    pub purpose: String,
    /// Over what, for example `email`, or `*` for all; 1 to 64 bytes.
    #[n(1)]
    pub channel: String,
    /// Given, or withdrawn.
    #[n(2)]
    pub granted: bool,
    /// Where it was said, for example `signup_form`; at most 256 bytes.
    #[n(3)]
    pub source: String,
    /// Which version of the text the person saw; at most 64 bytes.
    #[n(4)]
    pub text_version: String,
    /// A JSON value with the proof (address, form fields, signature); at most 8 KiB.
    #[n(5)]
    pub proof: Option<Personal<String>>,
    /// When it was said.
    #[n(6)]
    pub at: Timestamp,
}

/// What a profile can be asked to do.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Command {
    /// Take in one message. Idempotency key: the message id.
    #[n(0)]
    Ingest(#[n(0)] Box<Message>),
    /// This profile is the same person as `into`: hand everything over, pass on what still comes.
    #[n(1)]
    MergeInto {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
    },
    /// Take in what a merged profile handed over.
    #[n(2)]
    Absorb {
        /// The merged profile.
        #[n(0)]
        from: ProfileId,
        /// All that it knew.
        #[n(1)]
        facts: Box<Facts>,
        /// Its past messages, oldest arrival first; at most [`crate::ABSORBED_EVENTS`], the newest.
        #[n(2)]
        events: Vec<Received>,
    },
    /// `from` is not the same person after all: take its facts out again and give them back.
    #[n(3)]
    Unmerge {
        /// The profile that was merged into this one.
        #[n(0)]
        from: ProfileId,
    },
    /// The merge into `from` was taken back: be a profile of your own again.
    #[n(4)]
    Restore {
        /// The profile that this one was merged into.
        #[n(0)]
        from: ProfileId,
        /// What was passed on to it since, oldest first.
        #[n(1)]
        events: Vec<Received>,
    },
    /// Record a consent or its withdrawal.
    #[n(5)]
    SetConsent(#[n(0)] ConsentChange),
    /// A segment is new or changed (or, with the nil id, only the computed traits are): rebuild
    /// what the policy's rules need from the profile's past, evaluate all segments.
    #[n(6)]
    Reevaluate {
        /// The segment that asks.
        #[n(0)]
        segment: SegmentId,
        /// Its version.
        #[n(1)]
        version: u32,
    },
    /// The durable timer fired: time alone may have changed a membership.
    #[n(7)]
    Tick,
    /// Would the profile match this rule now? Changes nothing; answers [`Reply::Matched`].
    #[n(8)]
    Preview {
        /// A rule's JSON text.
        #[n(0)]
        rule: String,
    },
    /// Forget everything known about the person; leave all segments.
    #[n(9)]
    Delete,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// The message is in the profile.
    #[n(0)]
    Ingested {
        /// The profile that holds it.
        #[n(0)]
        profile: ProfileId,
    },
    /// The profile is merged; the message is on its way to the other one.
    #[n(1)]
    Forwarded {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
    },
    /// This profile is merged into that one (by this command or earlier).
    #[n(2)]
    Merged {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
    },
    /// The command did what it says.
    #[n(3)]
    Done,
    /// It was so already, or there was nothing to do.
    #[n(4)]
    Unchanged,
    /// The profile was evaluated against the segment that asked.
    #[n(5)]
    Evaluated {
        /// Whether it is a member now.
        #[n(0)]
        member: bool,
        /// The version of the segment that was evaluated; `None` if the policy has no such segment.
        #[n(1)]
        version: Option<u32>,
    },
    /// Whether the profile matches the previewed rule now.
    #[n(6)]
    Matched {
        /// The verdict.
        #[n(0)]
        member: bool,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// The message id is empty or over 100 bytes.
    #[error("a message id has 1 to 100 bytes")]
    #[n(0)]
    MessageIdInvalid,
    /// A user, anonymous, previous or group id is empty or over 256 bytes.
    #[error("{field} has 1 to 256 bytes")]
    #[n(1)]
    IdInvalid {
        /// The field's name in the tracking API.
        #[n(0)]
        field: Cow<'static, str>,
    },
    /// A track call without an event name, or a name over 200 bytes.
    #[error("an event name has 1 to 200 bytes")]
    #[n(2)]
    EventNameInvalid,
    /// An alias call without `userId` and `previousId`, or a group call without `groupId`.
    #[error("{field} is required for this call")]
    #[n(3)]
    FieldMissing {
        /// The field's name in the tracking API.
        #[n(0)]
        field: Cow<'static, str>,
    },
    /// `properties`, `traits` or `context` is not the text of a JSON object.
    #[error("{field} must be a JSON object")]
    #[n(4)]
    NotAnObject {
        /// The field's name.
        #[n(0)]
        field: Cow<'static, str>,
    },
    /// `properties`, `traits` or `context` is over 32 KiB.
    #[error("{field} is {bytes} bytes, at most {max} are allowed")]
    #[n(5)]
    TooLarge {
        /// The field's name.
        #[n(0)]
        field: Cow<'static, str>,
        /// Its size in bytes.
        #[n(1)]
        bytes: usize,
        /// The bound.
        #[n(2)]
        max: usize,
    },
    /// `properties`, `traits` or `context` nests too deeply.
    #[error("{field} nests deeper than {max} levels")]
    #[n(6)]
    TooDeep {
        /// The field's name.
        #[n(0)]
        field: Cow<'static, str>,
        /// The bound.
        #[n(1)]
        max: usize,
    },
    /// The profile would have too many traits.
    #[error("a profile has at most {max} traits")]
    #[n(7)]
    TraitsTooMany {
        /// The bound.
        #[n(0)]
        max: usize,
    },
    /// The profile's traits together would be too large.
    #[error("the traits of a profile have at most {max} bytes together")]
    #[n(8)]
    TraitsTooLarge {
        /// The bound in bytes.
        #[n(0)]
        max: usize,
    },
    /// A trait's name is empty or over 128 bytes.
    #[error("a trait's name has 1 to 128 bytes")]
    #[n(9)]
    TraitNameInvalid,
    /// The profile would be in too many groups.
    #[error("a profile is in at most {max} groups")]
    #[n(10)]
    GroupsTooMany {
        /// The bound.
        #[n(0)]
        max: usize,
    },
    /// A consent's field is empty or too long, or its proof is not JSON.
    #[error("the consent's {field} is not valid")]
    #[n(11)]
    ConsentInvalid {
        /// The field's name.
        #[n(0)]
        field: Cow<'static, str>,
    },
    /// Too many different pairs of purpose and channel.
    #[error("a profile has at most {max} pairs of purpose and channel")]
    #[n(12)]
    ConsentsTooMany {
        /// The bound.
        #[n(0)]
        max: usize,
    },
    /// The tenant has all the profiles of its plan, and this would be another one.
    #[error("the plan allows {limit} profiles, and this would be a new one")]
    #[n(13)]
    ProfilesFull {
        /// The plan's limit.
        #[n(0)]
        limit: u64,
    },
    /// The profile is merged: ask the other one.
    #[error("the profile is merged into {into}")]
    #[n(14)]
    ProfileMerged {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
    },
    /// A profile cannot be merged into itself or into one that is merged into it.
    #[error("merging would go in a circle")]
    #[n(15)]
    MergeCircle,
    /// The profile to take out was never merged into this one, or was taken out already.
    #[error("the profile is not merged into this one")]
    #[n(16)]
    NotMerged,
    /// The policy at hand is older than the segment version asked for: ask again.
    #[error("the segment's version {version} is not known here yet")]
    #[n(17)]
    SegmentVersionUnknown {
        /// The version asked for.
        #[n(0)]
        version: u32,
    },
    /// The previewed rule is not a rule.
    #[error("the rule is not valid")]
    #[n(18)]
    RuleInvalid {
        /// The problems, a JSON array.
        #[n(0)]
        problems: String,
    },
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::MessageIdInvalid => "message_id_invalid",
            Self::IdInvalid { .. } => "id_invalid",
            Self::EventNameInvalid => "event_name_invalid",
            Self::FieldMissing { .. } => "field_missing",
            Self::NotAnObject { .. } => "not_an_object",
            Self::TooLarge { .. } => "field_too_large",
            Self::TooDeep { .. } => "field_too_deep",
            Self::TraitsTooMany { .. } => "traits_too_many",
            Self::TraitsTooLarge { .. } => "traits_too_large",
            Self::TraitNameInvalid => "trait_name_invalid",
            Self::GroupsTooMany { .. } => "groups_too_many",
            Self::ConsentInvalid { .. } => "consent_invalid",
            Self::ConsentsTooMany { .. } => "consents_too_many",
            Self::ProfilesFull { .. } => "plan_limit_reached",
            Self::ProfileMerged { .. } => "profile_merged",
            Self::MergeCircle => "merge_circle",
            Self::NotMerged => "profile_not_merged",
            Self::SegmentVersionUnknown { .. } => "segment_version_unknown",
            Self::RuleInvalid { .. } => "segment_rule_invalid",
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::IdInvalid { field }
            | Self::FieldMissing { field }
            | Self::NotAnObject { field }
            | Self::ConsentInvalid { field } => Some(format!(r#"{{"field":"{field}"}}"#)),
            Self::TooLarge { field, bytes, max } => {
                Some(format!(r#"{{"field":"{field}","bytes":{bytes},"max":{max}}}"#))
            }
            Self::TooDeep { field, max } => Some(format!(r#"{{"field":"{field}","max":{max}}}"#)),
            Self::TraitsTooMany { max }
            | Self::TraitsTooLarge { max }
            | Self::GroupsTooMany { max }
            | Self::ConsentsTooMany { max } => Some(format!(r#"{{"max":{max}}}"#)),
            Self::ProfilesFull { limit } => {
                Some(format!(r#"{{"what":"profiles","limit":{limit}}}"#))
            }
            Self::ProfileMerged { into } => Some(format!(r#"{{"into":"{into}"}}"#)),
            Self::SegmentVersionUnknown { version } => Some(format!(r#"{{"version":{version}}}"#)),
            Self::RuleInvalid { problems } => Some(format!(r#"{{"problems":{problems}}}"#)),
            Self::MessageIdInvalid
            | Self::EventNameInvalid
            | Self::TraitNameInvalid
            | Self::MergeCircle
            | Self::NotMerged => None,
        }
    }
}
