//! Humans take over, answer, give back and resolve (CNV-12).

use impresario_assistant::HandoffReason;
use impresario_kernel::Coded as _;
use impresario_messages::{Delivery, StatusUpdate};

use super::*;

fn me(name: &str) -> Personal<String> {
    Personal(name.to_owned())
}

fn assign(name: &str, only_if_free: bool) -> Command {
    Command::Assign { assignee: me(name), only_if_free }
}

fn reply(name: &str, text: &str) -> Command {
    Command::ReplyAsHuman { by: me(name), content: vec![Content::text(text)] }
}

#[test]
fn c3_a_human_who_takes_the_conversation_silences_the_assistant() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    world.wait(2_500);
    world.tell(assign("bob", true));
    assert!(world.effects.contains(&Effect::Cancel { turn: 1 }));
    assert_eq!(world.respond(answer("Hello.")).outcome, Outcome::Stale);
    assert_eq!(world.receive("b", "Anybody?").outcome, Outcome::Held);
    world.wait(600_000);
    assert!(world.said().is_empty());
    assert_eq!(world.state.held.len(), 2);
    world.tell(reply("bob", "Bob here."));
    assert_eq!(world.said(), ["Bob here."]);
    assert!(world.state.held.is_empty());
    assert_eq!(world.try_tell(assign("eve", true)), Err(Rejection::HeldByAnother));
    assert_eq!(world.tell(assign("bob", true)).outcome, Outcome::Unchanged);
    assert_eq!(world.tell(assign("eve", false)).outcome, Outcome::Done);
}

#[test]
fn what_no_human_replied_to_can_be_given_back_to_the_assistant() {
    let mut world = World::plain();
    world.tell_handoff();
    world.receive("b", "Anybody?");
    world.receive("c", "Hello?");
    world.tell(Command::HandBack { answer: true });
    assert_eq!(world.state.status(), Status::Bot);
    let texts: Vec<String> = world.work().messages.iter().map(Message::words).collect();
    assert_eq!(texts, ["Hi", "Anybody?", "Hello?"]);
    world.respond(answer("Here I am."));
    assert_eq!(world.said().last().map(String::as_str), Some("Here I am."));
    world.tell_handoff();
    world.receive("d", "Hm");
    world.tell(Command::HandBack { answer: false });
    world.wait(60_000);
    assert_eq!(world.state.turn(), 1);
    assert_eq!(world.tell(Command::HandBack { answer: true }).outcome, Outcome::Unchanged);
}

impl World {
    /// Begins the conversation, if need be, and hands it over.
    fn tell_handoff(&mut self) {
        if self.state.turn() == 0 {
            self.receive("a", "Hi");
        }
        let detail = me("please");
        let reply = self.tell(Command::RequestHandoff { reason: HandoffReason::Manual, detail });
        assert_eq!(reply.outcome, Outcome::HandedOff);
    }
}

#[test]
fn cnv_12_a_missed_limit_is_told_once() {
    let mut world = World::plain();
    world.tell_handoff();
    world.wait(15 * 60_000);
    world.wait(60 * 60_000);
    let missed = world.told().iter().filter(|kind| *kind == "conversation.sla_missed").count();
    assert_eq!(missed, 1);
    let mut world = World::plain();
    world.tell_handoff();
    world.tell(reply("bob", "Hi"));
    world.wait(60 * 60_000);
    assert!(!world.told().contains(&"conversation.sla_missed".to_owned()));
}

#[test]
fn cnv_12_limits_and_words_heed_business_hours() {
    let mut world = World::new(
        r#"{"disclosure":{"enabled":false,"reason":"tests"},"business_hours":{"zone":"Europe/Berlin","weekly":[{"days":["wednesday","thursday"],"from":"09:00","to":"10:05"}]}}"#,
    );
    // 10:00 in Berlin: five minutes are left today.
    world.tell_handoff();
    assert_eq!(world.said(), ["I am passing you on to a colleague, who will reply here."]);
    let due = world.state.handoff.as_ref().and_then(|handoff| handoff.due);
    assert_eq!(due.map(Timestamp::as_ms), Some(START + 23 * 3_600_000 + 10 * 60_000));
    world.tell(Command::HandBack { answer: false });
    world.wait(3_600_000);
    world.tell_handoff();
    assert!(world.said()[1].contains("Nobody is available right now"));
}

#[test]
fn notes_are_not_for_the_customer() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    world.tell(Command::Note { by: me("bob"), text: me("a regular") });
    world.wait(2_500);
    assert!(world.said().is_empty());
    assert!(world.work().history.is_empty());
}

#[test]
fn a_resolved_conversation_is_rated_and_reopened_by_the_customer() {
    let mut world = World::new(
        r#"{"disclosure":{"enabled":false,"reason":"tests"},"rating":{"enabled":true}}"#,
    );
    world.exchange("a", "Hi", answer("Hello."));
    world.tell(Command::Resolve);
    assert_eq!(world.state.status(), Status::Resolved);
    assert!(world.said()[1].starts_with("How satisfied"));
    world.receive("b", "4");
    assert_eq!((world.state.rating, world.state.status()), (Some(4), Status::Resolved));
    assert_eq!(world.said()[2], "Thank you for your rating.");
    world.receive("c", "One more thing");
    assert_eq!(world.state.status(), Status::Bot);
    world.wait(2_500);
    assert_eq!(world.work().turn, 2);
    assert_eq!(world.tell(Command::Reopen).outcome, Outcome::Unchanged);
}

#[test]
fn words_that_stop_messages_are_heeded() {
    let mut world = World::plain();
    world.receive("a", "STOP");
    world.wait(10_000);
    assert_eq!(world.state.turn(), 0);
    assert!(world.said()[0].starts_with("You will get no more messages"));
    assert!(world.told().contains(&"Messages Stopped".to_owned()));
    world.exchange("b", "But where is my order?", answer("On its way."));
    assert!(world.work().opted_out);
    world.receive("c", "start");
    assert!(world.said()[2].starts_with("You will get messages"));
    // To others it is a word like others.
    world.receive("d", "start");
    world.wait(2_500);
    assert_eq!(world.work().turn, 2);
}

#[test]
fn reactions_want_no_answer() {
    let mut world = World::plain();
    let reaction = Content::Reaction { message_id: "m".to_owned(), emoji: Some("+".to_owned()) };
    world.receive_content("a", reaction);
    world.wait(10_000);
    assert_eq!(world.state.turn(), 0);
}

#[test]
fn what_was_sent_only_goes_forward() {
    let mut world = World::plain();
    world.exchange("a", "Hi", answer("Hello."));
    let outgoing = world.sent()[0].id.clone();
    let status = |status, id: &str| Command::RecordStatus {
        update: Box::new(StatusUpdate {
            platform_id: id.to_owned(),
            address: address(),
            status,
            at_ms: START,
            error: None,
            outgoing_id: None,
            part: None,
            extra: Vec::new(),
        }),
    };
    let sent =
        Command::RecordSent { outgoing: outgoing.clone(), platform_ids: vec!["w1".to_owned()] };
    assert_eq!(world.tell(sent.clone()).outcome, Outcome::Done);
    assert_eq!(world.tell(sent).outcome, Outcome::Unchanged);
    assert_eq!(world.tell(status(Delivery::Read, "w1")).outcome, Outcome::Done);
    assert_eq!(world.tell(status(Delivery::Delivered, "w1")).outcome, Outcome::Unchanged);
    assert_eq!(world.tell(status(Delivery::Read, "w2")).outcome, Outcome::Unchanged);
    let unsent = Command::RecordUnsent { outgoing, code: "131047".to_owned() };
    assert_eq!(world.tell(unsent).outcome, Outcome::Unchanged);
    assert_eq!(world.state.sent[0].status, Some(Delivery::Read));
}

#[test]
fn a_message_that_cannot_be_sent_is_told() {
    let mut world = World::plain();
    world.exchange("a", "Hi", answer("Hello."));
    let outgoing = world.sent()[0].id.clone();
    world.tell(Command::RecordUnsent { outgoing, code: "131047".to_owned() });
    assert!(world.told().contains(&"conversation.undelivered".to_owned()));
}

#[test]
fn commands_are_refused_with_codes() {
    let check = |world: &mut World, command: Command, want: &str| {
        let rejection = world.try_tell(command).expect_err("it is refused");
        assert_eq!(rejection.code(), want);
    };
    let mut world = World::plain();
    check(&mut world, Command::Resolve, "conversation_not_found");
    world.receive("a", "Hi");
    check(&mut world, assign(" ", false), "conversation_assignee_invalid");
    check(&mut world, assign(&"x".repeat(101), false), "conversation_assignee_invalid");
    check(&mut world, reply("bob", " "), "conversation_content_invalid");
    check(
        &mut world,
        Command::ReplyAsHuman { by: me("bob"), content: Vec::new() },
        "conversation_content_invalid",
    );
    check(&mut world, Command::Note { by: me("bob"), text: me(" ") }, "conversation_note_invalid");
}

#[test]
fn a_human_reply_to_a_bot_conversation_takes_it() {
    let mut world = World::plain();
    world.receive("a", "Hi");
    world.tell(reply("bob", "I do this one."));
    assert_eq!(world.state.status(), Status::Human);
    world.wait(10_000);
    assert_eq!(world.said(), ["I do this one."]);
}
