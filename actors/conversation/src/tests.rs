//! What the conversation promises. [`World`] stands where the host stands: it decides, applies, keeps
//! the timers and collects the effects.

#![expect(clippy::wildcard_enum_match_arm, reason = "tests look at one kind of event at a time")]

mod bursts;
mod golden;
mod humans;
mod laws;
mod replies;
mod returning;
mod sending;

use std::collections::BTreeMap;
use std::sync::Arc;

use impresario_assistant::AssistantConfig;
use impresario_ids::{CallId, ProfileId, TenantId, TraceId};
use impresario_kernel::{
    Ctx, Decision, Entity as _, EntityKey, IndexRow, Personal, TimerOp, Timestamp,
};
use impresario_messages::{Address, Channel, Choice, Content, Inbound, Outgoing, Person};

use super::*;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);
const PROFILE: ProfileId = ProfileId::from_bytes([5; 16]);
/// 2026-01-14T09:00:00Z, a Wednesday.
const START: i64 = 1_768_381_200_000;

fn address() -> Address {
    Address {
        channel: Channel::WhatsApp,
        connection: "main".to_owned(),
        user: "4915112345678".to_owned(),
        thread: "1055".to_owned(),
    }
}

fn inbound(id: &str, at_ms: i64, content: Content) -> Inbound {
    Inbound {
        id: id.to_owned(),
        address: address(),
        person: Person { name: Some("Ada".to_owned()), ..Person::default() },
        at_ms,
        content,
        reply_to: None,
        extra: Vec::new(),
    }
}

/// A sound answer to one question.
fn answer(text: &str) -> TurnAnswer {
    TurnAnswer {
        parts: vec![ReplyPart {
            request: Personal("?".to_owned()),
            content: vec![Content::text(text)],
            ..ReplyPart::default()
        }],
        confidence: 0.9,
        path: AnswerPath::Generated,
        language: Some("en".to_owned()),
        ..TurnAnswer::default()
    }
}

struct World {
    state: State,
    key: EntityKey,
    policy: Policy,
    now: i64,
    seq: u64,
    events: Vec<Event>,
    /// Not yet looked at.
    effects: Vec<Effect>,
    rows: Vec<IndexRow>,
    timers: BTreeMap<String, i64>,
}

impl World {
    fn new(config: &str) -> Self {
        let config = AssistantConfig::parse(config).expect("the configuration is sound");
        Self {
            state: State::default(),
            key: key(TENANT, &address()),
            policy: Policy { config: Arc::new(config) },
            now: START,
            seq: 0,
            events: Vec::new(),
            effects: Vec::new(),
            rows: Vec::new(),
            timers: BTreeMap::new(),
        }
    }

    /// One that says nothing about itself, so that replies are what the answers say.
    fn plain() -> Self {
        Self::new(PLAIN)
    }

    fn id(&self) -> impresario_ids::ConversationId {
        self.key.typed_id()
    }

    fn decide(&self, command: Command) -> Result<Decision<Conversation>, Rejection> {
        let ctx = Ctx {
            now: Timestamp::from_ms(self.now),
            seed: 1,
            key: &self.key,
            next_seq: self.seq + 1,
            policy: &self.policy,
            trace: TraceId::NIL,
            history: &[],
        };
        let decision = Conversation::decide(&self.state, command, &ctx)?;
        // The host writes effects with the event that they follow from.
        assert!(decision.effects.is_empty() || !decision.events.is_empty());
        Ok(decision)
    }

    fn try_tell(&mut self, command: Command) -> Result<Reply, Rejection> {
        let decision = self.decide(command)?;
        for event in decision.events {
            Conversation::apply(&mut self.state, &event);
            self.seq += 1;
            self.events.push(event);
        }
        self.effects.extend(decision.effects);
        self.rows.extend(decision.index);
        for timer in decision.timers {
            match timer {
                TimerOp::Set { name, due } => self.timers.insert(name.into(), due.as_ms()),
                TimerOp::Cancel { name } => self.timers.remove(&*name),
            };
        }
        Ok(decision.reply)
    }

    #[track_caller]
    fn tell(&mut self, command: Command) -> Reply {
        self.try_tell(command).expect("it is allowed")
    }

    fn receive(&mut self, id: &str, text: &str) -> Reply {
        self.receive_content(id, Content::text(text))
    }

    fn receive_content(&mut self, id: &str, content: Content) -> Reply {
        let inbound = Box::new(inbound(id, self.now, content));
        self.tell(Command::Receive { inbound, profile: Some(PROFILE) })
    }

    fn choose(&mut self, id: &str, choice: &str) -> Reply {
        let choice = Choice { id: choice.to_owned(), title: "x".to_owned() };
        self.receive_content(id, Content::Choice(choice))
    }

    /// Time passes; timers fire when they are due, as the host fires them.
    fn wait(&mut self, ms: i64) {
        let until = self.now + ms;
        while let Some((name, due)) = self.next_timer().filter(|(_, due)| *due <= until) {
            self.now = self.now.max(due);
            self.timers.remove(&name);
            let command = Conversation::on_timer(&name).expect("the timer means a command");
            self.tell(command);
        }
        self.now = until;
    }

    fn next_timer(&self) -> Option<(String, i64)> {
        self.timers.iter().min_by_key(|(_, due)| **due).map(|(name, due)| (name.clone(), *due))
    }

    /// The work that was asked for last.
    #[track_caller]
    fn work(&self) -> TurnWork {
        let works = self.effects.iter().rev().filter_map(|effect| match effect {
            Effect::Think { work, .. } => Some((**work).clone()),
            _ => None,
        });
        works.into_iter().next().expect("something is to be answered")
    }

    fn respond(&mut self, answer: TurnAnswer) -> Reply {
        let turn = self.state.turn();
        self.tell(Command::RecordAnswer { turn, answer: Box::new(answer) })
    }

    /// A whole turn.
    fn exchange(&mut self, id: &str, text: &str, reply: TurnAnswer) {
        self.receive(id, text);
        self.wait(3_000);
        self.respond(reply);
    }

    fn sent(&self) -> Vec<Outgoing> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send { outgoing, .. } => Some((**outgoing).clone()),
                _ => None,
            })
            .collect()
    }

    /// What was sent, in words.
    fn said(&self) -> Vec<String> {
        let words = |outgoing: Outgoing| {
            let words: Vec<&str> = outgoing.content.iter().filter_map(Content::words).collect();
            words.join(" | ")
        };
        self.sent().into_iter().map(words).collect()
    }

    fn told(&self) -> Vec<String> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Notify { kind, .. } => Some(kind.clone()),
                Effect::Track { name, .. } => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    fn ask(&self, query: Query) -> Answer {
        let ctx = Ctx {
            now: Timestamp::from_ms(self.now),
            seed: 1,
            key: &self.key,
            next_seq: self.seq + 1,
            policy: &self.policy,
            trace: TraceId::NIL,
            history: &[],
        };
        Conversation::answer(&self.state, query, &ctx)
    }

    fn begin_call(&mut self, turn: u32, call: CallId) -> Outcome {
        let model = "m".to_owned();
        self.tell(Command::BeginCall { turn, call, model, micros: 5 }).outcome
    }
}

const PLAIN: &str = r#"{"disclosure":{"enabled":false,"reason":"tests"}}"#;
