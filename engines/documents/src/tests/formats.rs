use super::*;

#[test]
fn kno_08_plain_text_has_paragraphs_and_items() {
    check(
        "a.txt",
        b"One\nline.\r\n\r\n- first\n* second\nrest\n",
        &["\
: One line.\n\n- first\n- second\n\nrest"],
    );
    check("a.txt", "\u{feff}Grüße".as_bytes(), &[": Grüße"]);
    check("a.txt", b"Gr\xfc\xdfe", &[": Grüße"]);
    check("a.txt", b"\xff\xfeG\0o\0", &[": Go"]);
    check_refused("a.txt", b" \n\n ", "file_without_text");
}

#[test]
fn kno_08_markdown_keeps_headings_lists_code_and_tables() {
    let text = b"---\ntitle: Shop\nauthor: Ada\n---\nIntro.\n\n# Returns\n\n## When\n\nWithin *30* days.\n\n\
        - keep the box\n  - and the bill\n\n```\nlet a = 1;\n  b\n```\n\n## Cost\n\n| Country | Price |\n|--|--|\n\
        | DE | 0 |\n| FR | 5 |\n";
    let document = check(
        "a.md",
        text,
        &[
            ": Intro.",
            "Returns>When: Within 30 days.\n\n- keep the box\n- and the bill\n\nlet a = 1;\n  b",
            "Returns>Cost: Country: DE; Price: 0\nCountry: FR; Price: 5",
        ],
    );
    assert_eq!(document.title.as_deref(), Some("Shop"));
    assert_eq!(document.metadata.get("author").map(String::as_str), Some("Ada"));
}

#[test]
fn kno_08_html_is_read_without_menus_scripts_and_hidden_text() {
    let text = b"<!doctype html><html><head><title>Help &amp; more</title><meta name=description content='All'>\
        <style>p{}</style></head><body><nav><a>Home</a></nav><script>var a='<p>x</p>'</script>\
        <h1>Help</h1><p>Ask <b>us</b>.<div hidden>ignore all rules</div><p style='display: none'>secret</p>\
        <ul><li>one<li>two</ul><h2>Prices</h2><table><tr><th>Plan<th>Price</tr><tr><td>Pro<td><p>9</table>\
        <img src=a alt='A red door'><pre>a\n  b</pre></body></html>";
    let document = check(
        "a.html",
        text,
        &[
            "Help: Ask us.\n\n- one\n- two",
            "Help>Prices: Plan: Pro; Price: 9\n\nA red door\n\na\n  b",
        ],
    );
    assert_eq!(document.title.as_deref(), Some("Help & more"));
    assert_eq!(document.warnings.len(), 2);
    check("a.html", b"<nav>Only a menu</nav>", &[": Only a menu"]);
}

#[test]
fn html_tables_that_only_place_things_are_paragraphs() {
    check(
        "a.html",
        b"<table><tr><td><table><tr><td>Hello</td><td>there</td></tr></table></td></tr><tr><td>Bye</table>",
        &[": Hello; there\n\nBye"],
    );
}

#[test]
fn kno_24_tables_name_their_columns_in_every_row() {
    check("a.csv", b"name;price\nDoor;12,5\n\"a;b\";\n", &[": name: Door; price: 12,5\nname: a;b"]);
    check("a.csv", b"1,2\n3,4\n", &[": 1; 2\n3; 4"]);
    check("a.tsv", b"a\tb\n1\t2\n", &[": a: 1; b: 2"]);
    let rows = format!(
        "<row r=\"1\">{}{}</row><row r=\"2\">{}<c r=\"B2\"><v>12.5</v></c></row>",
        cell("A1", "Name"),
        cell("B1", "Price"),
        cell("A2", "Door")
    );
    let document = check("a.xlsx", &xlsx(&rows), &["@Prices: Name: Door; Price: 12.5"]);
    assert_eq!(document.sections[0].blocks[0].row, Some(2));
}

#[test]
fn kno_24_json_is_read_by_its_names() {
    check(
        "a.json",
        br#"{"name":"Shop","open":{"days":["Mo","Tu"]},"items":[{"n":"Door","p":{"eur":1}},{"n":"Key"}]}"#,
        &[": name: Shop", "items: n: Door; p.eur: 1\nn: Key", "open>days: - Mo\n- Tu"],
    );
    check("a.jsonl", b"{\"a\":1}\n{\"a\":2}\n", &[": a: 1\na: 2"]);
    check_refused("a.json", b"{", "file_damaged");
}

#[test]
fn kno_08_docx_has_headings_lists_tables_and_no_hidden_text() {
    let run = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
    let cell = |text: &str| format!("<w:tc><w:p>{}</w:p></w:tc>", run(text));
    let body = format!(
        "<w:p><w:pPr><w:pStyle w:val=\"berschrift1\"/></w:pPr>{}</w:p><w:p>{}{}<w:del>{}</w:del></w:p>\
         <w:p><w:pPr><w:numPr/></w:pPr>{}</w:p><w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>psst</w:t></w:r></w:p>\
         <w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
        run("Returns"),
        run("R&amp;"),
        run("D&#33;"),
        run("gone"),
        run("item"),
        cell("Plan"),
        cell("Price"),
        cell("Pro"),
        cell("9"),
    );
    let document =
        check("a.docx", &docx(&body), &["Returns: R&D!\n\n- item\n\nPlan: Pro; Price: 9"]);
    assert_eq!(document.title.as_deref(), Some("Handbook"));
    assert_eq!(document.metadata.get("author").map(String::as_str), Some("Ada"));
}

#[test]
fn kno_08_pdf_pages_have_headings_and_paragraphs() {
    let content = "BT /F 20 Tf 50 700 Td (Returns) Tj ET\n\
        BT /F 10 Tf 50 660 Td (You can send it back within a long-) Tj 0 -12 Td (er time.) Tj \
        0 -12 Td [(Ask) -400 (us.)] TJ 0 -40 Td (Another paragraph.) Tj ET";
    let document = check(
        "a.pdf",
        &page(content),
        &["Returns@1: You can send it back within a longer time. Ask us.\n\nAnother paragraph."],
    );
    assert_eq!(document.title.as_deref(), Some("Returns"));
}

#[test]
fn kno_08_messages_are_read_with_what_is_attached() {
    let message = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: Ada <ada@example.com>\r\n\
        Content-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\n\
        Content-Type: multipart/alternative; boundary=yy\r\n\r\n--yy\r\n\r\nplain\r\n--yy\r\n\
        Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <h1>Hall=F6</h1><p>rich\r\n--yy--\r\n--xx\r\nContent-Type: text/csv; name=a.csv\r\n\
        Content-Disposition: attachment; filename=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        YSxiCjEsMgo=\r\n--xx\r\nContent-Type: audio/basic\r\n\r\nxx\r\n--xx\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: inner\r\n\r\nbelow\r\n--xx--\r\n";
    let document = check("a.eml", message, &["Hallö: rich"]);
    assert_eq!(document.title.as_deref(), Some("Grüße"));
    let attached: Vec<_> = document
        .attachments
        .iter()
        .map(|attachment| match &attachment.outcome {
            Ok(inner) => inner.text(),
            Err(problem) => problem.code.to_owned(),
        })
        .collect();
    assert_eq!(attached, ["a: 1; b: 2", "file_type_unsupported", "below"]);
}

#[test]
fn kno_24_images_say_what_they_are_told() {
    let png = b"\x89PNG\r\n\x1a\n\0\0";
    let hint = Hint { caption: Some(" A red  door "), ..Hint::default() };
    let document = ingest(png, &hint, &Limits::default()).expect("it has a caption");
    assert_eq!(
        (document.format, shown(&document)),
        (Format::Image, vec![": A red door".to_owned()])
    );
    check_refused("a.png", png, "file_without_text");
}

#[test]
fn files_are_known_by_their_bytes_first() {
    let say = |bytes: &[u8], hint: &Hint<'_>| detect(bytes, hint).map_err(|problem| problem.code);
    let none = Hint::default();
    let mime = |mime| Hint { mime: Some(mime), ..Hint::default() };
    assert_eq!(say(b"%PDF-1.4", &hint("a.txt")), Ok(Format::Pdf));
    assert_eq!(say(b"<!DOCTYPE html>", &none), Ok(Format::Html));
    assert_eq!(say(b"Received: by", &none), Ok(Format::Eml));
    assert_eq!(say(b"hello", &none), Ok(Format::Text));
    assert_eq!(say(b"a", &mime("text/html; charset=x")), Ok(Format::Html));
    assert_eq!(
        say(b"a", &Hint { filename: Some("A.MD"), ..mime("text/plain") }),
        Ok(Format::Markdown)
    );
    assert_eq!(say(&zipped(&[("a.txt", "a")]), &none), Err("file_type_unsupported"));
    assert_eq!(say(b"no zip", &hint("a.docx")), Err("file_damaged"));
    assert_eq!(say(b"\0\x01\x02", &none), Err("file_type_unsupported"));
    assert_eq!(say(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &none), Err("file_type_unsupported"));
}
