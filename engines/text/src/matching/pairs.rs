//! Whether two records (products, people, places from two sources) are the same thing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::normal;
use super::similar::{self, ratio};
use crate::intents::softmax::Softmax;

/// The number of measures a pair is judged by.
pub const MEASURES: usize = 24;

/// What the measures of a pair are.
pub type Measures = [f32; MEASURES];

/// A record: named fields in their order. The first is its name; one called "price" is a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Field name, value; a value may be empty.
    pub fields: Vec<(String, String)>,
}

/// A record taken apart for comparing.
struct Parts {
    name: BTreeSet<String>,
    all: BTreeSet<String>,
    squashed: String,
    first: Option<String>,
    /// Model numbers of the name, and of everything.
    models: BTreeSet<String>,
    all_models: BTreeSet<String>,
    numbers: BTreeSet<String>,
    price: Option<f32>,
}

/// Knows how rare words are among a tenant's records.
#[derive(Debug, Clone)]
pub struct Scorer {
    counts: BTreeMap<String, u32>,
    records: usize,
}

impl Scorer {
    /// Learns the rarity of words from the records that will be compared. No labels are needed.
    #[must_use]
    pub fn new<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut distinct: BTreeSet<BTreeSet<String>> = BTreeSet::new();
        for record in records {
            distinct.insert(Parts::new(record).all);
        }
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for token in distinct.iter().flatten() {
            *counts.entry(token.clone()).or_default() += 1;
        }
        Self { counts, records: distinct.len() }
    }

    /// The probability that both are the same thing, by the committed weights.
    #[must_use]
    pub fn score(&self, a: &Record, b: &Record) -> f32 {
        probability(&WEIGHTS, &self.measures(a, b))
    }

    fn rarity(&self, token: &str) -> f32 {
        let count = self.counts.get(token).copied().unwrap_or(0) as usize;
        (1.0 / ratio(count.max(1), self.records + 1)).ln() + 0.1
    }

    fn weight<'a>(&self, tokens: impl Iterator<Item = &'a String>) -> f32 {
        tokens.map(|token| self.rarity(token).powi(2)).sum()
    }

    /// Cosine of two sets of words, rare words weighing more.
    fn cosine(&self, a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
        let (own, other) = (self.weight(a.iter()), self.weight(b.iter()));
        self.weight(a.intersection(b)) / (own * other).sqrt().max(1e-6)
    }

    /// The share of `a` (by rarity) that is in `b`.
    fn inside(&self, a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
        self.weight(a.intersection(b)) / self.weight(a.iter()).max(1e-6)
    }

    /// The measures of a pair, each about 0 to 1.
    #[must_use]
    pub fn measures(&self, a: &Record, b: &Record) -> Measures {
        let (a, b) = (Parts::new(a), Parts::new(b));
        let cosine = self.cosine(&a.name, &b.name);
        let inside = (self.inside(&a.name, &b.name), self.inside(&b.name, &a.name));
        let within = (self.inside(&a.name, &b.all), self.inside(&b.name, &a.all));
        let model = best_model(&a.models, &b.models);
        let any_model = best_model(&a.all_models, &b.all_models);
        let both = !a.models.is_empty() && !b.models.is_empty();
        let crossed =
            best_model(&a.models, &b.all_models).max(best_model(&b.models, &a.all_models));
        let brand = a.first.is_some() && a.first == b.first;
        let (price, priced) = price(a.price, b.price);
        let top = a.name.intersection(&b.name).map(|token| self.rarity(token)).fold(0.0, f32::max);
        let rarest = self.rarity("");
        let numbers = (shared(&a.numbers, &b.numbers), clash(&a.numbers, &b.numbers));
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        [
            1.0,
            cosine,
            ratio(a.name.intersection(&b.name).count(), a.name.union(&b.name).count()),
            inside.0.max(inside.1),
            inside.0.min(inside.1),
            self.cosine(&a.all, &b.all),
            within.0.max(within.1),
            within.0.min(within.1),
            similar::dice(&a.squashed, &b.squashed),
            similar::jaro(&a.squashed, &b.squashed),
            truth(model >= 1.0),
            truth(both && model < 0.75),
            model,
            any_model,
            crossed,
            numbers.0,
            numbers.1,
            truth(brand),
            price,
            priced,
            top / rarest,
            cosine * cosine,
            truth(crossed >= 1.0) * cosine,
            truth(brand) * cosine * (1.0 - truth(both && model < 0.75)),
        ]
    }
}

/// The logistic model over the measures.
#[must_use]
pub fn probability(weights: &Measures, measures: &Measures) -> f32 {
    let logit: f32 = weights.iter().zip(measures).map(|(weight, measure)| weight * measure).sum();
    1.0 / (1.0 + (-logit).exp())
}

impl Parts {
    fn new(record: &Record) -> Self {
        let name = record.fields.first().map_or("", |(_, value)| value.as_str());
        let worded = record.fields.iter().filter(|(field, _)| field != "price");
        let all: String = worded.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
        let price = record.fields.iter().find(|(field, _)| field == "price");
        let words = words(name);
        Self {
            first: words.first().cloned(),
            name: words.iter().cloned().collect(),
            squashed: normal::squash(name),
            models: models(name),
            all_models: models(&all),
            numbers: words
                .iter()
                .filter(|word| word.chars().all(|c| c.is_ascii_digit() || c == '.'))
                .cloned()
                .collect(),
            all: self::words(&all).into_iter().collect(),
            price: price.and_then(|(_, value)| {
                value.trim_matches(|c: char| !c.is_ascii_digit()).replace(',', "").parse().ok()
            }),
        }
    }
}

/// Words with hyphens and strokes inside taken out, so that "KX-TG1032S" is one.
fn words(text: &str) -> Vec<String> {
    let bare = |word: &str| -> String {
        word.chars().filter(|c| c.is_alphanumeric() || *c == '.').collect()
    };
    normal::fold(text)
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | ',' | '(' | ')' | '&'))
        .map(bare)
        .map(|word| word.trim_matches('.').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Words with letters and digits, and long numbers: what makers call their things.
fn models(text: &str) -> BTreeSet<String> {
    let is_model = |word: &String| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let unit = digits + letters <= 6
            && letters >= 2
            && word.chars().rev().take(2).all(char::is_alphabetic)
            && !word.chars().next().is_some_and(char::is_alphabetic);
        !unit
            && !word.contains('.')
            && ((digits >= 1 && letters >= 1 && digits + letters >= 4)
                || (digits >= 4 && letters == 0))
    };
    words(text).into_iter().filter(is_model).collect()
}

/// How alike the most alike model numbers are: one that begins with the other is a variant.
fn best_model(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
    let mut best = 0.0_f32;
    for one in a {
        for other in b {
            best = best.max(model_similarity(one, other));
        }
    }
    best
}

fn model_similarity(a: &str, b: &str) -> f32 {
    if a == b {
        return 1.0;
    }
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() >= 4 && (long.starts_with(short) || long.ends_with(short)) {
        return 0.75 + 0.2 * ratio(short.len(), long.len());
    }
    let edits = rapidfuzz::distance::osa::distance(a.chars(), b.chars());
    0.7 * (1.0 - ratio(edits, long.chars().count()))
}

fn shared(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
    ratio(a.intersection(b).count(), a.union(b).count())
}

/// Both have numbers that the other lacks.
fn clash(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f32 {
    if a.difference(b).next().is_some() && b.difference(a).next().is_some() { 1.0 } else { 0.0 }
}

/// How near the prices are, and whether both are known.
fn price(a: Option<f32>, b: Option<f32>) -> (f32, f32) {
    match (a, b) {
        (Some(a), Some(b)) if a > 0.0 && b > 0.0 => ((a.min(b) / a.max(b)).powi(2), 1.0),
        _ => (0.0, 0.0),
    }
}

/// The committed weights.
#[must_use]
pub fn committed() -> &'static Measures {
    &WEIGHTS
}

/// The weights of a two-class model ("other", "same") that was trained on measures.
#[must_use]
pub fn weights_of(model: &Softmax) -> Measures {
    let (other, same) = (model.weights(0), model.weights(1));
    let mut weights = [0.0; MEASURES];
    for (at, weight) in weights.iter_mut().enumerate() {
        *weight = same[at] - other[at];
    }
    // The first measure is always one: it takes the constant.
    weights[0] += same[MEASURES] - other[MEASURES];
    weights
}

/// Fitted by `cargo run -p impresario-text --example fit -- pairs TRAIN`.
static WEIGHTS: Measures = [
    -7.936, -0.620, -2.679, -0.895, -0.527, 3.716, 0.794, 0.749, 2.915, -0.238, -1.497, -2.188,
    0.533, 0.204, 1.609, -0.120, -0.495, -0.875, 1.587, -0.378, 7.213, 2.415, 1.279, 1.467,
];

/// From this probability on two records are taken for the same; fitted with the weights.
pub const THRESHOLD: f32 = 0.29;
