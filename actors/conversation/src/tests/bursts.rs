//! Messages become bursts, bursts become turns (CNV-16, CNV-30).

use super::*;

#[test]
fn cnv_16_messages_in_quick_succession_are_one_turn() {
    let mut world = World::plain();
    world.receive("a", "Hello");
    world.wait(1_000);
    world.receive("b", "do you ship to France?");
    world.wait(2_499);
    assert!(world.state.thinking().is_none());
    world.wait(1);
    let work = world.work();
    let texts: Vec<String> = work.messages.iter().map(Message::words).collect();
    assert_eq!(
        (work.turn, texts),
        (1, vec!["Hello".to_owned(), "do you ship to France?".to_owned()])
    );
    world.respond(answer("Yes."));
    assert_eq!(world.said(), ["Yes."]);
    assert_eq!(world.sent()[0].id, reply_id(world.id(), 1).to_string());
    assert_eq!(world.sent()[0].in_reply_to.as_deref(), Some("b"));
    world.wait(60_000);
    assert_eq!(world.said().len(), 1);
}

#[test]
fn cnv_16_a_burst_ends_after_the_longest_wait() {
    let mut world = World::plain();
    for n in 0..8 {
        world.receive(&n.to_string(), "and");
        world.wait(2_000);
    }
    assert_eq!(world.state.turn(), 1);
    assert_eq!(world.events.iter().filter(|e| matches!(e, Event::TurnBegun { .. })).count(), 1);
}

#[test]
fn cnv_30_duplicates_change_nothing_and_late_deliveries_are_put_in_order() {
    let mut world = World::plain();
    let tell = |world: &mut World, id: &str, at: i64| {
        let inbound = Box::new(inbound(id, START + at, Content::text(id)));
        world.tell(Command::Receive { inbound, profile: None }).outcome
    };
    assert_eq!(tell(&mut world, "second", 20), Outcome::Done);
    assert_eq!(tell(&mut world, "third", 30), Outcome::Done);
    assert_eq!(tell(&mut world, "first", 10), Outcome::Done);
    let seq = world.seq;
    assert_eq!(tell(&mut world, "second", 20), Outcome::Duplicate);
    assert_eq!(world.seq, seq);
    world.wait(3_000);
    let texts: Vec<String> = world.work().messages.iter().map(Message::words).collect();
    assert_eq!(texts, ["first", "second", "third"]);
    assert_eq!(tell(&mut world, "first", 10), Outcome::Duplicate);
}

#[test]
fn c2_a_newer_message_supersedes_the_turn_and_its_answer() {
    let mut world = World::plain();
    world.receive("a", "Where is my order");
    world.wait(2_500);
    world.receive("b", "number 17?");
    assert!(world.effects.contains(&Effect::Cancel { turn: 1 }));
    assert_eq!(world.ask(Query::Work { turn: 1 }), Answer::Work(None));
    // The old answer is on its way, or arrives before the new turn begins.
    let old = Command::RecordAnswer { turn: 1, answer: Box::new(answer("Which order?")) };
    assert_eq!(world.tell(old.clone()).outcome, Outcome::Stale);
    world.wait(2_500);
    assert_eq!(world.tell(old).outcome, Outcome::Stale);
    let work = world.work();
    assert_eq!((work.turn, work.messages.len()), (2, 2));
    assert_eq!(world.ask(Query::Work { turn: 2 }), Answer::Work(Some(Box::new(work))));
    world.respond(answer("It arrives tomorrow."));
    assert_eq!(world.said(), ["It arrives tomorrow."]);
}

#[test]
fn c2_nobody_can_talk_the_assistant_into_silence() {
    let mut world = World::plain();
    for n in 0..5 {
        world.receive(&n.to_string(), "and another thing");
        world.wait(2_500);
    }
    // Three restarts are allowed; the fifth message waits for the next burst.
    let work = world.work();
    assert_eq!((work.turn, work.messages.len()), (4, 4));
    world.respond(answer("First things first."));
    assert_eq!(world.said(), ["First things first."]);
    world.wait(2_500);
    assert_eq!((world.work().turn, world.work().messages.len()), (5, 1));
    world.respond(answer("And this."));
    assert_eq!(world.said().len(), 2);
}

#[test]
fn c1_what_finds_no_room_is_refused_and_can_come_again() {
    let mut world = World::new(
        r#"{"disclosure":{"enabled":false,"reason":"tests"},"burst":{"restarts_max":0}}"#,
    );
    world.receive("first", "x");
    world.wait(2_500);
    for n in 0..BURST_MAX {
        world.receive(&n.to_string(), "x");
    }
    let late = || Box::new(inbound("late", START, Content::text("x")));
    let command = || Command::Receive { inbound: late(), profile: None };
    assert_eq!(world.try_tell(command()), Err(Rejection::Busy));
    world.respond(answer("ok"));
    world.wait(2_500);
    assert_eq!(world.work().messages.len(), BURST_MAX);
    assert_eq!(world.tell(command()).outcome, Outcome::Done);
}

#[test]
fn a_full_burst_begins_at_once() {
    let mut world = World::plain();
    for n in 0..BURST_MAX {
        world.receive(&n.to_string(), "x");
    }
    assert_eq!(world.work().messages.len(), BURST_MAX);
}

#[test]
fn a_client_that_sends_whole_turns_does_not_wait() {
    let mut world = World::plain();
    let address = Address { channel: Channel::OpenAi, ..address() };
    world.key = key(TENANT, &address);
    let inbound = Box::new(Inbound { address, ..inbound("a", START, Content::text("Hi")) });
    world.tell(Command::Receive { inbound, profile: None });
    assert_eq!(world.work().turn, 1);
}

#[test]
fn c4_a_call_is_granted_once() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    assert_eq!(world.begin_call(1, call_id(world.id(), 1, 0, 0)), Outcome::Stale);
    world.wait(2_500);
    let call = call_id(world.id(), 1, 0, 0);
    assert_eq!(world.begin_call(1, call), Outcome::Granted);
    assert_eq!(world.begin_call(1, call), Outcome::AlreadyBegun);
    assert_eq!(world.begin_call(1, call_id(world.id(), 1, 0, 1)), Outcome::Granted);
    assert_eq!(world.begin_call(1, call_id(world.id(), 2, 0, 0)), Outcome::Stale);
    assert_eq!(world.begin_call(1, CallId::from_bytes([1; 16])), Outcome::Stale);
    // A reported failure makes a new attempt, with calls of its own.
    let fail = Command::FailTurn { turn: 1, reason: "refused".to_owned(), attempt: 0, retry: true };
    assert_eq!(world.tell(fail.clone()).outcome, Outcome::Done);
    assert_eq!(world.tell(fail).outcome, Outcome::Stale);
    world.wait(1_000);
    assert_eq!((world.work().attempt, world.work().begun.len()), (1, 2));
    assert_eq!(world.begin_call(1, call), Outcome::AlreadyBegun);
    assert_eq!(world.begin_call(1, call_id(world.id(), 1, 1, 0)), Outcome::Granted);
    world.respond(answer("Hello."));
    assert_eq!(world.begin_call(1, call_id(world.id(), 1, 1, 1)), Outcome::Stale);
}

#[test]
fn c4_a_turn_has_so_many_calls_and_no_more() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    world.wait(2_500);
    let outcomes: Vec<Outcome> = (0..=CALLS_MAX)
        .map(|n| world.begin_call(1, call_id(world.id(), 1, 0, u32::try_from(n).expect("few"))))
        .collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Granted).count(), CALLS_MAX);
    assert_eq!(outcomes.last(), Some(&Outcome::TooManyCalls));
}

#[test]
fn c6_failures_are_tried_again_and_end_in_an_apology_and_a_human() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    world.wait(2_500);
    for attempt in 0..3 {
        assert_eq!(world.work().attempt, attempt);
        let reason = "provider_down".to_owned();
        world.tell(Command::FailTurn { turn: 1, reason, attempt, retry: true });
        world.wait(5_000);
    }
    assert_eq!(world.state.status(), Status::WaitingHuman);
    let [said] = &world.said()[..] else { panic!("one reply, not {:?}", world.said()) };
    assert!(said.starts_with("I am sorry"), "{said}");
    assert!(world.told().contains(&"conversation.handoff".to_owned()));
}

#[test]
fn c6_a_turn_that_nobody_reports_about_is_taken_up_again_without_paying_again() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    world.wait(2_500);
    assert_eq!(world.begin_call(1, call_id(world.id(), 1, 0, 0)), Outcome::Granted);
    world.effects.clear();
    world.wait(180_000);
    assert_eq!((world.work().turn, world.work().attempt), (1, 0));
    assert_eq!(world.begin_call(1, call_id(world.id(), 1, 0, 0)), Outcome::AlreadyBegun);
    world.wait(2 * 180_000);
    assert_eq!(world.state.status(), Status::WaitingHuman);
    assert_eq!(world.said().len(), 1);
}

#[test]
fn messages_of_others_are_refused() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    let other = Address { user: "x".to_owned(), ..address() };
    let inbound = Box::new(Inbound { address: other, ..inbound("b", START, Content::text("Hi")) });
    let command = Command::Receive { inbound, profile: None };
    assert_eq!(world.try_tell(command), Err(Rejection::AddressWrong));
}

#[test]
fn timers_are_only_for_what_is_to_come() {
    assert_eq!(Conversation::on_timer("burst"), Some(Command::Tick));
    assert_eq!(Conversation::on_timer("anything"), None);
    let mut world = World::plain();
    world.tell(Command::Tick);
    assert!(world.timers.is_empty());
    world.receive("a", "Hi");
    assert_eq!(world.timers.keys().collect::<Vec<_>>(), ["burst", "retention"]);
    // A timer that fires early changes nothing.
    world.tell(Command::Tick);
    assert_eq!(world.state.turn(), 0);
    assert!(world.timers.contains_key("burst"));
}
