//! Keys, tokens and passwords, by their known beginnings, by what stands before them, or by looking random.

use std::ops::Range;

/// Beginnings of keys, with the least length of what follows.
const PREFIXES: &[(&str, usize)] = &[
    ("sk-", 16),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("pk_live_", 8),
    ("rk_live_", 8),
    ("whsec_", 8),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xapp-", 10),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ya29.", 20),
    ("SG.", 30),
    ("hf_", 20),
    ("npm_", 20),
    ("imp_wk_", 16),
    ("imp_sk_", 16),
    ("eyJ", 30),
    ("EAA", 40),
    ("dop_v1_", 20),
    ("shpat_", 16),
];

/// What people write before a password.
const LABELS: &[&str] = &[
    "password",
    "passwort",
    "kennwort",
    "passwd",
    "pwd",
    "contraseña",
    "mot de passe",
    "senha",
    "wachtwoord",
    "hasło",
    "пароль",
    "api key",
    "api_key",
    "apikey",
    "access token",
    "access_token",
    "secret key",
    "secret_key",
    "client_secret",
    "pin code",
];

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = pem_blocks(text);
    let mut add = |span: Range<usize>| {
        if !found
            .iter()
            .any(|other: &Range<usize>| other.start < span.end && span.start < other.end)
        {
            found.push(span);
        }
    };
    for (start, word) in words(text) {
        let known = PREFIXES.iter().any(|(prefix, least)| {
            word.strip_prefix(prefix).is_some_and(|rest| {
                rest.len() >= *least && rest.bytes().any(|byte| byte.is_ascii_digit())
            })
        });
        if known || looks_random(word) {
            add(start..start + word.len());
        }
    }
    labelled(text).into_iter().for_each(&mut add);
    found
}

/// Runs of what keys are written with.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c: char| {
        !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '=' | '~'))
    })
    .map(|word| word.trim_matches(['.', '-', '=', '~', '+']))
    .filter(|word| word.len() >= 12)
    .map(|word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// At least 32 hex digits, or 28 letters and digits that change their kind all the time.
fn looks_random(word: &str) -> bool {
    let hex = word.len() >= 32
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let kinds: Vec<u8> = word.bytes().map(kind).collect();
    let changes = kinds.windows(2).filter(|two| two[0] != two[1]).count();
    let all_three = (0..3).all(|kind| kinds.contains(&kind));
    hex || (word.len() >= 28 && all_three && changes * 3 >= word.len() && !word.contains('.'))
}

/// "password: hunter2" and the like: the word after the label and a sign or "is".
fn labelled(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_lowercase();
    // Lower case may change the length of other scripts; then places would not fit.
    if lower.len() != text.len() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for label in LABELS {
        for (at, _) in lower.match_indices(label) {
            let rest = &text[at + label.len()..];
            let signs = rest.trim_start_matches([' ', '"', '\'']);
            let value = ["is ", "ist ", "es ", "est ", "è ", "é ", ":", "="]
                .iter()
                .find_map(|sign| signs.strip_prefix(sign));
            let Some(value) =
                value.map(|value| value.trim_start_matches([' ', '"', '\'', '`', ':']))
            else {
                continue;
            };
            let length = value
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '`'))
                .unwrap_or(value.len());
            let secret = value[..length].trim_end_matches(['.', '!', '?', ')']);
            // A word of letters only is prose ("my password is wrong") unless it stands after a sign.
            let odd = secret.chars().any(|c| !c.is_alphabetic());
            if secret.len() >= 4 && odd && !secret.starts_with('[') {
                let start = secret.as_ptr().addr() - text.as_ptr().addr();
                found.push(start..start + secret.len());
            }
        }
    }
    found
}

/// Private keys in PEM armour, to their end or that of the text.
fn pem_blocks(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("-----BEGIN ").map(|at| at + from) {
        let end_mark = text[start..].find("-----END ").map(|at| at + start);
        let end = end_mark.map_or(text.len(), |mark| {
            text[mark + 9..].find("-----").map_or(text.len(), |at| mark + 9 + at + 5)
        });
        if text[start..end].contains("PRIVATE KEY") {
            found.push(start..end);
        }
        from = end.max(start + 1);
    }
    found
}
