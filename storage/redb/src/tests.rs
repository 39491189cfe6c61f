use impresario_journal::{Batch, Table, Term, Write};
use impresario_kernel::PartitionId;
use proptest::prelude::*;

use crate::entry::{self, EntryError};
use crate::format::{Applied, Position as _, Role};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| {
        u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

/// One write of each kind.
fn sample() -> Vec<Write> {
    vec![
        Write::Put { table: Table::Events, key: b"ab".to_vec(), value: b"xyz".to_vec() },
        Write::Delete { table: Table::Snapshots, key: b"c".to_vec() },
        Write::DeleteIf { table: Table::Seen, key: b"d".to_vec(), value: Vec::new() },
        Write::Add { table: Table::Index, key: b"e".to_vec(), delta: -2 },
        Write::DeleteRange { table: Table::Deliveries, from: b"f".to_vec(), to: b"g".to_vec() },
    ]
}

fn encode(term: u64, writes: Vec<Write>) -> Vec<u8> {
    entry::encode(&Batch { partition: PartitionId(3), term: Term(term), writes })
        .expect("it encodes")
}

/// Version 1. These bytes are in the logs of running stores: they decode for ever.
const GOLDEN_ENTRY: &str = "01
    0700000000000000 0500000000000000
    00000000 00 0200000000000000 6162 0300000000000000 78797a
    01000000 01 0100000000000000 63
    02000000 02 0100000000000000 64 0000000000000000
    03000000 05 0100000000000000 65 feffffffffffffff
    04000000 09 0100000000000000 66 0100000000000000 67";

fn decode(bytes: &[u8]) -> Result<(u64, Vec<Write>), EntryError> {
    let (term, changes) = entry::decode(&bytes::Bytes::copy_from_slice(bytes))?;
    Ok((term, changes.into_iter().map(Write::from).collect()))
}

#[test]
fn golden_log_entry() {
    assert_eq!(decode(&unhex(GOLDEN_ENTRY)), Ok((7, sample())));
    assert_eq!(hex(&encode(7, sample())), hex(&unhex(GOLDEN_ENTRY)));
}

#[track_caller]
fn check_rows(role: Role, want: [(&str, &str); 3]) {
    let rows = role.rows().map(|(row, value)| (row, hex(&value)));
    assert_eq!(rows, want.map(|(row, value)| (row, value.to_owned())));
}

#[test]
fn golden_format_rows() {
    check_rows(
        Role::Log { partitions: 16 },
        [("format", "00000001"), ("kind", "6c6f67"), ("partitions", "0010")],
    );
    check_rows(
        Role::State { partition: 7 },
        [("format", "00000001"), ("kind", "7374617465"), ("partition", "0007")],
    );
    let applied = Applied { index: 258, term: 3 };
    assert_eq!(hex(&applied.to_bytes()), "00000000000001020000000000000003");
    assert_eq!(Applied::from_bytes(&applied.to_bytes()), Some(applied));
    assert_eq!(Applied::from_bytes(&[0; 15]), None);
    assert_eq!(Applied::from_bytes(&[0; 17]), None);
    assert_eq!(crate::format::state_name(7), "state-0007.redb");
}

#[test]
fn golden_table_names() {
    use redb::TableHandle as _;
    let names: Vec<_> = Table::ALL
        .into_iter()
        .map(|table| crate::state::definition(table).name().to_owned())
        .collect();
    let want = [
        "events",
        "snapshots",
        "seen",
        "outbox",
        "timers",
        "index",
        "dead-letters",
        "keys",
        "meta",
        "deliveries",
    ];
    assert_eq!(names, want);
}

#[track_caller]
fn check_refused(bytes: &[u8], version: Option<u8>) {
    match (decode(bytes), version) {
        (Err(EntryError::Version(found)), Some(version)) => assert_eq!(found, version),
        (Err(EntryError::Damaged(_)), None) => {}
        (other, _) => panic!("{} gave {other:?}", hex(bytes)),
    }
}

#[test]
fn damaged_entries_are_refused() {
    let golden = unhex(GOLDEN_ENTRY);
    check_refused(&[], None);
    check_refused(&[2, 0, 0], Some(2));
    for end in 1..golden.len() {
        check_refused(&golden[..end], None);
    }
    check_refused(&[golden.as_slice(), &[0]].concat(), None);
    let mut table = golden.clone();
    table[21] = 200;
    check_refused(&table, None);
    let mut length = golden;
    length[29] = 0xff;
    check_refused(&length, None);
}

fn any_write() -> impl Strategy<Value = Write> {
    let table = prop::sample::select(Table::ALL.to_vec());
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    (table, 0..5, bytes(), bytes(), any::<i64>()).prop_map(|(table, kind, key, value, delta)| {
        match kind {
            0 => Write::Put { table, key, value },
            1 => Write::Delete { table, key },
            2 => Write::DeleteIf { table, key, value },
            3 => Write::Add { table, key, delta },
            _ => Write::DeleteRange { table, from: key, to: value },
        }
    })
}

proptest! {
    #[test]
    fn every_batch_survives_its_entry(term: u64, writes in prop::collection::vec(any_write(), 0..20)) {
        prop_assert_eq!(decode(&encode(term, writes.clone())), Ok((term, writes)));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = decode(&[&[1], bytes.as_slice()].concat());
    }
}
