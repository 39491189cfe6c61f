use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::text::fold;
use crate::{BlockKind, Document, Problem, Section};

mod atoms;

use atoms::{Atom, atoms};

/// How to cut.
pub struct ChunkOptions<'a> {
    /// Tokens that a chunk should have at most, headings not counted; at least 1.
    pub target_tokens: usize,
    /// Tokens of running text that a chunk repeats from the one before it.
    pub overlap_tokens: usize,
    /// Chunks that a document may have.
    pub chunks_max: usize,
    /// Counts tokens. Asked for each sentence once; the count of a text should be about the sum of
    /// the counts of its parts.
    pub count: &'a dyn Fn(&str) -> usize,
}

impl fmt::Debug for ChunkOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkOptions")
            .field("target_tokens", &self.target_tokens)
            .field("overlap_tokens", &self.overlap_tokens)
            .field("chunks_max", &self.chunks_max)
            .finish_non_exhaustive()
    }
}

/// A part of a document that is found and embedded as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// The first half of the hash in hexadecimal; for text that comes again, with `-` and a number.
    /// Names the chunk in its document, also in the next version, if its text is the same.
    pub id: String,
    /// F3: BLAKE3 of [`Chunk::embed_text`] with white space folded.
    pub hash: [u8; 32],
    /// The section that it is a part of, from 0: the context to show with it.
    pub section: u32,
    /// The first byte of the span in the section's text.
    pub start: u32,
    /// The byte after the span.
    pub end: u32,
    /// Tokens of the text.
    pub tokens: u32,
    /// The headings above it, outermost first.
    pub path: Vec<String>,
    /// The page that its section begins on, from 1.
    pub page: Option<u32>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// Its first row of a table, from 1.
    pub row: Option<u32>,
    /// What it says: the span.
    pub text: String,
}

impl Chunk {
    /// What to embed and index: the headings in a line, then the text.
    #[must_use]
    pub fn embed_text(&self) -> String {
        embed_text(&self.path, &self.text)
    }
}

fn embed_text(path: &[String], text: &str) -> String {
    if path.is_empty() { text.to_owned() } else { format!("{}\n{text}", path.join(" > ")) }
}

/// F3: the hash of a chunk with this text under these headings.
#[must_use]
pub fn meaning_hash(path: &[String], text: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for heading in path {
        hasher.update(fold(heading).as_bytes());
        hasher.update(b"\n");
    }
    hasher.update(b"\0");
    hasher.update(fold(text).as_bytes());
    *hasher.finalize().as_bytes()
}

/// Cuts a document (without its attachments) along its structure: never over a section's border,
/// between blocks where they fit, else between sentences, else between words. Rows of tables and
/// items of lists are kept whole where they fit.
///
/// # Errors
/// `document_too_many_chunks`.
pub fn chunk(document: &Document, options: &ChunkOptions<'_>) -> Result<Vec<Chunk>, Problem> {
    let mut chunks = Vec::new();
    let mut seen: BTreeMap<[u8; 32], u32> = BTreeMap::new();
    for (number, section) in (0_u32..).zip(&document.sections) {
        let atoms = atoms(section, options);
        for (first, last) in pack(&atoms, options) {
            if chunks.len() >= options.chunks_max {
                return Err(Problem::too_many_chunks(options.chunks_max));
            }
            chunks.push(cut(number, section, &atoms[first..=last], &mut seen));
        }
    }
    Ok(chunks)
}

/// Which atoms make up each chunk: first and last.
fn pack(atoms: &[Atom], options: &ChunkOptions<'_>) -> Vec<(usize, usize)> {
    let target = options.target_tokens.max(1);
    let mut packs = Vec::new();
    let mut first = 0;
    let mut tokens = 0_usize;
    for (at, atom) in atoms.iter().enumerate() {
        let full = at > first && tokens.saturating_add(atom.tokens) > target;
        // Code and captions stay apart from other text only where that would be too long.
        if full {
            packs.push((first, at - 1));
            first = overlap_from(atoms, first, at, options);
            tokens = atoms[first..at].iter().map(|atom| atom.tokens).sum();
        }
        tokens = tokens.saturating_add(atom.tokens);
    }
    if !atoms.is_empty() {
        packs.push((first, atoms.len() - 1));
    }
    packs
}

/// The first atom of the chunk that goes on at `next`: sentences before it that fit are repeated.
/// Always after the first one of the chunk before, so that every chunk says something new.
fn overlap_from(atoms: &[Atom], first: usize, next: usize, options: &ChunkOptions<'_>) -> usize {
    let room = options.overlap_tokens.min(options.target_tokens.max(1) - 1);
    // What comes next must still fit.
    let room = room.min(options.target_tokens.saturating_sub(atoms[next].tokens));
    let mut from = next;
    let mut tokens = 0_usize;
    while from > first + 1 {
        let atom = &atoms[from - 1];
        tokens = tokens.saturating_add(atom.tokens);
        if atom.kind != BlockKind::Paragraph || tokens > room {
            break;
        }
        from -= 1;
    }
    from
}

fn cut(
    number: u32,
    section: &Section,
    atoms: &[Atom],
    seen: &mut BTreeMap<[u8; 32], u32>,
) -> Chunk {
    let (start, end) = (atoms[0].start, atoms[atoms.len() - 1].end);
    let text = section.text[start..end].to_owned();
    let hash = meaning_hash(&section.path, &text);
    let again = seen.entry(hash).and_modify(|count| *count += 1).or_insert(0);
    let mut id: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    if *again > 0 {
        id.push_str(&format!("-{again}"));
    }
    let tokens: usize = atoms.iter().map(|atom| atom.tokens).sum();
    Chunk {
        id,
        hash,
        section: number,
        start: small(start),
        end: small(end),
        tokens: small(tokens),
        path: section.path.clone(),
        page: section.page,
        sheet: section.sheet.clone(),
        row: atoms.iter().find_map(|atom| atom.row),
        text,
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
