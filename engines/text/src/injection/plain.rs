//! Makes a text plain: what it says, without the tricks of how it is written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use unicode_normalization::UnicodeNormalization;

/// A text made plain.
pub(super) struct Plain {
    /// Lower case, one space between words.
    pub(super) text: String,
    /// What encoded parts of it say, likewise plain.
    pub(super) hidden: Vec<String>,
    /// Letters were hidden in, spaced apart or replaced.
    pub(super) disguised: bool,
    /// A message in invisible letters was inside.
    pub(super) smuggled: bool,
}

pub(super) fn make(text: &str) -> Plain {
    let mut hidden: Vec<String> = encoded(text).into_iter().map(|inner| simple(&inner).0).collect();
    let (visible, invisible, removed) = without_invisible(text);
    if !invisible.is_empty() {
        hidden.push(simple(&invisible).0);
    }
    let (made, replaced) = simple(&visible);
    hidden.push(made.chars().map(rot13).collect());
    Plain { text: made, hidden, disguised: replaced || removed > 2, smuggled: invisible.len() >= 8 }
}

/// Lower-case, look-alikes replaced, spaced letters joined; and whether anything was a disguise.
fn simple(text: &str) -> (String, bool) {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mostly_latin = folded.chars().filter(char::is_ascii_alphabetic).count() * 2
        > folded.chars().filter(|c| c.is_alphabetic()).count();
    let mut replaced = false;
    let mut words: Vec<String> = Vec::new();
    for word in folded.split_whitespace() {
        let plain = plain_word(word, mostly_latin);
        replaced |= plain != word;
        words.push(plain);
    }
    let (words, joined) = join_spaced(words);
    (words.join(" "), replaced || joined)
}

fn plain_word(word: &str, mostly_latin: bool) -> String {
    let latin = word.chars().any(|c| c.is_ascii_alphabetic());
    let foreign = word.chars().any(|c| c.is_alphabetic() && look_alike(c).is_some());
    let all_alike = word
        .chars()
        .filter(|c| c.is_alphabetic())
        .all(|c| c.is_ascii_alphabetic() || look_alike(c).is_some());
    let mut plain: String = if foreign && (latin || (mostly_latin && all_alike)) {
        word.chars().map(|c| look_alike(c).unwrap_or(c)).collect()
    } else {
        word.to_owned()
    };
    // Digits between letters are letters: "1gn0re". Prices and models keep theirs.
    let letters = plain.chars().filter(char::is_ascii_alphabetic).count();
    let coded = plain.chars().filter(|c| digit_letter(*c).is_some()).count();
    if letters >= 3 && coded >= 1 && coded <= letters && starts_coded(&plain) {
        plain = plain.chars().map(|c| digit_letter(c).unwrap_or(c)).collect();
    }
    plain
}

/// A digit stands before a letter and, if it is not the first, behind one.
fn starts_coded(word: &str) -> bool {
    let letters: Vec<char> = word
        .trim_matches(|c: char| c.is_ascii_punctuation() && c != '@' && c != '$')
        .chars()
        .collect();
    letters.windows(2).any(|two| digit_letter(two[0]).is_some() && two[1].is_ascii_alphabetic())
        && letters.last().is_some_and(|last| !last.is_ascii_digit())
        && !word.contains("://")
        && !(word.contains('@') && word.contains('.'))
}

fn digit_letter(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        _ => return None,
    })
}

/// Letters of Greek and Cyrillic that look like a Latin one.
fn look_alike(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' | 'ɑ' => 'a',
        'в' | 'ь' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' | 'є' => 'e',
        'ғ' => 'f',
        'ɡ' | 'ց' => 'g',
        'һ' | 'н' | 'η' => 'h',
        'і' | 'ι' | 'ї' | 'ı' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' | 'ⅼ' => 'l',
        'м' => 'm',
        'ո' | 'п' => 'n',
        'о' | 'ο' | 'σ' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ᴦ' => 'r',
        'ѕ' | 'ꜱ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        _ => return None,
    })
}

/// "i g n o r e" and "i.g.n.o.r.e" are one word.
fn join_spaced(words: Vec<String>) -> (Vec<String>, bool) {
    let mut out: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut joined = false;
    let mut flush = |run: &mut String, out: &mut Vec<String>| {
        if run.chars().count() >= 4 {
            joined = true;
            out.push(std::mem::take(run));
        } else {
            out.extend(std::mem::take(run).chars().map(String::from));
        }
    };
    for word in words {
        let mut letters = word.chars();
        if let (Some(one), None) = (letters.next(), letters.next())
            && one.is_alphabetic()
            && one.is_ascii()
        {
            run.push(one);
            continue;
        }
        flush(&mut run, &mut out);
        let dotted: Vec<&str> =
            word.split(['.', '-', '_', '*', '|']).filter(|part| !part.is_empty()).collect();
        if dotted.len() >= 4 && dotted.iter().all(|part| part.chars().count() == 1) {
            out.push(dotted.concat());
        } else {
            out.push(word);
        }
    }
    flush(&mut run, &mut out);
    (out, joined)
}

/// The text without invisible letters; what the invisible "tag" letters spell; how many were removed.
fn without_invisible(text: &str) -> (String, String, usize) {
    let (mut visible, mut invisible, mut removed) =
        (String::with_capacity(text.len()), String::new(), 0);
    for c in text.chars() {
        match c as u32 {
            code @ 0xe0020..=0xe007e => invisible.extend(char::from_u32(code - 0xe0000)),
            0xad
            | 0x34f
            | 0x61c
            | 0x180e
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x2064
            | 0x2066..=0x206f
            | 0xfeff
            | 0xe0000..=0xe007f => {
                removed += 1;
            }
            _ => visible.push(c),
        }
    }
    (visible, invisible, removed)
}

/// What base64 and hex inside the text say, where it is text.
fn encoded(text: &str) -> Vec<String> {
    let code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    text.split(|c| !code(c))
        .map(|word| word.trim_end_matches('='))
        .filter(|word| word.len() >= 16)
        .take(32)
        .filter_map(|word| {
            let bytes = STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word)).ok();
            let readable = |bytes: Vec<u8>| {
                let text = String::from_utf8(bytes).ok()?;
                let letters =
                    text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).count();
                (letters * 10 >= text.chars().count() * 8).then_some(text)
            };
            unhex(word).and_then(readable).or_else(|| bytes.and_then(readable))
        })
        .collect()
}

fn unhex(word: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        word.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|two| two[0] * 16 + two[1]).collect())
}

fn rot13(c: char) -> char {
    let turn = |c: char, first: u8| char::from((c as u8 - first + 13) % 26 + first);
    match c {
        'a'..='z' => turn(c, b'a'),
        _ => c,
    }
}
