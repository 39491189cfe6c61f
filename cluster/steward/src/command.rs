//! The way of a question to the leader of a group.

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::{
    Answered, Command, GaveUp, GroupId, Next, RedirectLimits, Redirects, Reply, Route, route,
};
use tokio::time::Instant;

use crate::ask::Trouble;
use crate::message::{Ask, Told};
use crate::steward::{Inner, Steward};

/// Why a command has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The cluster refuses, and would again.
    #[error("{message}")]
    Rejected {
        /// The stable code, one of [`impresario_placement::CODES`].
        code: String,
        /// For people.
        message: String,
    },
    /// Nothing was done: nobody was found that leads the system group.
    #[error("no leader of the system group was found: {0}")]
    NoLeader(String),
    /// It may have been done. Commands say what should be, so the same one may be told again.
    #[error("it is not known whether it was done: {0}")]
    Unknown(String),
    /// The cluster did not get there in time; it goes on.
    #[error("not there in time: {0}")]
    Timeout(String),
    /// A node failed.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Rejected { code, .. } => code,
            Self::NoLeader(_) | Self::Failed(_) => "unavailable",
            Self::Unknown(_) => "outcome_unknown",
            Self::Timeout(_) => "deadline_exceeded",
        }
    }
}

impl Steward {
    /// Tells the system group a command, wherever its leader is.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn execute(&self, command: Command) -> Result<Reply, CommandError> {
        self.inner.execute(command).await
    }
}

impl Inner {
    pub(crate) async fn execute(self: &Arc<Self>, command: Command) -> Result<Reply, CommandError> {
        let within = Duration::from_millis(self.options.command_ms);
        match self.ask_leader(self.system_group, Ask::Command(command), within).await? {
            Told::Reply(reply) => Ok(reply),
            _ => Err(CommandError::Unknown("an answer to something else".to_owned())),
        }
    }

    /// Asks the leader of a group, following hints, a bounded number of times.
    pub(crate) async fn ask_leader(
        self: &Arc<Self>,
        group: GroupId,
        ask: Ask,
        within: Duration,
    ) -> Result<Told, CommandError> {
        let until = Instant::now() + within;
        let left = || until.saturating_duration_since(Instant::now());
        let mut redirects = Redirects::new(RedirectLimits::default(), rand::random());
        let mut hinted: Option<NodeId> = None;
        let mut last = "none is known".to_owned();
        loop {
            let target = hinted.take().or_else(|| {
                let node = self.route(group)?;
                redirects.ask(node).then_some(node)
            });
            let answered = match target {
                None => Answered::NotSent,
                Some(node) => match self.ask(node, ask.clone(), left()).await {
                    Ok(told) => return Ok(told),
                    Err(Trouble::Rejected { code, message }) => {
                        return Err(CommandError::Rejected { code, message });
                    }
                    Err(Trouble::Failed(why)) => return Err(CommandError::Failed(why)),
                    Err(Trouble::NoAnswer(why)) => {
                        last = format!("{node}: {why}");
                        Answered::NoAnswer
                    }
                    Err(Trouble::NotSent(why)) => {
                        last = format!("{node}: {why}");
                        Answered::NotSent
                    }
                    Err(Trouble::NotLeader { leader, term }) => {
                        self.leaders.note(group, term, leader);
                        last = format!("{node} does not lead");
                        Answered::NotLeader { hint: leader }
                    }
                },
            };
            let left_ms = u64::try_from(left().as_millis()).unwrap_or(u64::MAX);
            match redirects.after(answered, left_ms) {
                Next::Ask(node) => hinted = Some(node),
                Next::Pause { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Next::GiveUp(GaveUp::OutcomeUnknown) => return Err(CommandError::Unknown(last)),
                Next::GiveUp(GaveUp::NoLeader | GaveUp::Deadline) => {
                    return Err(CommandError::NoLeader(last));
                }
            }
        }
    }

    fn route(&self, group: GroupId) -> Option<NodeId> {
        if self.consensus.leadership(group.0).is_leader() {
            return Some(self.me.node);
        }
        let state = self.system.latest();
        let reachable = |node| !self.is_silent(node);
        let to =
            self.leaders.read(|leaders| route(&state, leaders, group, self.me.node, reachable));
        match to {
            Route::To(node) => Some(node),
            // This node could only answer that it does not lead, but it may know who does.
            Route::Here => self.consensus.leadership(group.0).leader().or(Some(self.me.node)),
            Route::Nowhere => None,
        }
    }
}
