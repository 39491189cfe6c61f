use proptest::prelude::*;

use super::{ask, document, first_words, index, plain};
use crate::{Filter, Flat, Fusion, Index, NoVectors, Query, Techniques, Vectors, Vocabulary};

const SHOP: &[(&str, &[&str])] = &[
    ("returns", &["Returning shoes is free within 30 days.", "Damaged items are replaced."]),
    ("shipping", &["Shipping takes two days. Express shipping takes one day."]),
    ("accounts", &["Passwords are changed on the account page."]),
];

#[test]
fn kno_13_words_are_found_in_other_forms() {
    let index = index(SHOP);
    assert_eq!(first_words(&ask(&index, "how can I return a shoe"))[0], "Returning");
    assert_eq!(first_words(&ask(&index, "change my password"))[0], "Passwords");
    assert!(ask(&index, "zebra").passages.is_empty());
    assert!(ask(&index, "").passages.is_empty());
}

#[test]
fn titles_and_keywords_count_more() {
    let mut index = Index::default();
    for name in ["a", "b", "c"] {
        index.put(document(name, &["the warranty of the lamp lasts"]));
    }
    let mut titled = document("titled", &["it lasts two years, the lamp does"]);
    titled.title = "Warranty".to_owned();
    index.put(titled);
    assert_eq!(first_words(&ask(&index, "warranty lamp"))[0], "it");
}

#[test]
fn kno_12_synonyms_of_the_tenant_are_found() {
    let vocabulary = Vocabulary::new(&[vec!["sneaker".into(), "shoes".into()]]);
    let mut index = Index::new(vocabulary);
    index.put(document("a", &["Returning shoes is free."]));
    index.put(document("b", &["Lamps are returned too."]));
    assert_eq!(first_words(&ask(&index, "sneaker"))[0], "Returning");
    let mut query = plain("sneaker");
    query.techniques.synonyms = false;
    assert!(index.run(&query, &mut |_| Vec::new(), &NoVectors, None).passages.is_empty());
}

#[test]
fn other_languages_are_stemmed_by_their_own_rules() {
    let mut index = Index::default();
    let mut german = document("de", &["Bestellungen werden in zwei Tagen geliefert."]);
    german.language = "de".to_owned();
    index.put(german);
    let mut chinese = document("zh", &["我的订单在哪里"]);
    chinese.language = "zh".to_owned();
    index.put(chinese);
    index.put(document("en", &["Orders are delivered in two days."]));
    assert_eq!(first_words(&ask(&index, "Wann kommt meine Bestellung?"))[0], "Bestellungen");
    assert_eq!(ask(&index, "订单").passages.len(), 1);
}

#[test]
fn kno_16_filters_hold_and_derived_ones_never_empty() {
    let mut index = index(SHOP);
    let mut old = document("old", &["Shipping news: it took a week."]);
    old.updated_ms = 1_000;
    old.category = "archive".to_owned();
    old.metadata = vec![("region".to_owned(), "EU".to_owned())];
    old.audiences = vec!["staff".to_owned()];
    index.put(old);
    let count = |filter: Filter| {
        let query = Query { filter, ..plain("shipping") };
        index.run(&query, &mut |_| Vec::new(), &NoVectors, None).passages.len()
    };
    let staff = || Filter { audiences: vec!["Staff".into()], ..Filter::default() };
    assert_eq!(count(Filter::default()), 1);
    assert_eq!(count(staff()), 2);
    assert_eq!(count(Filter { categories: vec!["Archive".into()], ..staff() }), 1);
    assert_eq!(count(Filter { metadata: vec![("region".into(), "eu".into())], ..staff() }), 1);
    assert_eq!(count(Filter { updated_from_ms: Some(2_000), ..Filter::default() }), 0);
    // Nothing was updated in 1999; the filter that says so is dropped.
    let found = ask(&index, "shipping articles updated in 1999");
    assert_eq!(found.passages.len(), 1);
    let step = found.trace.of("derived_filter").next().expect("a step");
    assert!(step.note.starts_with("dropped"), "{}", step.note);
}

#[test]
fn what_expired_is_not_found() {
    let mut index = Index::default();
    let mut one = document("a", &["summer sale"]);
    one.expires_ms = Some(100);
    index.put(one);
    let at = |now_ms| {
        let query = Query { now_ms, ..plain("summer sale") };
        index.run(&query, &mut |_| Vec::new(), &NoVectors, None).passages.len()
    };
    assert_eq!((at(99), at(100)), (1, 0));
}

/// Vectors whose first number is chosen.
fn vectors(values: &[(u64, f32)]) -> Flat {
    let mut flat = Flat::default();
    for (key, value) in values {
        flat.insert(*key, vec![*value, (1.0 - value * value).max(0.0).sqrt()]);
    }
    flat
}

#[test]
fn kno_13_fusion_lets_either_search_bring_candidates_and_the_trace_says_so() {
    let index = index(SHOP);
    let keys: Vec<u64> = ["returns", "shipping", "accounts"]
        .iter()
        .map(|name| {
            let mut id = [0; 16];
            id[..name.len()].copy_from_slice(name.as_bytes());
            index.document(&id).expect("there").chunks[0].key
        })
        .collect();
    let flat = vectors(&[(keys[0], 0.1), (keys[1], 0.2), (keys[2], 0.95)]);
    for fusion in [
        Fusion::Weighted { dense: 0.7 },
        Fusion::MinMax { dense: 0.7 },
        Fusion::ReciprocalRank { k: 60.0 },
    ] {
        let techniques = Techniques { fusion, ..plain("").techniques };
        let query = Query { techniques, ..plain("two days of shipping") };
        let found = index.run(&query, &mut |_| vec![vec![1.0, 0.0]], &flat, None);
        let found_keys: Vec<u64> = found.passages.iter().map(|passage| passage.key).collect();
        let both = found_keys.contains(&keys[1]) && found_keys.contains(&keys[2]);
        assert!(both, "{fusion:?}: {found_keys:?}");
        for technique in ["lexical", "dense", "fusion", "feedback", "compress", "parents"] {
            assert!(found.trace.of(technique).next().is_some(), "{technique}");
        }
    }
}

#[test]
fn kno_15_a_reranker_has_the_last_word() {
    let index = index(SHOP);
    let mut rerank = |_: &str, texts: &[&str]| -> Vec<f32> {
        texts.iter().map(|text| f32::from(u8::from(text.starts_with("Damaged")))).collect()
    };
    let query = plain("damaged items, free shipping in days");
    let found = index.run(&query, &mut |_| Vec::new(), &NoVectors, Some(&mut rerank));
    assert_eq!(first_words(&found)[0], "Damaged");
    assert!(found.trace.of("rerank").next().is_some());
}

#[test]
fn kno_14_mmr_puts_other_things_before_the_same_again() {
    let same = "The lamp shines bright in the hall.";
    let index = index(&[
        ("a", &["The lamp shines bright in the hall. Yes."]),
        ("b", &[same]),
        ("c", &["The lamp has a warranty of years, says the maker of it."]),
    ]);
    let order = |mmr| {
        let techniques = Techniques { mmr, hops: 0, ..Techniques::default() };
        let query = Query { techniques, ..Query::new("lamp bright hall warranty", 0) };
        let found = index.run(&query, &mut |_| Vec::new(), &NoVectors, None);
        found.passages.iter().take(2).map(|p| p.text.contains("warranty")).collect::<Vec<_>>()
    };
    assert!(order(Some(0.4)).contains(&true));
}

#[test]
fn kno_17_parents_hold_the_neighbours_once() {
    let mut one = document("a", &["First part. ", "Second part about lamps. ", "Third part."]);
    one.chunks[2].span = one.chunks[2].span.start - 7..one.chunks[2].span.end;
    one.chunks[2].text = "lamps. Third part.".to_owned();
    let mut index = Index::default();
    index.put(one);
    let found = ask(&index, "second lamps");
    assert_eq!(found.passages[0].context, "First part. \nSecond part about lamps. Third part.");
}

#[test]
fn kno_18_what_is_uncovered_is_asked_again_with_the_names_found() {
    let index = index(&[
        ("a", &["The Aurora lamp is made by Nordlicht GmbH."]),
        ("b", &["Nordlicht GmbH has its headquarters in Oslo."]),
        ("c", &["Our own headquarters are in Vienna, with a garden."]),
    ]);
    let techniques = Techniques { hops: 1, ..Techniques::default() };
    let query = Query::new("In which city is the maker of the Aurora lamp", 0);
    let query = Query { count: 3, techniques, ..query };
    let found = index.run(&query, &mut |_| Vec::new(), &NoVectors, None);
    assert!(found.trace.of("hop").next().is_some(), "{:?}", found.trace);
    assert!(first_words(&found).contains(&"Nordlicht"), "{:?}", first_words(&found));
}

fn any_document() -> impl Strategy<Value = (u8, Vec<String>, String)> {
    (0u8..6, prop::collection::vec("[a-f ]{0,20}", 0..4), "[a-f ]{0,8}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// T1: whatever was added and removed before, the scores are those of an index that was always so.
    #[test]
    fn removing_leaves_no_trace(
        steps in prop::collection::vec((any_document(), any::<bool>()), 1..25),
        question in "[a-f ]{1,12}",
    ) {
        let mut index = Index::default();
        let mut live = std::collections::BTreeMap::new();
        for ((name, texts, title), put) in steps {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut one = document(&name.to_string(), &texts);
            one.title = title;
            one.language = String::new();
            if put {
                index.put(one.clone());
                live.insert(name, one);
            } else {
                prop_assert_eq!(index.remove(&one.id), live.remove(&name).is_some());
            }
        }
        let mut fresh = Index::default();
        live.values().for_each(|one| { fresh.put(one.clone()); });
        prop_assert_eq!(index.len(), fresh.len());
        prop_assert_eq!(index.chunks(), fresh.chunks());
        let found = |index: &Index| {
            let passages = ask(index, &question).passages;
            passages.into_iter().map(|p| (p.key, p.score.to_bits())).collect::<Vec<_>>()
        };
        prop_assert_eq!(found(&index), found(&fresh));
        live.values().for_each(|one| { index.remove(&one.id); });
        prop_assert!(index.is_empty() && ask(&index, &question).passages.is_empty());
    }

    /// T7 and T2.
    #[test]
    fn any_text_can_be_put_and_asked(texts in prop::collection::vec(".{0,60}", 1..5), question in ".{0,60}") {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut index = index(SHOP);
        let one = document("any", &texts);
        index.put(one.clone());
        let found = ask(&index, &question);
        prop_assert_eq!(&found.passages, &ask(&index, &question).passages);
        index.remove(&one.id);
        let rest = ask(&index, &question);
        prop_assert!(rest.passages.iter().all(|passage| passage.document != one.id));
        prop_assert!(NoVectors.vector(0).is_none());
    }
}
