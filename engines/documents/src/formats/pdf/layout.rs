//! Lines into headings, items and paragraphs.

use std::collections::{BTreeMap, BTreeSet};

use super::glyphs::Line;
use crate::{Problem, builder::Builder};

/// A line this much larger than most of the text is a heading.
const HEADING: f64 = 1.15;
const HEADING_CHARS_MAX: usize = 160;
const LEVELS_MAX: u8 = 4;
/// A step between lines this much larger than most parts paragraphs.
const PARAGRAPH: f64 = 1.35;
/// Pages that must carry the same line before it is taken for a running head.
const RUNNING_MIN: usize = 3;
/// The part of a page at its top and bottom where running heads stand: its lines there.
const EDGE_LINES: usize = 3;

pub(super) fn write(pages: Vec<Vec<Line>>, builder: &mut Builder) -> Result<(), Problem> {
    let body = usual_size(&pages);
    let sizes = heading_sizes(&pages, body);
    let running = running_lines(&pages);
    let mut paragraph = Paragraph::default();
    for (number, lines) in (1_u32..).zip(&pages) {
        let mut text_seen = false;
        let step = usual_step(lines);
        for (at, line) in lines.iter().enumerate() {
            if is_edge(at, lines.len()) && running.contains(&fingerprint(&line.text)) {
                continue;
            }
            if !text_seen {
                // A paragraph that goes on from the page before stays with its beginning.
                if !paragraph.goes_on_over_page() {
                    paragraph.write(builder)?;
                    builder.page(number)?;
                } else {
                    paragraph.page = Some(number);
                }
                text_seen = true;
            }
            if let Some(level) = level(line, body, &sizes) {
                paragraph.write(builder)?;
                let follows = at > 0 && lines[at - 1].size.round() == line.size.round();
                paragraph.heading(line, level, follows, builder)?;
                continue;
            }
            paragraph.heading_ends(builder)?;
            let above = at.checked_sub(1).map(|above| &lines[above]);
            if above.is_some_and(|above| parts(above, line, step)) || is_item(&line.text) {
                paragraph.write(builder)?;
            }
            paragraph.line(line);
        }
        if !text_seen {
            builder.warn("page_without_text", format!("page {number} has no text"));
        }
    }
    paragraph.heading_ends(builder)?;
    paragraph.write(builder)
}

/// The size in which most letters are set.
fn usual_size(pages: &[Vec<Line>]) -> f64 {
    let mut letters: BTreeMap<u64, usize> = BTreeMap::new();
    for line in pages.iter().flatten() {
        *letters.entry(half_points(line.size)).or_default() += line.text.len();
    }
    let most = letters.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(0.0, |(size, _)| from_half_points(size))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held in the range")]
fn half_points(size: f64) -> u64 {
    (size * 2.0).round().clamp(0.0, 10_000.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "at most 10 000")]
fn from_half_points(size: u64) -> f64 {
    size as f64 / 2.0
}

/// The sizes of headings, largest first.
fn heading_sizes(pages: &[Vec<Line>], body: f64) -> Vec<u64> {
    let large: BTreeSet<u64> = pages
        .iter()
        .flatten()
        .filter(|line| line.size > body * HEADING && line.text.chars().count() <= HEADING_CHARS_MAX)
        .map(|line| half_points(line.size))
        .collect();
    large.into_iter().rev().collect()
}

fn level(line: &Line, body: f64, sizes: &[u64]) -> Option<u8> {
    let short = line.text.chars().count() <= HEADING_CHARS_MAX;
    let wordy = line.text.chars().filter(|letter| letter.is_alphabetic()).count() > 1;
    if line.size <= body * HEADING || !short || !wordy {
        return None;
    }
    let rank = sizes.iter().position(|size| *size == half_points(line.size))?;
    Some(u8::try_from(rank + 1).unwrap_or(LEVELS_MAX).min(LEVELS_MAX))
}

/// A line with its numbers made equal, so that page numbers do not hide a running head.
fn fingerprint(text: &str) -> String {
    let mut print = String::new();
    for letter in text.trim().chars() {
        let letter = if letter.is_ascii_digit() { '#' } else { letter };
        if !(letter == '#' && print.ends_with('#')) {
            print.push(letter);
        }
    }
    print
}

fn is_edge(at: usize, lines: usize) -> bool {
    at < EDGE_LINES || at + EDGE_LINES >= lines
}

fn running_lines(pages: &[Vec<Line>]) -> BTreeSet<String> {
    let mut pages_with: BTreeMap<String, usize> = BTreeMap::new();
    for lines in pages {
        let edges = lines.iter().enumerate().filter(|(at, _)| is_edge(*at, lines.len()));
        let prints: BTreeSet<String> = edges.map(|(_, line)| fingerprint(&line.text)).collect();
        for print in prints {
            *pages_with.entry(print).or_default() += 1;
        }
    }
    let least = RUNNING_MIN.max(pages.len() / 2);
    pages_with.into_iter().filter(|(_, count)| *count >= least).map(|(print, _)| print).collect()
}

/// The step from line to line that most lines of a page have.
fn usual_step(lines: &[Line]) -> f64 {
    let mut steps: Vec<f64> = lines
        .windows(2)
        .map(|pair| pair[1].baseline - pair[0].baseline)
        .filter(|step| *step > 0.0)
        .collect();
    steps.sort_unstable_by(f64::total_cmp);
    // The lower quarter: steps within paragraphs are the small ones.
    steps.get(steps.len() / 4).copied().unwrap_or(0.0)
}

fn parts(above: &Line, line: &Line, step: f64) -> bool {
    let down = line.baseline - above.baseline;
    let ends_early = above.right < line.right - 6.0 * line.size
        && above.text.trim_end().ends_with(['.', '!', '?', ':', '。']);
    let resized = (above.size - line.size).abs() > 0.2 * line.size;
    // Upwards: the next column, in which a sentence may go on.
    down > step * PARAGRAPH || resized || ends_early
}

fn is_item(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['•', '◦', '▪', '●', '‣', '·'])
        || text.strip_prefix(['-', '–', '*']).is_some_and(|rest| rest.starts_with(' '))
}

#[derive(Default)]
struct Paragraph {
    text: String,
    heading: Option<(u8, String)>,
    /// The page that begins in the middle of it.
    page: Option<u32>,
}

impl Paragraph {
    fn goes_on_over_page(&self) -> bool {
        let end = self.text.trim_end();
        self.heading.is_none()
            && end.chars().next_back().is_some_and(|last| {
                last.is_lowercase() || matches!(last, ',' | ';' | '-' | '\u{2010}')
            })
    }

    fn line(&mut self, line: &Line) {
        let text = line.text.trim();
        let hyphen = self.text.ends_with(['-', '\u{2010}', '\u{ad}']);
        let letter_before = self.text.chars().rev().nth(1).is_some_and(char::is_alphabetic);
        if hyphen && letter_before && text.starts_with(char::is_lowercase) {
            self.text.pop();
        } else if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(text);
    }

    fn write(&mut self, builder: &mut Builder) -> Result<(), Problem> {
        let text = std::mem::take(&mut self.text);
        if is_item(&text) {
            builder.list_item(text.trim_start_matches(['-', '–', '*', ' ']))?;
        } else {
            builder.paragraph(&text)?;
        }
        match self.page.take() {
            Some(page) => builder.page(page),
            None => Ok(()),
        }
    }

    /// Lines of one size are one heading.
    fn heading(
        &mut self,
        line: &Line,
        level: u8,
        follows: bool,
        builder: &mut Builder,
    ) -> Result<(), Problem> {
        match &mut self.heading {
            Some((known, text)) if *known == level && follows => {
                text.push(' ');
                text.push_str(line.text.trim());
            }
            Some(_) | None => {
                self.heading_ends(builder)?;
                self.heading = Some((level, line.text.trim().to_owned()));
            }
        }
        Ok(())
    }

    fn heading_ends(&mut self, builder: &mut Builder) -> Result<(), Problem> {
        if let Some((level, text)) = self.heading.take() {
            if level == 1 {
                builder.title(&text);
            }
            builder.heading(level, &text)?;
        }
        Ok(())
    }
}
