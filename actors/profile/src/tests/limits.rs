//! TEN-08: what a tenant with all the profiles of its plan still gets.

use super::*;

const FULL: Rejection = Rejection::ProfilesFull { limit: 7 };

/// A story in which ada, the device `dev` and the merged pair of `bob` and `old` are there, and then
/// no more profiles are allowed.
fn full() -> Story {
    let mut story = Story::new(Policy::default());
    let seen = |number| track(number, "Seen", NOON, "{}");
    for message in [
        by_user(seen(1), "ada"),
        by_anonymous(seen(2), "dev"),
        by_anonymous(seen(3), "old"),
        by_user(by_anonymous(seen(4), "old"), "bob"),
    ] {
        story.receive(message).expect("there is room");
    }
    story.policy = Policy::default().with_profiles_full(7);
    story
}

/// Whether the full story takes the message, and how many profiles it has then.
#[track_caller]
fn check(message: Message, taken: Result<(), Rejection>, profiles: i64) {
    let mut story = full();
    let got = story.receive(message);
    assert_eq!(got.map(|_| ()), taken);
    assert_eq!(count(&story), profiles);
    assert_eq!(story.terms(index::PROFILES).len() as i64, profiles);
}

fn count(story: &Story) -> i64 {
    story.counts.get(&(index::PROFILE_COUNT, None, Vec::new())).copied().unwrap_or_default()
}

#[test]
fn ten_08_existing_people_go_on_and_new_ones_do_not_begin() {
    let seen = || track(9, "Seen", NOON, "{}");
    check(by_user(seen(), "ada"), Ok(()), 3);
    check(by_anonymous(seen(), "dev"), Ok(()), 3);
    check(by_user(seen(), "eve"), Err(FULL), 3);
    check(by_user(identify(9, NOON, "{}"), "eve"), Err(FULL), 3);
    check(by_anonymous(seen(), "new"), Err(FULL), 3);
    // An id beside that of a known person begins nobody.
    check(by_user(by_anonymous(seen(), "new"), "ada"), Ok(()), 3);
    // What a merged device still sends is passed on.
    check(by_anonymous(seen(), "old"), Ok(()), 3);
}

#[test]
fn ten_08_a_known_visitor_may_log_in() {
    let login = by_user(by_anonymous(identify(9, NOON, "{}"), "dev"), "eve");
    // The profile cannot know of the other one; whoever sends the message can.
    check(login.clone(), Err(FULL), 3);
    check(Message { person_is_known: true, ..login }, Ok(()), 3);
}

#[test]
fn ten_08_merges_and_what_undoes_them_are_never_refused() {
    let mut story = full();
    let merge = alias(9, NOON, "dev", "ada");
    story.receive(merge).expect("it makes them fewer");
    assert_eq!(count(&story), 2);
    let apart = Command::Unmerge { from: anonymous("dev") };
    story.send(user("ada"), apart).expect("it gives back what was there");
    assert_eq!(count(&story), 3);
    story.send(user("ada"), Command::Delete).expect("deleted");
    assert_eq!(count(&story), 2);
    assert_eq!(story.receive(by_user(track(10, "Seen", NOON, "{}"), "ada")), Err(FULL));
}

#[test]
fn ten_08_a_withdrawal_is_always_taken() {
    let change = |granted| ConsentChange {
        purpose: "marketing".to_owned(),
        channel: "*".to_owned(),
        granted,
        source: String::new(),
        text_version: String::new(),
        proof: None,
        at: Timestamp::from_ms(NOON),
    };
    let mut story = full();
    assert_eq!(story.send(user("eve"), Command::SetConsent(change(true))), Err(FULL));
    story.send(user("ada"), Command::SetConsent(change(true))).expect("she is there");
    story.send(user("eve"), Command::SetConsent(change(false))).expect("a withdrawal");
    assert_eq!(count(&story), 4);
}
