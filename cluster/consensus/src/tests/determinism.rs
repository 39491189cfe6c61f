use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::stream;
use impresario_journal::{KeyRange, Table, Write};
use impresario_redb::{Mark, Payload, ReplicaOptions, ReplicaStore};
use openraft::storage::RaftStateMachine;
use proptest::prelude::*;

use crate::machine::{Machine, Reached};
use crate::types::{Entry, EntryPayload, LogId, Proposal};

type State = (Option<Mark>, Vec<(Table, Vec<u8>, Vec<u8>)>);

/// The state after these batches, applied in pieces of `together`; as the leader has them
/// (as it encoded them) or as a follower gets them (as they were sent).
fn apply(batches: &[Vec<Write>], together: usize, follower: bool) -> State {
    let dir = tempfile::tempdir().expect("a folder");
    let store = ReplicaStore::open(ReplicaOptions::new(dir.path(), 1)).expect("a store");
    store.ensure(0).expect("a replica");
    let entries = batches.iter().zip(0..).map(|(writes, index)| {
        let payload = Payload::of_writes(1, writes.clone()).expect("a payload");
        let payload =
            if follower { Payload::of_encoded_writes(payload.encoded().clone()) } else { payload };
        let payload = EntryPayload::Normal(Proposal(Arc::new(payload)));
        Entry { log_id: LogId::new_term_index(1, index), payload }
    });
    let entries: Vec<_> = entries.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut machine = Machine::open(store.clone(), 0, Reached::new()).expect("a state machine");
    for piece in entries.chunks(together) {
        let items: Vec<_> = piece
            .iter()
            .map(|entry| {
                let EntryPayload::Normal(proposal) = &entry.payload else { panic!("no batch") };
                let payload = EntryPayload::Normal(Proposal(Arc::clone(&proposal.0)));
                Ok((Entry { log_id: entry.log_id, payload }, None))
            })
            .collect();
        runtime.block_on(machine.apply(stream::iter(items))).expect("applied");
    }
    let mut rows = Vec::new();
    for table in Table::ALL {
        let scanned = store.scan(0, table, &KeyRange::all(), false, &mut |key, value| {
            rows.push((table, key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        });
        scanned.expect("readable");
    }
    let mark = store.applied(0).expect("readable");
    drop(machine);
    store.close();
    (mark, rows)
}

fn write() -> impl Strategy<Value = Write> {
    let table = prop_oneof![Just(Table::Events), Just(Table::Index)];
    let key = || proptest::collection::vec(0..4u8, 0..3);
    let value = || proptest::collection::vec(any::<u8>(), 0..10);
    (table, 0..5u8, key(), key(), value(), any::<i64>()).prop_map(
        |(table, kind, key, to, value, delta)| match kind {
            0 => Write::Put { table, key, value },
            1 => Write::Delete { table, key },
            2 => Write::DeleteIf { table, key, value },
            3 => Write::Add { table, key, delta },
            _ => Write::DeleteRange { table, from: key, to },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// C5.
    #[test]
    fn equal_logs_give_equal_states(
        batches in proptest::collection::vec(proptest::collection::vec(write(), 0..6), 1..20),
        together in 1..5usize,
    ) {
        prop_assert_eq!(apply(&batches, 20, false), apply(&batches, together, true));
    }
}
