use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

const WORDS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let texts = subsequence(WORDS.to_vec(), 1..=5).prop_map(|words| words.join(" "));
    let time = prop::option::of(0_i64..60);
    let collection = select(vec!["product-docs", "catalogue", "papers", "No"]);
    let external = prop::option::of(select(vec!["x", "y"]));
    let puts = (
        texts,
        collection,
        external,
        time.clone(),
        time.clone(),
        prop::option::weighted(0.1, 0_u32..4),
    );
    let puts = puts.prop_map(|(text, collection, external, review, end, expected_version)| {
        let content = Content {
            collection: collection.to_owned(),
            external_id: external.map(str::to_owned),
            review_at: review.map(at),
            expires_at: end.map(at),
            ..content(&text)
        };
        Command::Put { content: Box::new(content), expected_version }
    });
    let patches =
        (prop::option::of("[a-b]{0,2}"), 0_u8..3, 0_i64..60).prop_map(|(title, end, ms)| {
            let expires_at = match end {
                0 => Field::Keep,
                1 => Field::Clear,
                _ => Field::Set(at(ms)),
            };
            patch(Patch { title, expires_at, ..Patch::default() })
        });
    let models = select(vec!["minilm", "large", "huge", ""]);
    let records = (models.clone(), subsequence(WORDS.to_vec(), 0..=5))
        .prop_map(|(model, words)| vectors(model, &words));
    let command = prop_oneof![
        6 => puts,
        3 => patches,
        6 => records,
        2 => models.prop_map(reembed),
        2 => Just(Command::Delete),
        3 => Just(Command::Restore),
        1 => Just(Command::Erase),
        2 => Just(Command::Expire),
        2 => Just(Command::RemindReview),
        1 => time.prop_map(|next| Command::MarkReviewed { next_review_at: next.map(at) }),
        1 => select(vec![Stage::Ingest, Stage::Embed]).prop_map(failure),
    ];
    prop::collection::vec(command, 0..40)
}

fn check_stored<T: Storable>(value: &T) {
    assert_eq!(&decode::<T>(&encode(value)).expect("decodes"), value);
}

/// Index, personal part, term.
type RowKey = (u8, Option<Vec<u8>>, Vec<u8>);

/// The rows as a store would keep them.
#[derive(Default)]
struct Rows {
    values: BTreeMap<RowKey, Vec<u8>>,
    counts: BTreeMap<(u8, Vec<u8>), i64>,
}

impl Rows {
    fn write(&mut self, decision: &Decision<Document>) {
        for row in &decision.index {
            let key = (row.index.0, row.personal.clone(), row.term.clone());
            match &row.op {
                IndexOp::Put(value) => drop(self.values.insert(key, value.clone())),
                IndexOp::Delete => assert!(self.values.remove(&key).is_some(), "{row:?}"),
                IndexOp::Add(amount) => {
                    *self.counts.entry((row.index.0, row.term.clone())).or_default() += amount;
                }
            }
        }
    }

    /// D5 and D6.
    fn check(&self, state: &State) {
        let listed = state.status.is_listed();
        let external =
            state.content().is_some_and(|content| content.external_id.is_some()) && listed;
        let want: BTreeSet<u8> = [
            (listed, LIVE),
            (listed, BY_COLLECTION),
            (state.status == Status::Deleted, DELETED),
            (external, EXTERNAL),
        ]
        .into_iter()
        .filter_map(|(there, index)| there.then_some(index.0))
        .collect();
        assert_eq!(self.values.keys().map(|key| key.0).collect::<BTreeSet<_>>(), want);
        assert_eq!(self.values.len(), want.len());
        for value in self.values.values().filter(|value| !value.is_empty()) {
            assert_eq!(decode::<ListRow>(value).expect("decodes"), ListRow::of(state));
        }
        let found = if state.status == Status::Active { state.passages().count() } else { 0 };
        for ((index, collection), count) in &self.counts {
            let here = listed && collection == state.collection.as_bytes();
            let want =
                if *index == DOCUMENT_COUNTS.0 { 1 } else { i64::try_from(found).expect("few") };
            assert_eq!(*count, if here { want } else { 0 }, "{index}");
        }
    }
}

fn check_invariants(before: &State, state: &State, decision: &Decision<Document>) {
    // D1
    let spoken = |state: &State| state.versions.last().map(|last| last.hash);
    if state.version == before.version {
        assert!(spoken(before) == spoken(state) || state.status == Status::Erased);
    } else {
        assert_eq!(state.version, before.version + 1);
        let note = state.versions.last().expect("a version is noted");
        assert_eq!(note.version, state.version);
        assert_eq!(Some(note.hash), state.content().map(Content::meaning));
    }
    // D2
    let chunks = state.content().map_or(0, |content| content.chunks.len());
    assert_eq!(state.passages().count(), chunks);
    // D3 and D4
    let hashes = state.hashes();
    for set in state.serving.iter().chain(&state.building) {
        assert!(set.iter().all(|(hash, _)| hashes.contains(hash)));
    }
    if let Some(building) = &state.building {
        assert!(building.is_empty() || !state.missing(&building.model).is_empty());
        assert!(state.serving.as_ref().is_none_or(|serving| serving.model != building.model));
    }
    assert_eq!(
        state.revision,
        before.revision + decision.events.len() as u64 * u64::from(decision.reply.changed)
    );
    assert_eq!(decision.reply.changed, before != state);
    assert_eq!((decision.reply.version, decision.reply.status), (state.version, state.status));
}

proptest! {
    #[test]
    fn any_story_keeps_the_invariants(commands in commands()) {
        let mut state = State::default();
        let mut rows = Rows::default();
        for (now, command) in (1..).zip(commands) {
            check_stored(&command);
            let late = matches!(command, Command::RecordVectors { .. } | Command::Expire | Command::RemindReview);
            let repeated = command.clone();
            match decide_at(&state, command, now) {
                Ok(decision) => {
                    decision.events.iter().for_each(check_stored);
                    decision.effects.iter().for_each(check_stored);
                    let next = applied(&state, &decision);
                    check_invariants(&state, &next, &decision);
                    rows.write(&decision);
                    state = next;
                    // The same again changes nothing; vectors that are lacking are asked for again.
                    let unguarded = !matches!(
                        repeated,
                        Command::Put { expected_version: Some(_), .. }
                    );
                    if unguarded {
                        let again = decide_at(&state, repeated, now).expect("it was accepted before");
                        let asks = |event: &Event| matches!(event, Event::ReembedAsked { .. });
                        prop_assert!(again.events.iter().all(asks), "{:?}", again.events);
                    }
                }
                Err(rejection) => {
                    // D7
                    prop_assert!(!late || rejection.code() == "vectors_invalid", "{rejection}");
                    prop_assert!(rejection.detail().is_none_or(|text| serde_json::from_str::<serde_json::Value>(&text).is_ok()));
                }
            }
            rows.check(&state);
            check_stored(&state);
            check_stored(&ask(&state, Query::Get));
            check_stored(&ask(&state, Query::Section { section: 0 }));
        }
    }

    /// Any events, in any order, apply.
    #[test]
    fn apply_is_total(commands in commands(), order in any::<u64>()) {
        let mut events = Vec::new();
        let mut state = State::default();
        for (now, command) in (1..).zip(commands) {
            if let Ok(decision) = decide_at(&state, command, now) {
                state = applied(&state, &decision);
                events.extend(decision.events);
            }
        }
        let mut other = State::default();
        let length = events.len().max(1);
        for step in 0..events.len() {
            let at = (step * 7 + usize::try_from(order % 1_000).expect("small")) % length;
            Document::apply(&mut other, &events[at]);
        }
        check_stored(&other);
    }

    #[test]
    fn deleting_and_restoring_is_as_if_nothing_happened(commands in commands()) {
        let mut state = State::default();
        for (now, command) in (1..).zip(commands) {
            if let Ok(decision) = decide_at(&state, command, now) {
                state = applied(&state, &decision);
            }
        }
        prop_assume!(state.status == Status::Active);
        let deleted = applied(&state, &decide_at(&state, Command::Delete, 50).expect("it is there"));
        prop_assert!(deleted.answerable(at(50)).is_none());
        let back = applied(&deleted, &decide_at(&deleted, Command::Restore, 50).expect("it is kept"));
        prop_assert_eq!(&back.content, &state.content);
        prop_assert_eq!((&back.serving, &back.building, back.version), (&state.serving, &state.building, state.version));
    }

    #[test]
    fn no_bytes_panic_the_decoders(bytes: Vec<u8>) {
        let _ = decode::<Command>(&bytes);
        let _ = decode::<Event>(&bytes);
        let _ = decode::<State>(&bytes);
        let _ = decode::<Effect>(&bytes);
        let _ = decode::<Query>(&bytes);
        let _ = decode::<Answer>(&bytes);
        let _ = decode::<ListRow>(&bytes);
    }
}
