//! How alike two words or names are, 0 to 1.

use std::collections::BTreeSet;

use rapidfuzz::distance::{jaro_winkler, osa};

use super::normal::{is_number, pieces};

/// How well a typed word stands for a word of a name. Numbers are right or wrong.
pub(super) fn words(typed: &str, name: &str) -> f32 {
    if typed == name {
        return 1.0;
    }
    if is_number(typed) || is_number(name) {
        return 0.0;
    }
    let (typed_len, name_len) = (typed.chars().count(), name.chars().count());
    let share = ratio(typed_len, name_len);
    if typed_len >= 2 && name.starts_with(typed) {
        return 0.62 + 0.38 * share;
    }
    if name_len >= 3 && typed.starts_with(name) && typed_len - name_len <= 2 {
        return 0.92;
    }
    let longest = typed_len.max(name_len);
    let edits = osa::distance(typed.chars(), name.chars());
    if edits * 3 <= longest && longest >= 3 {
        return 1.0 - 0.95 * ratio(edits, longest);
    }
    if typed_len >= 2 && abbreviates(typed, name) {
        return 0.5 + 0.3 * share;
    }
    let near = jaro(typed, name);
    if near > 0.88 && longest >= 5 { 0.75 * near } else { 0.0 }
}

/// Same first letter, and the others occur in order: "smsng" for "samsung".
fn abbreviates(typed: &str, name: &str) -> bool {
    let mut letters = name.chars();
    typed.chars().next() == name.chars().next()
        && typed.chars().all(|c| letters.any(|other| other == c))
}

#[expect(clippy::cast_possible_truncation, reason = "a similarity needs no double precision")]
pub(super) fn jaro(a: &str, b: &str) -> f32 {
    jaro_winkler::similarity(a.chars(), b.chars()) as f32
}

/// Shared pieces of three letters (Dice).
pub(super) fn dice(a: &str, b: &str) -> f32 {
    let (a, b): (BTreeSet<u32>, BTreeSet<u32>) =
        (pieces(a).into_iter().collect(), pieces(b).into_iter().collect());
    if a.is_empty() && b.is_empty() {
        return 0.0;
    }
    2.0 * ratio(a.intersection(&b).count(), a.len() + b.len())
}

/// `part / whole`, 0 for nothing of nothing.
#[expect(clippy::cast_precision_loss, reason = "lengths of words")]
pub(super) fn ratio(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}
