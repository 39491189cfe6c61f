//! A burst of messages split into the things asked.
//!
//! Sentences first, then clauses: a conjunction separates only where what follows begins like an asking
//! of its own ("... and when does it arrive", "... und stornieren Sie"), so that "black and white" and
//! "terms and conditions" stay whole.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::split::openers::{joins, opens_clause, small_talk};

mod openers;

/// What an asking looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Ends in a question mark or begins with a question word.
    Question,
    /// Anything else that is said: a wish, a complaint, a fact.
    Statement,
    /// A greeting, thanks or a goodbye, and nothing more.
    SmallTalk,
}

/// One thing asked or said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Which message of the burst it begins in.
    pub message: usize,
    /// Bytes of that message. An asking that runs on into the next message ends with this one's end.
    pub span: Range<usize>,
    /// The words.
    pub text: String,
    /// What it looks like.
    pub kind: Kind,
}

/// Splits a burst, in order. Small talk is left out unless there is nothing else.
#[must_use]
pub fn split(burst: &[&str]) -> Vec<Asking> {
    let mut askings: Vec<Asking> = Vec::new();
    for (message, text) in burst.iter().enumerate() {
        let mut pieces = sentences(text).into_iter().flat_map(|sentence| clauses(text, sentence));
        if let Some(last) = askings.last_mut()
            && last.message + 1 == message
            && runs_on(&last.text)
            && let Some(first) = pieces.next()
        {
            last.text.push(' ');
            last.text.push_str(&text[first]);
            last.kind = kind_of(&last.text);
        }
        askings.extend(pieces.map(|span| {
            let text = text[span.clone()].to_owned();
            Asking { message, span, kind: kind_of(&text), text }
        }));
    }
    let asked = askings.iter().any(|asking| asking.kind != Kind::SmallTalk);
    askings.retain(|asking| !asked || asking.kind != Kind::SmallTalk);
    askings
}

/// A message cut off in the middle: "where is my" / "order".
fn runs_on(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default().to_lowercase();
    matches!(
        last.as_str(),
        "my" | "the"
            | "a"
            | "an"
            | "is"
            | "are"
            | "and"
            | "or"
            | "to"
            | "of"
            | "for"
            | "with"
            | "your"
            | "mein"
            | "meine"
            | "der"
            | "die"
            | "das"
            | "und"
            | "mi"
            | "el"
            | "la"
            | "y"
            | "le"
            | "et"
            | "mon"
            | "ma"
    )
}

/// Ranges of the sentences, without white space around them.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    for (at, &(byte, c)) in letters.iter().enumerate() {
        let next = letters.get(at + 1).map(|(_, next)| *next);
        let ends = match c {
            '\n' | ';' | '。' | '？' | '！' | '؟' | '।' => true,
            '?' | '!' | '…' => {
                !next.is_some_and(|next| matches!(next, '?' | '!' | '.' | '"' | ')'))
            }
            '.' => next.is_none_or(char::is_whitespace) && !abbreviates(&text[start..byte]),
            _ => false,
        };
        if ends {
            let end = byte + c.len_utf8();
            push_trimmed(&mut found, text, start..end);
            start = end;
        }
    }
    push_trimmed(&mut found, text, start..text.len());
    found
}

/// A full stop after these ends no sentence; nor does one after a list number or an initial.
fn abbreviates(before: &str) -> bool {
    let last = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let short = matches!(
        last.as_str(),
        "mr" | "mrs"
            | "ms"
            | "dr"
            | "st"
            | "no"
            | "nr"
            | "e.g"
            | "i.e"
            | "z.b"
            | "bzw"
            | "ca"
            | "approx"
            | "vs"
            | "inc"
            | "ltd"
    );
    let initial = last.chars().count() == 1 && last.chars().all(char::is_alphabetic);
    let list_number = !last.is_empty()
        && last.len() <= 2
        && before.trim() == last
        && last.chars().all(char::is_numeric);
    short || initial || list_number
}

/// "2. refund it" without its number.
fn without_list_number(body: &str) -> &str {
    let rest = body.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = body.len() - rest.len();
    match rest.strip_prefix(['.', ')']) {
        Some(said) if (1..=2).contains(&digits) && said.starts_with(' ') => said.trim_start(),
        _ => body,
    }
}

fn push_trimmed(found: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let whole = &text[range.clone()];
    let trim = |c: char| c.is_whitespace() || matches!(c, '-' | '*' | '•' | ',' | ';');
    let body = without_list_number(whole.trim_matches(trim));
    if body.chars().any(char::is_alphanumeric) {
        let start = range.start + whole.find(body).unwrap_or(0);
        found.push(start..start + body.len());
    }
}

/// A word of a sentence with the byte of the text where it starts.
struct Word<'a> {
    lower: String,
    start: usize,
    text: &'a str,
}

fn words(text: &str, range: Range<usize>) -> Vec<Word<'_>> {
    let base = range.start;
    let sentence = &text[range];
    let from = sentence.as_ptr().addr();
    sentence
        .split_whitespace()
        .map(|word| Word {
            lower: word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase(),
            start: base + word.as_ptr().addr() - from,
            text: word,
        })
        .collect()
}

/// The clauses of a sentence that ask on their own.
fn clauses(text: &str, sentence: Range<usize>) -> Vec<Range<usize>> {
    let words = words(text, sentence.clone());
    let mut cuts = vec![sentence.start];
    let mut since = 0;
    for at in 1..words.len() {
        let after_comma = words[at - 1].text.ends_with([',', ':'])
            || matches!(words[at - 1].text, "-" | "–" | "—");
        let joining = joins(&words[at].lower);
        // "and also please ..." : the opener may stand behind more joining words.
        let behind = words[at..].iter().take(3).take_while(|word| joins(&word.lower)).count();
        let opener = words.get(at + behind);
        let opened = opener.is_some_and(|opener| {
            opens_clause(&opener.lower, words.get(at + behind + 1).map(|word| word.lower.as_str()))
        });
        let asks_enough = at - since >= 2 && words.len() - at >= 2 + behind;
        if opened
            && asks_enough
            && (joining || after_comma)
            && !subordinate(&words[since..at], joining)
        {
            cuts.push(words[at].start);
            since = at;
        }
    }
    cuts.push(sentence.end);
    let mut found = Vec::new();
    for cut in cuts.windows(2) {
        push_trimmed(&mut found, text, without_joining(text, cut[0]..cut[1]));
    }
    found
}

/// "If it is late, can I cancel": the first part asks nothing by itself.
fn subordinate(before: &[Word<'_>], joining: bool) -> bool {
    let conditional = before.first().is_some_and(|word| {
        matches!(
            word.lower.as_str(),
            "if" | "when"
                | "because"
                | "since"
                | "as"
                | "wenn"
                | "falls"
                | "weil"
                | "si"
                | "cuando"
                | "quand"
                | "se"
                | "als"
                | "although"
        )
    });
    conditional && !joining
}

/// Takes "and", "also", "oh" off the beginning of a clause.
fn without_joining(text: &str, range: Range<usize>) -> Range<usize> {
    let all = words(text, range.clone());
    let skipped = all.iter().take_while(|word| joins(&word.lower)).count();
    match all.get(skipped) {
        Some(first) => first.start..range.end,
        None => range,
    }
}

fn kind_of(text: &str) -> Kind {
    if small_talk(text) {
        return Kind::SmallTalk;
    }
    let asks = text.contains(['?', '？', '؟']) || {
        let lower = text.to_lowercase();
        lower.split_whitespace().next().is_some_and(openers::is_question_word)
    };
    if asks { Kind::Question } else { Kind::Statement }
}
