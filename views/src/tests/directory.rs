use std::sync::{Mutex, OnceLock};

use impresario_journal::{CommitFuture, JournalStats, Leadership, ReadError, Role, Visitor};
use impresario_kernel::PartitionId;
use impresario_tenant::keys::Pepper;
use impresario_tenant::{Command, Plan, Tenant};

use super::*;

fn tell(store: &Store, tenant: TenantId, command: Command) {
    store.tell::<Tenant>(&impresario_tenant::key(tenant), command).expect("the command is allowed");
}

fn onboard(store: &Store, tenant: TenantId, name: &str) {
    let (name, domain, pepper) = (name.to_owned(), String::new(), Pepper::new([3; 32]));
    tell(store, tenant, Command::Onboard { name, domain, plan: Plan::Free, pepper });
}

/// The plan that the directory says the tenant has.
#[track_caller]
fn check(directory: &Directory, tenant: TenantId, want: Option<Plan>) {
    let state = directory.get(tenant).expect("the rows are good");
    assert_eq!(state.map(|state| state.plan()), want);
}

#[test]
fn ten_01_tenants_are_found_once_onboarded_and_fresh_after_invalidation() {
    let store = Store::new();
    let directory = store.directory();
    check(&directory, ACME, None);
    check(&directory, TenantId::from_bytes([9; 16]), None);
    onboard(&store, ACME, "Acme");
    check(&directory, ACME, Some(Plan::Free));
    tell(&store, ACME, Command::ChangePlan { plan: Plan::Pro });
    check(&directory, ACME, Some(Plan::Free));
    directory.invalidate(ACME);
    check(&directory, ACME, Some(Plan::Pro));
    let (first, second) = (directory.get(ACME), directory.get(ACME));
    let (Ok(Some(first)), Ok(Some(second))) = (first, second) else { panic!("it is there") };
    assert!(Arc::ptr_eq(&first, &second), "the second answer comes from memory");
}

#[test]
fn a_state_is_its_snapshot_and_the_events_since() {
    let store = Store::new();
    onboard(&store, ACME, "Acme");
    tell(&store, ACME, Command::ChangePlan { plan: Plan::Pro });
    let without = store.directory().get(ACME).expect("the rows are good");
    store.snapshot::<Tenant>(&impresario_tenant::key(ACME));
    assert_eq!(store.directory().get(ACME).expect("the rows are good"), without);
    tell(&store, ACME, Command::ChangePlan { plan: Plan::Enterprise });
    check(&store.directory(), ACME, Some(Plan::Enterprise));
}

#[test]
fn ten_09_tenants_are_listed_until_their_keys_are_destroyed() {
    let store = Store::new();
    let directory = store.directory();
    onboard(&store, OTHER, "Other");
    onboard(&store, ACME, "Acme");
    let names = |after, limit| {
        let tenants = directory.tenants(after, limit).expect("the rows are good");
        tenants.into_iter().map(|(_, state)| state.settings().name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, 10), ["Acme", "Other"]);
    assert_eq!(names(None, 1), ["Acme"]);
    assert_eq!(names(Some(ACME), 10), ["Other"]);
    tell(&store, ACME, Command::Delete);
    store.vault.forget(ACME);
    directory.invalidate(ACME);
    check(&directory, ACME, None);
    assert_eq!(names(None, 10), ["Other"]);
}

#[test]
fn damage_is_told_and_not_kept() {
    let store = Store::new();
    let directory = store.directory();
    onboard(&store, ACME, "Acme");
    store.journal.fail_reads("the disk is gone");
    assert_eq!(directory.get(ACME).expect_err("no disk").code(), "store_damaged");
    store.journal.heal();
    check(&directory, ACME, Some(Plan::Free));
}

/// A journal in which something happens right after a scan.
struct Interrupted {
    inner: Arc<MemoryJournal>,
    interrupt: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Journal for Interrupted {
    fn partitions(&self) -> u16 {
        self.inner.partitions()
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        self.inner.commit(batch)
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.inner.get(partition, table, key)
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        self.inner.scan(partition, table, range, reverse, visit)?;
        let interrupt = self.interrupt.lock().expect("nobody panics with it").take();
        interrupt.into_iter().for_each(|interrupt| interrupt());
        Ok(())
    }

    fn stats(&self) -> JournalStats {
        self.inner.stats()
    }

    fn close(&self) {
        self.inner.close();
    }
}

/// W4: a commit between the reading of the rows and the keeping of the state.
#[test]
fn a_state_read_before_an_invalidation_is_not_kept_after_it() {
    let store = Arc::new(Store::new());
    onboard(&store, ACME, "Acme");
    let cell = Arc::new(OnceLock::<Directory>::new());
    let interrupt = {
        let (store, cell) = (Arc::clone(&store), Arc::clone(&cell));
        move || {
            tell(&store, ACME, Command::ChangePlan { plan: Plan::Pro });
            cell.get().expect("it was set").invalidate(ACME);
        }
    };
    let journal = Interrupted {
        inner: Arc::clone(&store.journal),
        interrupt: Mutex::new(Some(Box::new(interrupt))),
    };
    let directory =
        cell.get_or_init(|| Directory::new(Arc::new(journal), Arc::clone(&store.vault)));
    check(directory, ACME, Some(Plan::Free));
    check(directory, ACME, Some(Plan::Pro));
}

fn lead(journal: &MemoryJournal, term: u64, role: Role) {
    for number in 0..PARTITIONS {
        journal.lead(PartitionId(number), Leadership { term: Term(term), role });
    }
}

#[test]
fn a_copy_elsewhere_is_asked_about_and_renewed_and_dropped_when_leadership_comes() {
    let store = Store::new();
    let leader = store.directory();
    onboard(&store, ACME, "Acme");
    let journal = Arc::new(store.journal.beside());
    lead(&journal, 0, Role::Follower { leader: None });
    let copy = Directory::new(Arc::<MemoryJournal>::clone(&journal), Arc::clone(&store.vault));
    check(&leader, ACME, Some(Plan::Free));
    check(&copy, ACME, Some(Plan::Free));
    tell(&store, ACME, Command::ChangePlan { plan: Plan::Pro });
    leader.invalidate(ACME);
    check(&leader, ACME, Some(Plan::Pro));
    check(&copy, ACME, Some(Plan::Free));
    let partition = impresario_tenant::key(ACME).partition(PARTITIONS);
    assert_eq!(copy.round(), [Elsewhere { tenant: ACME, partition, seq: 1 }]);
    assert_eq!(leader.round(), []);
    let standing = leader.standing(ACME).expect("the rows are good");
    assert_eq!(standing, Standing::At(2));
    assert_eq!(copy.standing(ACME), Ok(Standing::NotHere));
    assert!(copy.heard(ACME, standing) && copy.told(ACME, 2));
    check(&copy, ACME, Some(Plan::Free));
    copy.renew(ACME).expect("the rows are good");
    check(&copy, ACME, Some(Plan::Pro));
    assert!(!copy.heard(ACME, standing) && !copy.told(ACME, 2));
    assert!(!copy.heard(ACME, Standing::NotHere));
    // While nobody answers the last state is served.
    journal.fail_reads("nobody answers");
    assert!(copy.renew(ACME).is_err());
    check(&copy, ACME, Some(Plan::Pro));
    journal.heal();
    tell(&store, ACME, Command::ChangePlan { plan: Plan::Enterprise });
    check(&copy, ACME, Some(Plan::Pro));
    lead(&journal, 1, Role::Leader);
    check(&copy, ACME, Some(Plan::Enterprise));
    assert_eq!(leader.standing(OTHER), Ok(Standing::Gone));
    lead(&journal, 1, Role::Follower { leader: None });
    store.vault.forget(ACME);
    assert!(!copy.heard(ACME, Standing::Gone));
    check(&copy, ACME, None);
}
