use std::collections::BTreeMap;

use impresario_kernel::PartitionId;

use super::{PARTITIONS, Store, commit, ranged, rows};
use crate::{CommitIndex, Journal, KeyRange, Table, Write};

type Tables = BTreeMap<(u16, Table), BTreeMap<Vec<u8>, Vec<u8>>>;

/// Random writes of all kinds, in batches, with reopenings between, against a plain map.
///
/// # Panics
/// If the journal's rows are not those of the map.
pub fn check_model(mut store: Store, seed: u64, batches: usize) {
    let mut dice = Dice(seed);
    let mut model = Tables::new();
    let mut journal = store();
    let mut committed = [0; PARTITIONS as usize];
    for _ in 0..batches {
        let partition = dice.below(u64::from(PARTITIONS)) as u16;
        let writes: Vec<_> = (0..dice.below(12)).map(|_| dice.write()).collect();
        for write in &writes {
            model_write(&mut model, partition, write);
        }
        committed[usize::from(partition)] += 1;
        let index = commit(journal.as_ref(), partition, 1, writes);
        assert_eq!(index, Ok(CommitIndex(committed[usize::from(partition)])), "seed {seed}");
        match dice.below(20) {
            0 => {
                journal.close();
                drop(journal);
                journal = store();
            }
            1 => {
                drop(journal);
                journal = store();
            }
            _ => compare(journal.as_ref(), &model, &mut dice, seed),
        }
    }
    for partition in 0..PARTITIONS {
        for table in Table::ALL {
            let want: Vec<_> =
                model.entry((partition, table)).or_default().clone().into_iter().collect();
            assert_eq!(
                rows(journal.as_ref(), partition, table),
                want,
                "seed {seed}, {table:?} of {partition}"
            );
        }
    }
}

/// One range and one key, chosen at random.
fn compare(journal: &dyn Journal, model: &Tables, dice: &mut Dice, seed: u64) {
    let (partition, table) = (dice.below(u64::from(PARTITIONS)) as u16, dice.table());
    let (from, to, reverse) = (dice.key(), dice.end(), dice.below(2) == 1);
    let empty = BTreeMap::new();
    let stored = model.get(&(partition, table)).unwrap_or(&empty);
    assert_eq!(
        journal.get(PartitionId(partition), table, &from).as_ref().map(Option::as_ref),
        Ok(stored.get(&from)),
        "seed {seed}, {table:?} of {partition} at {from:?}"
    );
    let inside = stored.iter().filter(|(key, _)| **key >= from && (to.is_empty() || **key < to));
    let mut want: Vec<_> = inside.map(|(key, value)| (key.clone(), value.clone())).collect();
    if reverse {
        want.reverse();
    }
    let range = KeyRange { from, to };
    let got = ranged(journal, partition, table, &range, reverse);
    assert_eq!(got, want, "seed {seed}, {table:?} of {partition} in {range:?}, reverse {reverse}");
}

fn model_write(model: &mut Tables, partition: u16, write: &Write) {
    let mut rows = |table: &Table| model.remove(&(partition, *table)).unwrap_or_default();
    let (table, rows) = match write {
        Write::Put { table, key, value } => {
            let mut rows = rows(table);
            rows.insert(key.clone(), value.clone());
            (table, rows)
        }
        Write::Delete { table, key } => {
            let mut rows = rows(table);
            rows.remove(key);
            (table, rows)
        }
        Write::DeleteIf { table, key, value } => {
            let mut rows = rows(table);
            if rows.get(key) == Some(value) {
                rows.remove(key);
            }
            (table, rows)
        }
        Write::Add { table, key, delta } => {
            let mut rows = rows(table);
            let before = rows
                .get(key)
                .and_then(|value| value.as_slice().try_into().ok())
                .map_or(0, i64::from_be_bytes);
            rows.insert(key.clone(), before.wrapping_add(*delta).to_be_bytes().to_vec());
            (table, rows)
        }
        Write::DeleteRange { table, from, to } => {
            let mut rows = rows(table);
            rows.retain(|key, _| key < from || (!to.is_empty() && key >= to));
            (table, rows)
        }
    };
    model.insert((partition, *table), rows);
}

/// Splitmix64: enough for tests, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }

    /// Few and short keys, so that writes meet; some with 0xff, where ranges end.
    fn key(&mut self) -> Vec<u8> {
        (0..=self.below(2)).map(|_| [0, 1, 7, 0x80, 0xff][self.below(5) as usize]).collect()
    }

    fn end(&mut self) -> Vec<u8> {
        if self.below(4) == 0 { Vec::new() } else { self.key() }
    }

    fn table(&mut self) -> Table {
        [Table::Events, Table::Index, Table::Deliveries][self.below(3) as usize]
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => Vec::new(),
            1 => (self.below(3) as i64).to_be_bytes().to_vec(),
            _ => vec![self.below(3) as u8],
        }
    }

    fn write(&mut self) -> Write {
        let (table, key) = (self.table(), self.key());
        match self.below(12) {
            0..=4 => Write::Put { table, key, value: self.value() },
            5..=6 => Write::Delete { table, key },
            7..=8 => Write::DeleteIf { table, key, value: self.value() },
            9..=10 => {
                let deltas = [1, -1, 5, i64::MAX, i64::MIN];
                Write::Add { table, key, delta: deltas[self.below(5) as usize] }
            }
            _ => Write::DeleteRange { table, from: key, to: self.end() },
        }
    }
}
