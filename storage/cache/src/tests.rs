use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn tenant(name: &str) -> TenantId {
    TenantId::derived(&[name.as_bytes()])
}

fn open(folder: &Path, bytes_max: u64) -> Cache {
    Cache::open(folder, &Options { bytes_max, memory_bytes: 8 << 20 }).expect("a cache")
}

#[test]
fn what_is_kept_is_found_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cache");
    let cache = open(&path, 1 << 20);
    cache.put_embedding(tenant("a"), "m@1", "hello", &[0.5, -1.0]);
    cache.put_response(tenant("a"), &[7; 32], b"answer", 1_000, 500);
    drop(cache);
    let cache = open(&path, 1 << 20);
    assert!(!cache.began_anew());
    assert_eq!(cache.embedding(tenant("a"), "m@1", "hello"), Some(vec![0.5, -1.0]));
    assert_eq!(cache.embedding(tenant("a"), "m@2", "hello"), None);
    assert_eq!(cache.embedding(tenant("b"), "m@1", "hello"), None);
    assert_eq!(cache.response(tenant("a"), &[7; 32], 1_499).as_deref(), Some(&b"answer"[..]));
    assert_eq!(cache.response(tenant("a"), &[7; 32], 1_500), None);
    assert!(cache.bytes() > 0);
}

#[test]
fn bytes_stay_below_the_bound_and_what_is_asked_for_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path(), 20_000);
    cache.put_embedding(tenant("a"), "m", "kept", &[1.0; 100]);
    for number in 0..200 {
        assert!(cache.embedding(tenant("a"), "m", "kept").is_some(), "after {number}");
        cache.put_embedding(tenant("a"), "m", &format!("text {number}"), &[1.0; 100]);
        assert!(cache.bytes() <= 20_000, "{}", cache.bytes());
    }
    assert_eq!(cache.embedding(tenant("a"), "m", "text 0"), None);
    assert!(cache.embedding(tenant("a"), "m", "text 199").is_some());
    assert!(!cache.broken());
}

#[test]
fn a_value_too_large_for_the_cache_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path(), 10_000);
    cache.put_response(tenant("a"), &[1; 32], &[0; 9_000], 0, 10);
    assert_eq!(cache.response(tenant("a"), &[1; 32], 0), None);
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn writing_the_same_again_does_not_grow() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path(), 1 << 20);
    cache.put_embedding(tenant("a"), "m", "text", &[1.0; 10]);
    let bytes = cache.bytes();
    for _ in 0..50 {
        cache.put_embedding(tenant("a"), "m", "text", &[1.0; 10]);
    }
    assert_eq!(cache.bytes(), bytes);
}

#[test]
fn erasing_a_tenant_leaves_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path(), 1 << 20);
    cache.put_embedding(tenant("b"), "m", "text", &[2.0]);
    let others = cache.bytes();
    for number in 0..20 {
        cache.put_embedding(tenant("a"), "m", &number.to_string(), &[1.0]);
        cache.put_response(tenant("a"), &[number; 32], b"x", 0, 10);
    }
    assert!(cache.erase(tenant("a")));
    assert_eq!(cache.embedding(tenant("a"), "m", "3"), None);
    assert_eq!(cache.response(tenant("a"), &[3; 32], 0), None);
    assert_eq!(cache.embedding(tenant("b"), "m", "text"), Some(vec![2.0]));
    assert_eq!(cache.bytes(), others);
}

#[test]
fn a_damaged_folder_is_moved_aside_and_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cache");
    fs::create_dir_all(&path).expect("a folder");
    fs::write(path.join("conf"), b"this is no configuration of any store").expect("a file");
    fs::write(path.join("db"), [0xa5; 4_096]).expect("a file");
    let cache = open(&path, 1 << 20);
    assert!(cache.began_anew());
    cache.put_embedding(tenant("a"), "m", "text", &[2.0]);
    assert_eq!(cache.embedding(tenant("a"), "m", "text"), Some(vec![2.0]));
    assert!(folder.path().join("cache.damaged-1").is_dir());
}

#[test]
fn a_folder_that_another_holds_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path(), 1 << 20);
    let second = Cache::open(folder.path(), &Options::default());
    assert!(matches!(second, Err(OpenError::Store(_))), "{second:?}");
    cache.put_embedding(tenant("a"), "m", "text", &[2.0]);
    assert_eq!(cache.embedding(tenant("a"), "m", "text"), Some(vec![2.0]));
}

/// Bytes flipped anywhere in the files: it opens, and what it answers is right or nothing.
#[test]
fn flipped_bytes_never_give_a_wrong_answer() {
    for seed in 0u64..6 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        let cache = open(&path, 1 << 20);
        for number in 0..200u8 {
            cache.put_response(tenant("a"), &[number; 32], &[number; 100], 0, 10);
        }
        cache.flush();
        drop(cache);
        let file = path.join("db");
        let mut bytes = fs::read(&file).expect("a file");
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 33).expect("fits") % bytes.len();
            bytes[at] ^= 0x5a;
        }
        fs::write(&file, bytes).expect("a file");
        let cache = open(&path, 1 << 20);
        for number in 0..200u8 {
            if let Some(body) = cache.response(tenant("a"), &[number; 32], 0) {
                assert_eq!(body, [number; 100]);
            }
        }
    }
}

#[test]
fn golden_bytes_of_a_value() {
    let bytes = codec::write(&Answer { until_ms: 1_000, body: b"ok".to_vec() }).expect("small");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "01d9c914af42aa24e5fbd007026f6b");
    assert_eq!(codec::read::<Answer>(&bytes).expect("readable").body, b"ok");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_are_a_miss(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = codec::read::<Answer>(&bytes);
        let _ = codec::read::<Vector>(&bytes);
    }

    #[test]
    fn values_come_back(body in prop::collection::vec(any::<u8>(), 0..300), until_ms: i64) {
        let bytes = codec::write(&Answer { until_ms, body: body.clone() }).expect("small");
        prop_assert_eq!(codec::read::<Answer>(&bytes), Some(Answer { until_ms, body }));
    }
}
