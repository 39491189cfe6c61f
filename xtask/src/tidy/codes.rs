//! Every code that a caller can be answered with stands in the edge's registry and has a page in
//! `docs/errors/`, and every page is about a code that exists.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Finding};
use crate::source::{functions, line_of, strings};

const PAGES: &str = "docs/errors/";
const REGISTRY: &str = "gateway/api/src/codes.rs";

/// Whose codes reach a caller: entities, the host, the router. Words for metrics, as in the
/// bridges, do not.
const SPEAKERS: &[&str] = &["actors/", "cluster/"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let spoken = collect(files);
    let registered = registry(files);
    let pages: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix(PAGES)?.strip_suffix(".md"))
        .filter(|page| *page != "README")
        .collect();
    let unknown = spoken.iter().filter(|(code, _)| !registered.contains(code.as_str())).map(
        |(code, (path, line))| {
            Finding::new(
                path,
                *line,
                format!("the code `{code}` is not registered: add it to {REGISTRY} with its page"),
            )
        },
    );
    let missing = registered.difference(&pages).map(|code| {
        Finding::new(REGISTRY, 1, format!("the code `{code}` has no page: write {PAGES}{code}.md"))
    });
    let dead = pages.difference(&registered).map(|page| {
        Finding::new(
            &format!("{PAGES}{page}.md"),
            1,
            format!("no code of this name in {REGISTRY}: delete the page"),
        )
    });
    unknown.chain(missing).chain(dead).collect()
}

/// The names in rows such as `RATE_LIMITED = "rate_limited", 429, …`.
fn registry(files: &[File]) -> BTreeSet<&str> {
    let text = files.iter().find(|file| file.path == REGISTRY).map_or("", |file| &file.text);
    text.lines()
        .filter_map(|line| line.split_once(" = \"")?.1.split_once('"'))
        .map(|(name, _)| name)
        .filter(|name| is_code(name))
        .collect()
}

/// Every string in a product function named `code` that returns text, with its place.
fn collect(files: &[File]) -> BTreeMap<String, (String, usize)> {
    let mut codes = BTreeMap::new();
    let speaks =
        |file: &&File| file.is_rust() && SPEAKERS.iter().any(|place| file.path.starts_with(place));
    for file in files.iter().filter(speaks) {
        let tests = file.tests_from();
        for function in functions(&file.code) {
            if function.name != "code" || function.body.start >= tests {
                continue;
            }
            let line = line_of(&file.code, function.body.start);
            for code in strings(&file.text, function.body).into_iter().filter(|text| is_code(text))
            {
                codes.entry(code.to_owned()).or_insert_with(|| (file.path.clone(), line));
            }
        }
    }
    codes
}

/// Lower-case words joined by underscores.
fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_pages_match_in_both_directions() {
        let code = "impl Coded for Rejection {\n fn code(&self) -> &'static str {\n  match self { A => \"a_b\", B => \"c\" }\n }\n}";
        let files = [
            File::new("actors/x/src/lib.rs", code),
            File::new(
                REGISTRY,
                "    C = \"c\", 404, never, \"Title\";\n    D = \"d\", 404, never, \"Title\";\n",
            ),
            File::new("docs/errors/c.md", "# c"),
            File::new("docs/errors/old.md", "# old"),
        ];
        let found: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "actors/x/src/lib.rs:2: the code `a_b` is not registered: add it to gateway/api/src/codes.rs with its page",
                "gateway/api/src/codes.rs:1: the code `d` has no page: write docs/errors/d.md",
                "docs/errors/old.md:1: no code of this name in gateway/api/src/codes.rs: delete the page",
            ]
        );
    }
}
