//! Views over a real vault and an in-memory journal. [`Store`] stands where the host stands: it
//! decides, and writes what the host writes.

mod conversations;
mod counts;
mod directory;
mod knowledge;
mod lists;
mod members;
mod quarantine;
mod timeline;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use impresario_ids::{ProfileId, TenantId, TraceId};
use impresario_journal::{Batch, Journal, KeyRange, MemoryJournal, Table, Term, Write};
use impresario_kernel::{
    Ctx, Decision, Entity, EntityKey, IndexOp, IndexRow, Needs, Personal, Timestamp, encode,
};
use impresario_profile::{Call, Command, Effect, Message, Profile};
use impresario_rows::{EventRow, SnapshotRow, aad, encode_row, event_key, index_key, snapshot_key};
use impresario_vault::{MasterKey, Vault};

use super::*;

const ACME: TenantId = TenantId::from_bytes([7; 16]);
const OTHER: TenantId = TenantId::from_bytes([8; 16]);
/// 2026-01-15T12:00:00Z.
const NOON: i64 = 1_768_478_400_000;
const HOUR: i64 = 3_600_000;
const PARTITIONS: u16 = 8;

struct Store {
    journal: Arc<MemoryJournal>,
    vault: Arc<Vault>,
    views: Views,
    now: Timestamp,
}

impl Store {
    fn new() -> Self {
        let journal = Arc::new(MemoryJournal::new(PARTITIONS));
        let vault = Arc::new(
            Vault::open(MasterKey::from_bytes([1; 32]), []).expect("an empty store opens"),
        );
        for tenant in [ACME, OTHER] {
            let row = vault.provision(tenant).expect("the tenant is new");
            vault.activate(tenant, &row).expect("the row was just made");
        }
        let views = Views::new(journal.clone(), Arc::clone(&vault));
        Self { journal, vault, views, now: Timestamp::from_ms(NOON) }
    }

    fn directory(&self) -> Directory {
        Directory::new(self.journal.clone(), Arc::clone(&self.vault))
    }

    fn commit(&self, key: &EntityKey, writes: Vec<Write>) {
        let batch = Batch { partition: key.partition(PARTITIONS), term: Term(1), writes };
        let mut commit = self.journal.commit(batch);
        let outcome = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(outcome, Poll::Ready(Ok(_))), "{outcome:?}");
    }

    /// One command of any entity, as the host carries it out.
    fn tell<E: Entity>(
        &self,
        key: &EntityKey,
        command: E::Command,
    ) -> Result<Decision<E>, E::Rejection> {
        let loaded = load::<E>(&*self.journal, &self.vault, key).expect("the rows are good");
        let mut history = Vec::new();
        if E::needs(&loaded.state, &command) == Needs::History {
            let range = KeyRange::prefix(&key.to_bytes());
            crate::load::scan_events::<E>(
                &*self.journal,
                &self.vault,
                key,
                &range,
                false,
                &mut |committed| {
                    history.push(committed.event);
                    ControlFlow::Continue(())
                },
            )
            .expect("the rows are good");
        }
        let ctx = Ctx {
            now: self.now,
            seed: 1,
            key,
            next_seq: loaded.seq + 1,
            policy: &E::Policy::default(),
            trace: TraceId::NIL,
            history: &history,
        };
        let decision = E::decide(&loaded.state, command, &ctx)?;
        let mut writes = Vec::new();
        for (seq, event) in (loaded.seq + 1..).zip(&decision.events) {
            let row_key = event_key(key, seq);
            let body = self.seal(key, Table::Events, &row_key, &encode(event));
            let value = encode_row(&EventRow { at: self.now, trace: TraceId::NIL, body });
            writes.push(Write::Put { table: Table::Events, key: row_key, value });
        }
        writes.extend(decision.index.iter().map(|row| self.index(key.tenant, row)));
        self.commit(key, writes);
        Ok(decision)
    }

    fn snapshot<E: Entity>(&self, key: &EntityKey) {
        let loaded = load::<E>(&*self.journal, &self.vault, key).expect("the rows are good");
        let row_key = snapshot_key(key);
        let body = self.seal(key, Table::Snapshots, &row_key, &encode(&loaded.state));
        let value = encode_row(&SnapshotRow { seq: loaded.seq, at: self.now, body });
        self.commit(key, vec![Write::Put { table: Table::Snapshots, key: row_key, value }]);
    }

    fn seal(&self, key: &EntityKey, table: Table, row_key: &[u8], plain: &[u8]) -> Vec<u8> {
        self.vault.seal(key.tenant, &aad(table, row_key), plain).expect("the tenant has keys")
    }

    fn index(&self, tenant: TenantId, row: &IndexRow) -> Write {
        let blind = row.personal.as_ref().map(|value| {
            self.vault.blind(tenant, row.index.0, value).expect("the tenant has keys")
        });
        let key = index_key(tenant, row.index, blind.as_ref(), &row.term);
        let table = Table::Index;
        match &row.op {
            IndexOp::Put(value) => Write::Put { table, key, value: value.clone() },
            IndexOp::Delete => Write::Delete { table, key },
            IndexOp::Add(delta) => Write::Add { table, key, delta: *delta },
        }
    }

    /// A command to a profile, and everything that follows from it between profiles.
    fn profile(&self, tenant: TenantId, profile: ProfileId, command: Command) {
        let key = EntityKey::new(tenant, impresario_profile::KIND, profile);
        let decision = self.tell::<Profile>(&key, command).expect("the command is allowed");
        for effect in decision.effects {
            match effect {
                Effect::Merge { from, into } => {
                    self.profile(tenant, from, Command::MergeInto { into })
                }
                Effect::Absorb { into, from, facts, events } => {
                    self.profile(tenant, into, Command::Absorb { from, facts, events });
                }
                Effect::Forward { into, message } => {
                    self.profile(tenant, into, Command::Ingest(message))
                }
                Effect::Restore { into, from, events } => {
                    self.profile(tenant, into, Command::Restore { from, events });
                }
                _ => {}
            }
        }
    }

    /// A message, to the profile that the edge would send it to.
    fn receive(&self, tenant: TenantId, message: Message) -> ProfileId {
        let profile = match (&message.user_id, &message.anonymous_id) {
            (Some(id), _) => impresario_profile::id_of_user(tenant, &id.0),
            (None, Some(id)) => impresario_profile::id_of_anonymous(tenant, &id.0),
            (None, None) => panic!("a message is somebody's"),
        };
        self.profile(tenant, profile, Command::Ingest(Box::new(message)));
        profile
    }
}

/// A message of a known person at NOON and so many hours.
fn message(call: Call, id: &str, hour: i64) -> Message {
    let at = Timestamp::from_ms(NOON + hour * HOUR);
    Message {
        user_id: Some(Personal("ada".to_owned())),
        ..Message::new(call, id, at, at.max(Timestamp::from_ms(NOON)))
    }
}

fn track(id: &str, name: &str, hour: i64) -> Message {
    Message { name: Some(name.to_owned()), ..message(Call::Track, id, hour) }
}

fn by(user: &str, message: Message) -> Message {
    Message { user_id: Some(Personal(user.to_owned())), ..message }
}

fn anonymous(id: &str, message: Message) -> Message {
    Message { user_id: None, anonymous_id: Some(Personal(id.to_owned())), ..message }
}

/// All pages of a list, checked to be no longer than `limit`.
fn walk<T>(
    limit: usize,
    mut page: impl FnMut(Option<&Cursor>) -> Result<Page<T>, ViewError>,
) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = page(after.as_ref()).expect("the list can be read");
        assert!(page.items.len() <= limit);
        items.extend(page.items);
        match page.next {
            // As a client hands it back.
            Some(next) => after = Some(next.to_string().parse().expect("what was printed parses")),
            None => return items,
        }
    }
}

#[test]
fn cursors_of_other_lists_are_refused() {
    let store = Store::new();
    let cursor: Cursor = "00ff".parse().expect("hexadecimal");
    assert_eq!(store.views.profiles(ACME, Some(&cursor), 10), Err(ViewError::Cursor));
    assert_eq!(store.views.quarantine(ACME, Some(&cursor), 10), Err(ViewError::Cursor));
    assert_eq!(
        store.views.timeline(ACME, ProfileId::NIL, Some(&cursor), 10),
        Err(ViewError::Cursor)
    );
    for text in ["0", "0g", "é", &"00".repeat(65)] {
        assert_eq!(text.parse::<Cursor>(), Err(MalformedCursor), "{text}");
    }
}

#[test]
fn answers_say_how_fresh_they_are() {
    let store = Store::new();
    let before = store.views.profiles(ACME, None, 1).expect("it can be read").freshness;
    store.receive(ACME, track("m1", "Seen", 0));
    let after = store.views.profiles(ACME, None, 1).expect("it can be read").freshness;
    assert_eq!((before.applied, after.applied), (0, 1));
}

#[test]
fn failures_have_codes() {
    let store = Store::new();
    let nobody = TenantId::from_bytes([9; 16]);
    let error =
        store.views.find_profiles(nobody, Find::UserId("ada"), None, 1).expect_err("no keys");
    assert_eq!(error.code(), "unknown_tenant");
    store.journal.fail_reads("the disk is gone");
    assert_eq!(store.views.profiles(ACME, None, 1).expect_err("no disk").code(), "store_damaged");
    store.journal.close();
    assert_eq!(store.views.profiles(ACME, None, 1).expect_err("closed").code(), "unavailable");
}

proptest::proptest! {
    #[test]
    fn cursors_survive_their_text(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        let cursor = Cursor::new(bytes);
        proptest::prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn no_text_panics_as_a_cursor(text: String) {
        let _ = text.parse::<Cursor>();
    }
}
