//! Bytes into characters, and characters into clean ones.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The text of bytes: by byte order mark, else by the declared character set, else UTF-8 where that
/// holds, else Windows-1252. The flag says whether something was replaced.
pub(crate) fn decode(bytes: &[u8], mime: Option<&str>) -> (String, bool) {
    let declared = mime.and_then(charset).and_then(|label| Encoding::for_label(label.as_bytes()));
    let guess = || if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 };
    // A declared UTF-8 that is none is more likely to be the usual Western set.
    let encoding = match declared {
        Some(encoding) if encoding != UTF_8 => encoding,
        Some(_) | None => guess(),
    };
    let (text, _, replaced) = encoding.decode(bytes);
    (text.into_owned(), replaced)
}

fn charset(mime: &str) -> Option<&str> {
    mime.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// Running text: white space folded to single spaces, no control characters, no soft hyphens or
/// invisible marks, trimmed.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_whitespace() {
            if !folded.is_empty() && !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else if !is_noise(character) {
            folded.push(character);
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Text whose lines matter: line ends are `\n`, no control characters, no empty lines around.
pub(crate) fn lines(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        match character {
            '\r' | '\u{c}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\n' if before == '\r' => {}
            '\n' | '\t' => clean.push(character),
            other if is_noise(other) => {}
            other => clean.push(other),
        }
        before = character;
    }
    let end = clean.trim_end().len();
    clean.truncate(end);
    let blank = clean.len() - clean.trim_start().len();
    let start = clean[..blank].rfind('\n').map_or(0, |at| at + 1);
    clean.split_off(start)
}

fn is_noise(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{fffe}')
        || ('\u{e0000}'..='\u{e007f}').contains(&character)
}

/// At most so many characters, cut with an ellipsis.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}
