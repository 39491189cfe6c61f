//! Text as names compare it: lower case, no accents, letters and digits apart.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case without accents; what looks the same is the same.
pub(super) fn fold(text: &str) -> String {
    let bare = text.nfkd().filter(|c| !is_combining_mark(*c));
    bare.flat_map(char::to_lowercase).map(|c| if c == '\u{2019}' { '\'' } else { c }).collect()
}

/// Only letters and digits.
pub(super) fn squash(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The words of a name, with letters and digits apart: "iPhone15" is "iphone", "15".
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut current = String::new();
    for c in fold(text).chars() {
        if c == '\'' {
            continue;
        }
        let joins =
            current.chars().next_back().is_some_and(|last| last.is_numeric() == c.is_numeric());
        if !c.is_alphanumeric() || !joins {
            push(&mut tokens, &mut current);
        }
        if c.is_alphanumeric() {
            current.push(c);
        }
    }
    push(&mut tokens, &mut current);
    tokens
}

fn push(tokens: &mut Vec<String>, current: &mut String) {
    if !current.is_empty() {
        tokens.push(std::mem::take(current));
    }
}

/// Parts of a name by capitals too: "MacBook Pro" is "mac", "book", "pro".
pub(super) fn camel_tokens(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut before_lower = false;
    for c in text.chars() {
        if c.is_uppercase() && before_lower {
            spaced.push(' ');
        }
        before_lower = c.is_lowercase();
        spaced.push(c);
    }
    tokens(&spaced)
}

/// First letters, numbers whole: "PlayStation 5" is "ps5". Nothing for one-word names.
pub(super) fn initials(text: &str) -> Option<String> {
    let parts = camel_tokens(text);
    if parts.len() < 2 {
        return None;
    }
    let short: String = parts
        .iter()
        .map(|part| if is_number(part) { part.clone() } else { part.chars().take(1).collect() })
        .collect();
    (short.chars().count() >= 2).then_some(short)
}

pub(super) fn is_number(token: &str) -> bool {
    token.chars().next().is_some_and(char::is_numeric)
}

/// Pieces of three letters, the beginning marked.
pub(super) fn pieces(token: &str) -> Vec<u32> {
    let padded: Vec<char> =
        std::iter::repeat_n(' ', 2).chain(token.chars()).chain(std::iter::once(' ')).collect();
    padded
        .windows(3)
        .map(|three| {
            three
                .iter()
                .fold(2_166_136_261_u32, |hash, c| (hash ^ *c as u32).wrapping_mul(16_777_619))
        })
        .collect()
}

/// Words that say nothing about which item is meant.
#[rustfmt::skip]
const FILLERS: &[&str] = &[
    "a", "an", "the", "i", "me", "my", "you", "your", "do", "does", "is", "are", "have", "has",
    "got", "get", "want", "need", "buy", "order", "looking", "look", "find", "show", "for", "of",
    "in", "on", "to", "and", "or", "with", "any", "some", "please", "hi", "hello", "how", "much",
    "what", "which", "price", "cost", "stock", "available", "there", "it", "its", "this", "that",
    "one", "im", "id", "like", "can", "about", "tell", "when", "where", "der", "die", "das",
    "ein", "eine", "ich", "haben", "sie", "habt", "ihr", "und", "fur", "mit", "el", "la", "los",
    "las", "un", "una", "de", "del", "tienen", "quiero", "le", "les", "une", "je", "avez", "vous",
    "du", "des", "et",
];

/// Words that say nothing about which item is meant.
pub(super) fn is_filler(token: &str) -> bool {
    FILLERS.contains(&token)
}
