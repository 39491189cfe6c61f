//! Power loss on a simulated disk: after a random number of operations everything fails; then each
//! 512-byte sector that was written and not synced is kept or lost by the toss of a coin.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use impresario_journal::conformance::{commit, rows};
use impresario_journal::{CommitError, Table, Write};
use impresario_redb::{Options, RedbJournal, SimulatedDisk};
use redb::StorageBackend;

const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    files: BTreeMap<String, Bytes>,
    /// Operations until the power goes.
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct Bytes {
    /// What survives for certain.
    durable: Vec<u8>,
    /// What is read while the power is on.
    current: Vec<u8>,
}

impl Disk {
    fn with<T>(&self, name: &str, write: bool, act: impl FnOnce(&mut Bytes) -> T) -> io::Result<T> {
        let mut platter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if write && let Some(left) = &mut platter.left {
            *left = left.saturating_sub(1);
        }
        if platter.left == Some(0) {
            return Err(io::Error::other("no power"));
        }
        Ok(act(platter.files.entry(name.to_owned()).or_default()))
    }

    fn cut_power_after(&self, operations: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left = Some(operations);
    }

    fn power_on(&self, dice: &mut Dice) {
        let mut platter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        platter.left = None;
        for file in platter.files.values_mut() {
            let longer = file.durable.len().max(file.current.len());
            let length = if dice.coin() { file.current.len() } else { file.durable.len() };
            let mut after = vec![0; longer];
            after[..file.durable.len()].copy_from_slice(&file.durable);
            for start in (0..file.current.len()).step_by(SECTOR) {
                let end = (start + SECTOR).min(file.current.len());
                if dice.coin() {
                    after[start..end].copy_from_slice(&file.current[start..end]);
                }
            }
            after.truncate(length);
            file.durable.clone_from(&after);
            file.current = after;
        }
    }
}

impl SimulatedDisk for Disk {
    fn file(&self, name: &str) -> Box<dyn StorageBackend> {
        Box::new(File { disk: self.clone(), name: name.to_owned() })
    }

    fn len(&self, name: &str) -> u64 {
        self.with(name, false, |file| file.current.len() as u64).unwrap_or(0)
    }
}

#[derive(Debug)]
struct File {
    disk: Disk,
    name: String,
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.disk.with(&self.name, false, |file| file.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        self.disk.with(&self.name, false, |file| {
            let bytes =
                file.current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })?
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.with(&self.name, true, |file| file.current.resize(len as usize, 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.with(&self.name, true, |file| file.durable.clone_from(&file.current))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        self.disk.with(&self.name, true, |file| {
            file.current[start..start + data.len()].copy_from_slice(data)
        })
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}

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

#[test]
fn power_loss_takes_nothing_acknowledged() {
    let mut dice = Dice(7);
    let disk = Disk::default();
    let mut acked = [0u64; 2];
    drop(open(&disk).expect("a new store opens"));
    for round in 0..120 {
        disk.cut_power_after(dice.next() % 400 + 1);
        // Power may also go while the store opens.
        if let Ok(journal) = open(&disk) {
            let mut next = [0, 1].map(|partition| held(&journal, partition) + 1);
            loop {
                let partition = (dice.next() % 2) as usize;
                match commit(&journal, partition as u16, 1, batch(next[partition])) {
                    Ok(_) => acked[partition] = next[partition],
                    Err(CommitError::Unknown(_) | CommitError::Failed(_)) => break,
                    Err(other) => panic!("{other}"),
                }
                next[partition] += 1;
            }
        }
        disk.power_on(&mut dice);
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
    assert!(acked[0] > 200 && acked[1] > 200, "{acked:?}");
}
