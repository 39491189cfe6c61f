use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader as XmlReader;

use super::archive::Archive;
use super::table::is_header;
use crate::{Limits, Problem, builder::Builder};

mod body;

use body::Body;

const FORMAT: &str = "DOCX";
/// Elements in one another.
const DEPTH_MAX: usize = 500;

pub(crate) fn read(bytes: &[u8], limits: &Limits, builder: &mut Builder) -> Result<(), Problem> {
    let mut archive = Archive::open(bytes, FORMAT, limits)?;
    if let Some(core) = archive.read("docProps/core.xml")? {
        properties(&core, builder)?;
    }
    let styles = match archive.read("word/styles.xml")? {
        Some(styles) => heading_styles(&styles)?,
        None => BTreeMap::new(),
    };
    let document = archive
        .read("word/document.xml")?
        .ok_or_else(|| Problem::damaged(FORMAT, "there is no word/document.xml"))?;
    Body::new(&styles, builder).read(&document)?;
    for name in ["word/footnotes.xml", "word/endnotes.xml"] {
        if let Some(notes) = archive.read(name)? {
            Body::new(&styles, builder).read(&notes)?;
        }
    }
    Ok(())
}

/// Visits the events of an XML text. Entities that a document declares are not expanded.
fn visit(
    xml: &[u8],
    mut event: impl FnMut(&Event<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut reader = XmlReader::from_reader(xml);
    let mut depth = 0_usize;
    loop {
        let next = reader.read_event().map_err(|error| Problem::damaged(FORMAT, error))?;
        match &next {
            Event::Eof => return Ok(()),
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(Problem::damaged(FORMAT, "elements are nested too deep"));
        }
        event(&next)?;
    }
}

/// The characters of a text event.
fn characters(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Text(text) => text.decode().ok().map(|text| text.into_owned()),
        Event::CData(text) => text.decode().ok().map(|text| text.into_owned()),
        Event::GeneralRef(reference) => {
            if let Ok(Some(character)) = reference.resolve_char_ref() {
                return Some(character.to_string());
            }
            let name = reference.decode().ok()?;
            let text = match &*name {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                _ => return None,
            };
            Some(text.to_owned())
        }
        _ => None,
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag
        .attributes()
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
    let value = String::from_utf8_lossy(&found.value).into_owned();
    Some(match quick_xml::escape::unescape(&value) {
        Ok(text) => text.into_owned(),
        Err(_) => value,
    })
}

/// Title, author and the like.
fn properties(xml: &[u8], builder: &mut Builder) -> Result<(), Problem> {
    let mut name = Vec::new();
    let mut text = String::new();
    visit(xml, |event| {
        match event {
            Event::Start(tag) => {
                name = tag.local_name().as_ref().to_vec();
                text.clear();
            }
            Event::End(_) => {
                match name.as_slice() {
                    b"title" => builder.title(&text),
                    b"creator" => builder.note("author", &text),
                    b"subject" => builder.note("subject", &text),
                    b"keywords" => builder.note("keywords", &text),
                    b"description" => builder.note("description", &text),
                    b"modified" => builder.note("modified", &text),
                    _ => {}
                }
                name.clear();
            }
            other => text.push_str(&characters(other).unwrap_or_default()),
        }
        Ok(())
    })
}

/// The level of each paragraph style that is a heading. The ids are in the writer's language, the
/// names of the built-in ones are not.
fn heading_styles(xml: &[u8]) -> Result<BTreeMap<String, u8>, Problem> {
    let mut levels = BTreeMap::new();
    let mut style = String::new();
    visit(xml, |event| {
        if let Event::Start(tag) | Event::Empty(tag) = event {
            let value = || attribute(tag, "val").unwrap_or_default();
            let level = match tag.local_name().as_ref() {
                b"style" => {
                    style = attribute(tag, "styleId").unwrap_or_default();
                    None
                }
                b"name" => level_of_name(&value()),
                b"outlineLvl" => {
                    value().parse::<u8>().ok().filter(|level| *level < 9).map(|l| l + 1)
                }
                _ => None,
            };
            if let Some(level) = level.filter(|_| !style.is_empty()) {
                levels.entry(style.clone()).or_insert(level);
            }
        }
        Ok(())
    })?;
    Ok(levels)
}

fn level_of_name(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    if name == "title" {
        return Some(1);
    }
    name.strip_prefix("heading")?.trim().parse().ok().filter(|level| (1..=9).contains(level))
}

fn write_table(
    rows: &[Vec<String>],
    declared_header: bool,
    builder: &mut Builder,
) -> Result<(), Problem> {
    let first = rows.first().map_or(&[][..], Vec::as_slice);
    let header = declared_header || (rows.len() > 1 && first.len() > 1 && is_header(first));
    let (header, skip) = if header && rows.len() > 1 { (first, 1) } else { (&[][..], 0) };
    for (number, cells) in (1_u32..).zip(rows).skip(skip) {
        builder.cells(header, cells, Some(number))?;
    }
    Ok(())
}
