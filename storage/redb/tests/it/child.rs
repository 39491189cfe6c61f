//! A process that writes until it is killed or its disk is full, and the audit of what it left.
//!
//! Batch `n` of a partition writes four rows, adds 1 to a counter and removes a range. So that the
//! store holds batches 1 to `m`, whole and once each, can be read off its rows.

use std::io::{BufRead as _, BufReader, Write as _, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use impresario_journal::conformance::{PARTITIONS, block_on};
use impresario_journal::{Batch, CommitError, Journal, KeyRange, Table, Term, Write};
use impresario_kernel::PartitionId;
use impresario_redb::{Options, RedbJournal};

/// Tells the test below that it is the child, and where the store is.
const STORE: &str = "IMPRESARIO_TEST_STORE";

/// Checkpoints and cuts all the time, so that a crash falls into each.
pub(crate) fn options(dir: &Path) -> Options {
    Options { dirty_soft_bytes: 40_000, dirty_hard_bytes: 200_000, ..Options::new(dir, PARTITIONS) }
}

/// Not a check of its own: in a child process it is the writer, otherwise it does nothing.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the environment is how the parent test speaks to it"
)]
fn writer() {
    if let Ok(dir) = std::env::var(STORE) {
        write_for_ever(Path::new(&dir));
    }
}

pub(crate) fn spawn(dir: &Path, limit_kilobytes: Option<u32>) -> (Child, BufReader<ChildStdout>) {
    let this = std::env::current_exe().expect("this test binary");
    let mut command = match limit_kilobytes {
        None => Command::new(this),
        Some(limit) => {
            let mut shell = Command::new("bash");
            shell
                .arg("-c")
                .arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\""))
                .arg(this);
            shell
        }
    };
    command.args(["--exact", "child::writer", "--nocapture", "--test-threads=1"]).env(STORE, dir);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the child starts");
    let output = BufReader::new(child.stdout.take().expect("its output is piped"));
    (child, output)
}

/// The next acknowledgement of the child: partition and number; `None` at its end.
pub(crate) fn next_ack(output: &mut BufReader<ChildStdout>) -> Option<(u16, u64)> {
    let mut line = String::new();
    // The end of a killed child's output may be half a line, which acknowledges nothing.
    while output.read_line(&mut line).ok()? > 0 {
        if let Some(rest) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("ack "))
            && let Some((partition, number)) = rest.split_once(' ')
        {
            return Some((
                partition.parse().expect("a partition"),
                number.parse().expect("a number"),
            ));
        }
        line.clear();
    }
    None
}

fn write_for_ever(dir: &Path) {
    let journal = RedbJournal::open(options(dir)).expect("the store opens");
    std::thread::scope(|scope| {
        for partition in 0..PARTITIONS {
            let journal = &journal;
            scope.spawn(move || {
                let mut number = audit(journal, partition);
                loop {
                    number += 1;
                    match block_on(journal.commit(batch(partition, number))) {
                        // One write, so that threads do not mix their lines.
                        Ok(_) => {
                            let line = format!("ack {partition} {number}\n");
                            stdout().write_all(line.as_bytes()).expect("the parent listens");
                        }
                        Err(CommitError::Unknown(_) | CommitError::Failed(_)) => break,
                        Err(other) => panic!("{other}"),
                    }
                }
                let after = block_on(journal.commit(batch(partition, number)));
                assert!(matches!(after, Err(CommitError::Failed(_))), "J6: {after:?}");
                assert!(audit(journal, partition) >= number - 1, "reads go on after a failure");
            });
        }
    });
}

fn batch(partition: u16, number: u64) -> Batch {
    let row = |part: u8| Write::Put {
        table: Table::Events,
        key: [&number.to_be_bytes()[..], &[part]].concat(),
        value: vec![part; 60 + (number % 200) as usize],
    };
    let mut writes: Vec<_> = (0..4).map(row).collect();
    writes.push(Write::Add { table: Table::Index, key: b"count".to_vec(), delta: 1 });
    // Only the newest 50 stay in this table.
    writes.push(Write::Put {
        table: Table::Seen,
        key: number.to_be_bytes().to_vec(),
        value: Vec::new(),
    });
    let to = number.saturating_sub(49).to_be_bytes().to_vec();
    writes.push(Write::DeleteRange { table: Table::Seen, from: vec![0], to });
    Batch { partition: PartitionId(partition), term: Term(1), writes }
}

/// How many batches the partition holds, each whole and once.
pub(crate) fn audit(journal: &dyn Journal, partition: u16) -> u64 {
    let id = PartitionId(partition);
    let mut rows = 0u64;
    let scanned = journal.scan(id, Table::Events, &KeyRange::all(), false, &mut |key, value| {
        let (number, part) = (rows / 4 + 1, (rows % 4) as u8);
        assert_eq!(
            key,
            [&number.to_be_bytes()[..], &[part]].concat(),
            "no batch is missing or half there"
        );
        assert_eq!(value, vec![part; 60 + (number % 200) as usize]);
        rows += 1;
        ControlFlow::Continue(())
    });
    scanned.expect("the store is readable");
    assert_eq!(rows % 4, 0, "the last batch is whole");
    let count = journal.get(id, Table::Index, b"count").expect("readable");
    let count = count.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().expect("8 bytes")));
    assert_eq!(count, rows / 4, "each batch counted once");
    let mut newest = 0;
    let scanned = journal.scan(id, Table::Seen, &KeyRange::all(), true, &mut |key, _| {
        assert_eq!(key, (count - newest).to_be_bytes());
        newest += 1;
        ControlFlow::Continue(())
    });
    scanned.expect("the store is readable");
    assert_eq!(newest, count.min(50));
    count
}
