use unicode_segmentation::UnicodeSegmentation as _;

use crate::dialect::{inline, is_fence, text_for};
use crate::{Channel, What, limit};

/// Where a text may be cut, the best place first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Border {
    Line,
    Sentence,
    Word,
    /// Between words also inside markup, because the marked part alone is too long.
    AnyWord,
    Grapheme,
}

impl Border {
    const fn finer(self) -> Option<Self> {
        match self {
            Self::Line => Some(Self::Sentence),
            Self::Sentence => Some(Self::Word),
            Self::Word => Some(Self::AnyWord),
            Self::AnyWord => Some(Self::Grapheme),
            Self::Grapheme => None,
        }
    }
}

/// A Markdown text as pieces that each keep to a limit of a channel, written in its dialect: cut
/// between paragraphs, else lines, sentences, words. Nothing but white space is lost, links and
/// marked parts stay whole, a block of code that must be cut is closed and opened again. A channel
/// without this limit gets the text whole.
#[must_use]
pub fn split(text: &str, channel: Channel, what: What) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let Some(row) = limit(channel, what) else { return vec![text.to_owned()] };
    let fits = |piece: &str| row.holds(&text_for(piece, channel));
    if fits(text) {
        return vec![text.to_owned()];
    }
    let mut pieces = Vec::new();
    let mut open = String::new();
    for block in blocks(text) {
        let block = block.trim_matches('\n');
        if block.trim().is_empty() {
            continue;
        }
        if add(&mut open, "\n\n", block, &fits) {
            continue;
        }
        flush(&mut open, &mut pieces);
        if fits(block) {
            open.push_str(block);
        } else if is_fence(block) {
            cut_code(block, &fits, &mut pieces);
        } else {
            cut(block, Border::Line, &fits, &mut open, &mut pieces);
        }
    }
    flush(&mut open, &mut pieces);
    pieces
}

/// Paragraphs and whole blocks of code.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut from = 0;
    let mut at = 0;
    let mut in_code = false;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if is_fence(line) {
            if in_code {
                blocks.push(&text[from..end]);
                from = end;
            } else {
                blocks.push(&text[from..at]);
                from = at;
            }
            in_code = !in_code;
        } else if !in_code && line.trim().is_empty() {
            blocks.push(&text[from..end]);
            from = end;
        }
        at = end;
    }
    blocks.push(&text[from..]);
    blocks
}

/// Appends to the open piece, if it still fits then.
fn add(open: &mut String, between: &str, next: &str, fits: &impl Fn(&str) -> bool) -> bool {
    let before = open.len();
    if !open.is_empty() {
        open.push_str(between);
    }
    open.push_str(next);
    if fits(open.trim()) {
        return true;
    }
    open.truncate(before);
    false
}

fn flush(open: &mut String, pieces: &mut Vec<String>) {
    let piece = open.trim();
    if !piece.is_empty() {
        pieces.push(piece.to_owned());
    }
    open.clear();
}

fn cut(
    text: &str,
    border: Border,
    fits: &impl Fn(&str) -> bool,
    open: &mut String,
    pieces: &mut Vec<String>,
) {
    for part in parts(text, border) {
        if add(open, "", part, fits) {
            continue;
        }
        flush(open, pieces);
        if add(open, "", part, fits) {
            continue;
        }
        match border.finer() {
            Some(finer) => cut(part, finer, fits, open, pieces),
            // One grapheme that is too long for a message: nothing smaller makes sense.
            None => open.push_str(part),
        }
    }
}

/// The parts of a text between borders of a kind; together they are the text.
fn parts(text: &str, border: Border) -> Vec<&str> {
    match border {
        Border::Line => text.split_inclusive('\n').collect(),
        Border::Grapheme => text.graphemes(true).collect(),
        Border::AnyWord => text.split_inclusive(char::is_whitespace).collect(),
        Border::Sentence => at_borders(text, sentence_ends(text)),
        Border::Word => {
            let ends = text
                .char_indices()
                .filter(|(_, letter)| letter.is_whitespace())
                .map(|(at, letter)| at + letter.len_utf8());
            at_borders(text, ends.collect())
        }
    }
}

fn sentence_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let end = at + letter.len_utf8();
        let wide = matches!(letter, '。' | '！' | '？' | '।' | '؟');
        let narrow = matches!(letter, '.' | '!' | '?' | ':' | ';' | '…');
        let space_follows = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        if wide || (narrow && space_follows) {
            ends.push(end);
        }
    }
    ends
}

/// Cuts at those borders that are not inside markup.
fn at_borders(text: &str, ends: Vec<usize>) -> Vec<&str> {
    let marked = marked_ranges(text);
    let mut parts = Vec::new();
    let mut from = 0;
    for end in ends {
        // The white space after a border stays with what is before it.
        let rest = &text[end..];
        let end = end + (rest.len() - rest.trim_start().len());
        let inside = marked.iter().any(|(start, stop)| (*start < end) & (end < *stop));
        if !inside && end > from {
            parts.push(&text[from..end]);
            from = end;
        }
    }
    if from < text.len() {
        parts.push(&text[from..]);
    }
    parts
}

fn marked_ranges(text: &str) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut from = 0;
    for (piece, end) in inline(text) {
        if !matches!(piece, crate::dialect::Inline::Plain(_)) {
            ranges.push((from, end));
        }
        from = end;
    }
    ranges
}

/// Cuts a block of code between its lines; each piece is a block of its own.
fn cut_code(block: &str, fits: &impl Fn(&str) -> bool, pieces: &mut Vec<String>) {
    let mut lines = block.lines();
    let first = lines.next().unwrap_or("```");
    let fenced = |body: &str| format!("{first}\n{body}\n```");
    let mut body = String::new();
    for line in lines.filter(|line| !is_fence(line)) {
        let longer = if body.is_empty() { line.to_owned() } else { format!("{body}\n{line}") };
        if fits(&fenced(&longer)) {
            body = longer;
            continue;
        }
        if !body.is_empty() {
            pieces.push(fenced(&body));
        }
        body = if fits(&fenced(line)) {
            line.to_owned()
        } else {
            let mut short = String::new();
            let mut cuts = Vec::new();
            cut(line, Border::AnyWord, &|piece: &str| fits(&fenced(piece)), &mut short, &mut cuts);
            pieces.extend(cuts.iter().map(|piece| fenced(piece)));
            short.trim().to_owned()
        };
    }
    if !body.is_empty() {
        pieces.push(fenced(&body));
    }
}
