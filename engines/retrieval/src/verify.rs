//! Is a sentence what the cited text says? By words, numbers, names and negation.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation;

use crate::search::count;
use crate::stopwords::is_stopword;
use crate::words::{raw_words, stemmer, term};

/// From here on a sentence is supported, or partly.
const SUPPORTED: f32 = 0.65;
const PARTIAL: f32 = 0.4;
/// What numbers and names count against other words.
const FACT_WEIGHT: f32 = 2.0;
/// What the cosine counts, if one is handed in.
const COSINE_WEIGHT: f32 = 0.3;
/// Two clauses speak of the same thing if so much of the shorter one is in the other.
const SAME_CLAUSE: f32 = 0.6;

/// How a sentence is contradicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A number that the text does not say, or says of something else.
    Number(String),
    /// A name that the text does not say.
    Name(String),
    /// One says it, the other says that it is not so.
    Negation,
    /// One says the opposite word: `open`, `closed`.
    Opposite(String),
}

/// What can be said of a sentence and the text it cites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The text says it.
    Supported,
    /// The text says a part of it.
    Partial,
    /// The text does not say it.
    Unsupported,
    /// The text says something else.
    Contradicted(Conflict),
}

/// A verdict with how much of the sentence is in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Support {
    /// From 0 to 1.
    pub score: f32,
    /// What follows from it.
    pub verdict: Verdict,
}

impl Support {
    /// Whether the sentence may be said with this citation.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict == Verdict::Supported
    }
}

/// Compares a sentence with the texts that it cites. `cosine` of both, if there is one, lets other words
/// for the same thing count; it never outweighs a conflict.
#[must_use]
pub fn verify(sentence: &str, cited: &[&str], cosine: Option<f32>) -> Support {
    let text = cited.join("\n");
    let wanted = content(sentence);
    let there = content(&text).into_iter().collect::<BTreeSet<_>>();
    let lexical = overlap(&wanted, &there);
    let score = cosine.map_or(lexical, |cosine| {
        let near = ((cosine - 0.2) / 0.6).clamp(0.0, 1.0);
        (1.0 - COSINE_WEIGHT) * lexical + COSINE_WEIGHT * near
    });
    let verdict = if wanted.is_empty() {
        Verdict::Unsupported
    } else if let Some(conflict) = conflict(sentence, &text, &there) {
        // What is spoken of must be the same, otherwise it is not even contradicted.
        if score >= PARTIAL { Verdict::Contradicted(conflict) } else { Verdict::Unsupported }
    } else if score >= SUPPORTED {
        Verdict::Supported
    } else if score >= PARTIAL {
        Verdict::Partial
    } else {
        Verdict::Unsupported
    };
    Support { score, verdict }
}

/// Terms of the content words, numbers in their plain form.
fn content(text: &str) -> Vec<String> {
    let stemmer = stemmer("en");
    let mut terms: Vec<String> = Vec::new();
    for (_, word) in raw_words(text) {
        if ["en", "de", "fr", "es"].iter().any(|language| is_stopword(&word, language)) {
            continue;
        }
        let term = number(&word).unwrap_or_else(|| term(&word, stemmer.as_ref()));
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms
}

fn overlap(wanted: &[String], there: &BTreeSet<String>) -> f32 {
    let weight = |term: &String| {
        if term.starts_with(|c: char| c.is_ascii_digit()) { FACT_WEIGHT } else { 1.0 }
    };
    let all: f32 = wanted.iter().map(weight).sum();
    let held: f32 = wanted.iter().filter(|term| there.contains(*term)).map(weight).sum();
    if all > 0.0 { held / all } else { 0.0 }
}

fn conflict(sentence: &str, text: &str, there: &BTreeSet<String>) -> Option<Conflict> {
    let theirs = clauses(text);
    for clause in clauses(sentence) {
        let same = theirs
            .iter()
            .map(|other| (clause.likeness(other), other))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((likeness, other)) = same
            && likeness >= SAME_CLAUSE
        {
            if clause.negated != other.negated {
                return Some(Conflict::Negation);
            }
            if let Some(word) = opposite(&clause, other) {
                return Some(Conflict::Opposite(word));
            }
            if let Some(number) = clause.other_number(other) {
                return Some(Conflict::Number(number));
            }
        }
        if let Some((value, _)) = clause.numbers.iter().find(|(value, _)| !there.contains(value)) {
            return Some(Conflict::Number(value.clone()));
        }
        if let Some(value) = wrong_unit(&clause, &theirs) {
            return Some(Conflict::Number(value));
        }
    }
    let stemmer = stemmer("en");
    names(sentence)
        .into_iter()
        .find(|name| {
            raw_words(name).any(|(_, word)| {
                number(&word).is_none() && !there.contains(&term(&word, stemmer.as_ref()))
            })
        })
        .map(Conflict::Name)
}

/// A part of a sentence that says one thing.
struct Clause {
    terms: Vec<String>,
    /// Numbers with what they count.
    numbers: Vec<(String, String)>,
    negated: bool,
}

impl Clause {
    fn likeness(&self, other: &Self) -> f32 {
        let words = |clause: &Self| {
            let is_word = |term: &&String| !term.starts_with(|c: char| c.is_ascii_digit());
            clause.terms.iter().filter(is_word).cloned().collect::<BTreeSet<_>>()
        };
        let (a, b) = (words(self), words(other));
        let shorter = a.len().min(b.len());
        if shorter == 0 { 0.0 } else { count(a.intersection(&b).count()) / count(shorter) }
    }

    /// A number of this clause of which the other one says another number of the same unit.
    fn other_number(&self, other: &Self) -> Option<String> {
        self.numbers.iter().find_map(|(value, unit)| {
            let same_unit: Vec<&String> = other
                .numbers
                .iter()
                .filter(|(_, theirs)| theirs == unit)
                .map(|(value, _)| value)
                .collect();
            let differs = !same_unit.is_empty() && !same_unit.contains(&value);
            differs.then(|| value.clone())
        })
    }
}

const UNITS: &[&str] = &[
    "second", "minut", "hour", "day", "week", "month", "quarter", "year", "%", "percent", "euro",
    "eur", "dollar", "usd", "€", "$", "kg", "km", "gb", "mb", "item", "user", "seat", "time",
];

/// The same number, but of days instead of hours.
fn wrong_unit(clause: &Clause, theirs: &[Clause]) -> Option<String> {
    let known = |unit: &str| UNITS.contains(&unit);
    clause.numbers.iter().find_map(|(value, unit)| {
        let units: Vec<&String> = theirs
            .iter()
            .flat_map(|other| &other.numbers)
            .filter(|(theirs, _)| theirs == value)
            .map(|(_, unit)| unit)
            .collect();
        let wrong = known(unit)
            && !units.is_empty()
            && units.iter().all(|theirs| known(theirs) && *theirs != unit);
        wrong.then(|| format!("{value} {unit}"))
    })
}

const OPPOSITES: &[(&str, &str)] = &[
    ("open", "close"),
    ("allow", "forbid"),
    ("allow", "prohibit"),
    ("includ", "exclud"),
    ("free", "paid"),
    ("increas", "decreas"),
    ("rise", "fall"),
    ("befor", "after"),
    ("minimum", "maximum"),
    ("enabl", "disabl"),
    ("accept", "refus"),
    ("accept", "reject"),
    ("always", "never"),
    ("alway", "never"),
    ("requir", "option"),
    ("possibl", "imposs"),
    ("valid", "invalid"),
    ("more", "less"),
    ("with", "without"),
];

fn opposite(clause: &Clause, other: &Clause) -> Option<String> {
    let has = |clause: &Clause, word: &str| clause.terms.iter().any(|term| term == word);
    OPPOSITES
        .iter()
        .flat_map(|(a, b)| [(*a, *b), (*b, *a)])
        .find(|(mine, theirs)| {
            has(clause, mine) && has(other, theirs) && !has(clause, theirs) && !has(other, mine)
        })
        .map(|(mine, _)| mine.to_owned())
}

const NEGATIONS: &[&str] = &[
    "not", "no", "never", "none", "nothing", "nobody", "neither", "nor", "without", "cannot",
    "unable", "nicht", "kein", "keine", "keinen", "keiner", "nie", "niemals", "ohne", "pas",
    "jamais", "sans", "aucun", "aucune", "nunca", "sin", "ningún", "ninguna", "non", "mai",
    "senza", "não", "nem", "niet", "geen", "nooit", "zonder",
];
/// They contain a negation and deny nothing.
const NOT_DENIALS: &[&str] = &[
    "not only",
    "no later than",
    "no more than",
    "not more than",
    "no less than",
    "no matter",
    "no.",
];

fn clauses(text: &str) -> Vec<Clause> {
    let mut out = Vec::new();
    let mut from = 0;
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let digit =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        let inside_number =
            matches!(c, '.' | ',' | ':') && digit(at.checked_sub(1)) && digit(Some(at + 1));
        if matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '\n' | '(' | ')') && !inside_number {
            push_clause(&text[from..at], &mut out);
            from = at + c.len_utf8();
        }
    }
    push_clause(&text[from..], &mut out);
    out
}

fn push_clause(text: &str, out: &mut Vec<Clause>) {
    for part in text.split(" but ").flat_map(|part| part.split(" aber ")) {
        let mut lower = part.to_lowercase();
        for harmless in NOT_DENIALS {
            lower = lower.replace(harmless, " ");
        }
        let negated = raw_words(&lower).any(|(_, word)| {
            NEGATIONS.contains(&word.as_str())
                || word.ends_with("n't")
                || word.ends_with("n\u{2019}t")
        });
        let terms = content(part);
        if !terms.is_empty() {
            out.push(Clause { terms, numbers: numbers(part), negated });
        }
    }
}

/// The numbers of a text, plain, with the stem of what follows or the sign beside them.
fn numbers(text: &str) -> Vec<(String, String)> {
    let stemmer = stemmer("en");
    let words: Vec<&str> =
        text.split_word_bounds().filter(|word| !word.trim().is_empty()).collect();
    let mut out = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(value) = number(&word.to_lowercase()) else { continue };
        let sign = |at: Option<usize>| {
            at.and_then(|at| words.get(at)).filter(|word| matches!(**word, "%" | "€" | "$" | "£"))
        };
        let unit = sign(at.checked_sub(1)).or_else(|| sign(Some(at + 1))).map_or_else(
            || words.get(at + 1).map(|next| term(&next.to_lowercase(), stemmer.as_ref())),
            |sign| Some((*sign).to_owned()),
        );
        out.push((value, unit.unwrap_or_default()));
    }
    out
}

const NUMBER_WORDS: &[(&str, &str)] = &[
    ("zero", "0"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("ninety", "90"),
    ("hundred", "100"),
];

/// The plain form of a number: `1,000.50` and `1.000,50` are `1000.5`. A word that is no number is none.
fn number(word: &str) -> Option<String> {
    if let Some((_, digits)) = NUMBER_WORDS.iter().find(|(name, _)| *name == word) {
        return Some((*digits).to_owned());
    }
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    if !word.starts_with(|c: char| c.is_ascii_digit()) || !word.chars().all(plain) {
        return None;
    }
    let last = word.rfind(['.', ',']);
    let decimal = last.is_some_and(|at| {
        let digits = word.len() - at - 1;
        let kinds = word.contains('.') && word.contains(',');
        kinds || digits != 3
    });
    let (whole, fraction) = match last {
        Some(at) if decimal => (&word[..at], &word[at + 1..]),
        _ => (word, ""),
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

/// Names in a text: words with a capital that do not begin a sentence, one after the other together;
/// codes of letters and digits.
pub(crate) fn names(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open: Option<usize> = None;
    let mut end = 0;
    let mut first = true;
    for (at, word) in text.unicode_word_indices() {
        let between = &text[end..at];
        if between.contains(['.', '!', '?', ':', '\n']) {
            first = true;
        }
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let digits = word.chars().any(|c| c.is_ascii_digit());
        let capitals = word.chars().filter(|c| c.is_uppercase()).count();
        let code = letters > 0 && digits || capitals >= 2;
        let capital = word.chars().next().is_some_and(char::is_uppercase) && letters > 1;
        let is_name = code || (capital && !first && !is_stopword(&word.to_lowercase(), "en"));
        let joins = between.trim().is_empty();
        if let Some(from) = open.filter(|_| !is_name || !joins) {
            out.push(text[from..end].to_owned());
            open = None;
        }
        if is_name && open.is_none() {
            open = Some(at);
        }
        end = at + word.len();
        first = false;
    }
    if let Some(from) = open {
        out.push(text[from..end].to_owned());
    }
    out
}
