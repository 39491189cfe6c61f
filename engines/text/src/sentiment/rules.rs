//! The rules: what the words before and after do to the value of a word.

use super::{python, words};

const UPPER: f64 = 0.733;
const NEGATED: f64 = -0.74;

/// The words of a text, each as written and in lower case.
pub(super) struct Sentence<'a> {
    words: Vec<(&'a str, String)>,
    /// Some words are in capitals and some are not, so capitals mean something.
    capitals_matter: bool,
}

impl<'a> Sentence<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let words: Vec<_> = text
            .split(python::is_space)
            .filter(|token| !token.is_empty())
            .map(python::strip)
            .map(|word| (word, word.to_lowercase()))
            .collect();
        let capitals = words.iter().filter(|(word, _)| python::is_upper(word)).count();
        Self { capitals_matter: capitals > 0 && capitals < words.len(), words }
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn lower(&self, at: usize) -> &str {
        &self.words[at].1
    }

    /// The word `back` places before `at`, in lower case; empty before the beginning.
    fn before(&self, at: usize, back: usize) -> &str {
        if back > at { "" } else { self.lower(at - back) }
    }

    fn shouted(&self, at: usize) -> bool {
        self.capitals_matter && python::is_upper(self.words[at].0)
    }
}

/// The value of the word at `at` in its surroundings; 0 for words outside the lexicon.
pub(super) fn valence(
    sentence: &Sentence<'_>,
    at: usize,
    lexicon: &dyn Fn(&str) -> Option<f64>,
) -> f64 {
    let Some(own) = lexicon(sentence.lower(at)) else { return 0.0 };
    let mut value = own;
    let next_known = at + 1 < sentence.len() && lexicon(sentence.lower(at + 1)).is_some();
    if sentence.lower(at) == "no" && next_known {
        value = 0.0;
    }
    if refused(sentence, at) {
        value = own * NEGATED;
    }
    if sentence.shouted(at) {
        value += if value > 0.0 { UPPER } else { -UPPER };
    }
    for back in 1..=3 {
        if at < back || lexicon(sentence.before(at, back)).is_some() {
            continue;
        }
        let push = booster(sentence, at - back, value);
        value += match back {
            1 => push,
            2 => push * 0.95,
            _ => push * 0.9,
        };
        value = negation(value, sentence, at, back);
        if back == 3 {
            value = idioms(value, sentence, at);
        }
    }
    least(value, sentence, at, lexicon)
}

/// "no" shortly before.
fn refused(sentence: &Sentence<'_>, at: usize) -> bool {
    sentence.before(at, 1) == "no"
        || sentence.before(at, 2) == "no"
        || (sentence.before(at, 3) == "no" && matches!(sentence.before(at, 1), "or" | "nor"))
}

/// What an intensifier adds in the direction of the value.
fn booster(sentence: &Sentence<'_>, at: usize, value: f64) -> f64 {
    let Some(mut push) = words::booster(sentence.lower(at)) else { return 0.0 };
    if value < 0.0 {
        push = -push;
    }
    if sentence.shouted(at) {
        push += if value > 0.0 { UPPER } else { -UPPER };
    }
    push
}

fn negation(value: f64, sentence: &Sentence<'_>, at: usize, back: usize) -> f64 {
    let so = |back| matches!(sentence.before(at, back), "so" | "this");
    let doubt = |back| sentence.before(at, back) == "doubt";
    let word = sentence.before(at, back);
    match back {
        2 if word == "never" && so(1) => return value * 1.25,
        2 if word == "without" && doubt(1) => return value,
        3 if (word == "never" && so(2)) || so(1) => return value * 1.25,
        3 if word == "without" && (doubt(2) || doubt(1)) => return value,
        _ => {}
    }
    if words::negates(word) { value * NEGATED } else { value }
}

/// Fixed phrases around a word with at least three words before it.
fn idioms(value: f64, sentence: &Sentence<'_>, at: usize) -> f64 {
    let phrase = |from: usize, to: usize| -> String {
        (from..=to).map(|at| sentence.lower(at)).collect::<Vec<_>>().join(" ")
    };
    let before = [
        phrase(at - 1, at),
        phrase(at - 2, at),
        phrase(at - 2, at - 1),
        phrase(at - 3, at - 1),
        phrase(at - 3, at - 2),
    ];
    let mut value = before.iter().find_map(|said| words::idiom(said)).unwrap_or(value);
    for to in [at + 1, at + 2] {
        if to < sentence.len() {
            value = words::idiom(&phrase(at, to)).unwrap_or(value);
        }
    }
    for said in [&before[3], &before[4], &before[2]] {
        value += words::booster(said).unwrap_or(0.0);
    }
    value
}

/// "least", but not "at least" and "very least".
fn least(
    value: f64,
    sentence: &Sentence<'_>,
    at: usize,
    lexicon: &dyn Fn(&str) -> Option<f64>,
) -> f64 {
    let negates = sentence.before(at, 1) == "least"
        && lexicon("least").is_none()
        && !matches!(sentence.before(at, 2), "at" | "very");
    if negates { value * NEGATED } else { value }
}

/// What stands before "but" weighs half, what follows half as much again. As in the original, the
/// value changed is the first one that equals the value at hand.
pub(super) fn weigh_but(sentence: &Sentence<'_>, values: &mut [f64]) {
    let Some(but) = (0..sentence.len()).find(|&at| sentence.lower(at) == "but") else { return };
    for at in 0..values.len() {
        let value = values[at];
        let Some(first) = values.iter().position(|&other| other == value) else { continue };
        if first < but {
            values[first] = value * 0.5;
        } else if first > but {
            values[first] = value * 1.5;
        }
    }
}
