//! The target as an S3 store, against a double that checks what S3 checks and fails as S3 does.

use impresario_backup::{BackupError, Library, Options, Target, verify};

use crate::double::{BUCKET, Double, Fault, KEY, SECRET};
use crate::house::{House, manifest, write_part};

fn open(double: &Double, secret: &str, tries: usize) -> Target {
    let options =
        Options { s3_endpoint: double.url.clone(), s3_allow_http: true, ..Options::default() };
    let name = format!("s3://{BUCKET}/prod/eu");
    Target::open_s3(&name, &options, (KEY, secret), tries).expect("a target")
}

#[tokio::test]
async fn objects_are_written_read_listed_and_removed() {
    let double = Double::start().await;
    let target = open(&double, SECRET, 0);
    for name in ["a/x y", "a/b/ü", "a/b/2", "a/c/3", "b/4"] {
        target.put(name, name.as_bytes().to_vec()).await.expect("it is written");
    }
    assert_eq!(target.get("a/x y").await.expect("readable").as_deref(), Some(&b"a/x y"[..]));
    assert_eq!(target.get("a/none").await, Ok(None));
    let mut want = vec!["a/b/2", "a/b/ü", "a/c/3", "a/x y"];
    want.sort_unstable();
    assert_eq!(target.list("a").await, Ok(want.into_iter().map(str::to_owned).collect()));
    assert_eq!(target.folders("a").await, Ok(vec!["b".to_owned(), "c".to_owned()]));
    assert_eq!(target.put_new("b/4", vec![1]).await, Ok(false));
    assert_eq!(target.put_new("b/5", vec![1]).await, Ok(true));
    for name in ["b/4", "b/4", "b/5"] {
        target.delete(name).await.expect("it goes");
    }
    assert_eq!(target.list("b").await, Ok(Vec::new()));
    assert!(double.names().iter().all(|name| name.starts_with("prod/eu/a/")));
    assert_eq!(double.refused(), 0);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_says_so() {
    let double = Double::start().await;
    let target = open(&double, "another", 0);
    let refused = target.put("a", vec![1]).await.expect_err("it is refused");
    assert_eq!(refused.code(), "backup_target_unavailable");
    assert!(refused.to_string().contains("SignatureDoesNotMatch"), "{refused}");
    assert!(double.names().is_empty() && double.refused() > 0);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let double = Double::start().await;
    let target = open(&double, SECRET, 5);
    double.fail(&[Fault::SlowDown, Fault::Internal, Fault::SlowDown]);
    target.put("a", vec![7; 5_000]).await.expect("it is written");
    double.fail(&[Fault::SlowDown, Fault::Closed]);
    assert_eq!(target.get("a").await.expect("readable").expect("there").len(), 5_000);
    double.fail(&[Fault::SlowDown]);
    assert_eq!(target.list("").await, Ok(vec!["a".to_owned()]));
    assert_eq!((double.pending_faults(), double.refused()), (0, 0));
}

#[tokio::test]
async fn what_does_not_pass_is_an_error() {
    let double = Double::start().await;
    let target = open(&double, SECRET, 1);
    double.fail(&[Fault::SlowDown; 8]);
    let refused = target.put("a", vec![1]).await.expect_err("it is refused");
    assert!(matches!(refused, BackupError::TargetUnavailable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("SlowDown"), "{refused}");
}

/// A body that ends in the middle is never taken for a whole one.
#[tokio::test]
async fn half_an_object_is_no_object() {
    let double = Double::start().await;
    let target = open(&double, SECRET, 0);
    target.put("a", vec![7; 5_000]).await.expect("it is written");
    double.fail(&[Fault::Torn, Fault::Torn, Fault::Torn]);
    match target.get("a").await {
        Ok(Some(whole)) => assert_eq!(whole, vec![7; 5_000]),
        other => assert!(matches!(other, Err(BackupError::TargetUnavailable { .. })), "{other:?}"),
    }
}

#[tokio::test]
async fn a_backup_lies_in_a_bucket() {
    let double = Double::start().await;
    let target = open(&double, SECRET, 2);
    let house = House::new(1);
    let key =
        impresario_kernel::EntityKey { tenant: crate::house::tenant(1), kind: 2, id: [1; 16] };
    let write = impresario_journal::Write::Put {
        table: impresario_journal::Table::Snapshots,
        key: key.to_bytes().to_vec(),
        value: vec![1; 100],
    };
    house.commit(0, vec![write]).await;
    let part = write_part(&house, &target, "backups/a", 0).await;
    let name = part.rows[0].name.clone();
    let library = Library::of_clusters(target.clone());
    library.put_manifest(&manifest("a", vec![part])).await.expect("it is written");
    let point = library.point(None, None).await.expect("it is there");
    assert_eq!(verify(&target, &point).await.problems, Vec::<String>::new());
    double.damage(&format!("prod/eu/{name}"), 50);
    assert_eq!(verify(&target, &point).await.problems.len(), 1);
}
