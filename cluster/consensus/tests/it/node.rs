use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::{Consensus, ConsensusError, Options, RaftJournal};
use impresario_ids::NodeId;
use impresario_journal::{
    Batch, CommitError, CommitIndex, Journal, KeyRange, Leadership, Role, Table, Term, Write,
};
use impresario_kernel::PartitionId;
use impresario_redb::{ReplicaOptions, ReplicaStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::net::{Net, Port};
use crate::sim::Disk;

pub(crate) const GROUPS: u16 = 2;
/// Longer than a busy machine stalls.
const SOON: Duration = Duration::from_secs(120);

pub(crate) fn options() -> Options {
    Options {
        heartbeat_ms: 60,
        election_min_ms: 150,
        election_max_ms: 250,
        append_bytes: 2000,
        append_timeout_ms: 1000,
        snapshot_timeout_ms: 2000,
        keep_entries: 8,
        archive_grace_ms: 0,
        catch_up_entries: 4,
        ..Options::default()
    }
}

/// A node of a cluster in this process, with threads of its own, so that it can be killed.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) consensus: Consensus,
    pub(crate) journal: RaftJournal,
    pub(crate) store: ReplicaStore,
    changed: watch::Receiver<u64>,
    net: Arc<Net>,
    pub(crate) runtime: Runtime,
}

impl Node {
    fn start(id: NodeId, place: &Place, net: &Arc<Net>, adopt: Option<u16>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut replicas = ReplicaOptions::new(place.dir(), GROUPS);
        replicas.gather = Duration::ZERO;
        replicas.adopt = adopt.map(|partitions| Consensus::adopt(id, partitions));
        replicas.checkpoint_age = Duration::from_millis(200);
        let store = match place {
            Place::Folder(_) => ReplicaStore::open(replicas),
            Place::Disk(disk) => ReplicaStore::open_simulated(replicas, Arc::new(disk.clone())),
        };
        let store = store.expect("a store");
        let transport = Arc::new(Port { net: Arc::clone(net), node: id });
        let opening =
            Consensus::open(options(), store.clone(), id, transport, Arc::new(|_, _| true));
        let consensus = runtime.block_on(opening).expect("a consensus");
        let (change, changed) = watch::channel(0u64);
        consensus.watch_leadership(Box::new(move |_, _| change.send_modify(|count| *count += 1)));
        net.join(id, consensus.clone(), runtime.handle().clone());
        let journal = consensus.journal(GROUPS);
        Self { id, consensus, journal, store, changed, net: Arc::clone(net), runtime }
    }

    /// As `kill -9` does.
    fn kill(self) {
        self.net.leave(self.id);
        let Self { consensus, journal, store, runtime, .. } = self;
        drop((consensus, journal, store));
        drop(runtime);
    }

    pub(crate) fn leadership(&self, group: u16) -> Leadership {
        self.consensus.leadership(group)
    }

    /// Waits for a leadership of this kind.
    pub(crate) fn await_role(&self, group: u16, wanted: impl Fn(Leadership) -> bool) -> Leadership {
        let mut changed = self.changed.clone();
        let seen = self.runtime.block_on(async {
            tokio::time::timeout(SOON, changed.wait_for(|_| wanted(self.leadership(group)))).await
        });
        let now = self.leadership(group);
        assert!(seen.is_ok(), "{} is {now:?} in group {group}", self.id);
        now
    }

    pub(crate) fn commit(
        &self,
        group: u16,
        term: Term,
        writes: Vec<Write>,
    ) -> Result<CommitIndex, CommitError> {
        let batch = Batch { partition: PartitionId(group), term, writes };
        let committed = self
            .runtime
            .block_on(async { tokio::time::timeout(SOON, self.journal.commit(batch)).await });
        committed.expect("an answer in time")
    }

    /// Puts a row, as the leader that it is. On a busy machine it may have to wait until the
    /// followers answer again.
    pub(crate) fn put(&self, group: u16, key: &[u8], value: &[u8]) -> CommitIndex {
        loop {
            let term = self.await_role(group, leads).term;
            match self.commit(group, term, vec![put(key, value)]) {
                Ok(index) => return index,
                Err(CommitError::NotLeader { .. }) => self.await_answers(group, term),
                Err(other) => panic!("{}: {other}", self.id),
            }
        }
    }

    /// Waits until a majority answers, or the term is over.
    fn await_answers(&self, group: u16, term: Term) {
        let confirm = || self.journal.confirm(PartitionId(group), term);
        while self.leadership(group).term == term && self.runtime.block_on(confirm()).is_err() {}
    }

    pub(crate) fn get(&self, group: u16, key: &[u8]) -> Option<Vec<u8>> {
        self.journal.get(PartitionId(group), Table::Events, key).expect("readable")
    }

    pub(crate) fn rows(&self, group: u16) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        for table in Table::ALL {
            let visit = &mut |key: &[u8], value: &[u8]| {
                rows.push((table, key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            };
            let scanned =
                self.journal.scan(PartitionId(group), table, &KeyRange::all(), false, visit);
            scanned.expect("readable");
        }
        rows
    }

    /// Waits until so many batches are applied here.
    pub(crate) fn await_applied(&self, group: u16, batches: u64) {
        let system = self.consensus.system(group);
        let applied = self
            .runtime
            .block_on(async { tokio::time::timeout(SOON, system.await_applied(batches)).await });
        applied.expect("applied in time").expect("a replica");
    }
}

pub(crate) fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put { table: Table::Events, key: key.to_vec(), value: value.to_vec() }
}

pub(crate) fn leads(now: Leadership) -> bool {
    now.is_leader()
}

/// Where a node keeps its store.
enum Place {
    Folder(TempDir),
    Disk(Disk),
}

impl Place {
    fn folder() -> Self {
        Self::Folder(tempfile::tempdir().expect("a folder"))
    }

    fn dir(&self) -> PathBuf {
        match self {
            Self::Folder(dir) => dir.path().to_owned(),
            Self::Disk(_) => PathBuf::from("simulated"),
        }
    }
}

/// Nodes 1 to `n`, of which any may be down.
pub(crate) struct Cluster {
    pub(crate) net: Arc<Net>,
    places: Vec<Place>,
    nodes: Vec<Option<Node>>,
}

impl Cluster {
    /// Node 1 has founded group 0 and leads it.
    pub(crate) fn new(count: usize) -> Self {
        Self::at((0..count).map(|_| Place::folder()).collect())
    }

    /// All nodes vote in group 0, and keep their stores on these disks.
    pub(crate) fn on(disks: &[Disk]) -> Self {
        let cluster = Self::at(disks.iter().cloned().map(Place::Disk).collect());
        cluster.change_voters(1, &(1..=disks.len() as u64).collect::<Vec<_>>());
        cluster
    }

    fn at(places: Vec<Place>) -> Self {
        let (net, count) = (Arc::new(Net::default()), places.len());
        let mut cluster = Self { net, places, nodes: (0..count).map(|_| None).collect() };
        (1..=count as u64).for_each(|id| cluster.start(id));
        let first = cluster.node(1);
        first.runtime.block_on(first.consensus.found(0..1)).expect("founded");
        cluster
    }

    /// Node 1 goes on with a plain store, node 2 is new.
    pub(crate) fn adopt(dir: TempDir, partitions: u16) -> Self {
        let net = Arc::new(Net::default());
        let places = vec![Place::Folder(dir), Place::folder()];
        let first = Node::start(NodeId(1), &places[0], &net, Some(partitions));
        let mut cluster = Self { net, places, nodes: vec![Some(first), None] };
        cluster.start(2);
        cluster
    }

    /// All nodes vote in group 0, and node 1 leads it.
    pub(crate) fn of_voters(count: usize) -> Self {
        let cluster = Self::new(count);
        cluster.change_voters(1, &(1..=count as u64).collect::<Vec<_>>());
        cluster
    }

    pub(crate) fn start(&mut self, id: u64) {
        let place = id as usize - 1;
        let node = Node::start(NodeId(id), &self.places[place], &self.net, None);
        self.nodes[place] = Some(node);
    }

    /// The folder of a node's store.
    pub(crate) fn dir(&self, id: u64) -> PathBuf {
        self.places[id as usize - 1].dir()
    }

    pub(crate) fn kill(&mut self, id: u64) {
        self.nodes[id as usize - 1].take().expect("a node that is up").kill();
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        self.nodes[id as usize - 1].as_ref().expect("a node that is up")
    }

    pub(crate) fn up(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    /// Makes these nodes the voters, and `leader` one that leads. On a busy machine the leadership
    /// may change meanwhile.
    pub(crate) fn change_voters(&self, leader: u64, voters: &[u64]) {
        let wanted: BTreeSet<_> = voters.iter().copied().map(NodeId).collect();
        let mut now = self.node(leader);
        loop {
            let changing = now.consensus.change_voters(0, wanted.clone(), false, &drop);
            match now.runtime.block_on(changing) {
                Ok(()) => break,
                Err(error @ ConsensusError::Members { .. }) => panic!("other voters: {error}"),
                Err(_) => now = self.await_leader(&[&[now.id.0], voters].concat()),
            }
        }
        while wanted.contains(&NodeId(leader)) && !self.node(leader).leadership(0).is_leader() {
            let now = self.await_leader(voters);
            let moving = now.consensus.transfer_leader(0, NodeId(leader));
            if now.runtime.block_on(moving).is_ok() {
                self.node(leader).await_role(0, |now| now.is_leader() || now.leader().is_some());
            }
        }
    }

    /// Writes until the log of group 0 no longer has its beginning.
    pub(crate) fn fill(&self, id: u64) {
        let node = self.node(id);
        let purged = || node.consensus.metrics(0).and_then(|figures| figures.purged);
        for number in 0u64.. {
            node.put(0, &number.to_be_bytes(), &[7; 500]);
            if number >= 100 {
                // A group with one voter keeps nothing that is durable.
                node.store.checkpoint(0).expect("a checkpoint");
            }
            if purged() >= Some(100) {
                return;
            }
        }
    }

    /// Waits until one of these nodes leads group 0.
    pub(crate) fn await_leader(&self, among: &[u64]) -> &Node {
        let first = self.node(among[0]);
        let known = |now: Leadership| {
            now.is_leader() || now.leader().is_some_and(|leader| among.contains(&leader.0))
        };
        loop {
            let now = first.await_role(0, known);
            let leader = if now.is_leader() { first.id } else { now.leader().expect("a leader") };
            let leader = self.node(leader.0);
            // It may have lost the leadership again meanwhile.
            let now = leader.await_role(0, |now| {
                now.is_leader() || matches!(now.role, Role::Follower { leader: Some(_) })
            });
            if now.is_leader() {
                return leader;
            }
        }
    }

    /// Waits until all replicas have what the leader has, and compares them byte by byte.
    #[track_caller]
    pub(crate) fn check_equal(&self, leader: &Node) {
        let batches = leader.consensus.system(0).applied();
        let rows = leader.rows(0);
        for node in self.up() {
            node.await_applied(0, batches);
            let mine = node.rows(0);
            let differs = mine.iter().zip(&rows).find(|(mine, rows)| mine != rows);
            assert_eq!(differs, None, "{} and {}", node.id, leader.id);
            assert_eq!(mine.len(), rows.len(), "{} and {}", node.id, leader.id);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes.drain(..).flatten() {
            node.kill();
        }
    }
}
