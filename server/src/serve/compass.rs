use impresario_consensus::Consensus;
use impresario_ids::NodeId;
use impresario_kernel::PartitionId;
use impresario_placement::{GroupId, Leaders, Route, route};
use impresario_router::{Direction, Directions};
use impresario_steward::Steward;
use tokio::sync::watch;

/// Where partitions are decided: as this node's own replicas say, else as the steward has heard,
/// else where they should be.
#[derive(Debug)]
pub(crate) struct Compass {
    pub(crate) me: NodeId,
    pub(crate) consensus: Consensus,
    pub(crate) steward: Steward,
}

impl Directions for Compass {
    fn me(&self) -> NodeId {
        self.me
    }

    fn of(&self, partition: PartitionId) -> Direction {
        if self.consensus.leadership(partition.0).is_leader() {
            return Direction::Here;
        }
        let (state, group) = (self.steward.state(), GroupId(partition.0));
        let reachable = |node| self.steward.is_alive(node);
        let way = self.steward.leaders().read(|leaders| {
            // This node does not lead, whatever the table says.
            let nobody = Leaders::default();
            let is_stale = leaders.of(group) == Some(self.me);
            let leaders = if is_stale { &nobody } else { leaders };
            route(&state, leaders, group, self.me, reachable)
        });
        match way {
            Route::Here => Direction::Here,
            Route::To(node) => Direction::Node(node),
            Route::Nowhere => Direction::Unknown,
        }
    }

    fn term(&self, partition: PartitionId) -> u64 {
        self.steward.leaders().term(GroupId(partition.0)).unwrap_or_default()
    }

    fn learn(&self, partition: PartitionId, term: u64, leader: Option<NodeId>) {
        self.steward.leaders().note(GroupId(partition.0), term, leader);
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.steward.leaders().watch()
    }

    fn may_move(&self, _: PartitionId) -> bool {
        let state = self.steward.state();
        let present = state.members().filter(|member| !member.status.is_final());
        present.count() > 1
    }
}
