//! Sentiment of English text: the VADER rules, to the last digit of `vaderSentiment` 3.3.2.
//!
//! The original is kept on purpose where it is odd (its "but" rule changes the first equal value, not
//! the value at hand): a score means what the literature and the thresholds of users say it means.
//! It does not understand irony or other languages; a text without known words is neutral.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod python;
mod rules;
mod words;

use python::{is_space, round_places};

/// What a text feels like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Polarity {
    /// Share of negative words, 0 to 1, three decimals.
    pub negative: f64,
    /// Share of neutral words, 0 to 1, three decimals.
    pub neutral: f64,
    /// Share of positive words, 0 to 1, three decimals.
    pub positive: f64,
    /// The whole on one scale, -1 (bad) to 1 (good), four decimals.
    pub compound: f64,
}

/// The lexicon, read once (about a millisecond) and shared.
#[derive(Debug, Clone)]
pub struct Analyzer {
    lexicon: BTreeMap<&'static str, f64>,
    emoji: BTreeMap<char, &'static str>,
}

impl Analyzer {
    /// The English lexicon of VADER with its emoji.
    #[must_use]
    pub fn english() -> Self {
        let lexicon = pairs(include_str!("../data/vader-lexicon.tsv"))
            .filter_map(|(word, mean)| Some((word, mean.parse().ok()?)))
            .collect();
        let emoji = pairs(include_str!("../data/vader-emoji.tsv"))
            .filter_map(|(emoji, says)| Some((emoji.chars().next()?, says)))
            .collect();
        Self { lexicon, emoji }
    }

    /// Scores one message or sentence.
    #[must_use]
    pub fn score(&self, text: &str) -> Polarity {
        let spelled = self.spell_out_emoji(text);
        let spelled = spelled.trim_matches(is_space);
        let sentence = rules::Sentence::new(spelled);
        let mut values = self.valences(&sentence);
        rules::weigh_but(&sentence, &mut values);
        sum_up(&values, spelled)
    }

    fn spell_out_emoji(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut after_space = true;
        for c in text.chars() {
            if let Some(says) = self.emoji.get(&c) {
                if !after_space {
                    out.push(' ');
                }
                out.push_str(says);
                after_space = false;
            } else {
                out.push(c);
                after_space = c == ' ';
            }
        }
        out
    }

    fn valences(&self, sentence: &rules::Sentence<'_>) -> Vec<f64> {
        (0..sentence.len())
            .map(|at| {
                let word = sentence.lower(at);
                let kind_of =
                    word == "kind" && at + 1 < sentence.len() && sentence.lower(at + 1) == "of";
                if words::booster(word).is_some() || kind_of {
                    0.0
                } else {
                    rules::valence(sentence, at, &|word| self.lexicon.get(word).copied())
                }
            })
            .collect()
    }
}

fn pairs(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter_map(|line| line.split_once('\t'))
}

/// Marks of emphasis: up to four exclamation marks, and question marks from the second on.
fn emphasis(text: &str) -> f64 {
    let exclamations = text.matches('!').take(4).fold(0.0, |sum, _| sum + 1.0) * 0.292;
    let questions = match text.matches('?').count() {
        0 | 1 => 0.0,
        2 => 2.0 * 0.18,
        3 => 3.0 * 0.18,
        _ => 0.96,
    };
    exclamations + questions
}

fn sum_up(values: &[f64], text: &str) -> Polarity {
    if values.is_empty() {
        return Polarity { negative: 0.0, neutral: 0.0, positive: 0.0, compound: 0.0 };
    }
    let emphasis = emphasis(text);
    let mut sum: f64 = values.iter().fold(0.0, |sum, value| sum + value);
    if sum > 0.0 {
        sum += emphasis;
    } else if sum < 0.0 {
        sum -= emphasis;
    }
    let (mut positive, mut negative, mut neutral) = (0.0, 0.0, 0.0);
    for &value in values {
        if value > 0.0 {
            positive += value + 1.0;
        } else if value < 0.0 {
            negative += value - 1.0;
        } else {
            neutral += 1.0;
        }
    }
    if positive > f64::abs(negative) {
        positive += emphasis;
    } else if positive < f64::abs(negative) {
        negative -= emphasis;
    }
    let total = positive + f64::abs(negative) + neutral;
    Polarity {
        negative: round_places(f64::abs(negative / total), 3),
        neutral: round_places(f64::abs(neutral / total), 3),
        positive: round_places(f64::abs(positive / total), 3),
        compound: round_places((sum / (sum * sum + 15.0).sqrt()).clamp(-1.0, 1.0), 4),
    }
}
