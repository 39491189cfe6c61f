use std::sync::Arc;

use impresario_ids::NodeId;
use impresario_journal::{Leadership, Role};
use impresario_placement::{GroupId, Leaders};
use parking_lot::RwLock;
use tokio::sync::watch;

/// Who leads which group, as far as this node has heard: from its own groups, from what the others
/// tell, and from whoever was asked wrongly. Clones are the same table.
#[derive(Clone, Debug)]
pub struct LeaderTable {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    leaders: RwLock<Leaders>,
    news: watch::Sender<u64>,
}

impl LeaderTable {
    pub(crate) fn new() -> Self {
        let inner = Inner { leaders: RwLock::default(), news: watch::Sender::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// The leader of a group, if it is known. It may be out of date.
    #[must_use]
    pub fn of(&self, group: GroupId) -> Option<NodeId> {
        self.inner.leaders.read().of(group)
    }

    /// The latest term of a group that was heard of.
    #[must_use]
    pub fn term(&self, group: GroupId) -> Option<u64> {
        self.inner.leaders.read().term(group)
    }

    /// Looks at the whole table: for [`impresario_placement::route`].
    pub fn read<T>(&self, look: impl FnOnce(&Leaders) -> T) -> T {
        look(&self.inner.leaders.read())
    }

    /// Notes who leads under a term, and says whether it was news. Older terms change nothing.
    pub fn note(&self, group: GroupId, term: u64, leader: Option<NodeId>) -> bool {
        let news = self.inner.leaders.write().note(group, term, leader);
        if news {
            self.inner.news.send_modify(|count| *count += 1);
        }
        news
    }

    /// Notes what this node (`me`) is for a group.
    pub(crate) fn note_own(&self, me: NodeId, group: GroupId, now: Leadership) {
        let leader = match now.role {
            Role::Leader => Some(me),
            Role::Follower { leader } => leader,
            Role::Absent => {
                self.inner.leaders.write().forget(group);
                return;
            }
        };
        self.note(group, now.term.0, leader);
    }

    /// A count that grows with all news.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.news.subscribe()
    }
}
