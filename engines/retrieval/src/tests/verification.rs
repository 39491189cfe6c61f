use proptest::prelude::*;

use crate::verify::names;
use crate::{Conflict, Verdict, verify};

fn check(sentence: &str, cited: &str) -> Verdict {
    verify(sentence, &[cited], None).verdict
}

const POLICY: &str = "Items can be returned within 30 days of delivery. Refunds are not possible \
    after 60 days. Shipping to Germany costs 4.90 € and takes two days. The Berlin store is led by \
    Anna Schmidt. The store is open on Sundays.";

#[test]
fn kno_20_what_the_text_says_is_supported() {
    for sentence in [
        "Items can be returned within 30 days.",
        "You can return items within 30 days of delivery.",
        "Refunds are not possible after 60 days.",
        "Shipping to Germany takes 2 days and costs 4,90 €.",
        "The store is open on Sundays.",
        "Anna Schmidt leads the Berlin store, led by Anna Schmidt.",
    ] {
        assert_eq!(check(sentence, POLICY), Verdict::Supported, "{sentence}");
    }
}

#[test]
fn kno_20_other_numbers_units_names_and_negations_are_contradictions() {
    let number = |value: &str| Verdict::Contradicted(Conflict::Number(value.to_owned()));
    let table = [
        ("Items can be returned within 45 days of delivery.", number("45")),
        ("Items can be returned within 60 days of delivery.", number("60")),
        ("Items can be returned within 30 minutes of delivery.", number("30 minut")),
        ("Shipping to Germany costs 5.90 €.", number("5.9")),
        ("Refunds are possible after 60 days.", Verdict::Contradicted(Conflict::Negation)),
        ("Items cannot be returned within 30 days.", Verdict::Contradicted(Conflict::Negation)),
        (
            "The store is closed on Sundays.",
            Verdict::Contradicted(Conflict::Opposite("close".into())),
        ),
        (
            "The Berlin store is led by Peter Meier.",
            Verdict::Contradicted(Conflict::Name("Peter Meier".into())),
        ),
    ];
    for (sentence, wanted) in table {
        assert_eq!(check(sentence, POLICY), wanted, "{sentence}");
    }
}

#[test]
fn what_the_text_does_not_speak_of_is_unsupported() {
    for sentence in ["Our batteries last for years.", "", "?", "Bananas are yellow and sweet."] {
        assert_eq!(check(sentence, POLICY), Verdict::Unsupported, "{sentence}");
    }
    assert_eq!(check("Refunds are possible.", ""), Verdict::Unsupported);
}

#[test]
fn a_near_vector_helps_other_words_but_never_a_contradiction() {
    let far = verify("Purchases may be sent back in the first 30 days.", &[POLICY], None);
    let near = verify("Purchases may be sent back in the first 30 days.", &[POLICY], Some(0.9));
    assert!(near.score > far.score);
    let wrong = verify("Items can be returned within 45 days of delivery.", &[POLICY], Some(1.0));
    assert!(matches!(wrong.verdict, Verdict::Contradicted(_)));
}

#[test]
fn names_are_words_with_capitals_and_codes() {
    assert_eq!(
        names("The parcel AB-1234 went to New York. Anna is there, IBM too."),
        ["AB", "New York", "IBM"]
    );
    assert_eq!(names("use code SAVE20 now"), ["SAVE20"]);
}

proptest! {
    /// A sentence of the text is always supported by it, and never with another number.
    #[test]
    fn a_sentence_supports_itself_and_no_other_number(days in 2u32..10_000, other in 2u32..10_000) {
        let cited = format!("The warranty covers repairs for {days} days.");
        prop_assert_eq!(check(&cited, &cited), Verdict::Supported);
        if days != other {
            let wrong = format!("The warranty covers repairs for {other} days.");
            prop_assert!(matches!(check(&wrong, &cited), Verdict::Contradicted(Conflict::Number(_))));
        }
    }

    #[test]
    fn any_text_gets_a_verdict(sentence in ".{0,80}", cited in ".{0,80}", cosine in prop::option::of(-1.0f32..1.0)) {
        let support = verify(&sentence, &[&cited], cosine);
        prop_assert!((0.0..=1.0).contains(&support.score));
        if support.holds() {
            prop_assert!(!sentence.trim().is_empty());
        }
    }
}
