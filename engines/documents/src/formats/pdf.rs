use hayro_interpret::hayro_syntax::{LoadPdfError, Pdf};
use hayro_interpret::kurbo::Rect;
use hayro_interpret::{
    Context, InterpreterCache, InterpreterSettings, RenderContent, TransformExt, interpret_page,
};

mod glyphs;
mod guard;
mod layout;

use glyphs::{Glyphs, Line};

use crate::{Limits, Problem, builder::Builder};

const FORMAT: &str = "PDF";

pub(crate) fn read(bytes: &[u8], limits: &Limits, builder: &mut Builder) -> Result<(), Problem> {
    guard::streams(bytes, limits)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Problem::encrypted(),
        LoadPdfError::Invalid => Problem::damaged(FORMAT, "no pages are found"),
    })?;
    let metadata = pdf.metadata();
    builder.title(&pdf_text(metadata.title.as_deref()));
    for (name, value) in [
        ("author", &metadata.author),
        ("subject", &metadata.subject),
        ("keywords", &metadata.keywords),
    ] {
        builder.note(name, &pdf_text(value.as_deref()));
    }
    let pages = read_pages(&pdf, limits)?;
    layout::write(pages, builder)
}

fn read_pages(pdf: &Pdf, limits: &Limits) -> Result<Vec<Vec<Line>>, Problem> {
    let pages = pdf.pages();
    if pages.len() > limits.pages_max {
        return Err(Problem::too_much_text("pages", limits.pages_max));
    }
    let mut steps = guard::Steps::new(limits);
    let mut text_bytes = 0;
    let mut lines = Vec::with_capacity(pages.len());
    let cache = InterpreterCache::new();
    for page in pages.iter() {
        steps.page(page)?;
        let settings = InterpreterSettings {
            render_content: RenderContent::PAGE,
            ..InterpreterSettings::default()
        };
        let (width, height) = page.render_dimensions();
        let mut context = Context::new(
            page.initial_transform(true).to_kurbo(),
            Rect::new(0.0, 0.0, f64::from(width), f64::from(height)),
            &cache,
            page.xref(),
            settings,
        );
        let mut glyphs = Glyphs::new(limits.text_bytes_max.saturating_sub(text_bytes));
        interpret_page(page, &mut context, &mut glyphs);
        let page = glyphs.finish();
        text_bytes += page.iter().map(|line| line.text.len()).sum::<usize>();
        if text_bytes >= limits.text_bytes_max {
            return Err(Problem::too_much_text("bytes of text", limits.text_bytes_max));
        }
        lines.push(page);
    }
    Ok(lines)
}

/// A text string of a PDF: UTF-16 or UTF-8 with a mark, else nearly Latin-1.
fn pdf_text(bytes: Option<&[u8]>) -> String {
    let bytes = bytes.unwrap_or_default();
    let marked = [&[0xfe, 0xff][..], &[0xff, 0xfe], &[0xef, 0xbb, 0xbf]];
    if marked.iter().any(|mark| bytes.starts_with(mark)) {
        return crate::text::decode(bytes, None).0;
    }
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}
