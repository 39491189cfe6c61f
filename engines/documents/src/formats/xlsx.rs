use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{DataRef, Reader, SheetVisible, Xlsx, XlsxError};

use super::archive::Archive;
use super::table::is_header;
use crate::{Limits, Problem, builder::Builder};

const FORMAT: &str = "XLSX";
const SHEETS_MAX: usize = 200;

type Row = BTreeMap<u32, String>;

pub(crate) fn read(bytes: &[u8], limits: &Limits, builder: &mut Builder) -> Result<(), Problem> {
    // The reader unpacks without counting.
    Archive::open(bytes, FORMAT, limits)?.measure()?;
    let mut book: Xlsx<Cursor<&[u8]>> = Xlsx::new(Cursor::new(bytes)).map_err(problem)?;
    let sheets: Vec<(String, bool)> = book
        .sheets_metadata()
        .iter()
        .map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible))
        .collect();
    if sheets.len() > SHEETS_MAX {
        return Err(Problem::too_much_text("sheets", SHEETS_MAX));
    }
    let mut cells = limits.cells_max;
    for (name, visible) in sheets {
        if !visible {
            builder.warn("text_hidden", format!("the sheet {name} is hidden"));
            continue;
        }
        builder.sheet(&name)?;
        let before = builder.bytes();
        read_sheet(&mut book, &name, &mut cells, limits, builder)?;
        if builder.bytes() == before {
            builder.warn("sheet_empty", format!("the sheet {name} has no text"));
        }
    }
    Ok(())
}

fn problem(error: XlsxError) -> Problem {
    match error {
        XlsxError::Password => Problem::encrypted(),
        other => Problem::damaged(FORMAT, other),
    }
}

fn read_sheet(
    book: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    cells: &mut usize,
    limits: &Limits,
    builder: &mut Builder,
) -> Result<(), Problem> {
    // Cell by cell: a range of all cells would be as large as its farthest corner says.
    let mut reader = match book.worksheet_cells_reader(name) {
        Ok(reader) => reader,
        // A sheet of charts only.
        Err(XlsxError::WorksheetNotFound(_)) => return Ok(()),
        Err(error) => return Err(problem(error)),
    };
    let mut header: Option<Row> = None;
    let mut row = (0, Row::new());
    while let Some(cell) = reader.next_cell().map_err(problem)? {
        *cells = cells.checked_sub(1).ok_or(Problem::too_much_text("cells", limits.cells_max))?;
        let (number, column) = cell.get_position();
        if number != row.0 {
            let done = std::mem::replace(&mut row, (number, Row::new()));
            write(done, &mut header, builder)?;
        }
        let text = text(cell.get_value());
        if !text.trim().is_empty() {
            row.1.insert(column, text);
        }
    }
    write(row, &mut header, builder)
}

fn write(
    (number, row): (u32, Row),
    header: &mut Option<Row>,
    builder: &mut Builder,
) -> Result<(), Problem> {
    if row.is_empty() {
        return Ok(());
    }
    if header.is_none() {
        let names: Vec<&String> = row.values().collect();
        // A lone cell above a table is its title.
        if names.len() == 1 {
            return builder.heading(1, names[0]);
        }
        if is_header(&names) {
            *header = Some(row);
            return Ok(());
        }
    }
    let header = header.get_or_insert_default();
    let name = |column| header.get(column).map_or("", String::as_str);
    let cells: Vec<(&str, &str)> =
        row.iter().map(|(column, text)| (name(column), text.as_str())).collect();
    builder.row(&cells, Some(number.saturating_add(1)))
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            match (hour, minute, second) {
                (0, 0, 0) => date,
                (_, _, 0) => format!("{date} {hour:02}:{minute:02}"),
                (_, _, _) => format!("{date} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        DataRef::DateTime(span) => format!("{} days", span.as_f64()),
        DataRef::Error(_) => String::new(),
    }
}
