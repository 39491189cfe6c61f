use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};

use super::{attribute, characters, visit, write_table};
use crate::{Problem, builder::Builder};

/// Reads paragraphs and tables in their order.
pub(super) struct Body<'a> {
    styles: &'a BTreeMap<String, u8>,
    builder: &'a mut Builder,
    text: String,
    /// Text counts between these.
    in_text: bool,
    hidden: bool,
    level: Option<u8>,
    item: bool,
    /// Elements whose other form was read already, or that are no text.
    skip: usize,
    /// Tables in tables; only the outermost has rows.
    tables: usize,
    rows: Vec<Vec<String>>,
    cells: Vec<String>,
    cell: String,
    header: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(styles: &'a BTreeMap<String, u8>, builder: &'a mut Builder) -> Self {
        Self {
            styles,
            builder,
            text: String::new(),
            in_text: false,
            hidden: false,
            level: None,
            item: false,
            skip: 0,
            tables: 0,
            rows: Vec::new(),
            cells: Vec::new(),
            cell: String::new(),
            header: false,
        }
    }

    pub(super) fn read(mut self, xml: &[u8]) -> Result<(), Problem> {
        visit(xml, |event| self.event(event))?;
        self.paragraph_ends()
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Problem> {
        match event {
            Event::Start(tag) => self.start(tag, false),
            Event::Empty(tag) => self.start(tag, true),
            Event::End(tag) => self.end(tag.local_name().as_ref()),
            other if self.in_text && !self.hidden && self.skip == 0 => {
                self.text.push_str(&characters(other).unwrap_or_default());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, empty: bool) -> Result<(), Problem> {
        let name = tag.local_name();
        let name = name.as_ref();
        if self.skip > 0 || matches!(name, b"Fallback" | b"del" | b"moveFrom") {
            self.skip += usize::from(!empty);
            return Ok(());
        }
        match name {
            b"p" => return self.paragraph_ends(),
            b"pStyle" => {
                let style = attribute(tag, "val").unwrap_or_default();
                self.level = self.styles.get(&style).copied().or(self.level);
            }
            b"outlineLvl" => {
                let level = attribute(tag, "val").and_then(|level| level.parse::<u8>().ok());
                self.level = level.filter(|level| *level < 9).map(|level| level + 1).or(self.level);
            }
            b"numPr" => self.item = true,
            b"rPr" => self.hidden = false,
            b"vanish" => {
                self.hidden = !matches!(attribute(tag, "val").as_deref(), Some("0" | "false"));
                if self.hidden {
                    self.builder.warn("text_hidden", "some text is hidden");
                }
            }
            b"r" => self.hidden = false,
            b"t" => self.in_text = !empty,
            b"tab" | b"br" | b"cr" => self.text.push(' '),
            b"noBreakHyphen" => self.text.push('-'),
            b"docPr" => {
                let alt = attribute(tag, "descr").unwrap_or_default();
                if !alt.trim().is_empty() {
                    self.text.push(' ');
                    self.text.push_str(&alt);
                    self.text.push(' ');
                }
            }
            b"tbl" => {
                self.paragraph_ends()?;
                self.tables += 1;
            }
            b"tblHeader" if self.rows.is_empty() => self.header = true,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &[u8]) -> Result<(), Problem> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        match name {
            b"t" => self.in_text = false,
            b"p" => return self.paragraph_ends(),
            b"tc" if self.tables == 1 => {
                self.paragraph_ends()?;
                self.cells.push(std::mem::take(&mut self.cell));
            }
            b"tr" if self.tables == 1 => self.rows.push(std::mem::take(&mut self.cells)),
            b"tbl" => {
                self.tables = self.tables.saturating_sub(1);
                if self.tables == 0 {
                    let rows = std::mem::take(&mut self.rows);
                    return write_table(&rows, std::mem::take(&mut self.header), self.builder);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn paragraph_ends(&mut self) -> Result<(), Problem> {
        let text = std::mem::take(&mut self.text);
        let level = self.level.take();
        let item = std::mem::take(&mut self.item);
        if self.tables > 0 {
            self.cell.push_str(&text);
            self.cell.push(' ');
            return Ok(());
        }
        match level {
            Some(level) => {
                if level == 1 {
                    self.builder.title(&text);
                }
                self.builder.heading(level, &text)
            }
            None if item => self.builder.list_item(&text),
            None => self.builder.paragraph(&text),
        }
    }
}
