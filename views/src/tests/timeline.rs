use super::*;

/// What does the timeline of a profile show, newest first, in pages of `limit`?
#[track_caller]
fn check(store: &Store, profile: ProfileId, want: &[&str]) {
    for limit in [1, 3, 100] {
        let (mut got, mut after) = (Vec::new(), None);
        loop {
            let page =
                store.views.timeline(ACME, profile, after.as_ref(), limit).expect("it can be read");
            got.extend(page.items.iter().map(|entry| {
                let id = entry.message_id.as_deref().map_or(String::new(), |id| format!(" {id}"));
                format!("{}{id}", entry.kind)
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(got, want, "in pages of {limit}");
    }
}

fn ada() -> ProfileId {
    impresario_profile::id_of_user(ACME, "ada")
}

fn browser() -> ProfileId {
    impresario_profile::id_of_anonymous(ACME, "browser")
}

/// Ada's browser was seen, then she identified herself in it, then it was seen once more.
fn merged() -> Store {
    let store = Store::new();
    store.receive(ACME, anonymous("browser", track("a1", "Seen", 0)));
    let linking = Message {
        anonymous_id: Some(Personal("browser".to_owned())),
        ..message(Call::Identify, "u1", 2)
    };
    store.receive(ACME, linking);
    store.receive(ACME, anonymous("browser", track("a2", "Seen", 3)));
    store.receive(ACME, track("u2", "Seen", 4));
    store
}

#[test]
fn pro_02_late_events_stand_where_they_happened() {
    let store = Store::new();
    for (id, hour) in [("m3", 3), ("m1", 1), ("m2", 2), ("m0", -900), ("m4", 4), ("m2b", 2)] {
        store.receive(ACME, track(id, "Seen", hour));
    }
    check(
        &store,
        ada(),
        &["track m4", "track m3", "track m2b", "track m2", "track m1", "track m0"],
    );
    check(&store, browser(), &[]);
}

#[test]
fn a_page_stops_at_rows_that_are_too_old_for_it_but_no_sooner() {
    let mut store = Store::new();
    // Rows committed days apart; the oldest row holds the event that happened last but one.
    for (id, day, hour) in [("old", 0, 20), ("mid", 1, 10), ("new", 9, 9 * 24)] {
        store.now = Timestamp::from_ms(NOON + day * 24 * HOUR);
        store.receive(ACME, track(id, "Seen", hour));
    }
    check(&store, ada(), &["track new", "track old", "track mid"]);
}

#[test]
fn everything_that_was_sent_is_shown() {
    let store = Store::new();
    let json = |text: &str| Some(Personal(text.to_owned()));
    store.receive(
        ACME,
        Message {
            properties: json(r#"{"revenue":12.50}"#),
            context: json(r#"{"locale":"de"}"#),
            ..track("m1", "Order Completed", 0)
        },
    );
    let timeline = store.views.timeline(ACME, ada(), None, 10).expect("it can be read");
    let shown = serde_json::to_value(&timeline.items[0]).expect("it serializes");
    let want = serde_json::json!({
        "at": NOON, "kind": "track", "received_at": NOON, "name": "Order Completed", "message_id": "m1",
        "properties": { "revenue": 12.50 }, "context": { "locale": "de" },
    });
    assert_eq!(shown, want);
    let printed = format!("{timeline:?}");
    assert!(!printed.contains("12.5"), "{printed}");
}

#[test]
fn pro_01_the_known_person_shows_what_the_visitor_did() {
    let store = merged();
    let timeline = store.views.timeline(ACME, ada(), None, 10).expect("it can be read");
    let messages = timeline.items.iter().filter_map(|entry| entry.message_id.as_deref());
    assert_eq!(messages.collect::<Vec<_>>(), ["u2", "a2", "u1", "a1"]);
    assert_eq!(timeline.merged_into, None);
    let from: Vec<_> = timeline
        .items
        .iter()
        .filter(|entry| entry.kind == "track")
        .map(|entry| entry.profile)
        .collect();
    assert_eq!(from, [None, Some(browser()), Some(browser())]);
    let visitor = store.views.timeline(ACME, browser(), None, 10).expect("it can be read");
    assert_eq!(visitor.merged_into, Some(ada()));
}

#[test]
fn after_an_unmerge_each_shows_its_own() {
    let store = merged();
    store.profile(ACME, ada(), Command::Unmerge { from: browser() });
    let shown = |profile| {
        let timeline = store.views.timeline(ACME, profile, None, 10).expect("it can be read");
        assert_eq!(timeline.merged_into, None);
        timeline.items.into_iter().filter_map(|entry| entry.message_id).collect::<Vec<_>>()
    };
    assert_eq!(shown(ada()), ["u2", "u1"]);
    assert_eq!(shown(browser()), ["a2", "a1"]);
}

#[test]
fn prv_04_a_deleted_profile_shows_only_what_came_after() {
    let store = Store::new();
    store.receive(ACME, track("m1", "Seen", 1));
    store.profile(ACME, ada(), Command::Delete);
    check(&store, ada(), &[]);
    store.receive(ACME, track("m2", "Seen", 0));
    check(&store, ada(), &["track m2"]);
}

#[test]
fn a_row_that_was_tampered_with_is_an_error() {
    let store = Store::new();
    store.receive(ACME, track("m1", "Seen", 0));
    let key = EntityKey::new(ACME, impresario_profile::KIND, ada());
    let row_key = event_key(&key, 1);
    let partition = key.partition(PARTITIONS);
    let mut value =
        store.journal.get(partition, Table::Events, &row_key).expect("no fault").expect("a row");
    *value.last_mut().expect("not empty") ^= 1;
    store.commit(&key, vec![Write::Put { table: Table::Events, key: row_key, value }]);
    let error = store.views.timeline(ACME, ada(), None, 10).expect_err("it was changed");
    assert_eq!(error.code(), "store_damaged");
}
