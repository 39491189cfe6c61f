//! In which order the intents of a burst are dealt with (CNV-18).

use crate::{Intent, Urgency};

/// The order in which these intents are dealt with, as positions in `found`: what must come before
/// another comes before it, then the more urgent first, then as they were found. Names that the
/// tenant does not know are of normal urgency.
#[must_use]
pub fn order(found: &[&str], intents: &[Intent]) -> Vec<usize> {
    let of = |name: &str| intents.iter().find(|intent| intent.name == name);
    let urgency = |name: &str| of(name).map_or(Urgency::Normal, |intent| intent.urgency);
    let mut left: Vec<usize> = (0..found.len()).collect();
    let mut ordered = Vec::with_capacity(found.len());
    while !left.is_empty() {
        let waits = |position: usize| {
            let after =
                of(found[position]).map(|intent| intent.after.as_slice()).unwrap_or_default();
            left.iter().any(|other| {
                found[*other] != found[position] && after.iter().any(|name| name == found[*other])
            })
        };
        let free: Vec<usize> = left.iter().copied().filter(|position| !waits(*position)).collect();
        // In a circle, which validation refuses, nothing is free: then urgency alone decides.
        let choice = if free.is_empty() { left.clone() } else { free };
        let Some(next) = choice
            .into_iter()
            .min_by_key(|position| (std::cmp::Reverse(urgency(found[*position])), *position))
        else {
            break;
        };
        left.retain(|position| *position != next);
        ordered.push(next);
    }
    ordered
}
