//! The rows of a table, one at a time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Format;

/// The longest line that is read, in bytes; a longer one is a row that is refused.
const LINE_BYTES_MAX: usize = 1 << 20;
const BUFFER_BYTES: usize = 256 << 10;
const COLUMNS_MAX: usize = 1_000;

/// What the caller knows about the file; the rest is seen from its first line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) format: Option<Format>,
    pub(crate) delimiter: Option<u8>,
}

/// One row, or why it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// In the file, from 1. Of a CSV row after empty lines, the first of those.
    pub(crate) line: u64,
    pub(crate) fields: Result<Vec<String>, String>,
}

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Csv(Box<csv::Reader<File>>, csv::ByteRecord),
    Words { input: BufReader<File>, line: u64, buffer: Vec<u8> },
}

impl Rows {
    /// Opens a table and reads the names of its columns.
    pub(crate) fn open(path: &Path, layout: Layout) -> Result<Self> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
        let mut first = Vec::new();
        let ended = read_line(&mut input, &mut first)?;
        ensure!(ended.is_some() && !first.is_empty(), "the file is empty");
        let first = String::from_utf8(first).context("the first line is not UTF-8")?;
        let header = first.strip_prefix('\u{feff}').unwrap_or(&first);
        match delimiter(header, layout) {
            None => {
                let columns = header.split_whitespace().map(str::to_owned).collect();
                let source = Source::Words { input, line: 1, buffer: Vec::new() };
                Self { columns, source }.checked()
            }
            Some(delimiter) => {
                let mut reader = csv::ReaderBuilder::new()
                    .delimiter(delimiter)
                    .flexible(true)
                    // With CRLF the reader counts lines late. The CR is trimmed with the blanks.
                    .terminator(csv::Terminator::Any(b'\n'))
                    .buffer_capacity(BUFFER_BYTES)
                    .from_reader(File::open(path)?);
                let names = reader.headers().context("the first line cannot be read")?;
                let columns = names
                    .iter()
                    .map(|name| name.trim_start_matches('\u{feff}').trim().to_owned())
                    .collect();
                Self { columns, source: Source::Csv(Box::new(reader), csv::ByteRecord::new()) }
                    .checked()
            }
        }
    }

    fn checked(self) -> Result<Self> {
        ensure!(!self.columns.is_empty(), "the first line must name the columns");
        ensure!(self.columns.len() <= COLUMNS_MAX, "more than {COLUMNS_MAX} columns");
        Ok(self)
    }

    /// The position of a column. A name that is spelled in other letter cases is found as well.
    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        let exact = self.columns.iter().position(|column| column == name);
        exact
            .or_else(|| self.columns.iter().position(|column| column.eq_ignore_ascii_case(name)))
            .with_context(|| {
                format!(
                    "there is no column {name:?}; the first line names: {}",
                    self.columns.join(", ")
                )
            })
    }

    /// The next row; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Row>> {
        match &mut self.source {
            Source::Csv(reader, record) => loop {
                if !reader.read_byte_record(record)? {
                    return Ok(None);
                }
                if record.as_slice() != b"\r" {
                    let line = record.position().map_or(0, csv::Position::line);
                    return Ok(Some(Row { line, fields: fields(record) }));
                }
            },
            Source::Words { input, line, buffer } => loop {
                *line += 1;
                match read_line(input, buffer)? {
                    None => return Ok(None),
                    Some(Fits::No) => {
                        return Ok(Some(Row {
                            line: *line,
                            fields: Err("the line is too long".to_owned()),
                        }));
                    }
                    Some(Fits::Yes) => {}
                }
                let Ok(text) = std::str::from_utf8(buffer) else {
                    return Ok(Some(Row {
                        line: *line,
                        fields: Err("the line is not UTF-8".to_owned()),
                    }));
                };
                let fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                if !fields.is_empty() {
                    return Ok(Some(Row { line: *line, fields: Ok(fields) }));
                }
            },
        }
    }
}

fn fields(record: &csv::ByteRecord) -> Result<Vec<String>, String> {
    if record.as_slice().len() > LINE_BYTES_MAX {
        return Err("the line is too long".to_owned());
    }
    let text = |field: &[u8]| std::str::from_utf8(field).map(|text| text.trim().to_owned());
    record
        .iter()
        .map(text)
        .collect::<Result<_, _>>()
        .map_err(|_| "the line is not UTF-8".to_owned())
}

/// The character between columns; `None` for blanks.
fn delimiter(header: &str, layout: Layout) -> Option<u8> {
    let likely = || {
        let count = |byte: u8| header.bytes().filter(|found| *found == byte).count();
        // Of several, the one that occurs most; the first of these if they are even.
        [b',', b';', b'\t', b'|']
            .into_iter()
            .rev()
            .max_by_key(|byte| count(*byte))
            .filter(|byte| count(*byte) > 0)
    };
    match (layout.format, layout.delimiter) {
        (Some(Format::Whitespace), _) => None,
        (_, Some(delimiter)) => Some(delimiter),
        (Some(Format::Csv), None) => Some(likely().unwrap_or(b',')),
        // A single column is CSV; several words without any other sign are separated by blanks.
        (None, None) => {
            likely().or_else(|| (header.split_whitespace().count() < 2).then_some(b','))
        }
    }
}

enum Fits {
    Yes,
    No,
}

/// Reads a line without its end; of one that is too long only the beginning. `None` at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<Fits>> {
    line.clear();
    let (mut fits, mut any) = (Fits::Yes, false);
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(any.then_some(fits));
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if line.len() + part.len() <= LINE_BYTES_MAX {
            line.extend_from_slice(part);
        } else {
            fits = Fits::No;
        }
        let used = end.map_or(chunk.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(fits));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], layout: Layout, columns: &[&str], rows: &[(u64, Result<&[&str], &str>)]) {
        let file = std::env::temp_dir().join(format!("rows-{}", blake3::hash(text).to_hex()));
        std::fs::write(&file, text).unwrap();
        let mut reader = Rows::open(&file, layout).unwrap();
        assert_eq!(reader.columns, columns);
        for (line, fields) in rows {
            let fields = fields
                .map(|fields| fields.iter().map(|field| (*field).to_owned()).collect())
                .map_err(str::to_owned);
            assert_eq!(reader.next().unwrap(), Some(Row { line: *line, fields }));
        }
        assert_eq!(reader.next().unwrap(), None);
        std::fs::remove_file(&file).unwrap();
    }

    const SEEN: Layout = Layout { format: None, delimiter: None };

    #[test]
    fn reads_csv_with_quotes_and_empty_lines() {
        check(
            b"\xef\xbb\xbfuser,date,note\nu1,2025-01-01,\"a, b\nc\"\n\nu2, 2025-01-02 ,\n",
            SEEN,
            &["user", "date", "note"],
            &[(2, Ok(&["u1", "2025-01-01", "a, b\nc"])), (4, Ok(&["u2", "2025-01-02", ""]))],
        );
        check(
            b"a;b\r\n1;\"2\"\r\n\r\n3;4\r\n",
            SEEN,
            &["a", "b"],
            &[(2, Ok(&["1", "2"])), (4, Ok(&["3", "4"]))],
        );
        check(b"a\tb\n1\t2\n", SEEN, &["a", "b"], &[(2, Ok(&["1", "2"]))]);
    }

    #[test]
    fn reads_columns_between_blanks() {
        check(
            b" customer_id  date number_of_cds  dollar_value\n 00001 19970101  1   11.77\n\n 00002 19970112  5   77.00",
            SEEN,
            &["customer_id", "date", "number_of_cds", "dollar_value"],
            &[(2, Ok(&["00001", "19970101", "1", "11.77"])), (4, Ok(&["00002", "19970112", "5", "77.00"]))],
        );
    }

    #[test]
    fn a_broken_line_is_one_row() {
        check(
            b"a,b\n\xff,1\n2,3\n",
            SEEN,
            &["a", "b"],
            &[(2, Err("the line is not UTF-8")), (3, Ok(&["2", "3"]))],
        );
        check(
            b"a b\n\xff 1\n2 3\n",
            SEEN,
            &["a", "b"],
            &[(2, Err("the line is not UTF-8")), (3, Ok(&["2", "3"]))],
        );
    }

    #[test]
    fn the_callers_word_counts_more_than_the_first_line() {
        let layout = Layout { format: Some(Format::Csv), delimiter: Some(b'|') };
        check(b"a,x|b\n1,2|3\n", layout, &["a,x", "b"], &[(2, Ok(&["1,2", "3"]))]);
        let layout = Layout { format: Some(Format::Whitespace), delimiter: None };
        check(b"a, b\n1, 2\n", layout, &["a,", "b"], &[(2, Ok(&["1,", "2"]))]);
    }
}
