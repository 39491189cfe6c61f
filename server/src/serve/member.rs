//! A node's place in its cluster: the wire, the steward and what answers the other nodes.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow};
use impresario_config::Config;
use impresario_consensus::Consensus;
use impresario_ids::NodeId;
use impresario_kernel::Timestamp;
use impresario_placement::{Introduction, Status, StoreId, WireRange, Zone};
use impresario_router::Gateway;
use impresario_steward::{
    Claim, Gate, GuestKnock, Identity, JoinError, JoinOptions, Parts, Steward, Welcome, join,
};
use impresario_wire::{
    Answer, Call, CallHandler, CallKind, CallTransport, Failed, Handled, Handlers, Me, Options,
    RunId, Wire,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{identity, replicas};
use crate::across::Board;

/// In the data folder while this node has handed over what it led in order to stop: at its next
/// start it takes part again, without a word of an operator.
const HANDED_OVER: &str = "handed-over";

/// How often it is looked whether the store is well.
const LOOK: Duration = Duration::from_millis(500);

/// Why a node must stop that has left as it was told to.
pub(crate) const LEFT: &str = "this node has left the cluster";

/// A member of a cluster, running.
pub(crate) struct Member {
    pub(crate) wire: Arc<Wire>,
    pub(crate) steward: Steward,
    pub(crate) me: Me,
    switch: Arc<Switch>,
    data: PathBuf,
    handover: Duration,
    /// Why this node must stop, once it must.
    must_stop: watch::Receiver<Option<String>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Sends the calls of other nodes where they belong.
struct Switch {
    steward: OnceLock<Steward>,
    board: Board,
    gateway: OnceLock<Gateway>,
}

impl CallHandler for Switch {
    fn handle(&self, from: NodeId, call: Call) -> Handled {
        if call.kind == CallKind::Control {
            return match self.steward.get() {
                Some(steward) if Steward::concerns(&call) => steward.handle(from, call),
                Some(_) | None => self.board.handle(from, call),
            };
        }
        match self.gateway.get() {
            Some(gateway) => gateway.handle(from, call),
            None => Box::pin(std::future::ready(Answer::Failed(Failed {
                code: "unavailable".to_owned(),
                message: "the node is starting".to_owned(),
                retry_after_ms: Some(100),
            }))),
        }
    }
}

/// How a node comes into its cluster.
struct Entry {
    me: Me,
    welcome: Option<Welcome>,
    founds: bool,
}

impl Member {
    /// Opens the replicas of a node that has others, or will have: it founds its cluster, joins
    /// one, or comes back to it.
    pub(crate) async fn open(
        config: &mut Config,
        options: Options,
        mut identity: Identity,
        board: Board,
    ) -> anyhow::Result<(Self, Consensus)> {
        let run: RunId = rand::random();
        let intro = introduction(config, &identity)?;
        let Entry { me, welcome, founds } =
            enter(config, &options, &mut identity, run, &intro).await?;
        config.node.partitions = me.partitions;
        let gate = Gate::new(me);
        let wire = Arc::new(Wire::bind(me, options.clone(), Arc::new(gate.clone())).await?);
        let lanes = Arc::new(wire.lanes());
        let consensus = replicas::open(config, me.node, lanes, gate.allowed()).await?;
        identity.settle(me)?;
        let parts = Parts {
            me,
            run,
            intro,
            consensus: consensus.clone(),
            calls: Arc::new(wire.calls()),
            peers: Arc::new(Arc::downgrade(&wire)),
            knock: Arc::new(GuestKnock(options)),
            gate,
            clock: Arc::new(now_ms),
            welcome,
            seeds: config.cluster.seeds(),
            options: config.cluster.steward.clone(),
        };
        let steward = Steward::start(parts).context("the node has no steward")?;
        if founds {
            let founded = steward.found(config.cluster.replicas).await;
            founded.context("the cluster cannot be founded")?;
        }
        let switch = Switch { steward: OnceLock::new(), board, gateway: OnceLock::new() };
        let switch = Arc::new(switch);
        // Nobody has set it before.
        let _ = switch.steward.set(steward.clone());
        wire.serve(Handlers {
            raft: Arc::new(consensus.clone()),
            calls: Arc::clone(&switch) as Arc<dyn CallHandler>,
            guests: Arc::new(steward.clone()),
        })
        .await?;
        let (stop, must_stop) = watch::channel(None);
        let data = config.node.data.clone();
        let tasks = vec![
            tokio::spawn(watch_store(consensus.clone(), stop.clone())),
            tokio::spawn(announce(steward.clone(), data.clone(), stop)),
        ];
        let handover = Duration::from_millis(config.cluster.handover_ms);
        let member = Self { wire, steward, me, switch, data, handover, must_stop, tasks };
        Ok((member, consensus))
    }

    pub(crate) fn calls(&self) -> Arc<dyn CallTransport> {
        Arc::new(self.wire.calls())
    }

    /// From now on other nodes are answered by the entities of this one.
    pub(crate) fn answer(&self, gateway: Gateway) {
        // Called once.
        let _ = self.switch.gateway.set(gateway);
    }

    /// Tells when and why this node may not go on.
    pub(crate) fn must_stop(&self) -> watch::Receiver<Option<String>> {
        self.must_stop.clone()
    }

    /// Has the other nodes lead what this one leads, as far as they can.
    pub(crate) async fn hand_over(&self) {
        let state = self.steward.state();
        let is_active =
            state.member(self.me.node).is_some_and(|member| member.status == Status::Active);
        let has_others =
            state.members().any(|member| member.node != self.me.node && member.status.is_present());
        if !is_active || !has_others || self.must_stop.borrow().is_some() {
            return;
        }
        if let Err(error) = std::fs::write(self.data.join(HANDED_OVER), b"") {
            tracing::warn!(error = %error, "the node stops without handing over");
            return;
        }
        let drained = self.steward.drain(self.me.node, self.handover);
        match tokio::time::timeout(self.handover, drained).await {
            Ok(Ok(left)) if left.is_empty() => tracing::info!("handed over"),
            Ok(Ok(left)) => tracing::warn!(groups = left.len(), "not everything is handed over"),
            Ok(Err(error)) => tracing::warn!(error = %error, "not handed over"),
            Err(_) => tracing::warn!("not handed over in time"),
        }
    }

    /// Ends the steward and all connections.
    pub(crate) async fn stop(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.steward.stop().await;
        self.wire.stop().await;
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("me", &self.me).finish_non_exhaustive()
    }
}

/// Says what this node is now, until it is heard; then waits for the day it has to go.
async fn announce(steward: Steward, data: PathBuf, stop: watch::Sender<Option<String>>) {
    if let Err(JoinError::Refused { code, message }) = steward.announce().await {
        tracing::error!(code, why = message, "the cluster refuses this node");
        stop.send_replace(Some(format!("{code}: {message}")));
        return;
    }
    let marker = data.join(HANDED_OVER);
    if marker.exists() {
        let me = steward.state();
        tracing::debug!(version = me.version(), "taking part again");
        match steward.resume_here().await {
            Ok(()) => {
                // It would only resume once more.
                let _ = std::fs::remove_file(&marker);
            }
            Err(error) => tracing::warn!(error = %error, "the node stays drained"),
        }
    }
    steward.retired().await;
    stop.send_replace(Some(LEFT.to_owned()));
}

/// A node whose store takes no more writes serves nobody until it is started again; the others lead
/// what it led.
async fn watch_store(consensus: Consensus, stop: watch::Sender<Option<String>>) {
    loop {
        if let Some(why) = consensus.failure() {
            stop.send_replace(Some(format!("the store has failed: {why}")));
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn enter(
    config: &Config,
    options: &Options,
    identity: &mut Identity,
    run: RunId,
    intro: &Introduction,
) -> anyhow::Result<Entry> {
    let certified = options.tls.as_ref().map(impresario_wire::named).transpose()?;
    let cluster = certified.as_ref().map(|named| named.cluster);
    let seeds = config.cluster.seeds();
    if let Some(me) = identity.me() {
        return_to(config, options, me, run, intro).await?;
        // The first node, alone so far or interrupted, begins its cluster; later this does nothing.
        return Ok(Entry { me, welcome: None, founds: me.node == NodeId(1) });
    }
    if !seeds.is_empty() {
        // A certificate that names a node is for that node, which this one is not yet.
        let node = certified.and_then(|named| named.node);
        let claim = Claim { cluster, node, partitions: 0, run, intro: intro.clone() };
        let patience = &config.cluster.steward.join;
        let welcome = join(&GuestKnock(options.clone()), &claim, &seeds, patience).await?;
        identity.settle(welcome.me)?;
        tracing::info!(node = %welcome.me.node, cluster = %welcome.me.cluster, "joined");
        return Ok(Entry { me: welcome.me, welcome: Some(welcome), founds: false });
    }
    let me = identity::founder(identity, config.node.partitions, cluster);
    Ok(Entry { me, welcome: None, founds: true })
}

/// Asks the nodes to join, once, whether they know this one: a folder of another cluster, a copy of
/// a folder in use, or one that was given up is told now and not after it has waited in vain. That
/// nobody answers means nothing: the whole cluster may be starting.
async fn return_to(
    config: &Config,
    options: &Options,
    me: Me,
    run: RunId,
    intro: &Introduction,
) -> anyhow::Result<()> {
    let seeds = config.cluster.seeds();
    if seeds.is_empty() {
        return Ok(());
    }
    let claim = Claim {
        cluster: Some(me.cluster),
        node: Some(me.node),
        partitions: me.partitions,
        run,
        intro: intro.clone(),
    };
    let once = JoinOptions { within_ms: 1, knock_ms: 2_000, ..config.cluster.steward.join.clone() };
    match join(&GuestKnock(options.clone()), &claim, &seeds, &once).await {
        Err(refused @ JoinError::Refused { .. }) => Err(refused.into()),
        Ok(_) | Err(JoinError::NoAnswer(_)) => Ok(()),
    }
}

fn introduction(config: &Config, identity: &Identity) -> anyhow::Result<Introduction> {
    let cluster = &config.cluster;
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.into() };
    let zone = Zone::new(&cluster.zone);
    let (lowest, highest) = impresario_wire::VERSIONS;
    Ok(Introduction {
        store: StoreId(identity.store().0),
        addr: or(&cluster.advertise, &cluster.listen),
        http: or(&cluster.http_advertise, &config.http.listen.to_string()),
        zone: zone.ok_or_else(|| anyhow!("cluster.zone: \"{}\" is no name", cluster.zone))?,
        version: impresario_wire::RELEASE.to_owned(),
        wire: WireRange { lowest, highest },
    })
}

fn now_ms() -> i64 {
    use impresario_host::clock::{Clock as _, SystemClock};
    let now: Timestamp = SystemClock.now();
    now.as_ms()
}
