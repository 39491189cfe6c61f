use std::fmt;
use std::sync::{Arc, Weak};

use impresario_host::Host;
use impresario_ids::NodeId;
use impresario_journal::Journal;
use impresario_kernel::PartitionId;
use impresario_placement::{GroupId, Leaders};
use parking_lot::RwLock;
use tokio::sync::watch;

/// Where a partition's entities are decided, as far as this node has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// On this node.
    Here,
    /// On another node.
    Node(NodeId),
    /// Nobody is known.
    Unknown,
}

/// What a router knows of the cluster. All of it may be out of date: whoever is asked wrongly says
/// so.
pub trait Directions: Send + Sync + 'static {
    /// This node.
    fn me(&self) -> NodeId;

    /// Where to send what is for a partition. May be a guess: a node that holds a replica knows
    /// better.
    fn of(&self, partition: PartitionId) -> Direction;

    /// The latest term of a partition that was heard of.
    fn term(&self, partition: PartitionId) -> u64;

    /// Takes in what a node has answered that was asked and does not decide. Older terms change
    /// nothing.
    fn learn(&self, partition: PartitionId, term: u64, leader: Option<NodeId>);

    /// A count that grows with all news.
    fn watch(&self) -> watch::Receiver<u64>;

    /// Whether a partition that this node decides for could come to be decided elsewhere. While it
    /// cannot, its messages are not kept for a second try.
    fn may_move(&self, partition: PartitionId) -> bool {
        let _ = partition;
        true
    }
}

/// Who is said to lead, to somebody who took this node for the leader, and since which term. Both are
/// of one source, because whoever asked takes both over.
pub(crate) fn hint(
    journal: &dyn Journal,
    directions: &dyn Directions,
    partition: PartitionId,
) -> (Option<NodeId>, u64) {
    let now = journal.leadership(partition);
    let (me, term) = (directions.me(), directions.term(partition));
    // One who leads and is not ready yet is to be asked again.
    let told = if now.is_leader() { Some(me) } else { now.leader() };
    match (told, directions.of(partition)) {
        (None, Direction::Node(node)) if term >= now.term.0 => (Some(node), term),
        (leader, _) => (leader, now.term.0),
    }
}

/// [`Directions`] from what this node's journal and the answers of other nodes say, for nodes that
/// hold a replica of every partition.
pub struct Signposts {
    me: NodeId,
    host: Host,
    leaders: RwLock<Leaders>,
    news: watch::Sender<u64>,
}

impl Signposts {
    /// The signposts of node `me`; they follow the journal of its host from now on.
    #[must_use]
    pub fn new(me: NodeId, host: Host) -> Arc<Self> {
        let news = watch::Sender::new(0);
        let signposts = Arc::new(Self { me, host, leaders: RwLock::default(), news });
        let weak: Weak<Self> = Arc::downgrade(&signposts);
        let journal = signposts.host.journal();
        journal.watch_leadership(Box::new(move |partition, now| {
            if let Some(signposts) = weak.upgrade() {
                let leader = if now.is_leader() { Some(signposts.me) } else { now.leader() };
                signposts.learn(partition, now.term.0, leader);
            }
        }));
        for partition in (0..journal.partitions()).map(PartitionId) {
            let now = journal.leadership(partition);
            let leader = if now.is_leader() { Some(me) } else { now.leader() };
            signposts.learn(partition, now.term.0, leader);
        }
        signposts
    }
}

impl Directions for Signposts {
    fn me(&self) -> NodeId {
        self.me
    }

    fn of(&self, partition: PartitionId) -> Direction {
        match self.leaders.read().of(GroupId(partition.0)) {
            None => Direction::Unknown,
            Some(leader) if leader == self.me => Direction::Here,
            Some(leader) => Direction::Node(leader),
        }
    }

    fn term(&self, partition: PartitionId) -> u64 {
        self.leaders.read().term(GroupId(partition.0)).unwrap_or_default()
    }

    fn learn(&self, partition: PartitionId, term: u64, leader: Option<NodeId>) {
        if self.leaders.write().note(GroupId(partition.0), term, leader) {
            self.news.send_modify(|count| *count += 1);
        }
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

impl fmt::Debug for Signposts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signposts").field("me", &self.me).finish_non_exhaustive()
    }
}
