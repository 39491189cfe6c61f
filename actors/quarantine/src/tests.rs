use impresario_ids::TraceId;
use impresario_kernel::{Coded, IndexOp, Personal, Timestamp, decode, encode};
use minicbor::bytes::ByteVec;
use proptest::prelude::*;

use super::*;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);

fn try_tell(state: &mut State, command: Command) -> Result<Decision<Quarantine>, Rejection> {
    let key = key(TENANT, 3);
    let ctx = Ctx {
        now: Timestamp::from_ms(86_400_000),
        seed: 1,
        key: &key,
        next_seq: 1,
        policy: &(),
        trace: TraceId::NIL,
        history: &[],
    };
    let decision = Quarantine::decide(state, command, &ctx)?;
    // The host writes effects with the event that they follow from.
    assert!(decision.effects.is_empty() || !decision.events.is_empty());
    for event in &decision.events {
        Quarantine::apply(state, event);
    }
    Ok(decision)
}

fn refused(reason: &str, raw: &[u8]) -> Refused {
    Refused {
        reason: reason.to_owned(),
        detail: Personal("expected an object".to_owned()),
        raw: Personal(ByteVec::from(raw.to_vec())),
        source: "/v1/batch".to_owned(),
        received_at: Timestamp::from_ms(5),
    }
}

fn refuse(reasons: &[&str]) -> Command {
    Command::Refuse { items: reasons.iter().map(|reason| refused(reason, b"{")).collect() }
}

/// After these commands, which items are kept (newest first), and how many did each command touch?
#[track_caller]
fn check(commands: impl IntoIterator<Item = Command>, want_seqs: &[u64], want_counts: &[u64]) {
    let mut state = State::default();
    let counts: Vec<_> = commands
        .into_iter()
        .map(|command| try_tell(&mut state, command).expect("it is allowed").reply.count)
        .collect();
    assert_eq!(state.newest(None).map(|item| item.seq).collect::<Vec<_>>(), want_seqs);
    assert_eq!(counts, want_counts);
}

#[test]
fn refused_input_is_kept_newest_first_and_can_be_discarded() {
    let discard = |seqs: &[u64]| Command::Discard { seqs: seqs.to_vec() };
    check([refuse(&[])], &[], &[0]);
    check([refuse(&["a", "b"]), refuse(&["c"])], &[3, 2, 1], &[2, 1]);
    check([refuse(&["a", "b", "c"]), discard(&[2, 2, 9]), refuse(&["d"])], &[4, 3, 1], &[3, 1, 1]);
    check([discard(&[1])], &[], &[0]);
}

#[test]
fn only_the_newest_are_kept_but_all_are_counted() {
    let mut state = State::default();
    for _ in 0..3 {
        try_tell(&mut state, refuse(&["malformed_json"; 500])).expect("500 are allowed");
    }
    assert_eq!(state.newest(None).count(), ITEMS_MAX);
    assert_eq!(state.newest(None).last().map(|item| item.seq), Some(501));
    assert_eq!(state.newest(Some(503)).map(|item| item.seq).collect::<Vec<_>>(), [502, 501]);
    assert_eq!(state.counts().get("malformed_json"), Some(&1_500));
    assert_eq!(state.last_seq(), 1_500);
}

#[test]
fn the_bytes_that_are_kept_are_bounded() {
    let mut state = State::default();
    let large = refused("event_too_large", &vec![b'x'; 2 * RAW_BYTES_MAX]);
    try_tell(&mut state, Command::Refuse { items: vec![large; 300] }).expect("300 are allowed");
    let bytes: usize = state.newest(None).map(|item| item.refused.raw.0.len()).sum();
    assert_eq!(bytes, BYTES_MAX);
    assert_eq!(state.newest(None).count(), BYTES_MAX / RAW_BYTES_MAX);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let mut state = State::default();
    let item = Refused { detail: Personal("é".repeat(800)), ..refused(&"ö".repeat(40), b"") };
    try_tell(&mut state, Command::Refuse { items: vec![item] }).expect("it is allowed");
    let item = state.newest(None).next().expect("it is kept");
    assert_eq!((item.refused.reason.len(), item.refused.detail.0.len()), (64, 1_000));
}

#[test]
fn a_command_with_too_many_items_is_refused() {
    let items = vec![refused("a", b""); BATCH_MAX + 1];
    let rejection =
        try_tell(&mut State::default(), Command::Refuse { items }).expect_err("one too many");
    assert_eq!(rejection.code(), "quarantine_batch_too_large");
}

#[test]
fn counts_are_written_by_day_and_reason() {
    let decision =
        try_tell(&mut State::default(), refuse(&["b", "a", "b"])).expect("it is allowed");
    let rows: Vec<_> =
        decision.index.iter().map(|row| (row.index, &row.term[..], &row.op)).collect();
    assert_eq!(
        rows,
        [
            (COUNTS, &b"\0\0\0\x01a"[..], &IndexOp::Add(1)),
            (COUNTS, &b"\0\0\0\x01b"[..], &IndexOp::Add(2)),
        ]
    );
}

#[test]
fn reasons_beyond_the_bound_count_as_other() {
    let mut state = State::default();
    for n in 0..205 {
        try_tell(&mut state, refuse(&[&format!("reason_{n}")])).expect("it is allowed");
    }
    assert_eq!(state.counts().get("other"), Some(&5));
    assert_eq!(state.counts().values().sum::<u64>(), 205);
}

#[test]
fn a_tenant_has_sixteen_shards() {
    let keys: std::collections::BTreeSet<_> = (0..SHARDS).map(|shard| key(TENANT, shard)).collect();
    assert_eq!(keys.len(), usize::from(SHARDS));
    assert!(keys.iter().all(|key| key.tenant == TENANT && key.kind == KIND.code));
    let used: std::collections::BTreeSet<_> =
        (0..1_000_u32).map(|n| shard_of(&n.to_le_bytes())).collect();
    assert_eq!(used, (0..SHARDS).collect());
}

#[test]
fn nothing_that_was_sent_prints() {
    let command = Command::Refuse { items: vec![refused("a", b"ada@example.com")] };
    let text = format!("{command:?}");
    assert!(
        !text.contains("ada") && !text.contains("97, 100, 97") && !text.contains("expected"),
        "{text}"
    );
}

/// Each value encodes to its line of the file, and the line decodes to the value.
#[derive(Default)]
struct Golden(Vec<String>);

impl Golden {
    fn add<T>(&mut self, name: &str, value: &T)
    where
        T: minicbor::Encode<()>
            + for<'b> minicbor::Decode<'b, ()>
            + PartialEq
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        let bytes = encode(value);
        assert_eq!(decode::<T>(&bytes).ok().as_ref(), Some(value));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.push(format!("{name} {hex}"));
    }
}

/// The stored bytes of this release: later releases must read them.
#[test]
fn stored_forms() {
    let mut golden = Golden::default();
    let mut state = State::default();
    golden.add("state_empty", &state);
    try_tell(&mut state, refuse(&["a", "b"])).expect("it is allowed");
    golden.add("state", &state);
    golden.add("refuse", &refuse(&["a"]));
    golden.add("discard", &Command::Discard { seqs: vec![1, 2] });
    golden.add("refused", &Event::Refused { first: 1, items: vec![refused("a", b"{")] });
    golden.add("discarded", &Event::Discarded { seqs: vec![1] });
    golden.add("reply", &Reply { count: 2 });
    golden.add("list", &Query::List { limit: 5, before: Some(9) });
    golden.add("counts", &Query::Counts);
    golden.add("items", &Answer::Items(state.newest(None).cloned().collect()));
    golden.add("counted", &Answer::Counts(state.counts().clone()));
    golden.add("too_many", &Rejection::TooMany);
    let got = golden.0.join("\n");
    assert_eq!(got, include_str!("golden/stored.txt").trim_end(), "\n{got}\n");
}

proptest! {
    /// Q1 and Q3 over any history; equal events give equal states.
    #[test]
    fn bounds_hold_and_numbers_grow(
        steps in proptest::collection::vec((0..40_usize, 0..40_000_usize, proptest::collection::vec(0..200_u64, 0..4)), 0..12)
    ) {
        let (mut state, mut replayed, mut sent) = (State::default(), State::default(), 0);
        for (count, size, seqs) in steps {
            sent += count as u64;
            for command in [
                Command::Refuse { items: vec![refused("a", &vec![0; size]); count] },
                Command::Discard { seqs },
            ] {
                let decision = try_tell(&mut state, command).expect("it is allowed");
                decision.events.iter().for_each(|event| Quarantine::apply(&mut replayed, event));
            }
            let bytes: usize = state.newest(None).map(|item| item.refused.raw.0.len()).sum();
            prop_assert!(state.newest(None).count() <= ITEMS_MAX && bytes <= BYTES_MAX);
            prop_assert!(state.newest(None).map(|item| item.seq).is_sorted_by(|newer, older| newer > older));
            prop_assert_eq!(state.counts().values().sum::<u64>(), sent);
        }
        prop_assert_eq!(&replayed, &state);
    }
}
