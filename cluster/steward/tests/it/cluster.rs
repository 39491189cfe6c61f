use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::Consensus;
use impresario_ids::{ClusterId, NodeId};
use impresario_journal::{CommitError, Table, Write};
use impresario_placement::{GroupId, Introduction, Status, StoreId, WireRange, Zone};
use impresario_redb::{ReplicaOptions, ReplicaStore};
use impresario_steward::{
    Claim, ClusterStatus, Gate, Identity, JoinError, JoinOptions, Options, Parts, Steward, Welcome,
    join,
};
use impresario_wire::Me;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::{Instant, interval};

use crate::net::{Listener, Net, Port, Street};

pub(crate) const PARTITIONS: u16 = 4;
pub(crate) const SYSTEM: GroupId = GroupId(PARTITIONS);
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn cluster_id() -> ClusterId {
    ClusterId::derived(&[b"a test"])
}

pub(crate) fn options() -> Options {
    Options {
        beat_ms: 60,
        silence_ms: 600,
        plan_ms: 150,
        plan_pause_ms: 20,
        call_ms: 2_000,
        command_ms: 8_000,
        step_ms: 20_000,
        farewell_ms: 500,
        join: patience(),
    }
}

fn patience() -> JoinOptions {
    JoinOptions { knock_ms: 8_000, pause_ms: 30, pause_max_ms: 200, within_ms: 60_000 }
}

pub(crate) fn raft() -> impresario_consensus::Options {
    impresario_consensus::Options {
        heartbeat_ms: 80,
        election_min_ms: 250,
        election_max_ms: 400,
        append_timeout_ms: 1_000,
        change_timeout_ms: 10_000,
        ..impresario_consensus::Options::default()
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

pub(crate) fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// A process of a node.
pub(crate) struct Node {
    pub(crate) me: Me,
    pub(crate) steward: Steward,
    pub(crate) consensus: Consensus,
    pub(crate) gate: Gate,
    store: ReplicaStore,
    pub(crate) addr: String,
    net: Arc<Net>,
    pub(crate) runtime: Runtime,
}

impl Node {
    fn start(net: &Arc<Net>, dir: &TempDir, intro: Introduction, welcome: Option<Welcome>) -> Self {
        let identity = Identity::open(dir.path()).expect("an identity");
        let me = identity.me().expect("settled");
        let runtime = runtime();
        let _entered = runtime.enter();
        let mut replicas = ReplicaOptions::new(dir.path(), PARTITIONS + 1);
        replicas.gather = Duration::ZERO;
        let store = ReplicaStore::open(replicas).expect("a store");
        let gate = Gate::new(me);
        let port = Arc::new(Port::new(net, me, gate.clone()));
        let opening = Consensus::open(raft(), store.clone(), me.node, port.clone(), gate.allowed());
        let consensus = runtime.block_on(opening).expect("a consensus");
        let addr = intro.addr.clone();
        let steward = Steward::start(Parts {
            me,
            run: rand::random(),
            intro,
            consensus: consensus.clone(),
            calls: port.clone(),
            peers: port,
            knock: Arc::new(Street { net: Arc::clone(net), near: me.node }),
            gate: gate.clone(),
            clock: Arc::new(|| 1_000),
            welcome,
            seeds: Vec::new(),
            options: options(),
        });
        let steward = steward.expect("a steward");
        let listener = Listener {
            me,
            gate: gate.clone(),
            consensus: consensus.clone(),
            steward: steward.clone(),
            runtime: runtime.handle().clone(),
        };
        net.listen(&addr, listener);
        drop(_entered);
        Self { me, steward, consensus, gate, store, addr, net: Arc::clone(net), runtime }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// As `kill -9` does.
    fn kill(self) {
        self.net.close(&self.addr);
        let Self { steward, consensus, store, gate, runtime, .. } = self;
        drop((steward, consensus, store, gate));
        drop(runtime);
    }
}

/// Some nodes, and the folders of those that were.
pub(crate) struct Cluster {
    pub(crate) net: Arc<Net>,
    nodes: BTreeMap<NodeId, Node>,
    folders: BTreeMap<NodeId, (TempDir, Introduction)>,
    /// For what belongs to no node.
    pub(crate) outside: Runtime,
    next: u32,
}

impl Cluster {
    /// Node 1, alone.
    pub(crate) fn found(replicas: u8) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Self {
            net: Arc::default(),
            nodes: BTreeMap::new(),
            folders: BTreeMap::new(),
            outside: runtime(),
            next: 0,
        };
        let mut identity = Identity::open(folder.path()).expect("an identity");
        let (node, store) = (NodeId(1), identity.store());
        let me = Me { cluster: cluster_id(), node, store, partitions: PARTITIONS };
        identity.settle(me).expect("settles");
        let intro = cluster.intro(store, "");
        let first = Node::start(&cluster.net, &folder, intro.clone(), None);
        first.run(first.steward.found(replicas)).expect("a cluster");
        cluster.nodes.insert(node, first);
        cluster.folders.insert(node, (folder, intro));
        cluster
    }

    /// So many nodes, with everything where it should be.
    pub(crate) fn of(count: usize, replicas: u8) -> Self {
        let mut cluster = Self::found(replicas);
        for _ in 1..count {
            cluster.join("").expect("let in");
        }
        cluster.await_settled(count);
        cluster
    }

    pub(crate) fn intro(&mut self, store: impresario_wire::StoreId, zone: &str) -> Introduction {
        self.next += 1;
        Introduction {
            store: StoreId(store.0),
            addr: format!("host-{}:7400", self.next),
            http: format!("host-{}:8080", self.next),
            zone: Zone::new(zone).expect("a zone"),
            version: "0.1.0".to_owned(),
            wire: WireRange { lowest: 1, highest: 1 },
        }
    }

    /// A new node with an empty folder joins.
    pub(crate) fn join(&mut self, zone: &str) -> Result<NodeId, JoinError> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut identity = Identity::open(folder.path()).expect("an identity");
        let intro = self.intro(identity.store(), zone);
        let claim = Claim {
            cluster: Some(cluster_id()),
            node: None,
            partitions: 0,
            run: rand::random(),
            intro: intro.clone(),
        };
        let welcome = self.ask_in(&claim)?;
        identity.settle(welcome.me).expect("settles");
        let node = Node::start(&self.net, &folder, intro.clone(), Some(welcome));
        let id = node.me.node;
        self.nodes.insert(id, node);
        self.folders.insert(id, (folder, intro));
        Ok(id)
    }

    /// Asks all members to be let in.
    pub(crate) fn ask_in(&self, claim: &Claim) -> Result<Welcome, JoinError> {
        let addrs: Vec<String> = self.nodes.values().map(|node| node.addr.clone()).collect();
        let street = Street { net: Arc::clone(&self.net), near: NodeId(0) };
        self.outside.block_on(join(&street, claim, &addrs, &patience()))
    }

    /// What a killed node would say of itself.
    pub(crate) fn claim_of(&self, node: u64) -> Claim {
        let (folder, intro) = &self.folders[&NodeId(node)];
        let me = Identity::open(folder.path()).expect("an identity").me().expect("settled");
        Claim {
            cluster: Some(me.cluster),
            node: Some(me.node),
            partitions: me.partitions,
            run: rand::random(),
            intro: intro.clone(),
        }
    }

    pub(crate) fn kill(&mut self, node: u64) {
        self.nodes.remove(&NodeId(node)).expect("a node").kill();
    }

    /// A killed node starts again, at another address.
    pub(crate) fn restart(&mut self, node: u64) {
        self.start_again(node, true);
        let started = self.node(node);
        started.run(started.steward.announce()).expect("let in again");
    }

    pub(crate) fn start_again(&mut self, node: u64, moved: bool) {
        let id = NodeId(node);
        let (folder, old) = self.folders.remove(&id).expect("a folder");
        let zone = old.zone.name().to_owned();
        let store = impresario_wire::StoreId(old.store.0);
        let intro = if moved { self.intro(store, &zone) } else { old };
        let started = Node::start(&self.net, &folder, intro.clone(), None);
        self.nodes.insert(id, started);
        self.folders.insert(id, (folder, intro));
    }

    /// The same for several: none of them is let in before a quorum of them runs.
    pub(crate) fn restart_all(&mut self, nodes: &[u64]) {
        for node in nodes {
            self.start_again(*node, false);
        }
        for node in self.nodes.values() {
            node.run(node.steward.announce()).expect("let in again");
        }
    }

    pub(crate) fn node(&self, node: u64) -> &Node {
        &self.nodes[&NodeId(node)]
    }

    pub(crate) fn any(&self) -> &Node {
        self.nodes.values().next().expect("a node")
    }

    /// The node that leads the system group.
    pub(crate) fn planner(&self) -> u64 {
        let mut found = None;
        self.until("a planner", |cluster| {
            let leads = |node: &&Node| node.consensus.leadership(PARTITIONS).is_leader();
            found = cluster.nodes.values().find(leads).map(|node| node.me.node.0);
            found.is_some()
        });
        found.expect("until found")
    }

    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + SOON;
        self.outside.block_on(async {
            let mut looks = interval(Duration::from_millis(40));
            while Instant::now() < deadline {
                looks.tick().await;
                if tokio::task::block_in_place(|| holds(self)) {
                    return;
                }
            }
            let status = self.any().steward.status().await;
            panic!("not in time: {what}; {}", glance(&status));
        });
    }

    /// Waits until the node says that its status is so.
    pub(crate) fn await_status(&self, what: &str, by: u64, holds: impl Fn(&ClusterStatus) -> bool) {
        let deadline = Instant::now() + SOON;
        let node = self.node(by);
        node.run(async {
            let mut looks = interval(Duration::from_millis(60));
            loop {
                looks.tick().await;
                let status = node.steward.status().await;
                if holds(&status) {
                    return;
                }
                assert!(Instant::now() < deadline, "not in time: {what}; {}", glance(&status));
            }
        });
    }

    /// Waits until everything is where it should be and so many nodes are active.
    pub(crate) fn await_settled(&self, active: usize) {
        let by = self.any().me.node.0;
        self.await_status("all settled", by, |status| settled(status, active));
    }

    /// Writes to every partition through its leader, wherever that is.
    pub(crate) fn write(&self, key: &str) {
        for group in 0..PARTITIONS {
            self.until("a write", |cluster| {
                cluster.nodes.values().any(|node| node.put(group, key))
            });
        }
    }

    /// Writes to every partition, of which this node leads all.
    pub(crate) fn write_on(&self, node: u64, key: &str) {
        for group in 0..PARTITIONS {
            self.until("a write", |cluster| cluster.node(node).put(group, key));
        }
    }

    /// Waits until every voter of every partition has these keys.
    pub(crate) fn await_written(&self, keys: &[&str]) {
        let state = self.any().steward.state();
        for (group, assignment) in state.map().filter(|(group, _)| *group != SYSTEM) {
            for voter in &assignment.voters {
                let node = &self.nodes[voter];
                for key in keys {
                    self.until("written everywhere", |_| node.has(group.0, key));
                }
            }
        }
    }
}

impl Node {
    /// Whether this node leads the partition and has made the row durable.
    fn put(&self, group: u16, key: &str) -> bool {
        let now = self.consensus.leadership(group);
        if !now.is_leader() {
            return false;
        }
        let (table, key) = (Table::Index, key.as_bytes().to_vec());
        let put = Write::Put { table, key, value: vec![1] };
        let committed = self.run(self.consensus.system(group).commit(now.term, vec![put]));
        match committed {
            Ok(_) => true,
            Err(CommitError::NotLeader { .. } | CommitError::StaleTerm { .. }) => false,
            // Written again: the row is the same.
            Err(CommitError::Unknown(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn has(&self, group: u16, key: &str) -> bool {
        let read = self.consensus.system(group).get(Table::Index, key.as_bytes());
        read.is_ok_and(|value| value.is_some())
    }
}

/// Whether everything is where it should be.
pub(crate) fn settled(status: &ClusterStatus, active: usize) -> bool {
    let members = status.nodes.iter().filter(|node| node.status == Status::Active && node.alive);
    let there = status.groups.iter().all(|group| {
        group.voters == group.wanted.voters
            && group.learners == group.wanted.learners
            && group.leader == group.wanted.leader
            && !group.changing
    });
    members.count() == active && there && status.pending.is_empty() && status.works.is_empty()
}

/// The status in a few lines, for a failed test.
fn glance(status: &ClusterStatus) -> String {
    let ids = |nodes: &BTreeSet<NodeId>| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let mut text = format!("version {}, works {:?}\n", status.version, status.works);
    for node in &status.nodes {
        text += &format!("{} {} alive {}, {}\n", node.node, node.status, node.alive, node.addr);
    }
    for group in &status.groups {
        let (is, wanted) = (ids(&group.voters), ids(&group.wanted.voters));
        text += &format!(
            "{} led by {:?} of {:?} under {}: {is:?} of {wanted:?}, learners {:?} of {:?}, lag {:?}\n",
            group.group,
            group.leader,
            group.wanted.leader,
            group.term,
            ids(&group.learners),
            ids(&group.wanted.learners),
            group.lag
        );
    }
    text
}
