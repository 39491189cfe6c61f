//! What is kept of tenants, and when it may be served. Pure: whoever calls says what this node leads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use impresario_ids::TenantId;
use impresario_journal::Term;
use impresario_tenant::State;

/// States kept in memory; past it one is forgotten for each that comes.
const STATES_MAX: usize = 10_000;

/// Rounds that a state led elsewhere is kept and asked about after it was used last.
const IDLE_ROUNDS_MAX: u32 = 20;

/// The beginning of a read of a tenant's rows. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Begun(u64);

/// Who leads the tenant's own partition: this node, under a term, or somebody else.
pub(super) type Reign = Option<Term>;

#[derive(Debug, Default)]
pub(super) struct Shelf {
    kept: HashMap<TenantId, Kept>,
    begun: AtomicU64,
    /// What was begun up to here may be out of date already, and is not kept.
    floor: u64,
}

#[derive(Debug)]
struct Kept {
    state: Arc<State>,
    seq: u64,
    /// Under which this node led the tenant when it was read: as long as that lasts, every change of
    /// it is made here, and told.
    reign: Reign,
    begun: u64,
    used: AtomicBool,
    idle_rounds: u32,
}

impl Shelf {
    /// The state and the sequence of its last event, if it may be served.
    pub(super) fn find(&self, tenant: TenantId, reign: Reign) -> Option<(Arc<State>, u64)> {
        let kept = self.kept.get(&tenant)?;
        if reign.is_some() && kept.reign != reign {
            // From before this node led it: nobody has told what changed since.
            return None;
        }
        kept.used.store(true, Ordering::Relaxed);
        Some((Arc::clone(&kept.state), kept.seq))
    }

    /// To be called before the rows are read.
    pub(super) fn begin(&self) -> Begun {
        Begun(self.begun.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Keeps what a read gave, unless there may be something newer.
    pub(super) fn put(
        &mut self,
        tenant: TenantId,
        begun: Begun,
        reign: Reign,
        (state, seq): (Arc<State>, u64),
    ) {
        let newer = self.kept.get(&tenant).is_some_and(|kept| kept.begun > begun.0);
        if newer || begun.0 <= self.floor {
            return;
        }
        if self.kept.len() >= STATES_MAX && !self.kept.contains_key(&tenant) {
            let any = self.kept.keys().next().copied();
            any.into_iter().for_each(|any| self.forget(any));
        }
        let (begun, used) = (begun.0, AtomicBool::new(true));
        let kept = Kept { state, seq, reign, begun, used, idle_rounds: 0 };
        self.kept.insert(tenant, kept);
    }

    /// Forgets a state, and everything that is being read now.
    pub(super) fn invalidate(&mut self, tenant: TenantId) {
        self.kept.remove(&tenant);
        self.floor = self.begun.load(Ordering::SeqCst);
    }

    /// Forgets a state that is not known to be out of date.
    fn forget(&mut self, tenant: TenantId) {
        if let Some(kept) = self.kept.remove(&tenant) {
            self.floor = self.floor.max(kept.begun);
        }
    }

    /// Somebody says that the last event of the tenant is `seq`. Whether what is kept is another.
    pub(super) fn differs(&self, tenant: TenantId, seq: u64) -> bool {
        self.kept.get(&tenant).is_some_and(|kept| kept.seq != seq)
    }

    /// What is being read now may be older than what was just told.
    pub(super) fn told(&mut self) {
        self.floor = self.begun.load(Ordering::SeqCst);
    }

    /// What is kept and led elsewhere, with its sequence. What was not used for a while is
    /// forgotten, and so is what was kept from before this node led it.
    pub(super) fn round(&mut self, reign_of: impl Fn(TenantId) -> Reign) -> Vec<(TenantId, u64)> {
        let (mut elsewhere, mut gone) = (Vec::new(), Vec::new());
        for (tenant, kept) in &mut self.kept {
            let reign = reign_of(*tenant);
            if reign.is_some() {
                if kept.reign != reign {
                    gone.push(*tenant);
                }
                continue;
            }
            kept.idle_rounds = if *kept.used.get_mut() { 0 } else { kept.idle_rounds + 1 };
            *kept.used.get_mut() = false;
            if kept.idle_rounds > IDLE_ROUNDS_MAX {
                gone.push(*tenant);
            } else {
                elsewhere.push((*tenant, kept.seq));
            }
        }
        gone.into_iter().for_each(|tenant| self.forget(tenant));
        elsewhere
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: TenantId = TenantId::from_bytes([7; 16]);
    const HERE: Reign = Some(Term(3));
    const THERE: Reign = None;

    fn state(seq: u64) -> (Arc<State>, u64) {
        (Arc::default(), seq)
    }

    /// The sequence of what is served, if anything is.
    #[track_caller]
    fn check(shelf: &Shelf, reign: Reign, want: Option<u64>) {
        assert_eq!(shelf.find(ACME, reign).map(|(_, seq)| seq), want);
    }

    #[test]
    fn what_is_led_here_is_served_within_its_reign_only() {
        let mut shelf = Shelf::default();
        shelf.put(ACME, shelf.begin(), HERE, state(5));
        check(&shelf, HERE, Some(5));
        check(&shelf, Some(Term(4)), None);
        check(&shelf, THERE, Some(5));
        shelf.put(ACME, shelf.begin(), THERE, state(6));
        check(&shelf, HERE, None);
        assert!(shelf.round(|_| HERE).is_empty());
        assert_eq!(shelf.len(), 0, "dropped when this node leads");
    }

    #[test]
    fn a_read_that_began_before_an_invalidation_is_not_kept() {
        let mut shelf = Shelf::default();
        let early = shelf.begin();
        shelf.invalidate(ACME);
        shelf.put(ACME, early, HERE, state(5));
        check(&shelf, HERE, None);
        let (first, second) = (shelf.begin(), shelf.begin());
        shelf.put(ACME, second, HERE, state(7));
        shelf.put(ACME, first, HERE, state(6));
        check(&shelf, HERE, Some(7));
        let early = shelf.begin();
        shelf.told();
        shelf.put(ACME, early, THERE, state(8));
        check(&shelf, THERE, Some(7));
    }

    #[test]
    fn a_forgotten_state_makes_no_room_for_an_older_one() {
        let mut shelf = Shelf::default();
        let early = shelf.begin();
        shelf.put(ACME, shelf.begin(), THERE, state(5));
        shelf.forget(ACME);
        shelf.put(ACME, early, THERE, state(4));
        check(&shelf, THERE, None);
    }

    #[test]
    fn what_is_used_is_asked_about_and_the_rest_goes() {
        let mut shelf = Shelf::default();
        shelf.put(ACME, shelf.begin(), THERE, state(5));
        for _ in 0..3 {
            for _ in 0..=IDLE_ROUNDS_MAX {
                assert_eq!(shelf.round(|_| THERE), [(ACME, 5)]);
            }
            check(&shelf, THERE, Some(5));
        }
        for _ in 0..=IDLE_ROUNDS_MAX {
            assert_eq!(shelf.round(|_| THERE), [(ACME, 5)]);
        }
        assert!(shelf.round(|_| THERE).is_empty());
        check(&shelf, THERE, None);
    }

    #[test]
    fn another_sequence_is_noticed() {
        let mut shelf = Shelf::default();
        assert!(!shelf.differs(ACME, 5));
        shelf.put(ACME, shelf.begin(), THERE, state(5));
        assert!(!shelf.differs(ACME, 5));
        assert!(shelf.differs(ACME, 6) && shelf.differs(ACME, 4));
    }

    #[test]
    fn memory_is_bounded() {
        let mut shelf = Shelf::default();
        for number in 0..STATES_MAX as u128 + 5 {
            let tenant = TenantId::from_bytes(number.to_be_bytes());
            shelf.put(tenant, shelf.begin(), HERE, state(1));
        }
        assert_eq!(shelf.len(), STATES_MAX);
    }
}
