use impresario_quarantine::{Command, Quarantine, Refused};
use minicbor::bytes::ByteVec;

use super::*;

fn refuse(store: &Store, shard: u8, at: i64, raw: &[u8]) {
    let item = Refused {
        reason: "malformed_json".to_owned(),
        detail: Personal("expected a value".to_owned()),
        raw: Personal(ByteVec::from(raw.to_vec())),
        source: "/v1/track".to_owned(),
        received_at: Timestamp::from_ms(at),
    };
    let key = impresario_quarantine::key(ACME, shard);
    store.tell::<Quarantine>(&key, Command::Refuse { items: vec![item] }).expect("it is allowed");
}

/// The times of what is listed, in pages of `limit`.
#[track_caller]
fn check(store: &Store, want: &[i64]) {
    for limit in [1, 3, 100] {
        let items = walk(limit, |after| store.views.quarantine(ACME, after, limit));
        assert_eq!(items.iter().map(|item| item.received_at.as_ms()).collect::<Vec<_>>(), want);
    }
}

#[test]
fn refused_input_is_listed_newest_first_over_all_shards() {
    let store = Store::new();
    for (shard, at) in [(0, 10), (15, 30), (3, 20), (3, 40), (0, 40)] {
        refuse(&store, shard, at, b"{");
    }
    check(&store, &[40, 40, 30, 20, 10]);
    store
        .tell::<Quarantine>(
            &impresario_quarantine::key(ACME, 3),
            Command::Discard { seqs: vec![1] },
        )
        .expect("it is allowed");
    check(&store, &[40, 40, 30, 10]);
    let counts = store.views.quarantine_counts(ACME).expect("it can be read");
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("malformed_json".to_owned(), 5)]);
    assert_eq!(store.views.quarantine(OTHER, None, 10).expect("it can be read").items, []);
}

#[test]
fn what_was_sent_is_shown_but_not_printed() {
    let store = Store::new();
    refuse(&store, 2, 10, b"{\"email\":\"ada@example.com\xff");
    let page = store.views.quarantine(ACME, None, 10).expect("it can be read");
    let shown = serde_json::to_value(&page.items[0]).expect("it serializes");
    let want = serde_json::json!({
        "shard": 2, "seq": 1, "reason": "malformed_json", "detail": "expected a value",
        "raw": "{\"email\":\"ada@example.com\u{fffd}", "source": "/v1/track", "received_at": 10,
    });
    assert_eq!(shown, want);
    assert!(!format!("{page:?}").contains("ada"));
}
