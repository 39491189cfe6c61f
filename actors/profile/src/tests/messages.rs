use super::*;
use crate::index::{Grain, Meter};

/// What the profile of `ada` shows at this JSON pointer after these messages.
#[track_caller]
fn check(given: &[Message], pointer: &str, want: Value) {
    let mut story = Story::new(Policy::default());
    for message in given {
        story.receive(by_user(message.clone(), "ada")).expect("the test's message is accepted");
    }
    assert_eq!(json(&story.view(user("ada"))).pointer(pointer), Some(&want), "at {pointer}");
}

#[test]
fn pro_02_counts_and_times_by_event_time() {
    let given = [
        track(1, "Seen", NOON, "{}"),
        track(2, "Seen", NOON - DAY, "{}"),
        track(3, "Other", NOON - 5, "{}"),
    ];
    check(&given, "/events", 3.into());
    check(&given, "/first_seen", (NOON - DAY).into());
    check(&given, "/last_seen", NOON.into());
    check(
        &given,
        "/counters",
        serde_json::json!([
            {"name": "Other", "count": 1, "first": NOON - 5, "last": NOON - 5},
            {"name": "Seen", "count": 2, "first": NOON - DAY, "last": NOON},
        ]),
    );
    check(&given, "/recent/1/name", "Other".into());
}

#[test]
fn ing_21_the_tenants_idle_time_ends_sessions_from_its_setting_on() {
    let mut story = Story::new(Policy::default());
    let mut see = |idle: u16, number: u64, minute: i64| {
        story.policy = Policy::default().with_session_idle(idle);
        let seen = track(number, "Seen", NOON + minute * MINUTE, "{}");
        story.receive(by_user(seen, "ada")).expect("accepted");
        let sessions = story.view(user("ada")).sessions;
        sessions.iter().rev().map(|one| one.events).collect::<Vec<u32>>()
    };
    assert_eq!(see(30, 1, 0), [1]);
    assert_eq!(see(30, 2, 40), [1, 1]);
    // A longer one does not join what was apart, a shorter one does not part what was together.
    assert_eq!(see(60, 3, 95), [1, 2]);
    assert_eq!(see(10, 4, 100), [1, 3]);
    assert_eq!(see(10, 5, 115), [1, 3, 1]);
    // An event between two of them, near enough to both by the rule of its day, is part of one visit.
    assert_eq!(see(60, 6, 20), [5, 1]);
}

#[test]
fn ing_21_the_idle_time_holds_for_merges_too() {
    for (idle, sessions) in [(30, 2), (60, 1)] {
        let mut story = Story::new(Policy::default().with_session_idle(idle));
        let seen = |number, minute| track(number, "Seen", NOON + minute * MINUTE, "{}");
        story.receive(by_anonymous(seen(1, 0), "dev")).expect("accepted");
        story.receive(by_user(by_anonymous(seen(2, 45), "dev"), "ada")).expect("accepted");
        assert_eq!(story.view(user("ada")).session_count, sessions);
        story.receive(by_user(seen(3, 200), "ada")).expect("accepted");
        story.send(user("ada"), Command::Unmerge { from: anonymous("dev") }).expect("apart");
        assert_eq!(story.view(user("ada")).session_count, 2);
    }
}

#[test]
fn calls_without_an_event_name_count_under_their_own() {
    check(&[page(1, "/", NOON), identify(2, NOON, "{}")], "/counters/0/name", "identify".into());
    check(&[page(1, "/", NOON), identify(2, NOON, "{}")], "/counters/1/name", "page".into());
}

#[test]
fn the_latest_value_of_a_trait_holds_whenever_it_arrives() {
    let given = [
        identify(1, NOON, r#"{"plan":"pro","seats":3,"old":true}"#),
        identify(2, NOON - DAY, r#"{"plan":"free","city":"Graz","old":false}"#),
        identify(3, NOON + 1, r#"{"old":null}"#),
        identify(4, NOON - 1, r#"{"old":1}"#),
    ];
    check(&given, "/traits", serde_json::json!({"city": "Graz", "plan": "pro", "seats": 3}));
}

#[test]
fn traits_are_any_json() {
    let text = r#"{"address":{"city":"Graz","lines":["a","b"]},"n":0.1,"big":9007199254740993}"#;
    check(&[identify(1, NOON, text)], "/traits", serde_json::from_str(text).expect("JSON"));
}

#[test]
fn money_is_exact() {
    let order =
        |n, name: &str, amount: &str| track(n, name, NOON, &format!(r#"{{"revenue":{amount}}}"#));
    let tenths: Vec<Message> = (0..10).map(|n| order(n, "Order Completed", "0.1")).collect();
    check(&tenths, "/orders/revenue", serde_json::json!(1));
    let given = [
        order(1, "Order Completed", "11.77"),
        order(2, "Order Completed", "\"12.00\""),
        order(3, "Order Refunded", "1.77"),
        order(4, "Order Refunded", "-2"),
        order(5, "Order Cancelled", "10"),
        track(6, "Order Completed", NOON, r#"{"total":1}"#),
        track(7, "Order Completed", NOON, r#"{"value":"no number"}"#),
    ];
    let want = serde_json::json!({"completed": 4, "refunded": 2, "cancelled": 1, "revenue": 11});
    check(&given, "/orders", want);
}

#[test]
fn a_pause_of_thirty_minutes_ends_a_session() {
    let at = |n: u64, minutes: i64| track(n, "Seen", NOON + minutes * MINUTE, "{}");
    check(&[at(1, 0), at(2, 29), at(3, 58)], "/session_count", 1.into());
    check(&[at(1, 0), at(2, 30)], "/session_count", 2.into());
    let bridged = [at(1, 0), at(2, 50), at(3, 25)];
    check(&bridged, "/session_count", 1.into());
    check(&bridged, "/sessions/0/events", 3.into());
    check(&[at(1, 0), at(2, -90), at(3, -45)], "/session_count", 3.into());
}

#[test]
fn sessions_know_their_entry_and_exit() {
    let given = [
        page(1, "/cart", NOON + MINUTE),
        page(2, "/pay", NOON + 2 * MINUTE),
        track(3, "Seen", NOON + 3 * MINUTE, "{}"),
        page(4, "/", NOON),
    ];
    check(&given, "/sessions/0/entry", "/".into());
    check(&given, "/sessions/0/exit", "/pay".into());
    check(&given[..1], "/sessions/0/exit", "/cart".into());
}

#[test]
fn only_the_last_sessions_are_shown_but_all_are_counted() {
    let given: Vec<Message> =
        (0..30).map(|n| track(n, "Seen", NOON + n.cast_signed() * DAY, "{}")).collect();
    check(&given, "/session_count", 30.into());
    check(&given, "/sessions/0/start", (NOON + 29 * DAY).into());
    check(&given, "/sessions/19/start", (NOON + 10 * DAY).into());
}

#[test]
fn event_names_beyond_the_bound_are_counted_together() {
    let given: Vec<Message> =
        (0..COUNTED_NAMES as u64 + 5).map(|n| track(n, &format!("e{n}"), NOON, "{}")).collect();
    check(&given, "/events", (COUNTED_NAMES + 5).into());
    check(&given, &format!("/counters/{COUNTED_NAMES}/name"), "other".into());
    check(&given, &format!("/counters/{COUNTED_NAMES}/count"), 5.into());
}

#[test]
fn the_last_fifty_events_are_the_last_by_event_time() {
    let given: Vec<Message> =
        (0..60).map(|n| track(n, "Seen", NOON - n.cast_signed() * MINUTE, "{}")).collect();
    check(&given, "/recent/49/at", (NOON - 49 * MINUTE).into());
    check(&given, "/recent/0/message", message_hash("m0").into());
}

#[test]
fn groups_and_external_ids_are_kept() {
    let group =
        |n, id: &str, at| Message { group_id: Some(id.to_owned()), ..message(Call::Group, n, at) };
    let given = [group(1, "acme", NOON), group(2, "acme", NOON - 5), group(3, "abc", NOON)];
    check(
        &given,
        "/groups",
        serde_json::json!([{"id":"abc","since":NOON},{"id":"acme","since":NOON-5}]),
    );
    let context =
        r#"{"externalIds":[{"id":"d1","type":"ios.idfa","collection":"users"},{"id":7}]}"#;
    let given =
        [Message { context: Some(Personal(context.to_owned())), ..track(1, "Seen", NOON, "{}") }];
    check(&given, "/external_ids", serde_json::json!(["ios.idfa:d1"]));
}

#[test]
fn tenants_find_profiles_by_what_they_know() {
    let mut story = Story::new(Policy::default());
    let mut identify = |n, at, traits: &str| {
        story
            .receive(by_user(by_anonymous(identify(n, at, traits), "dev"), "ada"))
            .expect("accepted");
        let ada = user("ada");
        let by = |index, key: &[u8]| story.found(index, key) == [ada];
        (
            by(index::BY_EMAIL, b"ada@x.org"),
            by(index::BY_TRAIT, b"seats\x003"),
            by(index::BY_USER_ID, b"ada"),
        )
    };
    assert_eq!(identify(1, NOON, r#"{"email":" Ada@X.org","seats":3}"#), (true, true, true));
    assert_eq!(identify(2, NOON - 9, r#"{"email":"old@x.org","seats":2}"#), (true, true, true));
    assert_eq!(
        identify(3, NOON + 1, r#"{"email":"new@x.org","seats":null}"#),
        (false, false, true)
    );
    assert_eq!(story.found(index::BY_EMAIL, b"new@x.org"), [user("ada")]);
    assert_eq!(story.found(index::BY_ANONYMOUS_ID, b"dev"), [user("ada")]);
    assert_eq!(story.terms(index::PROFILES), [index::profile_term(user("ada"))]);
}

#[test]
fn selected_traits_alone_can_be_looked_up() {
    let mut story = Story::new(Policy::default().with_indexed_traits(vec!["plan".to_owned()]));
    story
        .receive(by_user(identify(1, NOON, r#"{"plan":"pro","seats":3}"#), "ada"))
        .expect("accepted");
    assert_eq!(story.found(index::BY_TRAIT, b"plan\0pro"), [user("ada")]);
    assert_eq!(story.found(index::BY_TRAIT, b"seats\x003"), []);
}

#[test]
fn ten_07_usage_is_metered_once() {
    let mut story = Story::new(Policy::default());
    for id in ["ada", "bob"] {
        for number in [1, 2, 2, 3] {
            story.receive(by_user(track(number, "Seen", NOON - DAY, "{}"), id)).expect("accepted");
        }
    }
    let used = |meter, grain| {
        let at = index::period(grain, Timestamp::from_ms(NOON));
        story.counts.get(&(index::USAGE, None, index::usage_term(meter, grain, at))).copied()
    };
    assert_eq!(used(Meter::Events, Grain::Day), Some(6));
    assert_eq!(used(Meter::Events, Grain::Month), Some(6));
    assert_eq!(used(Meter::ActiveProfiles, Grain::Month), Some(2));
    assert_eq!(used(Meter::Messages, Grain::Month), None);
    let hour = Timestamp::from_ms(NOON - DAY).hour();
    let key = (index::EVENT_COUNTS, None, index::event_term("Seen", hour));
    assert_eq!(story.counts.get(&key), Some(&6));
}

#[test]
fn index_keys_round_trip_and_sort() {
    assert_eq!(index::decode_event(&index::event_term("Bé", -3)), Some(("Bé", -3)));
    assert!(index::event_term("a", -1) < index::event_term("a", 0));
    let usage = index::usage_term(Meter::Messages, Grain::Month, 5);
    assert_eq!(index::decode_usage(&usage), Some((Meter::Messages, Grain::Month, 5)));
    let term = index::past_member_term(segment_id(1), user("a"), Timestamp::from_ms(-7));
    let want = (segment_id(1), user("a"), Timestamp::from_ms(-7));
    assert_eq!(index::decode_past_member(&term), Some(want));
    assert_eq!(index::decode_past_member(&term[..20]), None);
}

#[test]
fn months_are_calendar_months() {
    let month = |day: i64| index::month(Timestamp::from_ms(day * DAY));
    assert_eq!([month(0), month(30), month(31), month(-1)], [0, 0, 1, -1]);
    // 2024-02-29, 2024-03-01, 2025-12-31, 2026-01-01.
    assert_eq!([month(19_782), month(19_783), month(20_453), month(20_454)], [649, 650, 671, 672]);
}
