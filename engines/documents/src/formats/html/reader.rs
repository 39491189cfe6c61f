use html5ever::tokenizer::Tag;

use crate::formats::table::is_header;
use crate::{Problem, builder::Builder};

const TABLES_DEEP_MAX: usize = 16;

/// Turns tags and texts into blocks.
pub(super) struct Reader<'a> {
    builder: &'a mut Builder,
    skipped: &'a [&'a str],
    /// The element whose end is waited for, and how many of its name are open.
    skip: Option<(String, usize)>,
    inline: String,
    heading: Option<u8>,
    in_title: bool,
    items: usize,
    pre: usize,
    tables: Vec<Table>,
    problem: Option<Problem>,
}

#[derive(Default)]
struct Table {
    /// `None`: not known yet. Empty: there is none.
    header: Option<Vec<String>>,
    cells: Vec<String>,
    in_cell: bool,
    head_cells: usize,
    rows: u32,
    /// A table in a table: the outer one only puts things in places.
    layout: bool,
    /// The first row, while it is not clear whether it is a header.
    first: Option<Vec<String>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(skipped: &'a [&'a str], builder: &'a mut Builder) -> Self {
        Self {
            builder,
            skipped,
            skip: None,
            inline: String::new(),
            heading: None,
            in_title: false,
            items: 0,
            pre: 0,
            tables: Vec::new(),
            problem: None,
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.skip.is_none() && self.problem.is_none() {
            self.inline.push_str(text);
        }
    }

    pub(super) fn start(&mut self, tag: &Tag) {
        let name = &*tag.name;
        if let Some((waited, open)) = &mut self.skip {
            *open += usize::from(waited == name);
            return;
        }
        if self.starts_skip(tag) {
            return;
        }
        match name {
            "title" => {
                self.flush();
                self.in_title = true;
            }
            "meta" => self.meta(tag),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading = name.as_bytes().get(1).map(|digit| digit - b'0');
            }
            "li" => {
                self.flush();
                self.items = 1;
            }
            "pre" | "xmp" => {
                self.flush();
                self.pre += 1;
            }
            "br" => self.inline.push('\n'),
            "img" => self.image(tag),
            "table" => self.table(),
            "tr" => self.row_ends(),
            "td" | "th" => {
                self.cell_ends();
                if let Some(table) = self.tables.last_mut() {
                    table.in_cell = true;
                    table.head_cells += usize::from(name == "th");
                }
            }
            other if is_block(other) => self.flush(),
            _ => {}
        }
    }

    pub(super) fn end(&mut self, name: &str) {
        if let Some((waited, open)) = &mut self.skip {
            *open -= usize::from(waited == name);
            if *open == 0 {
                self.skip = None;
            }
            return;
        }
        match name {
            "title" => {
                let title = std::mem::take(&mut self.inline);
                if std::mem::take(&mut self.in_title) {
                    self.builder.title(&title);
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading = None;
            }
            "li" | "ul" | "ol" => {
                self.flush();
                self.items = 0;
            }
            "pre" | "xmp" => {
                self.flush();
                self.pre = self.pre.saturating_sub(1);
            }
            "td" | "th" => self.cell_ends(),
            "tr" => self.row_ends(),
            "table" => self.table_ends(),
            other if is_block(other) => self.flush(),
            _ => {}
        }
    }

    pub(super) fn finish(mut self) -> Result<(), Problem> {
        while !self.tables.is_empty() {
            self.table_ends();
        }
        self.flush();
        self.problem.map_or(Ok(()), Err)
    }

    /// Whether the element and all in it is left out.
    fn starts_skip(&mut self, tag: &Tag) -> bool {
        let name = &*tag.name;
        let void = ["img", "br", "hr", "input", "meta", "link", "wbr", "source", "col"];
        if tag.self_closing || void.contains(&name) {
            return false;
        }
        let style = attribute(tag, "style").unwrap_or_default().to_ascii_lowercase();
        let style: String = style.split_whitespace().collect();
        let unseen = attribute(tag, "hidden").is_some()
            || style.contains("display:none")
            || style.contains("visibility:hidden");
        if unseen {
            self.builder.warn("text_hidden", format!("an element {name} is hidden"));
        }
        if unseen || self.skipped.contains(&name) {
            self.skip = Some((name.to_owned(), 1));
            return true;
        }
        false
    }

    fn meta(&mut self, tag: &Tag) {
        let name = attribute(tag, "name").or_else(|| attribute(tag, "property"));
        let content = attribute(tag, "content");
        if let (Some(name), Some(content)) = (name, content) {
            match name.to_ascii_lowercase().as_str() {
                "description" | "og:description" => self.builder.note("description", content),
                "author" => self.builder.note("author", content),
                "keywords" => self.builder.note("keywords", content),
                _ => {}
            }
        }
    }

    fn image(&mut self, tag: &Tag) {
        let Some(alt) = attribute(tag, "alt").map(str::trim).filter(|alt| !alt.is_empty()) else {
            return;
        };
        let in_cell = self.tables.last().is_some_and(|table| table.in_cell && !table.layout);
        if in_cell || self.heading.is_some() || !self.inline.trim().is_empty() {
            self.inline.push(' ');
            self.inline.push_str(alt);
            self.inline.push(' ');
        } else {
            let outcome = self.builder.caption(alt);
            self.note(outcome);
        }
    }

    fn flush(&mut self) {
        let cell = self.tables.last_mut().filter(|table| table.in_cell && !table.layout);
        if let Some(table) = cell {
            // A block in a cell is more text of the cell.
            table.cell().push_str(&std::mem::take(&mut self.inline));
            table.cell().push(' ');
            return;
        }
        let text = std::mem::take(&mut self.inline);
        let outcome = match self.heading {
            _ if self.in_title => Ok(()),
            Some(level) => {
                if level == 1 && !self.builder.has_title() {
                    self.builder.title(&text);
                }
                self.builder.heading(level, &text)
            }
            None if self.pre > 0 => self.builder.code(&text),
            None if self.items > 0 => self.builder.list_item(&text),
            None => self.builder.paragraph(&text),
        };
        self.note(outcome);
    }

    /// Text after the first problem is passed over.
    fn note(&mut self, outcome: Result<(), Problem>) {
        if let Err(problem) = outcome {
            self.problem.get_or_insert(problem);
            self.inline.clear();
        }
    }

    fn table(&mut self) {
        self.flush();
        if self.tables.len() >= TABLES_DEEP_MAX {
            return;
        }
        if let Some(outer) = self.tables.last_mut().filter(|table| !table.layout) {
            outer.layout = true;
            let texts: Vec<String> =
                outer.first.take().into_iter().flatten().chain(outer.cells.drain(..)).collect();
            for text in texts {
                let outcome = self.builder.paragraph(&text);
                self.note(outcome);
            }
        }
        self.tables.push(Table::default());
    }

    fn cell_ends(&mut self) {
        self.flush();
        if let Some(table) = self.tables.last_mut() {
            if table.in_cell && !table.layout {
                table.cells.push(String::new());
            }
            table.in_cell = false;
        }
    }

    fn row_ends(&mut self) {
        self.cell_ends();
        let Some(table) = self.tables.last_mut().filter(|table| !table.layout) else { return };
        // The last cell is the one that the next text would have gone to.
        table.cells.pop();
        let cells = std::mem::take(&mut table.cells);
        let head_cells = std::mem::take(&mut table.head_cells);
        if cells.is_empty() {
            return;
        }
        table.rows += 1;
        let row = table.rows;
        let mut due = Vec::new();
        match (&table.header, table.first.take()) {
            (None, None) if head_cells * 2 > cells.len() => table.header = Some(cells),
            (None, None) => table.first = Some(cells),
            (None, Some(first)) => {
                if cells.len() > 1 && first.len() > 2 && is_header(&first) {
                    table.header = Some(first);
                } else {
                    table.header = Some(Vec::new());
                    due.push((row - 1, first));
                }
                due.push((row, cells));
            }
            (Some(_), _) => due.push((row, cells)),
        }
        let header = table.header.clone().unwrap_or_default();
        for (row, cells) in due {
            let outcome = self.builder.cells(&header, &cells, Some(row));
            self.note(outcome);
        }
    }

    fn table_ends(&mut self) {
        self.row_ends();
        self.flush();
        if let Some(table) = self.tables.pop() {
            // A header over nothing, or a single row, says what it says.
            let lone = table.header.filter(|_| table.rows == 1).or(table.first);
            if let Some(cells) = lone {
                let outcome = self.builder.cells(&[], &cells, Some(1));
                self.note(outcome);
            }
        }
    }
}

impl Table {
    fn cell(&mut self) -> &mut String {
        if self.cells.is_empty() {
            self.cells.push(String::new());
        }
        let last = self.cells.len() - 1;
        &mut self.cells[last]
    }
}

fn attribute<'t>(tag: &'t Tag, name: &str) -> Option<&'t str> {
    let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
    found.map(|attribute| &*attribute.value)
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "header"
            | "footer"
            | "aside"
            | "body"
            | "head"
            | "html"
            | "ul"
            | "ol"
            | "dl"
            | "dt"
            | "dd"
            | "blockquote"
            | "figure"
            | "figcaption"
            | "address"
            | "form"
            | "fieldset"
            | "legend"
            | "hr"
            | "details"
            | "summary"
            | "center"
            | "caption"
            | "thead"
            | "tbody"
            | "tfoot"
    )
}
