//! A row of the table as a message of the tracking API.

use anyhow::Result;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map as Object, Number, Value, json};

use super::map::{Kind, Map, TimeFormat};
use super::rows::{Row, Rows};

/// The largest message that fits into a request with others.
const MESSAGE_BYTES_MAX: usize = 100_000;
/// Decimal digits that a 64-bit float keeps; an amount with more is sent as a text.
const EXACT_DIGITS: usize = 15;

/// Makes messages of rows.
#[derive(Clone, Debug)]
pub(crate) struct Converter {
    map: Map,
    event: String,
    content: blake3::Hash,
}

/// The positions of the mapped columns.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    user: usize,
    at: usize,
    properties: Vec<usize>,
}

/// A row that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its JSON text.
    pub(crate) json: String,
    /// Whose it is.
    pub(crate) user: String,
    /// In millionths.
    pub(crate) revenue_micros: i128,
}

impl Converter {
    pub(crate) fn new(map: Map, event: String, content: blake3::Hash) -> Self {
        Self { map, event, content }
    }

    /// Finds the mapped columns.
    pub(crate) fn columns(&self, rows: &Rows) -> Result<Columns> {
        let properties = self.map.properties.iter().map(|property| rows.column(&property.column));
        Ok(Columns {
            user: rows.column(&self.map.user)?,
            at: rows.column(&self.map.at.0)?,
            properties: properties.collect::<Result<_>>()?,
        })
    }

    /// The message of the row with this number (from 0), or why there is none.
    pub(crate) fn message(
        &self,
        columns: &Columns,
        number: u64,
        row: &Row,
    ) -> Result<Message, String> {
        let fields = row.fields.as_ref().map_err(Clone::clone)?;
        let field = |position: usize| fields.get(position).map_or("", String::as_str);
        let user = field(columns.user);
        if user.is_empty() {
            return Err(format!("the column {:?} is empty", self.map.user));
        }
        let (column, format) = &self.map.at;
        let text = field(columns.at);
        let at = moment(text, format).ok_or_else(|| {
            format!("{text:?} in the column {column:?} is not a time as described")
        })?;
        let mut properties = Object::new();
        for (property, position) in self.map.properties.iter().zip(&columns.properties) {
            let text = field(*position);
            if text.is_empty() {
                continue;
            }
            let value = match (property.kind, number_of(text)) {
                (Kind::Text, _) | (Kind::Guess, None) => Value::from(text),
                (Kind::Number | Kind::Guess, Some(value)) => value,
                (Kind::Number, None) => {
                    return Err(format!(
                        "{text:?} in the column {:?} is not a decimal number",
                        property.column
                    ));
                }
            };
            properties.insert(property.name.clone(), value);
        }
        let amount = self
            .map
            .amount()
            .and_then(|position| properties.get(&self.map.properties[position].name));
        let revenue_micros = amount.and_then(impresario_rules::micros).unwrap_or(0);
        let json = json!({
            "type": "track",
            "messageId": self.message_id(number),
            "userId": user,
            "event": self.event,
            "timestamp": at.to_string(),
            "properties": properties,
        })
        .to_string();
        if json.len() > MESSAGE_BYTES_MAX {
            return Err(format!(
                "the row makes {} bytes, at most {MESSAGE_BYTES_MAX} are sent",
                json.len()
            ));
        }
        Ok(Message { json, user: user.to_owned(), revenue_micros })
    }

    fn message_id(&self, number: u64) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.content.as_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(self.event.as_bytes());
        format!("import-{}", &hasher.finalize().to_hex()[..32])
    }
}

fn moment(text: &str, format: &TimeFormat) -> Option<Timestamp> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    match format {
        TimeFormat::Unix => {
            let micros = i64::try_from(impresario_rules::micros(&Value::from(text))?).ok()?;
            Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_micros(micros)).ok()
        }
        TimeFormat::UnixMs => Timestamp::from_millisecond(text.parse().ok()?).ok(),
        TimeFormat::Strftime(format) => {
            let time = BrokenDownTime::parse(format, text).ok()?;
            time.to_timestamp().ok().or_else(|| utc(time.to_datetime().ok()?))
        }
        TimeFormat::Guess => {
            let date = || {
                let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
                let date = digits.then(|| Date::strptime("%Y%m%d", text).ok())??;
                utc(date.to_datetime(jiff::civil::Time::midnight()))
            };
            let time = || utc(text.parse::<DateTime>().ok()?);
            text.parse::<Timestamp>().ok().or_else(time).or_else(date)
        }
    }
}

/// A decimal number as JSON: a number where a 64-bit float keeps every digit, otherwise a text, of
/// which the server takes every digit. `None` for anything else, also for `007`, which is a name.
fn number_of(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    if whole.len() + fraction.len() > EXACT_DIGITS {
        return Some(Value::from(text));
    }
    text.parse::<Number>().ok().map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converter(map: &str) -> Converter {
        Converter::new(
            Map::parse(map).unwrap(),
            "Order Completed".to_owned(),
            blake3::hash(b"file"),
        )
    }

    fn message(map: &str, number: u64, fields: &[&str]) -> Result<Message, String> {
        let columns = Columns { user: 0, at: 1, properties: (2..fields.len().max(2)).collect() };
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        converter(map).message(&columns, number, &Row { line: number + 2, fields: Ok(fields) })
    }

    #[track_caller]
    fn check(map: &str, fields: &[&str], at: &str, properties: Value, revenue_micros: i128) {
        let made = message(map, 0, fields).unwrap();
        let json: Value = serde_json::from_str(&made.json).unwrap();
        assert_eq!((&json["timestamp"], &json["properties"]), (&Value::from(at), &properties));
        assert_eq!(
            (made.revenue_micros, json["userId"].as_str()),
            (revenue_micros, Some(fields[0]))
        );
        assert_eq!(json.get("sentAt"), None);
    }

    #[track_caller]
    fn refused(map: &str, fields: &[&str], why: &str) {
        let error = message(map, 0, fields).unwrap_err();
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }

    #[test]
    fn a_row_becomes_a_message() {
        check(
            "user=c,at=d:%Y%m%d,revenue=v,quantity=q",
            &["00001", "19970101", "11.77", "1"],
            "1997-01-01T00:00:00Z",
            json!({"revenue": 11.77, "quantity": 1}),
            11_770_000,
        );
        check(
            "user=c,at=d,revenue=v",
            &["u", "2025-02-28", "-5"],
            "2025-02-28T00:00:00Z",
            json!({"revenue": -5}),
            -5_000_000,
        );
        check(
            "user=c,at=d,n=v",
            &["u", "20250228", "x y"],
            "2025-02-28T00:00:00Z",
            json!({"n": "x y"}),
            0,
        );
        check(
            "user=c,at=d,n=v",
            &["u", "2025-02-28 10:30", "007"],
            "2025-02-28T10:30:00Z",
            json!({"n": "007"}),
            0,
        );
        check(
            "user=c,at=d,n=v:text",
            &["u", "2025-02-28T10:30:00+02:00", "7"],
            "2025-02-28T08:30:00Z",
            json!({"n": "7"}),
            0,
        );
        check(
            "user=c,at=d:unix,n=v",
            &["u", "852076800", ""],
            "1997-01-01T00:00:00Z",
            json!({}),
            0,
        );
        check(
            "user=c,at=d:unix_ms",
            &["u", "852076800123"],
            "1997-01-01T00:00:00.123Z",
            json!({}),
            0,
        );
        check(
            "user=c,at=d:%d.%m.%Y %H:%M",
            &["u", "31.12.2024 23:59"],
            "2024-12-31T23:59:00Z",
            json!({}),
            0,
        );
    }

    #[test]
    fn an_amount_keeps_every_digit() {
        let text = "123456789012345.678901";
        check(
            "user=c,at=d,revenue=v",
            &["u", "20250101", text],
            "2025-01-01T00:00:00Z",
            json!({"revenue": text}),
            123_456_789_012_345_678_901,
        );
        for cents in 0..2_000_i128 {
            let text = format!("{}.{:02}", cents / 100, cents % 100);
            let made = message("user=c,at=d,revenue=v", 0, &["u", "20250101", &text]).unwrap();
            assert_eq!(made.revenue_micros, cents * 10_000);
        }
    }

    #[test]
    fn a_row_that_cannot_be_sent_says_why() {
        refused("user=c,at=d", &["", "20250101"], "is empty");
        refused("user=c,at=d", &["u"], "not a time");
        refused("user=c,at=d", &["u", "yesterday"], "not a time");
        refused("user=c,at=d:%Y%m%d", &["u", "2025-01-01"], "not a time");
        refused("user=c,at=d,revenue=v", &["u", "20250101", "11,77"], "not a decimal number");
        refused("user=c,at=d,revenue=v", &["u", "20250101", "$5"], "not a decimal number");
        refused("user=c,at=d,n=v", &["u", "20250101", &"x".repeat(100_001)], "at most 100000");
    }

    #[test]
    fn equal_rows_are_two_messages_and_the_same_row_is_one() {
        let made = |number| message("user=c,at=d", number, &["u", "20250101"]).unwrap().json;
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
    }
}
