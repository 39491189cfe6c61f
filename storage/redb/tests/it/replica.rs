//! What the tests of the replicas' store share.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, mpsc};

use impresario_journal::{KeyRange, Table, Write};
use impresario_redb::{
    Adopt, Adopted, Done, LogEntry, Mark, Payload, ReplicaOptions, ReplicaStore, SnapshotReader,
};

/// What an entry carries.
pub(crate) fn carries(writes: Vec<Write>) -> Payload {
    Payload::of_writes(1, writes).expect("it is small")
}

/// The id of an entry in these tests.
pub(crate) fn id(term: u64, index: u64) -> Vec<u8> {
    [term.to_be_bytes(), index.to_be_bytes()].concat()
}

/// The term in an id.
pub(crate) fn term_of(id: &[u8]) -> u64 {
    u64::from_be_bytes(id[..8].try_into().expect("an id of these tests"))
}

/// What entry `index` writes: a row of its own, and a counter.
pub(crate) fn writes(term: u64, index: u64) -> Vec<Write> {
    let mut value = id(term, index);
    value.resize(50 + (index as usize * 37) % 900, 7);
    vec![
        Write::Put { table: Table::Events, key: index.to_be_bytes().to_vec(), value },
        Write::Add { table: Table::Index, key: b"count".to_vec(), delta: 1 },
    ]
}

pub(crate) fn entry(term: u64, index: u64) -> LogEntry {
    let payload = Payload::of_writes(term, writes(term, index)).expect("it is small");
    LogEntry { index, id: id(term, index), payload: Arc::new(payload) }
}

pub(crate) fn entries(term: u64, range: std::ops::Range<u64>) -> Vec<LogEntry> {
    range.map(|index| entry(term, index)).collect()
}

pub(crate) fn mark(term: u64, index: u64) -> Mark {
    Mark { index, bytes: id(term, index) }
}

/// Something under way: what its `Done` is told.
pub(crate) struct Pending(mpsc::Receiver<Result<(), String>>);

impl Pending {
    pub(crate) fn wait(self) -> Result<(), String> {
        self.0.recv().expect("every Done is told")
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.0.try_recv(), Err(mpsc::TryRecvError::Empty))
    }
}

pub(crate) fn begin(call: impl FnOnce(Done)) -> Pending {
    let (sender, told) = mpsc::sync_channel(1);
    call(Box::new(move |outcome| sender.send(outcome).expect("the test waits")));
    Pending(told)
}

pub(crate) fn wait(call: impl FnOnce(Done)) -> Result<(), String> {
    begin(call).wait()
}

pub(crate) fn append(
    store: &ReplicaStore,
    group: u16,
    entries: Vec<LogEntry>,
) -> Result<(), String> {
    wait(|done| store.append(group, entries, done))
}

/// Applies a range of what the log has.
pub(crate) fn apply(store: &ReplicaStore, group: u16, range: std::ops::Range<u64>) {
    for entry in store.read(group, range, usize::MAX).expect("readable") {
        let mark = Mark { index: entry.index, bytes: entry.id };
        store.apply(group, mark, &entry.payload).expect("it applies");
    }
}

/// A store of four groups in a folder.
pub(crate) fn open(dir: &Path) -> ReplicaStore {
    ReplicaStore::open(ReplicaOptions::new(dir, 4)).expect("the store opens")
}

/// A store with one group that holds entries `0..count`, applied.
pub(crate) fn filled(dir: &Path, count: u64) -> ReplicaStore {
    let store = open(dir);
    store.ensure(1).expect("a replica");
    append(&store, 1, entries(1, 0..count)).expect("an append");
    apply(&store, 1, 0..count);
    store
}

pub(crate) type Row = (Table, Vec<u8>, Vec<u8>);

/// Every row of a group.
pub(crate) fn rows(store: &ReplicaStore, group: u16) -> Vec<Row> {
    let mut found = Vec::new();
    for table in Table::ALL {
        let scanned = store.scan(group, table, &KeyRange::all(), false, &mut |key, value| {
            found.push((table, key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        });
        scanned.expect("readable");
    }
    found
}

/// All chunks of a snapshot.
pub(crate) fn chunks(reader: &mut SnapshotReader) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(chunk) = reader.chunk(found.len() as u64).expect("readable") {
        found.push(chunk);
    }
    found
}

/// Partition `n` begins at its last index with a mark and an id made of the term.
pub(crate) fn adopt(partitions: u16) -> Adopt {
    let begin = Arc::new(|_, index, term| Adopted {
        mark: mark(term, index),
        id: id(term, index),
        vote: Some(vec![term as u8]),
    });
    Adopt { partitions, begin }
}
