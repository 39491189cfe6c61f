use super::{document, index};
use crate::plan::{decompose, rewrite};
use crate::{Filter, Index, Query, Vocabulary};

#[test]
fn courtesies_are_taken_out() {
    let table = [
        ("Hello, could you tell me where my order is? Thanks!", "where my order is?"),
        ("please cancel it", "cancel it"),
        ("Hi", "Hi"),
        ("hi-fi speakers", "hi-fi speakers"),
        ("What does please mean", "What does please mean"),
        ("", ""),
    ];
    for (text, wanted) in table {
        assert_eq!(rewrite(text), wanted, "{text:?}");
    }
}

#[test]
fn kno_12_questions_of_several_parts_are_asked_part_by_part() {
    assert_eq!(
        decompose("How do I return a shoe and where is my refund?"),
        ["How do I return a shoe", "where is my refund?"]
    );
    assert_eq!(
        decompose("Where is my order? How long does shipping take?"),
        ["Where is my order?", "How long does shipping take?"]
    );
    assert!(decompose("shoes and socks for children").is_empty());
    assert!(decompose("what is heat and mass transfer").is_empty());
    let plan = index(&[("a", &["text"])])
        .plan(&Query::new("How do I return a shoe and where is my refund?", 0));
    assert_eq!(plan.queries.len(), 3);
}

const DAY: i64 = 86_400_000;
/// 2026-03-15.
const NOW: i64 = 20_527 * DAY;

fn derived(text: &str) -> Option<Filter> {
    let mut index = Index::new(Vocabulary::default());
    let mut one = document("a", &["some text"]);
    one.category = "Billing".to_owned();
    one.source = "handbook.pdf".to_owned();
    one.collection = "product-docs".to_owned();
    index.put(one);
    index.plan(&Query::new(text, NOW)).derived
}

#[test]
fn kno_16_times_are_derived_where_the_question_speaks_of_documents() {
    let span = |text: &str| {
        derived(text).map(|filter| {
            let day = |ms: Option<i64>| ms.map(|ms| ms / DAY);
            (day(filter.updated_from_ms), day(filter.updated_before_ms))
        })
    };
    let table = [
        ("articles published since 2025", Some((Some(20_089), None))),
        ("documents updated before March 2026", Some((None, Some(20_513)))),
        ("news from February", Some((Some(20_485), Some(20_513)))),
        ("feedback of the last 30 days", Some((Some(20_497), None))),
        ("reports added in the past week", Some((Some(20_520), None))),
        ("what did I order last month", None),
        ("articles about 2025", None),
    ];
    for (text, wanted) in table {
        assert_eq!(span(text), wanted, "{text}");
    }
}

#[test]
fn kno_16_categories_sources_and_collections_are_derived_when_named_as_such() {
    assert_eq!(derived("what is in the billing section").expect("one").categories, ["Billing"]);
    assert_eq!(
        derived("refunds according to the handbook.pdf").expect("one").sources,
        ["handbook.pdf"]
    );
    assert_eq!(derived("search the product docs docs").expect("one").collections, ["product-docs"]);
    assert_eq!(derived("a question about billing"), None);
}
