use proptest::prelude::*;

use super::{ask, index};
use crate::answer::support;
use crate::{AnswerOptions, Features, Verdict, confidence, eval, extract, sentences};

const SHOP: &[(&str, &[&str])] = &[
    (
        "returns",
        &[
            "How do I return an item? Go to Orders and press Return. Items can be returned within 30 days. Our founder likes tea.",
        ],
    ),
    ("shipping", &["Shipping takes two days. Express shipping takes one day and costs 9.90 €."]),
];

#[test]
fn kno_20_answers_are_sentences_of_the_text_with_where_they_stand() {
    let index = index(SHOP);
    let found = ask(&index, "how can I return an item?");
    let answer = extract(&found, &AnswerOptions::default());
    assert!(answer.text().starts_with("Go to Orders and press Return."), "{}", answer.text());
    assert!(!answer.text().contains("tea") && !answer.text().contains('?'), "{}", answer.text());
    for sentence in &answer.sentences {
        let citation = &sentence.citations[0];
        let (_, chunk) = index.chunk(citation.chunk).expect("cited chunks are there");
        assert_eq!(chunk.text[citation.span.clone()], sentence.text);
    }
}

#[test]
fn kno_21_what_is_not_there_is_not_answered() {
    let index = index(SHOP);
    let nothing = extract(&ask(&index, "zebra stripes"), &AnswerOptions::default());
    assert!(nothing.abstained && nothing.sentences.is_empty() && nothing.confidence == 0.0);
    let sure =
        extract(&ask(&index, "how long does express shipping take"), &AnswerOptions::default());
    let unsure = extract(
        &ask(&index, "does the founder sell zebra express tickets"),
        &AnswerOptions::default(),
    );
    assert!(sure.confidence > unsure.confidence, "{} {}", sure.confidence, unsure.confidence);
    assert!(!sure.abstained && unsure.abstained, "{} {}", sure.confidence, unsure.confidence);
}

#[test]
fn a_written_sentence_finds_its_citations() {
    let found = ask(&index(SHOP), "shipping");
    let passages: Vec<_> = found.passages.iter().collect();
    let (good, citations) = support("Express shipping takes one day.", &passages);
    assert!(good.holds() && citations.len() == 1);
    let (bad, _) = support("Express shipping takes three days.", &passages);
    assert!(matches!(bad.verdict, Verdict::Contradicted(_)), "{bad:?}");
    let (none, citations) = support("Zebras are striped.", &passages);
    assert!(!none.holds() && citations.is_empty());
}

#[test]
fn sentences_end_where_they_end() {
    let text = "Ask Dr. Meier, e.g. by mail. It costs 4.50 € now!\nNext line\n\n1. One. ";
    let parts: Vec<&str> = sentences(text).into_iter().map(|span| &text[span]).collect();
    assert_eq!(parts[0], "Ask Dr. Meier, e.g. by mail.");
    assert_eq!(parts[1], "It costs 4.50 € now!");
    assert_eq!(parts[2], "Next line");
}

#[test]
fn kno_21_confidence_grows_with_each_sign() {
    let middle = Features {
        top: 0.5,
        cosine: 0.5,
        lexical: 0.3,
        margin: 0.1,
        coverage: 0.5,
        agreement: 0.3,
    };
    let better = Features { top: 0.8, cosine: 0.8, coverage: 0.9, ..middle };
    assert!(confidence(&better) > confidence(&middle));
    assert!(confidence(&Features::default()) < 0.35);
    assert!((0.0..=1.0).contains(&confidence(&middle)));
}

#[test]
fn kno_26_measures_are_those_of_the_books() {
    let right = [(3usize, 1.0), (7, 1.0)].into_iter().collect();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    close(eval::ndcg(&[3, 7, 1], &right), 1.0);
    close(eval::ndcg(&[1, 3], &right), (1.0 / 3f64.log2()) / (1.0 + 1.0 / 3f64.log2()));
    close(eval::recall(&[1, 3], &right), 0.5);
    close(eval::reciprocal_rank(&[1, 9, 7], &right), 1.0 / 3.0);
    close(eval::reciprocal_rank(&[1], &right), 0.0);
}

#[test]
fn kno_26_a_collection_is_read_and_measured() {
    let corpus = b"{\"_id\":\"a\",\"text\":\"red shoes\"}\n{\"_id\":\"b\",\"title\":\"Lamps\",\"text\":\"blue light\"}\n";
    let queries = b"{\"_id\":\"q1\",\"text\":\"shoe\"}\n{\"_id\":\"q2\",\"text\":\"lamp\"}\n{\"_id\":\"q3\",\"text\":\"x\"}\n";
    let qrels = b"query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t2\nq2\ta\t0\n";
    let collection = eval::Collection::parse(corpus, queries, qrels).expect("a collection");
    assert_eq!((collection.documents.len(), collection.queries.len()), (2, 2));
    let report = eval::run(&collection, None, &|| 0.0, &mut |_| {});
    assert_eq!(report.scores[0].ndcg10, 1.0);
    assert!(report.markdown().contains("| only BM25 | 1.0000 |"));
    let broken = eval::Collection::parse(b"{", queries, qrels).expect_err("broken");
    assert!(broken.to_string().starts_with("corpus.jsonl line 1"), "{broken}");
    assert!(eval::Collection::parse(corpus, queries, b"").is_err());
}

proptest! {
    #[test]
    fn sentences_lie_in_order_on_borders_of_characters(text in "(?s).{0,200}") {
        let mut end = 0;
        for span in sentences(&text) {
            prop_assert!(span.start >= end && span.end > span.start);
            prop_assert_eq!(text[span.clone()].trim(), &text[span.clone()]);
            end = span.end;
        }
        let kept: String = sentences(&text).into_iter().map(|span| text[span].to_owned()).collect();
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(letters(&kept), letters(&text));
    }

    /// T4.
    #[test]
    fn extracted_sentences_are_what_they_cite(texts in prop::collection::vec("(?s).{0,80}", 1..4), question in ".{0,30}") {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let index = index(&[("a", &texts), ("b", &["the quick brown fox"])]);
        let answer = extract(&ask(&index, &question), &AnswerOptions::default());
        for sentence in &answer.sentences {
            let citation = &sentence.citations[0];
            let (_, chunk) = index.chunk(citation.chunk).expect("there");
            prop_assert_eq!(&chunk.text[citation.span.clone()], sentence.text.as_str());
        }
    }
}
