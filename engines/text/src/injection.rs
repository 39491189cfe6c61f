//! How much a text looks like an attempt to give orders to the assistant that reads it.
//!
//! The text is first made plain: compatibility forms, invisible letters, letters of other scripts that
//! look alike, letters spaced apart, digits for letters, base64 and rot13. Then ideas are looked for that
//! belong together in such attempts, near each other and in many languages ("ignore" + "previous" +
//! "instructions"). A score is a reason for caution, never the guard itself: what an assistant may do is
//! checked outside the model.

use serde::{Deserialize, Serialize};

mod ideas;
mod plain;

/// What to make of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing stands out.
    Clean,
    /// One weak sign: answer, but with care (no tools, no documents beyond the question).
    Suspect,
    /// Most likely an attempt.
    Attack,
}

/// The judgement of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// 0 to 1.
    pub score: f32,
    /// The score in words.
    pub verdict: Verdict,
    /// Names of the signs found, for the trace.
    pub signals: Vec<String>,
}

/// From this score on a text is an attack.
pub const ATTACK: f32 = 0.7;
/// From this score on it is suspect.
pub const SUSPECT: f32 = 0.4;

/// Judges a message or a part of a document. Long documents are better judged chunk by chunk.
#[must_use]
pub fn assess(text: &str) -> Assessment {
    let made = plain::make(text);
    let mut signs = ideas::signs(&made.text);
    for hidden in &made.hidden {
        let inner = ideas::signs(hidden);
        if !inner.is_empty() {
            signs.push(("encoded", 0.5));
            signs.extend(inner);
        }
    }
    if made.disguised && !signs.is_empty() {
        signs.push(("disguised", 0.4));
    }
    if made.smuggled {
        signs.push(("invisible_text", 0.75));
    }
    signs.sort_by(|a, b| a.0.cmp(b.0).then(b.1.total_cmp(&a.1)));
    signs.dedup_by(|later, first| later.0 == first.0);
    let innocent = signs.iter().fold(1.0, |left, (_, weight)| left * (1.0 - weight));
    let score: f32 = 1.0 - innocent;
    let verdict = if score >= ATTACK {
        Verdict::Attack
    } else if score >= SUSPECT {
        Verdict::Suspect
    } else {
        Verdict::Clean
    };
    Assessment {
        score,
        verdict,
        signals: signs.into_iter().map(|(name, _)| name.to_owned()).collect(),
    }
}
