//! Three nodes in this process: consensus, stores on disk, hosts and routers as in the product, over
//! a net in memory that can be cut.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::chaos::invariants::replicas::Digest;
use impresario_consensus::Consensus;
use impresario_host::clock::SystemClock;
use impresario_host::{HostBuilder, HostParts, NoPolicy};
use impresario_ids::{NodeId, ProfileId, TenantId, TraceId};
use impresario_journal::{Journal, KeyRange, Table};
use impresario_kernel::{EntityKey, PartitionId};
use impresario_redb::{ReplicaOptions, ReplicaStore};
use impresario_router::{AskError, Envelope, Failure, Gateway, IdempotencyKey, Router, Signposts};
use impresario_vault::{MasterKey, Vault};
use impresario_wire::MemoryNet;
use tempfile::TempDir;

use super::liar::{Bug, Liar};
use super::list::{Command, List, Refused};

pub(super) const NODES: u64 = 3;
pub(super) const PARTITIONS: u16 = 2;
const TENANT: TenantId = TenantId::from_bytes([1; 16]);
/// No answer after this time is no answer.
const PATIENCE: Duration = Duration::from_millis(600);
/// A cluster that is healed leads every partition after this time, also on a busy machine.
const SOON: Duration = Duration::from_secs(30);

pub(super) struct Node {
    id: NodeId,
    consensus: Consensus,
    journal: Arc<dyn Journal>,
    router: Router,
    _folder: TempDir,
}

pub(super) struct Town {
    pub(super) net: MemoryNet,
    nodes: Vec<Node>,
}

fn entity(number: u8) -> EntityKey {
    EntityKey::new(
        TENANT,
        <List as impresario_kernel::Entity>::KIND,
        ProfileId::from_bytes([number; 16]),
    )
}

/// Ten times quicker than in the product, so that a run has many reigns.
fn quick() -> impresario_consensus::Options {
    impresario_consensus::Options {
        heartbeat_ms: 50,
        election_min_ms: 120,
        election_max_ms: 220,
        append_timeout_ms: 500,
        ..impresario_consensus::Options::default()
    }
}

impl Town {
    pub(super) async fn new(bug: Option<Bug>) -> Result<Self> {
        let vault = Arc::new(Vault::open(MasterKey::from_bytes([7; 32]), [])?);
        let row = vault.provision(TENANT)?;
        vault.activate(TENANT, &row)?;
        let mut town = Self { net: MemoryNet::new(), nodes: Vec::new() };
        let mut stores = Vec::new();
        for number in 1..=NODES {
            stores.push(town.consensus(NodeId(number)).await?);
        }
        let first = &stores[0].0;
        first.found(0..PARTITIONS).await.context("found")?;
        let everybody: BTreeSet<NodeId> = (1..=NODES).map(NodeId).collect();
        for group in 0..PARTITIONS {
            first.change_voters(group, everybody.clone(), false, &drop).await.context("voters")?;
        }
        for (number, (consensus, folder)) in (1..).zip(stores) {
            let node = town.node(NodeId(number), consensus, folder, &vault, bug).await?;
            town.nodes.push(node);
        }
        Ok(town)
    }

    async fn consensus(&self, id: NodeId) -> Result<(Consensus, TempDir)> {
        let folder = tempfile::tempdir()?;
        let mut options = ReplicaOptions::new(folder.path().to_owned(), PARTITIONS);
        options.gather = Duration::ZERO;
        let store = ReplicaStore::open(options)?;
        let port = Arc::new(self.net.port(id));
        let allowed = Arc::new(|_, _| true);
        let consensus = Consensus::open(quick(), store, id, port, allowed).await?;
        self.net.join(id, Some(Arc::new(consensus.clone())), None);
        Ok((consensus, folder))
    }

    async fn node(
        &self,
        id: NodeId,
        consensus: Consensus,
        folder: TempDir,
        vault: &Arc<Vault>,
        bug: Option<Bug>,
    ) -> Result<Node> {
        let journal: Arc<dyn Journal> = Arc::new(consensus.journal(PARTITIONS));
        let seen: Arc<dyn Journal> = match bug {
            Some(bug) => Arc::new(Liar::new(Arc::clone(&journal), bug)),
            None => Arc::clone(&journal),
        };
        let parts = HostParts {
            journal: seen,
            vault: Arc::clone(vault),
            clock: Arc::new(SystemClock),
            options: impresario_host::Options::default(),
            seed: id.0,
        };
        let host = HostBuilder::new(parts)
            .entity::<List>(Arc::new(NoPolicy::default()), Vec::new())
            .start()
            .await?;
        let signposts = Signposts::new(id, host.clone());
        let calls = Arc::new(self.net.port(id));
        let options = impresario_router::Options::default();
        let router = Router::clustered(host, options, calls, signposts.clone());
        let gateway = Gateway::new(&router, signposts);
        self.net.join(id, Some(Arc::new(consensus.clone())), Some(Arc::new(gateway)));
        Ok(Node { id, consensus, journal, router, _folder: folder })
    }

    fn envelope(&self, at: usize, intent: Option<u32>) -> Envelope {
        let key = intent.map(|intent| IdempotencyKey::of(&intent.to_be_bytes()));
        let deadline = self.nodes[at].router.deadline(PATIENCE);
        Envelope { key, deadline, trace: TraceId::NIL }
    }

    /// Asks a node to record a number; whether it says so.
    pub(super) async fn record(&self, at: usize, number: u8, value: u32) -> bool {
        let envelope = self.envelope(at, Some(value));
        let asked: Result<(), AskError<Refused>> =
            self.nodes[at].router.ask::<List>(entity(number), Command(value), envelope).await;
        asked.is_ok()
    }

    /// What an entity has recorded, as a node says.
    pub(super) async fn list(&self, at: usize, number: u8) -> Option<Vec<u32>> {
        let envelope = self.envelope(at, None);
        let asked: Result<Vec<u32>, Failure> =
            self.nodes[at].router.query::<List>(entity(number), (), envelope).await;
        asked.ok()
    }

    /// Cuts a node off, both ways or one.
    pub(super) fn isolate(&self, node: u64, also_from_it: bool) {
        for other in (1..=NODES).filter(|other| *other != node) {
            self.net.cut(NodeId(other), NodeId(node));
            if also_from_it {
                self.net.cut(NodeId(node), NodeId(other));
            }
        }
    }

    /// Who leads a partition, as the nodes themselves say.
    pub(super) fn leader(&self, partition: u16) -> Option<u64> {
        let leads = |node: &&Node| node.consensus.leadership(partition).is_leader();
        self.nodes.iter().find(leads).map(|node| node.id.0)
    }

    /// What every replica holds, once all of them have applied the same.
    pub(super) async fn digests(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for partition in 0..PARTITIONS {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let applied = |node: &Node| node.consensus.system(partition).applied();
            let all_equal = async {
                loop {
                    ticks.tick().await;
                    let first = applied(&self.nodes[0]);
                    if self.nodes.iter().all(|node| applied(node) == first) {
                        return;
                    }
                }
            };
            let waited = tokio::time::timeout(SOON, all_equal).await;
            ensure!(waited.is_ok(), "the replicas of partition {partition} never met");
            for (at, node) in self.nodes.iter().enumerate() {
                digests.push(Digest {
                    node: at,
                    partition: u32::from(partition),
                    applied: applied(node),
                    hash: hash(node.journal.as_ref(), partition)?,
                });
            }
        }
        Ok(digests)
    }

    pub(super) async fn stop(self) {
        for node in self.nodes {
            self.net.leave(node.id);
            // What is still under way ends with the test.
            let _ = node.consensus.shutdown().await;
        }
    }
}

/// All rows, in a number: equal rows give equal numbers.
fn hash(journal: &dyn Journal, partition: u16) -> Result<String> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for table in Table::ALL {
        let visit = &mut |key: &[u8], value: &[u8]| {
            (table, key, value).hash(&mut hasher);
            ControlFlow::Continue(())
        };
        journal.scan(PartitionId(partition), table, &KeyRange::all(), false, visit)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}
