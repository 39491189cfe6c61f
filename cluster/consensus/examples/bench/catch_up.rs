//! How fast an empty replica is filled: by a snapshot, and entry by entry.

use std::path::Path;
use std::time::{Duration, Instant};

use impresario_ids::NodeId;
use impresario_journal::{Batch, Journal as _, Table, Write};
use impresario_kernel::PartitionId;

use crate::nodes::{Node, start};
use crate::say;

const GROUP: u16 = 0;
const VALUE: usize = 1000;
const ROWS: u64 = 64;

pub(crate) async fn run(dir: &Path, megabytes: u64) {
    say("| way | MB of rows | seconds | MB/s |");
    say("|---|---:|---:|---:|");
    for (way, checkpointed) in [("snapshot", true), ("log", false)] {
        let nodes = start(&dir.join(way), 2, 1).await;
        let bytes = fill(&nodes[0], megabytes << 20, checkpointed).await;
        let leader = &nodes[0].consensus;
        let batches = leader.system(GROUP).applied();
        let began = Instant::now();
        leader.add_learner(GROUP, NodeId(2)).await.expect("a learner");
        let second = &nodes[1].consensus;
        second.ensure_group(GROUP).await.expect("a replica");
        second.await_batches(GROUP, batches).await.expect("filled");
        let (took, megabytes) = (began.elapsed().as_secs_f64(), bytes as f64 / 1e6);
        let purged = leader.metrics(GROUP).and_then(|figures| figures.purged);
        assert!(!checkpointed || purged > Some(1), "the log still has everything");
        say(&format!("| {way} | {megabytes:.0} | {took:.1} | {:.1} |", megabytes / took));
        for node in nodes {
            node.stop().await;
        }
    }
}

/// Writes rows with keys in no order. Bytes of them.
async fn fill(node: &Node, bytes: u64, checkpointed: bool) -> u64 {
    // Entry by entry: as if all of it were to be archived.
    let archived = if checkpointed { None } else { Some(0) };
    node.consensus.archived(GROUP, archived).expect("a replica");
    let journal = node.consensus.journal(1);
    let mut written = 0;
    for batch in 0u64.. {
        if written >= bytes {
            break;
        }
        let writes = (0..ROWS).map(|row| {
            let number = (batch * ROWS + row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let key = number.to_be_bytes().to_vec();
            Write::Put { table: Table::Events, key, value: number.to_le_bytes().repeat(VALUE / 8) }
        });
        let partition = PartitionId(GROUP);
        let term = journal.leadership(partition).term;
        let writes = writes.collect();
        journal.commit(Batch { partition, term, writes }).await.expect("a commit");
        written += ROWS * (VALUE as u64 + 8);
    }
    if checkpointed {
        cut(node).await;
    }
    written
}

/// Until the log holds nothing of it any more.
async fn cut(node: &Node) {
    let store = node.store.clone();
    let written = tokio::task::spawn_blocking(move || store.checkpoint(GROUP)).await;
    written.expect("no panic").expect("a checkpoint");
    let last = node.consensus.metrics(GROUP).and_then(|figures| figures.durable);
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while node.consensus.metrics(GROUP).and_then(|figures| figures.purged) < last {
        looks.tick().await;
    }
}
