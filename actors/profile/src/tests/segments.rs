use super::*;

const BUYERS: &str = r#"{"event": "Order Completed", "at_least": 2, "within_last": "30d"}"#;

fn order(number: u64, at: i64) -> Message {
    by_user(track(number, "Order Completed", at, r#"{"revenue": 10}"#), "ada")
}

fn told(story: &Story) -> Vec<&str> {
    story.webhooks.iter().map(|(kind, _)| kind.as_str()).collect()
}

/// In which of the segments (numbered from 1) the profile of `ada` is after these messages.
#[track_caller]
fn check(rules: &[&str], given: &[Message], want: &[u8]) {
    let segments = rules.iter().zip(1..).map(|(rule, number)| segment(number, 1, rule)).collect();
    let mut story = Story::new(Policy::new(segments, Vec::new(), Vec::new()));
    for message in given {
        story.receive(by_user(message.clone(), "ada")).expect("accepted");
    }
    let mut members: Vec<_> =
        story.view(user("ada")).segments.iter().map(|one| one.segment).collect();
    members.sort_unstable();
    assert_eq!(members, want.iter().map(|number| segment_id(*number)).collect::<Vec<_>>());
    assert_eq!(story.terms(index::MEMBERS).len(), want.len());
}

#[test]
fn pro_03_rules_over_traits_fields_and_events() {
    let rules = [
        r#"{"trait": "plan", "eq": "pro"}"#,
        r#"{"trait": "address.city", "eq": "Graz"}"#,
        r#"{"field": "email", "ends_with": "@x.org"}"#,
        r#"{"field": "events", "gte": 2}"#,
        BUYERS,
        r#"{"no_event": "Order Completed"}"#,
        r#"{"field": "user_id", "eq": "ada"}"#,
        r#"{"event": "page", "at_least": 1, "where": {"property": "path", "eq": "/"}}"#,
    ];
    let known = identify(1, NOON, r#"{"plan":"pro","email":"a@x.org","address":{"city":"Graz"}}"#);
    check(&rules, &[track(1, "Seen", NOON, "{}")], &[6, 7]);
    check(&rules, &[known, page(2, "/", NOON)], &[1, 2, 3, 4, 6, 7, 8]);
    check(&rules, &[order(1, NOON), order(2, NOON - 29 * DAY)], &[4, 5, 7]);
    check(&rules, &[order(1, NOON), order(2, NOON - 31 * DAY)], &[4, 7]);
}

#[test]
fn pro_03_time_alone_ends_a_membership() {
    let mut story = Story::new(Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), everything()));
    story.receive(order(1, NOON - 10 * DAY)).expect("accepted");
    story.receive(order(2, NOON)).expect("accepted");
    assert_eq!(told(&story), ["segment.entered"]);
    assert_eq!(story.webhooks[0].1["segment_name"], "segment 1");
    assert_eq!(story.webhooks[0].1["user_id"], "ada");
    story.wait_until(NOON + 20 * DAY - 1);
    assert_eq!(story.view(user("ada")).segments.len(), 1);
    story.wait_until(NOON + 20 * DAY);
    assert_eq!(story.view(user("ada")).segments, []);
    assert_eq!(told(&story), ["segment.entered", "segment.left"]);
    assert_eq!(story.terms(index::MEMBERS).len(), 0);
    assert_eq!(story.terms(index::PAST_MEMBERS).len(), 1);
    assert_eq!(story.actors[&user("ada")].timer, None);
}

#[test]
fn pro_03_time_alone_begins_a_membership() {
    let rule =
        r#"{"all": [{"event": "Seen", "at_least": 1}, {"no_event": "Seen", "within_last": "7d"}]}"#;
    let mut story = Story::new(Policy::new(vec![segment(1, 1, rule)], Vec::new(), Vec::new()));
    story.receive(by_user(track(1, "Seen", NOON, "{}"), "ada")).expect("accepted");
    assert_eq!(story.view(user("ada")).segments, []);
    story.wait_until(NOON + 7 * DAY);
    assert_eq!(story.view(user("ada")).segments.len(), 1);
    story.receive(by_user(track(2, "Seen", NOON + 7 * DAY, "{}"), "ada")).expect("accepted");
    assert_eq!(story.view(user("ada")).segments, []);
}

#[test]
fn membership_on_a_past_date() {
    let mut story = Story::new(Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), Vec::new()));
    story.receive(order(1, NOON)).expect("accepted");
    story.receive(order(2, NOON)).expect("accepted");
    story.wait_until(NOON + 40 * DAY);
    let then = |at| {
        let answer = story.ask(user("ada"), Query::Memberships { at: Timestamp::from_ms(at) });
        let Answer::Memberships { segments, complete_since: None } = answer else {
            panic!("not an answer: {answer:?}")
        };
        segments.len()
    };
    assert_eq!([NOON - 1, NOON, NOON + 39 * DAY, NOON + 40 * DAY].map(then), [0, 1, 1, 0]);
}

#[test]
fn a_new_segment_waits_for_the_sweep_and_then_knows_the_past() {
    let mut story = Story::new(Policy::default());
    story.receive(order(1, NOON - DAY)).expect("accepted");
    story.policy = Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), Vec::new());
    story.receive(order(2, NOON)).expect("accepted");
    assert_eq!(story.view(user("ada")).segments, []);
    let sweep = |version| Command::Reevaluate { segment: segment_id(1), version };
    let reply = story.send(user("ada"), sweep(1)).expect("accepted");
    assert_eq!(reply, Reply::Evaluated { member: true, version: Some(1) });
    let behind = story.send(user("ada"), sweep(2));
    assert_eq!(behind, Err(Rejection::SegmentVersionUnknown { version: 2 }));
    story.policy = Policy::new(Vec::new(), Vec::new(), Vec::new());
    let reply = story.send(user("ada"), sweep(2)).expect("accepted");
    assert_eq!(reply, Reply::Evaluated { member: false, version: None });
    assert_eq!(story.terms(index::PAST_MEMBERS).len(), 1);
}

/// A paused segment is not in the policy; only its own sweep says that it was archived.
#[test]
fn members_of_a_paused_segment_stay_until_it_is_archived() {
    let mut story = Story::new(Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), Vec::new()));
    story.receive(order(1, NOON)).expect("accepted");
    story.receive(order(2, NOON)).expect("accepted");
    story.policy = Policy::new(vec![segment(2, 1, BUYERS)], Vec::new(), Vec::new());
    let sweep = |number| Command::Reevaluate { segment: segment_id(number), version: 1 };
    story.send(user("ada"), sweep(2)).expect("accepted");
    story.wait_until(NOON + 40 * DAY);
    assert_eq!(story.terms(index::MEMBERS).len(), 1);
    let reply = story.send(user("ada"), sweep(1)).expect("accepted");
    assert_eq!(reply, Reply::Evaluated { member: false, version: None });
    assert_eq!(story.terms(index::MEMBERS).len(), 0);
}

#[test]
fn a_new_version_keeps_members_that_still_match() {
    let mut story = Story::new(Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), everything()));
    story.receive(order(1, NOON)).expect("accepted");
    story.receive(order(2, NOON)).expect("accepted");
    let stricter = r#"{"event": "Order Completed", "at_least": 2, "within_last": "10d"}"#;
    story.policy = Policy::new(vec![segment(1, 2, stricter)], Vec::new(), everything());
    story.now = Timestamp::from_ms(NOON + DAY);
    let sweep = Command::Reevaluate { segment: segment_id(1), version: 2 };
    let reply = story.send(user("ada"), sweep).expect("accepted");
    assert_eq!(reply, Reply::Evaluated { member: true, version: Some(2) });
    assert_eq!(story.view(user("ada")).segments[0].entered_at, Timestamp::from_ms(NOON));
    story.wait_until(NOON + 10 * DAY);
    assert_eq!(told(&story), ["segment.entered", "segment.left"]);
}

#[test]
fn computed_traits_are_shown_and_read_by_rules() {
    let spent = computed(
        r#"{"name": "spent", "kind": "sum", "event": "Order Completed", "property": "revenue"}"#,
    );
    let rule = segment(1, 1, r#"{"computed": "spent", "gte": 20}"#);
    let mut story = Story::new(Policy::new(vec![rule], vec![spent], Vec::new()));
    story.receive(order(1, NOON)).expect("accepted");
    assert_eq!(json(&story.view(user("ada"))).pointer("/computed/spent"), Some(&10.into()));
    story.receive(order(2, NOON - 400 * DAY)).expect("accepted");
    assert_eq!(json(&story.view(user("ada"))).pointer("/computed/spent"), Some(&20.into()));
    assert_eq!(story.view(user("ada")).segments.len(), 1);
}

#[test]
fn a_new_computed_trait_is_shown_once_it_read_the_past() {
    let mut story = Story::new(Policy::default());
    story.receive(order(1, NOON)).expect("accepted");
    let orders = computed(r#"{"name": "orders", "kind": "count", "event": "Order Completed"}"#);
    story.policy = Policy::new(Vec::new(), vec![orders], Vec::new());
    story.receive(order(2, NOON)).expect("accepted");
    assert_eq!(story.view(user("ada")).computed, []);
    let all = Command::Reevaluate { segment: SegmentId::NIL, version: 0 };
    story.send(user("ada"), all).expect("accepted");
    assert_eq!(json(&story.view(user("ada"))).pointer("/computed/orders"), Some(&2.into()));
}

#[test]
fn merging_moves_memberships() {
    let rule = r#"{"event": "Seen", "at_least": 2}"#;
    let mut story = Story::new(Policy::new(vec![segment(1, 1, rule)], Vec::new(), everything()));
    for number in [1, 2] {
        story.receive(by_anonymous(track(number, "Seen", NOON, "{}"), "dev")).expect("accepted");
    }
    let login = by_user(by_anonymous(identify(3, NOON, "{}"), "dev"), "ada");
    story.receive(login).expect("accepted");
    assert_eq!(
        told(&story),
        ["segment.entered", "segment.left", "profile.merged", "segment.entered"]
    );
    assert_eq!(story.terms(index::MEMBERS), [index::member_term(segment_id(1), user("ada"))]);
    story.send(user("ada"), Command::Unmerge { from: anonymous("dev") }).expect("accepted");
    assert_eq!(story.terms(index::MEMBERS), [index::member_term(segment_id(1), anonymous("dev"))]);
}

#[test]
fn previews_read_the_past_only_if_they_must() {
    let mut story = Story::new(Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), Vec::new()));
    story.receive(order(1, NOON)).expect("accepted");
    story.receive(order(2, NOON)).expect("accepted");
    let ask = |rule: &str| story.ask(user("ada"), Query::Matches { rule: rule.to_owned() });
    assert_eq!(ask(BUYERS), Answer::Matches { member: true });
    assert_eq!(ask(r#"{"field": "events", "gte": 3}"#), Answer::Matches { member: false });
    let once = r#"{"event": "Order Completed", "exactly": 2}"#;
    assert_eq!(ask(once), Answer::NeedsHistory);
    assert!(matches!(ask("{}"), Answer::RuleInvalid { .. }));
    let events = story.actors[&user("ada")].history.len();
    let reply = story.send(user("ada"), Command::Preview { rule: once.to_owned() });
    assert_eq!(reply, Ok(Reply::Matched { member: true }));
    assert_eq!(story.actors[&user("ada")].history.len(), events);
}

#[test]
fn webhook_ids_differ_and_endpoints_choose() {
    let some = PolicyEndpoint { id: EndpointId::NIL, kinds: vec!["segment.left".to_owned()] };
    let endpoints = [everything(), everything(), vec![some]].concat();
    let rules = [r#"{"event": "Seen", "at_least": 1}"#, r#"{"field": "events", "gte": 1}"#];
    let segments = vec![segment(1, 1, rules[0]), segment(2, 1, rules[1])];
    let mut story = Story::new(Policy::new(segments, Vec::new(), endpoints));
    let message = by_user(track(1, "Seen", NOON, "{}"), "ada");
    let (_, effects) =
        story.turn(user("ada"), Command::Ingest(Box::new(message))).expect("accepted");
    let mut ids: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Webhook { message, .. } => Some(*message),
            Effect::Merge { .. }
            | Effect::Absorb { .. }
            | Effect::Forward { .. }
            | Effect::Restore { .. }
            | Effect::Delete { .. } => None,
        })
        .collect();
    assert_eq!(ids.len(), 4);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn a_message_that_matters_to_nothing_costs_one_event() {
    let mut story = Story::new(Policy::new(vec![segment(1, 1, BUYERS)], Vec::new(), everything()));
    story.receive(order(1, NOON)).expect("accepted");
    let before = story.actors[&user("ada")].history.len();
    story.receive(by_user(track(2, "Seen", NOON, "{}"), "ada")).expect("accepted");
    assert_eq!(story.actors[&user("ada")].history.len(), before + 1);
}
