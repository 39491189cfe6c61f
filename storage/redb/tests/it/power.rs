//! Power loss under the plain store, on a simulated disk.

use std::path::Path;
use std::sync::Arc;

use impresario_journal::conformance::{commit, rows};
use impresario_journal::{CommitError, Table, Write};
use impresario_redb::{Options, RedbJournal};

use crate::sim::{Dice, Disk, rounds};

fn open(disk: &Disk) -> Result<RedbJournal, impresario_redb::OpenError> {
    let options = Options {
        dirty_soft_bytes: 4000,
        dirty_hard_bytes: 20_000,
        ..Options::new(Path::new("sim"), 2)
    };
    RedbJournal::open_simulated(options, Arc::new(disk.clone()))
}

/// Batch `n`: its own row, and a counter.
fn batch(number: u64) -> Vec<Write> {
    let key = number.to_be_bytes().to_vec();
    let value = vec![number as u8; 50 + (number as usize * 37) % 900];
    vec![
        Write::Put { table: Table::Events, key, value },
        Write::Add { table: Table::Index, key: b"count".to_vec(), delta: 1 },
    ]
}

/// The partition holds batches 1 to some number, whole.
fn held(journal: &RedbJournal, partition: u16) -> u64 {
    let events = rows(journal, partition, Table::Events);
    for (number, (key, value)) in (1u64..).zip(&events) {
        let Some(Write::Put { key: wanted_key, value: wanted, .. }) =
            batch(number).into_iter().next()
        else {
            unreachable!("a batch begins with its row")
        };
        assert_eq!((key, value), (&wanted_key, &wanted));
    }
    let count = rows(journal, partition, Table::Index)
        .first()
        .map_or(0, |(_, value)| u64::from_be_bytes(value.as_slice().try_into().expect("8 bytes")));
    assert_eq!(count, events.len() as u64, "no batch is half there");
    count
}

/// Rounds on one disk; then another begins, so that time per round stays the same.
const ROUNDS_PER_DISK: u64 = 120;

#[test]
fn power_loss_takes_nothing_acknowledged() {
    let (rounds, mut dice) = rounds(120);
    for begun in (0..rounds).step_by(ROUNDS_PER_DISK as usize) {
        rounds_on_one_disk((rounds - begun).min(ROUNDS_PER_DISK), &mut dice);
    }
}

fn rounds_on_one_disk(rounds: u64, dice: &mut Dice) {
    let disk = Disk::default();
    let mut acked = [0u64; 2];
    drop(open(&disk).expect("a new store opens"));
    for round in 0..rounds {
        if dice.below(4) == 0 {
            disk.fail_sync_after(dice.below(40));
        } else {
            disk.cut_power_after(dice.below(400) + 1);
        }
        // Power may also go while the store opens.
        if let Ok(journal) = open(&disk) {
            let mut next = [0, 1].map(|partition| held(&journal, partition) + 1);
            loop {
                let partition = dice.below(2) as usize;
                match commit(&journal, partition as u16, 1, batch(next[partition])) {
                    Ok(_) => acked[partition] = next[partition],
                    Err(CommitError::Unknown(_) | CommitError::Failed(_)) => break,
                    Err(other) => panic!("{other}"),
                }
                next[partition] += 1;
            }
        }
        disk.power_on(dice);
        let journal = open(&disk).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        for partition in [0, 1] {
            let (held, acked) = (held(&journal, partition), &mut acked[usize::from(partition)]);
            // One more may have been in doubt.
            assert!(
                held == *acked || held == *acked + 1,
                "round {round}: acknowledged {acked}, held {held}"
            );
            *acked = held;
        }
    }
    assert!(acked.iter().all(|acked| *acked > rounds), "{acked:?}");
}
