//! Bytes that were once stored must be read for ever.

use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_kernel::{Stored, decode, encode};
use impresario_messages::{Delivery, Fault, StatusUpdate};

use super::*;

/// One line per value: its name and its stored bytes.
#[derive(Default)]
struct Golden(Vec<String>);

impl Golden {
    #[track_caller]
    fn add<T: Stored + PartialEq + std::fmt::Debug>(&mut self, name: &str, value: &T) {
        let bytes = encode(value);
        assert_eq!(&decode::<T>(&bytes).expect("it decodes"), value, "{name}");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.push(format!("{name} {hex}"));
    }
}

fn at() -> Timestamp {
    Timestamp::from_ms(START)
}

fn text(text: &str) -> Personal<String> {
    Personal(text.to_owned())
}

fn message() -> Message {
    Message {
        seq: 3,
        id: "m".to_owned(),
        from: Author::Human,
        by: Some(text("bob")),
        at: at(),
        received: at(),
        content: vec![Content::text("t")],
        choice: Some(Choice { id: "c".to_owned(), title: "C".to_owned() }),
        turn: Some(2),
        citations: vec![Citation {
            document: "d".to_owned(),
            chunk: "k".to_owned(),
            title: "T".to_owned(),
            url: None,
        }],
        reply_to: None,
    }
}

fn full_answer() -> TurnAnswer {
    TurnAnswer {
        parts: vec![ReplyPart {
            intent: "i".to_owned(),
            request: text("r"),
            content: vec![Content::text("t")],
            citations: Vec::new(),
            deferred: Some("d".to_owned()),
        }],
        intents: vec![IntentFound { name: "i".to_owned(), confidence: 0.5 }],
        language: Some("en".to_owned()),
        sentiment: -0.5,
        confidence: 0.75,
        model: Some("m".to_owned()),
        path: AnswerPath::Generated,
        tokens_in: 1,
        tokens_out: 2,
        cost_micros: 3,
        calls: vec![CallId::from_bytes([4; 16])],
        memory: memory(),
        corrections: vec![Correction {
            from: text("a"),
            to: text("b"),
            confidence: 0.25,
            asked: true,
        }],
        suggestions: vec![Suggestion {
            sku: "s".to_owned(),
            title: "t".to_owned(),
            reason: "r".to_owned(),
        }],
        knowledge_hits: 5,
        retrieved: 6,
        wants_handoff: Some(HandoffReason::Budget),
        latency_ms: 7,
        trace: Some(TraceId::NIL),
        collected: vec![Collected { field: "f".to_owned(), value: text("v") }],
    }
}

fn memory() -> MemoryUpdate {
    MemoryUpdate {
        summary: Some(text("s")),
        key_facts: vec![text("k")],
        entities: vec![Entity { kind: "e".to_owned(), value: text("v") }],
        topic: Some(text("t")),
        pending_action: Some(text("p")),
        last_product: Some("lp".to_owned()),
        last_service: Some("ls".to_owned()),
    }
}

fn commands(golden: &mut Golden) {
    let update = StatusUpdate {
        platform_id: "w".to_owned(),
        address: address(),
        status: Delivery::Read,
        at_ms: 1,
        error: None,
        outgoing_id: None,
        part: None,
        extra: Vec::new(),
    };
    for (name, command) in [
        (
            "receive",
            Command::Receive {
                inbound: Box::new(inbound("a", START, Content::text("t"))),
                profile: Some(PROFILE),
            },
        ),
        ("tick", Command::Tick),
        (
            "begin_call",
            Command::BeginCall { turn: 1, call: CallId::NIL, model: "m".to_owned(), micros: 5 },
        ),
        ("record_answer", Command::RecordAnswer { turn: 1, answer: Box::new(full_answer()) }),
        (
            "fail_turn",
            Command::FailTurn { turn: 1, reason: "r".to_owned(), attempt: 2, retry: true },
        ),
        (
            "record_sent",
            Command::RecordSent { outgoing: "o".to_owned(), platform_ids: vec!["w".to_owned()] },
        ),
        ("record_unsent", Command::RecordUnsent { outgoing: "o".to_owned(), code: "c".to_owned() }),
        ("record_status", Command::RecordStatus { update: Box::new(update) }),
        ("assign", Command::Assign { assignee: text("bob"), only_if_free: true }),
        (
            "reply_as_human",
            Command::ReplyAsHuman { by: text("bob"), content: vec![Content::text("t")] },
        ),
        ("note", Command::Note { by: text("bob"), text: text("n") }),
        ("hand_back", Command::HandBack { answer: true }),
        ("resolve", Command::Resolve),
        ("reopen", Command::Reopen),
        (
            "request_handoff",
            Command::RequestHandoff { reason: HandoffReason::Wish, detail: text("d") },
        ),
        ("link_profile", Command::LinkProfile { profile: PROFILE }),
        ("record_consent", Command::RecordConsent { stopped: true }),
        ("forget", Command::Forget),
        (
            "begin_send",
            Command::BeginSend { outgoing: "o".to_owned(), parts: 2, wait_ms: 3, tries_max: 4 },
        ),
        (
            "pause_send",
            Command::PauseSend {
                outgoing: "o".to_owned(),
                sent: vec!["w".to_owned()],
                unknown: true,
            },
        ),
    ] {
        golden.add(name, &command);
    }
}

fn interaction() -> Interaction {
    Interaction {
        turn: 1,
        messages: vec![1, 2],
        asked: text("a"),
        intents: vec![IntentFound { name: "i".to_owned(), confidence: 0.5 }],
        parts: vec![Dealt {
            intent: "i".to_owned(),
            request: text("r"),
            deferred: None,
            citations: Vec::new(),
        }],
        path: AnswerPath::House,
        rollout: RolloutPath::Old,
        model: None,
        confidence: 1.0,
        sentiment: 0.0,
        language: None,
        tokens_in: 1,
        tokens_out: 2,
        cost_micros: 3,
        calls: Vec::new(),
        knowledge_hits: 4,
        retrieved: 5,
        handoff: Some(HandoffReason::Lead),
        latency_ms: 6,
        trace: None,
        corrections: Vec::new(),
        suggestions: Vec::new(),
        recovered: Some(Recovered { turn: 1, answered: true }),
        collected: Vec::new(),
        collecting: Some("i".to_owned()),
        uncertain: true,
    }
}

/// Events of a turn.
fn turn_events(golden: &mut Golden) {
    let received = |standing| Event::Received {
        message: Box::new(message()),
        person: Box::new(Person::default()),
        extra: Personal(vec![("n".to_owned(), "v".to_owned())]),
        standing,
        digest: 9,
    };
    let (turn, at) = (1, at());
    let begun = Event::TurnBegun {
        turn,
        messages: vec![1],
        path: RolloutPath::New,
        forgotten: Some(0),
        at,
    };
    let answered = Event::Answered {
        interaction: Box::new(interaction()),
        memory: Box::new(memory()),
        message: Box::new(message()),
    };
    let failed =
        Event::AttemptFailed { turn, reason: "r".to_owned(), retry_at: at, reported: true };
    let call = Event::CallBegun { turn, call: CallId::NIL, model: "m".to_owned(), micros: 5, at };
    for (name, event) in [
        ("started", Event::Started { address: Box::new(address()), at }),
        ("linked", Event::Linked { profile: PROFILE, at }),
        ("received_collected", received(Standing::Collected { deadline: at })),
        ("received_queued", received(Standing::Queued { deadline: at })),
        ("received_held", received(Standing::Held)),
        ("received_settled", received(Standing::Settled)),
        ("turn_begun", begun),
        ("call_begun", call),
        ("turn_superseded", Event::TurnSuperseded { turn, held: true, at }),
        ("attempt_failed", failed),
        ("attempt_begun", Event::AttemptBegun { turn, at }),
        ("answered", answered),
        ("said", Event::Said { message: Box::new(message()) }),
    ] {
        golden.add(name, &event);
    }
}

/// All other events.
fn events(golden: &mut Golden) {
    let at = at();
    let handed_off =
        Event::HandedOff { reason: HandoffReason::Wish, detail: text("d"), due: Some(at), at };
    let sent = Event::Sent { outgoing: "o".to_owned(), platform_ids: vec!["w".to_owned()], at };
    let delivered = Event::Delivered {
        outgoing: "o".to_owned(),
        status: Delivery::Failed,
        error: Some(Fault { code: "c".to_owned(), detail: "d".to_owned() }),
        at,
        part: None,
    };
    let part = SentPart { part: 1, id: "w".to_owned() };
    let delivered_part = Event::Delivered {
        outgoing: "o".to_owned(),
        status: Delivery::Read,
        error: None,
        at,
        part: Some(part.clone()),
    };
    let send_begun = Event::SendBegun { outgoing: "o".to_owned(), of: 2, tries: 1, at };
    let send_paused =
        Event::SendPaused { outgoing: "o".to_owned(), parts: vec![part], unknown: true, at };
    let details = vec![Collected { field: "f".to_owned(), value: text("v") }];
    for (name, event) in [
        ("handed_off", handed_off),
        ("assigned", Event::Assigned { assignee: text("bob"), at }),
        ("human_replied", Event::HumanReplied { message: Box::new(message()) }),
        ("noted", Event::Noted { message: Box::new(message()) }),
        ("handed_back", Event::HandedBack { messages: vec![1], at }),
        ("resolved", Event::Resolved { by_human: true, at }),
        ("reopened", Event::Reopened { at }),
        ("sent", sent),
        ("delivered", delivered),
        ("memory_expired", Event::MemoryExpired { at }),
        ("returned", Event::Returned { fresh: true, at }),
        ("rated", Event::Rated { score: 5, at }),
        ("consent_changed", Event::ConsentChanged { stopped: true, at }),
        ("lead_qualified", Event::LeadQualified { intent: "i".to_owned(), details, at }),
        ("sla_missed", Event::SlaMissed { due: at, at }),
        ("suggestion_accepted", Event::SuggestionAccepted { sku: "s".to_owned(), at }),
        ("correction_judged", Event::CorrectionJudged { right: true, at }),
        ("forgotten", Event::Forgotten { at }),
        ("delivered_part", delivered_part),
        ("send_begun", send_begun),
        ("send_paused", send_paused),
    ] {
        golden.add(name, &event);
    }
}

/// A story that touches most of the state.
fn story(golden: &mut Golden) {
    let mut world = World::new(r#"{"rating":{"enabled":true},"turns":{"attempts":4}}"#);
    golden.add("state_empty", &world.state);
    world.exchange("a", "Hello", full_answer());
    world.tell(Command::HandBack { answer: false });
    world.receive("b", "did you forget me?");
    world.wait(2_500);
    world.begin_call(2, call_id(world.id(), 2, 0, 0));
    golden.add("work", &world.work());
    golden.add("state_thinking", &world.state);
    world.tell(Command::FailTurn { turn: 2, reason: "x".to_owned(), attempt: 0, retry: true });
    golden.add("state_retrying", &world.state);
    world.receive("c", "hm");
    golden.add("state_burst", &world.state);
    world.tell(Command::Assign { assignee: text("bob"), only_if_free: false });
    golden.add("state_held", &world.state);
    let row = index::InboxRow::of(&world.state).expect("there is one");
    golden.add("inbox_row", &row);
    golden.add("view", &world.ask(Query::Show { before: None, limit: 2 }));
    world.tell(Command::HandBack { answer: false });
    world.wait(3_600_000);
    golden.add("state_expired", &world.state);
    world.tell(Command::Resolve);
    golden.add("state_resolved", &world.state);
    world.effects.truncate(14);
    for (number, effect) in world.effects.iter().enumerate() {
        golden.add(&format!("effect_{number}"), effect);
    }
    golden.add("cancel", &Effect::Cancel { turn: 1 });
}

fn rest(golden: &mut Golden) {
    for (name, outcome) in [
        ("done", Outcome::Done),
        ("unchanged", Outcome::Unchanged),
        ("duplicate", Outcome::Duplicate),
        ("held", Outcome::Held),
        ("stale", Outcome::Stale),
        ("granted", Outcome::Granted),
        ("already_begun", Outcome::AlreadyBegun),
        ("too_many_calls", Outcome::TooManyCalls),
        ("handed_off", Outcome::HandedOff),
        ("granted_again", Outcome::GrantedAgain),
    ] {
        let (status, outgoing) = (Status::Human, Some("o".to_owned()));
        golden.add(&format!("reply_{name}"), &Reply { outcome, status, turn: 1, outgoing });
    }
    for rejection in [
        Rejection::NotFound,
        Rejection::AddressWrong,
        Rejection::Busy,
        Rejection::HeldByAnother,
        Rejection::AssigneeInvalid,
        Rejection::ContentInvalid,
        Rejection::NoteInvalid,
    ] {
        use impresario_kernel::Coded as _;
        golden.add(rejection.code(), &rejection);
    }
    golden.add("query_show", &Query::Show { before: Some(1), limit: 2 });
    golden.add("query_work", &Query::Work { turn: 1 });
    golden.add("answer_none", &Answer::Conversation(None));
    golden.add("answer_work", &Answer::Work(None));
    golden.add("query_sending", &Query::Sending { outgoing: "o".to_owned() });
    let sending = Sending {
        tries: 1,
        at: at(),
        unknown: true,
        of: 2,
        parts: vec![SentPart { part: 0, id: "w".to_owned() }],
    };
    let sent = SentMessage {
        outgoing: "o".to_owned(),
        platform_ids: Vec::new(),
        status: None,
        error: None,
        at: at(),
        sending: Some(Box::new(sending)),
    };
    golden.add("answer_sending", &Answer::Sending(Some(Box::new(sent))));
}

#[test]
fn stored_bytes_are_the_same_for_ever() {
    let mut golden = Golden::default();
    commands(&mut golden);
    turn_events(&mut golden);
    events(&mut golden);
    story(&mut golden);
    rest(&mut golden);
    let got = golden.0.join("\n");
    assert!(got == include_str!("../golden/stored.txt").trim_end(), "\n{got}\n");
}

#[test]
fn ids_are_the_same_for_ever() {
    let id = id_of(TENANT, &address());
    assert_eq!(
        [id.to_string(), call_id(id, 1, 0, 0).to_string(), reply_id(id, 1).to_string()],
        IDS
    );
}

const IDS: [&str; 3] = [
    "cnv_231pf8sh9p7rh6mqbxshsyqx8n",
    "cal_5n7bhtr91344190kvkbzj5j03z",
    "msg_78djm53xjzcxyemr9e23xgxd72",
];
