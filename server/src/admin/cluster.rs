//! The cluster at a glance, and what an operator can have done to it.

use std::collections::BTreeMap;
use std::time::Duration;

use impresario_api::ClusterSettings;
use impresario_consensus::GroupMetrics;
use impresario_http::PortError;
use impresario_ids::{NodeId, TenantId};
use impresario_placement::{
    Assignment, Command, GroupId, Hint, Reply, Settings, SettingsPatch, Status, Zone,
};
use impresario_steward::{
    ClusterStatus, CommandError, GroupStatus, NodeStatus, RecoverRequest, Steward,
};
use serde_json::{Value, json};

use super::{Admin, alone, internal};

/// How long a transfer of a leadership is waited for. It goes on afterwards.
const TRANSFER_WITHIN: Duration = Duration::from_secs(10);

impl Admin {
    pub(super) fn steward(&self) -> Result<&Steward, PortError> {
        self.parts.neighbours.steward().ok_or_else(alone)
    }

    async fn execute(&self, command: Command) -> Result<Value, PortError> {
        self.steward()?.execute(command).await.map(replied).map_err(refused)
    }

    pub(super) async fn cluster_value(&self) -> Value {
        let status = match self.parts.neighbours.steward() {
            Some(steward) => steward.status().await,
            None => self.alone_status(),
        };
        // Made of numbers, texts and lists.
        serde_json::to_value(status).unwrap_or_default()
    }

    /// A cluster of one, as the steward would put it.
    fn alone_status(&self) -> ClusterStatus {
        let (me, consensus) = (self.parts.neighbours.me(), self.parts.neighbours.consensus());
        let stats = self.parts.host.journal().stats();
        let partitions = self.parts.host.journal().partitions();
        let group = |id: u16| {
            let bytes = stats.partitions.get(usize::from(id)).map_or(0, |part| part.state_bytes);
            consensus.metrics(id).map(|figures| group_status(me, &figures, bytes))
        };
        let groups: Vec<GroupStatus> = consensus.groups().into_iter().filter_map(group).collect();
        let node = NodeStatus {
            node: me,
            zone: String::new(),
            status: Status::Active,
            since_ms: self.started.as_ms(),
            alive: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            addr: String::new(),
            http: self.parts.config.http.listen.to_string(),
            replicas: groups.len(),
            leads: groups.iter().filter(|group| group.leader == Some(me)).count(),
            bytes: groups.iter().map(|group| group.bytes).sum(),
        };
        ClusterStatus {
            cluster: self.cluster,
            version: 0,
            asked: me,
            settings: Some(Settings::new(partitions, 1)),
            nodes: vec![node],
            groups,
            works: Vec::new(),
            pending: Vec::new(),
            recoveries: Vec::new(),
            placed: Vec::new(),
        }
    }

    pub(super) async fn configure(&self, change: ClusterSettings) -> Result<Value, PortError> {
        let ClusterSettings {
            replicas,
            moving_groups_max,
            leader_transfers_max,
            dead_after_ms,
            caught_up_lag,
        } = change;
        let patch = SettingsPatch {
            replicas,
            moving_groups_max,
            leader_transfers_max,
            dead_after_ms,
            caught_up_lag,
        };
        let mut answer = self.execute(Command::Configure { patch }).await?;
        if let Some(settings) = self.steward()?.state().settings() {
            let settings = patch.on(settings);
            answer["settings"] = serde_json::to_value(settings).map_err(internal)?;
        }
        Ok(answer)
    }

    pub(super) async fn rebalance(&self) -> Result<Value, PortError> {
        self.execute(Command::Rebalance).await
    }

    pub(super) async fn drain(&self, node: NodeId, within_ms: u64) -> Result<Value, PortError> {
        let within = Duration::from_millis(within_ms);
        let leads = self.steward()?.drain(node, within).await.map_err(refused)?;
        tracing::warn!(%node, still_leads = leads.len(), "node drained by an operator");
        Ok(json!({ "node": node, "still_leads": leads }))
    }

    pub(super) async fn resume(&self, node: NodeId) -> Result<Value, PortError> {
        self.steward()?.resume(node).await.map(replied).map_err(refused)
    }

    pub(super) async fn leave(
        &self,
        node: NodeId,
        force: bool,
        without_majority: bool,
    ) -> Result<Value, PortError> {
        tracing::warn!(%node, force, without_majority, "node leaves by an operator's wish");
        let told = self.steward()?.leave(node, force, without_majority).await;
        told.map(replied).map_err(refused)
    }

    /// Gives a node up. It is marked dead first, which the cluster refuses while it answers.
    pub(super) async fn remove(
        &self,
        node: NodeId,
        without_majority: bool,
    ) -> Result<Value, PortError> {
        let steward = self.steward()?;
        let status = steward.state().member(node).map(|member| member.status);
        if status.is_some_and(|status| status != Status::Dead && !status.is_final()) {
            // It may have died a moment ago, and nobody has noticed yet.
            if steward.answers(node).await {
                return Err(PortError::coded(
                    "node_status_wrong",
                    format!("{node} answers: let it leave (`node leave`), or stop it first"),
                ));
            }
            steward.execute(Command::MarkDead { node }).await.map_err(refused)?;
        }
        tracing::warn!(%node, without_majority, "dead node removed by an operator");
        steward.remove_dead(node, without_majority).await.map(replied).map_err(refused)
    }

    pub(super) async fn set_zone(&self, node: NodeId, name: &str) -> Result<Value, PortError> {
        self.execute(Command::SetZone { node, zone: zone_of(name)? }).await
    }

    pub(super) async fn place(
        &self,
        tenant: TenantId,
        zone: Option<&str>,
    ) -> Result<Value, PortError> {
        let own = impresario_tenant::key(tenant);
        let group = GroupId(own.partition(self.parts.host.journal().partitions()).0);
        let hint = zone.map(zone_of).transpose()?.map(|zone| Hint { group, zone });
        let mut answer = self.execute(Command::PutHint { tenant, hint }).await?;
        answer["partition"] = json!(group.0);
        Ok(answer)
    }

    pub(super) async fn move_replica(
        &self,
        partition: u16,
        from: NodeId,
        to: NodeId,
    ) -> Result<Value, PortError> {
        self.execute(Command::Move { group: GroupId(partition), from, to }).await
    }

    /// Says who should lead, and waits a while until it does.
    pub(super) async fn transfer(&self, partition: u16, to: NodeId) -> Result<Value, PortError> {
        let steward = self.steward()?;
        let group = GroupId(partition);
        let mut answer = self.execute(Command::Prefer { group, leader: to }).await?;
        let mut news = steward.leaders().watch();
        let leads = async {
            while steward.leaders().of(group) != Some(to) {
                if news.changed().await.is_err() {
                    break;
                }
            }
        };
        // If it takes longer the answer says who leads now.
        let _ = tokio::time::timeout(TRANSFER_WITHIN, leads).await;
        answer["leader"] = json!(steward.leaders().of(group));
        Ok(answer)
    }

    pub(super) async fn recover(
        &self,
        groups: Option<Vec<u16>>,
        reason: String,
        sure: bool,
    ) -> Result<Value, PortError> {
        let request = RecoverRequest {
            groups: groups.map(|groups| groups.into_iter().map(GroupId).collect()),
            reason,
            i_know_that_acknowledged_commits_may_be_missing: sure,
        };
        let report = self.steward()?.recover(request).await;
        let report = report.map_err(|error| PortError::coded(error.code(), error.to_string()))?;
        serde_json::to_value(report).map_err(internal)
    }

    pub(super) fn peers_value(&self) -> Value {
        let peers = self.parts.wire.iter().flat_map(|wire| wire.peers());
        let shown: Vec<Value> = peers
            .map(|peer| {
                json!({
                    "node": peer.node,
                    "addr": peer.addr,
                    "connected": peer.connected,
                    "alive": self.parts.neighbours.is_alive(peer.node),
                    "rtt_us": peer.rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
                    "in_flight": peer.in_flight,
                    "why": peer.why,
                    "release": peer.release,
                    "version": peer.version,
                })
            })
            .collect();
        json!({ "node": self.parts.neighbours.me(), "peers": shown })
    }
}

fn group_status(me: NodeId, figures: &GroupMetrics, bytes: u64) -> GroupStatus {
    let leads = figures.leadership.is_leader();
    GroupStatus {
        group: GroupId(figures.group),
        leader: leads.then_some(me),
        term: figures.leadership.term.0,
        voters: [me].into(),
        learners: <_>::default(),
        changing: false,
        lag: BTreeMap::new(),
        last: figures.last.unwrap_or(0),
        bytes,
        wanted: Assignment { voters: [me].into(), leader: Some(me), ..Assignment::default() },
    }
}

fn zone_of(name: &str) -> Result<Zone, PortError> {
    Zone::new(name)
        .ok_or_else(|| PortError::invalid("a zone is at most 64 letters, digits, -, _, . and /"))
}

fn replied(reply: Reply) -> Value {
    let mut answer = json!({ "changed": reply.changed, "version": reply.version });
    if let Some(node) = reply.node {
        answer["node"] = json!(node);
    }
    answer
}

fn refused(error: CommandError) -> PortError {
    PortError::coded(error.code(), error.to_string())
}
