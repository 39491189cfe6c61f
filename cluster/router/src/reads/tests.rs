//! Nodes over the same rows in memory, of which each partition has one that leads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_journal::{
    Batch, Get, Journal, KeyRange, Leadership, MemoryJournal, ReadError, Role, Scan, Table, Term,
    Write,
};
use impresario_kernel::PartitionId;
use impresario_placement::{GroupId, Leaders};
use impresario_wire::{Call, CallTransport, Called, MemoryNet, MemoryPort};
use parking_lot::RwLock;
use proptest::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::form::{Ask, Row, Said, pack, unpack};
use crate::{ClusterReads, Direction, Directions, ReadOptions, ReadsHere};

const PARTITIONS: u16 = 6;
const ME: NodeId = NodeId(1);

/// What a node has heard, for tests without hosts.
struct Heard {
    me: NodeId,
    leaders: RwLock<Leaders>,
    news: watch::Sender<u64>,
}

impl Directions for Heard {
    fn me(&self) -> NodeId {
        self.me
    }
    fn of(&self, partition: PartitionId) -> Direction {
        match self.leaders.read().of(GroupId(partition.0)) {
            None => Direction::Unknown,
            Some(node) if node == self.me => Direction::Here,
            Some(node) => Direction::Node(node),
        }
    }
    fn term(&self, partition: PartitionId) -> u64 {
        self.leaders.read().term(GroupId(partition.0)).unwrap_or_default()
    }
    fn learn(&self, partition: PartitionId, term: u64, leader: Option<NodeId>) {
        if self.leaders.write().note(GroupId(partition.0), term, leader) {
            self.news.send_modify(|count| *count += 1);
        }
    }
    fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

struct Counting {
    port: MemoryPort,
    calls: AtomicUsize,
}

impl CallTransport for Counting {
    fn call(&self, to: NodeId, call: Call, within: Duration) -> Called {
        self.calls.fetch_add(1, Ordering::Relaxed);
        CallTransport::call(&self.port, to, call, within)
    }
}

struct Town {
    runtime: Runtime,
    net: MemoryNet,
    journals: BTreeMap<NodeId, Arc<MemoryJournal>>,
    heard: BTreeMap<NodeId, Arc<Heard>>,
    port: Arc<Counting>,
    reads: ClusterReads,
}

impl Town {
    /// Three nodes that take turns in leading; the reads are the first one's.
    fn new(options: &ReadOptions) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let first = Arc::new(MemoryJournal::new(PARTITIONS));
        let journals: BTreeMap<_, _> = [
            (NodeId(2), Arc::new(first.beside())),
            (NodeId(3), Arc::new(first.beside())),
            (ME, first),
        ]
        .into();
        let net = MemoryNet::new();
        let mut heard = BTreeMap::new();
        for (node, journal) in &journals {
            let told = Arc::new(Heard {
                me: *node,
                leaders: RwLock::default(),
                news: watch::Sender::new(0),
            });
            let directions = Arc::clone(&told) as Arc<dyn Directions>;
            let journal = Arc::clone(journal) as Arc<dyn Journal>;
            let answers = ReadsHere::new(journal, directions, options.clone());
            net.join(*node, None, Some(Arc::new(answers)));
            heard.insert(*node, told);
        }
        let port = Arc::new(Counting { port: net.port(ME), calls: AtomicUsize::default() });
        let reads = ClusterReads::new(
            Arc::clone(&journals[&ME]) as Arc<dyn Journal>,
            Arc::clone(&port) as Arc<dyn CallTransport>,
            Arc::clone(&heard[&ME]) as Arc<dyn Directions>,
            options.clone(),
            runtime.handle().clone(),
        );
        let town = Self { runtime, net, journals, heard, port, reads };
        for number in 0..PARTITIONS {
            town.lead(PartitionId(number), NodeId(u64::from(number % 3) + 1), 1);
            town.tell(PartitionId(number));
        }
        town
    }

    fn lead(&self, partition: PartitionId, leader: NodeId, term: u64) {
        for (node, journal) in &self.journals {
            let role = if *node == leader {
                Role::Leader
            } else {
                Role::Follower { leader: Some(leader) }
            };
            journal.lead(partition, Leadership { term: Term(term), role });
        }
    }

    /// The reader hears who leads.
    fn tell(&self, partition: PartitionId) {
        let now = self.journals[&ME].leadership(partition);
        let leader = if now.is_leader() { Some(ME) } else { now.leader() };
        self.heard[&ME].learn(partition, now.term.0, leader);
    }

    fn put(&self, partition: u16, rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) {
        let partition = PartitionId(partition);
        let put = |(key, value)| Write::Put { table: Table::Index, key, value };
        let writes = rows.into_iter().map(put).collect();
        let leader = self.journals.values().find(|it| it.leadership(partition).is_leader());
        let leader = leader.expect("somebody leads");
        let term = leader.leadership(partition).term;
        let commit = leader.commit(Batch { partition, term, writes });
        self.runtime.block_on(commit).expect("a commit");
    }

    fn calls(&self) -> usize {
        self.port.calls.swap(0, Ordering::Relaxed)
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn small() -> ReadOptions {
    ReadOptions {
        page_rows: 5,
        page_bytes: 120,
        answer_bytes: 300,
        patience_ms: 20_000,
        ..ReadOptions::default()
    }
}

fn scan_of(journal: &dyn Journal, scan: &Scan, most: usize) -> Result<Rows, ReadError> {
    let mut rows = Vec::new();
    journal.scan(scan.partition, scan.table, &scan.range, scan.reverse, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(rows)
}

fn all(partition: u16, reverse: bool) -> Scan {
    let range = KeyRange::all();
    Scan { partition: PartitionId(partition), table: Table::Index, range, reverse, rows_hint: 0 }
}

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0_u8..4, 1..longest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// RD1, RD2, RD3: whatever the rows, the ranges and the bounds, a read elsewhere gives what a
    /// read here gives.
    #[test]
    fn a_read_is_the_same_from_every_node(
        rows in proptest::collection::vec((0..PARTITIONS, bytes(5), bytes(90)), 0..120),
        scans in proptest::collection::vec(
            (0..PARTITIONS, bytes(4), proptest::option::of(bytes(4)), any::<bool>(), 0_usize..9),
            1..10,
        ),
        most in 1_usize..40,
    ) {
        let town = Town::new(&small());
        let mut keys = Vec::new();
        for (partition, key, value) in rows {
            let partition = PartitionId(partition);
            keys.push(Get { partition, table: Table::Index, key: key.clone() });
            town.put(partition.0, [(key, value)]);
        }
        let scans: Vec<_> = scans.into_iter().map(|(partition, from, to, reverse, rows_hint)| {
            let range = KeyRange { from, to: to.unwrap_or_default() };
            Scan { range, rows_hint, ..all(partition, reverse) }
        }).collect();
        let here = &*town.journals[&ME];
        for scan in &scans {
            prop_assert_eq!(scan_of(&town.reads, scan, most), scan_of(here, scan, most));
        }
        let many = |journal: &dyn Journal| {
            let mut found: Vec<Rows> = vec![Vec::new(); scans.len()];
            journal.scan_many(&scans, &mut |number, key, value| {
                found[number].push((key.to_vec(), value.to_vec()));
                if found[number].len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }).map(|()| found)
        };
        prop_assert_eq!(many(&town.reads), many(here));
        prop_assert_eq!(town.reads.get_many(&keys), here.get_many(&keys));
        for get in &keys {
            let read = |journal: &dyn Journal| journal.get(get.partition, get.table, &get.key);
            prop_assert_eq!(read(&town.reads), read(here));
        }
    }
}

fn numbered(count: u32) -> Rows {
    (0..count).map(|number| (number.to_be_bytes().to_vec(), vec![7; 20])).collect()
}

/// RD2: the partition moves from node to node, through this one too, while it is walked.
#[test]
fn each_row_is_met_once_although_the_leader_changes() {
    for (reverse, first) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let town = Town::new(&small());
        let rows = numbered(200);
        town.put(1, rows.clone());
        let (mut met, mut term) = (Vec::new(), 1);
        let visit = &mut |key: &[u8], _: &[u8]| {
            met.push(key.to_vec());
            if met.len() % 3 == 0 {
                term += 1;
                // The reader is told by those who lead no longer.
                town.lead(PartitionId(1), NodeId(term % (4 - first) + first), term);
            }
            ControlFlow::Continue(())
        };
        let walked =
            town.reads.scan(PartitionId(1), Table::Index, &KeyRange::all(), reverse, visit);
        walked.expect("it is read");
        let mut want: Vec<_> = rows.into_iter().map(|(key, _)| key).collect();
        if reverse {
            want.reverse();
        }
        assert_eq!(met, want);
        assert!(first == 1 || town.calls() > 10);
    }
}

#[test]
fn what_is_led_here_is_read_here() {
    let town = Town::new(&ReadOptions::default());
    town.put(0, numbered(10));
    assert_eq!(scan_of(&town.reads, &all(0, false), 100).map(|rows| rows.len()), Ok(10));
    assert_eq!(town.calls(), 0);
}

/// One call per leader, however many partitions there are.
#[test]
fn first_pages_come_together() {
    let town = Town::new(&ReadOptions::default());
    for partition in 0..PARTITIONS {
        town.put(partition, numbered(3));
    }
    let scans: Vec<_> = (0..PARTITIONS).map(|partition| all(partition, false)).collect();
    let mut met = BTreeSet::new();
    let visit = &mut |number, key: &[u8], _: &[u8]| {
        met.insert((number, key.to_vec()));
        ControlFlow::Continue(())
    };
    town.reads.scan_many(&scans, visit).expect("it is read");
    assert_eq!((met.len(), town.calls()), (18, 2));
    let key = 2_u32.to_be_bytes().to_vec();
    let gets: Vec<_> = (0..PARTITIONS)
        .map(|number| Get { partition: PartitionId(number), table: Table::Index, key: key.clone() })
        .collect();
    assert_eq!(town.reads.get_many(&gets), Ok(vec![Some(vec![7; 20]); 6]));
    assert_eq!(town.calls(), 2);
}

/// RD4, and who comes back is found again.
#[test]
fn nobody_answers_and_then_somebody_does() {
    let town = Town::new(&ReadOptions { patience_ms: 300, call_ms: 50, ..ReadOptions::default() });
    town.put(1, numbered(3));
    let key = 0_u32.to_be_bytes();
    let read = || town.reads.get(PartitionId(1), Table::Index, &key);
    town.net.cut(ME, NodeId(2));
    assert!(matches!(read(), Err(ReadError::Unreachable { partition: 1, .. })), "{:?}", read());
    town.net.heal();
    assert!(matches!(read(), Ok(Some(_))));
    town.net.leave(NodeId(2));
    assert!(matches!(read(), Err(ReadError::Unreachable { partition: 1, .. })));
    // Another one takes over, while the reader waits.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(read);
        town.lead(PartitionId(1), NodeId(3), 2);
        town.tell(PartitionId(1));
        assert!(matches!(waiting.join().expect("no panic"), Ok(Some(_))));
    });
}

/// A leader that cannot confirm that it still is one does not answer.
#[test]
fn a_doubtful_leader_is_not_read() {
    let town = Town::new(&ReadOptions { patience_ms: 100, ..ReadOptions::default() });
    town.put(1, numbered(1));
    let old = &town.journals[&NodeId(2)];
    old.doubt(true);
    // A later reign has begun elsewhere, which neither it nor the reader has heard of.
    let leads = Leadership { term: Term(2), role: Role::Leader };
    town.journals[&NodeId(3)].lead(PartitionId(1), leads);
    let read = || town.reads.get(PartitionId(1), Table::Index, &0_u32.to_be_bytes());
    assert!(matches!(read(), Err(ReadError::Unreachable { .. })), "{:?}", read());
    town.heard[&ME].learn(PartitionId(1), 2, Some(NodeId(3)));
    assert!(matches!(read(), Ok(Some(_))));
}

/// From a task, as the edge and the policies read.
#[test]
fn a_task_may_read() {
    let town = Town::new(&ReadOptions::default());
    town.put(1, numbered(1));
    let town = Arc::new(town);
    let reader = Arc::clone(&town);
    let read = town.runtime.spawn(async move {
        let key = 0_u32.to_be_bytes();
        (0..50).map(|_| reader.reads.get(PartitionId(1), Table::Index, &key)).collect::<Vec<_>>()
    });
    let read = town.runtime.block_on(read).expect("no panic");
    assert!(read.iter().all(|it| matches!(it, Ok(Some(_)))));
    assert!(Handle::try_current().is_err());
}

/// RD5: a task reads under a lock that both threads of the runtime then wait for, so that neither the
/// answer nor the end of its patience can reach it.
#[test]
fn a_read_under_a_lock_does_not_stop_the_node_for_ever() {
    let town = Town::new(&ReadOptions { patience_ms: 400, ..ReadOptions::default() });
    town.put(1, numbered(1));
    // Nobody leads it, so the read waits.
    town.lead(PartitionId(1), NodeId(9), 2);
    let town = Arc::new(town);
    let lock = Arc::new(RwLock::new(()));
    let (read, ended) = std::sync::mpsc::sync_channel(1);
    let (reader, held) = (Arc::clone(&town), Arc::clone(&lock));
    let (holds, begun) = std::sync::mpsc::sync_channel(1);
    town.runtime.spawn(async move {
        let _held = held.read();
        let _ = holds.send(());
        let _ = read.send(reader.reads.get(PartitionId(1), Table::Index, b"?"));
    });
    begun.recv().expect("it has begun");
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let lock = Arc::clone(&lock);
            town.runtime.spawn(async move { drop(lock.write()) })
        })
        .collect();
    let read = ended.recv_timeout(Duration::from_secs(30)).expect("it does not wait for ever");
    assert!(matches!(read, Err(ReadError::Unreachable { partition: 1, .. })), "{read:?}");
    for writer in writers {
        town.runtime.block_on(writer).expect("it has had the lock");
    }
}

/// RD4: so many may wait, and those who come then are told at once.
#[test]
fn readers_that_wait_are_bounded() {
    let town = Town::new(&ReadOptions { waiting_max: 0, ..ReadOptions::default() });
    town.put(1, numbered(1));
    town.put(0, numbered(1));
    let read = |partition| town.reads.get(PartitionId(partition), Table::Index, b"?");
    assert!(matches!(read(1), Err(ReadError::Unreachable { partition: 1, .. })));
    assert_eq!((read(0), town.calls()), (Ok(None), 0));
}

#[test]
fn figures_only_grow() {
    let town = Town::new(&ReadOptions::default());
    town.put(1, numbered(1));
    let applied = || town.reads.stats().partitions[1].applied;
    let before = applied();
    town.reads.get(PartitionId(1), Table::Index, b"?").expect("it is read");
    assert!(applied() >= before && applied() == 1);
}

/// The bytes of a release: later ones must read them, and it must read theirs.
#[track_caller]
fn check<T>(what: &T, want: &str)
where
    T: impresario_kernel::Stored + PartialEq + std::fmt::Debug,
{
    let body = pack(what);
    let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, want);
    assert_eq!(unpack::<T>(&body).as_ref(), Ok(what));
}

#[test]
fn reads_are_as_released() {
    check(&Ask::Get { partition: 3, table: 5, key: vec![1, 2] }, "018200830305420102");
    let (from, to) = (vec![1], vec![9]);
    let scan = Ask::Scan {
        partition: 300,
        table: 0,
        from,
        to,
        reverse: true,
        rows_max: 4_096,
        bytes_max: 262_144,
    };
    check(&scan, "0182018719012c0041014109f51910001a00040000");
    check(&Said::Value { value: Some(vec![8]), applied: 7 }, "01820082410807");
    check(&Said::Value { value: None, applied: 7 }, "01820082f607");
    let rows = vec![Row { key: vec![1], value: vec![2, 3] }];
    check(&Said::Rows { rows, more: true, applied: 9 }, "0182018381824101420203f509");
    check(&Said::NotLeader { leader: Some(2), term: 5 }, "018202820205");
    check(&Said::NotLeader { leader: None, term: 5 }, "01820282f605");
    check(&Said::Failed { message: "no".to_owned() }, "01820381626e6f");
}

#[test]
fn bytes_of_a_later_release_are_refused_or_read() {
    assert!(unpack::<Ask>(&[]).is_err());
    assert!(unpack::<Ask>(&[2, 0x82]).is_err());
    assert!(unpack::<Ask>(&[1, 0x82, 9, 0x80]).is_err(), "a read that is not known yet");
    let said = [1, 0x82, 2, 0x83, 0xf6, 5, 7];
    let want = Said::NotLeader { leader: None, term: 5 };
    assert_eq!(unpack(&said), Ok(want), "a field more");
}
