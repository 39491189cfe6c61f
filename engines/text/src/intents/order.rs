//! Which of several askings comes first.

use serde::{Deserialize, Serialize};

/// What a tenant says about an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The intent's name.
    pub intent: String,
    /// 0 (whenever) to 100 (at once).
    pub urgency: u8,
    /// Intents that must be dealt with before this one, where they are asked for together.
    pub after: Vec<String>,
}

/// An intent found in a burst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The intent's name.
    pub intent: String,
    /// How urgent the words were, 0 to 1 (`urgency`).
    pub urgency: f32,
}

/// The order to deal with what was found: places in `found`, each once. What must come before comes
/// before, and is as urgent as the most urgent that waits for it; then the more urgent first; then as
/// written. Intents that wait for each other in a circle are equally urgent, so they are taken as written.
#[must_use]
pub fn order(found: &[Found], declared: &[Declared]) -> Vec<usize> {
    let waits: Vec<Vec<usize>> =
        found.iter().map(|one| prerequisites(one, found, declared)).collect();
    let mut urgency: Vec<f32> = found.iter().map(|one| own_urgency(one, declared)).collect();
    // A chain is at most as long as the list, so after that many rounds all have inherited.
    for _ in 0..found.len() {
        for (at, waits) in waits.iter().enumerate() {
            for &before in waits {
                urgency[before] = urgency[before].max(urgency[at]);
            }
        }
    }
    let mut left: Vec<usize> = (0..found.len()).collect();
    let mut ordered = Vec::with_capacity(found.len());
    while !left.is_empty() {
        let ready = |at: &usize| waits[*at].iter().all(|before| !left.contains(before));
        let most = |candidates: &mut dyn Iterator<Item = usize>| {
            candidates.fold(None, |best: Option<usize>, at| match best {
                Some(best) if urgency[best] >= urgency[at] => Some(best),
                _ => Some(at),
            })
        };
        let next = most(&mut left.iter().copied().filter(|at| ready(at)))
            .or_else(|| most(&mut left.iter().copied()));
        let Some(next) = next else { break };
        left.retain(|at| *at != next);
        ordered.push(next);
    }
    ordered
}

fn prerequisites(one: &Found, found: &[Found], declared: &[Declared]) -> Vec<usize> {
    let after = declared
        .iter()
        .find(|declared| declared.intent == one.intent)
        .map_or(&[][..], |declared| &declared.after);
    let before = |other: &Found| other.intent != one.intent && after.contains(&other.intent);
    found.iter().enumerate().filter(|(_, other)| before(other)).map(|(at, _)| at).collect()
}

/// The declared urgency, raised by how it was said.
fn own_urgency(one: &Found, declared: &[Declared]) -> f32 {
    let base = declared
        .iter()
        .find(|declared| declared.intent == one.intent)
        .map_or(0, |declared| declared.urgency);
    f32::from(base) + 50.0 * one.urgency
}
