//! Ideas that belong together in attempts to take an assistant over.
//!
//! An idea is a list of word beginnings in many languages. A rule names ideas that must stand near each
//! other, in any order, because languages differ in theirs.

mod lists;

use lists::{
    ABOVE, AS_AI, AUTHORITY, BEHAVE, CUSTOMERS, DELIMITERS, DISCLOSE, FAKE_ORDER, FREE, HIDE,
    JAILBREAK, LIMITS, MONEY, NEWLY, ORDERS, OVERRIDE, OWN, PERSONA, PROMPT, RECITE, RUN, SECRETS,
    SEND, SHELL, TARGET, USER,
};

/// Letters within which the ideas of a rule must begin.
const NEAR: usize = 70;

struct Rule {
    name: &'static str,
    weight: f32,
    ideas: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { name: "override", weight: 0.8, ideas: &[OVERRIDE, ABOVE, ORDERS] },
    Rule { name: "override", weight: 0.75, ideas: &[OVERRIDE, PROMPT] },
    Rule { name: "override", weight: 0.7, ideas: &[OVERRIDE, OWN, ORDERS] },
    Rule { name: "override", weight: 0.7, ideas: &[OVERRIDE, LIMITS] },
    Rule { name: "new_orders", weight: 0.5, ideas: &[NEWLY, ORDERS, OWN] },
    Rule { name: "reveal", weight: 0.8, ideas: &[DISCLOSE, PROMPT] },
    Rule { name: "reveal", weight: 0.55, ideas: &[DISCLOSE, OWN, ORDERS] },
    Rule { name: "reveal", weight: 0.7, ideas: &[RECITE, OWN, ORDERS] },
    Rule { name: "reveal", weight: 0.7, ideas: &[DISCLOSE, SECRETS] },
    Rule { name: "role", weight: 0.75, ideas: &[BEHAVE, FREE] },
    Rule { name: "role", weight: 0.72, ideas: &[BEHAVE, PERSONA] },
    Rule { name: "jailbreak", weight: 0.72, ideas: &[JAILBREAK] },
    Rule { name: "unbound", weight: 0.55, ideas: &[FREE, ORDERS] },
    Rule { name: "unbound", weight: 0.55, ideas: &[FREE, LIMITS] },
    Rule { name: "delimiter", weight: 0.72, ideas: &[DELIMITERS] },
    Rule { name: "exfiltration", weight: 0.75, ideas: &[SEND, SECRETS, TARGET] },
    Rule { name: "exfiltration", weight: 0.72, ideas: &[DISCLOSE, CUSTOMERS] },
    Rule { name: "exfiltration", weight: 0.75, ideas: &[SEND, CUSTOMERS, TARGET] },
    Rule { name: "authority", weight: 0.5, ideas: &[AUTHORITY] },
    Rule { name: "to_the_model", weight: 0.7, ideas: &[AS_AI] },
    Rule { name: "fake_order", weight: 0.72, ideas: &[FAKE_ORDER] },
    Rule { name: "secrecy", weight: 0.55, ideas: &[HIDE, USER] },
    Rule { name: "tool", weight: 0.72, ideas: &[RUN, SHELL] },
    Rule { name: "give_away", weight: 0.7, ideas: &[MONEY] },
];

/// The signs in a plain text, with their weights.
pub(super) fn signs(text: &str) -> Vec<(&'static str, f32)> {
    let mut signs = Vec::new();
    for rule in RULES {
        if together(text, rule.ideas) {
            signs.push((rule.name, rule.weight));
        }
    }
    signs
}

/// Whether one place of each idea lies within `NEAR` letters of one of the first.
fn together(text: &str, ideas: &[&str]) -> bool {
    let Some((first, others)) = ideas.split_first() else { return false };
    let starts = places(text, first);
    if starts.is_empty() {
        return false;
    }
    let others: Vec<Vec<usize>> = others.iter().map(|idea| places(text, idea)).collect();
    starts.iter().any(|start| {
        others.iter().all(|places| {
            places.iter().any(|place| place != start && place.abs_diff(*start) <= NEAR)
        })
    })
}

/// Where words of an idea begin. Scripts that do not part words are searched anywhere. A word that
/// ends in a blank must be whole.
fn places(text: &str, idea: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for word in idea.split(';') {
        let bare = word.trim_end();
        let whole = bare.len() != word.len();
        for (at, _) in text.match_indices(bare) {
            let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let parted =
                !bare.chars().next().is_some_and(|c| c.is_alphanumeric() && !parts_no_words(c));
            let begins = parted || !joined(text[..at].chars().next_back());
            let ends = !whole || !joined(text[at + bare.len()..].chars().next());
            if begins && ends {
                found.push(at);
            }
        }
    }
    found
}

fn parts_no_words(c: char) -> bool {
    matches!(c as u32, 0xe00..=0xeff | 0x3040..=0x30ff | 0x3400..=0x9fff)
}
