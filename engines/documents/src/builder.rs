use std::collections::BTreeMap;

use crate::text::{fold, lines, short};
use crate::{Block, BlockKind, Document, Format, Limits, Problem, Section, Warning};

/// A section longer than this is continued in another one, so that the context of a chunk stays
/// something that can be read (and sent to a model).
const SECTION_BYTES: usize = 8 << 10;
const HEADING_CHARS_MAX: usize = 300;
const WARNINGS_MAX: usize = 100;
const COLUMN_CHARS_MAX: usize = 100;
const METADATA_CHARS_MAX: usize = 2_000;

/// Collects blocks into sections, within the limits.
pub(crate) struct Builder {
    limits: Limits,
    sections: Vec<Section>,
    current: Section,
    headings: Vec<(u8, String)>,
    /// The last heading has no text yet.
    bare_heading: bool,
    bytes: usize,
    title: Option<String>,
    metadata: BTreeMap<String, String>,
    warnings: Vec<Warning>,
}

impl Builder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            sections: Vec::new(),
            current: Section::default(),
            headings: Vec::new(),
            bare_heading: false,
            bytes: 0,
            title: None,
            metadata: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// The first title wins.
    pub(crate) fn title(&mut self, title: &str) {
        let title = short(&fold(title), HEADING_CHARS_MAX);
        if self.title.is_none() && !title.is_empty() {
            self.title = Some(title);
        }
    }

    pub(crate) fn has_title(&self) -> bool {
        self.title.is_some()
    }

    pub(crate) fn note(&mut self, name: &str, value: &str) {
        let value = short(&fold(value), METADATA_CHARS_MAX);
        if !value.is_empty() {
            self.metadata.entry(name.to_owned()).or_insert(value);
        }
    }

    pub(crate) fn warn(&mut self, code: &'static str, message: impl Into<String>) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(Warning { code, message: message.into() });
        }
    }

    /// From here on, another page.
    pub(crate) fn page(&mut self, page: u32) -> Result<(), Problem> {
        self.close()?;
        self.current.page = Some(page);
        Ok(())
    }

    /// From here on, another sheet.
    pub(crate) fn sheet(&mut self, name: &str) -> Result<(), Problem> {
        self.close()?;
        self.headings.clear();
        self.current.sheet = Some(short(&fold(name), HEADING_CHARS_MAX));
        Ok(())
    }

    /// A heading; 1 is the outermost level.
    pub(crate) fn heading(&mut self, level: u8, text: &str) -> Result<(), Problem> {
        let text = short(&fold(text), HEADING_CHARS_MAX);
        if text.is_empty() {
            return Ok(());
        }
        if self.headings.last().is_some_and(|(above, _)| *above >= level) {
            self.say_bare_heading()?;
        }
        self.close()?;
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, text));
        self.bare_heading = true;
        Ok(())
    }

    pub(crate) fn paragraph(&mut self, text: &str) -> Result<(), Problem> {
        self.block(BlockKind::Paragraph, &fold(text), None)
    }

    pub(crate) fn list_item(&mut self, text: &str) -> Result<(), Problem> {
        let text = fold(text);
        let text = text.trim_start_matches(['•', '◦', '▪', '●', '·', '‣']).trim_start();
        if text.is_empty() {
            return Ok(());
        }
        self.block(BlockKind::ListItem, &format!("- {text}"), None)
    }

    pub(crate) fn code(&mut self, text: &str) -> Result<(), Problem> {
        self.block(BlockKind::Code, &lines(text), None)
    }

    pub(crate) fn caption(&mut self, text: &str) -> Result<(), Problem> {
        self.block(BlockKind::Caption, &fold(text), None)
    }

    /// F4: `Name: Ada; Price: 12`. Cells without a value are left out.
    pub(crate) fn row(&mut self, cells: &[(&str, &str)], row: Option<u32>) -> Result<(), Problem> {
        let mut text = String::new();
        for (name, cell) in cells {
            let (name, cell) = (fold(name), fold(cell));
            if cell.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push_str("; ");
            }
            if !name.is_empty() {
                text.push_str(short(&name, COLUMN_CHARS_MAX).trim_end_matches(':'));
                text.push_str(": ");
            }
            text.push_str(&cell);
            // A row of a million cells should not be built to be refused.
            if text.len() > self.limits.text_bytes_max {
                break;
            }
        }
        self.block(BlockKind::TableRow, &text, row)
    }

    /// A row whose cells have the names of the header at the same places; those beyond have none.
    pub(crate) fn cells(
        &mut self,
        header: &[String],
        cells: &[String],
        row: Option<u32>,
    ) -> Result<(), Problem> {
        let names = header.iter().map(String::as_str).chain(std::iter::repeat(""));
        let pairs: Vec<(&str, &str)> = names.zip(cells.iter().map(String::as_str)).collect();
        self.row(&pairs, row)
    }

    fn block(&mut self, kind: BlockKind, text: &str, row: Option<u32>) -> Result<(), Problem> {
        if text.is_empty() {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > self.limits.text_bytes_max {
            return Err(Problem::too_much_text("bytes of text", self.limits.text_bytes_max));
        }
        self.bare_heading = false;
        let length = self.current.text.len();
        if length > 0 && length + text.len() > SECTION_BYTES {
            self.close()?;
        }
        let section = &mut self.current;
        if let Some(last) = section.blocks.last() {
            let tight =
                last.kind == kind && matches!(kind, BlockKind::ListItem | BlockKind::TableRow);
            section.text.push_str(if tight { "\n" } else { "\n\n" });
        }
        let start = section.text.len();
        section.text.push_str(text);
        section.blocks.push(Block { kind, start, end: section.text.len(), row });
        Ok(())
    }

    /// A heading that nothing stands under says something by itself.
    fn say_bare_heading(&mut self) -> Result<(), Problem> {
        match self.headings.last() {
            Some((_, text)) if self.bare_heading => {
                let text = text.clone();
                self.block(BlockKind::Paragraph, &text, None)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Problem> {
        if self.current.text.is_empty() {
            return Ok(());
        }
        if self.sections.len() >= self.limits.sections_max {
            return Err(Problem::too_much_text("sections", self.limits.sections_max));
        }
        let next = Section {
            page: self.current.page,
            sheet: self.current.sheet.clone(),
            ..Section::default()
        };
        let mut section = std::mem::replace(&mut self.current, next);
        section.path = self.headings.iter().map(|(_, text)| text.clone()).collect();
        self.sections.push(section);
        Ok(())
    }

    /// The bytes of text so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn finish(mut self, format: Format) -> Result<Document, Problem> {
        self.say_bare_heading()?;
        self.close()?;
        Ok(Document {
            format,
            title: self.title,
            sections: self.sections,
            metadata: self.metadata,
            attachments: Vec::new(),
            warnings: self.warnings,
        })
    }
}
