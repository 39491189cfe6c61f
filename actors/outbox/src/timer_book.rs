//! The timers of one partition, in memory: which is due next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use impresario_kernel::{EntityKey, Timestamp};

/// Names that are shared between timers; names past it are kept once per timer.
const NAMES_MAX: usize = 4_096;

/// Stale entries of the heap are swept out when there are more than these and half of all.
const STALE_MIN: usize = 1_024;

/// Whose timer, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    pub(crate) entity: EntityKey,
    pub(crate) name: Arc<str>,
}

/// A timer that is to fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) key: TimerKey,
    /// The durable due time.
    pub(crate) due: Timestamp,
    /// Failed tries before this one.
    pub(crate) tries: u32,
}

/// About 160 bytes per timer. Pure: it is told the time and what became of its timers.
///
/// A replaced or cancelled timer stays in the heap until it comes up or is swept out; only `current`
/// says what holds.
#[derive(Debug, Default)]
pub(crate) struct TimerBook {
    current: HashMap<TimerKey, Timestamp>,
    /// When to look at a timer; after a failed try later than its due time.
    heap: BinaryHeap<Reverse<(Timestamp, TimerKey)>>,
    /// Of each timer that fires: whether it was set anew since.
    firing: HashMap<TimerKey, bool>,
    /// Failed tries, and when the next one is.
    failed: HashMap<TimerKey, (u32, Timestamp)>,
    names: HashSet<Arc<str>>,
}

impl TimerBook {
    /// Timers that are set.
    pub(crate) fn len(&self) -> usize {
        self.current.len()
    }

    /// Timers that are firing now.
    pub(crate) fn firing(&self) -> usize {
        self.firing.len()
    }

    /// Sets, replaces (`Some`) or removes (`None`) a timer.
    pub(crate) fn change(&mut self, entity: EntityKey, name: &str, due: Option<Timestamp>) {
        let key = TimerKey { entity, name: self.name(name) };
        self.failed.remove(&key);
        if let Some(set_anew) = self.firing.get_mut(&key) {
            *set_anew = due.is_some();
        }
        match due {
            Some(due) => {
                if self.current.insert(key.clone(), due) != Some(due) {
                    self.heap.push(Reverse((due, key)));
                }
            }
            None => {
                self.current.remove(&key);
            }
        }
        if self.heap.len() > STALE_MIN && self.heap.len() > 2 * self.current.len() {
            self.sweep();
        }
    }

    /// When the next timer comes up, if any does; perhaps that of a stale entry, which costs a look.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// How late the next timer is, in milliseconds.
    pub(crate) fn lag_ms(&self, now: Timestamp) -> i64 {
        self.next_at().map_or(0, |at| now.since_ms(at).max(0))
    }

    /// Takes the next timer that is due and not firing, and counts it as firing.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Due> {
        while self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, key))) = self.heap.pop() else { break };
            if !self.holds(at, &key) {
                continue;
            }
            let Some(due) = self.current.get(&key).copied() else { continue };
            // A timer that is replaced while it fires comes up again when the firing ends.
            if self.firing.contains_key(&key) {
                continue;
            }
            let (tries, _) = self.failed.remove(&key).unwrap_or((0, due));
            self.firing.insert(key.clone(), false);
            return Some(Due { key, due, tries });
        }
        None
    }

    /// The timer fired: its command was decided, or refused for good, and its row went with that.
    pub(crate) fn fired(&mut self, fired: &Due) {
        let set_anew = self.firing.remove(&fired.key).unwrap_or(false);
        match self.current.get(&fired.key) {
            Some(due) if set_anew => self.heap.push(Reverse((*due, fired.key.clone()))),
            Some(_) => {
                self.current.remove(&fired.key);
            }
            None => {}
        }
    }

    /// The try failed; the next one is at `at`, unless the timer was replaced or cancelled since.
    pub(crate) fn failed(&mut self, fired: &Due, at: Timestamp) {
        let set_anew = self.firing.remove(&fired.key).unwrap_or(false);
        match self.current.get(&fired.key) {
            Some(due) if set_anew => self.heap.push(Reverse((*due, fired.key.clone()))),
            Some(_) => {
                self.failed.insert(fired.key.clone(), (fired.tries.saturating_add(1), at));
                self.heap.push(Reverse((at, fired.key.clone())));
            }
            None => {}
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        if self.names.len() < NAMES_MAX {
            self.names.insert(Arc::clone(&name));
        }
        name
    }

    /// Whether an entry of the heap still says when to look at its timer.
    fn holds(&self, at: Timestamp, key: &TimerKey) -> bool {
        match self.failed.get(key) {
            Some((_, again)) => *again == at,
            None => self.current.get(key) == Some(&at),
        }
    }

    fn sweep(&mut self) {
        let mut heap = std::mem::take(&mut self.heap);
        heap.retain(|Reverse((at, key))| self.holds(*at, key));
        self.heap = heap;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use impresario_ids::{ProfileId, TenantId};
    use impresario_kernel::EntityKind;
    use proptest::prelude::*;

    use super::*;

    fn entity(n: u32) -> EntityKey {
        let kind = EntityKind { code: 2, name: "profile" };
        EntityKey::new(TenantId::from_bytes([1; 16]), kind, ProfileId::derived(&[&n.to_be_bytes()]))
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn due(book: &mut TimerBook, now: i64) -> Vec<i64> {
        std::iter::from_fn(|| book.pop(at(now))).map(|due| due.due.as_ms()).collect()
    }

    #[test]
    fn timers_fire_in_the_order_of_their_due_times_and_only_once() {
        let mut book = TimerBook::default();
        for (n, ms) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
            book.change(entity(n), "t", Some(at(ms)));
        }
        assert_eq!(due(&mut book, 30), [10, 20, 30]);
        assert!(due(&mut book, 30).is_empty());
        assert_eq!((book.len(), book.firing(), book.next_at()), (4, 3, Some(at(40))));
    }

    #[test]
    fn the_same_name_replaces_and_none_cancels() {
        let mut book = TimerBook::default();
        book.change(entity(1), "t", Some(at(10)));
        book.change(entity(1), "t", Some(at(20)));
        book.change(entity(2), "t", Some(at(5)));
        book.change(entity(2), "t", None);
        assert!(due(&mut book, 15).is_empty());
        assert_eq!(due(&mut book, 20), [20]);
    }

    #[test]
    fn a_timer_replaced_while_it_fires_fires_again() {
        let mut book = TimerBook::default();
        book.change(entity(1), "t", Some(at(10)));
        let first = book.pop(at(10)).unwrap();
        book.change(entity(1), "t", Some(at(11)));
        assert_eq!(book.pop(at(20)), None);
        book.fired(&first);
        assert_eq!(due(&mut book, 20), [11]);
    }

    #[test]
    fn a_timer_set_anew_for_the_same_time_fires_again() {
        let mut book = TimerBook::default();
        book.change(entity(1), "t", Some(at(10)));
        let first = book.pop(at(10)).unwrap();
        book.change(entity(1), "t", Some(at(10)));
        book.fired(&first);
        assert_eq!(due(&mut book, 10), [10]);
    }

    #[test]
    fn a_failed_try_comes_back_later_and_counts() {
        let mut book = TimerBook::default();
        book.change(entity(1), "t", Some(at(10)));
        let first = book.pop(at(10)).unwrap();
        book.failed(&first, at(50));
        assert_eq!(book.pop(at(49)), None);
        let second = book.pop(at(50)).unwrap();
        assert_eq!((second.due, second.tries), (at(10), 1));
        book.fired(&second);
        assert_eq!(book.len(), 0);
    }

    #[test]
    fn replacing_for_ever_does_not_grow() {
        let mut book = TimerBook::default();
        for n in 0..100_000 {
            book.change(entity(1), "t", Some(at(n)));
        }
        assert!(book.heap.len() <= STALE_MIN + 1, "{}", book.heap.len());
        assert_eq!(due(&mut book, 100_000), [99_999]);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_map(steps in proptest::collection::vec((0_u32..6, 0_i64..100, 0_u8..4), 0..300)) {
            let mut book = TimerBook::default();
            let mut model: BTreeMap<u32, i64> = BTreeMap::new();
            let mut now = 0;
            for (n, ms, what) in steps {
                match what {
                    0 | 1 => {
                        book.change(entity(n), "t", Some(at(now + ms)));
                        model.insert(n, now + ms);
                    }
                    2 => {
                        book.change(entity(n), "t", None);
                        model.remove(&n);
                    }
                    _ => {
                        now += ms;
                        let mut want: Vec<i64> = model.values().copied().filter(|due| *due <= now).collect();
                        want.sort_unstable();
                        let fired: Vec<Due> = std::iter::from_fn(|| book.pop(at(now))).collect();
                        let got: Vec<i64> = fired.iter().map(|due| due.due.as_ms()).collect();
                        prop_assert_eq!(got, want);
                        fired.iter().for_each(|due| book.fired(due));
                        model.retain(|_, due| *due > now);
                    }
                }
                prop_assert_eq!(book.len(), model.len());
            }
        }
    }
}
