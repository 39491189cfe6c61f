//! A cluster: what the system group holds, what is really there, and who is awake.

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::{ClusterId, NodeId};
use impresario_placement::{
    ClusterState, Command, GroupId, Introduction, NodeView, Observations, Rejection, Reply, Status,
    Step, StoreId, WireRange, Zone, decide, plan,
};

use crate::checks;
use crate::raft::{Dice, Group};

pub(crate) const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);

#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    pub(crate) alive: bool,
    /// Its disk is gone; it will not come back.
    pub(crate) destroyed: bool,
    pub(crate) slow: bool,
    pub(crate) silent_ms: u64,
    pub(crate) files: BTreeSet<GroupId>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) state: ClusterState,
    pub(crate) machines: BTreeMap<NodeId, Machine>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) now_ms: i64,
    pub(crate) stores: u8,
}

pub(crate) fn intro(store: u8, zone: &str) -> Introduction {
    Introduction {
        store: StoreId([store; 16]),
        addr: format!("n{store}:7000"),
        http: format!("n{store}:8080"),
        zone: Zone::new(zone).expect("a zone"),
        version: "0.1.0".to_owned(),
        wire: WireRange { lowest: 1, highest: 2 },
    }
}

impl World {
    pub(crate) fn found(seed: u64, partitions: u16, replicas: u8, zone: &str) -> Self {
        let mut world = Self {
            dice: Dice(seed),
            state: ClusterState::default(),
            machines: BTreeMap::new(),
            groups: BTreeMap::new(),
            now_ms: 0,
            stores: 1,
        };
        let intro = intro(1, zone);
        let found = Command::Found { cluster: CLUSTER, partitions, replicas, intro };
        world.tell(&found).expect("founded");
        let node = NodeId(1);
        let groups: BTreeSet<GroupId> = (0..=partitions).map(GroupId).collect();
        world.groups = groups.iter().map(|group| (*group, Group::founded(node))).collect();
        let files = groups;
        world.machines.insert(node, Machine { alive: true, files, ..Machine::default() });
        world
    }

    pub(crate) fn system(&self) -> GroupId {
        self.state.system_group().expect("founded")
    }

    pub(crate) fn alive(&self, node: NodeId) -> bool {
        self.machines.get(&node).is_some_and(|machine| machine.alive)
    }

    /// Tells the system group something and checks what it says.
    pub(crate) fn tell(&mut self, command: &Command) -> Result<Reply, Rejection> {
        self.now_ms += 1;
        let before = self.state.clone();
        let decision = decide(&self.state, command, self.now_ms)?;
        for event in &decision.events {
            self.state.apply(event);
        }
        checks::decided(&before, &self.state, command, &decision);
        Ok(decision.reply)
    }

    /// Whether the system group takes commands.
    pub(crate) fn takes_commands(&self) -> bool {
        self.groups[&self.system()].leader.is_some()
    }

    pub(crate) fn join(&mut self, zone: &str) -> NodeId {
        self.stores += 1;
        let join = Command::Join {
            cluster: CLUSTER,
            partitions: 0,
            node: None,
            intro: intro(self.stores, zone),
            answered_elsewhere: false,
        };
        let node = self.tell(&join).expect("may join").node.expect("has a number");
        let machine = Machine { alive: true, ..Machine::default() };
        assert!(self.machines.insert(node, machine).is_none(), "{node} was given twice");
        node
    }

    pub(crate) fn nodes(&self, fits: impl Fn(Status) -> bool) -> Vec<NodeId> {
        let members = self.state.members().filter(|member| fits(member.status));
        members.map(|member| member.node).collect()
    }

    /// Some time passes: elections, new entries, copying.
    pub(crate) fn pass(&mut self, ms: u64) {
        for machine in self.machines.values_mut() {
            machine.silent_ms = if machine.alive { 0 } else { machine.silent_ms + ms };
        }
        let Self { machines, groups, dice, .. } = self;
        let alive = |node: NodeId| machines.get(&node).is_some_and(|machine| machine.alive);
        for group in groups.values_mut() {
            group.elect(alive);
            let entries = dice.below(2_000);
            group.run(entries, alive, |node| {
                if machines[&node].slow { 500 + dice.below(2_000) } else { u64::MAX }
            });
        }
    }

    pub(crate) fn observe(&self) -> Observations {
        let node = |machine: &Machine| NodeView {
            alive: machine.alive,
            silent_ms: machine.silent_ms,
            replicas: machine.files.clone(),
        };
        Observations {
            groups: self.groups.iter().map(|(group, raft)| (*group, raft.view())).collect(),
            nodes: self.machines.iter().map(|(at, machine)| (*at, node(machine))).collect(),
        }
    }

    /// Plans and takes each step, but for one in `lost` of them. Says how many were planned.
    pub(crate) fn work(&mut self, lost: Option<u64>) -> usize {
        if !self.takes_commands() {
            return 0;
        }
        let mut observed = self.observe();
        let whole = lost.is_none() || !self.dice.one_in(6);
        if !whole {
            observed.groups.retain(|_, _| !self.dice.one_in(3));
            observed.nodes.retain(|_, _| !self.dice.one_in(5));
        }
        let steps = plan(&self.state, &observed);
        checks::planned(self, &steps, whole);
        for step in &steps {
            if !lost.is_some_and(|n| self.dice.one_in(n)) {
                self.take(step);
            }
        }
        steps.len()
    }

    fn take(&mut self, step: &Step) {
        if let Some(command) = step.command() {
            self.tell(&command).expect("what is planned is allowed");
            return;
        }
        let machines = &self.machines;
        let alive = |node: NodeId| machines.get(&node).is_some_and(|machine| machine.alive);
        let group = step.group().expect("a step of a group");
        let raft = self.groups.get_mut(&group).expect("a group");
        match step {
            Step::AddLearner { node, .. } => {
                raft.learners.insert(*node);
                self.machines.get_mut(node).expect("a machine").files.insert(group);
            }
            Step::ChangeVoters { to, .. } => raft.change(to, alive),
            Step::RemoveReplica { node, .. } => {
                raft.learners.remove(node);
            }
            Step::TransferLeader { from, to, .. } => {
                let end = raft.upto(*from);
                raft.upto.insert(*to, end);
                raft.leader = Some(*to);
            }
            Step::DeleteReplica { node, .. } => {
                raft.upto.remove(node);
                self.machines.get_mut(node).expect("a machine").files.remove(&group);
            }
            Step::Activate { .. }
            | Step::FinishLeave { .. }
            | Step::MarkDead { .. }
            | Step::Revive { .. } => {}
        }
    }

    /// Whether no group would lose its quorum, nor anything committed, with this disk.
    pub(crate) fn can_lose(&self, node: NodeId) -> bool {
        let removed = self.nodes(|status| status == Status::Removed);
        let stays =
            |at: NodeId| at != node && !self.machines[&at].destroyed && !removed.contains(&at);
        self.groups.values().all(|group| {
            let keeps = |at: NodeId| stays(at) && group.upto(at) >= group.committed;
            group.has_quorum(stays) && group.voters.iter().any(|at| keeps(*at))
        })
    }
}
