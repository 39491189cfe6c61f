use crate::format::{batch_bytes, row_bytes};
use crate::{BackupError, FileInfo, Row, ShippedBatch, SumOf, Target, encode_batches, encode_rows};

/// Writes the rows of one partition as bounded objects.
///
/// The names hold the number of the last batch, so that a second attempt with other rows never
/// overwrites an object that an earlier one has told of.
#[derive(Debug)]
pub struct RowWriter {
    target: Target,
    stem: String,
    piece_bytes: usize,
    rows: Vec<Row>,
    bytes: usize,
    files: Vec<FileInfo>,
}

impl RowWriter {
    /// Rows of partition `group` as of `batch`, into `folder`.
    #[must_use]
    pub fn new(target: Target, folder: &str, group: u16, batch: u64, piece_bytes: u64) -> Self {
        Self {
            target,
            stem: format!("{folder}/p{group:05}-b{batch:012}"),
            piece_bytes: usize::try_from(piece_bytes).unwrap_or(usize::MAX),
            rows: Vec::new(),
            bytes: 0,
            files: Vec::new(),
        }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn push(&mut self, row: Row) -> Result<(), BackupError> {
        let bytes = row_bytes(&row);
        if self.bytes + bytes > self.piece_bytes && !self.rows.is_empty() {
            self.flush().await?;
        }
        self.bytes += bytes;
        self.rows.push(row);
        Ok(())
    }

    /// Writes what is left. The objects, in order.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn finish(mut self) -> Result<Vec<FileInfo>, BackupError> {
        if !self.rows.is_empty() {
            self.flush().await?;
        }
        Ok(self.files)
    }

    async fn flush(&mut self) -> Result<(), BackupError> {
        let name = format!("{}-{:06}.rows", self.stem, self.files.len() + 1);
        let bytes = encode_rows(&self.rows);
        let info = FileInfo {
            name,
            bytes: bytes.len() as u64,
            sum: SumOf::of(&bytes),
            items: self.rows.len() as u64,
            first: 0,
            last: 0,
        };
        self.target.put(&info.name, bytes).await?;
        self.files.push(info);
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Writes batches of one partition as bounded objects.
#[derive(Debug)]
pub struct LogWriter {
    target: Target,
    stem: String,
    piece_bytes: usize,
    batches: Vec<ShippedBatch>,
    bytes: usize,
    files: Vec<FileInfo>,
}

impl LogWriter {
    /// Batches of partition `group`, into `folder`.
    #[must_use]
    pub fn new(target: Target, folder: &str, group: u16, piece_bytes: u64) -> Self {
        Self {
            target,
            stem: format!("{folder}/p{group:05}"),
            piece_bytes: usize::try_from(piece_bytes).unwrap_or(usize::MAX),
            batches: Vec::new(),
            bytes: 0,
            files: Vec::new(),
        }
    }

    /// Takes the next batch.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn push(&mut self, batch: ShippedBatch) -> Result<(), BackupError> {
        let bytes = batch_bytes(&batch);
        if self.bytes + bytes > self.piece_bytes && !self.batches.is_empty() {
            self.flush().await?;
        }
        self.bytes += bytes;
        self.batches.push(batch);
        Ok(())
    }

    /// Writes what is left. The objects, in order.
    ///
    /// # Errors
    /// [`BackupError::TargetUnavailable`].
    pub async fn finish(mut self) -> Result<Vec<FileInfo>, BackupError> {
        self.flush().await?;
        Ok(self.files)
    }

    async fn flush(&mut self) -> Result<(), BackupError> {
        let (Some(first), Some(last)) = (self.batches.first(), self.batches.last()) else {
            return Ok(());
        };
        let (first, last) = (first.number, last.number);
        let bytes = encode_batches(&self.batches);
        let info = FileInfo {
            name: format!("{}-{first:012}-{last:012}.log", self.stem),
            bytes: bytes.len() as u64,
            sum: SumOf::of(&bytes),
            items: self.batches.len() as u64,
            first,
            last,
        };
        self.target.put(&info.name, bytes).await?;
        self.files.push(info);
        self.batches.clear();
        self.bytes = 0;
        Ok(())
    }
}
