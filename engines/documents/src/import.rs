//! Many entries or catalogue items from one file: CSV with column names, a JSON array of objects, or
//! one JSON object per line (KNO-04). A bad row is reported and passed over.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

mod entry;
mod item;
mod row;

pub use entry::EntryDraft;
pub use item::{ItemDraft, ItemKind};

use crate::formats::{json, table};
use crate::text::decode;
use crate::{Format, Hint, Limits, Problem, detect};
use row::Fields;

const PROBLEMS_MAX: usize = 1_000;
const ROW_BYTES_MAX: usize = 1 << 20;

/// What a file of rows gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import<T> {
    /// The good rows, in their order.
    pub rows: Vec<Row<T>>,
    /// What is wrong with the others; at most the first 1 000.
    pub problems: Vec<RowProblem>,
    /// Columns that mean nothing here.
    pub ignored_columns: Vec<String>,
    /// All rows, the bad ones too.
    pub total: u32,
}

/// One good row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row<T> {
    /// Its number: rows of data are counted from 1, without the line of column names.
    pub row: u32,
    /// The sender's id of it; without one, derived of what the row says. The same id again is an
    /// update, not another one.
    pub external_id: String,
    /// BLAKE3 of what the row says: equal rows have equal hashes.
    pub hash: [u8; 32],
    /// What it says.
    pub item: T,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowProblem {
    /// Its number, as in [`Row`].
    pub row: u32,
    /// The column, if it is one.
    pub column: Option<String>,
    /// `row_malformed`, `row_field_missing`, `row_field_invalid`, `row_id_duplicate`,
    /// `row_too_large`.
    pub code: &'static str,
    /// What is wanted.
    pub message: String,
}

/// Reads knowledge entries: `title` (or `question`) and `content` (or `answer`) are needed.
///
/// # Errors
/// `import_unreadable`, `file_too_large`, `file_text_too_large`, if there are no rows to speak of.
pub fn import_entries(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
) -> Result<Import<EntryDraft>, Problem> {
    import(bytes, hint, limits, EntryDraft::read)
}

/// Reads products and services: `name` is needed.
///
/// # Errors
/// As [`import_entries`].
pub fn import_catalogue(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
) -> Result<Import<ItemDraft>, Problem> {
    import(bytes, hint, limits, ItemDraft::read)
}

/// The sender's id, if there is one, and the thing.
type Read<T> = fn(&mut Fields<'_>) -> Option<(Option<String>, T)>;

fn import<T>(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
    read: Read<T>,
) -> Result<Import<T>, Problem> {
    if bytes.len() > limits.bytes_max {
        return Err(Problem::too_large(bytes.len(), limits.bytes_max));
    }
    let (text, _) = decode(bytes, hint.mime);
    let objects = if is_json(bytes, hint, &text) { objects(&text)? } else { lines(&text)? };
    if objects.len() > limits.rows_max {
        return Err(Problem::too_much_text("rows", limits.rows_max));
    }
    let mut import =
        Import { rows: Vec::new(), problems: Vec::new(), ignored_columns: Vec::new(), total: 0 };
    let mut ignored = BTreeSet::new();
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    for (row, object) in (1_u32..).zip(objects) {
        import.total = row;
        match one(row, object, read, &mut ignored, &mut ids) {
            Ok(good) => import.rows.push(good),
            Err(problems) => import.problems.extend(problems),
        }
    }
    import.problems.truncate(PROBLEMS_MAX);
    import.ignored_columns = ignored.into_iter().collect();
    Ok(import)
}

fn is_json(bytes: &[u8], hint: &Hint<'_>, text: &str) -> bool {
    let looks = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    match detect(bytes, hint) {
        Ok(Format::Json) => true,
        Ok(Format::Csv) => false,
        Ok(_) | Err(_) => looks,
    }
}

/// An object, or what is there instead of one.
type Object = Result<Map<String, Value>, String>;

fn objects(text: &str) -> Result<Vec<Object>, Problem> {
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    if trimmed.starts_with('[') {
        return match json::parse(trimmed).map_err(|problem| Problem::import(problem.message))? {
            Value::Array(items) => Ok(items.into_iter().map(object).collect()),
            _ => Err(Problem::import("the file is no JSON array")),
        };
    }
    if let Ok(Value::Object(mut whole)) = serde_json::from_str(trimmed) {
        // An export often wraps its rows.
        let rows = ["entries", "items", "products", "data", "rows"];
        let wrapped = rows.iter().find_map(|name| match whole.remove(*name) {
            Some(Value::Array(items)) => Some(items),
            Some(_) | None => None,
        });
        return Ok(match wrapped {
            Some(items) => items.into_iter().map(object).collect(),
            None => vec![Ok(whole)],
        });
    }
    let lines = trimmed.lines().filter(|line| !line.trim().is_empty());
    Ok(lines
        .map(|line| serde_json::from_str(line).map_err(|error| error.to_string()).and_then(object))
        .collect())
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err("a row must be a JSON object".to_owned()),
    }
}

fn lines(text: &str) -> Result<Vec<Object>, Problem> {
    let mut records = table::records(text);
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(problem)) => return Err(Problem::import(problem.message)),
        None => return Err(Problem::import("the file is empty")),
    };
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    Ok(records
        .map(|record| {
            let record = record.map_err(|problem| problem.message)?;
            if record.len() > names.len() {
                let (values, columns) = (record.len(), names.len());
                return Err(format!("the row has {values} values for {columns} columns"));
            }
            let pairs = names.iter().zip(&record).filter(|(_, value)| !value.trim().is_empty());
            Ok(pairs
                .map(|(name, value)| (name.clone(), Value::String(value.trim().to_owned())))
                .collect())
        })
        .filter(|object: &Object| !object.as_ref().is_ok_and(Map::is_empty))
        .collect())
}

fn one<T>(
    row: u32,
    object: Object,
    read: Read<T>,
    ignored: &mut BTreeSet<String>,
    ids: &mut BTreeMap<String, u32>,
) -> Result<Row<T>, Vec<RowProblem>> {
    let problem = |code, message| vec![RowProblem { row, column: None, code, message }];
    let object = object.map_err(|message| problem("row_malformed", message))?;
    let canonical = Value::Object(object.clone()).to_string();
    if canonical.len() > ROW_BYTES_MAX {
        let message = format!("a row has at most {ROW_BYTES_MAX} bytes");
        return Err(problem("row_too_large", message));
    }
    let hash = *blake3::hash(canonical.as_bytes()).as_bytes();
    let mut fields = Fields::new(row, &object);
    let thing = read(&mut fields);
    let (unread, problems) = fields.finish();
    let (id, item) = match thing {
        Some(thing) if problems.is_empty() => thing,
        Some(_) | None => return Err(problems),
    };
    ignored.extend(unread);
    let by_content = || hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let external_id: String = id.unwrap_or_else(by_content);
    if let Some(first) = ids.get(&external_id) {
        let message = format!("row {first} has the same id");
        return Err(problem("row_id_duplicate", message));
    }
    ids.insert(external_id.clone(), row);
    Ok(Row { row, external_id, hash, item })
}
