use crate::detect::detect;
use crate::formats::{docx, eml, html, json, markdown, pdf, table, text, xlsx};
use crate::{Document, Format, Hint, Limits, Problem, builder::Builder};

/// Reads a file.
///
/// A message may have no text of its own but attachments; every other document has at least one
/// section.
///
/// # Errors
/// `file_too_large`, `file_type_unsupported`, `file_damaged`, `file_encrypted`,
/// `file_inflates_too_much`, `file_text_too_large`, `file_without_text`.
pub fn ingest(bytes: &[u8], hint: &Hint<'_>, limits: &Limits) -> Result<Document, Problem> {
    ingest_nested(bytes, hint, limits, limits.depth_max)
}

/// `depth`: how many levels of files in files may follow.
pub(crate) fn ingest_nested(
    bytes: &[u8],
    hint: &Hint<'_>,
    limits: &Limits,
    depth: usize,
) -> Result<Document, Problem> {
    if bytes.len() > limits.bytes_max {
        return Err(Problem::too_large(bytes.len(), limits.bytes_max));
    }
    let format = detect(bytes, hint)?;
    let mut builder = Builder::new(limits);
    match format {
        Format::Text => text::read(bytes, hint, &mut builder)?,
        Format::Markdown => markdown::read(bytes, hint, &mut builder)?,
        Format::Html => html::read(bytes, hint, limits, &mut builder)?,
        Format::Csv => table::read(bytes, hint, limits, &mut builder)?,
        Format::Json => json::read(bytes, hint, limits, &mut builder)?,
        Format::Xlsx => xlsx::read(bytes, limits, &mut builder)?,
        Format::Pdf => pdf::read(bytes, limits, &mut builder)?,
        Format::Docx => docx::read(bytes, limits, &mut builder)?,
        Format::Eml => return eml::read(bytes, limits, depth, builder),
        Format::Image => {
            builder.title(hint.caption.unwrap_or_default());
            builder.caption(hint.caption.unwrap_or_default())?;
        }
    }
    let document = builder.finish(format)?;
    if document.sections.is_empty() { Err(Problem::no_text()) } else { Ok(document) }
}
