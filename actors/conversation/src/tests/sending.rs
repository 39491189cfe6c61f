//! A message is given to its platform once, and again only within a bound.

use impresario_messages::{Delivery, StatusUpdate};

use super::*;

const WAIT_MS: i64 = 60_000;

/// A conversation that has something to send, and its id.
fn answered() -> (World, String) {
    let mut world = World::plain();
    world.exchange("a", "Hi", answer("Hello."));
    let outgoing = world.sent()[0].id.clone();
    (world, outgoing)
}

fn begin(world: &mut World, outgoing: &str, parts: u32) -> Outcome {
    let outgoing = outgoing.to_owned();
    world.tell(Command::BeginSend { outgoing, parts, wait_ms: WAIT_MS, tries_max: 2 }).outcome
}

fn pause(world: &mut World, outgoing: &str, sent: &[&str], unknown: bool) {
    let sent = sent.iter().map(|id| (*id).to_owned()).collect();
    world.tell(Command::PauseSend { outgoing: outgoing.to_owned(), sent, unknown });
}

fn report(world: &mut World, outgoing: &str, part: u32, status: Delivery) {
    let update = StatusUpdate {
        platform_id: format!("w{part}"),
        address: address(),
        status,
        at_ms: START,
        error: None,
        outgoing_id: Some(outgoing.to_owned()),
        part: Some(part),
        extra: Vec::new(),
    };
    world.tell(Command::RecordStatus { update: Box::new(update) });
}

fn sending(world: &World, outgoing: &str) -> SentMessage {
    match world.ask(Query::Sending { outgoing: outgoing.to_owned() }) {
        Answer::Sending(Some(known)) => *known,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_settles_what_has_no_known_outcome() {
    let (mut world, outgoing) = answered();
    assert_eq!(begin(&mut world, &outgoing, 2), Outcome::Granted);
    assert_eq!(begin(&mut world, &outgoing, 2), Outcome::AlreadyBegun);
    report(&mut world, &outgoing, 1, Delivery::Delivered);
    assert_eq!(
        begin(&mut world, &outgoing, 2),
        Outcome::Unchanged,
        "the second left, so did the first"
    );
    report(&mut world, &outgoing, 0, Delivery::Read);
    let known = sending(&world, &outgoing);
    assert_eq!((known.status, known.sending), (Some(Delivery::Read), None));
    assert_eq!(known.platform_ids, ["w1"]);
}

#[test]
fn without_a_report_it_is_tried_once_more_and_then_given_up() {
    let (mut world, outgoing) = answered();
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::Granted);
    world.wait(WAIT_MS);
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::GrantedAgain);
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::AlreadyBegun);
    world.wait(WAIT_MS);
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::Unchanged);
    let known = sending(&world, &outgoing);
    assert_eq!(known.status, Some(Delivery::Failed));
    assert_eq!(known.error.expect("why").code, "outcome_unknown");
    assert!(world.told().contains(&"conversation.undelivered".to_owned()));
    // The report was only late.
    report(&mut world, &outgoing, 0, Delivery::Delivered);
    assert_eq!(sending(&world, &outgoing).status, Some(Delivery::Delivered));
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::Unchanged);
}

#[test]
fn a_try_that_surely_sent_nothing_is_not_counted_and_goes_on_where_it_stopped() {
    let (mut world, outgoing) = answered();
    assert_eq!(begin(&mut world, &outgoing, 3), Outcome::Granted);
    for _ in 0..5 {
        pause(&mut world, &outgoing, &["w0"], false);
        assert_eq!(begin(&mut world, &outgoing, 3), Outcome::GrantedAgain);
    }
    let known = sending(&world, &outgoing).sending.expect("it is being sent");
    assert_eq!((known.tries, known.next_part()), (1, 1));
    pause(&mut world, &outgoing, &["w0", "w1"], true);
    assert_eq!(begin(&mut world, &outgoing, 3), Outcome::AlreadyBegun);
    report(&mut world, &outgoing, 2, Delivery::Sent);
    assert_eq!(begin(&mut world, &outgoing, 3), Outcome::Unchanged);
    assert_eq!(sending(&world, &outgoing).platform_ids, ["w0", "w1", "w2"]);
}

#[test]
fn what_is_settled_is_not_begun() {
    let (mut world, outgoing) = answered();
    assert_eq!(begin(&mut world, "nothing", 1), Outcome::Stale);
    world.tell(Command::RecordSent { outgoing: outgoing.clone(), platform_ids: vec!["w".into()] });
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::Unchanged);
    world.tell(Command::Forget);
    assert_eq!(begin(&mut world, &outgoing, 1), Outcome::Stale);
}

#[test]
fn only_the_first_answer_takes_the_place_that_the_platform_keeps_for_it() {
    let mut world = World::plain();
    let mut asked = inbound("a", START, Content::text("Hi"));
    asked.extra = vec![("interaction.token".to_owned(), "t".to_owned())];
    world.tell(Command::Receive { inbound: Box::new(asked), profile: None });
    world.wait(3_000);
    world.respond(answer("Hello."));
    let by = Personal("bob".to_owned());
    world.tell(Command::ReplyAsHuman { by, content: vec![Content::text("And I am Bob.")] });
    let extras: Vec<usize> = world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { extra, .. } => Some(extra.0.len()),
            _ => None,
        })
        .collect();
    assert_eq!(extras, [1, 2], "the second knows that the place is taken");
}

#[test]
fn one_answer_to_two_messages_knows_the_place_that_was_kept_for_the_first() {
    let mut world = World::plain();
    let say = |world: &mut World, id: &str| {
        let mut asked = inbound(id, START, Content::text("Hi"));
        asked.extra = vec![("interaction.token".to_owned(), id.to_owned())];
        world.tell(Command::Receive { inbound: Box::new(asked), profile: None });
    };
    let extras = |world: &World| -> Vec<Vec<(String, String)>> {
        let sends = world.effects.iter().filter_map(|effect| match effect {
            Effect::Send { extra, .. } => Some(extra.0.clone()),
            _ => None,
        });
        sends.collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    say(&mut world, "a");
    say(&mut world, "b");
    say(&mut world, "c");
    world.wait(3_000);
    world.respond(answer("Hello."));
    let (token, earlier) = ("interaction.token", "interaction.earlier");
    assert_eq!(extras(&world), [[pair(token, "c"), pair(earlier, "b"), pair(earlier, "a")]]);
    // What is answered is not cleared.
    say(&mut world, "d");
    world.wait(3_000);
    world.respond(answer("Hello again."));
    assert_eq!(extras(&world)[1], [pair(token, "d")]);
}
