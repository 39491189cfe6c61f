//! A first look at the whole file: that it is as described, what it holds, and what identifies it.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use anyhow::Result;

use super::convert::Converter;
use super::map::Map;
use super::rows::{Layout, Rows};
use crate::shell::print;

/// What the file holds.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The hash of its bytes.
    pub(crate) content: blake3::Hash,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Rows that cannot be sent.
    unfit: u64,
    people: u64,
    revenue_micros: i128,
}

impl Survey {
    /// Reads the whole file twice: its bytes, and its rows.
    pub(crate) fn of(path: &Path, layout: Layout, map: &Map, event: &str) -> Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let content = blake3::Hasher::new().update_reader(file)?.finalize();
        let mut rows = Rows::open(path, layout)?;
        let converter = Converter::new(map.clone(), event.to_owned(), content);
        let columns = converter.columns(&rows)?;
        let mut survey = Self { content, bytes, rows: 0, unfit: 0, people: 0, revenue_micros: 0 };
        // Hashes, so that the memory does not depend on the length of the ids.
        let mut people = HashSet::new();
        while let Some(row) = rows.next()? {
            match converter.message(&columns, survey.rows, &row) {
                Ok(message) => {
                    people.insert(short_hash(&message.user));
                    survey.revenue_micros += message.revenue_micros;
                }
                Err(_) => survey.unfit += 1,
            }
            survey.rows += 1;
        }
        survey.people = people.len() as u64;
        Ok(survey)
    }

    pub(crate) fn headline(&self, path: &str) -> String {
        let number = print::grouped;
        let unfit = match self.unfit {
            0 => String::new(),
            unfit => format!(", {} rows that cannot be sent", number(unfit)),
        };
        format!(
            "{path}: {} rows of {} people, revenue {}{unfit}",
            number(self.rows),
            number(self.people),
            print::amount(self.revenue_micros),
        )
    }
}

fn short_hash(text: &str) -> [u8; 12] {
    let mut short = [0; 12];
    short.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..12]);
    short
}
