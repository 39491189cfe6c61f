use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::scatter::{Part, merge};

fn identify(user: &str, traits: &serde_json::Value) -> Message {
    let id = format!("{user}-{traits}");
    let traits = Some(Personal(traits.to_string()));
    Message { traits, ..by(user, message(Call::Identify, &id[..id.len().min(100)], 0)) }
}

fn user(name: &str) -> ProfileId {
    impresario_profile::id_of_user(ACME, name)
}

/// Which profiles does a search find, by id?
#[track_caller]
fn check(store: &Store, find: Find<'_>, want: &[&str]) {
    let mut want: Vec<_> = want.iter().map(|name| user(name)).collect();
    want.sort_unstable();
    assert_eq!(walk(2, |after| store.views.find_profiles(ACME, find, after, 2)), want, "{find:?}");
}

#[test]
fn profiles_are_listed_page_by_page_each_once() {
    let store = Store::new();
    let mut want: Vec<_> = (0..100)
        .map(|n| store.receive(ACME, by(&format!("u{n}"), track("m", "Seen", 0))))
        .collect();
    store.receive(OTHER, by("u1", track("m", "Seen", 0)));
    want.sort_unstable();
    for limit in [1, 7, 100, 1_000] {
        let got = walk(limit, |after| store.views.profiles(ACME, after, limit));
        assert_eq!(got.iter().map(|item| item.id).collect::<Vec<_>>(), want);
        assert!(got.iter().all(|item| item.since == Timestamp::from_ms(NOON)));
    }
    assert_eq!(store.views.profiles_count(ACME), Ok(100));
    assert_eq!(store.views.profiles_count(OTHER), Ok(1));
}

#[test]
fn rows_that_come_and_go_do_not_disturb_the_walk() {
    let store = Store::new();
    let ids: BTreeSet<_> =
        (0..40).map(|n| store.receive(ACME, by(&format!("u{n}"), track("m", "Seen", 0)))).collect();
    let (gone, stay): (Vec<_>, Vec<_>) =
        ids.iter().copied().enumerate().partition(|(place, _)| place % 5 == 0);
    let mut round = 0;
    let seen = walk(4, |after| {
        let page = store.views.profiles(ACME, after, 4);
        if let Some((_, id)) = gone.get(round) {
            store.profile(ACME, *id, Command::Delete);
            store.receive(ACME, by(&format!("late{round}"), track("m", "Seen", 0)));
        }
        round += 1;
        page
    });
    let mut seen: Vec<_> = seen.into_iter().map(|item| item.id).collect();
    assert!(seen.is_sorted());
    seen.dedup();
    assert!(stay.iter().all(|(_, id)| seen.contains(id)));
}

#[test]
fn profiles_are_found_by_exact_values() {
    let store = Store::new();
    store.receive(
        ACME,
        identify(
            "ada",
            &json!({ "email": "Ada@Example.com", "plan": "pro", "vip": true, "age": 36 }),
        ),
    );
    store.receive(
        ACME,
        identify("bob", &json!({ "email": "bob@example.com", "plan": "pro", "vip": false })),
    );
    store.receive(ACME, identify("cyd", &json!({ "plan": "pro", "tags": ["a"] })));
    check(&store, Find::UserId("ada"), &["ada"]);
    check(&store, Find::UserId("ad"), &[]);
    check(&store, Find::Email("ada@example.COM"), &["ada"]);
    check(&store, Find::Email("nobody@example.com"), &[]);
    let plan = json!("pro");
    check(&store, Find::Trait { name: "plan", value: &plan }, &["ada", "bob", "cyd"]);
    check(&store, Find::Trait { name: "vip", value: &json!(true) }, &["ada"]);
    check(&store, Find::Trait { name: "age", value: &json!(36) }, &["ada"]);
    check(&store, Find::Trait { name: "age", value: &json!(37) }, &[]);
    let tags = json!(["a"]);
    let find = Find::Trait { name: "tags", value: &tags };
    assert_eq!(store.views.find_profiles(ACME, find, None, 9), Err(ViewError::NotIndexed));
    store.receive(ACME, identify("bob", &json!({ "email": "robert@example.com" })));
    check(&store, Find::Email("bob@example.com"), &[]);
    check(&store, Find::Email("robert@example.com"), &["bob"]);
}

#[test]
fn ten_02_a_tenant_finds_nothing_of_another() {
    let store = Store::new();
    store.receive(ACME, identify("ada", &json!({ "email": "ada@example.com" })));
    for find in [Find::UserId("ada"), Find::Email("ada@example.com")] {
        assert_eq!(walk(9, |after| store.views.find_profiles(OTHER, find, after, 9)), []);
    }
    let theirs = store.views.timeline(OTHER, user("ada"), None, 9).expect("it can be read");
    assert_eq!(theirs.items, []);
}

#[test]
fn a_merged_visitor_is_found_under_the_known_person() {
    let store = Store::new();
    store.receive(ACME, anonymous("browser", track("m1", "Seen", 0)));
    let anonymous_profile = impresario_profile::id_of_anonymous(ACME, "browser");
    let found = |store: &Store| {
        walk(9, |after| store.views.find_profiles(ACME, Find::AnonymousId("browser"), after, 9))
    };
    assert_eq!(found(&store), [anonymous_profile]);
    let linking = Message {
        anonymous_id: Some(Personal("browser".to_owned())),
        ..message(Call::Identify, "m2", 1)
    };
    store.receive(ACME, linking);
    assert_eq!(found(&store), [user("ada")]);
    assert_eq!(store.views.profiles_count(ACME), Ok(1));
}

#[test]
fn a_search_does_not_print_what_it_looks_for() {
    assert_eq!(format!("{:?}", Find::Email("ada@example.com")), "Find::Email");
}

/// Which ids does a page have that is merged from parts, and after which id does the next begin?
/// A part is the ids it found, and where it stopped.
#[track_caller]
fn check_merge(parts: &[(&[u8], Option<u8>)], limit: usize, want: &[u8], next: Option<u8>) {
    let parts = parts.iter().map(|(found, stopped_at)| Part {
        found: found.iter().map(|n| ([*n; 16], *n)).collect(),
        stopped_at: stopped_at.map(|n| [n; 16]),
        ..Part::default()
    });
    let page = merge(parts.collect(), limit, Freshness { applied: 0 });
    assert_eq!(page.items, want);
    assert_eq!(page.next, next.map(|n| Cursor::new([n; 16])));
}

#[test]
fn nothing_past_the_first_stop_is_shown() {
    check_merge(&[], 5, &[], None);
    check_merge(&[(&[1, 4], None), (&[2, 3], None)], 5, &[1, 2, 3, 4], None);
    check_merge(&[(&[1, 4], None), (&[2, 3], None)], 3, &[1, 2, 3], Some(3));
    check_merge(&[(&[1, 4], Some(4)), (&[2, 3], Some(3))], 5, &[1, 2, 3], Some(3));
    check_merge(&[(&[1, 4], Some(4)), (&[2, 3], Some(9))], 2, &[1, 2], Some(2));
    // A part that looked at many rows and found none still moves the walk on.
    check_merge(&[(&[], Some(7)), (&[9], None)], 5, &[], Some(7));
}
