use std::borrow::Cow;

use minicbor::{Decode, Encode};
use serde::Serialize;

/// One thing that is wrong with a rule or with the definition of a computed trait.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Problem {
    /// Where, as an RFC 6901 pointer into the document (`""` is the whole document).
    #[n(0)]
    pub pointer: String,
    /// What, as a stable code: one of [`codes`].
    #[n(1)]
    pub code: Cow<'static, str>,
    /// What to do about it, for a person.
    #[n(2)]
    pub message: String,
}

/// The stable codes of [`Problem`]. Part of the public interface.
pub mod codes {
    /// The text is not JSON.
    pub const INVALID_JSON: &str = "invalid_json";
    /// The text is longer than [`crate::TEXT_BYTES_MAX`].
    pub const TOO_LARGE: &str = "too_large";
    /// Conditions are nested deeper than [`crate::DEPTH_MAX`].
    pub const TOO_DEEP: &str = "too_deep";
    /// There are more conditions than [`crate::NODES_MAX`].
    pub const TOO_MANY_NODES: &str = "too_many_nodes";
    /// An object has the same key twice.
    pub const DUPLICATE_KEY: &str = "duplicate_key";
    /// An object has a key that means nothing there.
    pub const UNKNOWN_KEY: &str = "unknown_key";
    /// An object lacks a key that it must have.
    pub const MISSING_KEY: &str = "missing_key";
    /// Two keys cannot stand together.
    pub const CONFLICTING_KEYS: &str = "conflicting_keys";
    /// An object is no condition: it has none of the keys that begin one.
    pub const UNKNOWN_CONDITION: &str = "unknown_condition";
    /// An object has two of the keys that begin a condition.
    pub const AMBIGUOUS_CONDITION: &str = "ambiguous_condition";
    /// A group has no conditions.
    pub const EMPTY_GROUP: &str = "empty_group";
    /// A condition on a value has no operator.
    pub const MISSING_OPERATOR: &str = "missing_operator";
    /// A value is of the wrong JSON type.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// A list has too few or too many items.
    pub const WRONG_LENGTH: &str = "wrong_length";
    /// A text is empty or too long, or a name has characters that it must not have.
    pub const INVALID_TEXT: &str = "invalid_text";
    /// A number is outside the range allowed there.
    pub const NUMBER_OUT_OF_RANGE: &str = "number_out_of_range";
    /// `at_least` is above `at_most`, or the range holds every number.
    pub const INVALID_RANGE: &str = "invalid_range";
    /// A text is no duration such as `30d`, or one outside the range allowed there.
    pub const INVALID_DURATION: &str = "invalid_duration";
    /// A text is no date or time of ISO 8601.
    pub const INVALID_TIME: &str = "invalid_time";
    /// `{"field": …}` names something that profiles do not have.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// `{"computed": …}` names a computed trait that the tenant does not have.
    pub const UNKNOWN_COMPUTED: &str = "unknown_computed";
    /// An event's property is compared with the clock, which is not known when it arrives.
    pub const RELATIVE_TIME_IN_WHERE: &str = "relative_time_in_where";

    /// All of them.
    pub const ALL: [&str; 22] = [
        INVALID_JSON,
        TOO_LARGE,
        TOO_DEEP,
        TOO_MANY_NODES,
        DUPLICATE_KEY,
        UNKNOWN_KEY,
        MISSING_KEY,
        CONFLICTING_KEYS,
        UNKNOWN_CONDITION,
        AMBIGUOUS_CONDITION,
        EMPTY_GROUP,
        MISSING_OPERATOR,
        WRONG_TYPE,
        WRONG_LENGTH,
        INVALID_TEXT,
        NUMBER_OUT_OF_RANGE,
        INVALID_RANGE,
        INVALID_DURATION,
        INVALID_TIME,
        UNKNOWN_FIELD,
        UNKNOWN_COMPUTED,
        RELATIVE_TIME_IN_WHERE,
    ];
}

/// An RFC 6901 pointer under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pointer(String);

impl Pointer {
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(format!("{}/{}", self.0, key.replace('~', "~0").replace('/', "~1")))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }
}

/// Collects problems, so that parsing can go on after the first one.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, at: &Pointer, code: &'static str, message: impl Into<String>) {
        self.0.push(Problem { pointer: at.0.clone(), code: code.into(), message: message.into() });
    }

    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(self.0),
        }
    }
}

/// The candidate that `word` was probably meant to be: at most two slips away.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    const SLIPS_MAX: usize = 2;
    const LENGTH_MAX: usize = 64;
    if word.len() > LENGTH_MAX {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(slips, candidate)| *slips <= SLIPS_MAX && *slips < candidate.len().max(2) - 1)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The distance of Levenshtein over characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
