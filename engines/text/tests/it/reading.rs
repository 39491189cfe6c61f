//! Language and tokens.

use impresario_text::language::{UNDETERMINED, detect, detect_among};
use impresario_text::tokens::{Family, count, truncate, truncate_start};

#[test]
fn short_messages_are_recognised_cnv_15() {
    for line in include_str!("languages.txt").lines() {
        let (language, text) = line.split_once(' ').expect("language, text");
        assert_eq!(detect(text).language, language, "{text}");
    }
}

#[test]
fn nothing_to_read_is_undetermined() {
    for text in ["", "12345", ":)", "https://example.com/a?b=c", "anna@example.com", "#5512"] {
        assert_eq!(detect(text).language, UNDETERMINED, "{text}");
    }
    assert_eq!(detect_among("Где мой заказ?", &["en", "de"]).language, UNDETERMINED);
    assert_eq!(detect_among("Wo ist mein Paket?", &["en", "de"]).language, "de");
}

#[test]
fn tokens_are_counted_as_the_models_do() {
    assert_eq!(count("hello world", Family::O200k), 2);
    assert_eq!(count("hello world", Family::Cl100k), 2);
    assert_eq!(count("", Family::O200k), 0);
    assert_eq!(count("tiktoken is great!", Family::Cl100k), 6);
    assert_eq!(Family::of_model("gpt-4"), Family::Cl100k);
    assert_eq!(Family::of_model("gpt-4o-mini"), Family::O200k);
    assert_eq!(Family::of_model("openai/gpt-3.5-turbo"), Family::Cl100k);
    assert_eq!(Family::of_model("claude-sonnet"), Family::O200k);
}

#[test]
fn a_cut_fits_its_budget_and_loses_little() {
    let text =
        "The parcel – with the 冷蔵庫 and 👩‍👩‍👧 stickers – has not arrived yet, and I am worried.";
    for budget in 0..count(text, Family::O200k) {
        for kept in
            [truncate(text, Family::O200k, budget), truncate_start(text, Family::O200k, budget)]
        {
            let used = count(kept, Family::O200k);
            assert!(used <= budget && used + 3 >= budget, "{budget}: {used} in {kept:?}");
        }
    }
    assert_eq!(truncate(text, Family::O200k, 10_000), text);
}
