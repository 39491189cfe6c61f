//! F1: bounded work on whatever comes.

use proptest::prelude::*;

use super::*;

fn small() -> Limits {
    Limits {
        bytes_max: 1 << 20,
        inflated_bytes_max: 1 << 20,
        text_bytes_max: 50_000,
        cells_max: 10_000,
        ..Limits::default()
    }
}

#[track_caller]
fn check_small(filename: &str, bytes: &[u8], want: &str) {
    let outcome = ingest(bytes, &hint(filename), &small());
    assert_eq!(outcome.map_err(|problem| problem.code).err(), Some(want));
}

#[test]
fn what_is_too_large_is_refused() {
    check_small("a.txt", &vec![b'a'; (1 << 20) + 1], "file_too_large");
    check_small("a.txt", &vec![b'a'; 60_000], "file_text_too_large");
    check_small("a.md", &b"# a\n\nb\n\n".repeat(21_000), "file_text_too_large");
    check_small("a.csv", &b"a,b\n".repeat(6_000), "file_text_too_large");
    check_small("a.json", &[b"[".repeat(50_000), b"]".repeat(50_000)].concat(), "file_damaged");
}

#[test]
fn bombs_are_counted_while_they_unpack() {
    let bomb = "a".repeat(2 << 20);
    check_small("a.docx", &zipped(&[("word/document.xml", &bomb)]), "file_inflates_too_much");
    check_small("a.xlsx", &xlsx(&bomb), "file_inflates_too_much");
    let packed = {
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bomb.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let mut file = b"%PDF-1.7\n1 0 obj<</Filter/FlateDecode>>stream\n".to_vec();
    file.extend(&packed);
    file.extend(b"\nendstream endobj");
    check_small("a.pdf", &file, "file_inflates_too_much");
}

#[test]
fn a_far_corner_of_a_sheet_costs_nothing() {
    let rows = format!("<row>{}{}</row>", cell("A1", "a"), cell("XFD1048576", "b"));
    let document = ingest(&xlsx(&rows), &hint("a.xlsx"), &small()).expect("it is small");
    assert_eq!(document.text(), "a\n\nb");
}

#[test]
fn forms_that_draw_forms_are_counted() {
    let form = |inner: &str, content: &str| {
        let length = content.len();
        format!(
            "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X {inner} 0 R>>>>\
             /Length {length}>>\nstream\n{content}\nendstream"
        )
    };
    let twice = "/X Do /X Do /X Do /X Do";
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>"
            .to_owned(),
        stream(twice),
    ];
    objects.extend((5..20).map(|number| form(&(number + 1).to_string(), twice)));
    objects.push(form("20", "q Q"));
    check_small("a.pdf", &pdf(&objects), "file_text_too_large");
    // One that draws itself is not found within itself.
    objects.truncate(4);
    objects.push(form("5", "/X Do"));
    check_small("a.pdf", &pdf(&objects), "file_without_text");
}

#[test]
fn deep_nesting_ends() {
    let html = "<div><table><tr><td>".repeat(20_000) + "x";
    assert_eq!(ingest(html.as_bytes(), &hint("a.html"), &small()).expect("it ends").text(), "x");
    let quotes = ">".repeat(50_000) + " x";
    ingest(quotes.as_bytes(), &hint("a.md"), &small()).expect("it ends");
    let body = "<w:p>".repeat(2_000);
    check_small("a.docx", &docx(&body), "file_damaged");
    let inner = "Content-Type: message/rfc822\r\n\r\n".repeat(3_000);
    let message = format!("Subject: a\r\n{inner}x");
    let document = ingest(message.as_bytes(), &hint("a.eml"), &small());
    assert!(document.is_ok_and(|document| document.attachments.len() == 1));
}

#[test]
fn entities_are_not_expanded() {
    let body = "<w:p><w:r><w:t>a&lol;b</w:t></w:r></w:p>";
    let document = format!(
        "<!DOCTYPE a [<!ENTITY lol \"{}\">]><w:document xmlns:w=\"w\">{body}</w:document>",
        "lol".repeat(100)
    );
    let file = zipped(&[("word/document.xml", &document)]);
    assert_eq!(read("a.docx", &file).expect("it is read").text(), "ab");
}

fn files() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let seed = prop_oneof![
        Just(("a.pdf", page("BT /F 10 Tf 50 700 Td (Hello there) Tj ET"))),
        Just(("a.docx", docx("<w:p><w:r><w:t>Hello</w:t></w:r></w:p>"))),
        Just(("a.xlsx", xlsx(&format!("<row r=\"1\">{}</row>", cell("A1", "a"))))),
        Just((
            "a.eml",
            b"Subject: a\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nb\n--x--\n".to_vec()
        )),
        Just(("a.html", b"<h1>a</h1><table><tr><th>b<td>c</table><p hidden>d".to_vec())),
        Just(("a.md", b"# a\n\n- b\n\n| c | d |\n|--|--|\n| 1 | 2 |\n".to_vec())),
        Just(("a.json", br#"{"a":[{"b":1}]}"#.to_vec())),
        Just(("a.csv", b"a,b\n1,2\n".to_vec())),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..12);
    (seed, edits).prop_map(|((name, mut bytes), edits)| {
        for (at, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => {
                    bytes.remove(at);
                }
                _ => bytes.truncate(at.max(bytes.len() / 2)),
            }
        }
        (name, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// F1, F2, F5, F6 over damaged files of every kind.
    #[test]
    fn damaged_files_give_documents_or_problems((name, bytes) in files()) {
        let outcome = ingest(&bytes, &hint(name), &small());
        prop_assert_eq!(&ingest(&bytes, &hint(name), &small()), &outcome);
        match outcome {
            Ok(document) => chunks::check_chunks(&document, 7, 2),
            Err(problem) => prop_assert!(!problem.way_out.is_empty() && problem.code.contains('_')),
        }
    }

    #[test]
    fn any_bytes_under_any_name_end(bytes: Vec<u8>, name in "a\\.(txt|md|html|csv|json|xlsx|pdf|docx|eml|png)") {
        let _ = ingest(&bytes, &hint(&name), &small());
        let _ = import_entries(&bytes, &hint(&name), &small());
        let _ = import_catalogue(&bytes, &hint(&name), &small());
    }

    #[test]
    fn any_text_under_any_name_keeps_the_laws(text in "[ -~\\n\\t<>#|é日🙂]{0,300}", name in "a\\.(txt|md|html|csv)") {
        if let Ok(document) = ingest(text.as_bytes(), &hint(&name), &small()) {
            chunks::check_chunks(&document, 5, 2);
        }
    }
}
