use std::path::Path;

use impresario_journal::Journal as _;
use impresario_journal::conformance::PARTITIONS;
use impresario_redb::{RedbJournal, verify};

use crate::child::{audit, next_ack, options, spawn};

const ROUNDS: u64 = 20;

/// What every partition was seen to acknowledge last.
type Acked = [u64; PARTITIONS as usize];

fn check_everything_acknowledged_is_there(dir: &Path, acked: &Acked) {
    let journal = RedbJournal::open(options(dir)).expect("the store opens after the crash");
    for partition in 0..PARTITIONS {
        let (held, acked) = (audit(&journal, partition), acked[usize::from(partition)]);
        assert!(held >= acked, "partition {partition} acknowledged {acked} and holds {held}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acked = Acked::default();
    for round in 0..ROUNDS {
        let (mut child, mut output) = spawn(folder.path(), None);
        // Multiples of an odd number: short and long lives, the same in every run.
        for _ in 0..(round * 37) % 120 {
            let (partition, number) =
                next_ack(&mut output).expect("the child writes until it is killed");
            acked[usize::from(partition)] = number;
        }
        child.kill().expect("the child is killed");
        child.wait().expect("the child ends");
        while let Some((partition, number)) = next_ack(&mut output) {
            acked[usize::from(partition)] = number;
        }
        check_everything_acknowledged_is_there(folder.path(), &acked);
    }
    assert!(acked.iter().all(|number| *number > ROUNDS), "{acked:?}");
    verify(folder.path()).expect("every checksum is right");
}

#[test]
fn a_full_disk_loses_nothing_and_heals_with_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acked = Acked::default();
    for kilobytes in [2500, 3000, 5000] {
        let (mut child, mut output) = spawn(folder.path(), Some(kilobytes));
        while let Some((partition, number)) = next_ack(&mut output) {
            acked[usize::from(partition)] = number;
        }
        assert!(
            child.wait().expect("the child ends").success(),
            "the child met the full disk and said so"
        );
        check_everything_acknowledged_is_there(folder.path(), &acked);
    }
    assert!(acked.iter().sum::<u64>() > 0);
    let journal = RedbJournal::open(options(folder.path())).expect("the store opens");
    journal.close();
}
