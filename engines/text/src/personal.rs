//! Finds personal data and secrets in a text and takes them out, before it goes to a model or a log.
//!
//! What it finds: e-mail addresses, telephone numbers, payment cards (checksum), bank accounts (IBAN,
//! checksum), and what looks like a password, a key or a token. What it does not find: names,
//! addresses, dates of birth; those need more than the shape of the letters.

use std::ops::Range;

use serde::{Deserialize, Serialize};

mod numbers;
mod secrets;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A password, key or token.
    Secret,
    /// An e-mail address.
    Email,
    /// An international bank account number with a right checksum.
    Iban,
    /// A payment card number with a right checksum.
    Card,
    /// A telephone number.
    Phone,
}

impl Kind {
    /// What stands in its place.
    #[must_use]
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Secret => "[secret]",
            Self::Email => "[email]",
            Self::Iban => "[iban]",
            Self::Card => "[card]",
            Self::Phone => "[phone]",
        }
    }
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the original text.
    pub span: Range<usize>,
}

/// A text without its personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redacted {
    /// The text with placeholders.
    pub text: String,
    /// What was taken out, in order.
    pub found: Vec<Found>,
}

/// The spans of one kind, without overlaps.
type Finder = fn(&str) -> Vec<Range<usize>>;

/// What a text holds, in order and without overlaps.
#[must_use]
pub fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    // Kinds are tried from the surest to the vaguest. What one has found is masked for the next, byte
    // for byte, with what will stand there: a bracket.
    let mut masked = text.to_owned();
    let kinds: [(Kind, Finder); 5] = [
        (Kind::Secret, secrets::find),
        (Kind::Email, emails),
        (Kind::Iban, numbers::ibans),
        (Kind::Card, numbers::cards),
        (Kind::Phone, numbers::phones),
    ];
    for (kind, finder) in kinds {
        for span in finder(&masked) {
            masked.replace_range(span.clone(), &format!("[{}", "]".repeat(span.len() - 1)));
            all.push(Found { kind, span });
        }
    }
    all.sort_by_key(|found| found.span.start);
    all
}

/// Replaces everything `find` finds.
#[must_use]
pub fn redact(text: &str) -> Redacted {
    let found = find(text);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for Found { kind, span } in &found {
        out.push_str(&text[done..span.start]);
        out.push_str(kind.placeholder());
        done = span.end;
    }
    out.push_str(&text[done..]);
    Redacted { text: out, found }
}

fn emails(text: &str) -> Vec<Range<usize>> {
    let local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'');
    let domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let before = &text[..at];
        let start = before
            .rfind(|c| !local(c))
            .map_or(0, |last| last + before[last..].chars().next().map_or(1, char::len_utf8));
        let start = start + text[start..at].len()
            - text[start..at].trim_start_matches(['.', '\'', '-']).len();
        let after = &text[at + 1..];
        let length = after.find(|c| !domain(c)).unwrap_or(after.len());
        let host = after[..length].trim_end_matches(['.', '-']);
        let ends_well = host.rsplit_once('.').is_some_and(|(name, top)| {
            !name.is_empty() && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)
        });
        if start < at && ends_well {
            found.push(start..at + 1 + host.len());
        }
    }
    found
}
