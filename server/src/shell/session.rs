use serde_json::Value;

use super::print;
use super::table::{Table, facts, lookup};
use crate::client::{CallError, Client};

/// What a command has at hand.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Whether answers are written as the server's JSON.
    pub(crate) json: bool,
    /// Whether everything is meant as it is written.
    pub(crate) yes: bool,
    /// Whether somebody is there to be asked.
    pub(crate) by_hand: bool,
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fail {
    /// It was not written as it should be.
    Usage(String),
    /// The node did not do it.
    Call(CallError),
}

impl From<CallError> for Fail {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Names of a table's columns, and where in a row their values are.
pub(crate) type Columns = &'static [(&'static str, &'static str)];

/// What a command answers.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Names and values.
    Facts(Value),
    /// A list: the whole document, the entries, and what to show of them.
    List { raw: Value, rows: Vec<Value>, columns: Columns },
    /// It is done: the document, and that in words.
    Done(Value, String),
    /// A document that is shown in several parts.
    Parts { raw: Value, parts: Vec<Part> },
    /// Everything was written already.
    Nothing,
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Names and values; those without a value are left out.
    Facts(Value),
    /// A list under a heading; left out if it is empty.
    List(&'static str, Vec<Value>, Columns),
    /// Lines as they are.
    Lines(Vec<String>),
}

impl Output {
    /// The entries under a member of the document.
    pub(crate) fn list(raw: Value, member: &str, columns: Columns) -> Self {
        let rows = lookup(&raw, member).as_array().cloned().unwrap_or_default();
        Self::List { raw, rows, columns }
    }

    pub(crate) fn done(raw: Value, words: impl Into<String>) -> Self {
        Self::Done(raw, words.into())
    }

    /// What to write.
    pub(crate) fn lines(&self, json: bool) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Facts(raw)
            | Self::List { raw, .. }
            | Self::Done(raw, _)
            | Self::Parts { raw, .. }
                if json =>
            {
                vec![raw.to_string()]
            }
            Self::Facts(raw) => print::fact_lines(&facts(raw)),
            Self::List { rows, columns, raw } => {
                let mut lines = Table::of(columns, rows).lines_or_none();
                if lookup(raw, "next").is_string() {
                    lines.push("(there are more)".to_owned());
                }
                lines.extend(missing(raw));
                lines
            }
            Self::Done(_, words) => vec![words.clone()],
            Self::Parts { parts, raw } => {
                let mut lines = Vec::new();
                for part in parts.iter().map(Part::lines).filter(|part| !part.is_empty()) {
                    if !lines.is_empty() {
                        lines.push(String::new());
                    }
                    lines.extend(part);
                }
                lines.extend(missing(raw));
                lines
            }
        }
    }
}

impl Part {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Facts(value) => {
                let said = facts(value).into_iter().filter(|(_, value)| !value.is_empty());
                print::fact_lines(&said.collect::<Vec<_>>())
            }
            Self::List(_, rows, _) if rows.is_empty() => Vec::new(),
            Self::List(heading, rows, columns) => {
                let heading = (!heading.is_empty()).then(|| (*heading).to_owned());
                heading.into_iter().chain(Table::of(columns, rows).lines()).collect()
            }
            Self::Lines(lines) => lines.clone(),
        }
    }
}

/// Who could not answer, so that a list is not taken for the whole.
fn missing(raw: &Value) -> Vec<String> {
    let named = |member: &str, what: &str, name: &str| {
        let rows = lookup(raw, member).as_array().cloned().unwrap_or_default();
        rows.into_iter()
            .map(|row| {
                let why = row["error"].as_str().unwrap_or("no answer").to_owned();
                format!("(without {what}{}: {why})", row[name])
            })
            .collect::<Vec<_>>()
    };
    let mut lines = named("unreachable", "node-", "node");
    lines.extend(named("unreadable_partitions", "partition ", "partition"));
    lines
}

/// Tenants that are looked through for a name, at most.
const NAMES_MAX: usize = 10_000;

impl Session {
    /// The id of a tenant that was named by its id or by its name.
    pub(crate) async fn tenant(&self, text: &str) -> Result<String, Fail> {
        if text.starts_with("ten_") {
            return Ok(text.to_owned());
        }
        let mut found = Vec::new();
        let (mut cursor, mut seen) = (None::<String>, 0);
        loop {
            let page = self.tenants_page(cursor.as_deref(), 500).await?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            seen += items.len();
            let named = |item: &&Value| {
                let name = lookup(item, "/settings/name").as_str().unwrap_or_default();
                name.eq_ignore_ascii_case(text) && item["status"] != "deleted"
            };
            found.extend(
                items.iter().filter(named).filter_map(|item| Some(item["id"].as_str()?.to_owned())),
            );
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() || seen >= NAMES_MAX {
                break;
            }
        }
        match found.as_slice() {
            [id] => Ok(id.clone()),
            [] => Err(Fail::Usage(format!(
                "there is no tenant {text:?}; `tenants list` shows which there are"
            ))),
            several => Err(Fail::Usage(format!(
                "several tenants are called {text:?}: {}",
                several.join(", ")
            ))),
        }
    }

    pub(crate) async fn tenants_page(
        &self,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Value, CallError> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.client.get("/api/v1/tenants", &query).await
    }

    /// The caller for a tenant's own data.
    pub(crate) async fn of(&self, tenant: &str) -> Result<Client, Fail> {
        Ok(self.client.of_tenant(&self.tenant(tenant).await?))
    }
}

/// A word that must be a whole number.
pub(crate) fn number(word: Option<&String>, default: usize, max: usize) -> Result<String, Fail> {
    let Some(word) = word else { return Ok(default.to_string()) };
    match word.parse::<usize>() {
        Ok(number) if (1..=max).contains(&number) => Ok(number.to_string()),
        _ => Err(Fail::Usage(format!("{word:?} is not a number from 1 to {max}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_says_who_is_missing() {
        let raw = json!({
            "rows": [{ "a": 1 }],
            "unreachable": [{ "node": 3, "error": "not sent: gone" }],
            "unreadable_partitions": [{ "partition": 7, "error": "nobody decides" }],
        });
        assert_eq!(
            Output::list(raw, "rows", &[("A", "a")]).lines(false),
            ["A", "1", "(without node-3: not sent: gone)", "(without partition 7: nobody decides)"]
        );
    }

    #[test]
    fn parts_are_set_apart_and_empty_ones_left_out() {
        let parts = vec![
            Part::Facts(json!({ "a": 1, "b": null })),
            Part::List("EMPTY", Vec::new(), &[("X", "x")]),
            Part::List("ROWS", vec![json!({ "x": 2 })], &[("X", "x")]),
        ];
        let output = Output::Parts { raw: json!({}), parts };
        assert_eq!(output.lines(false), ["  a  1", "", "ROWS", "X", "2"]);
        assert_eq!(output.lines(true), ["{}"]);
    }
}
