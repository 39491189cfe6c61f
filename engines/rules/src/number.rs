//! Numbers without floating-point surprises.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Millionths per unit.
const MICRO: i128 = 1_000_000;
const DECIMALS: usize = 6;
/// Amounts from here on are not amounts but mistakes.
const UNITS_END: i128 = 1_000_000_000_000_000_000;

/// An exact amount in millionths, from a JSON number or a decimal text such as `"12.50"`; rounded
/// half away from zero at the sixth decimal. `None` for anything else and beyond ±10^18.
///
/// A JSON number with a fraction counts as the shortest decimal that denotes it, so `0.1` is
/// exactly one tenth.
#[must_use]
pub fn micros(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number_micros(number),
        Value::String(text) => decimal_micros(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(crate) fn number_micros(number: &Number) -> Option<i128> {
    match integer(number) {
        Some(units) => bounded(units.checked_mul(MICRO)?),
        // `Display` of f64 writes the shortest decimal, without an exponent.
        None => decimal_micros(&number.as_f64()?.to_string()),
    }
}

fn bounded(micros: i128) -> Option<i128> {
    (micros.abs() < UNITS_END * MICRO).then_some(micros)
}

fn decimal_micros(text: &str) -> Option<i128> {
    const DIGITS_MAX: usize = 400;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if digits.len() > DIGITS_MAX || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let units: i128 = whole.parse().ok()?;
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(DECIMALS);
    let mut parts = padded.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    if fraction.as_bytes().get(DECIMALS).is_some_and(|digit| *digit >= b'5') {
        parts += 1;
    }
    let micros = bounded(units.checked_mul(MICRO)?.checked_add(parts)?)?;
    Some(if negative { -micros } else { micros })
}

/// The JSON number for an amount in millionths: an integer if it is whole, otherwise the decimal.
pub(crate) fn from_micros(micros: i128) -> Number {
    if micros % MICRO == 0
        && let Ok(whole) = i64::try_from(micros / MICRO)
    {
        return whole.into();
    }
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, parts) = (
        micros.unsigned_abs() / MICRO.unsigned_abs(),
        micros.unsigned_abs() % MICRO.unsigned_abs(),
    );
    let text = format!("{sign}{whole}.{parts:06}");
    text.parse().ok().and_then(Number::from_f64).unwrap_or_else(|| 0.into())
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Compares two JSON numbers by their exact values: no rounding of large integers.
pub(crate) fn compare(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => b.as_f64().map_or(Ordering::Equal, |b| compare_mixed(a, b)),
        (None, Some(b)) => a.as_f64().map_or(Ordering::Equal, |a| compare_mixed(b, a).reverse()),
        (None, None) => a
            .as_f64()
            .zip(b.as_f64())
            .and_then(|(a, b)| a.partial_cmp(&b))
            .unwrap_or(Ordering::Equal),
    }
}

/// `integer` is one of 64 bits, so anything beyond 2^65 is decided by its sign.
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float <= -BEYOND {
        return Ordering::Greater;
    }
    // Exact: the whole part of such a float fits 128 bits.
    let whole = float.trunc() as i128;
    integer.cmp(&whole).then_with(|| 0.0.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

/// The one form of a number: `3.0` becomes `3`, so that equal conditions look equal.
pub(crate) fn normal(number: Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if !(number.is_i64() || number.is_u64()) => {
            if float.fract() == 0.0 && float.abs() < EXACT { (float as i64).into() } else { number }
        }
        Some(_) | None => number,
    }
}
