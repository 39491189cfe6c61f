//! Who wants to hear of whose changes, and what waits to be sent. Pure: the time is handed in.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use impresario_ids::{ConversationId, NodeId, TenantId};
use tokio::time::Instant;

use super::{Change, Wishes};

/// Whoever was silent for so long wants nothing any more.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(3);

/// Changes in one message.
const BATCH_MAX: usize = 256;
/// Their bytes, about.
const BATCH_BYTES: usize = 256 << 10;

/// The wishes of the other nodes, and a bounded queue for each.
#[derive(Debug)]
pub(super) struct Book {
    readers: BTreeMap<NodeId, Reader>,
    by_tenant: HashMap<TenantId, Vec<NodeId>>,
    /// Who watches conversations of a tenant.
    by_talks: HashMap<TenantId, Vec<NodeId>>,
    queue_max: usize,
}

#[derive(Debug)]
struct Reader {
    wishes: Wishes,
    heard: Instant,
    queue: VecDeque<(TenantId, Change)>,
    /// Conversations in which something happened; once is enough.
    talks: BTreeSet<(TenantId, ConversationId)>,
    lost: BTreeMap<TenantId, u64>,
}

/// What is sent to one node next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bundle {
    pub(super) changes: Vec<(TenantId, Change)>,
    pub(super) talks: Vec<(TenantId, ConversationId)>,
    pub(super) lost: BTreeMap<TenantId, u64>,
}

impl Bundle {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.talks.is_empty() && self.lost.is_empty()
    }
}

impl Book {
    pub(super) fn new(queue_max: usize) -> Self {
        Self {
            readers: BTreeMap::new(),
            by_tenant: HashMap::new(),
            by_talks: HashMap::new(),
            queue_max: queue_max.max(1),
        }
    }

    /// The node wants to hear of this and nothing else. Whether it was known to want anything, so that
    /// nothing was missed.
    pub(super) fn wants(&mut self, node: NodeId, wishes: Wishes, now: Instant) -> bool {
        let known = self.readers.get(&node).is_some_and(|reader| reader.is_there(now));
        if !known {
            self.readers.remove(&node);
        }
        let reader = self.readers.entry(node).or_insert_with(|| Reader {
            wishes: Wishes::default(),
            heard: now,
            queue: VecDeque::new(),
            talks: BTreeSet::new(),
            lost: BTreeMap::new(),
        });
        reader.heard = now;
        if reader.wishes != wishes {
            reader.queue.retain(|(tenant, _)| wishes.changes.contains(tenant));
            reader.talks.retain(|(tenant, _)| wishes.talks.contains(tenant));
            reader.lost.retain(|tenant, _| wishes.names(*tenant));
            reader.wishes = wishes;
            self.index();
        } else if !known {
            self.index();
        }
        known
    }

    /// Forgets those that were silent for too long.
    pub(super) fn tidy(&mut self, now: Instant) {
        let before = self.readers.len();
        self.readers.retain(|_, reader| reader.is_there(now));
        if self.readers.len() != before {
            self.index();
        }
    }

    fn index(&mut self) {
        self.by_tenant.clear();
        self.by_talks.clear();
        for (node, reader) in &self.readers {
            for tenant in &reader.wishes.changes {
                self.by_tenant.entry(*tenant).or_default().push(*node);
            }
            for tenant in &reader.wishes.talks {
                self.by_talks.entry(*tenant).or_default().push(*node);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_tenant.is_empty() && self.by_talks.is_empty()
    }

    pub(super) fn are_talks_wanted(&self, tenant: TenantId) -> bool {
        self.by_talks.contains_key(&tenant)
    }

    /// Something happened in a conversation.
    pub(super) fn put_talk(&mut self, talk: (TenantId, ConversationId)) {
        for node in self.by_talks.get(&talk.0).into_iter().flatten() {
            let Some(reader) = self.readers.get_mut(node) else { continue };
            if reader.talks.len() < self.queue_max {
                reader.talks.insert(talk);
            } else if !reader.talks.contains(&talk) {
                // It is told that something may have happened in any of them.
                *reader.lost.entry(talk.0).or_default() += 1;
            }
        }
    }

    pub(super) fn is_wanted(&self, tenant: TenantId) -> bool {
        self.by_tenant.contains_key(&tenant)
    }

    /// Puts a change into the queue of everybody who wants it; what there is no room for is counted.
    pub(super) fn put(&mut self, tenant: TenantId, change: impl Fn() -> Change) {
        let Some(nodes) = self.by_tenant.get(&tenant) else { return };
        for node in nodes {
            let Some(reader) = self.readers.get_mut(node) else { continue };
            if reader.queue.len() >= self.queue_max {
                // The oldest goes, as in a subscriber's own queue.
                if let Some((lost, _)) = reader.queue.pop_front() {
                    *reader.lost.entry(lost).or_default() += 1;
                }
            }
            reader.queue.push_back((tenant, change()));
        }
    }

    /// Takes what is to be sent to a node next; `None` if it wants nothing any more.
    pub(super) fn take(&mut self, node: NodeId, now: Instant) -> Option<Bundle> {
        let reader = self.readers.get_mut(&node).filter(|reader| reader.is_there(now))?;
        let mut bundle = Bundle { lost: std::mem::take(&mut reader.lost), ..Bundle::default() };
        let mut bytes = 0;
        while bundle.changes.len() < BATCH_MAX && bytes < BATCH_BYTES {
            let Some(next) = reader.queue.pop_front() else { break };
            bytes += next.1.size();
            bundle.changes.push(next);
        }
        while bundle.talks.len() < BATCH_MAX {
            let Some(next) = reader.talks.pop_first() else { break };
            bundle.talks.push(next);
        }
        Some(bundle)
    }

    /// A bundle did not arrive, as far as is known.
    pub(super) fn lose(&mut self, node: NodeId, bundle: Bundle) {
        let Some(reader) = self.readers.get_mut(&node) else { return };
        for (tenant, count) in bundle.lost {
            *reader.lost.entry(tenant).or_default() += count;
        }
        for (tenant, _) in bundle.changes {
            *reader.lost.entry(tenant).or_default() += 1;
        }
        // To say twice that something happened is harmless.
        reader.talks.extend(bundle.talks);
        reader.talks.retain(|(tenant, _)| reader.wishes.talks.contains(tenant));
        reader.lost.retain(|tenant, _| reader.wishes.names(*tenant));
    }

    /// The nodes for which something waits.
    pub(super) fn waiting(&self) -> Vec<NodeId> {
        let waits = self.readers.iter().filter(|(_, reader)| {
            !reader.queue.is_empty() || !reader.talks.is_empty() || !reader.lost.is_empty()
        });
        waits.map(|(node, _)| *node).collect()
    }
}

impl Reader {
    fn is_there(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < FORGET_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: TenantId = TenantId::from_bytes([1; 16]);
    const OTHER: TenantId = TenantId::from_bytes([2; 16]);
    const NODE: NodeId = NodeId(2);

    fn change(number: usize) -> Change {
        Change {
            kind: number.to_string(),
            profile: None,
            segment: None,
            at: String::new(),
            data: String::new(),
        }
    }

    fn of(tenants: &[TenantId]) -> Wishes {
        Wishes { changes: tenants.iter().copied().collect(), ..Wishes::default() }
    }

    fn put(book: &mut Book, tenant: TenantId, numbers: std::ops::Range<usize>) {
        numbers.for_each(|number| book.put(tenant, || change(number)));
    }

    #[track_caller]
    fn check(book: &mut Book, now: Instant, kinds: &[&str], lost: &[(TenantId, u64)]) {
        let bundle = book.take(NODE, now).expect("it is known");
        let got: Vec<_> = bundle.changes.iter().map(|(_, change)| change.kind.as_str()).collect();
        assert_eq!(got, kinds);
        assert_eq!(bundle.lost, lost.iter().copied().collect());
    }

    #[test]
    fn who_wants_gets_in_order_and_hears_of_what_was_lost() {
        let (mut book, now) = (Book::new(3), Instant::now());
        put(&mut book, ACME, 0..1);
        assert!(!book.wants(NODE, of(&[ACME, OTHER]), now), "new");
        assert!(book.is_wanted(ACME) && !book.is_empty());
        put(&mut book, ACME, 1..3);
        put(&mut book, OTHER, 3..5);
        assert_eq!(book.waiting(), [NODE]);
        check(&mut book, now, &["2", "3", "4"], &[(ACME, 1)]);
        assert!(book.waiting().is_empty());
        put(&mut book, ACME, 5..7);
        let bundle = book.take(NODE, now).expect("it is known");
        book.lose(NODE, bundle);
        check(&mut book, now, &[], &[(ACME, 2)]);
        put(&mut book, ACME, 7..8);
        assert!(book.wants(NODE, of(&[OTHER]), now), "known");
        assert!(!book.is_wanted(ACME));
        check(&mut book, now, &[], &[]);
    }

    #[test]
    fn who_is_silent_is_forgotten() {
        let (mut book, start) = (Book::new(3), Instant::now());
        book.wants(NODE, of(&[ACME]), start);
        put(&mut book, ACME, 0..1);
        let later = start + FORGET_AFTER;
        assert!(book.take(NODE, later).is_none());
        assert!(!book.wants(NODE, of(&[ACME]), later), "new again");
        check(&mut book, later, &[], &[]);
        book.tidy(later + FORGET_AFTER);
        assert!(book.is_empty() && !book.is_wanted(ACME));
    }

    #[test]
    fn bundles_are_bounded() {
        let (mut book, now) = (Book::new(10_000), Instant::now());
        book.wants(NODE, of(&[ACME]), now);
        put(&mut book, ACME, 0..600);
        let mut sizes = Vec::new();
        while !book.waiting().is_empty() {
            sizes.push(book.take(NODE, now).expect("it is known").changes.len());
        }
        assert_eq!(sizes, [BATCH_MAX, BATCH_MAX, 600 - 2 * BATCH_MAX]);
    }

    #[test]
    fn a_conversation_in_which_much_happens_is_told_once() {
        let (mut book, now) = (Book::new(2), Instant::now());
        let talk = |number: u8| (ACME, ConversationId::from_bytes([number; 16]));
        let wishes = || Wishes { talks: [ACME].into(), ..Wishes::default() };
        book.put_talk(talk(1));
        assert!(!book.wants(NODE, wishes(), now) && !book.is_wanted(ACME));
        assert!(book.are_talks_wanted(ACME) && !book.are_talks_wanted(OTHER) && !book.is_empty());
        [1, 1, 2, 1].into_iter().for_each(|number| book.put_talk(talk(number)));
        assert_eq!(book.waiting(), [NODE]);
        let bundle = book.take(NODE, now).expect("it is known");
        assert_eq!((&bundle.talks[..], bundle.lost.len()), (&[talk(1), talk(2)][..], 0));
        book.lose(NODE, bundle);
        book.put_talk(talk(3));
        let bundle = book.take(NODE, now).expect("it is known");
        assert_eq!((bundle.talks.len(), bundle.lost.get(&ACME)), (2, Some(&1)));
        book.put_talk(talk(1));
        assert!(book.wants(NODE, of(&[ACME]), now), "known");
        assert!(book.waiting().is_empty() && !book.are_talks_wanted(ACME));
    }
}
