use super::*;

fn visit(number: u64, name: &str, at: i64) -> Message {
    by_anonymous(track(number, name, at, "{}"), "dev")
}

fn login(number: u64, at: i64) -> Message {
    by_user(by_anonymous(identify(number, at, r#"{"email":"ada@x.org"}"#), "dev"), "ada")
}

#[test]
fn an_anonymous_visitor_becomes_known_with_the_whole_past() {
    let mut story = Story::new(Policy::new(Vec::new(), Vec::new(), everything()));
    story.receive(visit(1, "Seen", NOON - DAY)).expect("accepted");
    story.receive(login(2, NOON)).expect("accepted");
    let reply = story.receive(visit(3, "Seen", NOON + 1)).expect("accepted");
    assert_eq!(reply, Reply::Forwarded { into: user("ada") });
    let view = story.view(user("ada"));
    assert_eq!((view.events, view.first_seen), (3, Some(Timestamp::from_ms(NOON - DAY))));
    assert_eq!(view.counters[0].count, 2);
    assert_eq!(view.merged, [anonymous("dev")]);
    assert_eq!(story.ask(anonymous("dev"), Query::Get), Answer::Merged { into: user("ada") });
    assert_eq!(story.found(index::BY_ANONYMOUS_ID, b"dev"), [user("ada")]);
    assert_eq!(story.terms(index::PROFILES), [index::profile_term(user("ada"))]);
    assert_eq!(story.webhooks[0].0, "profile.merged");
    assert_eq!(story.webhooks[0].1["other_profile_id"], anonymous("dev").to_string());
}

#[test]
fn unmerging_gives_both_sides_their_own() {
    let mut story = Story::new(Policy::default());
    story.receive(visit(1, "Before", NOON - DAY)).expect("accepted");
    story.receive(login(2, NOON)).expect("accepted");
    story.receive(visit(3, "After", NOON + 1)).expect("accepted");
    story.send(user("ada"), Command::Unmerge { from: anonymous("dev") }).expect("accepted");
    let names = |id| story.view(id).counters.into_iter().map(|one| one.name).collect::<Vec<_>>();
    assert_eq!(names(user("ada")), ["identify"]);
    assert_eq!(names(anonymous("dev")), ["After", "Before"]);
    assert_eq!(story.found(index::BY_ANONYMOUS_ID, b"dev"), [anonymous("dev")]);
    assert_eq!(story.terms(index::PROFILES).len(), 2);
}

#[test]
fn what_was_taken_apart_is_not_joined_again_by_itself() {
    let mut story = Story::new(Policy::default());
    story.receive(login(1, NOON)).expect("accepted");
    story.send(user("ada"), Command::Unmerge { from: anonymous("dev") }).expect("accepted");
    story.receive(login(2, NOON + 1)).expect("accepted");
    story.receive(visit(3, "Seen", NOON + 2)).expect("accepted");
    assert_eq!(story.view(anonymous("dev")).events, 1);
    assert_eq!(story.view(user("ada")).anonymous_ids, []);
    story.receive(alias(4, NOON + 3, "dev", "ada")).expect("accepted");
    assert_eq!(story.view(user("ada")).events, 4);
}

#[test]
fn a_device_belongs_to_the_first_who_logs_in() {
    let mut story = Story::new(Policy::default());
    story.receive(visit(1, "Seen", NOON)).expect("accepted");
    story.receive(login(2, NOON)).expect("accepted");
    story.receive(by_user(by_anonymous(identify(3, NOON, "{}"), "dev"), "bob")).expect("accepted");
    assert_eq!(story.view(user("ada")).events, 2);
    assert_eq!(story.view(user("bob")).events, 1);
}

#[test]
fn alias_joins_a_previous_user() {
    let mut story = Story::new(Policy::default());
    story.receive(by_user(track(1, "Seen", NOON, "{}"), "old")).expect("accepted");
    story.receive(alias(2, NOON, "old", "new")).expect("accepted");
    story.receive(by_user(track(3, "Seen", NOON, "{}"), "old")).expect("accepted");
    let view = story.view(user("new"));
    assert_eq!((view.events, view.user_ids.len()), (3, 2));
}

#[test]
fn merges_chain() {
    let mut story = Story::new(Policy::default());
    story.receive(visit(1, "Seen", NOON)).expect("accepted");
    story.receive(login(2, NOON)).expect("accepted");
    story.receive(alias(3, NOON, "ada", "lovelace")).expect("accepted");
    story.receive(visit(4, "Late", NOON)).expect("accepted");
    assert_eq!(story.view(user("lovelace")).events, 4);
    story.send(user("lovelace"), Command::Unmerge { from: user("ada") }).expect("accepted");
    assert_eq!(story.view(user("lovelace")).events, 1);
    assert_eq!(story.view(user("ada")).events, 3);
}

#[test]
fn circles_are_refused() {
    let mut story = Story::new(Policy::default());
    story.receive(alias(1, NOON, "a", "b")).expect("accepted");
    let merge =
        |story: &mut Story, of, into| story.send(user(of), Command::MergeInto { into: user(into) });
    assert_eq!(merge(&mut story, "b", "a"), Err(Rejection::MergeCircle));
    assert_eq!(merge(&mut story, "b", "b"), Err(Rejection::MergeCircle));
    assert_eq!(merge(&mut story, "a", "c"), Ok(Reply::Merged { into: user("b") }));
    let unmerge = story.send(user("b"), Command::Unmerge { from: user("x") });
    assert_eq!(unmerge, Err(Rejection::NotMerged));
}

#[test]
fn a_mutual_merge_at_the_same_time_ends_in_one_profile() {
    let mut story = Story::new(Policy::default());
    for id in ["a", "b"] {
        story.receive(by_user(track(1, id, NOON, "{}"), id)).expect("accepted");
    }
    let (_, to_b) =
        story.turn(user("a"), Command::MergeInto { into: user("b") }).expect("accepted");
    let (_, to_a) =
        story.turn(user("b"), Command::MergeInto { into: user("a") }).expect("accepted");
    for effect in to_b.into_iter().chain(to_a) {
        let (to, command) = story.address(effect).expect("for a profile");
        story.turn(to, command).expect("accepted");
    }
    let (stays, goes) = if user("a") < user("b") { ("a", "b") } else { ("b", "a") };
    assert_eq!(story.view(user(stays)).events, 2);
    assert_eq!(story.ask(user(goes), Query::Get), Answer::Merged { into: user(stays) });
}

#[test]
fn a_merged_profile_refers_consents_to_the_other() {
    let mut story = Story::new(Policy::default());
    story.receive(login(1, NOON)).expect("accepted");
    let change = ConsentChange {
        purpose: "p".to_owned(),
        channel: "c".to_owned(),
        granted: false,
        source: String::new(),
        text_version: String::new(),
        proof: None,
        at: Timestamp::from_ms(1),
    };
    let refused = story.send(anonymous("dev"), Command::SetConsent(change));
    assert_eq!(refused, Err(Rejection::ProfileMerged { into: user("ada") }));
}

#[test]
fn prv_04_deletion_forgets_the_person_and_the_merged_ones() {
    let mut story = Story::new(Policy::default());
    story.receive(visit(1, "Seen", NOON)).expect("accepted");
    story.receive(login(2, NOON)).expect("accepted");
    assert_eq!(story.send(user("ada"), Command::Delete), Ok(Reply::Done));
    assert_eq!(story.ask(user("ada"), Query::Get), Answer::Missing);
    assert!(story.rows.is_empty(), "{:?}", story.rows);
    assert!(story.actors[&anonymous("dev")].state.facts().is_empty());
    assert_eq!(
        story.send(user("ada"), Command::Delete),
        Ok(Reply::Done),
        "the parts are asked again"
    );
    story.receive(visit(3, "Again", NOON)).expect("accepted");
    assert_eq!(story.view(user("ada")).events, 1);
}
