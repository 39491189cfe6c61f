//! From founding to leaving, as a node or a person asks for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use impresario_consensus::ConsensusError;
use impresario_ids::NodeId;
use impresario_journal::Role;
use impresario_placement::{Command, GroupId, Reply, Status};
use tokio::time::{Instant, timeout_at};

use crate::ask::Trouble;
use crate::command::CommandError;
use crate::join::try_all;
use crate::message::{Ask, Told};
use crate::recover::RETIRED;
use crate::steward::{Inner, Steward};
use crate::{Claim, JoinError};

impl Steward {
    /// Begins the cluster with this node as its first, which must have the number 1. Nothing
    /// happens if that was done before.
    ///
    /// # Errors
    /// If the groups cannot be founded, or belong to another cluster.
    pub async fn found(&self, replicas: u8) -> Result<Reply, CommandError> {
        let inner = &self.inner;
        let failed = |error: &dyn std::fmt::Display| CommandError::Failed(error.to_string());
        if inner.me.node != NodeId(1) {
            return Err(CommandError::Failed("only node 1 founds a cluster".to_owned()));
        }
        let known = inner.system.stored().map_err(|error| failed(&error))?;
        if known.is_none() {
            inner.found_groups().await.map_err(|error| failed(&error))?;
        }
        let found = Command::Found {
            cluster: inner.me.cluster,
            partitions: inner.me.partitions,
            replicas,
            intro: inner.intro.clone(),
        };
        if known.is_some_and(|state| state.node_of_store(inner.intro.store) == Some(NodeId(1))) {
            let state = inner.system.latest();
            return Ok(Reply { node: Some(NodeId(1)), changed: false, version: state.version() });
        }
        inner.execute(found).await
    }

    /// Says at the start of a member what it is now: its address, release and zone may be new. Asks
    /// until it is answered.
    ///
    /// # Errors
    /// [`JoinError::Refused`]: this store may not run, the node must stop.
    pub async fn announce(&self) -> Result<Reply, JoinError> {
        let inner = &self.inner;
        let me = inner.me;
        let claim = Claim {
            cluster: Some(me.cluster),
            node: Some(me.node),
            partitions: me.partitions,
            run: inner.run,
            intro: inner.intro.clone(),
        };
        // Whoever answers first may have been given up together with this node.
        if let Some(message) = inner.is_given_up(inner.others()).await {
            return Err(JoinError::Refused { code: RETIRED.to_owned(), message });
        }
        let options = &inner.options.join;
        let mut pause = Duration::from_millis(options.pause_ms);
        loop {
            if inner.system.journal().leadership().is_leader() {
                match inner.announce_here(&claim).await {
                    Ok(reply) => return Ok(reply),
                    Err(Trouble::Rejected { code, message }) => {
                        return Err(JoinError::Refused { code, message });
                    }
                    Err(trouble) => tracing::debug!(why = %trouble, "not announced yet"),
                }
            } else {
                let addrs = inner.addresses();
                match try_all(inner.knock.as_ref(), &claim, &addrs, options).await? {
                    Ok(welcome) => {
                        let version = welcome.state.version();
                        inner.gate.meet(&welcome.state);
                        inner.system.offer(welcome.state);
                        return Ok(Reply { node: Some(me.node), changed: false, version });
                    }
                    Err(why) => tracing::debug!(why = %why, "not announced yet"),
                }
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(Duration::from_millis(options.pause_max_ms));
        }
    }

    /// Moves the leaders off a node that will be restarted, and waits until it leads nothing that
    /// another node could lead, or for `within`. Answers what it still leads.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn drain(
        &self,
        node: NodeId,
        within: Duration,
    ) -> Result<Vec<GroupId>, CommandError> {
        self.execute(Command::Drain { node }).await?;
        let until = Instant::now() + within;
        let mut news = self.inner.leaders.watch();
        loop {
            news.borrow_and_update();
            let leads = self.inner.led_by(node).await;
            if let Some(leads) = &leads
                && leads.iter().all(|group| self.inner.is_alone(node, *group))
            {
                return Ok(leads.clone());
            }
            let look = Instant::now() + Duration::from_millis(self.inner.options.beat_ms);
            // An error says that it is time to look, news or not.
            let _ = timeout_at(look.min(until), news.changed()).await;
            if Instant::now() >= until {
                return Ok(leads.unwrap_or_default());
            }
        }
    }

    /// Ends a drain, or takes a leave back.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn resume(&self, node: NodeId) -> Result<Reply, CommandError> {
        self.execute(Command::Resume { node }).await
    }

    /// Moves everything off a node, for good. [`Steward::await_status`] waits until it has left.
    /// `forced` also if partitions then have fewer replicas; `without_majority` also if a group has no
    /// majority that answers, or would have none.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn leave(
        &self,
        node: NodeId,
        forced: bool,
        without_majority: bool,
    ) -> Result<Reply, CommandError> {
        let without_majority = without_majority.then_some(true);
        self.execute(Command::Leave { node, forced, votes: None, without_majority }).await
    }

    /// Whether a node answers now. This one does.
    pub async fn answers(&self, node: NodeId) -> bool {
        self.inner.process_of(node).await.is_some()
    }

    /// Gives up a node that was marked dead: its store may never be used again. `forced` also if
    /// groups then have no quorum.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn remove_dead(&self, node: NodeId, forced: bool) -> Result<Reply, CommandError> {
        // The leader says who votes and who is silent.
        let (voters, silent) = (<_>::default(), BTreeSet::new());
        self.execute(Command::RemoveDead { node, voters, silent, forced }).await
    }

    /// Waits until a node is at a place of its life, as far as this node learns.
    ///
    /// # Errors
    /// [`CommandError::Timeout`].
    pub async fn await_status(
        &self,
        node: NodeId,
        status: Status,
        within: Duration,
    ) -> Result<(), CommandError> {
        let mut states = self.inner.system.watch();
        let there = states
            .wait_for(|state| state.member(node).is_some_and(|member| member.status == status));
        match tokio::time::timeout(within, there).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(CommandError::Timeout(format!("{node} is not {status}"))),
        }
    }
}

impl Inner {
    /// Makes this node the only voter of every group that has not begun yet, the system group
    /// last: while that is not done nobody can have joined.
    async fn found_groups(&self) -> Result<(), ConsensusError> {
        let system = self.system_group.0;
        let begin = |group: u16| async move {
            match self.consensus.found(group..group + 1).await {
                Ok(()) | Err(ConsensusError::Founded(_)) => Ok(()),
                Err(error) => Err(error),
            }
        };
        if !self.consensus.groups().contains(&system) {
            try_join_all((0..system).map(begin)).await?;
        }
        begin(system).await?;
        let within = Duration::from_millis(self.options.command_ms);
        let now = self.consensus.await_leader(system, within).await?;
        match now.role {
            Role::Leader => Ok(()),
            Role::Follower { .. } | Role::Absent => Err(ConsensusError::Founded(system)),
        }
    }

    async fn announce_here(self: &Arc<Self>, claim: &Claim) -> Result<Reply, Trouble> {
        let join = Command::Join {
            cluster: self.me.cluster,
            partitions: claim.partitions,
            node: claim.node,
            intro: claim.intro.clone(),
            answered_elsewhere: false,
        };
        self.system.command(&join, self.now_ms()).await
    }

    /// Where other nodes may be.
    fn addresses(&self) -> Vec<String> {
        let state = self.system.latest();
        let others = state.members().filter(|member| member.status.is_present());
        let others = others.filter(|member| member.node != self.me.node);
        let mut addrs: Vec<String> = others.map(|member| member.intro.addr.clone()).collect();
        let seeds = self.seeds.iter().filter(|seed| **seed != self.intro.addr);
        addrs.extend(seeds.cloned());
        addrs
    }

    /// The groups that a node leads, if it answers.
    async fn led_by(self: &Arc<Self>, node: NodeId) -> Option<Vec<GroupId>> {
        let ask = Ask::Beat(self.beat());
        match self.ask(node, ask, self.options.call()).await {
            Ok(Told::Beat(beat)) => {
                self.hear(node, &beat);
                Some(beat.leads.into_iter().map(|(group, _)| group).collect())
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether no other voter of the group may lead.
    fn is_alone(&self, node: NodeId, group: GroupId) -> bool {
        let state = self.system.latest();
        state.assignment(group).is_some_and(|want| {
            !want.voters.iter().any(|voter| *voter != node && self.is(*voter, Status::Active))
        })
    }
}
