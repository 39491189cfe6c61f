//! How good each engine is on labelled data: file contents in, a report out.
//!
//! | function | form of the data |
//! |---|---|
//! | [`eval_intents`] | CSV with a heading, columns `text` and `category` (banking77) |
//! | [`eval_spelling`] | lines `right: wrong wrong ...` (Norvig's sets) |
//! | [`eval_matching`] | lines `COL name VAL ... COL price VAL ... <tab> COL ... <tab> 0 or 1` (Ditto's collections), unpacked, one text to fit and one to judge |
//! | [`eval_sentiment`] | lines `id <tab> mean human rating <tab> text` (VADER's ground truth) |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod intents;
mod matching;
mod sentiment;
mod spelling;

pub use intents::eval_intents;
pub use matching::{Pair, eval_matching, read_pairs};
pub use sentiment::eval_sentiment;
pub use spelling::eval_spelling;

/// Sentence vectors of texts, all of one length, by a model that the caller has.
pub type Embedder<'a> = &'a dyn Fn(&[&str]) -> Vec<Vec<f32>>;

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was measured: `intents`, `spelling`, `matching`, `sentiment`.
    pub name: String,
    /// How many of what.
    pub sizes: BTreeMap<String, u64>,
    /// The numbers, by name. Shares are 0 to 1.
    pub metrics: BTreeMap<String, f64>,
    /// How it was measured and what it does not show.
    pub notes: Vec<String>,
}

/// Data that is not in the form expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadData {
    /// Nothing could be read.
    #[error("there is no line of the form {0}")]
    Empty(&'static str),
    /// A line is not in the form.
    #[error("line {line} is not of the form {form}")]
    Line {
        /// From 1.
        line: usize,
        /// The form expected.
        form: &'static str,
    },
    /// Too few classes or examples to measure anything.
    #[error("{0}")]
    TooFew(String),
}

impl Report {
    fn new(name: &str, notes: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            sizes: BTreeMap::new(),
            metrics: BTreeMap::new(),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        }
    }

    fn size(&mut self, name: &str, count: usize) {
        self.sizes.insert(name.to_owned(), count as u64);
    }

    /// Rounded to what such a number of examples can tell.
    fn metric(&mut self, name: &str, value: f64) {
        self.metrics.insert(name.to_owned(), (value * 10_000.0).round() / 10_000.0);
    }
}

/// `part` of `whole`, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of examples")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Shuffles by a fixed seed: the same split on every machine.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, usize::try_from(state % (last as u64 + 1)).unwrap_or(0));
    }
}
