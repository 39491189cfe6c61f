//! Files are written here, byte by byte where they need to be bad.

mod chunks;
mod formats;
mod hostile;
mod imports;

use std::io::Write as _;

use super::*;

const WORDS: &dyn Fn(&str) -> usize = &|text| text.split_whitespace().count();

fn hint(filename: &str) -> Hint<'_> {
    Hint { filename: Some(filename), ..Hint::default() }
}

fn read(filename: &str, bytes: &[u8]) -> Result<Document, Problem> {
    ingest(bytes, &hint(filename), &Limits::default())
}

/// A document in short: each section as `path@place: text`, blocks in lines.
fn shown(document: &Document) -> Vec<String> {
    document
        .sections
        .iter()
        .map(|section| {
            let page = section.page.map(|page| format!("@{page}")).unwrap_or_default();
            let sheet = section.sheet.as_ref().map(|name| format!("@{name}")).unwrap_or_default();
            format!("{}{page}{sheet}: {}", section.path.join(">"), section.text)
        })
        .collect()
}

#[track_caller]
fn check(filename: &str, bytes: &[u8], want: &[&str]) -> Document {
    let document = read(filename, bytes).expect("it can be read");
    assert_eq!(shown(&document), want);
    document
}

#[track_caller]
fn check_refused(filename: &str, bytes: &[u8], want: &str) {
    assert_eq!(read(filename, bytes).map_err(|problem| problem.code).err(), Some(want));
}

/// An archive of these files.
fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("in memory");
        writer.write_all(content.as_bytes()).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}

fn docx(body: &str) -> Vec<u8> {
    let document = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>"
    );
    let styles = "<w:styles xmlns:w=\"w\"><w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/>\
        </w:style></w:styles>";
    zipped(&[
        ("word/document.xml", &document),
        ("word/styles.xml", styles),
        ("docProps/core.xml", "<c><dc:title>Handbook</dc:title><dc:creator>Ada</dc:creator></c>"),
    ])
}

fn xlsx(sheet: &str) -> Vec<u8> {
    zipped(&[
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
        ),
        (
            "_rels/.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
             <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>",
        ),
        (
            "xl/workbook.xml",
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
             xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
             <sheets><sheet name=\"Prices\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
             <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
             Target=\"worksheets/sheet1.xml\"/></Relationships>",
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!(
                "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
                 <sheetData>{sheet}</sheetData></worksheet>"
            ),
        ),
    ])
}

fn cell(place: &str, text: &str) -> String {
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

/// A PDF with these objects (numbered from 1; the first is the catalogue).
fn pdf(objects: &[String]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(bytes.len());
        bytes.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let start = bytes.len();
    bytes.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        bytes.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    let trailer = format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    bytes.extend(trailer.bytes());
    bytes
}

fn stream(content: &str) -> String {
    format!("<</Length {}>>\nstream\n{content}\nendstream", content.len())
}

/// One page in Helvetica with this content.
fn page(content: &str) -> Vec<u8> {
    pdf(&[
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R\
         /Resources<</Font<</F 5 0 R>>>>>>"
            .to_owned(),
        stream(content),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
    ])
}
