//! What a PDF would cost, found before it is read: the library unpacks and interprets without
//! counting.

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::content::ops::TypedInstruction;
use hayro_interpret::hayro_syntax::object::{Dict, Stream};
use hayro_interpret::hayro_syntax::page::{Page, Resources};

use super::FORMAT;
use crate::{Limits, Problem};

/// Packed data in packed data.
const PACKED_DEEP_MAX: usize = 3;
/// Forms in one another.
const FORMS_DEEP_MAX: usize = 20;
/// Bytes of content that cost as much as one instruction.
const BYTES_PER_STEP: usize = 16;
/// Steps per cell of the limits.
const STEPS_PER_CELL: usize = 5;

/// Unpacks every stream into nothing.
pub(super) fn streams(bytes: &[u8], limits: &Limits) -> Result<(), Problem> {
    // Its ratio is without practical bound, and nobody has written it for decades.
    if find(bytes, b"LZWDecode", 0).is_some() {
        return Err(Problem::unsupported("a PDF with LZW compression"));
    }
    let mut left = limits.inflated_bytes_max;
    let mut at = 0;
    while let Some(found) = find(bytes, b"stream", at) {
        at = found + b"stream".len();
        // `endstream` is followed by `endobj` and costs nothing.
        let data = match bytes.get(at..) {
            Some([b'\r', b'\n', rest @ ..]) => rest,
            Some([b'\n' | b'\r', rest @ ..]) => rest,
            _ => continue,
        };
        let end = find(data, b"endstream", 0).unwrap_or(data.len());
        unpack(&data[..end], &mut left, PACKED_DEEP_MAX)
            .ok_or_else(|| Problem::inflates(limits.inflated_bytes_max))?;
    }
    Ok(())
}

fn find(bytes: &[u8], part: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    // Most bytes are not the first one of the part.
    let mut at = 0;
    while let Some(step) = rest[at..].iter().position(|byte| *byte == part[0]) {
        at += step;
        if rest[at..].starts_with(part) {
            return Some(from + at);
        }
        at += 1;
    }
    None
}

/// `None`: more than is left.
fn unpack(data: &[u8], left: &mut usize, deep: usize) -> Option<()> {
    let zlib = matches!(data, [a, b, ..] if a & 0x0f == 8 && (u16::from(*a) << 8 | u16::from(*b)) % 31 == 0);
    let mut output = Vec::new();
    let limit = *left as u64 + 1;
    // A broken end does not matter: what came before it would be unpacked too.
    let _ = if zlib {
        ZlibDecoder::new(data).take(limit).read_to_end(&mut output)
    } else {
        DeflateDecoder::new(data).take(limit).read_to_end(&mut output)
    };
    *left = left.checked_sub(output.len())?;
    if deep > 0 && output.len() > data.len() {
        unpack(&output, left, deep - 1)?;
    }
    Some(())
}

/// What the instructions of all pages cost, forms counted each time they are drawn.
pub(super) struct Steps {
    left: usize,
    max: usize,
}

impl Steps {
    pub(super) fn new(limits: &Limits) -> Self {
        let max = limits.cells_max.saturating_mul(STEPS_PER_CELL);
        Self { left: max, max }
    }

    pub(super) fn page(&mut self, page: &Page<'_>) -> Result<(), Problem> {
        let content = page.page_stream().unwrap_or_default();
        self.content(content, page.resources(), FORMS_DEEP_MAX)
    }

    fn content(
        &mut self,
        content: &[u8],
        resources: &Resources<'_>,
        deep: usize,
    ) -> Result<(), Problem> {
        self.spend(content.len() / BYTES_PER_STEP)?;
        let mut instructions = TypedIter::new(content);
        while let Some(instruction) = instructions.next() {
            self.spend(1)?;
            let TypedInstruction::XObject(object) = instruction else { continue };
            let Some(form) = resources.get_x_object(object.0) else { continue };
            self.form(&form, resources, deep)?;
        }
        Ok(())
    }

    fn form(
        &mut self,
        form: &Stream<'_>,
        parent: &Resources<'_>,
        deep: usize,
    ) -> Result<(), Problem> {
        let is_image = form.dict().contains_key(b"Width");
        if is_image {
            return Ok(());
        }
        if deep == 0 {
            return Err(Problem::damaged(FORMAT, "drawings are nested too deep"));
        }
        let Ok(content) = form.decoded() else { return Ok(()) };
        match form.dict().get::<Dict<'_>>(b"Resources") {
            Some(own) => self.content(&content, &Resources::new(own), deep - 1),
            None => self.content(&content, parent, deep - 1),
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), Problem> {
        self.left = self
            .left
            .checked_sub(steps)
            .ok_or_else(|| Problem::too_much_text("drawing steps", self.max))?;
        Ok(())
    }
}
