use impresario_kernel::Coded;
use impresario_rules::Problem;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, Status, VersionView, View};

/// What a segment can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Create the segment, or change it. A new segment is live at once; a paused one stays paused.
    #[n(0)]
    Save {
        /// Trimmed; 1 to [`NAME_CHARS_MAX`] characters without control characters.
        #[n(0)]
        name: String,
        /// At most [`DESCRIPTION_CHARS_MAX`] characters; may be empty.
        #[n(1)]
        description: String,
        /// The rule as JSON text (`engines/rules`).
        #[n(2)]
        rule: String,
        /// Refuse unless this is the version now (0: must not exist yet).
        #[n(3)]
        expected_version: Option<u32>,
    },
    /// Stop evaluating; members stay as they are.
    #[n(1)]
    Pause,
    /// Evaluate again, all profiles afresh.
    #[n(2)]
    Resume,
    /// End it for good.
    #[n(3)]
    Archive,
    /// All profiles were evaluated against this version.
    #[n(4)]
    SweepDone {
        /// The version that was evaluated.
        #[n(0)]
        version: u32,
        /// Profiles visited.
        #[n(1)]
        profiles: u64,
        /// How many of them belong.
        #[n(2)]
        members: u64,
    },
    /// The sweep over this version gave up.
    #[n(5)]
    SweepFailed {
        /// The version that was being evaluated.
        #[n(0)]
        version: u32,
        /// Why, as a stable code; cut at 200 characters.
        #[n(1)]
        reason: String,
    },
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Reply {
    /// The version after the command.
    #[n(0)]
    pub version: u32,
    /// The status after the command.
    #[n(1)]
    pub status: Status,
    /// Whether the command changed anything.
    #[n(2)]
    pub changed: bool,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// The rule does not parse or has problems.
    #[error("the rule has {} problem(s); the first: {}", .0.len(), first(.0))]
    #[n(0)]
    RuleInvalid(#[n(0)] Vec<Problem>),
    /// The name is empty, too long, or has control characters.
    #[error("a segment's name has 1 to {NAME_CHARS_MAX} characters and no control characters")]
    #[n(1)]
    NameInvalid,
    /// The description is too long.
    #[error("a segment's description has at most {DESCRIPTION_CHARS_MAX} characters")]
    #[n(2)]
    DescriptionTooLong,
    /// Someone else saved in between.
    #[error("the segment is at version {actual}, not at {expected}")]
    #[n(3)]
    VersionConflict {
        /// What the caller expected.
        #[n(0)]
        expected: u32,
        /// What it is.
        #[n(1)]
        actual: u32,
    },
    /// The segment was archived.
    #[error("the segment is archived and cannot change any more")]
    #[n(4)]
    Archived,
    /// The segment was never saved.
    #[error("there is no such segment")]
    #[n(5)]
    NotFound,
}

fn first(problems: &[Problem]) -> &str {
    problems.first().map_or("unknown", |problem| problem.message.as_str())
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::RuleInvalid(_) => "segment_rule_invalid",
            Self::NameInvalid => "segment_name_invalid",
            Self::DescriptionTooLong => "segment_description_too_long",
            Self::VersionConflict { .. } => "segment_version_conflict",
            Self::Archived => "segment_archived",
            Self::NotFound => "segment_not_found",
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::RuleInvalid(problems) => {
                Some(serde_json::json!({ "problems": problems }).to_string())
            }
            Self::VersionConflict { expected, actual } => {
                Some(serde_json::json!({ "expected": expected, "actual": actual }).to_string())
            }
            Self::NameInvalid | Self::DescriptionTooLong | Self::Archived | Self::NotFound => None,
        }
    }
}

/// What a segment can be asked to tell.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// Everything about it.
    #[n(0)]
    Get,
    /// One of the remembered versions of its rule.
    #[n(1)]
    Version {
        /// Counted from 1.
        #[n(0)]
        version: u32,
    },
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// To [`Query::Get`]; `None` if the segment was never saved.
    #[n(0)]
    Segment(#[n(0)] Option<View>),
    /// To [`Query::Version`]; `None` if there is no such version, or not any more.
    #[n(1)]
    Version(#[n(0)] Option<VersionView>),
}

/// The tenant's settings that a segment's decisions depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The names of the tenant's computed traits, so that a rule that names another is refused.
    /// `None`: unknown, not checked.
    pub computed_traits: Option<Vec<String>>,
}
