//! The form in which a snapshot travels. Golden bytes are in the tests.
//!
//! A chunk is: version (1 byte), 1 if it is the last (1 byte), its number (8 bytes), the checksum
//! of the chunk before (32 bytes), rows, its own checksum (32 bytes, BLAKE3 over all before it).
//! A row, or a part of a long one, is: table (1), lengths of the key, of the whole value (4 each),
//! where in the value the part begins and how long it is (4 each), key, part. Numbers are
//! big-endian. Before the first chunk stands a checksum of the mark. So the last chunk's checksum
//! covers the mark and every row, and chunks of different snapshots do not join.

use impresario_journal::Table;

use crate::format::Position;
use crate::replica::Mark;

const VERSION: u8 = 1;

/// The most bytes of a chunk, unless a single key is longer.
pub(crate) const MOST: usize = 1 << 20;

const HEAD: usize = 42;
const SUM: usize = 32;
const ROW_HEAD: usize = 17;

pub(crate) type Checksum = [u8; SUM];

/// What stands before the first chunk.
pub(crate) fn seed(mark: &Option<Mark>) -> Checksum {
    *blake3::hash(&[b"impresario snapshot 1 ", mark.to_bytes().as_slice()].concat()).as_bytes()
}

/// A row, or a part of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) table: Table,
    pub(crate) key: &'a [u8],
    /// Bytes of the whole value.
    pub(crate) total: usize,
    /// Where in the value this part begins.
    pub(crate) offset: usize,
    pub(crate) bytes: &'a [u8],
}

/// A chunk being filled.
pub(crate) struct Filling(Vec<u8>);

impl Filling {
    pub(crate) fn new(number: u64, before: &Checksum) -> Self {
        let mut bytes = Vec::with_capacity(MOST);
        bytes.extend_from_slice(&[VERSION, 0]);
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(before);
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == HEAD
    }

    /// How much of a value fits, after a key of this length; `None` if not even the key does.
    pub(crate) fn fits(&self, key: usize) -> Option<usize> {
        (MOST - SUM).checked_sub(self.0.len() + ROW_HEAD + key)
    }

    /// Whether a row fits whole into an empty chunk.
    pub(crate) fn could_fit(key: usize, value: usize) -> bool {
        HEAD + ROW_HEAD + key + value + SUM <= MOST
    }

    pub(crate) fn push(&mut self, part: &Part<'_>) {
        self.0.push(part.table.code());
        for length in [part.key.len(), part.total, part.offset, part.bytes.len()] {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            self.0.extend_from_slice(&length.to_be_bytes());
        }
        self.0.extend_from_slice(part.key);
        self.0.extend_from_slice(part.bytes);
    }

    /// The finished chunk and its checksum.
    pub(crate) fn seal(mut self, last: bool) -> (Vec<u8>, Checksum) {
        self.0[1] = u8::from(last);
        let sum = *blake3::hash(&self.0).as_bytes();
        self.0.extend_from_slice(&sum);
        (self.0, sum)
    }
}

/// A chunk that was checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) last: bool,
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) sum: Checksum,
}

/// Whether the bytes of a chunk say that it is the last.
pub(crate) fn is_last(chunk: &[u8]) -> bool {
    chunk.get(1) == Some(&1)
}

/// Reads chunk `number`, which follows the one with checksum `before`.
pub(crate) fn read<'a>(
    chunk: &'a [u8],
    number: u64,
    before: &Checksum,
) -> Result<Chunk<'a>, String> {
    let short = || "it is too short".to_owned();
    if *chunk.first().ok_or_else(short)? != VERSION {
        return Err(format!("it has version {}, {VERSION} is known", chunk[0]));
    }
    let (body, sum) = chunk.split_last_chunk::<SUM>().ok_or_else(short)?;
    if body.len() < HEAD {
        return Err(short());
    }
    if blake3::hash(body) != blake3::Hash::from_bytes(*sum) {
        return Err("its checksum does not match".to_owned());
    }
    if body[2..10] != number.to_be_bytes() {
        return Err(format!("it is not number {number}"));
    }
    if body[10..HEAD] != before[..] {
        return Err("it belongs to another snapshot".to_owned());
    }
    let last = match body[1] {
        0 => false,
        1 => true,
        other => return Err(format!("it has the flags {other}")),
    };
    let mut parts = Vec::new();
    let mut rest = &body[HEAD..];
    while !rest.is_empty() {
        let (part, after) = part(rest).ok_or("it ends within a row")?;
        parts.push(part);
        rest = after;
    }
    Ok(Chunk { last, parts, sum: *sum })
}

fn part(bytes: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<ROW_HEAD>()?;
    let table = Table::from_code(head[0])?;
    let number = |at: usize| -> Option<usize> {
        usize::try_from(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?)).ok()
    };
    let (key, total, offset, length) = (number(1)?, number(5)?, number(9)?, number(13)?);
    let (key, rest) = rest.split_at_checked(key)?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    (offset.checked_add(length)? <= total)
        .then_some((Part { table, key, total, offset, bytes }, rest))
}
