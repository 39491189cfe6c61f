//! What holds whatever happens, in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use impresario_kernel::{IndexOp, decode, encode};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A message, perhaps one that came before, perhaps written at another time.
    Receive {
        id: u8,
        lag: i64,
        text: u8,
    },
    Wait(i64),
    /// The answer to a turn so many turns ago.
    Respond {
        ago: u32,
        confident: bool,
    },
    Fail {
        ago: u32,
        attempt: u8,
        retry: bool,
    },
    Call {
        ago: u32,
        attempt: u8,
        number: u32,
    },
    Assign,
    Reply,
    HandBack(bool),
    Resolve,
    Reopen,
    Handoff,
    Forget,
    /// A late timer.
    Tick,
}

const TEXTS: [&str; 8] = [
    "Hello",
    "Where is my order?",
    "STOP",
    "start",
    "talk to a human",
    "did you forget me",
    "1",
    "4",
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..30, -9_000_i64..100, 0_u8..8).prop_map(|(id, lag, text)| Step::Receive { id, lag, text }),
        6 => prop_oneof![0_i64..4_000, 4_000_i64..400_000, Just(2_000_000)].prop_map(Step::Wait),
        6 => (0_u32..3, any::<bool>()).prop_map(|(ago, confident)| Step::Respond { ago, confident }),
        2 => (0_u32..3, 0_u8..3, any::<bool>()).prop_map(|(ago, attempt, retry)| Step::Fail { ago, attempt, retry }),
        3 => (0_u32..3, 0_u8..2, 0_u32..3).prop_map(|(ago, attempt, number)| Step::Call { ago, attempt, number }),
        1 => Just(Step::Assign),
        1 => Just(Step::Reply),
        1 => any::<bool>().prop_map(Step::HandBack),
        1 => Just(Step::Resolve),
        1 => Just(Step::Reopen),
        1 => Just(Step::Handoff),
        1 => Just(Step::Forget),
        2 => Just(Step::Tick),
    ]
}

impl World {
    fn step(&mut self, step: &Step) {
        let command = match *step {
            Step::Receive { id, lag, text } => {
                let text = TEXTS[usize::from(text) % TEXTS.len()];
                let inbound = inbound(&id.to_string(), self.now + lag, Content::text(text));
                Command::Receive { inbound: Box::new(inbound), profile: Some(PROFILE) }
            }
            Step::Wait(ms) => return self.wait(ms),
            Step::Respond { ago, confident } => {
                let turn = self.state.turn().saturating_sub(ago);
                let confidence = if confident { 0.9 } else { 0.3 };
                Command::RecordAnswer {
                    turn,
                    answer: Box::new(TurnAnswer { confidence, ..answer("So it is.") }),
                }
            }
            Step::Fail { ago, attempt, retry } => {
                let turn = self.state.turn().saturating_sub(ago);
                Command::FailTurn { turn, reason: "x".to_owned(), attempt, retry }
            }
            Step::Call { ago, attempt, number } => {
                let turn = self.state.turn().saturating_sub(ago);
                let call = call_id(self.id(), turn, attempt, number);
                Command::BeginCall { turn, call, model: "m".to_owned(), micros: 1 }
            }
            Step::Assign => {
                Command::Assign { assignee: Personal("bob".to_owned()), only_if_free: false }
            }
            Step::Reply => Command::ReplyAsHuman {
                by: Personal("bob".to_owned()),
                content: vec![Content::text("Hi")],
            },
            Step::HandBack(answer) => Command::HandBack { answer },
            Step::Resolve => Command::Resolve,
            Step::Reopen => Command::Reopen,
            Step::Handoff => Command::RequestHandoff {
                reason: impresario_assistant::HandoffReason::Assistant,
                detail: Personal(String::new()),
            },
            Step::Forget => Command::Forget,
            Step::Tick => Command::Tick,
        };
        let held = self.state.status().is_held();
        let before = self.effects.len();
        let human = matches!(
            command,
            Command::ReplyAsHuman { .. } | Command::Resolve | Command::HandBack { .. }
        );
        let _ = self.try_tell(command);
        if held && !human && self.state.status().is_held() {
            let spoke = self.effects[before..]
                .iter()
                .any(|e| matches!(e, Effect::Send { .. } | Effect::Think { .. }));
            assert!(!spoke, "C3: the assistant spoke while a human held the conversation");
        }
    }
}

/// Where each message is, as the events tell.
#[derive(Default)]
struct Story {
    received: BTreeSet<u64>,
    answered: BTreeMap<u64, u32>,
    held: BTreeSet<u64>,
    settled: BTreeSet<u64>,
    collected: BTreeSet<u64>,
    turns: BTreeSet<u32>,
    begun: BTreeMap<u32, Vec<u64>>,
    calls: BTreeSet<[u8; 16]>,
}

impl Story {
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Received { message, standing, .. } => {
                assert!(self.received.insert(message.seq), "C1: numbers are given once");
                let place = match standing {
                    Standing::Collected { .. } | Standing::Queued { .. } => &mut self.collected,
                    Standing::Held => &mut self.held,
                    Standing::Settled => &mut self.settled,
                };
                place.insert(message.seq);
            }
            Event::TurnBegun { turn, messages, .. } => {
                let before = self.begun.insert(*turn, messages.clone());
                assert!(before.is_none(), "C2: turns are numbered once");
            }
            Event::CallBegun { call, .. } => {
                assert!(self.calls.insert(*call.as_bytes()), "C4: a call is granted once");
            }
            Event::Answered { interaction, .. } => {
                assert!(self.turns.insert(interaction.turn), "C2: a turn has one reply");
                assert_eq!(self.begun.get(&interaction.turn), Some(&interaction.messages));
                for seq in &interaction.messages {
                    *self.answered.entry(*seq).or_default() += 1;
                    self.collected.remove(seq);
                }
            }
            // Whoever holds, resolves or forgets the conversation has its messages.
            Event::HandedOff { .. } | Event::Resolved { .. } | Event::Forgotten { .. } => {
                self.held.extend(std::mem::take(&mut self.collected));
            }
            Event::HandedBack { messages, .. } => {
                for seq in messages {
                    assert!(self.held.remove(seq), "C1: only what was held is given back");
                    self.collected.insert(*seq);
                }
            }
            _ => {}
        }
    }

    fn check(&self) {
        assert!(self.answered.values().all(|times| *times == 1), "C1: none is answered twice");
        for seq in &self.received {
            let places = [
                self.answered.contains_key(seq),
                self.held.contains(seq),
                self.settled.contains(seq),
                self.collected.contains(seq),
            ];
            let count = places.iter().filter(|place| **place).count();
            assert_eq!(count, 1, "C1: message {seq} is in {places:?}");
        }
    }
}

/// What every story must be like.
fn check(world: &World) {
    let mut story = Story::default();
    world.events.iter().for_each(|event| story.tell(event));
    story.check();
    // What is still collected is in the state, waiting.
    let (burst, thinking) = (world.state.burst(), world.state.thinking());
    let waiting: BTreeSet<u64> = burst
        .iter()
        .flat_map(|burst| burst.messages.clone())
        .chain(thinking.iter().flat_map(|thinking| thinking.messages.clone()))
        .collect();
    assert_eq!(waiting, story.collected, "C1: what waits is known to wait");
    assert!(
        waiting.iter().all(|seq| world.state.message(*seq).is_some()),
        "C8: what waits is kept"
    );
    let ids: Vec<String> = world.sent().into_iter().map(|outgoing| outgoing.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "C2: each is sent once");
    assert!(world.sent().iter().all(|outgoing| !outgoing.content.is_empty()));
    bounded(&world.state);
    if burst.is_some() && world.state.status() == Status::Bot {
        let due = if thinking.is_some() { "turn" } else { "burst" };
        assert!(world.timers.contains_key(due), "C6: somebody wakes up");
    }
    inbox(world);
}

fn bounded(state: &State) {
    assert!(state.messages.len() <= MESSAGES_KEPT + 2 * BURST_MAX);
    assert!(state.seen.len() <= SEEN_MAX && state.sent.len() <= SENT_KEPT);
    assert!(state.unanswered.len() <= UNANSWERED_KEPT && state.held.len() <= BURST_MAX);
    assert!(state.memory.key_facts.len() <= FACTS_KEPT);
}

/// Where a row is: index, personal value, term.
type Place = (u8, Option<Vec<u8>>, Vec<u8>);

/// The rows that were written are those of the state, and no others.
fn inbox(world: &World) {
    let mut rows: BTreeMap<Place, Vec<u8>> = BTreeMap::new();
    for row in world.rows.iter().filter(|row| row.index != index::COUNTS) {
        let key = (row.index.0, row.personal.clone(), row.term.clone());
        match &row.op {
            IndexOp::Put(value) => rows.insert(key, value.clone()),
            IndexOp::Delete => rows.remove(&key),
            IndexOp::Add(_) => panic!("only counts are added to"),
        };
    }
    let want = index::InboxRow::of(&world.state);
    let listed = rows.keys().filter(|(index, ..)| *index == index::INBOX.0).count();
    assert_eq!(listed, usize::from(want.is_some()), "the inbox lists a conversation once");
    for value in rows.values() {
        assert_eq!(Some(decode::<index::InboxRow>(value).expect("it decodes")), want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn c1_to_c8_hold_in_every_story(steps in proptest::collection::vec(step(), 1..80)) {
        let mut world = World::new(r#"{"rating":{"enabled":true}}"#);
        for step in &steps {
            world.step(step);
        }
        check(&world);
        // Replaying the events gives the same state, and so do its stored bytes.
        let mut replayed = State::default();
        world.events.iter().for_each(|event| Conversation::apply(&mut replayed, event));
        prop_assert_eq!(&replayed, &world.state);
        let stored: State = decode(&encode(&world.state)).expect("it decodes");
        prop_assert_eq!(&stored, &world.state);
        for event in &world.events {
            prop_assert_eq!(&decode::<Event>(&encode(event)).expect("it decodes"), event);
        }
        for effect in &world.effects {
            prop_assert_eq!(&decode::<Effect>(&encode(effect)).expect("it decodes"), effect);
        }
    }

    #[test]
    fn c2_every_burst_gets_exactly_one_reply(
        gaps in proptest::collection::vec(0_i64..2_000, 1..20),
        order in any::<prop::sample::Index>(),
        stale in 0_usize..20,
    ) {
        // Whatever is delivered twice, late, or answered too early: one burst, one reply.
        let mut world = World::plain();
        for (n, gap) in gaps.iter().enumerate() {
            world.receive(&n.to_string(), "x");
            world.receive(&order.index(n + 1).to_string(), "x");
            if n == stale {
                world.respond(answer("too early"));
            }
            world.wait(*gap);
        }
        world.wait(2_500);
        while world.state.thinking().is_some() || world.state.burst().is_some() {
            world.respond(answer("Now."));
            world.wait(2_500);
        }
        let turns = world.events.iter().filter(|e| matches!(e, Event::Answered { .. })).count();
        prop_assert_eq!(world.said().len(), turns);
        check(&world);
    }

    #[test]
    fn apply_is_total(steps in proptest::collection::vec(step(), 1..40), order in proptest::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let mut world = World::plain();
        for step in &steps {
            world.step(step);
        }
        prop_assume!(!world.events.is_empty());
        // Not only in the order in which they happened.
        let mut state = State::default();
        for at in order {
            Conversation::apply(&mut state, at.get(&world.events));
        }
    }

    #[test]
    fn c8_the_state_is_bounded_in_bytes(texts in proptest::collection::vec(0_usize..40_000, 1..40)) {
        let mut world = World::plain();
        for (n, length) in texts.iter().enumerate() {
            world.exchange(&n.to_string(), &"x".repeat(*length), answer("ok"));
        }
        prop_assert!(encode(&world.state).len() < TRANSCRIPT_BYTES_MAX + 2 * TEXT_BYTES_MAX + 64 * 1_024);
    }
}
