//! What groups cost that nobody writes to.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use futures_util::future::join_all;
use impresario_ids::NodeId;

use crate::nodes::{Node, start};
use crate::{cpu, lasting, resident, say};

const NODES: u64 = 3;
/// Groups that are made at the same time.
const TOGETHER: usize = 16;

pub(crate) async fn run(dir: &Path, groups: u16, seconds: u64) {
    say(
        "| nodes | groups | replicas each | CPU s per minute and node | CPU ms per minute and replica | KiB per replica |",
    );
    say("|---:|---:|---:|---:|---:|---:|");
    let alone = start(&dir.join("alone"), 1, groups).await;
    measure(1, groups, seconds).await;
    for node in alone {
        node.stop().await;
    }
    let nodes = start(&dir.join("three"), NODES, groups).await;
    let voters: BTreeSet<NodeId> = (1..=NODES).map(NodeId).collect();
    let all: Vec<u16> = (0..groups).collect();
    for some in all.chunks(TOGETHER) {
        join_all(some.iter().map(|group| grow(&nodes, *group, &voters))).await;
    }
    measure(NODES, groups, seconds).await;
    for node in nodes {
        node.stop().await;
    }
}

/// Gives all nodes a replica and one of them the lead. On a busy machine that may take several
/// attempts.
async fn grow(nodes: &[Node], group: u16, voters: &BTreeSet<NodeId>) {
    let wanted = NodeId(1 + u64::from(group) % NODES);
    loop {
        for node in nodes {
            let consensus = &node.consensus;
            if !consensus.leadership(group).is_leader() {
                continue;
            }
            let changed = consensus.change_voters(group, voters.clone(), false, &drop).await;
            if changed.is_ok() && consensus.transfer_leader(group, wanted).await.is_ok() {
                return;
            }
        }
        let pause = std::time::Duration::from_millis(50);
        let _ = tokio::time::timeout(pause, std::future::pending::<()>()).await;
    }
}

async fn measure(nodes: u64, groups: u16, seconds: u64) {
    // What the making of the groups left to be done.
    lasting(5).await;
    let (before, began) = (cpu(), Instant::now());
    lasting(seconds).await;
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let each = (cpu() - before).as_secs_f64() / minutes / nodes as f64;
    let memory = resident() as f64 / 1024.0 / (nodes as f64 * f64::from(groups));
    say(&format!(
        "| {nodes} | {groups} | {} | {each:.2} | {:.2} | {memory:.0} |",
        if nodes == 1 { 1 } else { 3 },
        1e3 * each / f64::from(groups),
    ));
}
