use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use impresario_consensus::Consensus;
use impresario_ids::NodeId;
use impresario_journal::ReadError;
use impresario_placement::{ClusterState, GroupId, Introduction};
use impresario_wire::{CallTransport, Me, RunId};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::message::WorkReport;
use crate::system::SystemState;
use crate::{Gate, Knock, LeaderTable, Options, Peers, Welcome};

/// Reads the wall clock, in milliseconds of the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a steward works with.
pub struct Parts {
    /// Who this node is.
    pub me: Me,
    /// Chosen at random at each start: tells this process from a copy.
    pub run: RunId,
    /// What this node says of itself.
    pub intro: Introduction,
    /// The replicas of this node.
    pub consensus: Consensus,
    /// The way to the other nodes.
    pub calls: Arc<dyn CallTransport>,
    /// Where their addresses are kept.
    pub peers: Arc<dyn Peers>,
    /// How to ask as a guest, for [`Steward::announce`].
    pub knock: Arc<dyn Knock>,
    /// Who may come in here.
    pub gate: Gate,
    /// The wall clock.
    pub clock: Clock,
    /// The answer to the join that came before, if this node is new.
    pub welcome: Option<Welcome>,
    /// Addresses to announce this node at, besides those of the members it knows.
    pub seeds: Vec<String>,
    /// Times and bounds.
    pub options: Options,
}

/// Why a steward cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StewardError {
    /// The options contradict each other.
    #[error("the options of the steward do not fit together: {0}")]
    Options(&'static str),
    /// The state of the cluster cannot be read.
    #[error("the state of the cluster cannot be read")]
    Read(#[from] ReadError),
}

/// A node's part in the life of its cluster. Clones are the same steward.
#[derive(Clone)]
pub struct Steward {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) me: Me,
    pub(crate) run: RunId,
    pub(crate) intro: Introduction,
    pub(crate) system_group: GroupId,
    pub(crate) consensus: Consensus,
    pub(crate) calls: Arc<dyn CallTransport>,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) knock: Arc<dyn Knock>,
    pub(crate) gate: Gate,
    pub(crate) clock: Clock,
    pub(crate) seeds: Vec<String>,
    pub(crate) options: Options,
    pub(crate) system: SystemState,
    pub(crate) leaders: LeaderTable,
    /// When this steward began.
    pub(crate) began: Instant,
    /// When each node answered last.
    pub(crate) heard: Mutex<BTreeMap<NodeId, Instant>>,
    /// Nodes that have not yet answered the last beat.
    pub(crate) beating: Mutex<BTreeSet<NodeId>>,
    /// The nodes whose connections are kept.
    pub(crate) known: Mutex<BTreeSet<NodeId>>,
    /// The steps that this node's planner has under way.
    pub(crate) works: Mutex<BTreeMap<GroupId, WorkReport>>,
    /// The groups that a step is being taken of here.
    pub(crate) ordered: Mutex<BTreeSet<GroupId>>,
    /// The term under which this node plans, and since when.
    pub(crate) reign: Mutex<Option<(u64, Instant)>>,
    pub(crate) retired: watch::Sender<bool>,
    /// What this node leads has changed.
    pub(crate) news: Arc<Notify>,
    /// There may be something to plan.
    pub(crate) poke: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Steward {
    /// Begins to look after a node, in the tokio runtime of the caller. What is known of the other
    /// nodes is with the gate and the wire when this returns.
    ///
    /// # Errors
    /// See [`StewardError`].
    pub fn start(parts: Parts) -> Result<Self, StewardError> {
        if let Some(why) = parts.options.problem() {
            return Err(StewardError::Options(why));
        }
        let group = GroupId(parts.me.partitions);
        let system = SystemState::open(group, parts.consensus.system(group.0))?;
        if let Some(welcome) = parts.welcome {
            parts.gate.meet(&welcome.state);
            system.offer(welcome.state);
        }
        let inner = Inner {
            me: parts.me,
            run: parts.run,
            intro: parts.intro,
            system_group: group,
            consensus: parts.consensus,
            calls: parts.calls,
            peers: parts.peers,
            knock: parts.knock,
            gate: parts.gate,
            clock: parts.clock,
            seeds: parts.seeds,
            options: parts.options,
            system,
            leaders: LeaderTable::new(),
            began: Instant::now(),
            heard: Mutex::default(),
            beating: Mutex::default(),
            known: Mutex::default(),
            works: Mutex::default(),
            ordered: Mutex::default(),
            reign: Mutex::default(),
            retired: watch::Sender::new(false),
            news: Arc::default(),
            poke: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let steward = Self { inner: Arc::new(inner) };
        steward.inner.watch_own_groups();
        steward.inner.settle();
        let tasks = &steward.inner.tasks;
        let inner = || Arc::clone(&steward.inner);
        let own = inner();
        tasks.spawn(async move { own.system.follow(&own.stop).await });
        tasks.spawn(inner().settle_on());
        tasks.spawn(inner().beat_on());
        tasks.spawn(inner().heed_on());
        tasks.spawn(inner().plan_on());
        Ok(steward)
    }

    /// The state of the cluster, as far as this node has it.
    #[must_use]
    pub fn state(&self) -> Arc<ClusterState> {
        self.inner.system.latest()
    }

    /// The same, with its changes.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.inner.system.watch()
    }

    /// Who leads which group.
    #[must_use]
    pub fn leaders(&self) -> &LeaderTable {
        &self.inner.leaders
    }

    /// Whether the node answered lately. This one does.
    #[must_use]
    pub fn is_alive(&self, node: NodeId) -> bool {
        self.inner.is_alive(node)
    }

    /// Waits until this node is a member no more: it has left or was removed, and should end.
    pub async fn retired(&self) {
        let mut retired = self.inner.retired.subscribe();
        // The sender lives in this steward.
        let _ = retired.wait_for(|retired| *retired).await;
    }

    /// Ends the steward's tasks. The groups go on.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    fn watch_own_groups(&self) {
        let (me, leaders) = (self.me.node, self.leaders.clone());
        let (news, poke) = (Arc::clone(&self.news), Arc::clone(&self.poke));
        self.consensus.watch_leadership(Box::new(move |group, now| {
            leaders.note_own(me, GroupId(group), now);
            news.notify_one();
            poke.notify_one();
        }));
        for group in self.consensus.groups() {
            self.leaders.note_own(me, GroupId(group), self.consensus.leadership(group));
        }
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("me", &self.me).finish_non_exhaustive()
    }
}

impl fmt::Debug for Steward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steward").field("me", &self.inner.me).finish_non_exhaustive()
    }
}
