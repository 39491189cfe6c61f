//! A node in miniature: real entities, host, router and outbox over a memory journal.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use impresario_host::clock::{Clock, ManualClock};
use impresario_host::{Committed, Host, HostBuilder, HostParts, NoPolicy, Observer, PolicySource};
use impresario_ids::{EndpointId, NodeId, ProfileId, TenantId, TraceId};
use impresario_journal::{Journal, KeyRange, Leadership, MemoryJournal, Role, Table, Term, Write};
use impresario_kernel::{Entity, EntityKey, PartitionId, Timestamp, decode};
use impresario_outbox::{Asking, Hook, Options, Outbox, Parts, Settling};
use impresario_profile::{
    self as profile, Call, Message, Policy, PolicyEndpoint, PolicySegment, Profile,
};
use impresario_router::{AskError, Envelope, Failure, Gateway, Router, Signposts};
use impresario_rows::{EventRow, aad, decode_row};
use impresario_segment::Segment;
use impresario_tenant::{self as tenant, NewEndpoint, Plan, Tenant, keys::Pepper};
use impresario_vault::{MasterKey, Vault};
use impresario_webhooks::{Ports, Sender};
use impresario_wire::MemoryNet;

use crate::ears::{After, Before, Ears};
use crate::traps::Traps;

pub(crate) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(crate) const START: Timestamp = Timestamp::from_ms(1_700_000_000_000);
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) struct House {
    pub(crate) journal: Arc<MemoryJournal>,
    /// Between the host and the journal.
    pub(crate) traps: Arc<Traps>,
    /// Hears what the outbox hears of leadership.
    pub(crate) ears: Arc<Ears>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) host: Host,
    pub(crate) router: Router,
    pub(crate) hook: Arc<Hook>,
    pub(crate) outbox: Option<Outbox>,
    options: Options,
    /// The next look at a tenant's endpoints panics.
    pub(crate) panics: Arc<AtomicBool>,
    /// Other nodes that a sweep waits for.
    pub(crate) others: Arc<Mutex<Vec<Host>>>,
    /// The messages that each profile took in, in order.
    received: Arc<Mutex<Vec<(ProfileId, String)>>>,
}

/// Profiles decide by the segments and endpoints that their tenant has in the store.
struct FromTenant(Arc<OnceLock<Host>>);

impl PolicySource<Policy> for FromTenant {
    fn policy(&self, id: TenantId) -> Result<Arc<Policy>, Failure> {
        let host = self.0.get().expect("the host has started");
        let state = host.peek::<Tenant>(&tenant::key(id))?.state;
        let segments = state.live_segments().map(|live| PolicySegment {
            id: live.id,
            version: live.version,
            name: live.name.clone(),
            rule: impresario_rules::parse(&live.rule).expect("a live rule parses"),
        });
        let endpoints = state
            .endpoints()
            .map(|endpoint| PolicyEndpoint { id: endpoint.id, kinds: endpoint.events.clone() });
        Ok(Arc::new(Policy::new(segments.collect(), Vec::new(), endpoints.collect())))
    }
}

impl House {
    /// A node with a tenant that was onboarded, and the outbox running.
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let mut house = Self::dark(options).await;
        house.onboard(TENANT).await;
        house.start().await;
        house
    }

    /// A node without tenants whose outbox does not run yet.
    pub(crate) async fn dark(options: Options) -> Self {
        Self::over(Arc::new(MemoryJournal::new(4)), Arc::new(ManualClock::at(START)), options).await
    }

    /// What a crash and a new start make of this house, before its outbox runs again.
    pub(crate) async fn crash(self) -> Self {
        if let Some(outbox) = &self.outbox {
            outbox.stop(Duration::ZERO).await;
        }
        Self::over(Arc::new(self.journal.reopen()), Arc::clone(&self.clock), self.options.clone())
            .await
    }

    /// A second node over the same rows, that leads nothing yet and whose outbox does not run yet.
    pub(crate) async fn beside(&self) -> Self {
        let journal = Arc::new(self.journal.beside());
        let role = Role::Follower { leader: Some(NodeId(1)) };
        for number in 0..journal.partitions() {
            journal.lead(PartitionId(number), Leadership { term: Term(0), role });
        }
        Self::over(journal, Arc::clone(&self.clock), self.options.clone()).await
    }

    async fn over(journal: Arc<MemoryJournal>, clock: Arc<ManualClock>, options: Options) -> Self {
        let mut keys = Vec::new();
        scan(&*journal, PartitionId(0), Table::Keys, |key, value| {
            keys.push((TenantId::from_bytes(key.try_into().unwrap()), value.to_vec()));
        });
        let traps = Arc::new(Traps::around(Arc::clone(&journal)));
        let ears = Arc::new(Ears::of(journal.partitions()));
        let parts = HostParts {
            journal: Arc::clone(&traps) as Arc<dyn Journal>,
            vault: Arc::new(Vault::open(MasterKey::from_bytes([7; 32]), keys).unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            options: impresario_host::Options::default(),
            seed: 1,
        };
        let hook = Hook::new(journal.partitions(), options.queue_rows_max);
        let late = Arc::new(OnceLock::new());
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let observer: Observer<Profile> = Arc::new(move |committed: &Committed<'_, Profile>| {
            for event in committed.events {
                if let profile::Event::Received(message) = event {
                    log.lock()
                        .unwrap()
                        .push((committed.key.typed_id(), message.message_id.to_string()));
                }
            }
        });
        let host = HostBuilder::new(parts)
            .entity::<Tenant>(Arc::new(NoPolicy::default()), Vec::new())
            .entity::<Segment>(Arc::new(NoPolicy::default()), Vec::new())
            .entity::<Profile>(Arc::new(FromTenant(Arc::clone(&late))), vec![observer])
            .hook(Arc::new(Before(Arc::clone(&ears))))
            .hook(Arc::clone(&hook) as Arc<dyn impresario_host::CommitHook>)
            .hook(Arc::new(After(Arc::clone(&ears))))
            .start()
            .await
            .unwrap();
        late.set(host.clone()).unwrap();
        let router = Router::new(host.clone(), impresario_router::Options::default());
        Self {
            journal,
            traps,
            ears,
            clock,
            host,
            router,
            hook,
            outbox: None,
            options,
            received,
            others: Arc::default(),
            panics: Arc::default(),
        }
    }

    /// From now on the router asks the other nodes of the net, and they may ask here.
    pub(crate) fn join(&mut self, net: &MemoryNet, id: NodeId) {
        let signposts = Signposts::new(id, self.host.clone());
        let options = impresario_router::Options::default();
        let port = Arc::new(net.port(id));
        self.router = Router::clustered(self.host.clone(), options, port, signposts.clone());
        net.join(id, None, Some(Arc::new(Gateway::new(&self.router, signposts))));
    }

    pub(crate) async fn start(&mut self) {
        let sender = impresario_webhooks::Options {
            allow_private: true,
            ports: Ports::Any,
            body_timeout_ms: 100,
            ..impresario_webhooks::Options::default()
        };
        let (states, journal) = (self.host.clone(), Arc::clone(&self.journal));
        let (settled, others) = (self.host.clone(), Arc::clone(&self.others));
        let (panics, ears) = (Arc::clone(&self.panics), Arc::clone(&self.ears));
        let keys = Arc::clone(&self.journal);
        let parts = Parts {
            host: self.host.clone(),
            router: self.router.clone(),
            tenants: Arc::new(move |id| {
                // Tenants tell their own news; the first one's profiles do too, from anywhere.
                if id != TENANT {
                    ears.check(states.partition_of(&tenant::key(id)));
                }
                assert!(!panics.swap(false, Ordering::SeqCst), "as the test wants");
                let state =
                    states.peek::<Tenant>(&tenant::key(id)).map(|seen| Arc::new(seen.state));
                let asking: Asking<Arc<tenant::State>> = Box::pin(std::future::ready(state));
                asking
            }),
            profiles: Arc::new(move |id, after, limit| {
                let page = profiles(&*journal, id, after, limit);
                let asking: Asking<Vec<ProfileId>> = Box::pin(std::future::ready(Ok(page)));
                asking
            }),
            settle: Arc::new(move |_| {
                let (host, others) = (settled.clone(), others.lock().unwrap().clone());
                let settling: Settling = Box::pin(async move {
                    host.settle().await?;
                    for host in others {
                        host.settle().await?;
                    }
                    Ok(())
                });
                settling
            }),
            errands: Arc::new(impresario_outbox::NoErrands),
            sender: Arc::new(Sender::new(&sender).unwrap()),
            is_gone: Arc::new(move |id: TenantId| {
                keys.leadership(PartitionId(0)).is_leader()
                    && keys.get(PartitionId(0), Table::Keys, id.as_bytes()) == Ok(None)
            }),
            options: self.options.clone(),
        };
        self.outbox = Some(Outbox::start(parts, Arc::clone(&self.hook)).await.unwrap());
    }

    pub(crate) async fn onboard(&self, id: TenantId) {
        provision(&self.host, id).await;
        let command = tenant::Command::Onboard {
            name: "Shop".to_owned(),
            domain: String::new(),
            plan: Plan::Enterprise,
            pepper: Pepper::new([3; 32]),
        };
        self.tenant_of(id, command).await;
    }

    pub(crate) async fn tenant(&self, command: tenant::Command) {
        self.tenant_of(TENANT, command).await;
    }

    pub(crate) async fn tenant_of(&self, id: TenantId, command: tenant::Command) {
        self.ask::<Tenant>(tenant::key(id), command).await.unwrap();
    }

    pub(crate) async fn add_endpoint(&self, id: TenantId, number: u8, url: &str) -> EndpointId {
        let endpoint = EndpointId::from_bytes([number; 16]);
        let new = NewEndpoint {
            id: endpoint,
            url: url.to_owned(),
            description: String::new(),
            events: Vec::new(),
            secret: SECRET.to_owned().into(),
        };
        self.tenant_of(id, tenant::Command::AddEndpoint { endpoint: new }).await;
        endpoint
    }

    /// Two webhook messages to each endpoint: `tenant.suspended` and `tenant.resumed`.
    pub(crate) async fn nudge(&self, id: TenantId) {
        self.tenant_of(id, tenant::Command::Suspend { reason: "test".to_owned() }).await;
        self.tenant_of(id, tenant::Command::Resume).await;
    }

    pub(crate) async fn track(&self, id: ProfileId, message: Message) {
        let key = EntityKey::new(TENANT, profile::KIND, id);
        self.ask::<Profile>(key, profile::Command::Ingest(Box::new(message))).await.unwrap();
    }

    pub(crate) async fn ask<E: Entity>(
        &self,
        key: EntityKey,
        command: E::Command,
    ) -> Result<E::Reply, AskError<E::Rejection>> {
        self.router.ask::<E>(key, command, self.envelope()).await
    }

    pub(crate) fn envelope(&self) -> Envelope {
        Envelope {
            key: None,
            deadline: self.router.deadline(Duration::from_secs(20)),
            trace: TraceId::from_bytes([9; 16]),
        }
    }

    pub(crate) fn tenant_state(&self) -> tenant::State {
        self.host.peek::<Tenant>(&tenant::key(TENANT)).unwrap().state
    }

    /// Everything known of a profile; `None` if nothing is, or it is merged.
    pub(crate) async fn view(&self, id: ProfileId) -> Option<profile::View> {
        let key = EntityKey::new(TENANT, profile::KIND, id);
        match self.router.query::<Profile>(key, profile::Query::Get, self.envelope()).await.unwrap()
        {
            profile::Answer::Profile(view) => Some(*view),
            _ => None,
        }
    }

    /// The ids of the messages that a profile took in since the start, in order.
    pub(crate) fn received(&self, id: ProfileId) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|(profile, _)| *profile == id)
            .map(|(_, message)| message.clone())
            .collect()
    }

    /// The ids of the messages that are part of a profile, in order, as the store tells.
    pub(crate) fn story(&self, id: ProfileId) -> Vec<String> {
        let entity = EntityKey::new(TENANT, profile::KIND, id);
        let prefix = entity.to_bytes();
        let mut story = Vec::new();
        for (key, value) in self.rows(Table::Events) {
            if !key.starts_with(&prefix) {
                continue;
            }
            let row: EventRow = decode_row(&value).unwrap();
            let aad = aad(Table::Events, &key);
            let event = self.host.vault().open_sealed(TENANT, &aad, &row.body).unwrap();
            if let profile::Event::Received(message) = decode(&event).unwrap() {
                story.push(message.message_id.to_string());
            }
        }
        story
    }

    /// The newest delivery of each webhook message, by its id: the body's type.
    pub(crate) fn kinds(seen: &[crate::receiver::Received]) -> BTreeMap<String, String> {
        let kind = |body: &str| body.split('"').nth(3).unwrap().to_owned();
        seen.iter().map(|one| (one.id.clone(), kind(&one.body))).collect()
    }

    /// Rows of a table, over all partitions.
    pub(crate) fn rows(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        for number in 0..self.journal.partitions() {
            scan(&*self.journal, PartitionId(number), table, |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
            });
        }
        rows
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.clock.advance_ms(ms);
        if let Some(outbox) = &self.outbox {
            outbox.look();
        }
    }

    /// Waits until `condition` holds, letting everybody run meanwhile.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let held = tokio::time::timeout(Duration::from_secs(30), async {
            while !condition(self) {
                tokio::task::yield_now().await;
            }
        });
        assert!(
            held.await.is_ok(),
            "never held: {what}; rows left: {}",
            self.rows(Table::Outbox).len()
        );
    }

    /// As [`House::until`], while time passes: a step now and then, not with each look, or a slow
    /// machine would see days go by, and with them what idempotency keys are remembered for.
    pub(crate) async fn until_later(
        &self,
        what: &str,
        step_ms: i64,
        condition: impl Fn(&Self) -> bool,
    ) {
        const LOOKS: u64 = 2_000;
        let looks = std::cell::Cell::new(0);
        self.until(what, |house| {
            if u64::is_multiple_of(looks.get(), LOOKS) {
                house.advance(step_ms);
            }
            looks.set(looks.get() + 1);
            condition(house)
        })
        .await;
    }

    pub(crate) async fn until_done(&self) {
        self.until("the outbox is empty", |house| house.rows(Table::Outbox).is_empty()).await;
    }
}

pub(crate) fn message(
    call: Call,
    id: &str,
    user: Option<&str>,
    anonymous: Option<&str>,
) -> Message {
    Message {
        user_id: user.map(|user| user.to_owned().into()),
        anonymous_id: anonymous.map(|anonymous| anonymous.to_owned().into()),
        name: (call == Call::Track).then(|| "Order".to_owned()),
        ..Message::new(call, id, START, START)
    }
}

fn profiles(
    journal: &dyn Journal,
    id: TenantId,
    after: Option<ProfileId>,
    limit: usize,
) -> Vec<ProfileId> {
    let mut found = BTreeSet::new();
    for number in 0..journal.partitions() {
        scan(journal, PartitionId(number), Table::Events, |key, _| {
            let key = EntityKey::from_bytes(key).unwrap();
            if key.tenant == id && key.kind == profile::KIND.code {
                found.insert(key.typed_id());
            }
        });
    }
    found.into_iter().filter(|id| after.is_none_or(|after| *id > after)).take(limit).collect()
}

fn scan(
    journal: &dyn Journal,
    partition: PartitionId,
    table: Table,
    mut visit: impl FnMut(&[u8], &[u8]),
) {
    journal
        .scan(partition, table, &KeyRange::all(), false, &mut |key, value| {
            visit(key, value);
            ControlFlow::Continue(())
        })
        .unwrap();
}

/// Makes a tenant unknown for ever, as if every partition had been asked.
pub(crate) async fn erase(host: &Host, tenant: TenantId) {
    host.vault().forget(tenant);
    for number in 0..host.journal().partitions() {
        host.remove_tenant(PartitionId(number), tenant).await.expect("its rows are removed");
    }
}

/// Gives the tenant a key, which this little world keeps in its first partition.
pub(crate) async fn provision(host: &Host, tenant: TenantId) {
    let vault = host.vault();
    if vault.contains(tenant) {
        return;
    }
    let row = vault.provision(tenant).expect("a key");
    let key = tenant.as_bytes().to_vec();
    let write = Write::Put { table: Table::Keys, key, value: row.clone() };
    host.system_commit(PartitionId(0), vec![write]).await.expect("the key is kept");
    vault.activate(tenant, &row).expect("it is a key");
}
