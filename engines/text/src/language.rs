//! Which language a message is written in.
//!
//! Chat messages are short, so several weak witnesses vote: the script, letters that only some
//! languages have, the small words of each language, whichlang (16 languages, never in doubt) and
//! whatlang (69 languages, weak below a sentence). The confidence is how far the winner leads.

use serde::Serialize;

mod letters;
mod words;

/// What `detect` answers when it cannot tell: ISO 639's "undetermined".
pub const UNDETERMINED: &str = "und";

/// The language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detected {
    /// ISO 639-1, or `UNDETERMINED` for a text without a word.
    pub language: &'static str,
    /// 0 to 1. Below 0.5 the language of the conversation so far is the better guess.
    pub confidence: f32,
}

/// The language of a text among all that are known here.
#[must_use]
pub fn detect(text: &str) -> Detected {
    decide(&votes(&prose(text)))
}

/// The language of a text among those a tenant speaks; `UNDETERMINED` when it is none of them.
#[must_use]
pub fn detect_among(text: &str, allowed: &[&str]) -> Detected {
    let mut votes = votes(&prose(text));
    votes.retain(|(language, _)| allowed.contains(language));
    decide(&votes)
}

/// How fast a lead in votes becomes certainty.
const STEEPNESS: f32 = 1.8;

const NOTHING: Detected = Detected { language: UNDETERMINED, confidence: 0.0 };

/// The text without links, addresses, numbers and mentions, which speak no language.
fn prose(text: &str) -> String {
    let spoken = |token: &&str| {
        let foreign = token.contains("://")
            || token.contains('@')
            || token.starts_with('#')
            || token.starts_with("www.")
            || token.chars().any(|c| c.is_ascii_digit());
        !foreign && token.chars().any(char::is_alphabetic)
    };
    text.split_whitespace().filter(spoken).collect::<Vec<_>>().join(" ")
}

type Votes = Vec<(&'static str, f32)>;

fn vote(votes: &mut Votes, language: &'static str, weight: f32) {
    match votes.iter_mut().find(|(other, _)| *other == language) {
        Some((_, sum)) => *sum += weight,
        None => votes.push((language, weight)),
    }
}

fn votes(prose: &str) -> Votes {
    let mut votes = Votes::new();
    if prose.is_empty() {
        return votes;
    }
    let script = letters::script(prose);
    if let Some(language) = script.only_language() {
        vote(&mut votes, language, 4.0);
        return votes;
    }
    for &language in letters::hints(prose, script) {
        vote(&mut votes, language, 1.6);
    }
    let lower = prose.to_lowercase();
    let tokens: Vec<&str> = lower
        .split(|c: char| !c.is_alphabetic() && c != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    let weight = small_word_weight(tokens.len());
    for word in &tokens {
        let languages: Vec<&'static str> =
            words::languages_of(word).filter(|language| script.writes(language)).collect();
        // A word of many languages speaks for each a little.
        let share =
            weight / f32::from(u8::try_from(languages.len()).unwrap_or(u8::MAX)).sqrt().max(1.0);
        for language in languages {
            vote(&mut votes, language, share);
        }
    }
    // Both are statistics over letters: one word says little, a sentence much.
    let grown = match tokens.len() {
        0 | 1 => 0.35,
        2 | 3 => 0.75,
        4 | 5 => 1.0,
        _ => 1.4,
    };
    let first = letters::whichlang_code(whichlang::detect_language(prose));
    if script.writes(first) {
        vote(&mut votes, first, grown);
    }
    if let Some(info) = whatlang::detect(prose)
        && let Some(second) = letters::whatlang_code(info.lang())
        && script.writes(second)
    {
        #[expect(clippy::cast_possible_truncation, reason = "a confidence between 0 and 1")]
        let sure = info.confidence() as f32;
        vote(&mut votes, second, grown * (0.3 + 0.7 * sure));
    }
    votes
}

/// In a long text each small word weighs less, so that the sum stays comparable.
fn small_word_weight(tokens: usize) -> f32 {
    match tokens {
        0..=2 => 1.3,
        3..=6 => 0.8,
        7..=15 => 0.5,
        _ => 0.2,
    }
}

fn decide(votes: &Votes) -> Detected {
    let best =
        votes.iter().fold(None, |best: Option<(&'static str, f32)>, &(language, sum)| match best {
            Some((_, most)) if most >= sum => best,
            _ => Some((language, sum)),
        });
    let Some((language, most)) = best else { return NOTHING };
    let weigh = |sum: f32| (STEEPNESS * (sum - most)).exp();
    // A vote for "something else" keeps a single weak witness from being sure.
    let total: f32 = votes.iter().map(|(_, sum)| weigh(*sum)).sum::<f32>() + weigh(0.5);
    let confidence = (1.0 / total).min(0.99);
    Detected { language, confidence }
}
