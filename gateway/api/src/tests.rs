use std::collections::BTreeSet;

use crate::Problem;
use crate::codes::{self, Code};

fn pages() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
    std::fs::read_dir(folder)
        .expect("the folder of pages")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect()
}

#[test]
fn api_01_every_code_has_a_page_and_every_page_a_code() {
    let wanted: BTreeSet<String> =
        codes::ALL.iter().map(|code| format!("{}.md", code.name)).collect();
    assert_eq!(pages(), wanted);
}

#[test]
fn every_page_names_its_code_and_status_and_says_what_to_do() {
    for code in codes::ALL {
        assert!(code.page.starts_with(&format!("# {}\n", code.title)), "{}", code.name);
        let line = format!("`{}`, HTTP {}. ", code.name, code.status);
        assert!(code.page.contains(&line), "{}", code.name);
        assert_eq!(code.page.contains("may succeed later"), code.retryable, "{}", code.name);
        assert!(code.page.contains("## What to do"), "{}", code.name);
    }
}

#[test]
fn codes_are_distinct_words_with_error_statuses() {
    let names: BTreeSet<&str> = codes::ALL.iter().map(|code| code.name).collect();
    assert_eq!(names.len(), codes::ALL.len());
    for code in codes::ALL {
        assert!(
            code.name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        );
        assert!((400..600).contains(&code.status), "{}", code.name);
        assert_eq!(Code::named(code.name), Some(*code));
    }
    assert_eq!(Code::named("no_such_code"), None);
}

#[test]
fn a_problem_leaves_out_what_it_does_not_know() {
    let text = serde_json::to_string(&Problem::of(&codes::OVERLOADED)).expect("json");
    assert_eq!(
        text,
        r#"{"type":"/docs/errors/overloaded","title":"Too much work is waiting","status":503,"code":"overloaded"}"#
    );
}
