//! Words of texts: split by the Unicode rules, lower case, stemmed by language, without accents.

use std::collections::BTreeMap;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::stopwords::is_stopword;

/// A longer word is cut; nobody asks for it.
const WORD_BYTES_MAX: usize = 64;

/// Words of a tenant that mean the same.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    synonyms: BTreeMap<String, Vec<String>>,
}

impl Vocabulary {
    /// From groups of words that mean the same: `[["refund", "money back"], ...]`. Of a phrase, each
    /// word counts on its own.
    #[must_use]
    pub fn new(groups: &[Vec<String>]) -> Self {
        let mut synonyms: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for group in groups {
            let words: Vec<String> =
                group.iter().flat_map(|entry| raw_words(entry).map(|(_, word)| word)).collect();
            for word in &words {
                let others = synonyms.entry(word.clone()).or_default();
                for other in &words {
                    if other != word && !others.contains(other) {
                        others.push(other.clone());
                    }
                }
            }
        }
        Self { synonyms }
    }

    pub(crate) fn of(&self, word: &str) -> &[String] {
        self.synonyms.get(word).map_or(&[], Vec::as_slice)
    }
}

/// The stemmer of a language, if there is one.
pub(crate) fn stemmer(language: &str) -> Option<Stemmer> {
    let algorithm = match language.get(..2).unwrap_or(language) {
        "ar" => Algorithm::Arabic,
        "da" => Algorithm::Danish,
        "nl" => Algorithm::Dutch,
        "en" => Algorithm::English,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "no" | "nb" | "nn" => Algorithm::Norwegian,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "es" => Algorithm::Spanish,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        _ => return None,
    };
    Some(Stemmer::create(algorithm))
}

/// The words of a text with where they begin, in lower case, without a final `'s`.
pub(crate) fn raw_words(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    text.unicode_word_indices().map(|(at, word)| {
        let mut lower = word.to_lowercase();
        if lower.contains('\u{2019}') {
            lower = lower.replace('\u{2019}', "'");
        }
        if let Some(stem) = lower.strip_suffix("'s") {
            lower.truncate(stem.len());
        }
        if lower.len() > WORD_BYTES_MAX {
            let mut end = WORD_BYTES_MAX;
            while !lower.is_char_boundary(end) {
                end -= 1;
            }
            lower.truncate(end);
        }
        (at, lower)
    })
}

/// A word as it is indexed: stemmed, then without accents on Latin letters.
pub(crate) fn term(word: &str, stemmer: Option<&Stemmer>) -> String {
    let stemmed = stemmer.map_or(std::borrow::Cow::Borrowed(word), |stemmer| stemmer.stem(word));
    if stemmed.is_ascii() {
        return stemmed.into_owned();
    }
    // Only the combining marks of Latin, Greek and Cyrillic; in other scripts they are vowels.
    stemmed.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).nfc().collect()
}

/// The terms of a text: content words, and pairs of neighbouring ideographs.
pub(crate) fn terms(text: &str, language: &str, mut take: impl FnMut(String)) {
    let stemmer = stemmer(language);
    for (_, word) in raw_words(text) {
        if !is_stopword(&word, language) {
            take(term(&word, stemmer.as_ref()));
        }
    }
    if !text.is_ascii() {
        pairs(text).for_each(take);
    }
}

/// Pairs of neighbouring ideographs: the words of scripts that do not part them.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut previous: Option<(usize, String)> = None;
    raw_words(text).filter_map(move |(at, word)| {
        if !is_ideograph(&word) {
            previous = None;
            return None;
        }
        let end = at + word.len();
        let before = previous.replace((end, word.clone()));
        before.filter(|(end, _)| *end == at).map(|(_, before)| format!("{before}{word}"))
    })
}

fn is_ideograph(word: &str) -> bool {
    let mut chars = word.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else { return false };
    matches!(u32::from(c), 0x3040..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x2_ffff)
}
