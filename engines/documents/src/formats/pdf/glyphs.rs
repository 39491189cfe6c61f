use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{BezPath, Point};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};

/// Of the font's size: a gap as wide as this is a space.
const SPACE: f64 = 0.17;
/// A step up or down as large as this is another line.
const LINE_STEP: f64 = 0.5;
/// A step back as large as this is another line (or text printed over text).
const BACK_STEP: f64 = 0.7;
/// A gap as wide as this parts columns.
const COLUMN_GAP: f64 = 3.0;
/// Superscripts are smaller than what they stand at.
const SAME_SIZE: f64 = 0.6;

/// One line of text, from the left to the right.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) text: String,
    /// The size of its largest letters, in points.
    pub(super) size: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    /// From the top of the page.
    pub(super) baseline: f64,
}

/// Collects letters into lines in the order in which they are drawn, which is the order of reading
/// in what programs write.
pub(super) struct Glyphs {
    lines: Vec<Line>,
    current: Option<Line>,
    bytes_left: usize,
}

impl Glyphs {
    pub(super) fn new(bytes_left: usize) -> Self {
        Self { lines: Vec::new(), current: None, bytes_left }
    }

    pub(super) fn finish(mut self) -> Vec<Line> {
        self.break_line();
        self.lines
    }

    fn break_line(&mut self) {
        if let Some(line) = self.current.take().filter(|line| !line.text.trim().is_empty()) {
            self.lines.push(line);
        }
    }

    fn letter(&mut self, text: &str, start: Point, end: Point, size: f64) {
        if text.len() > self.bytes_left || !(start.x.is_finite() && start.y.is_finite()) {
            self.bytes_left = self.bytes_left.min(text.len());
            return;
        }
        self.bytes_left -= text.len();
        if self.current.as_ref().is_some_and(|line| !line.goes_on(start, size)) {
            self.break_line();
        }
        let line = self.current.get_or_insert_with(|| Line {
            left: start.x,
            right: start.x,
            baseline: start.y,
            ..Line::default()
        });
        let gap = start.x - line.right;
        let parted =
            line.text.ends_with(char::is_whitespace) || text.starts_with(char::is_whitespace);
        if gap > SPACE * size.max(line.size) && !line.text.is_empty() && !parted {
            line.text.push(' ');
        }
        if size > line.size {
            line.size = size;
            line.baseline = start.y;
        }
        line.text.push_str(text);
        line.left = line.left.min(start.x);
        line.right = end.x.max(start.x);
    }
}

impl Line {
    fn goes_on(&self, start: Point, size: f64) -> bool {
        let larger = self.size.max(size);
        // A raised or lowered small letter may be a step away.
        let tolerance =
            if self.size.min(size) < larger * SAME_SIZE { larger } else { LINE_STEP * larger };
        let gap = start.x - self.right;
        (start.y - self.baseline).abs() <= tolerance
            && gap > -BACK_STEP * larger
            && gap < COLUMN_GAP * larger.max(1.0)
    }
}

/// What a letter is, if the file says so. Letters for private use say nothing.
fn letter_of(glyph: &Glyph<'_>) -> Option<String> {
    let text = match glyph.as_unicode()? {
        BfString::Char(letter) => letter.to_string(),
        BfString::String(text) => text,
    };
    let unprintable = |letter: char| {
        letter == '\u{fffd}' || ('\u{e000}'..='\u{f8ff}').contains(&letter) || letter == '\0'
    };
    (!text.chars().any(unprintable)).then(|| ligatures(&text))
}

/// One letter for two is a matter of print.
fn ligatures(text: &str) -> String {
    let mut parted = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{fb00}' => parted.push_str("ff"),
            '\u{fb01}' => parted.push_str("fi"),
            '\u{fb02}' => parted.push_str("fl"),
            '\u{fb03}' => parted.push_str("ffi"),
            '\u{fb04}' => parted.push_str("ffl"),
            '\u{a0}' => parted.push(' '),
            other => parted.push(other),
        }
    }
    parted
}

impl<'a> Device<'a> for Glyphs {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            let Some(text) = letter_of(glyph) else { continue };
            let to_page = props.transform * glyph.transform();
            let advance = match &**glyph {
                Glyph::Outline(outline) => outline.advance_width(),
                Glyph::Type3(drawn) => drawn.advance_width(),
            };
            let start = to_page * Point::ORIGIN;
            let end = to_page * Point::new(f64::from(advance.unwrap_or(500.0)), 0.0);
            let size = (to_page * Point::new(0.0, 1_000.0)).distance(start);
            self.letter(&text, start, end, size);
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
