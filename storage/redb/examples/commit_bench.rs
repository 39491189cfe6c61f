//! Measures the store alone: batches, rows and CPU per second, with the disk's own fsync beside it.
//!
//! Each run is made on the plain store and on the replicas' store, where a commit is what one node
//! alone does for it: append, wait for the fsync, apply, purge now and then.
//!
//! `cargo run --release -p impresario-redb --example commit_bench -- DIR [SECONDS] [NAME]`

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use impresario_journal::conformance::block_on;
use impresario_journal::{Batch, Journal, Table, Term, Write};
use impresario_kernel::PartitionId;
use impresario_redb::{
    LogEntry, Mark, Options, Payload, RedbJournal, ReplicaOptions, ReplicaStore, probe_fsync,
};

/// Entities whose rows are written.
const ENTITIES: u64 = 10_000;

struct Run {
    name: &'static str,
    /// Tasks that wait for their commit; each belongs to one partition.
    clients: u64,
    events_per_batch: u64,
    partitions: u16,
}

const RUNS: &[Run] = &[
    Run { name: "one client, one event", clients: 1, events_per_batch: 1, partitions: 16 },
    Run { name: "16 partitions, 4 events", clients: 16, events_per_batch: 4, partitions: 16 },
    Run { name: "16 partitions, 16 events", clients: 16, events_per_batch: 16, partitions: 16 },
    Run { name: "16 partitions, 250 events", clients: 16, events_per_batch: 250, partitions: 16 },
    Run { name: "16 partitions, 1000 events", clients: 16, events_per_batch: 1000, partitions: 16 },
    Run { name: "4 partitions, 1000 events", clients: 4, events_per_batch: 1000, partitions: 4 },
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("give an empty folder on the disk to measure")?);
    let seconds = arguments.next().map_or(Ok(4), |text| text.parse())?;
    let only = arguments.next();
    std::fs::create_dir_all(&dir)?;
    for run in RUNS {
        if only.as_ref().is_some_and(|only| !run.name.contains(only.as_str())) {
            continue;
        }
        for replicated in [false, true] {
            let mut times = probe_fsync(&dir, 300)?;
            times.sort_unstable();
            write!(
                stdout(),
                "{} | fsync p50 {:4} us p99 {:5} us | ",
                if replicated { "replica" } else { "plain  " },
                times[150].as_micros(),
                times[297].as_micros()
            )?;
            let dir = dir.join(run.name.replace([' ', ','], "-"));
            measure(run, &dir, Duration::from_secs(seconds), replicated)?;
            std::fs::remove_dir_all(&dir)?;
        }
    }
    Ok(())
}

/// The store that is measured.
enum Store {
    Plain(RedbJournal),
    Replica(ReplicaStore),
}

impl Store {
    fn open(dir: &Path, partitions: u16, replicated: bool) -> Result<Self, Box<dyn Error>> {
        if !replicated {
            return Ok(Self::Plain(RedbJournal::open(Options::new(dir, partitions))?));
        }
        let store = ReplicaStore::open(ReplicaOptions::new(dir, partitions))?;
        for group in 0..partitions {
            store.ensure(group)?;
        }
        Ok(Self::Replica(store))
    }

    /// Commits a batch, entry `index` of its partition.
    fn commit(&self, batch: Batch, index: u64) -> Result<(), Box<dyn Error>> {
        let store = match self {
            Self::Plain(journal) => {
                block_on(journal.commit(batch))?;
                return Ok(());
            }
            Self::Replica(store) => store,
        };
        let group = batch.partition.0;
        block_on(store.room());
        let payload = Arc::new(Payload::of_writes(batch.term.0, batch.writes)?);
        let entry = LogEntry { index, id: vec![7; 24], payload };
        let (sender, told) = mpsc::sync_channel(1);
        store.append(group, vec![entry], Box::new(move |done| drop(sender.try_send(done))));
        told.recv()??;
        let read = store.read(group, index..index + 1, usize::MAX)?;
        let payload = &read.first().ok_or("no entry")?.payload;
        store.save_committed(group, vec![7; 24])?;
        store.apply(group, Mark { index, bytes: vec![7; 100] }, payload)?;
        if index.is_multiple_of(500)
            && let Some(durable) = store.durable(group)?
        {
            store.purge_to(group, durable.index, vec![7; 24], Box::new(drop));
        }
        Ok(())
    }

    fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        Ok(match self {
            Self::Plain(journal) => journal.get(partition, Table::Seen, key)?,
            Self::Replica(store) => store.get(partition.0, Table::Seen, key)?,
        })
    }

    /// Syncs, batches, bytes of the log, bytes of the states.
    fn stats(&self) -> (u64, u64, u64, u64) {
        match self {
            Self::Plain(journal) => {
                let stats = journal.stats();
                let state = stats.partitions.iter().map(|partition| partition.state_bytes).sum();
                (stats.log_syncs, stats.batches, stats.log_bytes, state)
            }
            Self::Replica(store) => {
                let stats = store.stats();
                let state = stats.groups.iter().map(|group| group.state_bytes).sum();
                (stats.log_syncs, stats.entries, stats.log_bytes, state)
            }
        }
    }

    fn close(&self) {
        match self {
            Self::Plain(journal) => journal.close(),
            Self::Replica(store) => store.close(),
        }
    }
}

fn measure(run: &Run, dir: &Path, time: Duration, replicated: bool) -> Result<(), Box<dyn Error>> {
    let store = Store::open(dir, run.partitions, replicated)?;
    let (events, latency) = (AtomicU64::new(0), AtomicU64::new(0));
    let (started, cpu) = (Instant::now(), cpu_time()?);
    std::thread::scope(|scope| {
        for client in 0..run.clients {
            let (store, events, latency) = (&store, &events, &latency);
            scope.spawn(move || {
                let mut number = 0;
                let mut index = 0;
                while started.elapsed() < time {
                    let batch = batch(run, client, &mut number);
                    let asked = Instant::now();
                    index += 1;
                    if store.commit(batch, index).is_err() {
                        return;
                    }
                    latency.fetch_add(asked.elapsed().as_micros() as u64, Ordering::Relaxed);
                    events.fetch_add(run.events_per_batch, Ordering::Relaxed);
                }
            });
        }
    });
    let (elapsed, cpu) = (started.elapsed().as_secs_f64(), cpu_time()? - cpu);
    let events = events.into_inner();
    let (syncs, batches, log, state) = store.stats();
    let read = read_time(&store, run)?;
    let closing = Instant::now();
    drop(store);
    let opening = Instant::now();
    let store = Store::open(dir, run.partitions, replicated)?;
    let opened = opening.elapsed();
    store.close();
    writeln!(
        stdout(),
        "{:28} {:8.0} events/s  {:8.0} rows/s  {:6.0} syncs/s  mean {:6.2} ms  {:6.2} us cpu/event  log {} MB  state {} MB  reopen {} ms (stop {} ms)  get {:4.2} us",
        run.name,
        events as f64 / elapsed,
        events as f64 * 3.0 / elapsed,
        syncs as f64 / elapsed,
        latency.into_inner() as f64 / 1000.0 / batches as f64,
        cpu * 1e6 / events as f64,
        log >> 20,
        state >> 20,
        opened.as_millis(),
        (opening - closing).as_millis(),
        read,
    )?;
    Ok(())
}

/// Microseconds of one random read: of counters, which are often in memory, and of missing rows.
fn read_time(store: &Store, run: &Run) -> Result<f64, Box<dyn Error>> {
    const READS: u64 = 100_000;
    let started = Instant::now();
    let mut found = 0u64;
    for number in 0..READS {
        let random = mix(number);
        let partition = PartitionId((random % u64::from(run.partitions)) as u16);
        let mut key = vec![7; 16];
        key.extend_from_slice(&[0, 0, 0, 9, 2]);
        key.extend_from_slice(&mix(number).to_be_bytes());
        key.extend_from_slice(&mix(mix(number)).to_be_bytes());
        found += u64::from(store.get(partition, &key)?.is_some());
    }
    let took = started.elapsed().as_secs_f64() * 1e6 / READS as f64;
    if found > READS { Err("more rows than reads".into()) } else { Ok(took) }
}

/// What a tracked event writes: itself, its idempotency record, and a counter.
fn batch(run: &Run, client: u64, number: &mut u64) -> Batch {
    let partition = client % u64::from(run.partitions);
    let mut writes = Vec::with_capacity(3 * run.events_per_batch as usize);
    for _ in 0..run.events_per_batch {
        *number += 1;
        let random = mix(*number ^ (client << 48));
        let entity = partition
            + u64::from(run.partitions) * (random % (ENTITIES / u64::from(run.partitions)));
        let mut key = vec![7; 16];
        key.push(2);
        key.extend_from_slice(&mix(entity).to_be_bytes());
        key.extend_from_slice(&mix(entity + 1).to_be_bytes());
        let mut event = key.clone();
        event.extend_from_slice(&(client << 40 | *number).to_be_bytes());
        writes.push(Write::Put {
            table: Table::Events,
            key: event,
            value: vec![random as u8; 300],
        });
        let mut seen = key[..16].to_vec();
        seen.extend_from_slice(&[0, 0, 0, 9, 2]);
        seen.extend_from_slice(&random.to_be_bytes());
        seen.extend_from_slice(&mix(random).to_be_bytes());
        writes.push(Write::Put { table: Table::Seen, key: seen, value: vec![1; 48] });
        let mut count = key[..16].to_vec();
        count.extend_from_slice(&[3, (random % 50) as u8]);
        writes.push(Write::Add { table: Table::Index, key: count, delta: 1 });
    }
    Batch { partition: PartitionId(partition as u16), term: Term(1), writes }
}

fn mix(mut word: u64) -> u64 {
    word = (word.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (word >> 30))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Seconds of CPU that this process has used, from /proc (fields 14 and 15, in hundredths).
fn cpu_time() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(')').next().ok_or("no stat")?.split_whitespace().collect();
    let ticks =
        |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}
