//! Sentences of a text, as spans.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Shorter ones are joined with the next: "e.g.", "No. 5", list numbers.
const CHARS_MIN: usize = 12;
/// Abbreviations after which a sentence goes on.
const ABBREVIATIONS: &[&str] = &[
    "e.g.", "i.e.", "etc.", "no.", "nr.", "dr.", "mr.", "mrs.", "ms.", "st.", "vs.", "approx.",
    "z.b.", "bzw.",
];

/// The sentences of a text: spans in bytes, without the space around them. Lines that end a paragraph
/// end a sentence.
#[must_use]
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    for (at, piece) in text.split_sentence_bound_indices() {
        let from = open.take().unwrap_or(at);
        let end = at + piece.len();
        let so_far = text[from..end].trim();
        let breaks = piece.ends_with('\n');
        let short = so_far.chars().count() < CHARS_MIN && !so_far.ends_with(['?', '!']);
        let abbreviated = so_far
            .rsplit(char::is_whitespace)
            .next()
            .is_some_and(|last| ABBREVIATIONS.contains(&last.to_lowercase().as_str()));
        if end < text.len() && !breaks && (short || abbreviated) {
            open = Some(from);
            continue;
        }
        push_lines(text, from..end, &mut spans);
    }
    if let Some(from) = open {
        push_lines(text, from..text.len(), &mut spans);
    }
    spans
}

fn push_lines(text: &str, span: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let piece = &text[span.clone()];
    let trimmed = piece.trim();
    if trimmed.is_empty() {
        return;
    }
    let from = span.start + (piece.len() - piece.trim_start().len());
    spans.push(from..from + trimmed.len());
}
