//! Which parts of a text are words that may be misspelt.

/// A word in a text.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Byte where it starts.
    pub(super) start: usize,
    /// Capitalised inside a sentence: probably a name.
    pub(super) named: bool,
}

/// The words of prose; what looks like an id, a link, an address, a number or an acronym is left out.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut sentence_starts = true;
    for (start, token) in tokens(text) {
        let bare = token.trim_matches(|c: char| !c.is_alphabetic());
        let offset = token.find(bare).unwrap_or(0);
        let name = bare.chars().next().is_some_and(char::is_uppercase);
        if is_prose(token, bare) {
            push_parts(&mut words, start + offset, bare, name && !sentence_starts);
        }
        sentence_starts = token.ends_with(['.', '!', '?', ':', '"']);
    }
    words
}

fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(move |token| (token.as_ptr().addr() - text.as_ptr().addr(), token))
}

fn is_prose(token: &str, bare: &str) -> bool {
    let marks = [
        '@', '/', '\\', '_', '#', '$', '€', '=', '<', '>', '{', '}', '[', '`', '~', '|', '%', '&',
        '+', '*',
    ];
    let letters = bare.chars().filter(|c| c.is_alphabetic()).count();
    let upper = bare.chars().filter(|c| c.is_uppercase()).count();
    let mixed_case = upper > 1 && upper < letters;
    let acronym = upper == letters && letters <= 5;
    letters >= 3
        && !token.contains(marks)
        && !token.chars().any(char::is_numeric)
        && !bare.contains(['.', ':'])
        && !mixed_case
        && !acronym
}

/// Compounds by hyphen or stroke are words of their own.
fn push_parts<'a>(words: &mut Vec<Word<'a>>, start: usize, bare: &'a str, named: bool) {
    let mut at = start;
    for part in bare.split(['-', '\u{2013}', '\u{2014}', ',', ';', '(', ')', '!', '?', '"']) {
        let readable = part.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '\u{2019}'));
        if part.chars().count() >= 3 && readable {
            words.push(Word { text: part, start: at, named });
        }
        at += part.len();
        at += bare[at - start..].chars().next().map_or(0, char::len_utf8);
    }
}

/// `word` written in capitals, with a capital or small, as `like` is.
pub(super) fn in_case_of(like: &str, word: &str) -> String {
    let all_upper = like.chars().all(|c| !c.is_lowercase()) && like.chars().count() > 1;
    let first_upper = like.chars().next().is_some_and(char::is_uppercase);
    if all_upper {
        return word.to_uppercase();
    }
    let mut rest = word.chars();
    match rest.next() {
        Some(first) if first_upper => first.to_uppercase().chain(rest).collect(),
        _ => word.to_owned(),
    }
}
