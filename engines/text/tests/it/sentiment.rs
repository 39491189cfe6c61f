//! X4 (CNV-13): equal to the original, digit for digit.

use impresario_text::sentiment::{Analyzer, Polarity};

fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n").replace("\\x1c", "\x1c").replace("\\\\", "\\")
}

/// Lines `text <tab> neg <tab> neu <tab> pos <tab> compound` as vaderSentiment 3.3.2 computes them.
fn check(golden: &str) -> usize {
    let analyzer = Analyzer::english();
    let mut checked = 0;
    for line in golden.lines() {
        let fields: Vec<&str> = line.rsplitn(5, '\t').collect();
        let number = |at: usize| fields[at].parse::<f64>().expect("a number");
        let expected = Polarity {
            compound: number(0),
            positive: number(1),
            neutral: number(2),
            negative: number(3),
        };
        let text = unescape(fields[4]);
        assert_eq!(analyzer.score(&text), expected, "{text:?}");
        checked += 1;
    }
    checked
}

#[test]
fn the_scores_are_those_of_the_original() {
    assert_eq!(check(include_str!("vader-golden.tsv")), 189);
}

#[test]
fn negation_emoji_capitals_and_kinda_count() {
    let analyzer = Analyzer::english();
    let of = |text: &str| analyzer.score(text).compound;
    assert!(of("not good") < 0.0 && of("good") > 0.0);
    assert!(of("the service is GREAT") > of("the service is great"));
    assert!(of("kinda good") < of("good") && of("kinda good") > 0.0);
    assert!(of("😢") < 0.0 && of("😍") > 0.0);
    assert!(of("the parcel is blue").abs() < f64::EPSILON);
}
