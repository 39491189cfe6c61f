use std::path::Path;

use impresario_backup::{
    Home, Layout, Library, Manifest, Misplaced, Part, Row as BackupRow, RowWriter, Subject, Target,
};
use impresario_config::Config;
use impresario_ids::{ClusterId, EndpointId, MessageId, ProfileId, SegmentId, TenantId, TraceId};
use impresario_journal::{Journal, KeyRange, Table};
use impresario_kernel::{EntityKey, IndexId, PartitionId, Timestamp, encode};
use impresario_outbox::{DeliveryKey, DeliveryRow, DeliveryStatus};
use impresario_profile::index;
use impresario_rows as rows;
use impresario_vault::{CHECK_ROW, MasterKey, Vault};

use super::Rooms;
use super::offline::{Wish, fill};
use crate::serve::OpenNode;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);

fn profile(number: u8) -> EntityKey {
    EntityKey::new(TENANT, impresario_profile::KIND, ProfileId::from_bytes([number; 16]))
}

#[track_caller]
fn check_home(table: Table, key: &[u8], value: &[u8], want: Result<Home, Misplaced>) {
    assert_eq!(Rooms.home(table, key, value), want, "{table:?} {key:?}");
}

#[test]
fn rows_of_an_entity_are_at_home_with_it() {
    let me = profile(9);
    let home = Ok(Home::Entity(me));
    check_home(Table::Events, &rows::event_key(&me, 1), b"", home);
    check_home(Table::Snapshots, &rows::snapshot_key(&me), b"", home);
    check_home(Table::Outbox, &rows::outbox_key(&me, 1, 2), b"", home);
    check_home(Table::Timers, &rows::timer_key(&me, "t"), b"", home);
    check_home(Table::Seen, &rows::seen_key(&me, 20_000, &[1; 16]), b"", home);
    let dead = rows::dead_letter_key(&me, Timestamp::from_ms(1), [1; 8]);
    check_home(Table::DeadLetters, &dead, b"", home);
}

#[test]
fn every_index_has_its_home() {
    let (me, segment) = (profile(9), SegmentId::from_bytes([4; 16]));
    let at_profile = Ok(Home::Entity(me));
    let at_segment = Ok(Home::Entity(EntityKey::new(TENANT, impresario_segment::KIND, segment)));
    let plain = |index: IndexId, term: &[u8]| rows::index_key(TENANT, index, None, term);
    let listed = plain(index::PROFILES, &me.id);
    check_home(Table::Index, &listed, b"", at_profile);
    let counter = plain(index::PROFILE_COUNT, b"");
    assert_eq!(Rooms.counted_by(Table::Index, &listed), Some(counter.clone()));
    assert_eq!(Rooms.counted_by(Table::Index, &counter), None);
    for personal in [
        index::BY_USER_ID,
        index::BY_ANONYMOUS_ID,
        index::BY_EMAIL,
        index::BY_TRAIT,
        index::BY_EXTERNAL_ID,
    ] {
        let key = rows::index_key(TENANT, personal, Some(&[1; 16]), &me.id);
        check_home(Table::Index, &key, b"", at_profile);
    }
    let member = [&index::segment_prefix(segment)[..], &me.id].concat();
    check_home(Table::Index, &plain(index::MEMBERS, &member), b"", at_profile);
    let past = [&member[..], &[0; 8]].concat();
    check_home(Table::Index, &plain(index::PAST_MEMBERS, &past), b"", at_profile);
    let segments = plain(impresario_segment::LIST_INDEX, segment.as_bytes());
    check_home(Table::Index, &segments, b"", at_segment);
    for sum in [index::EVENT_COUNTS, index::USAGE, impresario_quarantine::COUNTS] {
        check_home(Table::Index, &plain(sum, b"anything"), b"", Ok(Home::Sum));
    }
    check_home(Table::Index, &counter, b"", Ok(Home::Count));
    check_home(Table::Index, &plain(IndexId(200), &me.id), b"", Err(Misplaced));
    check_home(Table::Index, &[1; 16], b"", Err(Misplaced));
}

#[test]
fn a_delivery_that_goes_on_is_listed_again_by_itself() {
    let key = DeliveryKey {
        tenant: TENANT,
        endpoint: EndpointId::from_bytes([1; 16]),
        at: Timestamp::from_ms(1),
        message: MessageId::from_bytes([2; 16]),
    };
    for (status, want) in [
        (DeliveryStatus::Pending, Home::Own),
        (DeliveryStatus::Delivered, Home::Anywhere),
        (DeliveryStatus::Failed, Home::Anywhere),
    ] {
        let row = DeliveryRow {
            status,
            kind: "k".to_owned(),
            attempts: 1,
            last_at: Timestamp::from_ms(1),
            next_at: None,
            http_status: None,
            error: None,
            trace: TraceId::NIL,
            body: Vec::new(),
        };
        check_home(Table::Deliveries, &key.to_bytes(), &encode(&row), Ok(want));
    }
}

fn config(data: &Path, key: &Path) -> Config {
    let mut config = Config::default();
    config.node.data = data.to_owned();
    config.node.master_key_file = key.to_owned();
    config
}

/// A backup of three partitions with an event of each of 40 profiles, and the tenant's key.
async fn backup(target: &Target, master: MasterKey) {
    let vault = Vault::open(master, []).expect("a vault");
    let check = vault.missing_check_row().expect("a row").expect("missing");
    let key = vault.provision(TENANT).expect("a key");
    let library = Library::of_clusters(target.clone());
    let mut parts = Vec::new();
    for group in 0..3_u16 {
        let mut writer = RowWriter::new(target.clone(), "backups/a", group, 1, 1 << 20);
        for number in 0..40 {
            let entity = profile(number);
            if entity.partition(3).0 == group {
                let key = rows::event_key(&entity, 1);
                let row = BackupRow { table: Table::Events, key, value: vec![number] };
                writer.push(row).await.expect("it is written");
            }
        }
        let rows = writer.finish().await.expect("it is written");
        parts.push(Part { group, batch: 1, rows, log: Vec::new(), begun: 1, cut: 1 });
    }
    let mut writer = RowWriter::new(target.clone(), "backups/a", 3, 0, 1 << 20);
    for (tenant, value) in [(CHECK_ROW, check), (TENANT, key)] {
        let key = tenant.as_bytes().to_vec();
        let row = BackupRow { table: Table::Keys, key, value };
        writer.push(row).await.expect("it is written");
    }
    let rows = writer.finish().await.expect("it is written");
    let system = Part { group: 3, batch: 0, rows, log: Vec::new(), begun: 0, cut: 0 };
    let manifest = Manifest {
        id: "a".to_owned(),
        subject: Subject::Cluster,
        cluster: ClusterId::from_bytes([1; 16]),
        partitions: 3,
        parts,
        system: Some(system),
        began_ms: 1,
        cut_ms: 2,
        cut_took_ms: 0,
        release: "test".to_owned(),
    };
    library.put_manifest(&manifest).await.expect("it is written");
}

fn events(journal: &dyn Journal, partition: u16) -> usize {
    let mut found = 0;
    let visited = journal.scan(
        PartitionId(partition),
        Table::Events,
        &KeyRange::all(),
        false,
        &mut |key, _| {
            let entity = rows::entity_of(key).expect("an entity");
            assert_eq!(entity.partition(journal.partitions()).0, partition);
            found += 1;
            std::ops::ControlFlow::Continue(())
        },
    );
    visited.expect("readable");
    found
}

#[track_caller]
fn check_refused(outcome: anyhow::Result<serde_json::Value>, code: &str) {
    let refused = outcome.expect_err("it is refused");
    let failed = refused.downcast_ref::<super::Failed>().map(|failed| failed.code.as_str());
    assert_eq!(failed, Some(code), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_folder_is_filled_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let target = Target::folder(&at("target")).expect("a target");
    let master = MasterKey::from_file_or_create(&at("key")).expect("a key");
    backup(&target, master).await;
    let other = MasterKey::generate().expect("a key");
    other.write_to(&at("other")).expect("it is written");
    let wish = || Wish {
        target: Some(at("target").display().to_string()),
        partitions: Some(5),
        ..Wish::default()
    };
    check_refused(fill(&config(&at("data"), &at("other")), wish()).await, "restore_key_wrong");
    assert!(!at("data").exists(), "nothing was made");

    // What an attempt left that was cut short is no data folder, and is not in the way.
    std::fs::create_dir_all(at("data.restoring/store")).expect("it is made");
    std::fs::write(at("data.restoring/store/log.redb"), b"half").expect("it is written");
    fill(&config(&at("data"), &at("key")), wish()).await.expect("it is filled");
    assert!(!at("data.restoring").exists());
    check_refused(fill(&config(&at("data"), &at("key")), wish()).await, "restore_not_empty");

    let mut config = config(&at("data"), &at("key"));
    config.node.partitions = 5;
    let node = OpenNode::open(&config).await.expect("a node starts with it");
    let found: usize = (0..5).map(|partition| events(&*node.journal, partition)).sum();
    assert_eq!(found, 40);
    assert!(node.vault.contains(TENANT), "its keys open");
    node.neighbours.consensus().shutdown().await;
}
