use std::fmt::Debug;

use impresario_ids::{DocumentId, EndpointId, TenantId, TraceId};
use impresario_kernel::{
    Coded as _, Ctx, Decision, Entity, EntityKey, IndexOp, TimerOp, Timestamp, decode, encode,
};

use super::*;

mod golden;
mod laws;
mod stories;

const MODEL: &str = "minilm";

fn id() -> DocumentId {
    DocumentId::from_bytes([2; 16])
}

fn address() -> EntityKey {
    key(TenantId::from_bytes([1; 16]), id())
}

fn policy() -> Policy {
    let fields = vec![
        MetadataField { name: "author".to_owned(), kind: FieldKind::Text, required: true },
        MetadataField { name: "since".to_owned(), kind: FieldKind::Date, required: false },
    ];
    Policy {
        collections: vec![CollectionSettings { name: "papers".to_owned(), model: None, fields }],
        model: Some(MODEL.to_owned()),
        endpoints: vec![PolicyEndpoint { id: EndpointId::from_bytes([9; 16]), kinds: Vec::new() }],
    }
}

/// What every stored type is.
trait Storable:
    minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + Debug + Send + Sync + 'static
{
}
impl<T> Storable for T where
    T: minicbor::Encode<()>
        + for<'b> minicbor::Decode<'b, ()>
        + PartialEq
        + Debug
        + Send
        + Sync
        + 'static
{
}

fn hash_of(text: &str) -> ChunkHash {
    ChunkHash(*blake3::hash(text.as_bytes()).as_bytes())
}

/// A document of one section, each word of which is a chunk.
fn content(text: &str) -> Content {
    let mut chunks = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(' ') {
        let (start, end) = (at, at + word.trim_end().len());
        chunks.push(Chunk {
            section: 0,
            start: u32::try_from(start).expect("short"),
            end: u32::try_from(end).expect("short"),
            tokens: 1,
            row: None,
            hash: hash_of(word.trim_end()),
        });
        at += word.len();
    }
    Content {
        collection: "product-docs".to_owned(),
        title: "Returns".to_owned(),
        sections: vec![Section { text: text.to_owned(), ..Section::default() }],
        chunks,
        ..Content::default()
    }
}

fn put(content: Content) -> Command {
    Command::Put { content: Box::new(content), expected_version: None }
}

fn put_text(text: &str) -> Command {
    put(content(text))
}

fn patch(patch: Patch) -> Command {
    Command::PatchMetadata { patch: Box::new(patch), expected_version: None }
}

fn vectors(model: &str, words: &[&str]) -> Command {
    let item = |word: &&str| VectorItem { hash: hash_of(word), bytes: vec![1, 2].into() };
    Command::RecordVectors {
        model: model.to_owned(),
        dim: 2,
        encoding: Encoding::I8,
        items: words.iter().map(item).collect(),
    }
}

fn reembed(model: &str) -> Command {
    Command::Reembed { model: model.to_owned() }
}

fn failure(stage: Stage) -> Command {
    Command::RecordFailure {
        collection: "product-docs".to_owned(),
        kind: Kind::File,
        stage,
        code: "file_damaged".to_owned(),
        message: "no pages".to_owned(),
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn decide_at(state: &State, command: Command, now: i64) -> Result<Decision<Document>, Rejection> {
    let key = address();
    let policy = policy();
    let ctx = Ctx {
        now: at(now),
        seed: 7,
        key: &key,
        next_seq: state.revision + 1,
        policy: &policy,
        trace: TraceId::NIL,
        history: &[],
    };
    let decision = Document::decide(state, command, &ctx)?;
    // The host writes effects with the event that they follow from.
    assert!(decision.effects.is_empty() || !decision.events.is_empty());
    Ok(decision)
}

fn ask(state: &State, query: Query) -> Answer {
    let key = address();
    let ctx = Ctx {
        now: Timestamp::EPOCH,
        seed: 7,
        key: &key,
        next_seq: 1,
        policy: &Policy::default(),
        trace: TraceId::NIL,
        history: &[],
    };
    Document::answer(state, query, &ctx)
}

fn applied(state: &State, decision: &Decision<Document>) -> State {
    let mut next = state.clone();
    decision.events.iter().for_each(|event| Document::apply(&mut next, event));
    next
}

/// Decides and applies one command after the other, a millisecond apart.
fn after(commands: impl IntoIterator<Item = Command>) -> State {
    let mut state = State::default();
    for (now, command) in (1..).zip(commands) {
        let decision = decide_at(&state, command, now).expect("accepted");
        state = applied(&state, &decision);
    }
    state
}

/// What a command leads to at the time 100, in short words.
#[track_caller]
fn check(given: &[Command], when: Command, want: &str) {
    let state = after(given.iter().cloned());
    let got = match decide_at(&state, when, 100) {
        Err(rejection) => rejection.code().to_owned(),
        Ok(decision) => words(&state, &decision),
    };
    assert_eq!(got, want, "after {given:?}");
}

fn words(before: &State, decision: &Decision<Document>) -> String {
    let state = applied(before, decision);
    let unchanged = if decision.reply.changed { "" } else { "unchanged " };
    let mut words = vec![format!("{unchanged}v{} {:?}", state.version, state.status)];
    let models = [("serves", &state.serving), ("builds", &state.building)];
    for (what, set) in models.into_iter().filter_map(|(what, set)| Some((what, set.as_ref()?))) {
        words.push(format!("{what} {} {}", set.model, set.len()));
    }
    words.extend(decision.effects.iter().map(|effect| match effect {
        Effect::Embed { version, model } => {
            format!("embed v{version} {}", model.as_deref().unwrap_or("?"))
        }
        Effect::Webhook { kind, .. } => kind.clone(),
    }));
    words.extend(decision.timers.iter().map(|timer| match timer {
        TimerOp::Set { name, due } => format!("{name} at {due}"),
        TimerOp::Cancel { name } => format!("no {name}"),
    }));
    words.join(", ")
}
