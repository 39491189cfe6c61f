//! WordPiece as BERT's uncased models were trained with: clean, fold, split, then greedily the longest
//! known piece.

use std::collections::BTreeMap;

use serde::Deserialize;
use unicode_general_category::{GeneralCategory as Category, get_general_category};
use unicode_normalization::UnicodeNormalization;

use crate::LoadError;

/// A longer word is unknown as a whole.
const WORD_CHARS_MAX: usize = 100;

/// Text to token numbers.
#[derive(Clone, Debug)]
pub struct WordPiece {
    /// Pieces that begin a word.
    first: BTreeMap<Box<str>, u32>,
    /// Pieces that continue one, without their `##`.
    next: BTreeMap<Box<str>, u32>,
    lowercase: bool,
    strip_accents: bool,
    pub(crate) unknown: u32,
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) size: usize,
    /// A hash of all of it, the same whichever file it came from.
    pub(crate) fingerprint: [u8; 32],
}

#[derive(Deserialize)]
struct Packaged {
    model: PackagedModel,
    #[serde(default)]
    normalizer: Option<Normalizer>,
}

#[derive(Deserialize)]
struct PackagedModel {
    vocab: BTreeMap<Box<str>, u32>,
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(default = "yes")]
    lowercase: bool,
    #[serde(default)]
    strip_accents: Option<bool>,
}

fn yes() -> bool {
    true
}

impl WordPiece {
    /// Reads a `vocab.txt` (one piece per line; uncased) or a `tokenizer.json`. The truncation and
    /// the padding of the latter are not those of the model and are not read.
    ///
    /// # Errors
    /// [`LoadError::Vocabulary`] if it is neither, or has no `[UNK]`, `[CLS]` or `[SEP]`.
    pub fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let wrong = |what: &str| LoadError::Vocabulary(what.to_owned());
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            let packaged: Packaged = serde_json::from_slice(bytes)
                .map_err(|error| LoadError::Vocabulary(error.to_string()))?;
            let normalizer =
                packaged.normalizer.unwrap_or(Normalizer { lowercase: true, strip_accents: None });
            let accents = normalizer.strip_accents.unwrap_or(normalizer.lowercase);
            return Self::build(packaged.model.vocab, normalizer.lowercase, accents);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("not UTF-8"))?;
        let mut vocab = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let number = u32::try_from(number).map_err(|_| wrong("too many lines"))?;
            vocab.insert(Box::from(line.trim_end_matches('\r')), number);
        }
        Self::build(vocab, true, true)
    }

    fn build(
        vocab: BTreeMap<Box<str>, u32>,
        lowercase: bool,
        strip_accents: bool,
    ) -> Result<Self, LoadError> {
        let special = |name: &str| {
            vocab.get(name).copied().ok_or_else(|| LoadError::Vocabulary(format!("no {name}")))
        };
        let (unknown, begin, end) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        let size = vocab.values().max().map_or(0, |max| *max as usize + 1);
        let fingerprint = fingerprint(&vocab, lowercase, strip_accents);
        let mut first = BTreeMap::new();
        let mut next = BTreeMap::new();
        for (piece, number) in vocab {
            if let Some(rest) = piece.strip_prefix("##") {
                next.insert(Box::from(rest), number);
            } else {
                first.insert(piece, number);
            }
        }
        Ok(Self { first, next, lowercase, strip_accents, unknown, begin, end, size, fingerprint })
    }

    /// The pieces of a text without the two that frame it, at most `max`.
    #[must_use]
    pub fn pieces(&self, text: &str, max: usize) -> Vec<u32> {
        let mut pieces = Vec::new();
        let mut word = String::new();
        for c in self.normalised(text) {
            if pieces.len() >= max {
                break;
            }
            let alone = is_punctuation(c) || is_ideograph(c);
            if (alone || c.is_whitespace()) && !word.is_empty() {
                self.split(&word, &mut pieces);
                word.clear();
            }
            if alone {
                self.split(c.encode_utf8(&mut [0; 4]), &mut pieces);
            } else if !c.is_whitespace() {
                word.push(c);
            }
        }
        if !word.is_empty() && pieces.len() < max {
            self.split(&word, &mut pieces);
        }
        pieces.truncate(max);
        pieces
    }

    /// `[CLS]`, the pieces and `[SEP]`: at most `max` in all.
    #[must_use]
    pub fn encode(&self, text: &str, max: usize) -> Vec<u32> {
        let mut tokens = vec![self.begin];
        tokens.extend(self.pieces(text, max.saturating_sub(2)));
        tokens.push(self.end);
        tokens
    }

    fn normalised<'a>(&'a self, text: &'a str) -> impl Iterator<Item = char> + 'a {
        let cleaned = text.chars().filter_map(|c| match c {
            '\t' | '\n' | '\r' => Some(' '),
            '\0' | '\u{fffd}' => None,
            _ if is_control(c) => None,
            _ => Some(c),
        });
        let folded: Box<dyn Iterator<Item = char> + 'a> = if self.strip_accents {
            Box::new(cleaned.nfd().filter(|c| get_general_category(*c) != Category::NonspacingMark))
        } else {
            Box::new(cleaned)
        };
        folded.flat_map(|c| {
            let lower = if self.lowercase { Some(c.to_lowercase()) } else { None };
            let kept = if self.lowercase { None } else { Some(c) };
            lower.into_iter().flatten().chain(kept)
        })
    }

    fn split(&self, word: &str, pieces: &mut Vec<u32>) {
        if word.chars().count() > WORD_CHARS_MAX {
            pieces.push(self.unknown);
            return;
        }
        let before = pieces.len();
        let mut rest = word;
        while !rest.is_empty() {
            let vocabulary = if rest.len() == word.len() { &self.first } else { &self.next };
            let longest = rest
                .char_indices()
                .rev()
                .map(|(at, c)| at + c.len_utf8())
                .find_map(|end| vocabulary.get(&rest[..end]).map(|number| (end, *number)));
            let Some((end, number)) = longest else {
                pieces.truncate(before);
                pieces.push(self.unknown);
                return;
            };
            pieces.push(number);
            rest = &rest[end..];
        }
    }
}

fn fingerprint(vocab: &BTreeMap<Box<str>, u32>, lowercase: bool, strip_accents: bool) -> [u8; 32] {
    let mut pieces: Vec<(u32, &str)> =
        vocab.iter().map(|(piece, number)| (*number, piece.as_ref())).collect();
    pieces.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::from(lowercase), u8::from(strip_accents)]);
    for (number, piece) in pieces {
        hasher.update(&number.to_le_bytes());
        hasher.update(&(piece.len() as u64).to_le_bytes());
        hasher.update(piece.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

fn is_control(c: char) -> bool {
    !c.is_ascii_graphic()
        && matches!(
            get_general_category(c),
            Category::Control | Category::Format | Category::PrivateUse
        )
}

fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation();
    }
    matches!(
        get_general_category(c),
        Category::ConnectorPunctuation
            | Category::DashPunctuation
            | Category::OpenPunctuation
            | Category::ClosePunctuation
            | Category::InitialPunctuation
            | Category::FinalPunctuation
            | Category::OtherPunctuation
    )
}

/// The blocks that BERT treats as one word per character.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x2_0000..=0x2_a6df | 0x2_a700..=0x2_b73f
        | 0x2_b740..=0x2_b81f | 0x2_b820..=0x2_ceaf | 0xf900..=0xfaff | 0x2_f800..=0x2_fa1f)
}
