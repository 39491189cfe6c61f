use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use impresario_ids::NodeId;
use impresario_journal::Leadership;
use impresario_redb::{ReplicaError, ReplicaStore};
use impresario_wire::RaftTransport;
use openraft::Config;
use openraft::errors::{InitializeError, RaftError};
use parking_lot::RwLock;
use tokio::runtime::Handle;

use crate::error::ConsensusError;
use crate::group::Group;
use crate::log::{GroupLog, awaited};
use crate::machine::{Machine, Reached, blocking};
use crate::network::Network;
use crate::office::{ABSENT, GroupObserver, Observers, Office};
use crate::options::Options;
use crate::types::{Member, Raft, Types};
use crate::watchman;

/// Whether a request of a node may create a replica of a group here.
pub type Allowed = Arc<dyn Fn(u16, NodeId) -> bool + Send + Sync>;

/// The replicas of a node and their part in their groups. Clones share them.
#[derive(Clone)]
pub struct Consensus(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    config: Arc<Config>,
    pub(crate) store: ReplicaStore,
    pub(crate) node: NodeId,
    pub(crate) transport: Arc<dyn RaftTransport>,
    pub(crate) allowed: Allowed,
    pub(crate) runtime: Handle,
    observers: Arc<Observers>,
    pub(crate) groups: RwLock<Vec<Option<Arc<Group>>>>,
    /// Held while a replica is made or removed.
    pub(crate) changing: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

impl Consensus {
    /// Opens all replicas that the store holds. Groups whose only voter is this node elect it at
    /// once; [`Consensus::await_leader`] waits for that.
    ///
    /// Must be called in a tokio runtime, which is the one that the replicas run in.
    ///
    /// # Errors
    /// If the options do not fit together or the store cannot be read.
    pub async fn open(
        options: Options,
        store: ReplicaStore,
        node: NodeId,
        transport: Arc<dyn RaftTransport>,
        allowed: Allowed,
    ) -> Result<Self, ConsensusError> {
        let config = options.config()?;
        let capacity = usize::from(store.capacity());
        let consensus = Self(Arc::new(Inner {
            options,
            config,
            store,
            node,
            transport,
            allowed,
            runtime: Handle::current(),
            observers: Arc::default(),
            groups: RwLock::new(vec![None; capacity]),
            changing: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
        }));
        let held = consensus.0.store.groups();
        let opened = try_join_all(held.into_iter().map(|id| consensus.0.reopen(id))).await?;
        try_join_all(opened.iter().flatten().map(|group| group.stand_if_alone())).await?;
        tokio::spawn(watchman::watch(Arc::downgrade(&consensus.0)));
        Ok(consensus)
    }

    /// Makes this node the only voter of new groups, and waits until it leads them.
    ///
    /// # Errors
    /// [`ConsensusError::Founded`] if a group has begun before.
    pub async fn found(&self, groups: Range<u16>) -> Result<(), ConsensusError> {
        try_join_all(groups.clone().map(|group| self.ensure_group(group))).await?;
        let founded = groups.clone().map(|id| async move {
            let group = self.0.group(id)?;
            let voters = BTreeSet::from([Member::from(self.0.node)]);
            group.raft.initialize(voters).await.map_err(|error| match error {
                RaftError::APIError(
                    InitializeError::NotAllowed(_) | InitializeError::NotInMembers(_),
                ) => ConsensusError::Founded(id),
                RaftError::Fatal(fatal) => {
                    ConsensusError::Stopped { group: id, why: fatal.to_string() }
                }
            })
        });
        try_join_all(founded).await?;
        let within = self.0.options.change_timeout();
        try_join_all(groups.map(|group| self.await_leader(group, within))).await?;
        Ok(())
    }

    /// Makes an empty replica of a group, if there is none. It does nothing until a leader fills
    /// it.
    ///
    /// # Errors
    /// If the store fails, or there can be no such group.
    pub async fn ensure_group(&self, group: u16) -> Result<(), ConsensusError> {
        self.0.ensure(group).await.map(drop)
    }

    /// The groups that this node holds replicas of, in order.
    #[must_use]
    pub fn groups(&self) -> Vec<u16> {
        self.0.all().iter().map(|group| group.id).collect()
    }

    /// What this node is for a group.
    #[must_use]
    pub fn leadership(&self, group: u16) -> Leadership {
        self.0.leadership(group)
    }

    /// Calls `observer` at each later change of any group's leadership.
    pub fn watch_leadership(&self, observer: GroupObserver) {
        self.0.observers.add(observer);
    }

    /// Waits until this node leads the group or knows who does.
    ///
    /// # Errors
    /// [`ConsensusError::NoGroup`] or [`ConsensusError::Timeout`].
    pub async fn await_leader(
        &self,
        group: u16,
        within: Duration,
    ) -> Result<Leadership, ConsensusError> {
        let mut leadership = self.0.group(group)?.office.watch();
        let known = leadership.wait_for(|now| now.is_leader() || now.leader().is_some());
        match tokio::time::timeout(within, known).await {
            Ok(Ok(now)) => Ok(*now),
            Ok(Err(_)) => Err(ConsensusError::NoGroup(group)),
            Err(_) => Err(ConsensusError::Timeout { group, doing: "waiting for a leader" }),
        }
    }

    /// Removes the replica of a group from this node, after the group has let this node go
    /// ([`Consensus::change_voters`]). What this node promised as a member is kept, in case it is
    /// given a replica of the group again.
    ///
    /// # Errors
    /// If there is no replica or the store fails.
    pub async fn remove_replica(&self, group: u16) -> Result<(), ConsensusError> {
        let _changing = self.0.changing.lock().await;
        let replica = self.0.group(group)?;
        self.0.end(&replica).await?;
        let kept = replica.log.farewell();
        let store = self.0.store.clone();
        let (done, saved) = awaited();
        let removed = blocking(move || {
            store.remove(group)?;
            // An empty replica with only the ballot in it: see `Ballot`.
            store.ensure(group)?;
            store.save_vote(group, kept.encode(), done);
            Ok(())
        });
        let failed = |error: std::io::Error| ReplicaError::Store(error.to_string());
        removed.await.map_err(failed)?;
        saved.await.map_err(failed)?;
        Ok(())
    }

    /// Stops all groups and closes the store.
    pub async fn shutdown(&self) {
        for replica in self.0.stop_all() {
            // An error says that it had stopped already.
            let _ = replica.raft.shutdown().await;
        }
        let store = self.0.store.clone();
        let _ = blocking(move || {
            store.close();
            Ok(())
        })
        .await;
    }

    /// [`Consensus::shutdown`] for callers that cannot wait for a future.
    pub(crate) fn close(&self) {
        let stopping = self.0.stop_all();
        let (stopped, wait) = std::sync::mpsc::sync_channel(1);
        self.0.runtime.spawn(async move {
            for replica in stopping {
                let _ = replica.raft.shutdown().await;
            }
            // The waiter may have gone on without waiting.
            let _ = stopped.try_send(());
        });
        let waiting = || {
            // An error says that the runtime has ended, and the groups with it.
            let _ = wait.recv();
        };
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Err(_) => waiting(),
            Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(waiting),
            // The one thread that could stop them is this one: they end with errors of the store.
            Ok(_) => {}
        }
        self.0.store.close();
    }
}

impl Inner {
    pub(crate) fn group(&self, id: u16) -> Result<Arc<Group>, ConsensusError> {
        let groups = self.groups.read();
        groups.get(usize::from(id)).cloned().flatten().ok_or(ConsensusError::NoGroup(id))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Group>> {
        self.groups.read().iter().flatten().map(Arc::clone).collect()
    }

    pub(crate) fn leadership(&self, group: u16) -> Leadership {
        self.group(group).map_or(ABSENT, |group| group.office.leadership())
    }

    /// How many batches of a group are applied here.
    pub(crate) fn batches(&self, group: u16) -> u64 {
        self.group(group).map_or(0, |group| group.reached.place().batches)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn stop_all(&self) -> Vec<Arc<Group>> {
        self.closed.store(true, Ordering::Release);
        self.groups.write().iter_mut().filter_map(Option::take).collect()
    }

    /// The group's replica, made if there is none.
    pub(crate) async fn ensure(&self, id: u16) -> Result<Arc<Group>, ConsensusError> {
        let _changing = self.changing.lock().await;
        if let Ok(group) = self.group(id) {
            return Ok(group);
        }
        if self.is_closed() {
            return Err(ConsensusError::Closed);
        }
        let store = self.store.clone();
        // The store's own error, not one wrapped for openraft.
        let ensured = tokio::task::spawn_blocking(move || store.ensure(id)).await;
        ensured.map_err(|error| ReplicaError::Store(error.to_string()))??;
        self.start(id).await
    }

    /// Opens a replica that the store holds; none if only a ballot is left of it.
    async fn reopen(&self, id: u16) -> Result<Option<Arc<Group>>, ConsensusError> {
        let log = self.log(id)?;
        if log.is_farewell() {
            return Ok(None);
        }
        self.start(id).await.map(Some)
    }

    fn log(&self, id: u16) -> Result<GroupLog, ConsensusError> {
        let bytes = usize::try_from(self.options.append_bytes).unwrap_or(usize::MAX);
        GroupLog::open(self.store.clone(), id, bytes)
            .map_err(|error| ConsensusError::Stopped { group: id, why: error.to_string() })
    }

    pub(crate) async fn start(&self, id: u16) -> Result<Arc<Group>, ConsensusError> {
        let stopped = |why: String| ConsensusError::Stopped { group: id, why };
        let log = self.log(id)?;
        let reached = Reached::new();
        let machine = Machine::open(self.store.clone(), id, reached.clone())
            .map_err(|error| stopped(error.to_string()))?;
        let (traffic, acknowledged) = (Arc::default(), Arc::default());
        let network = Network {
            transport: Arc::clone(&self.transport),
            node: self.node,
            group: id,
            append_timeout: Duration::from_millis(self.options.append_timeout_ms),
            snapshot_timeout: Duration::from_millis(self.options.snapshot_timeout_ms),
            snapshot_patience: Duration::from_millis(self.options.snapshot_patience_ms),
            traffic: Arc::clone(&traffic),
            acknowledged: Arc::clone(&acknowledged),
        };
        let config = Arc::clone(&self.config);
        let built = Raft::build(self.node.into(), config, network, log.clone(), machine).await;
        let raft: Raft =
            built.map_err(|fatal: openraft::errors::Fatal<Types>| stopped(fatal.to_string()))?;
        raft.runtime_config().elect(log.may_vote());
        reached.begin();
        raft.run();
        let office = Arc::new(Office::new(id, Arc::clone(&self.observers)));
        let group = Arc::new(Group {
            id,
            node: self.node,
            store: self.store.clone(),
            log,
            raft: raft.clone(),
            reached: reached.clone(),
            office: Arc::clone(&office),
            traffic,
            acknowledged,
            barrier: crate::barrier::Barrier::default(),
            incoming: tokio::sync::Mutex::default(),
            archive: crate::archive::Archive::new(),
        });
        tokio::spawn(Group::follow(office, raft, reached, self.node));
        tokio::spawn(Group::trim(Arc::clone(&group), self.options.keep()));
        if let Some(place) = self.groups.write().get_mut(usize::from(id)) {
            *place = Some(Arc::clone(&group));
        }
        Ok(group)
    }
}

impl fmt::Debug for Consensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consensus").field("node", &self.0.node).finish_non_exhaustive()
    }
}
