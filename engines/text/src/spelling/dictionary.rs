//! A list of words with how often each is used.

use std::collections::BTreeMap;

use super::sound;
use super::trie::Trie;

/// Words with frequencies, immutable; share it by `Arc`. The English one takes about 7 MB.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// All words, sorted, one after the other.
    text: String,
    /// Where each word ends in `text`.
    ends: Vec<u32>,
    /// How often each is used, as a share of all.
    shares: Vec<f32>,
    trie: Trie,
    /// Hash of the sound of a word, the word; sorted.
    sounds: Vec<(u32, u32)>,
}

impl Dictionary {
    /// The embedded English words (82 834), with their frequencies in books.
    #[must_use]
    pub fn english() -> Self {
        let mut words = Vec::new();
        for line in include_str!("../../data/english.txt").lines() {
            let mut fields = line.split(' ');
            let ln_count: f64 =
                fields.next().and_then(|count| count.parse().ok()).unwrap_or_default();
            words.extend(fields.map(|word| (word.to_owned(), ln_count.exp())));
        }
        Self::build(words.into_iter().collect())
    }

    /// The words of a tenant (catalogue, knowledge) and how often each occurs. Lower-cased; counts of
    /// the same word add up.
    #[must_use]
    pub fn from_words<'a>(words: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for (word, count) in words {
            let word = word.trim().to_lowercase();
            if !word.is_empty() && !word.contains(char::is_whitespace) {
                #[expect(clippy::cast_precision_loss, reason = "a frequency")]
                let count = count.max(1) as f64;
                *counts.entry(word).or_default() += count;
            }
        }
        Self::build(counts)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "shares need no double precision, a list of words is below 4 GiB"
    )]
    fn build(counts: BTreeMap<String, f64>) -> Self {
        let total: f64 = counts.values().sum();
        let mut text = String::new();
        let (mut ends, mut shares) =
            (Vec::with_capacity(counts.len()), Vec::with_capacity(counts.len()));
        let mut sounds = Vec::with_capacity(counts.len());
        for (at, (word, count)) in (0_u32..).zip(&counts) {
            text.push_str(word);
            ends.push(text.len() as u32);
            shares.push((count / total) as f32);
            sounds.push((sound::hash(word), at));
        }
        sounds.sort_unstable();
        let words: Vec<&str> = counts.keys().map(String::as_str).collect();
        let trie = Trie::new(&words);
        Self { text, ends, shares, trie, sounds }
    }

    /// The number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether the (lower-case) word is one of these.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.position(word).is_some()
    }

    /// The share of the word among all uses of all words; 0 for a word that is not here.
    #[must_use]
    pub fn probability(&self, word: &str) -> f32 {
        self.position(word).map_or(0.0, |at| self.shares[at])
    }

    fn position(&self, word: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.word(middle).cmp(word) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(super) fn word(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize]
    }

    /// Words within reach of the typed letters and those that sound the same, with their distance.
    pub(super) fn near(&self, typed: &[char]) -> Vec<(usize, usize)> {
        let reach = match typed.len() {
            0..=3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        // Three letters have few neighbours at one edit, so they may also be two apart.
        let reach = if typed.len() == 3 { 2 } else { reach };
        let mut near = self.trie.near(typed, reach);
        let hash = sound::hash(&typed.iter().collect::<String>());
        let first = self.sounds.partition_point(|(other, _)| *other < hash);
        for &(_, at) in self.sounds[first..].iter().take_while(|(other, _)| *other == hash) {
            let at = at as usize;
            let distance =
                rapidfuzz::distance::osa::distance(typed.iter().copied(), self.word(at).chars());
            if distance > reach && distance <= reach + 2 && distance * 3 <= typed.len() * 2 {
                near.push((at, distance));
            }
        }
        near
    }
}
