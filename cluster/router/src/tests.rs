use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use impresario_host::clock::ManualClock;
use impresario_host::{Host, HostBuilder, HostParts, NoPolicy};
use impresario_ids::{ProfileId, TenantId, TraceId};
use impresario_journal::MemoryJournal;
use impresario_kernel::{Coded, Ctx, Decision, Entity, EntityKey, EntityKind, Timestamp};
use impresario_vault::{MasterKey, Vault};

use super::*;

mod faults;
mod forms;
mod moves;
mod remote;
mod searches;
mod town;

/// An entity that counts what it was asked.
#[derive(Debug)]
enum Count {}

#[derive(Clone, Debug)]
enum Never {}

impl<C> minicbor::Encode<C> for Never {
    fn encode<W: minicbor::encode::Write>(
        &self,
        _: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match *self {}
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Never {
    fn decode(_: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Err(minicbor::decode::Error::message("there is no such value"))
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
impl std::error::Error for Never {}
impl Coded for Never {
    fn code(&self) -> &'static str {
        match *self {}
    }
}

impl Entity for Count {
    const KIND: EntityKind = EntityKind { code: 201, name: "count" };
    type State = u64;
    type Command = ();
    type Event = ();
    type Effect = ();
    type Reply = u64;
    type Rejection = Never;
    type Query = ();
    type Answer = u64;
    type Policy = ();

    fn decide(state: &u64, (): (), _ctx: &Ctx<'_, (), ()>) -> Result<Decision<Self>, Never> {
        Ok(Decision::events(vec![()], state + 1))
    }

    fn apply(state: &mut u64, (): &()) {
        *state += 1;
    }

    fn answer(state: &u64, (): (), _ctx: &Ctx<'_, (), ()>) -> u64 {
        *state
    }

    fn on_timer(_name: &str) -> Option<()> {
        None
    }
}

const TENANTS: [TenantId; 2] = [TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16])];

struct Bench {
    router: Router,
    journal: Arc<MemoryJournal>,
}

async fn bench(options: Options) -> Bench {
    let journal = Arc::new(MemoryJournal::new(2));
    let parts = HostParts {
        journal: Arc::clone(&journal) as Arc<dyn impresario_journal::Journal>,
        vault: Arc::new(Vault::open(MasterKey::from_bytes([7; 32]), []).expect("the vault opens")),
        clock: Arc::new(ManualClock::at(Timestamp::from_ms(1_700_000_000_000))),
        options: impresario_host::Options::default(),
        seed: 1,
    };
    let host = HostBuilder::new(parts)
        .entity::<Count>(Arc::new(NoPolicy::default()), Vec::new())
        .start()
        .await;
    let host = host.expect("the host starts");
    for tenant in TENANTS {
        provision(&host, tenant);
    }
    Bench { router: Router::new(host, options), journal }
}

impl Bench {
    fn envelope(&self, wait_ms: u64) -> Envelope {
        let deadline = self.router.deadline(Duration::from_millis(wait_ms));
        Envelope { key: None, deadline, trace: TraceId::NIL }
    }

    /// Sends an ask that waits for its commit, which the journal holds.
    async fn stuck(
        &self,
        tenant: TenantId,
        number: u8,
    ) -> tokio::task::JoinHandle<Result<u64, AskError<Never>>> {
        let (router, envelope, before) =
            (self.router.clone(), self.envelope(60_000), self.router.under_way());
        let ask =
            tokio::spawn(
                async move { router.ask::<Count>(key(tenant, number), (), envelope).await },
            );
        while self.router.under_way() == before {
            tokio::task::yield_now().await;
        }
        ask
    }
}

fn key(tenant: TenantId, number: u8) -> EntityKey {
    EntityKey::new(tenant, Count::KIND, ProfileId::from_bytes([number; 16]))
}

fn is_overloaded<T>(answer: &Result<T, AskError<Never>>, want: &str) -> bool {
    matches!(answer, Err(AskError::Failed(Failure::Overloaded { queue, .. })) if *queue == want)
}

/// TEN-04: a tenant that floods its entities is refused, the others are not.
#[tokio::test]
async fn a_tenant_past_its_permits_is_refused_at_once_and_alone() {
    let bench = bench(Options { tenant_permits: 2, ..Options::default() }).await;
    bench.journal.hold();
    let asks = [bench.stuck(TENANTS[0], 1).await, bench.stuck(TENANTS[0], 2).await];
    let refused = bench.router.ask::<Count>(key(TENANTS[0], 3), (), bench.envelope(1_000)).await;
    assert!(is_overloaded(&refused, "tenant"), "{refused:?}");
    let other = bench.stuck(TENANTS[1], 1).await;
    bench.journal.release();
    for ask in asks.into_iter().chain([other]) {
        assert!(matches!(ask.await.expect("no panic"), Ok(1)));
    }
    assert_eq!(bench.router.under_way(), 0, "every permit came back");
    assert!(bench.router.ask::<Count>(key(TENANTS[0], 3), (), bench.envelope(1_000)).await.is_ok());
}

#[tokio::test]
async fn the_node_is_bounded_too() {
    let bench = bench(Options { node_permits: 1, ..Options::default() }).await;
    bench.journal.hold();
    let ask = bench.stuck(TENANTS[0], 1).await;
    let refused = bench.router.ask::<Count>(key(TENANTS[1], 1), (), bench.envelope(1_000)).await;
    assert!(is_overloaded(&refused, "node"), "{refused:?}");
    bench.journal.release();
    assert!(ask.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_permit_of_a_caller_who_left_comes_back_only_with_the_outcome() {
    let bench = bench(Options::default()).await;
    bench.journal.hold();
    let ask = bench.stuck(TENANTS[0], 1).await;
    ask.abort();
    assert!(ask.await.expect_err("it was aborted").is_cancelled());
    assert_eq!(bench.router.under_way(), 1, "the command is still on its way (RT1)");
    bench.journal.release();
    while bench.router.under_way() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        bench.router.query::<Count>(key(TENANTS[0], 1), (), bench.envelope(1_000)).await,
        Ok(1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_ask_ends_by_its_deadline() {
    let bench = bench(Options::default()).await;
    bench.journal.hold();
    let late = bench.router.ask::<Count>(key(TENANTS[0], 1), (), bench.envelope(50)).await;
    assert!(matches!(late, Err(AskError::Failed(Failure::DeadlineExceeded))), "{late:?}");
    bench.journal.release();
}

#[tokio::test]
async fn told_is_done_once_and_a_group_larger_than_a_bound_passes_alone() {
    let bench = bench(Options { tenant_permits: 2, ..Options::default() }).await;
    bench.router.tell::<Count>(key(TENANTS[0], 1), (), bench.envelope(1_000)).expect("it is sent");
    while bench.router.under_way() > 0 {
        tokio::task::yield_now().await;
    }
    let group = (0..5).map(|_| ((), bench.envelope(1_000))).collect();
    let answers = bench.router.ask_many::<Count>(key(TENANTS[0], 1), group).await;
    assert!(matches!(answers.last(), Some(Ok(6))), "{answers:?}");
}

/// Gives the tenant a key; this little world keeps it nowhere.
fn provision(host: &Host, tenant: TenantId) {
    let vault = host.vault();
    if !vault.contains(tenant) {
        let row = vault.provision(tenant).expect("a key");
        vault.activate(tenant, &row).expect("it is a key");
    }
}
