use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::RowProblem;
use crate::formats::json::scalar;

const TEXT_CHARS_MAX: usize = 200_000;
const LIST_MAX: usize = 1_000;

/// The values of a row by the names of their columns, and what is wrong with them.
pub(super) struct Fields<'a> {
    row: u32,
    /// The column's name as it is compared, as it is written, and the value.
    values: Vec<(String, &'a str, &'a Value)>,
    read: BTreeSet<&'a str>,
    problems: Vec<RowProblem>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(row: u32, object: &'a Map<String, Value>) -> Self {
        let values =
            object.iter().map(|(name, value)| (plain(name), name.as_str(), value)).collect();
        Self { row, values, read: BTreeSet::new(), problems: Vec::new() }
    }

    /// Columns that nobody asked for, and the problems.
    pub(super) fn finish(self) -> (Vec<String>, Vec<RowProblem>) {
        let unread = self.values.iter().map(|(_, name, _)| *name);
        let unread = unread.filter(|name| !self.read.contains(name)).map(str::to_owned).collect();
        (unread, self.problems)
    }

    /// The first of these columns that has a value.
    fn find(&mut self, names: &[&str]) -> Option<(&'a str, &'a Value)> {
        let mut found = None;
        for wanted in names {
            for (plain, name, value) in &self.values {
                if plain == wanted {
                    self.read.insert(name);
                    let empty =
                        value.is_null() || value.as_str().is_some_and(|t| t.trim().is_empty());
                    if found.is_none() && !empty {
                        found = Some((*name, *value));
                    }
                }
            }
        }
        found
    }

    pub(super) fn invalid(&mut self, column: &str, message: impl Into<String>) {
        self.problem(column, "row_field_invalid", message.into());
    }

    fn problem(&mut self, column: &str, code: &'static str, message: String) {
        let column = Some(column.to_owned());
        self.problems.push(RowProblem { row: self.row, column, code, message });
    }

    pub(super) fn text(&mut self, names: &[&str]) -> Option<String> {
        let (name, value) = self.find(names)?;
        let text = match value {
            Value::Array(_) | Value::Object(_) => {
                self.invalid(name, "must be a text");
                return None;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(value),
        };
        let text = text.trim().to_owned();
        if text.chars().count() > TEXT_CHARS_MAX {
            self.invalid(name, format!("must have at most {TEXT_CHARS_MAX} characters"));
            return None;
        }
        Some(text)
    }

    pub(super) fn needed(&mut self, names: &[&str]) -> Option<String> {
        let before = self.problems.len();
        let text = self.text(names);
        if text.is_none() && self.problems.len() == before {
            let column = names.first().copied().unwrap_or_default();
            let message = format!("needs a value ({})", names.join(" or "));
            self.problem(column, "row_field_missing", message);
        }
        text
    }

    /// A JSON array, or a text with `|`, `;` or `,` between its parts.
    pub(super) fn list(&mut self, names: &[&str]) -> Vec<String> {
        let Some((name, value)) = self.find(names) else { return Vec::new() };
        let texts: Vec<String> = match value {
            Value::Array(items)
                if items.iter().all(|item| !item.is_array() && !item.is_object()) =>
            {
                items.iter().map(scalar).collect()
            }
            Value::Array(_) | Value::Object(_) => {
                self.invalid(name, "must be a list of texts");
                return Vec::new();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let text = scalar(value);
                let mark = ['|', ';', '\n'].into_iter().find(|mark| text.contains(*mark));
                text.split(mark.unwrap_or(',')).map(str::to_owned).collect()
            }
        };
        let texts: Vec<String> = texts
            .iter()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect();
        if texts.len() > LIST_MAX {
            self.invalid(name, format!("must have at most {LIST_MAX} parts"));
            return Vec::new();
        }
        texts
    }

    pub(super) fn integer(&mut self, names: &[&str], least: i64, most: i64) -> Option<i64> {
        let (name, value) = self.find(names)?;
        let number = scalar(value).trim().parse::<i64>().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.invalid(name, format!("must be a whole number from {least} to {most}"));
        }
        number
    }

    /// A price in millionths, and the currency if it stands beside the number.
    pub(super) fn money(&mut self, names: &[&str]) -> Option<(i64, Option<String>)> {
        let (name, value) = self.find(names)?;
        let price = price(&scalar(value));
        if price.is_none() {
            self.invalid(name, "must be a price like 1234.50, with at most 6 decimals");
        }
        price
    }

    /// Milliseconds since 1970: an instant as in RFC 3339, or a date (its first moment in UTC).
    pub(super) fn time(&mut self, names: &[&str]) -> Option<i64> {
        let (name, value) = self.find(names)?;
        let text = scalar(value);
        let text = text.trim();
        let date = || {
            let date: jiff::civil::Date = text.parse().ok()?;
            let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(zoned.timestamp().as_millisecond())
        };
        let time = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        let time = time.or_else(date);
        if time.is_none() {
            self.invalid(
                name,
                "must be a date like 2026-01-31 or an instant like 2026-01-31T12:00:00Z",
            );
        }
        time
    }

    /// The `metadata` object (or its text), and the columns `metadata.…`.
    pub(super) fn metadata(&mut self) -> String {
        let mut object = Map::new();
        if let Some((name, value)) = self.find(&["metadata"]) {
            let parsed = match value {
                Value::String(text) => serde_json::from_str(text).ok(),
                Value::Object(given) => Some(given.clone()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
            };
            match parsed {
                Some(parsed) => object = parsed,
                None => self.invalid(name, "must be a JSON object"),
            }
        }
        for (plain, name, value) in &self.values {
            if let Some(key) = plain.strip_prefix("metadata.") {
                self.read.insert(name);
                object.insert(key.to_owned(), (*value).clone());
            }
        }
        if object.is_empty() { String::new() } else { Value::Object(object).to_string() }
    }
}

/// `External ID` and `externalId` and `external_id` are one column.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut before = ' ';
    for letter in name.trim().chars() {
        match letter {
            ' ' | '-' | '_' => plain.push('_'),
            upper if upper.is_uppercase() => {
                if before.is_lowercase() {
                    plain.push('_');
                }
                plain.extend(upper.to_lowercase());
            }
            other => plain.push(other),
        }
        before = letter;
    }
    plain
}

/// Exact: `1234.5`, `1,234.50`, `1.234,50`, `€ 12`, `12 EUR`.
fn price(text: &str) -> Option<(i64, Option<String>)> {
    let mut currency = None;
    let mut digits = String::new();
    let word: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    if word.len() == 3 {
        currency = Some(word.to_ascii_uppercase());
    } else if !word.is_empty() {
        return None;
    }
    for letter in text.chars() {
        match letter {
            '0'..='9' | '.' | ',' => digits.push(letter),
            '€' => currency = Some("EUR".to_owned()),
            '£' => currency = Some("GBP".to_owned()),
            '$' => currency = currency.or(Some("USD".to_owned())),
            other if other.is_whitespace() || other == '\'' || other.is_ascii_alphabetic() => {}
            _ => return None,
        }
    }
    Some((micros(&digits)?, currency))
}

fn micros(digits: &str) -> Option<i64> {
    let last = digits.rfind(['.', ',']);
    let decimal = last.filter(|at| {
        let mark = &digits[*at..=*at];
        // `1,234` and `1.234.567` have marks of thousands only.
        let groups =
            digits.len() - at - 1 == 3 && (mark == "," || digits.matches(mark).count() > 1);
        digits.matches(mark).count() == 1 && !groups
    });
    let (whole, fraction) = match decimal {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, ""),
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    if fraction.len() > 6 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<(i64, Option<&str>)>) {
        let want = want.map(|(micros, currency)| (micros, currency.map(str::to_owned)));
        assert_eq!(price(text), want, "{text}");
    }

    #[test]
    fn prices_are_exact() {
        check("1234.5", Some((1_234_500_000, None)));
        check("1,234.50", Some((1_234_500_000, None)));
        check("1.234,50 €", Some((1_234_500_000, Some("EUR"))));
        check("$0.000001", Some((1, Some("USD"))));
        check("1'000 CHF", Some((1_000_000_000, Some("CHF"))));
        check("1.234.567", Some((1_234_567_000_000, None)));
        check("12,345", Some((12_345_000_000, None)));
        check("1.2345678", None);
        check("free", None);
        check("-1", None);
        check("", None);
        check("99999999999999999999", None);
    }

    #[test]
    fn column_names_are_compared_plainly() {
        for name in ["External ID", "externalId", "external_id", "External-Id"] {
            assert_eq!(plain(name), "external_id");
        }
    }
}
