//! Cards, bank accounts and telephone numbers: runs of digits with a meaning.

use std::ops::Range;

/// A run of digits with single separators between them.
struct Run {
    span: Range<usize>,
    digits: Vec<u8>,
    /// Digits in each group between separators.
    groups: Vec<usize>,
    /// Begins with "+" or "(".
    plus: bool,
    bracket: bool,
}

/// Runs of digits, joined over at most two of the given separators at a time.
fn runs(text: &str, separators: &[u8]) -> Vec<Run> {
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let inside_word = at > 0
            && (bytes[at - 1].is_ascii_alphanumeric()
                || bytes[at - 1] >= 0x80
                || bytes[at - 1] == b'_');
        if !bytes[at].is_ascii_digit() || inside_word {
            at += 1;
            continue;
        }
        let run = run_at(bytes, at, separators);
        at = run.span.end.max(at + 1);
        runs.push(run);
    }
    runs
}

fn run_at(bytes: &[u8], start: usize, separators: &[u8]) -> Run {
    let (mut digits, mut groups) = (Vec::new(), vec![0]);
    let (mut at, mut end) = (start, start);
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            if at > end {
                groups.push(0);
            }
            digits.push(bytes[at] - b'0');
            if let Some(last) = groups.last_mut() {
                *last += 1;
            }
            end = at + 1;
        } else if !separators.contains(&bytes[at]) || at + 1 - end > 2 {
            break;
        }
        at += 1;
    }
    let mut begin = start;
    let bracket = begin > 0 && bytes[begin - 1] == b'(';
    begin -= usize::from(bracket);
    let plus = begin > 0 && bytes[begin - 1] == b'+';
    begin -= usize::from(plus);
    Run { span: begin..end, digits, groups, plus, bracket }
}

/// Whether the run ends where a number ends, not in a word, a decimal or a date.
fn ends_clean(text: &str, run: &Run) -> bool {
    let mut after = text[run.span.end..].chars();
    let next = after.next();
    let goes_on =
        matches!(next, Some('.' | ',')) && after.next().is_some_and(|c| c.is_ascii_digit());
    !next.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '%') && !goes_on
}

pub(super) fn cards(text: &str) -> Vec<Range<usize>> {
    let is_card = |run: &Run| {
        let length = (13..=19).contains(&run.digits.len());
        let grouped = run.groups.len() == 1 || run.groups.iter().all(|size| (2..=6).contains(size));
        let varied = run.digits.iter().any(|digit| *digit != run.digits[0]);
        length
            && grouped
            && varied
            && run.digits[0] != 0
            && luhn(&run.digits)
            && ends_clean(text, run)
    };
    runs(text, b" -").into_iter().filter(is_card).map(|run| run.span).collect()
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit) * 2) {
            (0, _) => u32::from(*digit),
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Telephone numbers: international ones, and national ones written as such. A bare number of an order
/// is not one.
pub(super) fn phones(text: &str) -> Vec<Range<usize>> {
    let is_phone = |run: &Run| {
        let count = run.digits.len();
        let international = run.plus || run.digits.starts_with(&[0, 0]);
        let national = run.digits[0] == 0
            && run.digits.get(1).is_some_and(|second| *second != 0)
            && count >= 9;
        let grouped = matches!(
            run.groups.as_slice(),
            [3, 3, 4]
                | [1, 3, 3, 4]
                | [3, 7]
                | [5, 5]
                | [5, 6]
                | [3, 3, 3]
                | [2, 2, 2, 2, 2]
                | [2, 4, 4]
                | [4, 4, 3]
                | [2, 5, 4]
                | [3, 4, 4]
        );
        let dated = matches!(run.groups.as_slice(), [4, 2, 2] | [2, 2, 4] | [4, 2, 2, ..]);
        let shaped = international && (8..=16).contains(&count)
            || national && count <= 13
            || (grouped || run.bracket && run.groups.len() >= 2) && (9..=13).contains(&count);
        shaped && !dated && ends_clean(text, run) && !is_decimal(text, run)
    };
    runs(text, b" -.()/").into_iter().filter(is_phone).map(|run| run.span).collect()
}

/// "0.123456789" and "1.234.567.890" are amounts.
fn is_decimal(text: &str, run: &Run) -> bool {
    let body = &text[run.span.clone()];
    let dots = body.matches('.').count();
    !run.plus
        && dots > 0
        && body.chars().all(|c| c.is_ascii_digit() || c == '.')
        && (dots == 1 || run.groups.iter().skip(1).all(|size| *size == 3))
}

/// Country, check digits and up to thirty letters and digits, in groups or not; the checksum decides.
pub(super) fn ibans(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    for start in 0..bytes.len().saturating_sub(14) {
        let head = &bytes[start..start + 4];
        let begins = head[..2].iter().all(u8::is_ascii_alphabetic)
            && head[2..].iter().all(u8::is_ascii_digit);
        let inside =
            start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] >= 0x80);
        if !begins || inside || found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        if let Some(end) = iban_end(bytes, start) {
            found.push(start..end);
        }
    }
    found
}

/// The longest end at which the checksum is right.
fn iban_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut compact = Vec::new();
    let mut right = None;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        if byte.is_ascii_alphanumeric() {
            compact.push(byte.to_ascii_uppercase());
            let ends = !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
            if ends && (15..=34).contains(&compact.len()) && checksum(&compact) {
                right = Some(at + 1);
            }
        } else if !matches!(byte, b' ' | b'-') || !bytes[at - 1].is_ascii_alphanumeric() {
            break;
        }
        if compact.len() > 34 {
            break;
        }
    }
    right
}

fn checksum(iban: &[u8]) -> bool {
    let rotated = iban[4..].iter().chain(&iban[..4]);
    let rest = rotated.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}
