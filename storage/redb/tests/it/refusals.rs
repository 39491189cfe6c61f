use std::fs;
use std::path::{Path, PathBuf};

use impresario_journal::conformance::{PARTITIONS, commit, rows};
use impresario_journal::{CommitError, Journal as _, Table, Write};
use impresario_redb::{
    OpenError, Options, RedbJournal, ReplicaOptions, ReplicaStore, inspect, verify,
};

use crate::replica;

fn open(dir: &Path) -> Result<RedbJournal, OpenError> {
    RedbJournal::open(Options::new(dir, PARTITIONS))
}

fn put(key: u8) -> Write {
    Write::Put { table: Table::Events, key: vec![key], value: vec![key; 500] }
}

/// A closed store with 40 rows in partition 1; `cut` says whether the log was cut behind them.
fn filled(cut: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).expect("a new store opens");
    for key in 0..40 {
        commit(&journal, 1, 1, vec![put(key)]).expect("a commit");
    }
    if cut {
        journal.close();
        impresario_redb::compact(folder.path()).expect("it compacts");
    }
    folder
}

#[track_caller]
fn check(dir: &Path, names: &str, is: fn(&OpenError) -> bool) {
    let error = open(dir).expect_err("it must not open");
    assert!(is(&error), "{error:?}");
    assert!(error.to_string().contains(names), "\"{error}\" names {names}");
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).expect("a new store opens");
    let path = folder.path().to_string_lossy().into_owned();
    check(folder.path(), &path, |error| matches!(error, OpenError::InUse { .. }));
    assert!(matches!(inspect(folder.path()), Err(OpenError::InUse { .. })));
    drop(journal);
    open(folder.path()).expect("it is free again");
}

#[test]
fn another_number_of_partitions_is_refused() {
    let folder = filled(false);
    let opened = RedbJournal::open(Options::new(folder.path(), PARTITIONS + 1));
    assert!(
        matches!(opened, Err(OpenError::Partitions { stored: 3, wanted: 4, .. })),
        "{opened:?}"
    );
    assert!(matches!(
        RedbJournal::open(Options::new(folder.path(), 0)),
        Err(OpenError::NoPartitions)
    ));
}

#[test]
fn files_of_a_later_format_are_refused() {
    for name in ["log.redb", "state-0001.redb"] {
        let folder = filled(false);
        let about: redb::TableDefinition<'_, &str, &[u8]> =
            redb::TableDefinition::new("impresario");
        let database = redb::Database::open(folder.path().join(name)).expect("it opens");
        let transaction = database.begin_write().expect("it takes a write");
        transaction
            .open_table(about)
            .expect("a table")
            .insert("format", &[0u8, 0, 0, 9][..])
            .expect("a row");
        transaction.commit().expect("a commit");
        drop(database);
        check(folder.path(), name, |error| matches!(error, OpenError::Format { stored: 9, .. }));
    }
}

#[test]
fn misplaced_files_are_refused() {
    let folder = filled(true);
    let path = |name: &str| folder.path().join(name);
    fs::rename(path("state-0001.redb"), path("aside")).expect("it moves");
    fs::rename(path("state-0002.redb"), path("state-0001.redb")).expect("it moves");
    check(folder.path(), "state-0001.redb", |error| matches!(error, OpenError::Misplaced { .. }));
    fs::rename(path("log.redb"), path("state-0001.redb")).expect("it moves");
    fs::rename(path("aside"), path("log.redb")).expect("it moves");
    check(folder.path(), "log.redb", |error| matches!(error, OpenError::Misplaced { .. }));
}

#[test]
fn a_lost_log_is_refused() {
    let folder = filled(true);
    fs::remove_file(folder.path().join("log.redb")).expect("it goes");
    check(folder.path(), "log.redb", |error| matches!(error, OpenError::Missing { .. }));
    assert!(matches!(inspect(folder.path()), Err(OpenError::Missing { .. })));
}

#[test]
fn an_older_copy_of_the_log_is_refused() {
    let folder = filled(true);
    let (log, copy) = (folder.path().join("log.redb"), folder.path().join("copy"));
    fs::copy(&log, &copy).expect("a copy");
    let journal = open(folder.path()).expect("it opens");
    commit(&journal, 1, 1, vec![put(99)]).expect("a commit");
    journal.close();
    drop(journal);
    fs::copy(&copy, &log).expect("a copy back");
    check(folder.path(), "log.redb", |error| matches!(error, OpenError::Missing { .. }));
}

#[test]
fn a_lost_state_is_rebuilt_from_a_whole_log_and_refused_after_a_cut() {
    for cut in [false, true] {
        let folder = filled(cut);
        fs::remove_file(folder.path().join("state-0001.redb")).expect("it goes");
        if cut {
            check(folder.path(), "state-0001.redb", |error| {
                matches!(error, OpenError::Missing { .. })
            });
        } else {
            let journal = open(folder.path()).expect("the log has everything");
            assert_eq!(rows(&journal, 1, Table::Events).len(), 40);
        }
    }
}

#[test]
fn garbage_and_truncated_files_are_refused() {
    for name in ["log.redb", "state-0001.redb"] {
        for damage in [
            (|bytes: &mut Vec<u8>| bytes.truncate(5000)) as fn(&mut Vec<u8>),
            |bytes| bytes.truncate(100),
            |bytes| bytes.fill(0x55),
            |bytes| bytes[4096..].fill(0),
        ] {
            let folder = filled(true);
            let path = folder.path().join(name);
            let mut bytes = fs::read(&path).expect("the file");
            damage(&mut bytes);
            fs::write(&path, bytes).expect("the file");
            check(folder.path(), name, |error| {
                matches!(error, OpenError::Damaged { .. } | OpenError::Missing { .. })
            });
        }
    }
}

#[test]
fn flipped_bytes_never_panic_and_never_pass_verification_unseen() {
    let folder = filled(true);
    let intact = verify(folder.path()).expect("an intact store");
    let names = ["log.redb", "state-0001.redb"];
    let files: Vec<(PathBuf, Vec<u8>)> = ["state-0000.redb", "state-0002.redb"]
        .iter()
        .chain(&names)
        .map(|name| folder.path().join(name))
        .map(|path| (path.clone(), fs::read(&path).expect("the file")))
        .collect();
    for round in 0..60usize {
        for (path, bytes) in &files {
            fs::write(path, bytes).expect("the file");
        }
        let (path, bytes) = &files[2 + round % 2];
        let mut bytes = bytes.clone();
        // Most of a file is free pages; the header and the first pages are what matters.
        let at =
            if round % 3 == 0 { round * 7 % 320 } else { round * 7919 % bytes.len().min(120_000) };
        bytes[at] ^= 1 << (round % 8);
        fs::write(path, &bytes).expect("the file");
        if let Ok(found) = verify(folder.path()) {
            assert_eq!(
                found.partitions[1].tables, intact.partitions[1].tables,
                "byte {at} of {path:?}"
            );
        }
    }
}

#[test]
fn a_batch_over_the_limit_is_refused_and_harms_nothing() {
    let folder = filled(false);
    let journal = open(folder.path()).expect("it opens");
    let value = vec![0; 257 << 20];
    let write = Write::Put { table: Table::Events, key: b"big".to_vec(), value };
    assert!(matches!(commit(&journal, 1, 1, vec![write]), Err(CommitError::TooLarge { .. })));
    commit(&journal, 1, 1, vec![put(200)]).expect("the next commit");
}

/// The format that the files of a replicated store have.
fn formats(dir: &Path) -> Vec<(&'static str, u32)> {
    let about: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("impresario");
    let format = |name| {
        let database = redb::Database::open(dir.join(name)).expect("it opens");
        let table = redb::ReadableDatabase::begin_read(&database)
            .map(|read| read.open_table(about).expect("a table"))
            .expect("a read");
        let row = table.get("format").expect("readable").expect("a row");
        (name, u32::from_be_bytes(row.value().try_into().expect("a number")))
    };
    ["log.redb", "state-0001.redb"].map(format).into()
}

fn set_format(path: &Path, format: u32) {
    let about: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("impresario");
    let database = redb::Database::open(path).expect("it opens");
    let transaction = database.begin_write().expect("it takes a write");
    let mut table = transaction.open_table(about).expect("a table");
    table.insert("format", &format.to_be_bytes()[..]).expect("a row");
    drop(table);
    transaction.commit().expect("a commit");
}

fn reopen(dir: &Path) -> Result<ReplicaStore, OpenError> {
    ReplicaStore::open(ReplicaOptions::new(dir, 4))
}

#[test]
fn a_replicated_store_of_a_later_release_is_refused_and_not_touched() {
    for number in 0..2 {
        let folder = tempfile::tempdir().expect("a folder");
        replica::filled(folder.path(), 20).close();
        let (name, own) = formats(folder.path())[number];
        let path = folder.path().join(name);
        set_format(&path, own + 1);
        let error = reopen(folder.path()).expect_err("it must not open");
        assert_eq!(error.code(), "store_format_unknown", "{error}");
        assert!(error.to_string().contains("use the release that wrote it"), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        set_format(&path, own);
        let store = reopen(folder.path()).expect("the release that wrote it opens it");
        assert_eq!(store.applied(1).expect("a replica").map(|mark| mark.index), Some(19));
    }
}

/// What the next release will have to do; it needs a build that plays it.
#[cfg(feature = "next-format")]
#[test]
fn a_store_of_the_release_before_opens_and_keeps_its_format() {
    let folder = tempfile::tempdir().expect("a folder");
    replica::filled(folder.path(), 20).close();
    for (name, own) in formats(folder.path()) {
        set_format(&folder.path().join(name), own - 1);
    }
    let before = formats(folder.path());
    let store = reopen(folder.path()).expect("the release before is read");
    replica::append(&store, 1, replica::entries(1, 20..30)).expect("an append");
    replica::apply(&store, 1, 20..30);
    store.close();
    drop(store);
    assert_eq!(formats(folder.path()), before, "a node may go back");
}
