//! Stories of profiles. [`Story`] stands where host and outbox stand: it decides, applies, writes
//! the rows and delivers effects, in the order in which they were asked for.

mod consents;
mod golden;
mod hostile;
mod laws;
mod limits;
mod merging;
mod messages;
mod preferences;
mod segments;
mod size;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use impresario_ids::{EndpointId, SegmentId, TenantId, TraceId};
use impresario_kernel::{
    EntityKey, IndexId, IndexOp, Personal, TimerOp, Timestamp, decode, encode,
};
use serde_json::Value;

use super::*;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);
/// 2026-01-15T12:00:00Z, a whole hour and day of nothing special.
const NOON: i64 = 1_768_478_400_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

type RowKey = (IndexId, Option<Vec<u8>>, Vec<u8>);

#[derive(Default)]
struct Actor {
    state: State,
    history: Vec<Event>,
    seen: BTreeSet<String>,
    timer: Option<Timestamp>,
}

struct Story {
    policy: Policy,
    now: Timestamp,
    actors: BTreeMap<ProfileId, Actor>,
    rows: BTreeMap<RowKey, Vec<u8>>,
    counts: BTreeMap<RowKey, i64>,
    webhooks: Vec<(String, Value)>,
}

impl Story {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            now: Timestamp::from_ms(NOON),
            actors: BTreeMap::new(),
            rows: BTreeMap::new(),
            counts: BTreeMap::new(),
            webhooks: Vec::new(),
        }
    }

    /// Routes as the edge does, and lets everything happen that follows from it.
    fn receive(&mut self, message: Message) -> Result<Reply, Rejection> {
        let to = home(&message);
        self.send(to, Command::Ingest(Box::new(message)))
    }

    fn send(&mut self, to: ProfileId, command: Command) -> Result<Reply, Rejection> {
        let (reply, effects) = self.turn(to, command)?;
        let mut queue: VecDeque<Effect> = effects.into();
        while let Some(effect) = queue.pop_front() {
            if let Some((to, command)) = self.address(effect)
                && let Ok((_, effects)) = self.turn(to, command)
            {
                queue.extend(effects);
            }
        }
        Ok(reply)
    }

    fn address(&mut self, effect: Effect) -> Option<(ProfileId, Command)> {
        match effect {
            Effect::Merge { from, into } => Some((from, Command::MergeInto { into })),
            Effect::Absorb { into, from, facts, events } => {
                Some((into, Command::Absorb { from, facts, events }))
            }
            Effect::Forward { into, message } => Some((into, Command::Ingest(message))),
            Effect::Restore { into, from, events } => {
                Some((into, Command::Restore { from, events }))
            }
            Effect::Delete { profile } => Some((profile, Command::Delete)),
            Effect::Webhook { kind, data, .. } => {
                self.webhooks.push((kind, serde_json::from_str(&data.0).expect("data is JSON")));
                None
            }
        }
    }

    /// One command, through every stored form on the way.
    fn turn(&mut self, to: ProfileId, command: Command) -> Result<(Reply, Vec<Effect>), Rejection> {
        let command: Command = again(&command);
        let actor = self.actors.entry(to).or_default();
        if let Command::Ingest(message) = &command
            && !actor.seen.insert(message.message_id.clone())
        {
            return Ok((Reply::Unchanged, Vec::new()));
        }
        let key = EntityKey::new(TENANT, KIND, to);
        let history = match Profile::needs(&actor.state, &command) {
            Needs::Nothing => &[],
            Needs::History => actor.history.as_slice(),
        };
        let ctx = Ctx {
            now: self.now,
            seed: 1,
            key: &key,
            next_seq: actor.history.len() as u64 + 1,
            policy: &self.policy,
            trace: TraceId::NIL,
            history,
        };
        let decision = Profile::decide(&actor.state, command, &ctx)?;
        // The host writes effects with the event that they follow from.
        assert!(decision.effects.is_empty() || !decision.events.is_empty());
        for event in &decision.events {
            let event: Event = again(event);
            Profile::apply(&mut actor.state, &event);
            actor.history.push(event);
        }
        for timer in decision.timers {
            actor.timer = match timer {
                TimerOp::Set { name, due } => (&*name == TIMER).then_some(due),
                TimerOp::Cancel { .. } => None,
            };
        }
        assert_eq!(again(&actor.state), actor.state);
        for row in decision.index {
            let key = (row.index, row.personal, row.term);
            match row.op {
                IndexOp::Put(value) => _ = self.rows.insert(key, value),
                IndexOp::Delete => _ = self.rows.remove(&key),
                IndexOp::Add(amount) => *self.counts.entry(key).or_default() += amount,
            }
        }
        Ok((decision.reply, decision.effects.iter().map(again).collect()))
    }

    fn ask(&self, of: ProfileId, query: Query) -> Answer {
        let key = EntityKey::new(TENANT, KIND, of);
        let ctx = Ctx {
            now: self.now,
            seed: 1,
            key: &key,
            next_seq: 1,
            policy: &self.policy,
            trace: TraceId::NIL,
            history: &[],
        };
        let nobody = State::default();
        let state = self.actors.get(&of).map_or(&nobody, |actor| &actor.state);
        again(&Profile::answer(state, again(&query), &ctx))
    }

    #[track_caller]
    fn view(&self, of: ProfileId) -> View {
        let answer = self.ask(of, Query::Get);
        let Answer::Profile(view) = answer else { panic!("no profile but {answer:?}") };
        *view
    }

    /// Lets the time come; timers fire when they are due.
    fn wait_until(&mut self, now: i64) {
        self.now = Timestamp::from_ms(now);
        let due = |actor: &Actor| actor.timer.is_some_and(|due| due <= Timestamp::from_ms(now));
        let due: Vec<_> =
            self.actors.iter().filter(|(_, actor)| due(actor)).map(|(id, _)| *id).collect();
        for id in due {
            self.actors.entry(id).or_default().timer = None;
            self.send(id, Profile::on_timer(TIMER).expect("the timer means a command"))
                .expect("ticks");
        }
    }

    fn terms(&self, index: IndexId) -> Vec<Vec<u8>> {
        self.rows
            .keys()
            .filter(|(of, _, _)| *of == index)
            .map(|(_, _, term)| term.clone())
            .collect()
    }

    fn found(&self, index: IndexId, personal: &[u8]) -> Vec<ProfileId> {
        let hits = self
            .rows
            .keys()
            .filter(|(of, key, _)| *of == index && key.as_deref() == Some(personal));
        hits.filter_map(|(_, _, term)| index::decode_profile(term)).collect()
    }
}

/// A stored value, written and read.
fn again<T>(value: &T) -> T
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Send + Sync + 'static,
{
    decode(&encode(value)).expect("what was written can be read")
}

fn home(message: &Message) -> ProfileId {
    match (&message.user_id, &message.anonymous_id) {
        (Some(id), _) => id_of_user(TENANT, &id.0),
        (None, Some(id)) => id_of_anonymous(TENANT, &id.0),
        (None, None) => panic!("a message has an id"),
    }
}

fn user(id: &str) -> ProfileId {
    id_of_user(TENANT, id)
}

fn anonymous(id: &str) -> ProfileId {
    id_of_anonymous(TENANT, id)
}

fn message(call: Call, number: u64, at: i64) -> Message {
    let at = Timestamp::from_ms(at);
    Message::new(call, format!("m{number}"), at, Timestamp::from_ms(NOON))
}

fn by_user(message: Message, id: &str) -> Message {
    Message { user_id: Some(Personal(id.to_owned())), ..message }
}

fn by_anonymous(message: Message, id: &str) -> Message {
    Message { anonymous_id: Some(Personal(id.to_owned())), ..message }
}

fn track(number: u64, name: &str, at: i64, properties: &str) -> Message {
    Message {
        name: Some(name.to_owned()),
        properties: Some(Personal(properties.to_owned())),
        ..message(Call::Track, number, at)
    }
}

fn page(number: u64, path: &str, at: i64) -> Message {
    let properties = serde_json::json!({ "path": path }).to_string();
    Message { properties: Some(Personal(properties)), ..message(Call::Page, number, at) }
}

fn identify(number: u64, at: i64, traits: &str) -> Message {
    Message { traits: Some(Personal(traits.to_owned())), ..message(Call::Identify, number, at) }
}

fn alias(number: u64, at: i64, previous: &str, id: &str) -> Message {
    let message = message(Call::Alias, number, at);
    by_user(Message { previous_id: Some(Personal(previous.to_owned())), ..message }, id)
}

fn segment_id(number: u8) -> SegmentId {
    SegmentId::from_bytes([number; 16])
}

fn segment(number: u8, version: u32, rule: &str) -> PolicySegment {
    let rule = impresario_rules::parse(rule).expect("the test's rule is valid");
    PolicySegment { id: segment_id(number), version, name: format!("segment {number}"), rule }
}

fn computed(definition: &str) -> impresario_rules::ComputedSpec {
    impresario_rules::parse_computed(definition).expect("the test's definition is valid")
}

fn everything() -> Vec<PolicyEndpoint> {
    vec![PolicyEndpoint { id: EndpointId::from_bytes([9; 16]), kinds: Vec::new() }]
}

fn json(view: &View) -> Value {
    serde_json::to_value(view).expect("a view serializes")
}
