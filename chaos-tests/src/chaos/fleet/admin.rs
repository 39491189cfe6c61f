//! What the operator asks of a cluster.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{Fleet, seen};
use crate::api::Answer;
use crate::chaos::cluster::Effect;
use crate::chaos::rig::Rig;

/// A node that takes longer is not waited for when all of them are asked.
const GLANCE: Duration = Duration::from_millis(900);
/// For what may take a while: hashing replicas, moving leaders.
const PATIENCE: Duration = Duration::from_secs(15);

impl Fleet {
    /// Asks one node.
    async fn ask_one(
        &mut self,
        node: usize,
        (method, path, body): (Method, &str, &Value),
        within: Duration,
        rig: &Rig,
    ) -> Result<Answer> {
        let api = self.operator(node, rig)?;
        let asked = async {
            match method {
                Method::GET => api.get(path).await,
                method => api.call(method, path, body).await,
            }
        };
        timeout(within, asked).await.context("no answer in time")?
    }

    /// Asks one node after the other, until one answers that can.
    async fn ask(&mut self, what: (Method, &str, &Value), rig: &Rig) -> Result<Answer> {
        let mut last = None;
        for node in 0..self.places.len() {
            if !self.places[node].node.is_running() {
                continue;
            }
            match self.ask_one(node, what.clone(), PATIENCE, rig).await {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(answer) => last = Some(format!("{} {}", answer.status, answer.body)),
                Err(error) => last = Some(format!("{error:#}")),
            }
        }
        bail!("no node answers: {}", last.unwrap_or_else(|| "none runs".to_owned()))
    }

    /// Tells the cluster to do something with one of its nodes; refusals are skipped faults.
    pub(super) async fn order(
        &mut self,
        id: u64,
        verb: &str,
        body: &Value,
        rig: &Rig,
    ) -> Result<Effect> {
        let path = format!("/admin/v1/nodes/node-{id}/{verb}");
        match self.ask((Method::POST, &path, body), rig).await {
            Ok(answer) if answer.status < 300 => Ok(Effect::Done(format!("{verb} node-{id}"))),
            Ok(answer) => {
                Ok(Effect::Skipped(format!("{verb} node-{id}: {} {}", answer.status, answer.body)))
            }
            Err(error) => Ok(Effect::Skipped(format!("{verb} node-{id}: {error:#}"))),
        }
    }

    /// The cluster at a glance, as one of its nodes sees it.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn status(&mut self, rig: &Rig) -> Result<Value> {
        self.ask((Method::GET, "/admin/v1/cluster", &json!({})), rig).await?.ok()
    }

    /// Why the cluster is not at rest; `None` if every partition has its replicas.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn unrest(&mut self, rig: &Rig) -> Result<Option<String>> {
        let (partitions, replicas) = (self.recipe.partitions, self.wanted_replicas());
        let status = self.status(rig).await?;
        Ok(seen::unrest(&status, u32::from(partitions), replicas))
    }

    /// Waits until every node that runs has its replicas: as settling, without expecting those that
    /// were never started.
    ///
    /// # Errors
    /// What is still not as it should be after `within`.
    pub async fn settle_started(&mut self, within: Duration, rig: &Rig) -> Result<()> {
        self.await_rest(within, rig).await
    }

    /// Waits until no replica lags behind its leader.
    ///
    /// # Errors
    /// If some still do after `within`.
    pub async fn caught_up(&mut self, rig: &Rig, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            let status = self.status(rig).await?;
            let lag = seen::lag(&status);
            if lag == Some(0) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "a lag of {lag:?} entries after {within:?}");
        }
    }

    /// Replicas that each partition has while all nodes are there.
    pub(super) fn wanted_replicas(&self) -> usize {
        usize::from(self.recipe.replicas).min(self.places.len())
    }

    /// What every node that answers quickly says of its partitions.
    pub(super) async fn partitions(
        &mut self,
        with_digests: bool,
        rig: &Rig,
    ) -> Vec<(usize, Value)> {
        let within = if with_digests { PATIENCE } else { GLANCE };
        let tail = if with_digests { "&digest=true" } else { "" };
        let mut asked = tokio::task::JoinSet::new();
        for node in 0..self.places.len() {
            let Some(id) = self.id(node).filter(|_| self.places[node].node.is_running()) else {
                continue;
            };
            let Ok(api) = self.operator(node, rig) else { continue };
            let path = format!("/admin/v1/partitions?node=node-{id}{tail}");
            let number = usize::try_from(id).unwrap_or(usize::MAX).saturating_sub(1);
            asked.spawn(async move {
                let answer = timeout(within, api.get(&path)).await.ok()?.ok()?.ok().ok()?;
                Some((number, answer))
            });
        }
        asked.join_all().await.into_iter().flatten().collect()
    }

    /// Where each partition is led, as places; the answer of the first node that knows.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn leaders(&mut self, rig: &Rig) -> Result<Vec<(u64, Option<usize>)>> {
        let status = self.status(rig).await?;
        let ids: Vec<Option<u64>> = (0..self.places.len()).map(|node| self.id(node)).collect();
        let groups = status["groups"].as_array().context("groups")?;
        let place = |group: &Value| {
            let leader = seen::number(&group["leader"])?;
            ids.iter().position(|id| *id == Some(leader))
        };
        let known =
            groups.iter().filter_map(|group| Some((group["group"].as_u64()?, place(group))));
        Ok(known.collect())
    }
}
