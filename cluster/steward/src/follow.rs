//! The wire and the gate, kept as the state of the cluster says.

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::Status;

use crate::steward::Inner;

impl Inner {
    /// Follows the state of the cluster, until the steward stops.
    pub(crate) async fn settle_on(self: Arc<Self>) {
        let mut states = self.system.watch();
        loop {
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                () = self.stop.cancelled() => return,
            }
            states.borrow_and_update();
            self.settle();
            self.news.notify_one();
            self.poke.notify_one();
        }
    }

    /// Tells gate and wire who is a member now, and where.
    pub(crate) fn settle(self: &Arc<Self>) {
        let state = self.system.latest();
        self.gate.follow(&state);
        for member in state.members() {
            let node = member.node;
            if node == self.me.node {
                if member.status.is_final() && !self.retired.send_replace(true) {
                    tracing::error!(node = %node, status = %member.status, "this node is a member no more");
                }
            } else if member.status.is_final() {
                if self.known.lock().remove(&node) {
                    self.part_with(node, member.status);
                }
            } else {
                self.known.lock().insert(node);
                self.peers.set_address(node, &member.intro.addr);
            }
        }
        let mut counts = [0u32; STATUSES.len()];
        for (count, status) in counts.iter_mut().zip(STATUSES) {
            let members = state.members().filter(|member| member.status == status).count();
            *count = u32::try_from(members).unwrap_or(u32::MAX);
        }
        for (count, status) in counts.into_iter().zip(STATUSES) {
            metrics::gauge!("impresario_cluster_nodes", "status" => status.name())
                .set(f64::from(count));
        }
    }

    /// Ends the connections with a node that is a member no more. New ones are refused already.
    fn part_with(self: &Arc<Self>, node: NodeId, status: Status) {
        tracing::info!(peer = %node, status = %status, "a node is a member no more");
        if status == Status::Removed {
            self.peers.evict(node);
            return;
        }
        // It should learn that it has left: what tells it so is on its way.
        let this = Arc::clone(self);
        let farewell = Duration::from_millis(self.options.farewell_ms);
        self.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(farewell) => {}
                () = this.stop.cancelled() => return,
            }
            this.peers.evict(node);
        });
    }
}

const STATUSES: [Status; 7] = [
    Status::Joining,
    Status::Active,
    Status::Draining,
    Status::Leaving,
    Status::Left,
    Status::Dead,
    Status::Removed,
];
