use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Format, Problem};

/// A file's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What the file was.
    pub format: Format,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The text in reading order; none is empty.
    pub sections: Vec<Section>,
    /// What the file says about itself: author, subject, from, to, date, description.
    pub metadata: BTreeMap<String, String>,
    /// What was attached to a message.
    pub attachments: Vec<Attachment>,
    /// What was left out.
    pub warnings: Vec<Warning>,
}

/// A file in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its type as the sender says.
    pub mime: Option<String>,
    /// Its text, or why there is none.
    pub outcome: Result<Document, Problem>,
}

/// Something that was left out, which the sender may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable code: `sheet_empty`, `page_without_text`, `text_hidden`, `attachments_left_out`,
    /// `characters_replaced`.
    pub code: &'static str,
    /// What.
    pub message: String,
}

/// Text under one heading, on one page or sheet. Long ones are cut between blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The headings above it, outermost first.
    pub path: Vec<String>,
    /// The page that it begins on, from 1.
    pub page: Option<u32>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// What it says.
    pub text: String,
    /// Its blocks, in order; they do not overlap, and between them is only white space.
    pub blocks: Vec<Block>,
}

/// A paragraph or the like: a span of a section's text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The row of a table or sheet, from 1.
    pub row: Option<u32>,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Running text.
    Paragraph,
    /// One item of a list.
    ListItem,
    /// Code, or other text whose lines matter.
    Code,
    /// One row of a table, with the names of its columns.
    TableRow,
    /// What a picture shows.
    Caption,
}

impl Document {
    /// The whole text, with headings, for reading.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut path: &[String] = &[];
        for section in &self.sections {
            let common = path.iter().zip(&section.path).take_while(|(old, new)| old == new).count();
            for heading in &section.path[common..] {
                text.push_str(heading);
                text.push_str("\n\n");
            }
            path = &section.path;
            // A heading that nothing stands under is its section's text.
            if section.path.last() != Some(&section.text) {
                text.push_str(&section.text);
                text.push_str("\n\n");
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}
