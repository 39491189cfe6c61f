use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{Event, VERSIONS_KEPT};

/// Where a segment is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Status {
    /// Never saved.
    #[default]
    #[n(0)]
    Draft,
    /// Evaluated for every profile.
    #[n(1)]
    Live,
    /// Not evaluated for now.
    #[n(2)]
    Paused,
    /// Ended.
    #[n(3)]
    Archived,
}

/// How far the evaluation of all profiles against the current version has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Build {
    /// Nobody was asked: the segment is not live.
    #[default]
    #[n(0)]
    NotStarted,
    /// Under way.
    #[n(1)]
    Building {
        /// Since when.
        #[n(0)]
        #[serde(serialize_with = "crate::view::time")]
        since: Timestamp,
    },
    /// Done.
    #[n(2)]
    Ready {
        /// Profiles visited.
        #[n(0)]
        profiles: u64,
        /// Members among them, at that time.
        #[n(1)]
        members: u64,
        /// When.
        #[n(2)]
        #[serde(serialize_with = "crate::view::time")]
        at: Timestamp,
    },
    /// Gave up.
    #[n(3)]
    Failed {
        /// A stable code.
        #[n(0)]
        reason: String,
        /// When.
        #[n(1)]
        #[serde(serialize_with = "crate::view::time")]
        at: Timestamp,
    },
}

/// One version of the rule.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Version {
    /// Counted from 1.
    #[n(0)]
    pub version: u32,
    /// Canonical JSON text.
    #[n(1)]
    pub rule: String,
    /// When it was saved.
    #[n(2)]
    pub at: Timestamp,
}

/// What a segment knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct State {
    #[n(0)]
    pub(crate) status: Status,
    #[n(1)]
    pub(crate) version: u32,
    #[n(2)]
    pub(crate) name: String,
    #[n(3)]
    pub(crate) description: String,
    #[n(4)]
    pub(crate) created: Timestamp,
    #[n(5)]
    pub(crate) updated: Timestamp,
    #[n(6)]
    pub(crate) build: Build,
    /// Oldest first, at most [`VERSIONS_KEPT`]; the last one is the current one.
    #[n(7)]
    pub(crate) versions: Vec<Version>,
}

impl State {
    /// The current rule's canonical text; empty if never saved.
    #[must_use]
    pub fn rule(&self) -> &str {
        self.versions.last().map_or("", |version| version.rule.as_str())
    }

    /// Total: a committed event always applies.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Saved { version, name, description, rule, at } => {
                if self.status == Status::Draft {
                    self.status = Status::Live;
                    self.created = *at;
                }
                self.version = *version;
                self.describe(name, description, *at);
                self.build = self.fresh_build(*at);
                self.versions.push(Version { version: *version, rule: rule.clone(), at: *at });
                let surplus = self.versions.len().saturating_sub(VERSIONS_KEPT);
                self.versions.drain(..surplus);
            }
            Event::Described { name, description, at } => self.describe(name, description, *at),
            Event::Paused { at } => self.turn(Status::Paused, *at),
            Event::Resumed { at } => {
                self.turn(Status::Live, *at);
                self.build = self.fresh_build(*at);
            }
            Event::Archived { at } => self.turn(Status::Archived, *at),
            Event::Built { version: _, profiles, members, at } => {
                self.build = Build::Ready { profiles: *profiles, members: *members, at: *at };
            }
            Event::BuildFailed { version: _, reason, at } => {
                self.build = Build::Failed { reason: reason.clone(), at: *at };
            }
        }
    }

    fn describe(&mut self, name: &str, description: &str, at: Timestamp) {
        name.clone_into(&mut self.name);
        description.clone_into(&mut self.description);
        self.updated = at;
    }

    fn turn(&mut self, status: Status, at: Timestamp) {
        self.status = status;
        self.updated = at;
        if matches!(self.build, Build::Building { .. }) {
            self.build = Build::NotStarted;
        }
    }

    fn fresh_build(&self, at: Timestamp) -> Build {
        if self.status == Status::Live { Build::Building { since: at } } else { Build::NotStarted }
    }
}
