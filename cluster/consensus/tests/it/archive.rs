//! Digests, rows and batches read out of replicas.

use impresario_consensus::{ConsensusError, Digest, LogBatch, Row};
use impresario_journal::{Table, Write};

use crate::node::{Cluster, Node, put};

fn digest(node: &Node) -> Digest {
    node.runtime.block_on(node.consensus.digest(0)).expect("a digest")
}

fn rows_of(node: &Node, max_bytes: usize) -> (u64, Vec<Row>) {
    node.runtime.block_on(async {
        let mut snapshot = node.consensus.snapshot_of(0).await.expect("a snapshot");
        let mut rows = Vec::new();
        loop {
            let some = snapshot.next(max_bytes).await.expect("readable");
            let bytes: usize = some.iter().map(|row| row.key.len() + row.value.len()).sum();
            assert!(bytes <= max_bytes || some.len() == 1, "{bytes} bytes in {}", some.len());
            if some.is_empty() {
                return (snapshot.batch(), rows);
            }
            rows.extend(some);
        }
    })
}

/// All batches from number `from` on, piece by piece.
fn batches(node: &Node, mut from: u64) -> Result<Vec<LogBatch>, ConsensusError> {
    let mut found = Vec::new();
    loop {
        let some = node.runtime.block_on(node.consensus.log_batches(0, from, 700))?;
        let Some(last) = some.last() else { return Ok(found) };
        from = last.number + 1;
        found.extend(some);
    }
}

fn fill(leader: &Node, count: u64) {
    for number in 0..count {
        leader.put(0, &number.to_be_bytes(), &[number as u8; 100]);
    }
}

#[test]
fn replicas_that_applied_the_same_have_equal_digests() {
    let mut cluster = Cluster::of_voters(3);
    fill(cluster.node(1), 20);
    cluster.kill(3);
    let leader = cluster.await_leader(&[1, 2]);
    leader.put(0, b"more", b"1");
    let id = leader.id.0;
    cluster.start(3);
    let leader = cluster.node(id);
    cluster.check_equal(leader);
    let wanted = digest(leader);
    assert_eq!(wanted.applied, 21);
    for node in cluster.up() {
        let Digest { applied, digest, .. } = digest(node);
        assert_eq!((applied, digest), (wanted.applied, wanted.digest), "{}", node.id);
    }
    let leader = cluster.await_leader(&[1, 2, 3]);
    leader.put(0, b"more", b"2");
    let now = digest(leader);
    assert!(now.digest != wanted.digest && now.applied > wanted.applied, "{now:?}");
}

#[test]
fn a_snapshot_gives_all_rows_of_one_moment_in_bounded_pieces() {
    let cluster = Cluster::new(1);
    let node = cluster.node(1);
    fill(node, 30);
    node.put(0, b"long", &[1; 5000]);
    let (batch, rows) = rows_of(node, 1000);
    assert_eq!(batch, 31);
    let rows: Vec<_> = rows.into_iter().map(|row| (row.table, row.key, row.value)).collect();
    assert_eq!(rows, node.rows(0));
    let first = node.runtime.block_on(node.consensus.snapshot_of(0)).expect("a snapshot");
    node.put(0, b"later", b"1");
    assert_eq!((first.batch(), rows_of(node, 1 << 20).0), (31, 32), "a snapshot stands still");
}

#[test]
fn the_log_is_read_as_batches_from_any_number_on() {
    let cluster = Cluster::of_voters(3);
    let leader = cluster.node(1);
    for node in cluster.up() {
        node.consensus.archived(0, Some(0)).expect("a replica");
    }
    fill(leader, 25);
    let all = batches(leader, 1).expect("all of the log");
    let numbers: Vec<u64> = all.iter().map(|batch| batch.number).collect();
    assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
    for (number, batch) in (0u64..).zip(&all) {
        assert_eq!(
            batch.decode().expect("writes"),
            [put(&number.to_be_bytes(), &[number as u8; 100])]
        );
    }
    for from in [7, 24, 25] {
        let some = batches(leader, from).expect("a part of the log");
        assert_eq!(some, all[from as usize - 1..], "from {from}");
    }
    assert_eq!(batches(leader, 26), Ok(Vec::new()), "nothing new");
    for node in cluster.up() {
        node.await_applied(0, 25);
        let theirs = batches(node, 20).expect("followers have it too");
        assert_eq!(theirs, all[19..], "{}", node.id);
    }
}

#[test]
fn what_is_not_archived_stays_and_what_is_gone_is_a_gap() {
    let cluster = Cluster::new(1);
    let node = cluster.node(1);
    node.consensus.archived(0, Some(0)).expect("a replica");
    fill(node, 20);
    node.store.checkpoint(0).expect("a checkpoint");
    let all = batches(node, 1).expect("nothing is archived yet");
    assert_eq!(all.len(), 20);
    node.consensus.archived(0, Some(15)).expect("a replica");
    cut(node);
    assert_eq!(batches(node, 16).expect("kept")[..5], all[15..]);
    node.consensus.archived(0, None).expect("a replica");
    cut(node);
    let gone = batches(node, 1);
    assert!(
        matches!(gone, Err(ConsensusError::LogGap { from: 1, first, .. }) if first > 20),
        "{gone:?}"
    );
}

/// Writes until the log is cut.
fn cut(node: &Node) {
    let purged = || node.consensus.metrics(0).and_then(|figures| figures.purged);
    let before = purged();
    while purged() == before {
        node.put(0, b"again", b"1");
        node.store.checkpoint(0).expect("a checkpoint");
    }
}

#[test]
fn batches_of_all_kinds_of_writes_come_back_as_they_were() {
    let cluster = Cluster::new(1);
    let node = cluster.node(1);
    let key = || b"key".to_vec();
    let writes = vec![
        put(b"a", b"1"),
        Write::Add { table: Table::Index, key: key(), delta: -3 },
        Write::Delete { table: Table::Events, key: key() },
    ];
    let term = node.leadership(0).term;
    node.commit(0, term, writes.clone()).expect("committed");
    let [batch] = &batches(node, 1).expect("the log")[..] else { panic!("one batch") };
    assert_eq!((batch.term, batch.decode().expect("writes")), (term.0, writes));
}
