//! What is in a target, whole or damaged, finished or not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use impresario_backup::{BackupError, Cut, CutPart, Library, Target, verify};
use impresario_journal::{Table, Write};
use impresario_kernel::EntityKey;

use crate::house::{House, manifest, pour, rows, tenant, write_log, write_part};

fn put(number: u8, value: &[u8]) -> Vec<Write> {
    let key = EntityKey { tenant: tenant(1), kind: 2, id: [number; 16] }.to_bytes().to_vec();
    vec![Write::Put { table: Table::Snapshots, key, value: value.to_vec() }]
}

struct Shelf {
    _folder: tempfile::TempDir,
    path: PathBuf,
    target: Target,
    library: Library,
    house: House,
}

impl Shelf {
    /// A backup `a` of one partition, and two cuts behind it.
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::folder(folder.path()).expect("a target");
        let path = folder.path().to_owned();
        let library = Library::of_clusters(target.clone());
        let house = House::new(1);
        house.commit(0, put(1, b"one")).await;
        let part = write_part(&house, &target, "backups/a", 0).await;
        let mut follows =
            library.put_manifest(&manifest("a", vec![part])).await.expect("it is written");
        for number in 1..=2_u8 {
            house.commit(0, put(1, &[number; 4])).await;
            let last = u64::from(number);
            let log = write_log(&house, &target, &library.shipped("a"), 0, (last, last + 1)).await;
            let parts = vec![CutPart { group: 0, log, begun: last + 1, cut: last + 1 }];
            let at_ms = 2_000 + i64::from(number) * 1_000;
            let cut =
                Cut { base: "a".to_owned(), number: last, at_ms, parts, system: None, follows };
            follows = library.put_cut(&cut).await.expect("it is written").expect("it is new");
        }
        Self { _folder: folder, path, target, library, house }
    }

    async fn value(&self, until: Option<i64>) -> Result<Vec<u8>, BackupError> {
        let point = self.library.point(None, until).await?;
        let (copy, _) = pour(&self.target, &point, &BTreeSet::from([tenant(1)]), 1).await?;
        Ok(rows(&*copy.journal, 0).remove(0).value)
    }
}

#[tokio::test]
async fn a_backup_is_rolled_forward_to_the_time_wanted() {
    let shelf = Shelf::new().await;
    for (until, want) in
        [(None, &[2; 4][..]), (Some(4_000), &[2; 4]), (Some(3_999), &[1; 4]), (Some(2_000), b"one")]
    {
        assert_eq!(shelf.value(until).await, Ok(want.to_vec()), "{until:?}");
    }
    assert!(matches!(shelf.value(Some(1_999)).await, Err(BackupError::NotFound(_))));
    assert_eq!(shelf.house.position(0), 3);
    let listed = shelf.library.list().await.expect("it lists");
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].cuts, listed[0].until.as_deref()), (2, Some("1970-01-01T00:00:04Z")));
    assert!(listed[0].complete && listed[0].error.is_none(), "{listed:?}");
}

#[tokio::test]
async fn a_backup_without_its_manifest_is_none() {
    let shelf = Shelf::new().await;
    let part = write_part(&shelf.house, &shelf.target, "backups/b", 0).await;
    shelf.library.put_part("b", &part).await.expect("it is written");
    let refused = shelf.library.point(Some("b"), None).await;
    assert_eq!(refused, Err(BackupError::Incomplete("b".to_owned())));
    let refused = shelf.library.point(Some("c"), None).await;
    assert_eq!(refused, Err(BackupError::NotFound("c".to_owned())));
    // The newest one is the newest that is complete; what was written of the other goes on.
    assert_eq!(shelf.value(None).await, Ok(vec![2; 4]));
    assert_eq!(shelf.library.part("b", 0).await, Ok(Some(part)));
    assert!(!shelf.library.list().await.expect("it lists")[1].complete);
    shelf.library.delete("a").await.expect("it goes");
    assert_eq!(shelf.library.ids().await, Ok(vec!["b".to_owned()]));
}

#[tokio::test]
async fn two_that_ship_never_overwrite_each_other() {
    let shelf = Shelf::new().await;
    let point = shelf.library.point(None, None).await.expect("it is there");
    let again = Cut { at_ms: 9_000, ..point.cuts[1].clone() };
    assert_eq!(shelf.library.put_cut(&again).await, Ok(None));
    assert_eq!(shelf.library.point(None, None).await, Ok(point));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether anything is said about the backup as it is now.
async fn is_found(shelf: &Shelf) -> bool {
    match shelf.library.point(Some("a"), None).await {
        Err(_) => true,
        Ok(point) => {
            let checked = verify(&shelf.target, &point).await;
            point.cuts.len() < 2 || !checked.problems.is_empty()
        }
    }
}

#[tokio::test]
async fn every_damaged_byte_and_every_missing_object_is_found() {
    let shelf = Shelf::new().await;
    assert!(!is_found(&shelf).await, "it is whole");
    let all = files(&shelf.path);
    assert_eq!(all.len(), 6, "rows, two logs, two cuts, a manifest: {all:?}");
    for path in all {
        let whole = std::fs::read(&path).expect("readable");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            std::fs::write(&path, &damaged).expect("writable");
            assert!(is_found(&shelf).await, "{} byte {at}", path.display());
        }
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
        assert!(is_found(&shelf).await, "{} cut", path.display());
        std::fs::remove_file(&path).expect("removable");
        let last_cut = path.ends_with("cut-000000000002");
        assert!(is_found(&shelf).await || last_cut, "{} missing", path.display());
        std::fs::write(&path, &whole).expect("writable");
    }
    assert!(!is_found(&shelf).await, "it is whole again");
}
