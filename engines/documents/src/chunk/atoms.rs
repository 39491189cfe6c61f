//! The smallest parts that a chunk is made of.

use crate::{Block, BlockKind, ChunkOptions, Section};

/// A span of a section's text that is not cut further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) kind: BlockKind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) tokens: usize,
    pub(super) row: Option<u32>,
}

/// Words that end with a full stop in the middle of a sentence.
const ABBREVIATIONS: [&str; 20] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "fig", "inc", "ltd",
    "co", "approx", "z.b", "bzw", "ca", "nr",
];

pub(super) fn atoms(section: &Section, options: &ChunkOptions<'_>) -> Vec<Atom> {
    let mut cutter = Cutter { text: &section.text, options, atoms: Vec::new() };
    for block in &section.blocks {
        cutter.block(block);
    }
    cutter.atoms
}

struct Cutter<'a> {
    text: &'a str,
    options: &'a ChunkOptions<'a>,
    atoms: Vec<Atom>,
}

impl Cutter<'_> {
    fn block(&mut self, block: &Block) {
        let span = (block.start, block.end);
        match block.kind {
            BlockKind::Paragraph | BlockKind::Caption => {
                for sentence in sentences(self.text, span) {
                    self.whole_or(block, sentence, Self::words);
                }
            }
            BlockKind::ListItem => self.whole_or(block, span, |cutter, block, span| {
                for sentence in sentences(cutter.text, span) {
                    cutter.whole_or(block, sentence, Self::words);
                }
            }),
            BlockKind::TableRow => self.whole_or(block, span, |cutter, block, span| {
                for cell in split_after(cutter.text, span, "; ") {
                    cutter.whole_or(block, cell, Self::words);
                }
            }),
            BlockKind::Code => self.whole_or(block, span, |cutter, block, span| {
                for line in split_after(cutter.text, span, "\n") {
                    cutter.whole_or(block, line, Self::words);
                }
            }),
        }
    }

    /// One atom if it is not too long, else what `cut` makes of it.
    fn whole_or(
        &mut self,
        block: &Block,
        span: (usize, usize),
        cut: impl FnOnce(&mut Self, &Block, (usize, usize)),
    ) {
        let Some((start, end)) = trimmed(self.text, span) else { return };
        let tokens = (self.options.count)(&self.text[start..end]);
        if tokens <= self.options.target_tokens.max(1) {
            let (kind, row) = (block.kind, block.row);
            self.atoms.push(Atom { kind, start, end, tokens, row });
        } else {
            cut(self, block, (start, end));
        }
    }

    fn words(&mut self, block: &Block, span: (usize, usize)) {
        for word in split_after(self.text, span, " ") {
            self.whole_or(block, word, Self::letters);
        }
    }

    /// A text without spaces: halves of halves, until they fit or are one letter.
    fn letters(&mut self, block: &Block, (start, end): (usize, usize)) {
        let mut spans = vec![(start, end)];
        while let Some((start, end)) = spans.pop() {
            let text = &self.text[start..end];
            let tokens = (self.options.count)(text);
            let mut middle = start + text.floor_char_boundary(text.len() / 2);
            if middle == start {
                middle = start + text.chars().next().map_or(0, char::len_utf8);
            }
            if tokens <= self.options.target_tokens.max(1) || middle >= end {
                let (kind, row) = (block.kind, block.row);
                self.atoms.push(Atom { kind, start, end, tokens, row });
            } else {
                spans.push((middle, end));
                spans.push((start, middle));
            }
        }
    }
}

/// The span without white space around it; `None` if nothing is left.
fn trimmed(text: &str, (start, end): (usize, usize)) -> Option<(usize, usize)> {
    let part = &text[start..end];
    let start = start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    (start < end).then_some((start, end))
}

/// The parts of a span that end with a separator.
fn split_after(text: &str, (start, end): (usize, usize), separator: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut at = start;
    for part in text[start..end].split_inclusive(separator) {
        spans.push((at, at + part.len()));
        at += part.len();
    }
    spans
}

/// The sentences of a span, with what parts them.
fn sentences(text: &str, (start, end): (usize, usize)) -> Vec<(usize, usize)> {
    let part = &text[start..end];
    let mut spans = Vec::new();
    let mut from = 0;
    let mut letters = part.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let after = at + letter.len_utf8();
        let ends = match letter {
            '。' | '！' | '？' | '\n' => true,
            '.' | '!' | '?' | '…' => {
                let space = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
                space && !(letter == '.' && is_abbreviation(&part[from..at]))
            }
            _ => false,
        };
        if ends {
            spans.push((start + from, start + after));
            from = after;
        }
    }
    if from < part.len() {
        spans.push((start + from, end));
    }
    spans
}

fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_start_matches(['(', '"', '\'', '[']);
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}
