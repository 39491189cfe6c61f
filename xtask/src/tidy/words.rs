//! Patterns that have no place in this code, each with what to write instead.

use super::{File, Finding};
use crate::source::line_of;

/// Where a pattern is not allowed.
enum Scope {
    /// In Rust code (comments and strings do not count).
    Code,
    /// In Rust code that is a test.
    Tests,
    /// In the product code of the pure crates: entities, engines, ids and the kernel.
    Pure,
    /// In product code outside these folders or files.
    CodeOutside(&'static [&'static str]),
    /// In the whole text of every file.
    Text,
}

struct Ban {
    pattern: &'static str,
    scope: Scope,
    instead: &'static str,
}

const ENTITIES_AND_ENGINES: &[&str] = &[
    "actors/ids/",
    "actors/kernel/",
    "actors/tenant/",
    "actors/profile/",
    "actors/segment/",
    "actors/quarantine/",
    "engines/",
];

/// The modules that read the wall clock for everyone else.
const CLOCKS: &[&str] = &["actors/host/src/clock.rs", "xtask/", "chaos-tests/"];

// The patterns are put together from halves where this file would otherwise find itself.
const BANS: &[Ban] = &[
    Ban {
        pattern: "todo!",
        scope: Scope::Code,
        instead: "finish it, or leave it out and open an issue",
    },
    Ban {
        pattern: "unimplemented!",
        scope: Scope::Code,
        instead: "finish it, or leave it out and open an issue",
    },
    Ban {
        pattern: concat!("FIX", "ME"),
        scope: Scope::Text,
        instead: "mend it, or open an issue and name its number",
    },
    Ban {
        pattern: concat!("XX", "X:"),
        scope: Scope::Text,
        instead: "mend it, or open an issue and name its number",
    },
    Ban { pattern: "#[ignore", scope: Scope::Code, instead: "make the test pass, or delete it" },
    Ban {
        pattern: "#[should_panic",
        scope: Scope::Code,
        instead: "return an error and assert on it",
    },
    Ban {
        pattern: "cfg!(test)",
        scope: Scope::Code,
        instead: "hand the difference in as an argument",
    },
    Ban {
        pattern: "static mut",
        scope: Scope::Code,
        instead: "hand the state in; nothing here is global",
    },
    Ban {
        pattern: "thread::sleep",
        scope: Scope::Code,
        instead: "wait for the thing itself: a channel, a join, a condition",
    },
    Ban {
        pattern: "time::sleep",
        scope: Scope::Tests,
        instead: "wait for the thing itself, or use tokio's paused clock with advance()",
    },
    Ban {
        pattern: "env::var",
        scope: Scope::CodeOutside(&["config/", "server/", "xtask/", "chaos-tests/"]),
        instead: "take it as an option; config/ reads the environment",
    },
    Ban {
        pattern: "SystemTime::now",
        scope: Scope::CodeOutside(CLOCKS),
        instead: "take the time as an argument; the host's clock reads it",
    },
    Ban {
        pattern: "Timestamp::now",
        scope: Scope::CodeOutside(CLOCKS),
        instead: "take the time as an argument; the host's clock reads it",
    },
    Ban { pattern: "Instant::", scope: Scope::Pure, instead: "use ctx.now: decisions must replay" },
    Ban {
        pattern: "async fn",
        scope: Scope::Pure,
        instead: "a pure function; the host does the waiting",
    },
    Ban {
        pattern: ".await",
        scope: Scope::Pure,
        instead: "a pure function; the host does the waiting",
    },
    Ban { pattern: "std::fs", scope: Scope::Pure, instead: "take the contents as an argument" },
    Ban { pattern: "TcpStream", scope: Scope::Pure, instead: "ask for it with an effect" },
    Ban { pattern: "rand::", scope: Scope::Pure, instead: "use ctx.rng: decisions must replay" },
    Ban {
        pattern: "HashMap",
        scope: Scope::Pure,
        instead: "BTreeMap: its order is the same in each run",
    },
    Ban {
        pattern: "HashSet",
        scope: Scope::Pure,
        instead: "BTreeSet: its order is the same in each run",
    },
    Ban {
        pattern: concat!("/wo", "rk/"),
        scope: Scope::Text,
        instead: "a path relative to the repository",
    },
    Ban {
        pattern: concat!("/ro", "ot/"),
        scope: Scope::Text,
        instead: "a path relative to the repository",
    },
    Ban {
        pattern: concat!("/ho", "me/"),
        scope: Scope::Text,
        instead: "a path relative to the repository",
    },
    Ban {
        pattern: concat!("/Us", "ers/"),
        scope: Scope::Text,
        instead: "a path relative to the repository",
    },
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy/words.rs")) {
        for ban in BANS {
            findings.extend(hits(file, ban).into_iter().map(|line| {
                Finding::new(
                    &file.path,
                    line,
                    format!("`{}` is not used here; {}", ban.pattern, ban.instead),
                )
            }));
        }
    }
    findings
}

/// The lines on which a ban is broken.
fn hits(file: &File, ban: &Ban) -> Vec<usize> {
    let tests = file.tests_from();
    let (text, range) = match ban.scope {
        Scope::Text => (&file.text, 0..usize::MAX),
        Scope::Code => (&file.code, 0..usize::MAX),
        Scope::Tests => (&file.code, tests..usize::MAX),
        Scope::Pure if within(file, ENTITIES_AND_ENGINES) => (&file.code, 0..tests),
        Scope::CodeOutside(places) if !within(file, places) => (&file.code, 0..tests),
        Scope::Pure | Scope::CodeOutside(_) => return Vec::new(),
    };
    text.match_indices(ban.pattern)
        .filter(|(at, _)| range.contains(at) && starts_a_word(text, *at, ban.pattern))
        .map(|(at, _)| line_of(text, at))
        .collect()
}

fn within(file: &File, places: &[&str]) -> bool {
    places.iter().any(|place| file.path.starts_with(place))
}

/// Whether the pattern is not merely the tail of a longer name (`MyHashMap`, `.../work/`).
fn starts_a_word(text: &str, at: usize, pattern: &str) -> bool {
    let before = text[..at].chars().next_back();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if pattern.starts_with('/') {
        return !before.is_some_and(|c| word(c) || c == '}' || c == '.' || c == '*');
    }
    !(pattern.starts_with(word) && before.is_some_and(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(path: &str, text: &str, want: &[(usize, &str)]) {
        let found = check(&[File::new(path, text)]);
        let lines: Vec<(usize, &str)> =
            found.iter().map(|f| (f.line, f.message.split('`').nth(1).unwrap_or(""))).collect();
        assert_eq!(lines, want);
    }

    #[test]
    fn each_scope_finds_its_own() {
        finds("a/src/b.rs", "fn a() { todo!() }", &[(1, "todo!")]);
        finds("a/src/b.rs", "// todo!\nconst A: &str = \"todo!\";", &[]);
        finds("a/src/b.rs", "fn a() {\n std::env::var(\"A\") }", &[(2, "env::var")]);
        finds("config/src/b.rs", "fn a() { std::env::var(\"A\") }", &[]);
        finds("actors/profile/src/b.rs", "use std::collections::HashMap;", &[(1, "HashMap")]);
        finds("actors/host/src/b.rs", "use std::collections::HashMap;", &[]);
    }

    #[test]
    fn sleeping_is_banned_in_tests_only() {
        let code = "fn a() { tokio::time::sleep(b) }\n#[cfg(test)]\nmod tests { fn a() { tokio::time::sleep(b) } }";
        finds("a/src/b.rs", code, &[(3, "time::sleep")]);
    }
}
