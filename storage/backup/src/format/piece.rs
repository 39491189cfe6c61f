use impresario_journal::{Table, Write};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::{PieceKind, open, seal};
use crate::{BackupError, Row};

/// A row's table, and the lengths of its key and value.
const ROW_HEAD: usize = 1 + 4 + 4;
/// Bytes by which a write grows when it is stored, at most.
const WRITE_HEAD: usize = 24;

/// One committed batch of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippedBatch {
    /// Its number in the partition: 1, 2, 3 ...
    pub number: u64,
    /// What it changed.
    pub writes: Vec<Write>,
}

#[derive(Encode, Decode)]
struct StoredBatch {
    #[n(0)]
    number: u64,
    #[n(1)]
    writes: Vec<StoredWrite>,
}

#[derive(Encode, Decode)]
enum StoredWrite {
    #[n(0)]
    Put(#[n(0)] u8, #[n(1)] ByteVec, #[n(2)] ByteVec),
    #[n(1)]
    Delete(#[n(0)] u8, #[n(1)] ByteVec),
    #[n(2)]
    DeleteIf(#[n(0)] u8, #[n(1)] ByteVec, #[n(2)] ByteVec),
    #[n(3)]
    Add(#[n(0)] u8, #[n(1)] ByteVec, #[n(2)] i64),
    #[n(4)]
    DeleteRange(#[n(0)] u8, #[n(1)] ByteVec, #[n(2)] ByteVec),
}

/// Bytes that a row takes in an object.
pub(crate) fn row_bytes(row: &Row) -> usize {
    ROW_HEAD + row.key.len() + row.value.len()
}

/// Bytes that a batch takes in an object, at most.
pub(crate) fn batch_bytes(batch: &ShippedBatch) -> usize {
    let write = |write: &Write| match write {
        Write::Put { key, value, .. } | Write::DeleteIf { key, value, .. } => {
            key.len() + value.len()
        }
        Write::Delete { key, .. } | Write::Add { key, .. } => key.len(),
        Write::DeleteRange { from, to, .. } => from.len() + to.len(),
    };
    batch.writes.iter().map(|one| WRITE_HEAD + write(one)).sum::<usize>() + WRITE_HEAD
}

/// An object of rows: table 1, length of the key 4, of the value 4, key, value; again and again.
#[must_use]
pub fn encode_rows(rows: &[Row]) -> Vec<u8> {
    let mut body = Vec::with_capacity(rows.iter().map(row_bytes).sum());
    for row in rows {
        body.push(row.table.code());
        for length in [row.key.len(), row.value.len()] {
            // An entry of the log is far below 4 GiB, and so is every row.
            body.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        body.extend_from_slice(&row.key);
        body.extend_from_slice(&row.value);
    }
    seal(PieceKind::Rows, &body)
}

/// The rows of an object.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::Format`].
pub fn decode_rows(object: &str, bytes: &[u8]) -> Result<Vec<Row>, BackupError> {
    let mut rest = open(PieceKind::Rows, object, bytes)?;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (row, after) =
            row(rest).ok_or_else(|| BackupError::damaged(object, "it ends within a row"))?;
        let table = Table::from_code(row.0)
            .ok_or_else(|| BackupError::Unroutable { table: row.0, key: String::new() })?;
        rows.push(Row { table, key: row.1.to_vec(), value: row.2.to_vec() });
        rest = after;
    }
    Ok(rows)
}

type Fields<'a> = (u8, &'a [u8], &'a [u8]);

fn row(bytes: &[u8]) -> Option<(Fields<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<ROW_HEAD>()?;
    let length = |at: usize| -> Option<usize> {
        usize::try_from(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?)).ok()
    };
    let (key, rest) = rest.split_at_checked(length(1)?)?;
    let (value, rest) = rest.split_at_checked(length(5)?)?;
    Some(((head[0], key, value), rest))
}

/// An object of batches: length 4, then the batch with its fields numbered; again and again.
#[must_use]
pub fn encode_batches(batches: &[ShippedBatch]) -> Vec<u8> {
    let mut body = Vec::new();
    for batch in batches {
        let writes = batch.writes.iter().map(to_stored).collect();
        let stored = impresario_kernel::encode(&StoredBatch { number: batch.number, writes });
        body.extend_from_slice(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(&stored);
    }
    seal(PieceKind::Batches, &body)
}

/// The batches of an object.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::Format`].
pub fn decode_batches(object: &str, bytes: &[u8]) -> Result<Vec<ShippedBatch>, BackupError> {
    let mut rest = open(PieceKind::Batches, object, bytes)?;
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let short = || BackupError::damaged(object, "it ends within a batch");
        let (head, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_be_bytes(*head)).map_err(|_| short())?;
        let (body, after) = after.split_at_checked(length).ok_or_else(short)?;
        let stored: StoredBatch =
            impresario_kernel::decode(body).map_err(|error| BackupError::damaged(object, error))?;
        let writes = stored.writes.into_iter().map(from_stored).collect::<Result<_, _>>();
        batches.push(ShippedBatch { number: stored.number, writes: writes? });
        rest = after;
    }
    Ok(batches)
}

fn to_stored(write: &Write) -> StoredWrite {
    let bytes = |bytes: &[u8]| ByteVec::from(bytes.to_vec());
    match write {
        Write::Put { table, key, value } => {
            StoredWrite::Put(table.code(), bytes(key), bytes(value))
        }
        Write::Delete { table, key } => StoredWrite::Delete(table.code(), bytes(key)),
        Write::DeleteIf { table, key, value } => {
            StoredWrite::DeleteIf(table.code(), bytes(key), bytes(value))
        }
        Write::Add { table, key, delta } => StoredWrite::Add(table.code(), bytes(key), *delta),
        Write::DeleteRange { table, from, to } => {
            StoredWrite::DeleteRange(table.code(), bytes(from), bytes(to))
        }
    }
}

fn from_stored(write: StoredWrite) -> Result<Write, BackupError> {
    let known = |code: u8| {
        Table::from_code(code)
            .ok_or_else(|| BackupError::Unroutable { table: code, key: String::new() })
    };
    Ok(match write {
        StoredWrite::Put(table, key, value) => {
            Write::Put { table: known(table)?, key: key.into(), value: value.into() }
        }
        StoredWrite::Delete(table, key) => Write::Delete { table: known(table)?, key: key.into() },
        StoredWrite::DeleteIf(table, key, value) => {
            Write::DeleteIf { table: known(table)?, key: key.into(), value: value.into() }
        }
        StoredWrite::Add(table, key, delta) => {
            Write::Add { table: known(table)?, key: key.into(), delta }
        }
        StoredWrite::DeleteRange(table, from, to) => {
            Write::DeleteRange { table: known(table)?, from: from.into(), to: to.into() }
        }
    })
}
