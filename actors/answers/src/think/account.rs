//! Whatever was asked is in the answer, answered or put off: a model may have passed over something,
//! and there may have been more than is looked up.

use std::collections::BTreeSet;

use impresario_assistant::{AssistantConfig, Say};
use impresario_conversation::{ReplyPart, TurnAnswer};
use impresario_kernel::Personal;
use impresario_messages::Content;

use super::read::Burst;

/// Words that a part and an asking must share to be taken for each other at first sight.
const SHARED_MIN: usize = 2;

/// Adds a part for everything that has none. Askings with a name have one: an answer without it was not
/// taken.
pub(super) fn complete(answer: &mut TurnAnswer, burst: &Burst, config: &AssistantConfig) {
    let asked = burst.asks.iter().filter(|ask| {
        ask.intent.is_empty() && !ask.is_told && !ask.is_small_talk && ask.item.is_none()
    });
    let nameless: Vec<&str> = asked.map(|ask| ask.asked.as_str()).collect();
    let told: Vec<String> = answer
        .parts
        .iter()
        .filter(|part| part.intent.is_empty())
        .map(|part| part.request.0.clone())
        .collect();
    let missing = without_part(&nameless, &told).join("\n");
    let left: Vec<&str> = burst
        .left
        .iter()
        .map(String::as_str)
        // A model sees all that was written, and may have an answer to this too.
        .filter(|text| !answer.parts.iter().any(|part| part.request.0.contains(text)))
        .collect();
    for (request, reason) in [(missing, "not_covered"), (left.join("\n"), "too_many")] {
        if !request.is_empty() {
            let unknown = config.text(burst.language.as_deref(), Say::Unknown);
            answer.parts.push(ReplyPart {
                request: Personal(request),
                content: vec![Content::text(unknown)],
                deferred: Some(reason.to_owned()),
                ..ReplyPart::default()
            });
        }
    }
}

/// The askings for which no part is left, when each part goes to the one it shares most words with.
fn without_part<'a>(asked: &[&'a str], parts: &[String]) -> Vec<&'a str> {
    let mut free: Vec<BTreeSet<String>> = parts.iter().map(|part| words(part)).collect();
    let mut open: Vec<&str> = Vec::new();
    for text in asked {
        let wanted = words(text);
        let shared = |part: &BTreeSet<String>| part.intersection(&wanted).count();
        let best = (0..free.len()).max_by_key(|place| shared(&free[*place]));
        match best.filter(|place| shared(&free[*place]) >= SHARED_MIN) {
            Some(place) => drop(free.swap_remove(place)),
            None => open.push(text),
        }
    }
    // A model says in its own words what was asked: what is left over may be any of these.
    open.split_off(free.len().min(open.len()))
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 2)
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &[&str], parts: &[&str], want: &[&str]) {
        let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        assert_eq!(without_part(asked, &parts), want);
    }

    #[test]
    fn what_a_model_passed_over_is_named() {
        let asked = ["how long are vouchers valid", "is the shop open today", "who won"];
        check(&asked, &["Is the shop open today?"], &["how long are vouchers valid", "who won"]);
        check(&asked[..2], &["Is the shop open today?"], &["how long are vouchers valid"]);
    }

    #[test]
    fn as_many_parts_as_askings_are_enough_in_whatever_words() {
        check(&["does it rain", "who won"], &["the weather", "the winner"], &[]);
        check(&["does it rain"], &["the weather", "the winner"], &[]);
        check(&[], &["the weather"], &[]);
    }

    #[test]
    fn without_parts_everything_is_missing() {
        check(&["does it rain", "who won"], &[], &["does it rain", "who won"]);
    }
}
