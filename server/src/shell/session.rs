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

/// What a command answers.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Names and values.
    Facts(Value),
    /// A list: the whole document, the entries, and what to show of them.
    List { raw: Value, rows: Vec<Value>, columns: &'static [(&'static str, &'static str)] },
    /// It is done: the document, and that in words.
    Done(Value, String),
    /// Everything was written already.
    Nothing,
}

impl Output {
    /// The entries under a member of the document.
    pub(crate) fn list(
        raw: Value,
        member: &str,
        columns: &'static [(&'static str, &'static str)],
    ) -> Self {
        let rows = lookup(&raw, member).as_array().cloned().unwrap_or_default();
        Self::List { raw, rows, columns }
    }

    pub(crate) fn done(raw: Value, words: impl Into<String>) -> Self {
        Self::Done(raw, words.into())
    }

    pub(crate) fn print(&self, json: bool) {
        match self {
            Self::Nothing => {}
            Self::Facts(raw) | Self::List { raw, .. } | Self::Done(raw, _) if json => {
                print::line(&raw.to_string());
            }
            Self::Facts(raw) => print::facts(&facts(raw)),
            Self::List { rows, columns, raw } => {
                Table::of(columns, rows).print();
                if lookup(raw, "next").is_string() {
                    print::line("(there are more)");
                }
            }
            Self::Done(_, words) => print::line(words),
        }
    }
}

/// Tenants that are looked through for a name, at most.
const NAMES_MAX: usize = 10_000;

impl Session {
    pub(crate) fn new(client: Client, json: bool) -> Self {
        Self { client, json }
    }

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
