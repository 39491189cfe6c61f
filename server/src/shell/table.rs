//! Tables for people, and JSON values as short texts.

use serde_json::Value;

/// Rows below a line of names. A column of numbers is aligned at the right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Longest text of a cell that is not the last of its row, in characters.
const CELL_CHARS_MAX: usize = 60;

impl Table {
    /// A table whose columns show these members of each value: `NAME=/pointer`, or `NAME=member`.
    pub(crate) fn of(columns: &[(&str, &str)], values: &[Value]) -> Self {
        let cell = |value: &Value, path: &str| text(lookup(value, path));
        Self {
            names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rows: values
                .iter()
                .map(|value| columns.iter().map(|(_, path)| cell(value, path)).collect())
                .collect(),
        }
    }

    /// The lines, aligned.
    pub(crate) fn lines(&self) -> Vec<String> {
        let last = self.names.len().saturating_sub(1);
        let columns: Vec<(usize, bool)> =
            (0..self.names.len()).map(|column| self.measure(column)).collect();
        let line = |cells: &[String]| {
            let mut line = String::new();
            for (column, (cell, (width, right))) in cells.iter().zip(&columns).enumerate() {
                let cell = if column == last { cell.clone() } else { short(cell) };
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if *right { (pad.as_str(), "") } else { ("", pad.as_str()) };
                line.push_str(if column == 0 { "" } else { "  " });
                line.push_str(before);
                line.push_str(&cell);
                line.push_str(after);
            }
            line.trim_end().to_owned()
        };
        std::iter::once(&self.names).chain(&self.rows).map(|cells| line(cells)).collect()
    }

    /// The width of a column, and whether it holds numbers.
    fn measure(&self, column: usize) -> (usize, bool) {
        let cells = || self.rows.iter().filter_map(|row| row.get(column));
        let width =
            cells().chain(self.names.get(column)).map(|cell| short(cell).chars().count()).max();
        let is_number = |cell: &String| {
            cell.starts_with(|first: char| first.is_ascii_digit() || first == '-')
                && cell.chars().all(|digit| digit.is_ascii_digit() || " .-".contains(digit))
                && cell.matches('-').count() < 2
        };
        let numbers =
            cells().all(|cell| cell.is_empty() || is_number(cell)) && cells().any(is_number);
        (width.unwrap_or(0), numbers)
    }

    /// The lines, or that there is nothing.
    pub(crate) fn lines_or_none(&self) -> Vec<String> {
        if self.rows.is_empty() { vec!["(none)".to_owned()] } else { self.lines() }
    }
}

fn short(cell: &str) -> String {
    if cell.chars().count() <= CELL_CHARS_MAX {
        return cell.to_owned();
    }
    let mut short: String = cell.chars().take(CELL_CHARS_MAX - 1).collect();
    short.push('…');
    short
}

/// A member of a value: a pointer (RFC 6901), or the name of a member.
pub(crate) fn lookup<'v>(value: &'v Value, path: &str) -> &'v Value {
    let found = if path.starts_with('/') { value.pointer(path) } else { value.get(path) };
    found.unwrap_or(&Value::Null)
}

/// A value in one line.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => one_line(text),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Characters that would move the cursor, or worse, are shown as what they are.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

/// A document as names and values, members of members behind dots.
pub(crate) fn facts(value: &Value) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    flatten("", value, &mut facts);
    facts
}

fn flatten(name: &str, value: &Value, facts: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() || name.is_empty() => {
            for (member, value) in members {
                let name =
                    if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                flatten(&name, value, facts);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let lines: Vec<String> = items.iter().map(text).collect();
            facts.push((name.to_owned(), lines.join("\n")));
        }
        _ => facts.push((name.to_owned(), text(value))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_stand_at_the_right() {
        let values = [
            json!({"id": "ten_1", "settings": {"name": "Søren & Co"}, "n": 7}),
            json!({"id": "ten_22", "settings": {"name": "B"}, "n": 1234}),
            json!({"id": "ten_3", "settings": {"name": "C"}}),
        ];
        let table = Table::of(&[("ID", "id"), ("COUNT", "n"), ("NAME", "/settings/name")], &values);
        assert_eq!(
            table.lines(),
            [
                "ID      COUNT  NAME",
                "ten_1       7  Søren & Co",
                "ten_22   1234  B",
                "ten_3          C"
            ]
        );
    }

    #[test]
    fn dates_are_no_numbers() {
        let table = Table::of(
            &[("DAY", "day"), ("X", "x")],
            &[json!({"day": "2026-11-20", "x": "long name"})],
        );
        assert_eq!(table.lines(), ["DAY         X", "2026-11-20  long name"]);
    }

    #[test]
    fn long_cells_are_cut_unless_they_are_last() {
        let long = "x".repeat(80);
        let table = Table::of(&[("A", "a"), ("B", "b")], &[json!({"a": long, "b": long})]);
        assert_eq!(table.lines()[1], format!("{}…  {long}", "x".repeat(59)));
    }

    #[test]
    fn values_are_shown_in_one_line() {
        assert_eq!(text(&json!(["a", 1, true])), "a, 1, yes");
        assert_eq!(text(&json!(null)), "");
        assert_eq!(text(&json!("a\u{1b}[31m\nb")), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(text(&json!({"a": [1]})), r#"{"a":[1]}"#);
    }

    #[test]
    fn documents_become_facts() {
        let value =
            json!({"id": 1, "limits": {"keys": 5}, "list": [{"a": 1}, {"a": 2}], "empty": {}});
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            facts(&value),
            [
                pair("empty", "{}"),
                pair("id", "1"),
                pair("limits.keys", "5"),
                pair("list", "{\"a\":1}\n{\"a\":2}"),
            ]
        );
    }
}
