//! What a reply is made of (CNV-10, CNV-11, CNV-14, CNV-17 to CNV-19, CNV-22 to CNV-25, CNV-31).

use impresario_assistant::HandoffReason;
use impresario_kernel::IndexOp;

use super::*;
use crate::index::{Metric, decode_count};

fn part(intent: &str, text: &str) -> ReplyPart {
    ReplyPart {
        intent: intent.to_owned(),
        request: Personal(format!("{intent}?")),
        content: vec![Content::text(text)],
        ..ReplyPart::default()
    }
}

fn found(names: &[&str]) -> Vec<IntentFound> {
    names.iter().map(|name| IntentFound { name: (*name).to_owned(), confidence: 0.9 }).collect()
}

fn interaction(world: &World) -> Interaction {
    let mut answered = world.events.iter().rev().filter_map(|event| match event {
        Event::Answered { interaction, .. } => Some((**interaction).clone()),
        _ => None,
    });
    answered.next().expect("a turn was answered")
}

/// The sum of a count over all rows.
fn counted(world: &World, metric: Metric, label: &str) -> i64 {
    let of = |row: &&IndexRow| {
        row.index == index::COUNTS
            && decode_count(&row.term[4..]) == Some((metric, label.as_bytes()))
    };
    world
        .rows
        .iter()
        .filter(of)
        .map(|row| match row.op {
            IndexOp::Add(by) => by,
            IndexOp::Put(_) | IndexOp::Delete => 0,
        })
        .sum()
}

#[test]
fn the_first_reply_says_that_it_is_a_machine_and_what_must_be_said() {
    let config = r#"{"name":"Ada","disclaimers":[{"text":"No legal advice."},{"text":"Prices include VAT.","when":"always"},{"text":"Terms apply.","when":"intents","intents":["buy"]}],"intents":[{"name":"buy"}]}"#;
    let mut world = World::new(config);
    world.exchange("a", "Hello", answer("Hi!"));
    let mut buy = answer("It is 5 EUR.");
    buy.parts[0].intent = "buy".to_owned();
    world.exchange("b", "How much?", buy);
    assert_eq!(
        world.said(),
        [
            "I am Ada, an AI assistant.\n\nHi!\n\nNo legal advice.\n\nPrices include VAT.",
            "It is 5 EUR.\n\nPrices include VAT.\n\nTerms apply.",
        ]
    );
}

#[test]
fn cnv_19_parts_are_ordered_and_none_is_said_twice() {
    let config = r#"{"disclosure":{"enabled":false,"reason":"tests"},"intents":[{"name":"refund","urgency":"critical","after":["order"]},{"name":"order"},{"name":"hours"}]}"#;
    let mut world = World::new(config);
    let all = TurnAnswer {
        parts: vec![
            part("hours", "We open at 9."),
            part("refund", "You get it back."),
            part("order", "It is lost."),
            part("hours", "We open at 9."),
        ],
        intents: found(&["hours", "refund", "order"]),
        ..answer("")
    };
    world.exchange("a", "x", all);
    assert_eq!(world.said(), ["We open at 9.\n\nIt is lost.\n\nYou get it back."]);
}

#[test]
fn c7_an_intent_without_a_part_is_deferred_and_remembered() {
    let mut world = World::plain();
    let some = TurnAnswer {
        parts: vec![part("hours", "We open at 9.")],
        intents: found(&["hours", "parking"]),
        ..answer("")
    };
    world.exchange("a", "When do you open and where can I park?", some);
    let parts: Vec<(String, Option<String>)> =
        interaction(&world).parts.into_iter().map(|part| (part.intent, part.deferred)).collect();
    assert_eq!(
        parts,
        [("hours".to_owned(), None), ("parking".to_owned(), Some("not_covered".to_owned()))]
    );
    assert_eq!(world.state.unanswered.len(), 1);
}

#[test]
fn c6_an_answer_that_says_nothing_is_still_a_reply() {
    let mut world = World::plain();
    world.exchange("a", "Hm?", TurnAnswer { confidence: 0.9, ..TurnAnswer::default() });
    assert_eq!(world.said(), ["I don't know that for certain."]);
    let odd = TurnAnswer { confidence: f64::NAN, sentiment: f64::INFINITY, ..answer(" ") };
    world.exchange("b", "Hm?", odd);
    assert_eq!(world.said().len(), 2);
    assert_eq!(world.state.status(), Status::WaitingHuman);
}

#[test]
fn cnv_11_a_wish_for_a_human_needs_no_model() {
    let mut world = World::plain();
    world.receive("a", "I want to talk to a human");
    world.wait(2_500);
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Think { .. })));
    assert_eq!(world.said(), ["I am passing you on to a colleague, who will reply here."]);
    assert_eq!(interaction(&world).handoff, Some(HandoffReason::Wish));
    assert_eq!(counted(&world, Metric::Handoffs, "wish"), 1);
    assert!(world.told().contains(&"Conversation Handed Off".to_owned()));
    // From now on the assistant is silent.
    assert_eq!(world.receive("b", "Hello?").outcome, Outcome::Held);
    world.wait(10_000);
    assert_eq!(world.said().len(), 1);
}

#[test]
fn cnv_13_a_bad_mood_brings_a_human_with_the_answer() {
    let mut world = World::plain();
    world.exchange("a", "This is awful", TurnAnswer { sentiment: -0.8, ..answer("I see.") });
    assert_eq!(
        world.said(),
        ["I see.\n\nI am passing you on to a colleague, who will reply here."]
    );
    assert_eq!(
        world.state.handoff.as_ref().map(|handoff| handoff.reason),
        Some(HandoffReason::Sentiment)
    );
}

#[test]
fn cnv_11_repeated_doubt_brings_a_human() {
    let mut world = World::plain();
    for n in 0..3 {
        let doubtful = TurnAnswer { confidence: 0.3, ..answer("Perhaps.") };
        world.exchange(&n.to_string(), "x", doubtful);
    }
    assert_eq!(
        world.state.handoff.as_ref().map(|handoff| handoff.reason),
        Some(HandoffReason::RepeatedLowConfidence)
    );
}

#[test]
fn cnv_14_details_of_a_lead_are_asked_for_and_checked() {
    let config = r#"{"disclosure":{"enabled":false,"reason":"tests"},"intents":[{"name":"demo","handling":{"collect":{"fields":[{"name":"email","prompt":"Your email?","kind":"email"},{"name":"size","prompt":"How many people?","kind":"number"}]}}}]}"#;
    let mut world = World::new(config);
    let extractive = |text: &str| TurnAnswer { path: AnswerPath::Extractive, ..answer(text) };
    let demo = TurnAnswer { intents: found(&["demo"]), ..extractive("We like to show it.") };
    world.exchange("a", "I want a demo", demo);
    assert_eq!(world.said(), ["We like to show it.\n\nYour email?"]);
    world.receive("b", "later");
    world.wait(3_000);
    assert_eq!(
        world.work().collecting.map(|it| it.missing),
        Some(vec!["email".to_owned(), "size".to_owned()])
    );
    world.respond(TurnAnswer { parts: Vec::new(), ..extractive("") });
    assert_eq!(world.said()[1], "Your email?");
    world.exchange("c", "ada@example.com.", TurnAnswer { parts: Vec::new(), ..extractive("") });
    assert_eq!(world.said()[2], "How many people?");
    world.exchange("d", "about 40", TurnAnswer { parts: Vec::new(), ..extractive("") });
    assert!(world.said()[3].starts_with("Thank you, I have noted your details."));
    let values: Vec<&str> = world.state.collected.iter().map(|it| it.value.0.as_str()).collect();
    assert_eq!(values, ["ada@example.com", "40"]);
    assert_eq!(world.state.handoff.as_ref().map(|it| it.reason), Some(HandoffReason::Lead));
    assert!(world.told().contains(&"Lead Qualified".to_owned()));
    assert_eq!(counted(&world, Metric::Leads, "demo"), 1);
}

#[test]
fn cnv_22_and_23_corrections_are_asked_about_and_judged() {
    let mut world = World::plain();
    let asked = TurnAnswer {
        corrections: vec![Correction {
            from: Personal("jaket".to_owned()),
            to: Personal("jacket".to_owned()),
            confidence: 0.5,
            asked: true,
        }],
        ..answer("Do you mean jacket?")
    };
    world.exchange("a", "jaket", asked);
    world.choose("b", CORRECTION_YES);
    world.wait(3_000);
    assert_eq!(counted(&world, Metric::Corrections, "asked"), 1);
    assert_eq!(counted(&world, Metric::Corrections, "right"), 1);
    assert_eq!(world.work().turn, 2);
}

#[test]
fn cnv_25_suggestions_that_are_taken_up_are_counted() {
    let mut world = World::plain();
    let suggestion = Suggestion {
        sku: "S1".to_owned(),
        title: "Scarf".to_owned(),
        reason: "It matches.".to_owned(),
    };
    let suggesting = TurnAnswer { suggestions: vec![suggestion], ..answer("A scarf?") };
    world.exchange("a", "x", suggesting);
    world.choose("b", "product:S1");
    world.wait(3_000);
    world.choose("c", "product:S1");
    assert_eq!(counted(&world, Metric::Suggestions, "shown"), 1);
    assert_eq!(counted(&world, Metric::Suggestions, "accepted"), 1);
    assert_eq!(world.state.counters().accepted, 1);
}

#[test]
fn cnv_31_a_turn_leaves_a_record_and_counts() {
    let mut world = World::new(
        r#"{"disclosure":{"enabled":false,"reason":"tests"},"intents":[{"name":"hours"}],"topics":["Opening hours"]}"#,
    );
    let full = TurnAnswer {
        intents: found(&["hours", "secret name"]),
        model: Some("gpt".to_owned()),
        tokens_in: 100,
        tokens_out: 20,
        cost_micros: 55,
        knowledge_hits: 2,
        retrieved: 9,
        latency_ms: 640,
        memory: MemoryUpdate {
            topic: Some(Personal("opening hours".to_owned())),
            ..MemoryUpdate::default()
        },
        ..answer("At 9.")
    };
    world.exchange("a", "When do you open?", full);
    let record = interaction(&world);
    assert_eq!(record.asked.0, "When do you open?");
    assert_eq!((record.cost_micros, record.latency_ms), (55, 640));
    for (metric, label, want) in [
        (Metric::Conversations, "whatsapp", 1),
        (Metric::MessagesIn, "whatsapp", 1),
        (Metric::MessagesOut, "assistant", 1),
        (Metric::Turns, "generated", 1),
        (Metric::Models, "gpt", 1),
        (Metric::TokensIn, "gpt", 100),
        (Metric::CostMicros, "gpt", 55),
        (Metric::Knowledge, "hit", 1),
        (Metric::Rollout, "new", 1),
        (Metric::Intents, "hours", 1),
        // What is not one of the tenant's names is counted without its name.
        (Metric::Intents, "", 1),
        (Metric::Intents, "secret name", 0),
        (Metric::Topics, "Opening hours", 1),
        (Metric::ConfidenceSum, "", 900),
        (Metric::Latency, std::str::from_utf8(&[index::bucket(640)]).expect("ascii"), 1),
    ] {
        assert_eq!(counted(&world, metric, label), want, "{metric:?} {label}");
    }
}

#[test]
fn cnv_29_both_paths_are_counted_and_the_old_one_may_be_a_human() {
    let mut world = World::new(r#"{"rollout":{"percent":0}}"#);
    world.receive("a", "Hi");
    world.wait(3_000);
    assert_eq!(world.work().path, impresario_assistant::RolloutPath::Old);
    world.respond(answer("Hello."));
    assert_eq!(counted(&world, Metric::Rollout, "old"), 1);
    let mut world = World::new(r#"{"rollout":{"percent":0,"otherwise":"human"}}"#);
    world.receive("a", "Hi");
    world.wait(3_000);
    assert_eq!(world.state.status(), Status::WaitingHuman);
}

#[test]
fn a_numbered_reply_is_the_choice_that_was_offered() {
    let mut world = World::plain();
    let mut offer = answer("");
    offer.parts[0].content = vec![Content::Buttons(impresario_messages::Buttons {
        body: "Which?".to_owned(),
        buttons: vec![
            impresario_messages::Button::reply("red", "Red"),
            impresario_messages::Button::reply("blue", "Blue"),
        ],
        ..Default::default()
    })];
    world.exchange("a", "x", offer);
    world.receive("b", "2");
    world.wait(3_000);
    assert_eq!(world.work().messages[0].choice.as_ref().map(|it| it.id.as_str()), Some("blue"));
}

#[test]
fn buckets_hold_what_they_say() {
    for ms in [0, 1, 2, 3, 7, 50, 999, 60_000, 10_000_000, u64::MAX] {
        let bucket = index::bucket(ms);
        assert!(ms <= index::bucket_bound(bucket));
        assert!(bucket == 0 || ms > index::bucket_bound(bucket - 1), "{ms}");
    }
}
