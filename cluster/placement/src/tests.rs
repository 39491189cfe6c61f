mod balancing;
mod calls;
mod golden;
mod joining;
mod life;
mod planning;

use std::collections::BTreeSet;

use impresario_ids::{ClusterId, NodeId};

use super::*;

const CLUSTER: ClusterId = ClusterId::from_bytes([7; 16]);

fn intro(store: u8, zone: &str) -> Introduction {
    Introduction {
        store: StoreId([store; 16]),
        addr: format!("n{store}:7000"),
        http: format!("n{store}:8080"),
        zone: Zone::new(zone).expect("a zone"),
        version: "0.1.0".to_owned(),
        wire: WireRange { lowest: 1, highest: 1 },
    }
}

fn join(store: u8, zone: &str) -> Command {
    Command::Join {
        cluster: CLUSTER,
        partitions: 0,
        node: None,
        intro: intro(store, zone),
        answered_elsewhere: false,
    }
}

fn leave(node: u64, forced: bool) -> Command {
    Command::Leave { node: NodeId(node), forced, votes: None, without_majority: None }
}

fn found(partitions: u16, replicas: u8, zone: &str) -> Command {
    Command::Found { cluster: CLUSTER, partitions, replicas, intro: intro(1, zone) }
}

/// Tells everything in order; each must be allowed.
fn tell(state: &mut ClusterState, commands: impl IntoIterator<Item = Command>) -> Vec<Reply> {
    let one = |command: Command| {
        let decision = decide(state, &command, 1_000).expect("the command is allowed");
        decision.events.iter().for_each(|event| state.apply(event));
        decision.reply
    };
    commands.into_iter().map(one).collect()
}

#[track_caller]
fn refused(state: &ClusterState, command: &Command, code: &str) {
    let rejection = decide(state, command, 1_000).expect_err("refused");
    assert_eq!(rejection.code(), code, "{rejection}");
    assert!(CODES.contains(&code));
    assert!(!rejection.to_string().is_empty());
}

/// A cluster with an active node in each of the zones, in this order.
fn cluster(partitions: u16, replicas: u8, zones: &[&str]) -> ClusterState {
    let mut state = ClusterState::default();
    tell(&mut state, [found(partitions, replicas, zones[0])]);
    for (at, zone) in zones.iter().enumerate().skip(1) {
        let number = u8::try_from(at + 1).expect("few nodes");
        let node = NodeId(u64::from(number));
        tell(&mut state, [join(number, zone), Command::Activate { node }]);
    }
    state
}

fn nodes(numbers: &[u64]) -> BTreeSet<NodeId> {
    numbers.iter().map(|number| NodeId(*number)).collect()
}

/// Replicas and leaders of partitions on a node.
fn held(state: &ClusterState, node: u64) -> (usize, usize) {
    let system = state.system_group().expect("founded");
    let partitions = || state.map().filter(|(group, _)| *group != system);
    let node = NodeId(node);
    (
        partitions().filter(|(_, want)| want.voters.contains(&node)).count(),
        partitions().filter(|(_, want)| want.leader == Some(node)).count(),
    )
}
