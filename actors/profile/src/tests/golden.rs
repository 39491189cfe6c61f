//! The bytes of every stored form, as released: they decode for ever and encode the same again.
//! Append lines to `golden/v1.txt`; never change one.

use std::fmt::Write;

use impresario_ids::MessageId;
use impresario_rules::{Computed, ComputedId, Tracker, TrackerId};

use super::*;

const GOLDEN: &str = include_str!("../../golden/v1.txt");

fn profile(number: u8) -> ProfileId {
    ProfileId::from_bytes([number; 16])
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn sample_message() -> Message {
    Message {
        name: Some("Order Completed".to_owned()),
        properties: Some(Personal(r#"{"revenue":11.77}"#.to_owned())),
        traits: Some(Personal(r#"{"plan":"pro"}"#.to_owned())),
        context: Some(Personal("{}".to_owned())),
        group_id: Some("acme".to_owned()),
        previous_id: Some(Personal("old".to_owned())),
        via: vec![profile(1)],
        ..by_user(by_anonymous(message(Call::Track, 1, NOON), "dev"), "ada")
    }
}

fn sample_received() -> Received {
    let text = |text: &str| Some(Personal(Box::from(text)));
    Received {
        message_id: "m1".into(),
        call: Call::Track,
        name: Some("Order Completed".into()),
        properties: text(r#"{"revenue":11.77}"#),
        traits: text(r#"{"plan":"pro"}"#),
        context: text("{}"),
        group_id: Some("acme".into()),
        user_id: text("ada"),
        anonymous_id: text("dev"),
        previous_id: text("old"),
        at: at(NOON),
        received_at: at(NOON + 1),
        via: Some(profile(1)),
        revenue_micros: Some(11_770_000),
        page: text("/"),
        external_ids: vec![Personal("t:1".into())],
        preferences: None,
        session_idle: None,
    }
}

fn sample_change() -> ConsentChange {
    ConsentChange {
        purpose: "marketing".to_owned(),
        channel: "email".to_owned(),
        granted: true,
        source: "form".to_owned(),
        text_version: "v1".to_owned(),
        proof: Some(Personal("{}".to_owned())),
        at: at(NOON),
    }
}

fn events() -> Vec<Event> {
    let trackers = vec![TrackerEntry { id: TrackerId(1), value: Tracker::default() }];
    let computed = vec![ComputedEntry { id: ComputedId(2), value: Computed::default() }];
    let segments = vec![SegmentVersion { segment: segment_id(3), version: 4 }];
    let (segment, from, into) = (segment_id(3), profile(1), profile(2));
    let mut first = vec![
        Event::Received(Box::new(sample_received())),
        Event::Received(Box::new(Received { call: Call::Identify, ..sample_received() })),
        Event::Linked { from },
        Event::ConsentChanged { change: sample_change(), recorded_at: at(NOON + 2) },
        Event::Rebuilt {
            trackers: trackers.clone(),
            computed: computed.clone(),
            segments,
            complete: vec![ComputedId(2)],
        },
        Event::Tracked { trackers, computed },
        Event::SegmentEntered { segment, version: 4, at: at(NOON) },
        Event::SegmentLeft { segment, version: 4, at: at(NOON + 9), entered_at: at(NOON) },
        Event::SegmentEntered { segment, version: 4, at: at(NOON + 10) },
        Event::RecheckSet { at: Some(at(NOON + 20)) },
    ];
    let mut state = State::default();
    first.iter().for_each(|event| Profile::apply(&mut state, event));
    let facts = Box::new(state.facts().clone());
    first.extend([
        Event::Absorbed {
            from,
            at: at(NOON),
            facts: facts.clone(),
            events: vec![sample_received()],
            session_idle: None,
        },
        Event::Unmerged { from, at: at(NOON), facts },
        Event::MergedInto { into, at: at(NOON) },
        Event::Forwarded { message_id: "m2".into(), into },
        Event::Restored { from: into, at: at(NOON), events: vec![sample_received()] },
        Event::Deleted { at: at(NOON) },
    ]);
    first
}

/// With the fields that were added later; those that are not set leave no trace in the bytes.
fn later_events() -> Vec<Event> {
    let preferences = vec![
        Preference { purpose: "Advertising".into(), granted: false },
        Preference { purpose: "Functional".into(), granted: true },
    ];
    let received =
        Received { preferences: Some(preferences), session_idle: Some(45), ..sample_received() };
    let facts = Box::new(state().facts().clone());
    let (from, events) = (profile(1), vec![received.clone()]);
    vec![
        Event::Received(Box::new(received)),
        Event::Received(Box::new(Received { session_idle: Some(45), ..sample_received() })),
        Event::Absorbed { from, at: at(NOON), facts, events, session_idle: Some(45) },
    ]
}

fn later_commands() -> Vec<Command> {
    let message = Message { person_is_known: true, ..sample_message() };
    vec![Command::Ingest(Box::new(message))]
}

fn later_state() -> State {
    let mut state = State::default();
    later_events().iter().for_each(|event| Profile::apply(&mut state, event));
    state
}

fn state() -> State {
    let mut state = State::default();
    events().iter().take(11).for_each(|event| Profile::apply(&mut state, event));
    state
}

fn commands() -> Vec<Command> {
    let facts = Box::new(state().facts().clone());
    let events = vec![sample_received()];
    vec![
        Command::Ingest(Box::new(sample_message())),
        Command::MergeInto { into: profile(2) },
        Command::Absorb { from: profile(1), facts, events: events.clone() },
        Command::Unmerge { from: profile(1) },
        Command::Restore { from: profile(2), events },
        Command::SetConsent(sample_change()),
        Command::Reevaluate { segment: segment_id(3), version: 4 },
        Command::Tick,
        Command::Preview { rule: "{}".to_owned() },
        Command::Delete,
    ]
}

fn effects() -> Vec<Effect> {
    let (from, into) = (profile(1), profile(2));
    let facts = Box::new(state().facts().clone());
    let events = vec![sample_received()];
    vec![
        Effect::Merge { from, into },
        Effect::Absorb { into, from, facts, events: events.clone() },
        Effect::Forward { into, message: Box::new(sample_message()) },
        Effect::Restore { into, from, events },
        Effect::Webhook {
            endpoint: EndpointId::from_bytes([5; 16]),
            message: MessageId::from_bytes([6; 16]),
            kind: "segment.entered".to_owned(),
            at: at(NOON),
            data: Personal("{}".to_owned()),
        },
        Effect::Delete { profile: from },
    ]
}

fn replies() -> Vec<Reply> {
    let into = profile(2);
    vec![
        Reply::Ingested { profile: into },
        Reply::Forwarded { into },
        Reply::Merged { into },
        Reply::Done,
        Reply::Unchanged,
        Reply::Evaluated { member: true, version: Some(4) },
        Reply::Matched { member: false },
    ]
}

fn rejections() -> Vec<Rejection> {
    let (field, max) = (|| "userId".into(), 7);
    vec![
        Rejection::MessageIdInvalid,
        Rejection::IdInvalid { field: field() },
        Rejection::EventNameInvalid,
        Rejection::FieldMissing { field: field() },
        Rejection::NotAnObject { field: field() },
        Rejection::TooLarge { field: field(), bytes: 40_000, max },
        Rejection::TooDeep { field: field(), max },
        Rejection::TraitsTooMany { max },
        Rejection::TraitsTooLarge { max },
        Rejection::TraitNameInvalid,
        Rejection::GroupsTooMany { max },
        Rejection::ConsentInvalid { field: field() },
        Rejection::ConsentsTooMany { max },
        Rejection::ProfilesFull { limit: 8 },
        Rejection::ProfileMerged { into: profile(2) },
        Rejection::MergeCircle,
        Rejection::NotMerged,
        Rejection::SegmentVersionUnknown { version: 4 },
        Rejection::RuleInvalid { problems: "[]".to_owned() },
    ]
}

fn lines<T>(out: &mut String, name: &str, values: &[T])
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Send + Sync + 'static,
{
    for (number, value) in values.iter().enumerate() {
        let _ = write!(out, "{name}.{number} ");
        encode(value).iter().for_each(|byte| _ = write!(out, "{byte:02x}"));
        out.push('\n');
    }
}

/// Decodes a golden line and encodes it again.
fn rewritten(name: &str, bytes: &[u8]) -> Vec<u8> {
    fn through<T>(bytes: &[u8]) -> Vec<u8>
    where
        T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Send + Sync + 'static,
    {
        encode(&decode::<T>(bytes).expect("released bytes decode for ever"))
    }
    match name.split_once('.').map(|(kind, _)| kind) {
        Some("event") => through::<Event>(bytes),
        Some("state") => through::<State>(bytes),
        Some("command") => through::<Command>(bytes),
        Some("effect") => through::<Effect>(bytes),
        Some("reply") => through::<Reply>(bytes),
        Some("rejection") => through::<Rejection>(bytes),
        other => panic!("no such kind: {other:?}"),
    }
}

#[test]
fn stored_forms_are_as_released() {
    let mut now = String::new();
    lines(&mut now, "event", &events());
    lines(&mut now, "state", &[state()]);
    lines(&mut now, "command", &commands());
    lines(&mut now, "effect", &effects());
    lines(&mut now, "reply", &replies());
    lines(&mut now, "event.later", &later_events());
    lines(&mut now, "command.later", &later_commands());
    lines(&mut now, "state.later", &[later_state()]);
    lines(&mut now, "rejection", &rejections());
    assert_eq!(now, GOLDEN);
}

#[test]
fn released_bytes_decode_for_ever() {
    for line in GOLDEN.lines() {
        let (name, hex) = line.split_once(' ').expect("a name and hex digits");
        let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).expect("hex");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        assert_eq!(rewritten(name, &bytes), bytes, "{name}");
    }
}
