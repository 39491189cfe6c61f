use serde_json::{Map, Value};

use crate::text::decode;
use crate::{Hint, Limits, Problem, builder::Builder};

/// Levels of objects that become headings; deeper ones become names with dots.
const HEADINGS_MAX: u8 = 4;
/// Values need some 30 times the bytes of the shortest text.
const BYTES_PER_TEXT_BYTE: usize = 2;

pub(crate) fn read(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
    builder: &mut Builder,
) -> Result<(), Problem> {
    let bytes_max = limits.text_bytes_max.saturating_mul(BYTES_PER_TEXT_BYTE);
    if bytes.len() > bytes_max {
        return Err(Problem::too_much_text("bytes of JSON", bytes_max));
    }
    let (text, _) = decode(bytes, hint.mime);
    let value = parse(&text)?;
    if let Value::Object(object) = &value
        && let Some(title) = ["title", "name"].iter().find_map(|name| object.get(*name)?.as_str())
    {
        builder.title(title);
    }
    write(&value, 1, builder)
}

/// One JSON value, or one per line.
pub(crate) fn parse(text: &str) -> Result<Value, Problem> {
    let text = text.trim_start_matches('\u{feff}');
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let values: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
    match values {
        Ok(values) if values.len() > 1 => Ok(Value::Array(values)),
        Ok(_) | Err(_) => Err(Problem::damaged("JSON", error)),
    }
}

fn write(value: &Value, level: u8, builder: &mut Builder) -> Result<(), Problem> {
    match value {
        Value::Object(object) => write_object(object, level, builder),
        Value::Array(items) => {
            for (number, item) in (1_u32..).zip(items) {
                match item {
                    Value::Object(object) => write_row(object, Some(number), builder)?,
                    Value::Array(_) => write(item, level, builder)?,
                    Value::Null => {}
                    Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                        builder.list_item(&scalar(item))?;
                    }
                }
            }
            Ok(())
        }
        Value::Null => Ok(()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => builder.paragraph(&scalar(value)),
    }
}

fn write_object(
    object: &Map<String, Value>,
    level: u8,
    builder: &mut Builder,
) -> Result<(), Problem> {
    if level > HEADINGS_MAX {
        return write_row(object, None, builder);
    }
    let (inner, plain): (Vec<_>, Vec<_>) =
        object.iter().partition(|(_, value)| value.is_object() || value.is_array());
    let plain: Map<String, Value> =
        plain.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    write_row(&plain, None, builder)?;
    for (name, value) in inner {
        builder.heading(level, name)?;
        write(value, level + 1, builder)?;
    }
    Ok(())
}

fn write_row(
    object: &Map<String, Value>,
    row: Option<u32>,
    builder: &mut Builder,
) -> Result<(), Problem> {
    let mut cells = Vec::new();
    flatten("", &Value::Object(object.clone()), &mut cells);
    let cells: Vec<(&str, &str)> =
        cells.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    builder.row(&cells, row)
}

/// `{"a":{"b":1},"c":[2,3]}` is `a.b: 1` and `c: 2, 3`.
fn flatten(name: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (inner, value) in object {
                let name = if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
                flatten(&name, value, cells);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (number, item) in (1_u32..).zip(items) {
                flatten(&format!("{name}.{number}"), item, cells);
            }
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(scalar).collect();
            cells.push((name.to_owned(), texts.join(", ")));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            cells.push((name.to_owned(), scalar(value)));
        }
    }
}

pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
