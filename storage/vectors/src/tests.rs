use std::collections::BTreeMap;
use std::fs;

use impresario_ids::TenantId;
use proptest::prelude::*;

use super::*;

/// Unit vectors from a seed, in clusters as those of texts are.
fn vectors(seed: u64, count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut state = seed | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let centres: Vec<Vec<f32>> =
        (0..count.div_ceil(20)).map(|_| (0..dimensions).map(|_| next()).collect()).collect();
    (0..count)
        .map(|number| {
            let centre = &centres[number % centres.len()];
            let vector: Vec<f32> = centre.iter().map(|value| value + 0.6 * next()).collect();
            let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vector.into_iter().map(|value| value / norm).collect()
        })
        .collect()
}

fn filled(all: &[Vec<f32>], options: Options) -> Index {
    let mut index = Index::new(options);
    let pairs: Vec<(u64, &[f32])> = (0u64..).zip(all).map(|(k, v)| (k, v.as_slice())).collect();
    index.insert_many(&pairs).expect("room");
    index
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn exact(
    all: &[Vec<f32>],
    question: &[f32],
    count: usize,
    allow: impl Fn(u64) -> bool,
) -> Vec<u64> {
    let mut scored: Vec<(f32, u64)> = (0u64..)
        .zip(all)
        .filter(|(key, _)| allow(*key))
        .map(|(key, vector)| (dot(question, vector), key))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(count).map(|(_, key)| key).collect()
}

/// Share of the true ten that are found, over some questions.
fn recall(index: &Index, all: &[Vec<f32>], allow: Option<&(dyn Fn(u64) -> bool + Sync)>) -> f32 {
    let questions = vectors(99, 60, all[0].len());
    let mut found = 0;
    let mut wanted = 0;
    for question in questions.iter().chain(&all[..20]) {
        let right = exact(all, question, 10, |key| allow.is_none_or(|allow| allow(key)));
        let hits = index.search(question, 10, allow);
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for hit in &hits {
            assert!(allow.is_none_or(|allow| allow(hit.key)), "V3");
            let key = usize::try_from(hit.key).expect("small");
            assert!((hit.score - dot(question, &all[key])).abs() < 0.01);
        }
        found += hits.iter().filter(|hit| right.contains(&hit.key)).count();
        wanted += right.len();
    }
    found as f32 / wanted as f32
}

fn options(dimensions: usize, flat_max: usize) -> Options {
    Options { flat_max, ..Options::new(dimensions, "docs m@1") }
}

#[test]
fn a_list_finds_what_a_full_scan_finds() {
    let all = vectors(1, 1_500, 64);
    let index = filled(&all, options(64, 10_000));
    assert!(!index.has_graph());
    let share = recall(&index, &all, None);
    assert!(share >= 0.985, "{share}");
}

#[test]
fn a_graph_finds_nearly_what_a_full_scan_finds_with_and_without_filters() {
    let all = vectors(2, 3_000, 64);
    let index = filled(&all, Options { threads: 2, ..options(64, 500) });
    assert!(index.has_graph());
    let share = recall(&index, &all, None);
    assert!(share >= 0.97, "{share}");
    for every in [2, 7, 40, 500] {
        let share = recall(&index, &all, Some(&move |key| key % every == 0));
        assert!(share >= 0.95, "one of {every}: {share}");
    }
    assert!(index.search(&all[0], 10, Some(&|_| false)).is_empty());
}

#[test]
fn removed_and_replaced_vectors_are_not_found_as_they_were() {
    let all = vectors(3, 1_200, 32);
    let mut index = filled(&all, options(32, 200));
    for key in 0..400 {
        assert!(index.remove(key));
        assert!(!index.remove(key));
    }
    for (key, vector) in (0u64..).zip(&all) {
        let hits = index.search(vector, 5, None);
        assert!(hits.iter().all(|hit| hit.key >= 400), "{key}: {hits:?}");
        assert!(key < 400 || hits[0].key == key);
    }
    // A replaced one is found where it is now.
    index.insert(500, &all[0]).expect("room");
    assert_eq!(index.search(&all[0], 1, None)[0].key, 500);
    assert_eq!(index.len(), 800);
    assert!(index.stale());
    index.rebuild().expect("a graph");
    assert!(!index.stale() && index.has_graph());
    assert_eq!(index.search(&all[0], 1, None)[0].key, 500);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut index = Index::new(Options { bytes_max: 20_000, ..options(32, 10_000) });
    assert!(matches!(index.insert(1, &[1.0; 31]), Err(Error::Vector { found: 31, wanted: 32 })));
    assert!(matches!(index.insert(1, &[f32::NAN; 32]), Err(Error::Vector { .. })));
    let full = (0..10_000).find_map(|key| index.insert(key, &[1.0; 32]).err());
    assert!(matches!(full, Some(Error::Full { .. })));
    assert!(index.memory_bytes() <= 20_000 && !index.is_empty());
    assert!(index.search(&[1.0; 31], 3, None).is_empty());
    assert!(index.search(&[1.0; 32], 0, None).is_empty());
}

#[test]
fn kno_09_a_file_brings_back_the_same_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = TenantId::derived(&[b"a"]);
    for flat_max in [100, 10_000] {
        let path = path_of(folder.path(), tenant, "docs", "m@1");
        let all = vectors(4, 800, 48);
        let index = filled(&all, options(48, flat_max));
        index.save(&path).expect("saved");
        index.save(&path).expect("saved again");
        let opened = Index::open(&path, options(48, flat_max));
        assert_eq!(opened.fresh, None);
        assert_eq!(opened.index.has_graph(), index.has_graph());
        for question in &all[..50] {
            assert_eq!(opened.index.search(question, 10, None), index.search(question, 10, None));
        }
        assert_eq!(opened.index.vector(7), index.vector(7));
    }
    erase(folder.path(), tenant).expect("erased");
    erase(folder.path(), tenant).expect("erased again");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_file_that_is_missing_damaged_or_of_another_kind_opens_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.vec");
    let open = |dimensions, tag: &str| {
        let opened =
            Index::open(&path, Options { tag: tag.to_owned(), ..options(dimensions, 100) });
        assert!(opened.fresh.is_none() || opened.index.is_empty());
        opened.fresh
    };
    assert_eq!(open(16, "docs m@1"), Some(Fresh::Missing));
    filled(&vectors(5, 150, 16), options(16, 100)).save(&path).expect("saved");
    assert_eq!(open(16, "docs m@1"), None);
    assert_eq!(open(16, "docs m@2"), Some(Fresh::OtherKind));
    assert_eq!(open(17, "docs m@1"), Some(Fresh::OtherKind));
    let whole = fs::read(&path).expect("a file");
    for at in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("a file");
        assert!(open(16, "docs m@1").is_some(), "byte {at}");
        fs::write(&path, &whole[..at]).expect("a file");
        assert!(open(16, "docs m@1").is_some(), "cut at {at}");
    }
}

#[test]
fn a_write_that_was_stopped_leaves_the_old_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.vec");
    filled(&vectors(6, 50, 16), options(16, 100)).save(&path).expect("saved");
    // What a killed process leaves: half a file beside.
    fs::write(path.with_extension("new"), b"IMPVEC01 half").expect("a file");
    let opened = Index::open(&path, options(16, 100));
    assert_eq!((opened.fresh, opened.index.len()), (None, 50));
    opened.index.save(&path).expect("saved over it");
    assert!(!path.with_extension("new").exists());
}

#[test]
fn readers_at_once_get_the_same_answers() {
    let all = vectors(7, 1_000, 32);
    let index = filled(&all, options(32, 100));
    let alone: Vec<Vec<Hit>> = all[..40].iter().map(|one| index.search(one, 5, None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..48 {
            scope.spawn(|| {
                for (question, hits) in all.iter().zip(&alone) {
                    // One more than there are threads is answered exactly: the best is the same.
                    assert_eq!(index.search(question, 5, None)[0].key, hits[0].key);
                }
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any order of inserting and removing leaves what a map would hold.
    #[test]
    fn holds_what_a_map_holds(steps in prop::collection::vec((0u64..30, any::<bool>(), 0usize..50), 1..120)) {
        let all = vectors(8, 50, 8);
        let mut index = Index::new(options(8, 12));
        let mut map = BTreeMap::new();
        for (key, insert, which) in steps {
            if insert {
                index.insert(key, &all[which]).expect("room");
                map.insert(key, which);
            } else {
                prop_assert_eq!(index.remove(key), map.remove(&key).is_some());
            }
        }
        let mut keys = index.keys().to_vec();
        keys.sort_unstable();
        prop_assert_eq!(&keys, &map.keys().copied().collect::<Vec<_>>());
        for (key, which) in &map {
            let vector = index.vector(*key).expect("there");
            prop_assert!(dot(&vector, &all[*which]) > 0.995);
            // All of them are found when all are asked for.
            let mut found: Vec<u64> = index.search(&vector, 100, None).iter().map(|hit| hit.key).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &keys);
        }
    }

    #[test]
    fn any_bytes_open_or_are_damaged(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut body = b"IMPVEC01".to_vec();
        body.extend(bytes);
        let hash = blake3::hash(&body);
        body.extend_from_slice(hash.as_bytes());
        // Even with the right checksum.
        prop_assert!(file::parse(&body, &options(8, 10)).is_err());
    }
}
