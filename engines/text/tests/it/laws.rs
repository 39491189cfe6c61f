//! X1 to X7 for any text.

use impresario_text::intents::split;
use impresario_text::matching::{Catalogue, Item};
use impresario_text::sentiment::Analyzer;
use impresario_text::spelling::{Corrector, Dictionary, apply};
use impresario_text::tokens::{Family, count, truncate, truncate_start};
use impresario_text::{injection, language, personal};
use proptest::prelude::*;

/// Texts of words, numbers, marks and odd letters.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,9}",
        "[A-Z]{1,6}",
        "[0-9]{1,20}",
        "[ .,!?@:/+()-]{1,3}",
        "\\PC{1,4}",
        Just("and can I ".to_owned()),
        Just("not good ".to_owned()),
        Just("😀".to_owned()),
        Just("\u{200b}".to_owned()),
        Just("password: ".to_owned()),
        Just("+49 171 1234567".to_owned()),
        Just("İ".to_owned()),
        Just("\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_fails_and_scores_stay_in_their_range_x1_x3(text in text()) {
        let polarity = Analyzer::english().score(&text);
        prop_assert!((-1.0..=1.0).contains(&polarity.compound));
        prop_assert!((0.0..=1.0).contains(&language::detect(&text).confidence));
        prop_assert!((0.0..=1.0).contains(&injection::assess(&text).score));
        let item = Item { id: "a".to_owned(), name: "iPhone 15 Pro".to_owned(), aliases: vec![text.clone()] };
        for candidate in Catalogue::new(vec![item]).find(&text, 3).candidates {
            prop_assert!((0.0..=1.0).contains(&candidate.score) && (0.0..=1.0).contains(&candidate.confidence));
        }
    }

    #[test]
    fn askings_are_parts_of_their_messages_x2(first in text(), second in text()) {
        let burst = [first.as_str(), second.as_str()];
        let mut last = (0, 0);
        for asking in split(&burst) {
            let said = &burst[asking.message][asking.span.clone()];
            prop_assert!(asking.text.starts_with(said), "{said:?} {asking:?}");
            prop_assert!((asking.message, asking.span.start) >= last);
            last = (asking.message, asking.span.end);
        }
    }

    #[test]
    fn a_redacted_text_holds_nothing_more_x7(text in text()) {
        let once = personal::redact(&text);
        for found in &once.found {
            prop_assert!(text.get(found.span.clone()).is_some());
        }
        prop_assert_eq!(personal::redact(&once.text).text, once.text);
    }

    #[test]
    fn corrections_fit_the_text_x2_x5(text in text()) {
        let corrector = Corrector::new(None, Dictionary::from_words([("iphone", 2), ("galaxy", 1), ("refund", 3)]));
        let corrections = corrector.correct_text(&text);
        for correction in &corrections {
            prop_assert_eq!(&text[correction.span.clone()], &correction.from);
            prop_assert!(!corrector.knows(&correction.from));
        }
        prop_assert!(corrections.windows(2).all(|two| two[0].span.end <= two[1].span.start));
        let _ = apply(&text, &corrections);
    }

    #[test]
    fn a_truncated_text_fits_its_budget_x6(text in text(), budget in 0_usize..30) {
        for kept in [truncate(&text, Family::Cl100k, budget), truncate_start(&text, Family::Cl100k, budget)] {
            prop_assert!(count(kept, Family::Cl100k) <= budget);
        }
    }
}
