//! Spelling: a noisy channel over a tenant's own words and a base dictionary.
//!
//! A word that is in neither is held against all words a few edits away or sounding the same, found by
//! one walk through a trie (no table of deletions: it would take ten times the memory). Each is
//! weighed by how likely the slip is (`channel`) and how common the word is. The weights were fitted
//! on a public list of misspellings by `cargo run -p impresario-text --example fit -- spelling FILE`.
//!
//! What it does not do: correct a real word used wrongly ("their" for "there"), split or join words.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub mod channel;
mod dictionary;
mod sound;
mod token;
mod trie;

pub use dictionary::Dictionary;

/// A word that may have been meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The word as the dictionary has it.
    pub word: String,
    /// Edits (insertion, deletion, substitution, neighbours swapped) from the typed word.
    pub distance: u8,
    /// 0 to 1: how likely this word was meant, rather than another or the typed one.
    pub confidence: f32,
}

/// A change to a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Bytes of the text that change.
    pub span: Range<usize>,
    /// What is there.
    pub from: String,
    /// What was meant, in the case of what is there.
    pub to: String,
    /// 0 to 1, as in `Suggestion`.
    pub confidence: f32,
}

/// The share of the tenant's words among all words written to the tenant, as a prior.
const VOCABULARY_SHARE: f32 = 0.5;
/// A correction less likely than this is not offered.
const LEAST_CONFIDENCE: f32 = 0.35;
/// Longer words are ids or noise.
const LONGEST_WORD: usize = 32;

/// Corrects towards a tenant's vocabulary and, where given, a base dictionary of the language.
#[derive(Debug, Clone)]
pub struct Corrector {
    base: Option<Arc<Dictionary>>,
    vocabulary: Dictionary,
}

/// Candidates that are weighed fully; the rest is too far for how rare it is.
const MOST_CANDIDATES: usize = 160;

/// A first guess of a candidate's score, from its distance alone.
fn promise((_, distance, ln_probability): &(&str, usize, f32)) -> f32 {
    let distance = f32::from(u8::try_from(*distance).unwrap_or(u8::MAX));
    0.5 * ln_probability - 2.2 * distance
}

/// A candidate before its score has become a confidence.
struct Scored<'a> {
    word: &'a str,
    distance: usize,
    score: f32,
}

impl Corrector {
    /// `base` is of the language of the text (`Dictionary::english` for English); without it only words
    /// close to the tenant's own are touched.
    #[must_use]
    pub fn new(base: Option<Arc<Dictionary>>, vocabulary: Dictionary) -> Self {
        Self { base, vocabulary }
    }

    /// Whether the word needs no correction.
    #[must_use]
    pub fn knows(&self, word: &str) -> bool {
        let lower = word.to_lowercase().replace('\u{2019}', "'");
        let known = |word: &str| {
            self.vocabulary.contains(word)
                || self.base.as_ref().is_some_and(|base| base.contains(word))
        };
        let root = lower.strip_suffix("'s").unwrap_or(&lower);
        known(&lower) || known(root)
    }

    /// The likeliest words for one typed word, best first. A known word is its own only suggestion.
    #[must_use]
    pub fn suggest(&self, word: &str, limit: usize) -> Vec<Suggestion> {
        let typed = word.to_lowercase();
        if self.knows(&typed) {
            return vec![Suggestion { word: typed, distance: 0, confidence: 1.0 }];
        }
        let scored = self.scored(&typed);
        let Some(best) = scored.first().map(|best| best.score) else { return Vec::new() };
        // "Nothing was meant but this": an unknown word may be a name.
        let unknown = channel::NOT_A_SLIP - best;
        let total: f32 =
            scored.iter().map(|other| (other.score - best).exp()).sum::<f32>() + unknown.exp();
        scored
            .into_iter()
            .take(limit)
            .map(|Scored { word, distance, score }| Suggestion {
                word: word.to_owned(),
                distance: u8::try_from(distance).unwrap_or(u8::MAX),
                confidence: (score - best).exp() / total,
            })
            .collect()
    }

    /// The words worth weighing for a typed one, each with its distance and the natural logarithm of
    /// its probability, the most promising first. For fitting and for looking inside.
    #[must_use]
    pub fn candidates(&self, typed: &[char]) -> Vec<(&str, usize, f32)> {
        if typed.len() < 2 || typed.len() > LONGEST_WORD {
            return Vec::new();
        }
        let mut near: Vec<(&str, usize, f32)> = Vec::new();
        for dictionary in [Some(&self.vocabulary), self.base.as_deref()].into_iter().flatten() {
            near.extend(dictionary.near(typed).into_iter().map(|(at, distance)| {
                let word = dictionary.word(at);
                (word, distance, self.ln_probability(word))
            }));
        }
        near.sort_by(|a, b| promise(b).total_cmp(&promise(a)).then_with(|| a.0.cmp(b.0)));
        near.dedup_by(|a, b| a.0 == b.0);
        near.truncate(MOST_CANDIDATES);
        near
    }

    fn scored(&self, typed: &str) -> Vec<Scored<'_>> {
        let letters: Vec<char> = typed.chars().collect();
        let mut scored: Vec<Scored<'_>> = self
            .candidates(&letters)
            .into_iter()
            .map(|(word, distance, ln_probability)| {
                let score = channel::score(&channel::features(&letters, word), ln_probability);
                Scored { word, distance, score }
            })
            .collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.word.cmp(b.word)));
        scored
    }

    /// Natural logarithm of how often the word is written here.
    fn ln_probability(&self, word: &str) -> f32 {
        let own = self.vocabulary.probability(word);
        let Some(base) = &self.base else { return own.max(1e-12).ln() };
        let share = if self.vocabulary.is_empty() { 0.0 } else { VOCABULARY_SHARE };
        (share * own + (1.0 - share) * base.probability(word)).max(1e-12).ln()
    }

    /// The changes a text needs. Numbers, ids, links, addresses, acronyms, known words and, unless they
    /// are almost a word of the tenant, capitalised words inside a sentence are never touched.
    #[must_use]
    pub fn correct_text(&self, text: &str) -> Vec<Correction> {
        let mut corrections = Vec::new();
        for token in token::words(text) {
            if self.knows(token.text) {
                continue;
            }
            let Some(best) = self.suggest(token.text, 1).pop() else { continue };
            let named =
                token.named && !(best.distance <= 1 && self.vocabulary.contains(&best.word));
            if named || best.confidence < LEAST_CONFIDENCE {
                continue;
            }
            let to = token::in_case_of(token.text, &best.word);
            if to != token.text {
                corrections.push(Correction {
                    span: token.start..token.start + token.text.len(),
                    from: token.text.to_owned(),
                    to,
                    confidence: best.confidence,
                });
            }
        }
        corrections
    }
}

/// The text with the corrections made. They must come from this very text and be in order.
#[must_use]
pub fn apply(text: &str, corrections: &[Correction]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for correction in corrections {
        let fits = correction.span.start >= done
            && text.get(correction.span.clone()) == Some(correction.from.as_str());
        if fits {
            out.push_str(&text[done..correction.span.start]);
            out.push_str(&correction.to);
            done = correction.span.end;
        }
    }
    out.push_str(&text[done..]);
    out
}
