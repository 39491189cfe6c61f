//! Messages. The parts are found here, so that no message in a message costs a stack frame; headers
//! and transfer encodings are read by the library.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Address, Message, MessageParser, MimeHeaders};

use super::{html, text};
use crate::builder::Builder;
use crate::ingest::ingest_nested;
use crate::text::decode;
use crate::{Attachment, Document, Format, Hint, Limits, Problem};

/// Multiparts in one another.
const PARTS_DEEP_MAX: usize = 12;
const PARTS_MAX: usize = 500;
const BOUNDARY_BYTES_MAX: usize = 200;

pub(crate) fn read(
    bytes: &[u8],
    limits: &Limits,
    depth: usize,
    mut builder: Builder,
) -> Result<Document, Problem> {
    let message = headers(bytes).ok_or_else(|| Problem::damaged("EML", "there are no headers"))?;
    builder.title(message.subject().unwrap_or_default());
    builder.note("from", &people(message.from()));
    builder.note("to", &people(message.to()));
    if let Some(date) = message.date() {
        builder.note("date", &date.to_rfc3339());
    }
    let mut reader = Reader { limits, depth, parts: 0, attachments: Vec::new(), left_out: 0 };
    reader.entity(bytes, PARTS_DEEP_MAX, &mut builder)?;
    if reader.left_out > 0 {
        let message = format!("{} attachments were left out", reader.left_out);
        builder.warn("attachments_left_out", message);
    }
    let mut document = builder.finish(Format::Eml)?;
    document.attachments = reader.attachments;
    if document.sections.is_empty() && document.attachments.is_empty() {
        return Err(Problem::no_text());
    }
    Ok(document)
}

fn headers(bytes: &[u8]) -> Option<Message<'_>> {
    MessageParser::default().parse_headers(bytes).filter(|message| !message.headers().is_empty())
}

fn people(address: Option<&Address<'_>>) -> String {
    const PEOPLE_MAX: usize = 20;
    let people = address.into_iter().flat_map(Address::iter).take(PEOPLE_MAX);
    let names: Vec<String> = people
        .filter_map(|person| match (person.name(), person.address()) {
            (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
            (name, address) => name.or(address).map(str::to_owned),
        })
        .collect();
    names.join(", ")
}

struct Reader<'a> {
    limits: &'a Limits,
    depth: usize,
    parts: usize,
    attachments: Vec<Attachment>,
    left_out: usize,
}

impl Reader<'_> {
    /// One part: headers and a body.
    fn entity(&mut self, bytes: &[u8], deep: usize, builder: &mut Builder) -> Result<(), Problem> {
        let Some(message) = headers(bytes) else {
            return text::read(after_headers(bytes), &Hint::default(), builder);
        };
        let body = after_headers(bytes);
        let kind = message.content_type();
        let main = kind.map_or("text".into(), |kind| kind.ctype().to_ascii_lowercase());
        let sub = kind.and_then(|kind| kind.subtype()).unwrap_or("plain").to_ascii_lowercase();
        let boundary = kind.and_then(|kind| kind.attribute("boundary"));
        match (main.as_str(), boundary) {
            ("multipart", Some(boundary)) if deep > 0 => {
                self.multipart(body, boundary, sub == "alternative", deep - 1, builder)
            }
            ("multipart", _) => {
                self.left_out += 1;
                Ok(())
            }
            _ => {
                let mime = match kind.and_then(|kind| kind.attribute("charset")) {
                    Some(charset) => format!("{main}/{sub}; charset={charset}"),
                    None => format!("{main}/{sub}"),
                };
                let body = transferred(&message, body);
                self.leaf(&message, &mime, &body, builder)
            }
        }
    }

    fn multipart(
        &mut self,
        body: &[u8],
        boundary: &str,
        alternative: bool,
        deep: usize,
        builder: &mut Builder,
    ) -> Result<(), Problem> {
        let parts = split(body, boundary);
        if alternative {
            // The richest one that is text comes last, but what it is in may be anything.
            let best = parts.iter().rposition(|part| is_html(part)).or(parts.len().checked_sub(1));
            let before = builder.bytes();
            if let Some(best) = best {
                self.entity(parts[best], deep, builder)?;
            }
            if builder.bytes() > before {
                return Ok(());
            }
            for part in parts.iter().enumerate().filter(|(at, _)| Some(*at) != best) {
                self.entity(part.1, deep, builder)?;
            }
            return Ok(());
        }
        for part in parts {
            self.parts += 1;
            if self.parts > PARTS_MAX {
                self.left_out += 1;
                continue;
            }
            self.entity(part, deep, builder)?;
        }
        Ok(())
    }

    fn leaf(
        &mut self,
        message: &Message<'_>,
        mime: &str,
        body: &[u8],
        builder: &mut Builder,
    ) -> Result<(), Problem> {
        let attached = message.content_disposition().is_some_and(|kind| kind.is_attachment());
        let name = message.attachment_name();
        if !attached && mime.starts_with("text/") {
            let hint = Hint { mime: Some(mime), ..Hint::default() };
            if mime.starts_with("text/html") {
                let (text, _) = decode(body, Some(mime));
                return html::fragment(&text, builder);
            }
            if name.is_none() || mime.starts_with("text/plain") {
                return text::read(body, &hint, builder);
            }
        }
        if self.attachments.len() >= self.limits.attachments_max {
            self.left_out += 1;
            return Ok(());
        }
        // Its text counts against the same limit.
        let used = builder.bytes() + self.attachments.iter().map(text_bytes).sum::<usize>();
        let limits = Limits {
            text_bytes_max: self.limits.text_bytes_max.saturating_sub(used),
            attachments_max: self.limits.attachments_max - self.attachments.len() - 1,
            ..*self.limits
        };
        let hint =
            Hint { mime: Some(mime), filename: name, caption: message.content_description() };
        let outcome = match self.depth.checked_sub(1) {
            None => Err(Problem::too_deep(self.limits.depth_max)),
            Some(depth) => ingest_nested(body, &hint, &limits, depth),
        };
        let (name, mime) = (name.map(str::to_owned), Some(mime.to_owned()));
        self.attachments.push(Attachment { name, mime, outcome });
        Ok(())
    }
}

fn text_bytes(attachment: &Attachment) -> usize {
    attachment.outcome.as_ref().map_or(0, |document| {
        let own: usize = document.sections.iter().map(|section| section.text.len()).sum();
        own + document.attachments.iter().map(text_bytes).sum::<usize>()
    })
}

fn transferred(message: &Message<'_>, body: &[u8]) -> Vec<u8> {
    let encoding = message.content_transfer_encoding().unwrap_or_default().to_ascii_lowercase();
    let decoded = match encoding.trim() {
        "base64" => base64_decode(body),
        "quoted-printable" => quoted_printable_decode(body),
        _ => None,
    };
    decoded.unwrap_or_else(|| body.to_vec())
}

fn is_html(part: &[u8]) -> bool {
    let head = &part[..part.len().min(2_048)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\n\n").next().unwrap_or_default().contains("text/html")
        || head.contains("multipart/related")
}

/// The parts between the lines that begin with the boundary.
fn split<'b>(body: &'b [u8], boundary: &str) -> Vec<&'b [u8]> {
    let mark = [b"--", boundary.as_bytes()].concat();
    let mut parts = Vec::new();
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return parts;
    }
    let mut begin = None;
    let mut at = 0;
    while at < body.len() {
        let end =
            body[at..].iter().position(|byte| *byte == b'\n').map_or(body.len(), |n| at + n + 1);
        let line = &body[at..end];
        if let Some(rest) = line.strip_prefix(mark.as_slice()) {
            if let Some(begin) = begin {
                parts.push(&body[begin..at]);
            }
            begin = Some(end);
            if rest.starts_with(b"--") || parts.len() > PARTS_MAX {
                return parts;
            }
        }
        at = end;
    }
    if let Some(begin) = begin {
        // The end is missing: what there is.
        parts.push(&body[begin..]);
    }
    parts
}

/// What follows the first empty line.
fn after_headers(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        if matches!(line, b"\n" | b"\r\n") {
            return rest;
        }
    }
    &[]
}
