//! How many batches a second one node commits, and what a batch costs, on the plain journal and on
//! the replicated one with a single voter.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use impresario_consensus::{Consensus, Options};
use impresario_ids::NodeId;
use impresario_journal::{Batch, Journal, Table, Write};
use impresario_kernel::PartitionId;
use impresario_redb::{RedbJournal, ReplicaOptions, ReplicaStore};
use impresario_wire::{Answered, Lane, RaftTransport, WireError};

use crate::{cpu, lasting, say};

const PARTITIONS: u16 = 16;
const COMMITTERS: u64 = 256;
/// What one command leaves, about: an event, a snapshot, a reply.
const VALUE: usize = 300;

/// There is nobody else.
struct Nobody;

impl RaftTransport for Nobody {
    fn call(&self, to: NodeId, _: Lane, _: u16, _: Bytes, _: Duration) -> Answered {
        Box::pin(std::future::ready(Err(WireError::UnknownNode(to))))
    }
}

#[derive(Clone, Copy)]
struct Measured {
    batches: f64,
    /// How many batches one fsync served, on average.
    together: f64,
    cpu_micros: f64,
    median: Duration,
    p99: Duration,
}

/// Each committer keeps one batch in flight, as a partition's host does.
async fn measure(journal: Arc<dyn Journal>, committers: u64, seconds: u64) -> Measured {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..committers)
        .map(|committer| {
            let (journal, stop, count) =
                (Arc::clone(&journal), Arc::clone(&stop), Arc::clone(&count));
            tokio::spawn(async move {
                let partition = PartitionId((committer % u64::from(PARTITIONS)) as u16);
                let mut waits = Vec::new();
                for number in 0u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let term = journal.leadership(partition).term;
                    let batch = Batch { partition, term, writes: writes(committer, number) };
                    let asked = Instant::now();
                    journal.commit(batch).await.expect("a commit");
                    waits.push(asked.elapsed());
                    count.fetch_add(1, Ordering::Relaxed);
                }
                waits
            })
        })
        .collect();
    lasting(1).await;
    let syncs = journal.stats().log_syncs;
    let (before, cpu, began) = (count.load(Ordering::Relaxed), cpu(), Instant::now());
    lasting(seconds).await;
    let batches = (count.load(Ordering::Relaxed) - before) as f64;
    let syncs = journal.stats().log_syncs - syncs;
    let (cpu, took) = (self::cpu() - cpu, began.elapsed());
    stop.store(true, Ordering::Relaxed);
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("a committer"));
    }
    waits.sort_unstable();
    Measured {
        batches: batches / took.as_secs_f64(),
        together: batches / syncs as f64,
        cpu_micros: cpu.as_secs_f64() * 1e6 / batches,
        median: waits[waits.len() / 2],
        p99: waits[waits.len() * 99 / 100],
    }
}

fn writes(committer: u64, number: u64) -> Vec<Write> {
    let key = [committer.to_be_bytes(), number.to_be_bytes()].concat();
    let put = |table, key: Vec<u8>| Write::Put { table, key, value: vec![7; VALUE] };
    vec![
        put(Table::Events, key.clone()),
        put(Table::Snapshots, committer.to_be_bytes().to_vec()),
        put(Table::Seen, key),
    ]
}

fn plain(dir: &Path) -> Arc<dyn Journal> {
    let options = impresario_redb::Options::new(dir.join("plain"), PARTITIONS);
    Arc::new(RedbJournal::open(options).expect("a store"))
}

async fn replicated(dir: &Path) -> (Consensus, Arc<dyn Journal>) {
    let store = ReplicaStore::open(ReplicaOptions::new(dir.join("raft"), PARTITIONS + 1));
    let opening = Consensus::open(
        Options::default(),
        store.expect("a store"),
        NodeId(1),
        Arc::new(Nobody),
        Arc::new(|_, _| false),
    );
    let consensus = opening.await.expect("a consensus");
    if consensus.groups().is_empty() {
        consensus.found(0..PARTITIONS).await.expect("founded");
    }
    for group in 0..PARTITIONS {
        let led = consensus.await_leader(group, Duration::from_secs(10)).await;
        led.expect("a leader");
    }
    let journal = Arc::new(consensus.journal(PARTITIONS));
    (consensus, journal)
}

fn row(committers: u64, what: &str, measured: Measured, of_plain: Option<f64>) {
    let Measured { batches, together, cpu_micros, median, p99 } = measured;
    let of_plain = of_plain.map_or_else(|| "-".to_owned(), |part| format!("{:.0} %", 100.0 * part));
    say(&format!(
        "| {committers} | {what} | {batches:.0} | {of_plain} | {together:.1} | {cpu_micros:.0} | {:.2} | {:.2} |",
        1e3 * median.as_secs_f64(),
        1e3 * p99.as_secs_f64(),
    ));
}

pub(crate) async fn run(dir: &Path, seconds: u64) {
    say(
        "| committers | journal | batches/s | of plain | batches per fsync | us CPU per batch | p50 ms | p99 ms |",
    );
    say("|---:|---|---:|---:|---:|---:|---:|---:|");
    for committers in [1, u64::from(PARTITIONS), COMMITTERS] {
        let journal = plain(&dir.join(committers.to_string()));
        let baseline = measure(Arc::clone(&journal), committers, seconds).await;
        journal.close();
        row(committers, "plain", baseline, None);
        let (consensus, journal) = replicated(&dir.join(committers.to_string())).await;
        let raft = measure(journal, committers, seconds).await;
        row(committers, "raft, 1 voter", raft, Some(raft.batches / baseline.batches));
        consensus.shutdown().await;
    }
}
