use std::fmt::Debug;
use std::sync::Arc;

use impresario_journal::{Table, Write};
use proptest::prelude::*;

use crate::format::{Position, Role};
use crate::replica::chunk::{self, Chunk, Filling, Part};
use crate::replica::install::Progress;
use crate::replica::stored::{self, Holding};
use crate::replica::{LogEntry, Mark, Payload};
use crate::tests::{hex, unhex};

/// Stored bytes decode to a value for ever, and the value encodes to them.
#[track_caller]
fn check_golden<T: PartialEq + Debug>(
    bytes: &str,
    value: T,
    encode: impl Fn(&T) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Option<T>,
) {
    let bytes = unhex(bytes);
    assert_eq!(hex(&encode(&value)), hex(&bytes));
    assert_eq!(decode(&bytes), Some(value));
    let mut later = bytes;
    later[0] += 1;
    assert_eq!(decode(&later), None, "a later version is refused");
}

fn entry(payload: Payload) -> LogEntry {
    LogEntry { index: 9, id: b"log-id".to_vec(), payload: Arc::new(payload) }
}

fn write_entry(entry: &LogEntry) -> Vec<u8> {
    let mut bytes = vec![0; stored::entry_bytes(entry)];
    stored::write_entry(entry, &mut bytes);
    bytes
}

#[test]
fn golden_entries() {
    let decode = |bytes: &[u8]| stored::read_entry(9, bytes);
    let opaque = entry(Payload::opaque(b"member".to_vec()));
    check_golden("01 00 0006 6c6f672d6964 6d656d626572", opaque, write_entry, decode);
    let put = Write::Put { table: Table::Events, key: b"ab".to_vec(), value: b"xyz".to_vec() };
    let writes = entry(Payload::of_writes(7, vec![put.clone()]).expect("it is small"));
    let golden = "01 01 0006 6c6f672d6964
        01 0700000000000000 0100000000000000
        00000000 00 0200000000000000 6162 0300000000000000 78797a";
    check_golden(golden, writes, write_entry, decode);
    let found = stored::read_entry(9, &unhex(golden)).expect("an entry");
    assert_eq!(found.payload.writes(), Ok(vec![put.clone()]));
    assert_eq!(found.payload.writes(), Ok(vec![put]), "and again");
    assert_eq!(stored::entry_id(&unhex(golden)), Some(&b"log-id"[..]));
}

#[test]
fn golden_rows_of_the_log() {
    let opaque = |vote: &Vec<u8>| stored::write_opaque(vote);
    check_golden("01 766f7465", b"vote".to_vec(), opaque, stored::read_opaque);
    let at = (258, b"id".to_vec());
    check_golden("01 0000000000000102 6964", at, stored::write_at, stored::read_at);
    let holding = |holding: &Holding| holding.to_bytes().to_vec();
    check_golden("01 01", Holding::Held, holding, Holding::from_bytes);
    check_golden("01 02", Holding::Leaving, holding, Holding::from_bytes);
}

#[test]
fn golden_marks() {
    let mark = Mark { index: 258, bytes: b"mark".to_vec() };
    let encode = |mark: &Option<Mark>| mark.to_bytes();
    let decode = |bytes: &[u8]| <Option<Mark>>::from_bytes(bytes);
    check_golden("01", None, encode, decode);
    check_golden("01 0000000000000102 6d61726b", Some(mark.clone()), encode, decode);
    assert_eq!(<Option<Mark>>::ROW, "mark");
    let progress = Progress { next: 3, before: [0xab; 32], complete: true };
    let sum = "ab".repeat(32);
    let golden = format!("01 01 0000000000000003 {sum} 01 0000000000000102 6d61726b");
    check_golden(
        &golden,
        (progress, mark),
        |(progress, mark)| progress.to_bytes(mark),
        Progress::from_bytes,
    );
}

#[track_caller]
fn check_rows(role: Role, want: [(&str, &str); 3]) {
    let rows = role.rows().map(|(row, value)| (row, hex(&value)));
    assert_eq!(rows, want.map(|(row, value)| (row, value.to_owned())));
}

#[test]
fn golden_format_rows() {
    check_rows(
        Role::ReplicaLog { groups: 17 },
        [("format", "00000002"), ("kind", "7265706c6963612d6c6f67"), ("groups", "0011")],
    );
    check_rows(
        Role::Incoming { group: 7 },
        [("format", "00000001"), ("kind", "696e636f6d696e67"), ("partition", "0007")],
    );
    assert_eq!(crate::format::incoming_name(7), "incoming-0007.redb");
}

#[test]
fn golden_chunk() {
    let mark = Some(Mark { index: 258, bytes: b"mark".to_vec() });
    let before = chunk::seed(&mark);
    let parts = [
        Part { table: Table::Events, key: b"ab", total: 3, offset: 0, bytes: b"xyz" },
        Part { table: Table::Meta, key: b"c", total: 9, offset: 0, bytes: b"begin" },
    ];
    let mut filling = Filling::new(0, &before);
    parts.iter().for_each(|part| filling.push(part));
    let (bytes, sum) = filling.seal(true);
    let golden = format!(
        "01 01 0000000000000000 {GOLDEN_SEED}
         00 00000002 00000003 00000000 00000003 6162 78797a
         08 00000001 00000009 00000000 00000005 63 626567696e
         {GOLDEN_SUM}"
    );
    assert_eq!(hex(&bytes), hex(&unhex(&golden)));
    let want = Chunk { last: true, parts: parts.to_vec(), sum };
    assert_eq!(chunk::read(&unhex(&golden), 0, &before), Ok(want));
    assert!(chunk::is_last(&bytes));
}

const GOLDEN_SEED: &str = "3ea3ca4107b21ffade251d2860247693fbcc79893260ece210caada0edf5cb43";
const GOLDEN_SUM: &str = "56eca950353dca5d69a7f7517585c8946e5d3b758c7248f091f08aeff64edaa5";

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = stored::read_entry(1, &bytes);
        let _ = stored::read_entry(1, &[&[1, 0], bytes.as_slice()].concat());
        let _ = stored::read_at(&bytes);
        let _ = Progress::from_bytes(&[&[1, 0], bytes.as_slice()].concat());
        let _ = <Option<Mark>>::from_bytes(&[&[1], bytes.as_slice()].concat());
        let before = [7; 32];
        let mut filling = Filling::new(2, &before).seal(false).0;
        filling.truncate(42);
        filling.extend_from_slice(&bytes);
        let sum = *blake3::hash(&filling).as_bytes();
        filling.extend_from_slice(&sum);
        let _ = chunk::read(&filling, 2, &before);
    }

    #[test]
    fn every_entry_survives_its_stored_form(index: u64, id in prop::collection::vec(any::<u8>(), 0..300), bytes: Vec<u8>) {
        let payload = Arc::new(Payload::opaque(bytes));
        let entry = LogEntry { index, id, payload };
        prop_assert_eq!(stored::read_entry(index, &write_entry(&entry)), Some(entry));
    }
}
