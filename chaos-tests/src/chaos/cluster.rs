//! What the runner needs of a cluster, and the smallest one: a single node.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::api::Api;
use crate::chaos::invariants::leadership::Claim;
use crate::chaos::invariants::replicas::Digest;
use crate::chaos::node::{Node, READY_WITHIN, Started};
use crate::chaos::rig::Rig;

/// What became of something that was asked of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was done; what is worth telling of it.
    Done(String),
    /// It cannot be done here, and why.
    Skipped(String),
}

/// Nodes that can be broken. Nodes are counted from 0: places at which a node runs, whoever it is
/// there after a replacement. The functions that are not `async` may block;
/// the runner sees to that.
pub trait Cluster: Send {
    /// How many nodes there are.
    fn nodes(&self) -> usize;

    /// Starts a node on the data it has. It may not take requests yet.
    ///
    /// # Errors
    /// If its process cannot be started.
    fn launch(&mut self, node: usize, rig: &Rig) -> Result<()>;

    /// How long a started node is waited for while other nodes may be out of reach; one that then
    /// still runs is left to itself.
    fn hurry(&self) -> Duration;

    /// What is done about a node that has refused to start.
    ///
    /// # Errors
    /// If nothing is to be done: it should have started.
    fn refused(&mut self, node: usize, why: &str, rig: &Rig) -> Result<()> {
        let _ = (node, rig);
        anyhow::bail!("the node did not start: {why}")
    }

    /// The process of a node.
    fn node(&mut self, node: usize) -> &mut Node;

    /// Where a node's HTTP interface is.
    fn url(&self, node: usize, rig: &Rig) -> String;

    /// The files of a node, in its data folder, whose end may be spoilt while it is stopped.
    fn log_files(&self, data: &Path) -> Vec<PathBuf>;

    /// The ports on which nodes hear each other.
    fn peer_ports(&self) -> Vec<u16>;

    /// Moves a node's leaders away, or lets them come back.
    ///
    /// # Errors
    /// If it cannot be found out what became of it.
    fn drain(
        &mut self,
        node: usize,
        is_drained: bool,
        rig: &Rig,
    ) -> impl Future<Output = Result<Effect>> + Send;

    /// Takes a node out of the cluster in good order; `false` joins a fresh one in its place.
    ///
    /// # Errors
    /// If it cannot be found out what became of it.
    fn remove(
        &mut self,
        node: usize,
        is_removed: bool,
        rig: &Rig,
    ) -> impl Future<Output = Result<Effect>> + Send;

    /// Destroys a node with its disk, if the others hold everything; `false` joins a fresh one in
    /// its place and has the destroyed one forgotten.
    ///
    /// # Errors
    /// If it cannot be found out what became of it.
    fn replace(
        &mut self,
        node: usize,
        is_destroyed: bool,
        rig: &Rig,
    ) -> impl Future<Output = Result<Effect>> + Send;

    /// Does what an operator does so that every node can take part again, once all of them run.
    fn mend(&mut self, rig: &Rig) -> impl Future<Output = ()> + Send {
        let _ = rig;
        std::future::ready(())
    }

    /// Waits until the healed cluster has come to rest: every partition has its replicas.
    ///
    /// # Errors
    /// What is still not as it should be after `within`.
    fn settle(&mut self, within: Duration, rig: &Rig) -> impl Future<Output = Result<()>> + Send;

    /// How many partitions there are, and how many replicas each should have.
    fn shape(&self) -> (u32, usize);

    /// What each node that answers says of each partition, `at_ms` of the run; `None` if nodes do
    /// not tell.
    fn claims(&mut self, at_ms: u64, rig: &Rig) -> impl Future<Output = Option<Vec<Claim>>> + Send;

    /// What each replica holds, all at rest; `None` if nodes do not tell.
    fn digests(&mut self, rig: &Rig) -> impl Future<Output = Option<Vec<Digest>>> + Send;
}

/// The interface of a node for the operator.
///
/// # Errors
/// If the node has not written its token.
pub fn operator<C: Cluster>(cluster: &C, node: usize, rig: &Rig) -> Result<Api> {
    let token = std::fs::read_to_string(rig.data(node).join("root-token"));
    let token = token.context("read the operator's token")?;
    Api::new(&cluster.url(node, rig), token.trim())
}

/// Starts a node on the data it has and waits until it takes requests.
///
/// # Errors
/// If it can be neither started nor said to have refused.
pub fn start<C: Cluster>(cluster: &mut C, node: usize, rig: &Rig) -> Result<Started> {
    cluster.launch(node, rig)?;
    cluster.node(node).await_ready(READY_WITHIN)
}

/// The port of every node; each is at an address of its own.
pub(crate) const PORT: u16 = 8080;

/// One node that is a cluster by itself.
#[derive(Debug)]
pub struct LoneNode {
    program: PathBuf,
    settings: Vec<String>,
    port: u16,
    node: Node,
}

impl LoneNode {
    /// A node of this program with these settings (`path=value`), not started.
    #[must_use]
    pub fn new(program: PathBuf, settings: &[&str], rig: &Rig) -> Self {
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        // Without a network of its own the fixed port may be taken.
        let port = if rig.network().is_some() { PORT } else { rig.free_port() };
        Self { program, settings, port, node: Node::new(&rig.log(0)) }
    }
}

impl Cluster for LoneNode {
    fn nodes(&self) -> usize {
        1
    }

    fn launch(&mut self, node: usize, rig: &Rig) -> Result<()> {
        let mut command: Command = rig.command(node, &self.program);
        command.args(["serve", "--ready-line", "--data"]).arg(rig.data(node));
        command.args(["--listen", &format!("{}:{}", rig.address(node), self.port)]);
        self.settings.iter().for_each(|setting| {
            command.args(["--set", setting]);
        });
        self.node.launch(command)
    }

    fn hurry(&self) -> Duration {
        READY_WITHIN
    }

    fn node(&mut self, _node: usize) -> &mut Node {
        &mut self.node
    }

    fn url(&self, node: usize, rig: &Rig) -> String {
        format!("http://{}:{}", rig.address(node), self.port)
    }

    fn log_files(&self, data: &Path) -> Vec<PathBuf> {
        vec![data.join("store/log.redb")]
    }

    fn peer_ports(&self) -> Vec<u16> {
        Vec::new()
    }

    async fn drain(&mut self, _node: usize, _is: bool, _rig: &Rig) -> Result<Effect> {
        Ok(Effect::Skipped("there is no other node".to_owned()))
    }

    async fn remove(&mut self, _node: usize, _is: bool, _rig: &Rig) -> Result<Effect> {
        Ok(Effect::Skipped("there is no other node".to_owned()))
    }

    async fn replace(&mut self, _node: usize, _is: bool, _rig: &Rig) -> Result<Effect> {
        Ok(Effect::Skipped("there is no other node".to_owned()))
    }

    async fn settle(&mut self, _within: Duration, _rig: &Rig) -> Result<()> {
        Ok(())
    }

    fn shape(&self) -> (u32, usize) {
        (0, 1)
    }

    async fn claims(&mut self, _at_ms: u64, _rig: &Rig) -> Option<Vec<Claim>> {
        None
    }

    async fn digests(&mut self, _rig: &Rig) -> Option<Vec<Digest>> {
        None
    }
}
