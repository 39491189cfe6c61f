use serde::Serialize;

use crate::Problem;

/// What is known about a file beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint<'a> {
    /// The declared type, for example `text/html; charset=utf-8`.
    pub mime: Option<&'a str>,
    /// The file's name.
    pub filename: Option<&'a str>,
    /// What an image shows: its alternative text, its caption, or a description made of it.
    pub caption: Option<&'a str>,
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// A web page.
    Html,
    /// Values separated by commas, semicolons or tabs.
    Csv,
    /// JSON, or one JSON value per line.
    Json,
    /// A workbook.
    Xlsx,
    /// Pages.
    Pdf,
    /// A text document.
    Docx,
    /// A message.
    Eml,
    /// A picture.
    Image,
}

impl Format {
    /// Its name, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Eml => "eml",
            Self::Image => "image",
        }
    }
}

const HEAD_BYTES: usize = 2_048;
/// The zip entries' names are near the end.
const TAIL_BYTES: usize = 64 << 10;
const ZIP: &[u8] = b"PK\x03\x04";
/// Word, Excel and Outlook files of before 2007, and protected ones of after.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// What the file is: by its first bytes where they say it, then by its declared type, then by its
/// name, then by how it looks.
///
/// # Errors
/// `file_type_unsupported`, `file_encrypted`.
pub fn detect(bytes: &[u8], hint: &Hint<'_>) -> Result<Format, Problem> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if let Some(format) = by_magic(bytes, head)? {
        return Ok(format);
    }
    let other = ["audio/", "video/", "font/", "model/"];
    if let Some(mime) = hint.mime.filter(|mime| other.iter().any(|kind| mime.starts_with(kind))) {
        return Err(Problem::unsupported(mime));
    }
    if let Some(format) = hint.mime.and_then(by_mime).or_else(|| hint.filename.and_then(by_name)) {
        return match format {
            Format::Xlsx | Format::Docx => Err(Problem::damaged(format.as_str(), "no zip archive")),
            // A declared PDF may have rubbish before its first line; an SVG has no magic.
            Format::Pdf | Format::Image => Ok(format),
            Format::Text
            | Format::Markdown
            | Format::Html
            | Format::Csv
            | Format::Json
            | Format::Eml => Ok(format),
        };
    }
    by_looks(head).ok_or_else(|| Problem::unsupported(hint.mime.unwrap_or("unknown bytes")))
}

fn by_magic(bytes: &[u8], head: &[u8]) -> Result<Option<Format>, Problem> {
    const IMAGES: [&[u8]; 7] =
        [b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*"];
    if head.starts_with(b"%PDF-") {
        return Ok(Some(Format::Pdf));
    }
    if head.starts_with(OLE) {
        let protected = contains(&bytes[..bytes.len().min(TAIL_BYTES)], b"E\0n\0c\0r\0y\0p\0t\0");
        let old = || Problem::unsupported("an Office file of before 2007");
        return Err(if protected { Problem::encrypted() } else { old() });
    }
    if head.starts_with(ZIP) {
        let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let has = |name: &[u8]| contains(head, name) || contains(tail, name);
        return if has(b"word/document.xml") {
            Ok(Some(Format::Docx))
        } else if has(b"xl/workbook.xml") || has(b"xl/worksheets/") {
            Ok(Some(Format::Xlsx))
        } else {
            Err(Problem::unsupported("an archive"))
        };
    }
    let webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    let image = IMAGES.iter().any(|magic| head.starts_with(magic)) && !is_text(head);
    Ok((webp || image).then_some(Format::Image))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn by_mime(mime: &str) -> Option<Format> {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "text/markdown" | "text/x-markdown" => Format::Markdown,
        "text/html" | "application/xhtml+xml" => Format::Html,
        "text/csv" | "text/tab-separated-values" | "application/csv" => Format::Csv,
        "application/json" | "text/json" | "application/x-ndjson" | "application/jsonl" => {
            Format::Json
        }
        "application/pdf" => Format::Pdf,
        "message/rfc822" => Format::Eml,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Format::Xlsx,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Format::Docx,
        other if other.starts_with("image/") => Format::Image,
        other if other.ends_with("+json") => Format::Json,
        // `text/plain` is what programs say of everything: the name may know more.
        _ => return None,
    })
}

fn by_name(name: &str) -> Option<Format> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "txt" | "text" | "log" | "rst" => Format::Text,
        "md" | "markdown" | "mdx" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "csv" | "tsv" => Format::Csv,
        "json" | "jsonl" | "ndjson" => Format::Json,
        "xlsx" | "xlsm" => Format::Xlsx,
        "pdf" => Format::Pdf,
        "docx" | "docm" => Format::Docx,
        "eml" => Format::Eml,
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" | "tif" | "tiff" | "svg" | "avif" => {
            Format::Image
        }
        _ => return None,
    })
}

fn by_looks(head: &[u8]) -> Option<Format> {
    if !is_text(head) {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let lower = start.get(..start.floor_char_boundary(200))?.to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some(Format::Html);
    }
    let header = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        ["received", "return-path", "message-id", "mime-version", "delivered-to"]
            .contains(&name.to_ascii_lowercase().as_str())
    };
    if start.lines().next().is_some_and(header) {
        return Some(Format::Eml);
    }
    Some(Format::Text)
}

/// Whether bytes are text of some encoding that is read here: no NUL but in UTF-16, few controls.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let odd = head
        .iter()
        .filter(|byte| matches!(byte, 0x01..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f))
        .count();
    !head.contains(&0) && odd * 50 <= head.len()
}
