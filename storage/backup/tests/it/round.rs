//! Busy partitions, rolled forward, into clusters of the same size and of others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use impresario_backup::{Home, Layout, Library, Point, Row, Target};
use impresario_ids::TenantId;
use impresario_journal::{Table, Write};
use impresario_kernel::EntityKey;
use proptest::prelude::*;

use crate::house::{House, Plan, index, manifest, pour, rows, tenant, write_log, write_part};

const PARTITIONS: u16 = 16;

fn entity(number: u32) -> EntityKey {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    EntityKey { tenant: tenant(u8::try_from(number % 3 + 1).expect("small")), kind: 2, id }
}

/// What an entity's turn writes, as the product's do: an event, an effect, a timer, a row of an index
/// with its number, a sum.
fn turn(number: u32, step: u64) -> (u16, Vec<Write>) {
    let entity = entity(number);
    let key = |suffix: &[u8]| [&entity.to_bytes()[..], suffix].concat();
    let put = |table, key, value: &[u8]| Write::Put { table, key, value: value.to_vec() };
    let mut writes = vec![
        put(Table::Events, key(&step.to_be_bytes()), &[u8::try_from(step % 251).unwrap_or(0); 90]),
        put(Table::Outbox, key(&step.to_be_bytes()), b"effect"),
        put(Table::Timers, key(b"t"), &step.to_be_bytes()),
        Write::Add { table: Table::Index, key: index(entity.tenant, 2, b"sum"), delta: 3 },
    ];
    if step == 1 {
        let listed = index(entity.tenant, 1, &entity.to_bytes()[16..]);
        writes.push(put(Table::Index, listed, b""));
        writes.push(Write::Add {
            table: Table::Index,
            key: index(entity.tenant, 3, b""),
            delta: 1,
        });
    } else {
        writes.push(Write::Delete { table: Table::Outbox, key: key(&(step - 1).to_be_bytes()) });
    }
    (entity.partition(PARTITIONS).0, writes)
}

fn target() -> (tempfile::TempDir, Target) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::folder(folder.path()).expect("a target");
    (folder, target)
}

fn all() -> BTreeSet<TenantId> {
    (1..=3).map(tenant).collect()
}

/// A backup of a house in which batches are committed all the while, cut as the product cuts.
async fn back_up(house: &House, target: &Target, id: &str) -> Point {
    let folder = format!("backups/{id}");
    let mut parts = Vec::new();
    for group in 0..PARTITIONS {
        parts.push(write_part(house, target, &folder, group).await);
        tokio::task::yield_now().await;
    }
    let note = || (0..PARTITIONS).map(|group| house.position(group)).collect::<Vec<_>>();
    let begun = note();
    tokio::task::yield_now().await;
    let cut = note();
    for part in &mut parts {
        let at = usize::from(part.group);
        (part.begun, part.cut) = (begun[at], cut[at]);
        part.log = write_log(house, target, &folder, part.group, (part.batch, part.cut)).await;
    }
    let library = Library::of_clusters(target.clone());
    library.put_manifest(&manifest(id, parts)).await.expect("it is written");
    library.point(Some(id), None).await.expect("it is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_busy_house_has_the_rows_of_its_numbers() {
    let (_folder, target) = target();
    let house = House::new(PARTITIONS);
    let over = Arc::new(AtomicBool::new(false));
    let busy = {
        let (house, over) = (house.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut step = 0;
            while !over.load(Ordering::Relaxed) || step < 3 {
                step += 1;
                for number in 0..60 {
                    let (partition, writes) = turn(number, step);
                    house.commit(partition, writes).await;
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    while house.position(3) < 6 {
        tokio::task::yield_now().await;
    }
    let point = back_up(&house, &target, "busy").await;
    over.store(true, Ordering::Relaxed);
    busy.await.expect("it ends");
    let (copy, poured) = pour(&target, &point, &all(), PARTITIONS).await.expect("it is poured");
    assert!(poured.rows > 0 && poured.forgotten == 0, "{poured:?}");
    for part in &point.manifest.parts {
        let mut want: BTreeSet<Row> =
            house.replayed(part.group, part.cut).await.into_iter().collect();
        // B4: effects removed while the cut was taken are there still.
        let held: BTreeSet<Row> = rows(&*copy.journal, part.group).into_iter().collect();
        for row in held.difference(&want) {
            assert_eq!(row.table, Table::Outbox, "{row:?}");
            assert!(part.begun < part.cut, "nothing was removed in between");
        }
        want.extend(held.iter().filter(|row| row.table == Table::Outbox).cloned());
        assert_eq!(held, want, "partition {}", part.group);
    }
}

/// Every entity's rows, and every sum, wherever they are.
fn meaning(house: &House, partitions: u16) -> BTreeMap<(u8, Vec<u8>), Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut sums: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for partition in 0..partitions {
        let mut listed: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        let mut counted: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for row in rows(&*house.journal, partition) {
            let number = || i64::from_be_bytes(row.value[..].try_into().expect("a number"));
            match Plan.home(row.table, &row.key, &row.value).expect("known") {
                Home::Entity(entity) => {
                    assert_eq!(entity.partition(partitions).0, partition, "{row:?}");
                    if let Some(counter) = Plan.counted_by(row.table, &row.key) {
                        *listed.entry(counter).or_default() += 1;
                    }
                    found.insert((row.table.code(), row.key), row.value);
                }
                Home::Sum => *sums.entry(row.key.clone()).or_default() += number(),
                Home::Count => {
                    counted.insert(row.key.clone(), number());
                }
                Home::Anywhere | Home::Own => {}
            }
        }
        assert_eq!(listed, counted, "each partition counts its own rows");
    }
    found.extend(sums.into_iter().map(|(key, sum)| ((255, key), sum.to_be_bytes().to_vec())));
    found
}

#[tokio::test]
async fn sixteen_partitions_become_five_and_a_hundred() {
    let (_folder, target) = target();
    let house = House::new(PARTITIONS);
    for step in 1..=4 {
        for number in 0..200 {
            let (partition, writes) = turn(number, step);
            house.commit(partition, writes).await;
        }
    }
    let point = back_up(&house, &target, "many").await;
    let want = meaning(&house, PARTITIONS);
    for partitions in [5, 16, 100, 1] {
        let (copy, _) = pour(&target, &point, &all(), partitions).await.expect("it is poured");
        assert_eq!(meaning(&copy, partitions), want, "{partitions} partitions");
    }
}

#[tokio::test]
async fn rows_of_tenants_without_keys_stay_behind() {
    let (_folder, target) = target();
    let house = House::new(PARTITIONS);
    for number in 0..30 {
        let (partition, writes) = turn(number, 1);
        house.commit(partition, writes).await;
    }
    let point = back_up(&house, &target, "few").await;
    let only = BTreeSet::from([tenant(2)]);
    for partitions in [PARTITIONS, 3] {
        let (copy, poured) = pour(&target, &point, &only, partitions).await.expect("it is poured");
        let held: Vec<_> = (0..partitions).flat_map(|group| rows(&*copy.journal, group)).collect();
        assert!(!held.is_empty() && held.iter().all(|row| row.key[..16] == [2; 16]));
        assert!(poured.forgotten > 0, "{poured:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever the snapshot was taken, and wherever the cut: the rows are those of the cut.
    #[test]
    fn snapshot_and_log_give_the_rows_of_the_cut(
        steps in proptest::collection::vec((0..12_u32, 1..5_u64), 1..60),
        snapshot: proptest::sample::Index,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (_folder, target) = target();
            let house = House::new(PARTITIONS);
            let at = snapshot.index(steps.len());
            let mut parts = Vec::new();
            for (number, (entity, step)) in steps.iter().enumerate() {
                if number == at {
                    for group in 0..PARTITIONS {
                        parts.push(write_part(&house, &target, "backups/law", group).await);
                    }
                }
                let (partition, writes) = turn(*entity, *step);
                house.commit(partition, writes).await;
            }
            for part in &mut parts {
                (part.begun, part.cut) = (house.position(part.group), house.position(part.group));
                let range = (part.batch, part.cut);
                part.log = write_log(&house, &target, "backups/law", part.group, range).await;
            }
            let point = Point { manifest: manifest("law", parts), cuts: Vec::new() };
            let (copy, _) = pour(&target, &point, &all(), PARTITIONS).await.expect("it is poured");
            for group in 0..PARTITIONS {
                let (_, want) = house.snapshot(group);
                assert_eq!(rows(&*copy.journal, group), want);
            }
        });
    }
}
