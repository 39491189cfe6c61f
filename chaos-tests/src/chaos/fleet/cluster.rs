//! The cluster as the runner sees it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::{Instant, timeout_at};

use super::{Fleet, seen};
use crate::chaos::cluster::{Cluster, Effect};
use crate::chaos::invariants::leadership::Claim;
use crate::chaos::invariants::replicas::Digest;
use crate::chaos::node::Node;
use crate::chaos::rig::Rig;

/// One that was told to leave has left after this time, or is taken back.
const LEFT_WITHIN: Duration = Duration::from_secs(20);
/// A destroyed node is given up after this time, or the others never come to an agreement.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(20);
/// A started node gets ready in this time if nothing is in its way.
const HURRY: Duration = Duration::from_secs(3);
/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Cluster for Fleet {
    fn nodes(&self) -> usize {
        self.places.len()
    }

    fn launch(&mut self, node: usize, rig: &Rig) -> Result<()> {
        self.admit_operators(node, rig)?;
        if !self.places[node].is_member {
            self.places[node].joins = super::is_somebody_there(&self.places, node);
        }
        let command = self.command(node, rig);
        let next = self.recipe.next.clone();
        let place = &mut self.places[node];
        place.node.launch(command)?;
        if let Some(next) = next {
            place.program = next;
        }
        // Whatever becomes of this start, the next one finds data.
        place.is_member = true;
        Ok(())
    }

    fn hurry(&self) -> Duration {
        HURRY
    }

    fn refused(&mut self, node: usize, why: &str, rig: &Rig) -> Result<()> {
        // It has left after it was taken for one that stays.
        let is_over = ["node_store_retired", "node_status_wrong", "has left"];
        ensure!(is_over.iter().any(|one| why.contains(one)), "the node did not start: {why}");
        self.fresh(node, rig)
    }

    fn node(&mut self, node: usize) -> &mut Node {
        &mut self.places[node].node
    }

    fn url(&self, node: usize, _rig: &Rig) -> String {
        format!("http://{}", self.places[node].http)
    }

    fn log_files(&self, data: &Path) -> Vec<PathBuf> {
        vec![data.join("store/log.redb")]
    }

    fn peer_ports(&self) -> Vec<u16> {
        let port = |peer: &str| peer.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let mut ports: Vec<u16> =
            self.places.iter().filter_map(|place| port(&place.peer)).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    async fn drain(&mut self, node: usize, is_drained: bool, rig: &Rig) -> Result<Effect> {
        let Some(id) = self.id(node) else { return skipped("it is not a member yet") };
        if is_drained {
            self.drained.push(id);
            return self.order(id, "drain", &json!({ "within_ms": 5_000 }), rig).await;
        }
        self.resume(rig).await;
        Ok(Effect::Done(String::new()))
    }

    async fn remove(&mut self, node: usize, is_removed: bool, rig: &Rig) -> Result<Effect> {
        if is_removed {
            if let Some(why) = self.why_not_whole(rig).await {
                return skipped(&why);
            }
            let Some(id) = self.id(node) else { return skipped("it is not a member yet") };
            let effect = self.order(id, "leave", &json!({ "force": true }), rig).await?;
            if matches!(effect, Effect::Done(_)) {
                self.leaving.push(node);
            }
            return Ok(effect);
        }
        let id = self.id(node);
        if block_in_place(|| self.node(node).await_end(LEFT_WITHIN)) {
            self.leaving.retain(|one| *one != node);
            block_in_place(|| self.fresh(node, rig))?;
            return Ok(Effect::Done(String::new()));
        }
        // It cannot go now. It stays, or goes later: the cluster decides which comes first.
        let Some(id) = id else { return Ok(Effect::Done(String::new())) };
        let effect = self.order(id, "resume", &json!({}), rig).await?;
        if matches!(effect, Effect::Done(_)) {
            self.leaving.retain(|one| *one != node);
        }
        Ok(effect)
    }

    async fn replace(&mut self, node: usize, is_destroyed: bool, rig: &Rig) -> Result<Effect> {
        if is_destroyed {
            // What is nowhere else must not be destroyed: that is no fault a cluster survives.
            if let Some(why) = self.why_not_whole(rig).await {
                return skipped(&why);
            }
            let Some(id) = self.id(node) else { return skipped("it is not a member yet") };
            return block_in_place(|| {
                self.node(node).kill9()?;
                self.wipe(node, rig)?;
                self.doomed.push(id);
                Ok(Effect::Done(format!("node-{id} and its disk")))
            });
        }
        // Until that is done the fresh one waits.
        self.forget(rig).await;
        block_in_place(|| self.fresh(node, rig))?;
        Ok(Effect::Done(String::new()))
    }

    async fn mend(&mut self, rig: &Rig) {
        // A fresh node waits while the cluster counts on the lost one at its address.
        let until = Instant::now() + FORGOTTEN_WITHIN;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        while !self.doomed.is_empty() && timeout_at(until, ticks.tick()).await.is_ok() {
            self.forget(rig).await;
        }
    }

    async fn settle(&mut self, within: Duration, rig: &Rig) -> Result<()> {
        self.await_rest(within, rig).await
    }

    fn shape(&self) -> (u32, usize) {
        (u32::from(self.recipe.partitions), self.wanted_replicas())
    }

    async fn claims(&mut self, at_ms: u64, rig: &Rig) -> Option<Vec<Claim>> {
        let partitions = u32::from(self.recipe.partitions);
        let answers = self.partitions(false, rig).await;
        let claims = answers
            .iter()
            .flat_map(|(node, answer)| seen::claims(answer, *node, partitions, at_ms))
            .collect();
        Some(claims)
    }

    async fn digests(&mut self, rig: &Rig) -> Option<Vec<Digest>> {
        let partitions = u32::from(self.recipe.partitions);
        let answers = self.partitions(true, rig).await;
        if answers.iter().any(|(_, answer)| seen::tells_no_digests(answer)) {
            return None;
        }
        let digests = answers
            .iter()
            .flat_map(|(node, answer)| seen::digests(answer, *node, partitions))
            .collect();
        Some(digests)
    }
}

fn skipped(why: &str) -> Result<Effect> {
    Ok(Effect::Skipped(why.to_owned()))
}

impl Fleet {
    /// Why nothing may be destroyed or taken away now; `None` if everything is in several places.
    async fn why_not_whole(&mut self, rig: &Rig) -> Option<String> {
        // The cluster notices only after a while that a node is gone.
        let down = self.places.iter_mut().position(|place| !place.node.is_running());
        if let Some(node) = down {
            return Some(format!("node {} is down", node + 1));
        }
        match self.unrest(rig).await {
            Ok(unrest) => unrest.map(|why| format!("not everything is elsewhere: {why}")),
            Err(error) => Some(format!("{error:#}")),
        }
    }

    /// Starts a node that nobody knows at a place.
    fn fresh(&mut self, node: usize, rig: &Rig) -> Result<()> {
        self.node(node).kill9()?;
        self.wipe(node, rig)?;
        self.launch(node, rig)?;
        // It may have to wait for the others.
        self.node(node).await_ready(HURRY).context("a fresh node").map(drop)
    }

    /// Waits until the cluster is at rest, doing what an operator does for that.
    pub(super) async fn await_rest(&mut self, within: Duration, rig: &Rig) -> Result<()> {
        let until = Instant::now() + within;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        let mut why = "it was never asked".to_owned();
        while timeout_at(until, ticks.tick()).await.is_ok() && Instant::now() < until {
            self.forget(rig).await;
            self.resume(rig).await;
            self.revive(rig).await?;
            match self.unrest(rig).await {
                Ok(None) if self.doomed.is_empty() => return Ok(()),
                Ok(None) => why = format!("nodes {:?} are not forgotten", self.doomed),
                Ok(Some(unrest)) => why = unrest,
                Err(error) => why = format!("{error:#}"),
            }
        }
        ensure!(false, "after {within:?}: {why}");
        Ok(())
    }

    /// Has the cluster forget the destroyed nodes, as far as it can now.
    async fn forget(&mut self, rig: &Rig) {
        for id in std::mem::take(&mut self.doomed) {
            let effect = self.order(id, "remove", &json!({ "force": false }), rig).await;
            if !matches!(effect, Ok(Effect::Done(_))) {
                self.doomed.push(id);
            }
        }
    }

    /// Ends the drains, as far as that is possible now.
    async fn resume(&mut self, rig: &Rig) {
        for id in std::mem::take(&mut self.drained) {
            let effect = self.order(id, "resume", &json!({}), rig).await;
            // Refused for good if it is another one's turn to say what it is.
            let is_over = match &effect {
                Ok(Effect::Done(_)) => true,
                Ok(Effect::Skipped(why)) => why.contains("node_status_wrong"),
                Err(_) => false,
            };
            if !is_over {
                self.drained.push(id);
            }
        }
    }

    /// Fresh nodes where one has left.
    async fn revive(&mut self, rig: &Rig) -> Result<()> {
        for node in 0..self.places.len() {
            if self.places[node].node.is_running() || !self.places[node].is_member {
                continue;
            }
            // One that joins anew and was refused has nothing to lose; the cluster may have changed
            // its mind.
            let is_new = self.places[node].id.is_none() && self.places[node].joins;
            if is_new || self.leaving.contains(&node) {
                self.leaving.retain(|one| *one != node);
                block_in_place(|| self.fresh(node, rig))?;
            }
        }
        Ok(())
    }
}
