use impresario_conversation::{
    AnswerPath, Command, Conversation, ReplyPart, Status, TurnAnswer, key,
};
use impresario_messages::{Address, Channel, Content, Inbound, Person};

use super::*;

const ADA: ProfileId = ProfileId::from_bytes([5; 16]);

/// A message of this person, at this moment.
fn receive(store: &mut Store, user: &str, id: &str, at: i64) -> EntityKey {
    let address = Address {
        channel: Channel::OpenAi,
        connection: "site".to_owned(),
        user: user.to_owned(),
        thread: "t".to_owned(),
    };
    let key = key(ACME, &address);
    let inbound = Inbound {
        id: id.to_owned(),
        address,
        person: Person::default(),
        at_ms: at,
        content: Content::text("Hi"),
        reply_to: None,
        extra: Vec::new(),
    };
    store.now = Timestamp::from_ms(at);
    let command = Command::Receive { inbound: Box::new(inbound), profile: Some(ADA) };
    store.tell::<Conversation>(&key, command).expect("it is allowed");
    key
}

fn answer(store: &Store, key: &EntityKey, latency_ms: u64, hits: u32) {
    let answer = TurnAnswer {
        parts: vec![ReplyPart { content: vec![Content::text("Yes.")], ..ReplyPart::default() }],
        confidence: 0.8,
        path: AnswerPath::Extractive,
        latency_ms,
        knowledge_hits: hits,
        retrieved: 3,
        ..TurnAnswer::default()
    };
    let command = Command::RecordAnswer { turn: 1, answer: Box::new(answer) };
    store.tell::<Conversation>(key, command).expect("it is allowed");
}

fn assign(store: &Store, key: &EntityKey, name: &str) {
    let assignee = Personal(name.to_owned());
    let command = Command::Assign { assignee, only_if_free: false };
    store.tell::<Conversation>(key, command).expect("it is allowed");
}

/// The times of what the inbox lists, in pages of `limit`.
#[track_caller]
fn check(store: &Store, held_by: &[Status], want: &[i64]) {
    for limit in [1, 2, 100] {
        let items = walk(limit, |after| store.views.inbox(ACME, held_by, after, limit));
        let got: Vec<i64> = items.iter().map(|item| item.row.updated_at.as_ms() - NOON).collect();
        assert_eq!(got, want, "{held_by:?} in pages of {limit}");
    }
}

#[test]
fn cnv_12_the_inbox_lists_the_newest_change_first() {
    let mut store = Store::new();
    for (user, at) in [("a", 10), ("b", 30), ("c", 20), ("d", 40), ("e", 40)] {
        receive(&mut store, user, "1", NOON + at);
    }
    check(&store, &[], &[40, 40, 30, 20, 10]);
    let key = receive(&mut store, "a", "2", NOON + 50);
    check(&store, &[Status::Bot], &[50, 40, 40, 30, 20]);
    assign(&store, &key, "bob");
    check(&store, &[Status::Bot], &[40, 40, 30, 20]);
    check(&store, &[Status::Human, Status::WaitingHuman], &[50]);
    check(&store, &[], &[50, 40, 40, 30, 20]);
    let bobs = store.views.assigned(ACME, "bob", None, 10).expect("it can be read").items;
    assert_eq!(bobs.iter().map(|item| *item.id.as_bytes()).collect::<Vec<_>>(), [key.id]);
    assert_eq!(store.views.assigned(ACME, "eve", None, 10).expect("it can be read").items, []);
    assert_eq!(store.views.inbox(OTHER, &[], None, 10).expect("it can be read").items, []);
    let counts = store.views.inbox_counts(ACME).expect("it can be read");
    assert_eq!(counts.iter().map(|it| it.count).collect::<Vec<_>>(), [4, 0, 1, 0]);
    let of_ada = walk(2, |after| store.views.conversations_of(ACME, ADA, after, 2));
    assert_eq!(of_ada.len(), 5);
    let cursor: Cursor = "00ff".parse().expect("hexadecimal");
    assert_eq!(store.views.inbox(ACME, &[], Some(&cursor), 10), Err(ViewError::Cursor));
}

#[test]
fn cnv_31_analytics_sum_up_days() {
    let mut store = Store::new();
    let day = 24 * HOUR;
    for (user, at, latency, hits) in [("a", 0, 100, 1), ("b", 1, 200, 0), ("c", day, 900, 2)] {
        let key = receive(&mut store, user, "1", NOON + at);
        answer(&store, &key, latency, hits);
    }
    let read = |from: i64, to: i64| {
        let range = Timestamp::from_ms(NOON + from)..Timestamp::from_ms(NOON + to);
        store.views.conversation_analytics(ACME, range).expect("it can be read").0
    };
    let all = read(0, 2 * day);
    assert_eq!(all.days.len(), 2);
    assert_eq!(all.latency.count, 3);
    assert_eq!(all.latency.p50_ms, Some(impresario_conversation::index::bucket_bound(31)));
    assert!(all.latency.p99_ms.is_some_and(|ms| (900..1_080).contains(&ms)));
    let hit = all.rates.knowledge_hit.expect("something was looked for");
    assert!((hit - 2.0 / 3.0).abs() < 1e-9);
    assert!(all.rates.confidence.is_some_and(|confidence| (confidence - 0.8).abs() < 1e-9));
    let json = serde_json::to_value(&all).expect("it serializes");
    assert_eq!(json["totals"]["turns"]["extractive"], 3);
    assert_eq!(json["totals"]["conversations"]["openai"], 3);
    assert_eq!(json["days"][0]["from"], NOON - 12 * HOUR);
    assert_eq!(read(0, 1).days.len(), 1);
    assert_eq!(read(5 * day, 6 * day).days, []);
    assert_eq!(read(day, 0).latency, crate::Latencies::default());
}
