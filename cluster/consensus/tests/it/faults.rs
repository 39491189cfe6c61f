//! Seeded weather: messages are lost, late and cut off, nodes are killed, while clients write.

use std::collections::BTreeMap;

use impresario_ids::NodeId;
use impresario_journal::{CommitError, Table, Write};

use crate::net::Dice;
use crate::node::{Cluster, put};

/// What a client was told about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Committed(u64),
    Unknown,
}

/// A batch that leaves two rows and counts itself, so that half of it, or twice, would show.
fn batch(number: u64) -> Vec<Write> {
    let key = |side: &[u8]| [side, &number.to_be_bytes()[..]].concat();
    let count = Write::Add { table: Table::Index, key: key(b"count"), delta: 1 };
    vec![put(&key(b"left"), b"1"), put(&key(b"right"), b"1"), count]
}

fn weather(cluster: &mut Cluster, dice: &mut Dice) {
    let nodes = [NodeId(1), NodeId(2), NodeId(3)];
    let one = nodes[dice.below(3) as usize];
    match dice.below(6) {
        0 => cluster.net.split(&[one], &nodes),
        1 => nodes.iter().for_each(|other| cluster.net.cut(one, *other)),
        2 => cluster.net.storm(dice.below(u64::MAX), 200, 20),
        3 => {
            cluster.kill(one.0);
            cluster.start(one.0);
        }
        _ => cluster.net.heal(),
    }
}

fn check(seed: u64) {
    let mut cluster = Cluster::of_voters(3);
    let mut dice = Dice(seed);
    let mut told = BTreeMap::new();
    for number in 0..60u64 {
        if number % 5 == 0 {
            weather(&mut cluster, &mut dice);
        }
        // Whoever believes to lead: also one that was deposed and does not know.
        let first = dice.below(3);
        let leader = (0..3)
            .map(|turn| cluster.node((first + turn) % 3 + 1))
            .find(|node| node.leadership(0).is_leader());
        let Some(node) = leader else {
            cluster.net.heal();
            cluster.await_leader(&[1, 2, 3]);
            continue;
        };
        match node.commit(0, node.leadership(0).term, batch(number)) {
            Ok(index) => {
                told.insert(number, Told::Committed(index.0));
            }
            Err(CommitError::Unknown(_)) => {
                told.insert(number, Told::Unknown);
            }
            Err(CommitError::NotLeader { .. } | CommitError::StaleTerm { .. }) => {}
            Err(other) => panic!("seed {seed}: {other}"),
        }
    }
    cluster.net.heal();
    let leader = cluster.await_leader(&[1, 2, 3]);
    leader.put(0, b"the end", b"");
    cluster.check_equal(leader);
    judge(seed, &told, &leader.rows(0));
}

fn judge(seed: u64, told: &BTreeMap<u64, Told>, rows: &[(Table, Vec<u8>, Vec<u8>)]) {
    let has = |side: &[u8], number: u64| {
        let key = [side, &number.to_be_bytes()[..]].concat();
        rows.iter().find(|(_, row, _)| *row == key).map(|(_, _, value)| value.clone())
    };
    let mut indexes = Vec::new();
    for number in 0..60 {
        let (left, right, count) =
            (has(b"left", number), has(b"right", number), has(b"count", number));
        assert_eq!(left.is_some(), right.is_some(), "seed {seed}: half of batch {number}");
        let times = count.map(|bytes| i64::from_be_bytes(bytes.try_into().expect("a number")));
        assert_eq!(left.is_some().then_some(1), times, "seed {seed}: batch {number} once or never");
        match told.get(&number) {
            Some(Told::Committed(index)) => {
                assert!(left.is_some(), "seed {seed}: batch {number} was acknowledged and is lost");
                indexes.push(*index);
            }
            Some(Told::Unknown) => {}
            None => assert!(left.is_none(), "seed {seed}: batch {number} was refused and is there"),
        }
    }
    assert!(indexes.is_sorted_by(|a, b| a < b), "seed {seed}: {indexes:?}");
    assert!(!indexes.is_empty(), "seed {seed}: nothing was committed");
}

#[test]
fn acknowledged_batches_survive_all_weather() {
    for seed in 1..=4 {
        check(seed);
    }
}
