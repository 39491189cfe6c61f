//! The few habits of Python's text and numbers that the scores depend on.

/// Python's white space: Unicode's and the four separators of ASCII.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Python's `str.isupper`: something is upper case and nothing is lower or title case.
pub(super) fn is_upper(word: &str) -> bool {
    let mut cased = false;
    for c in word.chars() {
        if c.is_lowercase() || is_title(c) {
            return false;
        }
        cased |= c.is_uppercase();
    }
    cased
}

fn is_title(c: char) -> bool {
    matches!(c,
        '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}'
        | '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}'
        | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
}

/// Rounds as Python does: the exact decimal value, ties to even. Formatting does just that.
pub(super) fn round_places(value: f64, places: usize) -> f64 {
    format!("{value:.places$}").parse().unwrap_or(value)
}

/// Without the ASCII punctuation around it, unless hardly anything would be left (then it was a smiley).
pub(super) fn strip(token: &str) -> &str {
    let bare = token.trim_matches(|c: char| c.is_ascii_punctuation());
    if bare.chars().nth(2).is_none() { token } else { bare }
}
