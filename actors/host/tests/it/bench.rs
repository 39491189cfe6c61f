//! A host over a memory journal that tests can hold, break and reopen.

use std::sync::Arc;

use impresario_host::clock::{Clock, ManualClock};
use impresario_host::{
    AskError, CommitHook, Committed, Deadline, Envelope, Failure, Host, HostBuilder, HostParts,
    IdempotencyKey, NewEffect, NoPolicy, Observer, Options, TimerChange,
};
use impresario_ids::{NodeId, ProfileId, TenantId, TraceId};
use impresario_journal::{Journal, Leadership, MemoryJournal, Role, Table, Term, Write};
use impresario_kernel::{EntityKey, PartitionId, Timestamp};
use impresario_vault::{MasterKey, Vault};
use parking_lot::Mutex;

use crate::tally::{Command, Event, Refused, Tally};

pub(crate) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(crate) const START: Timestamp = Timestamp::from_ms(1_700_000_000_000);

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) effects: Vec<NewEffect>,
    pub(crate) timers: Vec<TimerChange>,
    pub(crate) events: Vec<(EntityKey, u64, Event)>,
}

pub(crate) struct Recorder(Arc<Mutex<Seen>>);

impl CommitHook for Recorder {
    fn committed(
        &self,
        _partition: PartitionId,
        effects: Vec<NewEffect>,
        timers: Vec<TimerChange>,
    ) {
        let mut seen = self.0.lock();
        seen.effects.extend(effects);
        seen.timers.extend(timers);
    }
}

pub(crate) struct Bench {
    pub(crate) host: Host,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Bench {
    pub(crate) async fn new(options: Options) -> Self {
        Self::over(Arc::new(MemoryJournal::new(4)), Arc::new(ManualClock::at(START)), options).await
    }

    /// What a crash and a new start make of this bench.
    pub(crate) async fn crash(self) -> Self {
        Self::over(Arc::new(self.journal.reopen()), self.clock, Options::default()).await
    }

    /// Another node that holds the same partitions; it leads none.
    pub(crate) async fn beside(&self) -> Self {
        let journal = self.journal.beside();
        for number in 0..journal.partitions() {
            let leader = Some(NodeId(1));
            let follows = Leadership { term: Term(1), role: Role::Follower { leader } };
            journal.lead(PartitionId(number), follows);
        }
        Self::over(Arc::new(journal), Arc::clone(&self.clock), Options::default()).await
    }

    pub(crate) async fn over(
        journal: Arc<MemoryJournal>,
        clock: Arc<ManualClock>,
        options: Options,
    ) -> Self {
        let mut rows = Vec::new();
        journal
            .scan(
                PartitionId(0),
                Table::Keys,
                &impresario_journal::KeyRange::all(),
                false,
                &mut |key, value| {
                    rows.push((
                        TenantId::from_bytes(key.try_into().expect("a tenant")),
                        value.to_vec(),
                    ));
                    std::ops::ControlFlow::Continue(())
                },
            )
            .expect("the journal reads");
        let vault = Vault::open(MasterKey::from_bytes([7; 32]), rows).expect("the vault opens");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let observed = Arc::clone(&seen);
        let observer: Observer<Tally> = Arc::new(move |committed: &Committed<'_, Tally>| {
            let numbered = (committed.first_seq..).zip(committed.events);
            observed
                .lock()
                .events
                .extend(numbered.map(|(seq, event)| (*committed.key, seq, event.clone())));
        });
        let parts = HostParts {
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            vault: Arc::new(vault),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            options,
            seed: 1,
        };
        let host = HostBuilder::new(parts)
            .entity::<Tally>(Arc::new(NoPolicy::default()), vec![observer])
            .hook(Arc::new(Recorder(Arc::clone(&seen))))
            .start()
            .await
            .expect("the host starts");
        provision(&host, TENANT).await;
        Self { host, journal, clock, seen }
    }

    pub(crate) fn envelope(&self, key: Option<&str>) -> Envelope {
        Envelope {
            key: key.map(|text| IdempotencyKey::of(text.as_bytes())),
            deadline: Deadline(self.clock.now().plus_ms(10_000)),
            trace: TraceId::NIL,
        }
    }

    pub(crate) async fn ask(
        &self,
        entity: EntityKey,
        command: Command,
    ) -> Result<i64, AskError<Refused>> {
        self.host.ask::<Tally>(&entity, command, self.envelope(None)).await
    }

    pub(crate) async fn ask_keyed(
        &self,
        entity: EntityKey,
        command: Command,
        key: &str,
    ) -> Result<i64, AskError<Refused>> {
        self.host.ask::<Tally>(&entity, command, self.envelope(Some(key))).await
    }

    pub(crate) async fn total(&self, entity: EntityKey) -> Result<i64, Failure> {
        self.host.query::<Tally>(&entity, (), self.envelope(None), None).await
    }

    /// Waits until `condition` holds, letting the actors run meanwhile.
    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if condition(self) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the condition never held");
    }
}

pub(crate) fn entity(number: u8) -> EntityKey {
    EntityKey::new(
        TENANT,
        <Tally as impresario_kernel::Entity>::KIND,
        ProfileId::from_bytes([number; 16]),
    )
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
