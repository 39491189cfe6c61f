//! Zip archives whose sizes are counted while they are unpacked.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::{Limits, Problem};

/// Entries of an archive; a document of Office has some tens.
const ENTRIES_MAX: usize = 10_000;

pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    format: &'static str,
    left: usize,
    bytes_max: usize,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(
        bytes: &'a [u8],
        format: &'static str,
        limits: &Limits,
    ) -> Result<Self, Problem> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| problem(format, &error))?;
        if zip.len() > ENTRIES_MAX {
            return Err(Problem::damaged(format, "too many entries"));
        }
        let bytes_max = limits.inflated_bytes_max;
        Ok(Self { zip, format, left: bytes_max, bytes_max })
    }

    /// The bytes of an entry; `None` if there is none of this name.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        let entry = match self.zip.by_name(name) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(problem(self.format, &error)),
        };
        let mut bytes = Vec::new();
        entry
            .take(self.left as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Problem::damaged(self.format, error))?;
        self.spend(bytes.len())?;
        Ok(Some(bytes))
    }

    /// Unpacks everything into nothing, so that a reader that does not count can be let in.
    pub(crate) fn measure(&mut self) -> Result<(), Problem> {
        for number in 0..self.zip.len() {
            let entry = self.zip.by_index(number).map_err(|error| problem(self.format, &error))?;
            let copied = std::io::copy(&mut entry.take(self.left as u64 + 1), &mut std::io::sink());
            let bytes = copied.map_err(|error| Problem::damaged(self.format, error))?;
            self.spend(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Problem> {
        self.left =
            self.left.checked_sub(bytes).ok_or_else(|| Problem::inflates(self.bytes_max))?;
        Ok(())
    }
}

fn problem(format: &'static str, error: &ZipError) -> Problem {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => Problem::encrypted(),
        other => Problem::damaged(format, other),
    }
}
