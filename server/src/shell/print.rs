//! Everything that the command line writes for people. A reader that went away is no error.

use std::fmt::Write as _;
use std::io::{Write as _, stderr, stdout};

/// Writes a line.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout().lock(), "{text}");
}

/// Writes a line beside the output: errors, hints, progress.
pub(crate) fn error(text: &str) {
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Writes names and values, the values below each other.
pub(crate) fn facts<N: AsRef<str>, V: AsRef<str>>(facts: &[(N, V)]) {
    fact_lines(facts).iter().for_each(|text| line(text));
}

/// Names and values, the values below each other.
pub(crate) fn fact_lines<N: AsRef<str>, V: AsRef<str>>(facts: &[(N, V)]) -> Vec<String> {
    let width = facts.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    let mut out = Vec::new();
    for (name, value) in facts {
        let mut lines = value.as_ref().lines();
        let first = lines.next().unwrap_or_default();
        out.push(format!("  {:width$}  {first}", name.as_ref()).trim_end().to_owned());
        out.extend(lines.map(|more| format!("  {:width$}  {more}", "")));
    }
    out
}

/// What the clock on the wall says, for screens that are redrawn.
#[expect(clippy::disallowed_methods, reason = "a screen shows when it was drawn")]
pub(crate) fn time_of_day() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}

/// Digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// An amount in millionths, with two decimals or as many as it needs.
pub(crate) fn amount(micros: i128) -> String {
    let units = micros.unsigned_abs() / 1_000_000;
    let mut text = if micros < 0 { "-".to_owned() } else { String::new() };
    match u64::try_from(units) {
        Ok(units) => text.push_str(&grouped(units)),
        Err(_) => text.push_str(&units.to_string()),
    }
    let rest = format!("{:06}", micros.unsigned_abs() % 1_000_000);
    let decimals = rest.trim_end_matches('0').len().max(2);
    let _ = write!(text, ".{}", &rest[..decimals]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(69_659), "69 659");
        assert_eq!(grouped(1_000_000), "1 000 000");
    }

    #[test]
    fn amounts_have_as_many_decimals_as_they_need() {
        assert_eq!(amount(0), "0.00");
        assert_eq!(amount(-5_000), "-0.005");
        assert_eq!(amount(2_500_315_630_000), "2 500 315.63");
        assert_eq!(amount(1_000_001), "1.000001");
    }
}
