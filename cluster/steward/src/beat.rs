//! Who leads what, told to everyone; and who answers.

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::GroupId;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::message::{Ask, Beat, Told};
use crate::steward::Inner;

impl Inner {
    /// This node answered just now.
    pub(crate) fn heard(&self, node: NodeId) {
        self.heard.lock().insert(node, Instant::now());
    }

    /// When the node answered last.
    pub(crate) fn heard_at(&self, node: NodeId) -> Option<Instant> {
        self.heard.lock().get(&node).copied()
    }

    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        let lately = |at: Instant| at.elapsed() < self.options.silence();
        node == self.me.node || self.heard_at(node).is_some_and(lately)
    }

    /// Whether the node has answered before and no longer does. One that was never asked is not
    /// silent.
    pub(crate) fn is_silent(&self, node: NodeId) -> bool {
        let began = self.heard_at(node).unwrap_or(self.began);
        node != self.me.node && began.elapsed() >= self.options.silence()
    }

    /// The other nodes that are members or may become some again.
    pub(crate) fn others(&self) -> Vec<NodeId> {
        let state = self.system.latest();
        let others = state.members().filter(|member| !member.status.is_final());
        others.map(|member| member.node).filter(|node| *node != self.me.node).collect()
    }

    pub(crate) fn beat(&self) -> Beat {
        let groups = self.consensus.groups().into_iter();
        let leads = groups.filter_map(|group| {
            let now = self.consensus.leadership(group);
            now.is_leader().then_some((GroupId(group), now.term.0))
        });
        Beat { leads: leads.collect(), version: self.system.latest().version() }
    }

    pub(crate) fn hear(&self, from: NodeId, beat: &Beat) {
        for (group, term) in &beat.leads {
            self.leaders.note(*group, *term, Some(from));
        }
    }

    /// Tells the others what this node leads, when that changes and every so often, until the
    /// steward stops.
    pub(crate) async fn beat_on(self: Arc<Self>) {
        let mut ticks = interval(Duration::from_millis(self.options.beat_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.news.notified() => {}
                () = self.stop.cancelled() => return,
            }
            let beat = self.beat();
            for node in self.others() {
                // Who is slow to answer gets the next one.
                if self.beating.lock().insert(node) {
                    self.tasks.spawn(Arc::clone(&self).beat_to(node, beat.clone()));
                }
            }
        }
    }

    async fn beat_to(self: Arc<Self>, node: NodeId, beat: Beat) {
        let told = tokio::select! {
            told = self.ask(node, Ask::Beat(beat), self.options.call()) => told,
            () = self.stop.cancelled() => return,
        };
        self.beating.lock().remove(&node);
        match told {
            Ok(Told::Beat(theirs)) => self.hear(node, &theirs),
            Ok(Told::Retired(state)) => self.system.offer(state),
            Ok(_) => {}
            Err(trouble) => {
                tracing::debug!(peer = %node, why = %trouble, "a beat was not answered")
            }
        }
    }
}
