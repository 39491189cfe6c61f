//! What the system group answers to a command. See [`decide`].

mod checks;
mod join;
mod life;
mod map;

use impresario_ids::{ClusterId, NodeId};

use crate::{
    ClusterState, Command, Decision, Event, Introduction, Rejection, Reply, Settings,
    SettingsPatch, Status, balance,
};

/// What follows from `command` at `at_ms` (milliseconds of the Unix epoch). Events that change who
/// may hold what are followed by the map that is right then, in the same decision.
///
/// # Errors
/// If the command is refused; then nothing follows.
pub fn decide(state: &ClusterState, command: &Command, at_ms: i64) -> Result<Decision, Rejection> {
    let mut draft = Draft { now: state.clone(), events: Vec::new(), node: None, at_ms };
    if let Command::Found { cluster, partitions, replicas, intro } = command {
        draft.found(*cluster, *partitions, *replicas, intro)?;
    } else {
        if state.founded.is_none() {
            return Err(Rejection::NotFounded);
        }
        draft.carry_out(command)?;
    }
    let Draft { now, events, node, .. } = draft;
    let reply = Reply { node, changed: !events.is_empty(), version: now.version };
    Ok(Decision { events, reply })
}

/// A decision while it is being made.
struct Draft {
    /// The state with the events so far.
    now: ClusterState,
    events: Vec<Event>,
    node: Option<NodeId>,
    at_ms: i64,
}

impl Draft {
    fn record(&mut self, event: Event) {
        self.now.apply(&event);
        self.events.push(event);
    }

    fn set_status(&mut self, node: NodeId, status: Status) {
        self.record(Event::StatusSet { node, status, at_ms: self.at_ms });
    }

    fn rebalance(&mut self) {
        let groups = balance(&self.now);
        if !groups.is_empty() {
            self.record(Event::Mapped { groups });
        }
    }

    fn found(
        &mut self,
        cluster: ClusterId,
        partitions: u16,
        replicas: u8,
        intro: &Introduction,
    ) -> Result<(), Rejection> {
        if let Some(present) = self.now.cluster() {
            let again = self.now.node_of_store(intro.store);
            if present != cluster || again != Some(NodeId(1)) {
                return Err(Rejection::AlreadyFounded { cluster: present });
            }
            self.node = again;
            return Ok(());
        }
        let settings = Settings::new(partitions, replicas);
        checks::settings(&settings)?;
        checks::introduction(intro)?;
        let (node, at_ms) = (NodeId(1), self.at_ms);
        self.node = Some(node);
        self.record(Event::Founded { cluster, settings, at_ms });
        self.record(Event::Joined { node, intro: intro.clone(), at_ms });
        self.set_status(node, Status::Active);
        self.now.map =
            (0..=partitions).map(|group| (crate::GroupId(group), <_>::default())).collect();
        self.rebalance();
        Ok(())
    }

    fn carry_out(&mut self, command: &Command) -> Result<(), Rejection> {
        match command {
            Command::Found { cluster, .. } => Err(Rejection::AlreadyFounded { cluster: *cluster }),
            Command::Join { cluster, partitions, node, intro, answered_elsewhere } => {
                let claim = join::Claim {
                    cluster: *cluster,
                    partitions: *partitions,
                    node: *node,
                    answered_elsewhere: *answered_elsewhere,
                };
                self.join(claim, intro)
            }
            Command::Activate { node } => self.activate(*node),
            Command::Drain { node } => self.drain(*node),
            Command::Resume { node } => self.resume(*node),
            Command::Leave { node, forced, votes, without_majority } => {
                let at_risk = self.leave(*node, *forced, votes.as_ref())?;
                life::accepted(at_risk, without_majority.unwrap_or(false))
            }
            Command::FinishLeave { node } => self.finish_leave(*node),
            Command::MarkDead { node } => self.mark_dead(*node),
            Command::Revive { node } => self.revive(*node),
            Command::RemoveDead { node, voters, silent, forced } => {
                let at_risk = self.groups_at_risk(*node, voters, silent);
                self.remove_dead(*node, at_risk, *forced)
            }
            Command::SetZone { node, zone } => self.set_zone(*node, zone),
            Command::Configure { patch } => self.configure(*patch),
            Command::PutHint { tenant, hint } => self.put_hint(*tenant, hint.as_ref()),
            Command::Move { group, from, to } => self.move_replica(*group, *from, *to),
            Command::Prefer { group, leader } => self.prefer(*group, *leader),
            Command::Rebalance => {
                self.rebalance();
                Ok(())
            }
            Command::RecordRecovery { group, voters, kept, reason } => {
                self.record_recovery(*group, voters, kept, reason)
            }
        }
    }

    fn configure(&mut self, patch: SettingsPatch) -> Result<(), Rejection> {
        let before = self.now.settings().ok_or(Rejection::NotFounded)?;
        let settings = patch.on(before);
        checks::settings(&settings)?;
        if settings != *before {
            self.record(Event::Configured { settings });
            self.rebalance();
        }
        Ok(())
    }
}
