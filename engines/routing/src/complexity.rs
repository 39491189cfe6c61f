use serde::{Deserialize, Serialize};

/// What can be seen of a request before it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// What the person wrote last.
    pub text: &'a str,
    /// Different wishes found in it; 0 if nobody looked.
    pub intents: u32,
    /// Tools that the model may call.
    pub tools: u32,
    /// Sources that it has to read.
    pub sources: u32,
    /// Tokens of history before the text.
    pub history_tokens: u64,
    /// Whether images come with it.
    pub images: bool,
}

/// How hard a request looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A greeting, a look-up, one short question.
    Simple,
    /// The usual.
    #[default]
    Moderate,
    /// Several wishes, comparing, planning, long texts.
    Complex,
}

/// How hard a request looks, as a number and a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complexity {
    /// 0 to 100.
    pub score: u32,
    /// Below 20 simple, from 50 on complex.
    pub level: Level,
}

/// Words that ask for thinking rather than looking up, in the languages that we see most.
const THINKING: [&str; 24] = [
    "why",
    "compare",
    "versus",
    "difference",
    "explain",
    "analyse",
    "analyze",
    "plan",
    "strategy",
    "evaluate",
    "recommend",
    "calculate",
    "if",
    "warum",
    "vergleich",
    "erkläre",
    "berechne",
    "pourquoi",
    "comparer",
    "explique",
    "por qué",
    "comparar",
    "explica",
    "calcular",
];

/// Estimates how hard a request is (LLM-12). Deliberately simple, monotone in every part, and the
/// same on every machine: it decides money, so it must be explainable.
#[must_use]
pub fn complexity(shape: &Shape<'_>) -> Complexity {
    let words = count(shape.text.split_whitespace().count());
    let questions = count(shape.text.matches(['?', '？', '؟']).count());
    let lower = shape.text.to_lowercase();
    let thinking = count(THINKING.iter().filter(|word| has_word(&lower, word)).count());
    let history = u32::try_from(shape.history_tokens / 1_000).unwrap_or(u32::MAX);
    let score = [
        (words / 4).min(25),
        questions.saturating_sub(1).saturating_mul(8).min(16),
        thinking.saturating_mul(12).min(36),
        shape.intents.saturating_sub(1).saturating_mul(12).min(36),
        shape.tools.saturating_mul(3).min(15),
        shape.sources.saturating_mul(2).min(10),
        history.min(10),
        u32::from(shape.images) * 10,
    ]
    .iter()
    .sum::<u32>()
    .min(100);
    let level = match score {
        0..20 => Level::Simple,
        20..50 => Level::Moderate,
        50.. => Level::Complex,
    };
    Complexity { score, level }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}
