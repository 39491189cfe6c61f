//! Several nodes in one process: their journals are over the same rows, their calls go over a net
//! in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use impresario_host::clock::ManualClock;
use impresario_host::{Host, HostBuilder, HostParts, NoPolicy};
use impresario_ids::{NodeId, ProfileId, TenantId, TraceId};
use impresario_journal::{Journal, Leadership, MemoryJournal, Role, Term};
use impresario_kernel::{
    Coded, Ctx, Decision, Entity, EntityKey, EntityKind, PartitionId, Timestamp,
};
use impresario_vault::{MasterKey, Vault};
use impresario_wire::{Call, CallTransport, Called, MemoryNet, MemoryPort, WireError};
use minicbor::{Decode, Encode};

use crate::{AskError, Envelope, Gateway, IdempotencyKey, Options, Router, Signposts};

/// An entity that adds.
#[derive(Debug)]
pub(super) enum Sum {}

#[derive(Clone, Debug, Encode, Decode)]
pub(super) enum Command {
    #[n(0)]
    Add(#[n(0)] u64),
    /// Refused above this.
    #[n(1)]
    AddUpTo(#[n(0)] u64),
    /// Adds 1 and replies with so many bytes.
    #[n(2)]
    Stuff(#[n(0)] u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Reply {
    #[n(0)]
    pub(super) total: u64,
    #[n(1)]
    pub(super) trace: TraceId,
    #[n(2)]
    pub(super) stuffing: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub(super) enum Refused {
    #[n(0)]
    #[error("{total} is over {limit}")]
    Over {
        #[n(0)]
        total: u64,
        #[n(1)]
        limit: u64,
    },
}

impl Coded for Refused {
    fn code(&self) -> &'static str {
        "over"
    }
}

impl Entity for Sum {
    const KIND: EntityKind = EntityKind { code: 202, name: "sum" };
    type State = u64;
    type Command = Command;
    type Event = u64;
    type Effect = ();
    type Reply = Reply;
    type Rejection = Refused;
    type Query = ();
    type Answer = u64;
    type Policy = ();

    fn decide(
        state: &u64,
        command: Command,
        ctx: &Ctx<'_, (), u64>,
    ) -> Result<Decision<Self>, Refused> {
        let (more, stuffing) = match command {
            Command::Add(more) => (more, String::new()),
            Command::AddUpTo(limit) if *state < limit => (1, String::new()),
            Command::AddUpTo(limit) => return Err(Refused::Over { total: *state, limit }),
            Command::Stuff(bytes) => (1, "x".repeat(bytes as usize)),
        };
        let reply = Reply { total: state + more, trace: ctx.trace, stuffing };
        Ok(Decision::events(vec![more], reply))
    }

    fn apply(state: &mut u64, more: &u64) {
        *state += more;
    }

    fn answer(state: &u64, (): (), _ctx: &Ctx<'_, (), u64>) -> u64 {
        *state
    }

    fn on_timer(_name: &str) -> Option<Command> {
        None
    }
}

pub(super) const TENANT: TenantId = TenantId::from_bytes([1; 16]);

pub(super) fn sum(number: u8) -> EntityKey {
    EntityKey::new(TENANT, Sum::KIND, ProfileId::from_bytes([number; 16]))
}

pub(super) type Asked = Result<Reply, AskError<Refused>>;

/// A way into the net that counts, and can be full.
pub(super) struct Counting {
    port: MemoryPort,
    pub(super) calls: AtomicUsize,
    pub(super) is_full: AtomicBool,
}

impl CallTransport for Counting {
    fn call(&self, to: NodeId, call: Call, within: Duration) -> Called {
        if self.is_full.load(Ordering::Relaxed) {
            return Box::pin(async move { Err(WireError::Busy(to)) });
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        CallTransport::call(&self.port, to, call, within)
    }
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) host: Host,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) router: Router,
    pub(super) gateway: Gateway,
    pub(super) port: Arc<Counting>,
}

pub(super) struct Town {
    pub(super) net: MemoryNet,
    pub(super) nodes: Vec<Node>,
    pub(super) clock: Arc<ManualClock>,
}

pub(super) const NODES: u64 = 3;
pub(super) const PARTITIONS: u16 = 2;

impl Town {
    /// Three nodes; the first decides for every partition.
    pub(super) async fn new(options: &Options) -> Self {
        let first = Arc::new(MemoryJournal::new(PARTITIONS));
        let beside: Vec<_> = (1..NODES).map(|_| Arc::new(first.beside())).collect();
        let journals: Vec<_> = [first].into_iter().chain(beside).collect();
        for (number, journal) in (1..).zip(&journals) {
            let role =
                if number == 1 { Role::Leader } else { Role::Follower { leader: Some(NodeId(1)) } };
            for partition in 0..PARTITIONS {
                journal.lead(PartitionId(partition), Leadership { term: Term(1), role });
            }
        }
        let vault = Vault::open(MasterKey::from_bytes([7; 32]), []).expect("the vault opens");
        let clock = Arc::new(ManualClock::at(Timestamp::from_ms(1_700_000_000_000)));
        let mut town = Self { net: MemoryNet::new(), nodes: Vec::new(), clock };
        let vault = Arc::new(vault);
        for (number, journal) in (1..).zip(journals) {
            let node = town.node(NodeId(number), journal, &vault, options).await;
            town.nodes.push(node);
        }
        super::provision(&town.nodes[0].host, TENANT);
        town
    }

    async fn node(
        &self,
        id: NodeId,
        journal: Arc<MemoryJournal>,
        vault: &Arc<Vault>,
        options: &Options,
    ) -> Node {
        let parts = HostParts {
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            vault: Arc::clone(vault),
            clock: Arc::clone(&self.clock) as Arc<dyn impresario_host::clock::Clock>,
            options: impresario_host::Options::default(),
            seed: id.0,
        };
        let host = HostBuilder::new(parts)
            .entity::<Sum>(Arc::new(NoPolicy::default()), Vec::new())
            .start()
            .await
            .expect("the host starts");
        let signposts = Signposts::new(id, host.clone());
        let port = Arc::new(Counting {
            port: self.net.port(id),
            calls: AtomicUsize::default(),
            is_full: AtomicBool::default(),
        });
        let calls = Arc::clone(&port) as Arc<dyn CallTransport>;
        let router = Router::clustered(host.clone(), options.clone(), calls, signposts.clone());
        let gateway = Gateway::new(&router, signposts);
        self.net.join(id, None, Some(Arc::new(gateway.clone())));
        Node { id, host, journal, router, gateway, port }
    }

    /// This node decides for a partition from now on, and all have heard of it.
    pub(super) fn lead(&self, partition: PartitionId, leader: NodeId, term: u64) {
        let told = |role| Leadership { term: Term(term), role };
        // A reign begins before the others hear of it.
        self.of(leader).journal.lead(partition, told(Role::Leader));
        for node in self.nodes.iter().filter(|node| node.id != leader) {
            node.journal.lead(partition, told(Role::Follower { leader: Some(leader) }));
        }
    }

    /// Nobody decides for a partition from now on.
    pub(super) fn depose(&self, partition: PartitionId, term: u64) {
        for node in &self.nodes {
            let role = Role::Follower { leader: None };
            node.journal.lead(partition, Leadership { term: Term(term), role });
        }
    }

    pub(super) fn of(&self, id: NodeId) -> &Node {
        self.nodes.iter().find(|node| node.id == id).expect("there is such a node")
    }

    pub(super) fn partition_of(&self, number: u8) -> PartitionId {
        sum(number).partition(PARTITIONS)
    }

    /// What the entities know in the end, by their leaders.
    pub(super) async fn total(&self, number: u8) -> u64 {
        let node = &self.nodes[0];
        let total = node.router.query::<Sum>(sum(number), (), node.envelope(None, 60_000)).await;
        total.expect("somebody decides")
    }
}

impl Node {
    pub(super) fn envelope(&self, intent: Option<u64>, wait_ms: u64) -> Envelope {
        let key = intent.map(|intent| IdempotencyKey::of(&intent.to_be_bytes()));
        let deadline = self.router.deadline(Duration::from_millis(wait_ms));
        Envelope { key, deadline, trace: TraceId::NIL }
    }

    pub(super) async fn ask(&self, number: u8, command: Command, envelope: Envelope) -> Asked {
        self.router.ask::<Sum>(sum(number), command, envelope).await
    }

    pub(super) async fn add(&self, number: u8, intent: Option<u64>) -> Asked {
        self.ask(number, Command::Add(1), self.envelope(intent, 60_000)).await
    }

    /// Waits until the host here decides for the partition no longer.
    pub(super) async fn stood_down(&self, partition: PartitionId) {
        while self.host.leads(partition).is_some() {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.port.calls.load(Ordering::Relaxed)
    }
}
