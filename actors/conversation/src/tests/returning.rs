//! Memory expires, customers return and remind (CNV-07, CNV-09, CNV-26 to CNV-28).

use super::*;

const HALF_AN_HOUR: i64 = 30 * 60_000;

fn topic(text: &str) -> MemoryUpdate {
    MemoryUpdate {
        topic: Some(Personal(text.to_owned())),
        key_facts: vec![Personal("has a dog".to_owned())],
        ..MemoryUpdate::default()
    }
}

fn about_boots() -> World {
    let mut world = World::plain();
    world.exchange("a", "Boots?", TurnAnswer { memory: topic("boots"), ..answer("Yes.") });
    world
}

#[test]
fn cnv_26_memory_expires_but_key_facts_stay() {
    let mut world = about_boots();
    world.wait(HALF_AN_HOUR - 1);
    assert!(world.state.memory().topic.is_some());
    world.wait(1);
    let memory = world.state.memory();
    assert!(memory.topic.is_none());
    assert_eq!(memory.key_facts, [Personal("has a dog".to_owned())]);
    let past = memory.previous.as_ref().and_then(|past| past.topic.as_ref());
    assert_eq!(past, Some(&Personal("boots".to_owned())));
}

#[test]
fn cnv_27_a_returning_customer_is_asked_whether_to_go_on() {
    let mut world = about_boots();
    world.wait(2 * HALF_AN_HOUR);
    world.receive("b", "Hello again");
    world.wait(2_500);
    assert!(world.work().returning);
    assert!(world.work().history.is_empty());
    world.respond(answer("Hi!"));
    let welcome = "Hi! | Welcome back! Last time we talked about boots. Shall we go on with that, or start afresh?";
    assert_eq!(world.said()[1], welcome);
    world.receive("c", "1");
    world.wait(2_500);
    assert_eq!(world.said()[2], "Good, back to boots. What would you like to know?");
    assert_eq!(world.state.memory().topic, Some(Personal("boots".to_owned())));
    world.receive("d", "Which sizes?");
    world.wait(2_500);
    assert!(world.work().history.iter().any(|message| message.words() == "Boots?"));
    assert!(!world.work().returning);
}

#[test]
fn cnv_27_or_to_start_afresh() {
    let mut world = about_boots();
    world.wait(2 * HALF_AN_HOUR);
    world.exchange("b", "Hello again", answer("Hi!"));
    world.choose("c", RETURNING_FRESH);
    world.wait(2_500);
    assert_eq!(world.said()[2], "All right, let us start afresh. How can I help you?");
    assert_eq!(world.state.memory().previous, None);
    assert_eq!(world.state.memory().key_facts.len(), 1);
}

#[test]
fn a_late_timer_does_not_keep_memory_alive() {
    let mut world = about_boots();
    // No timer fires.
    world.now += 2 * HALF_AN_HOUR;
    world.receive("b", "Hello again");
    world.wait(2_500);
    assert!(world.work().returning);
}

#[test]
fn cnv_28_an_overlooked_question_is_recovered() {
    let mut world = World::plain();
    let half = TurnAnswer {
        parts: vec![
            ReplyPart { content: vec![Content::text("At 9.")], ..ReplyPart::default() },
            ReplyPart {
                intent: "parking".to_owned(),
                request: Personal("where to park".to_owned()),
                deferred: Some("unknown".to_owned()),
                ..ReplyPart::default()
            },
        ],
        ..answer("")
    };
    world.exchange("a", "When do you open and where to park?", half);
    world.receive("b", "Did you forget something?");
    world.wait(2_500);
    let forgotten = world.work().forgotten.map(|question| question.question.0);
    assert_eq!(forgotten.as_deref(), Some("where to park"));
    world.respond(answer("Behind the house."));
    assert_eq!(world.said()[1], "I am sorry that I overlooked your question.\n\nBehind the house.");
    assert!(world.state.unanswered.is_empty());
    assert_eq!(world.state.counters().recovered, 1);
}

#[test]
fn cnv_09_a_summary_is_asked_for_when_much_was_said() {
    let mut world = World::new(
        r#"{"disclosure":{"enabled":false,"reason":"tests"},"memory":{"summary_every":4}}"#,
    );
    world.exchange("a", "one", answer("1"));
    world.exchange("b", "two", answer("2"));
    world.receive("c", "three");
    world.wait(2_500);
    assert!(world.work().summarise);
    let memory =
        MemoryUpdate { summary: Some(Personal("counting".to_owned())), ..MemoryUpdate::default() };
    world.respond(TurnAnswer { memory, ..answer("3") });
    world.receive("d", "four");
    world.wait(2_500);
    assert!(!world.work().summarise);
    assert_eq!(world.work().memory.summary, Some(Personal("counting".to_owned())));
}

#[test]
fn memory_can_be_switched_off() {
    let mut world = World::new(
        r#"{"disclosure":{"enabled":false,"reason":"tests"},"features":{"memory":false}}"#,
    );
    world.exchange("a", "Boots?", TurnAnswer { memory: topic("boots"), ..answer("Yes.") });
    world.receive("b", "And?");
    world.wait(2_500);
    assert_eq!(world.work().memory, Memory::default());
}

#[test]
fn what_is_old_is_forgotten_and_the_customer_may_begin_anew() {
    let mut world = about_boots();
    world.wait(366 * 86_400_000);
    assert!(world.state.messages().is_empty());
    assert!(world.timers.is_empty());
    assert_eq!(world.ask(Query::Show { before: None, limit: 10 }), Answer::Conversation(None));
    assert_eq!(world.receive("a", "Boots?").outcome, Outcome::Done);
    world.wait(2_500);
    assert_eq!(world.work().turn, 2);
}

#[test]
fn the_view_shows_a_page() {
    let mut world = about_boots();
    world.exchange("b", "Thanks", answer("Welcome."));
    let Answer::Conversation(Some(view)) = world.ask(Query::Show { before: None, limit: 3 }) else {
        panic!("no view")
    };
    let seqs: Vec<u64> = view.messages.iter().map(|message| message.seq).collect();
    assert_eq!((seqs, view.more), (vec![2, 3, 4], true));
    let json = serde_json::to_value(&view).expect("it serializes");
    assert_eq!(json["status"], "bot");
    assert_eq!(json["memory"]["topic"], "boots");
    assert_eq!(json["messages"][0]["from"], "assistant");
    assert_eq!(json["memory_expires_at"], "2026-01-14T09:30:06Z");
    assert_eq!(view.profile, Some(PROFILE));
}
