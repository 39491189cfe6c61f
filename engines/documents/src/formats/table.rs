use csv::{ReaderBuilder, StringRecord};

use crate::text::{decode, fold};
use crate::{Hint, Limits, Problem, builder::Builder};

/// Longest name of a column in a row that is taken for a header.
const HEADER_CHARS_MAX: usize = 80;

pub(crate) fn read(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
    builder: &mut Builder,
) -> Result<(), Problem> {
    let (text, replaced) = decode(bytes, hint.mime);
    if replaced {
        builder.warn("characters_replaced", "some bytes are no characters");
    }
    let mut cells = 0_usize;
    let mut header: Option<Vec<String>> = None;
    for (number, record) in (1_u32..).zip(records(&text)) {
        let record = record?;
        cells += record.len();
        if cells > limits.cells_max {
            return Err(Problem::too_much_text("cells", limits.cells_max));
        }
        let row: Vec<String> = record.iter().map(str::to_owned).collect();
        match &header {
            None if is_header(&row) => header = Some(row),
            None => {
                builder.cells(&[], &row, Some(number))?;
                header = Some(Vec::new());
            }
            Some(header) => builder.cells(header, &row, Some(number))?,
        }
    }
    Ok(())
}

/// The records of a text with the separator that it seems to use.
pub(crate) fn records(text: &str) -> impl Iterator<Item = Result<StringRecord, Problem>> + use<'_> {
    let mut reader = ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(separator(text));
    reader
        .from_reader(text.as_bytes())
        .into_records()
        .map(|record| record.map_err(|error| Problem::damaged("CSV", error)))
}

/// The separator that is in every one of the first lines most often.
fn separator(text: &str) -> u8 {
    let first = || text.lines().filter(|line| !line.trim().is_empty()).take(10);
    let least = |separator: char| first().map(|line| line.matches(separator).count()).min();
    let mut best = (',', least(',').unwrap_or(0));
    for candidate in [';', '\t', '|'] {
        let count = least(candidate).unwrap_or(0);
        if count > best.1 {
            best = (candidate, count);
        }
    }
    // A quoted field may hold line breaks; then the first line decides.
    if best.1 == 0 {
        let line = first().next().unwrap_or_default();
        let most = |separator: &char| line.matches(*separator).count();
        best.0 = [',', ';', '\t', '|'].into_iter().rev().max_by_key(most).unwrap_or(',');
    }
    u8::try_from(best.0).unwrap_or(b',')
}

/// Whether a first row looks like the names of columns: short, different, none a number.
pub(crate) fn is_header<T: AsRef<str>>(cells: &[T]) -> bool {
    let names: Vec<String> =
        cells.iter().map(|cell| fold(cell.as_ref())).filter(|name| !name.is_empty()).collect();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let is_name = |name: &String| {
        let number = name.trim_end_matches('%').replace(',', ".").parse::<f64>().is_ok();
        name.chars().count() <= HEADER_CHARS_MAX && !number
    };
    !names.is_empty()
        && names.len() * 2 > cells.len()
        && distinct.len() == names.len()
        && names.iter().all(is_name)
}
