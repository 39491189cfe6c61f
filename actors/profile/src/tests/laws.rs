use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;

const NAMES: [&str; 5] = ["Seen", "Cart", "Order Completed", "Order Refunded", "Quiet"];

fn policy() -> Policy {
    let rules = [
        r#"{"event": "Order Completed", "at_least": 2, "within_last": "3d"}"#,
        r#"{"no_event": "Seen", "within_last": "2d"}"#,
        r#"{"trait": "a", "gte": 2}"#,
        r#"{"computed": "spent", "gt": 50}"#,
        r#"{"field": "sessions", "gte": 3}"#,
        r#"{"all": [{"event": "Cart", "at_least": 1}, {"field": "last_seen", "within_last": "1d"}]}"#,
    ];
    let segments = rules.iter().zip(1..).map(|(rule, number)| segment(number, 1, rule)).collect();
    let definitions = [
        r#"{"name": "spent", "kind": "sum", "event": "Order Completed", "property": "revenue"}"#,
        r#"{"name": "carts", "kind": "count", "event": "Cart", "within_last": "2d"}"#,
        r#"{"name": "size", "kind": "last", "event": "Cart", "property": "revenue"}"#,
        r#"{"name": "sizes", "kind": "distinct", "event": "Cart", "property": "revenue"}"#,
    ];
    Policy::new(segments, definitions.into_iter().map(computed).collect(), everything())
}

/// A message without ids. Times are minutes in a few hours of five days, so that sessions meet and
/// part, but are not more than a profile remembers.
fn a_message(number: u64) -> impl Strategy<Value = Message> {
    let at =
        (0..5_i64, 0..110_i64).prop_map(|(days, minutes)| NOON - days * DAY - minutes * MINUTE);
    let event = (at.clone(), 0..NAMES.len(), 0..100_u32).prop_map(move |(at, name, amount)| {
        track(number, NAMES[name], at, &format!(r#"{{"revenue":{amount}.05}}"#))
    });
    let traits = (at.clone(), 0..4_u8, any::<bool>()).prop_map(move |(at, value, a)| {
        let name = if a { "a" } else { "email" };
        let value = if value == 3 { "null".to_owned() } else { value.to_string() };
        identify(number, at, &format!(r#"{{"{name}":{value}}}"#))
    });
    let words = (at.clone(), any::<bool>(), any::<bool>()).prop_map(move |(at, ads, more)| {
        let more = if more { r#", "Analytics": true"# } else { "" };
        let text = format!(r#"{{"consent": {{"categoryPreferences": {{"Ads": {ads}{more}}}}}}}"#);
        Message { context: Some(Personal(text)), ..track(number, "Quiet", at, "{}") }
    });
    let pages = (at, 0..3_u8).prop_map(move |(at, path)| page(number, &format!("/{path}"), at));
    prop_oneof![4 => event, 2 => traits, 1 => pages, 1 => words]
}

fn messages(most: u64) -> impl Strategy<Value = Vec<Message>> {
    (1..most).prop_flat_map(|count| (0..count).map(a_message).collect::<Vec<_>>())
}

/// What must not depend on the order: everything but the moments of entries and of recording.
fn settled(story: &Story, of: ProfileId) -> Value {
    let mut view = story.view(of);
    view.segments.sort_by_key(|one| one.segment);
    for one in &mut view.segments {
        one.entered_at = Timestamp::EPOCH;
    }
    view.merged.sort_unstable();
    // Of words that messages repeat it shows the changes, as far as they arrived in order.
    view.consent_history.clear();
    for one in &mut view.consents {
        one.recorded_at = Timestamp::EPOCH;
    }
    json(&view)
}

/// The rows that lead to live profiles are exactly those that their views call for.
fn check_rows(story: &Story) {
    let mut want = BTreeSet::new();
    for (id, actor) in &story.actors {
        let Answer::Profile(view) = story.ask(*id, Query::Get) else { continue };
        let term = index::profile_term(*id);
        let mut row = |index, key: Vec<u8>| want.insert((index, Some(key), term.clone()));
        for (index, ids) in [
            (index::BY_USER_ID, &view.user_ids),
            (index::BY_ANONYMOUS_ID, &view.anonymous_ids),
            (index::BY_EXTERNAL_ID, &view.external_ids),
        ] {
            ids.iter().for_each(|id| _ = row(index, id.0.clone().into_bytes()));
        }
        for one in &view.traits {
            let value: Value = serde_json::from_str(one.value.text()).expect("a trait is JSON");
            index::trait_key(&one.name, &value)
                .into_iter()
                .for_each(|key| _ = row(index::BY_TRAIT, key));
        }
        view.email.iter().for_each(|email| _ = row(index::BY_EMAIL, index::email_key(&email.0)));
        want.insert((index::PROFILES, None, term.clone()));
        for one in &view.segments {
            want.insert((index::MEMBERS, None, index::member_term(one.segment, *id)));
        }
        let mut folded = State::default();
        actor.history.iter().for_each(|event| Profile::apply(&mut folded, event));
        assert_eq!(folded, actor.state, "the state is the fold of its events");
    }
    let listed = want.iter().filter(|(of, _, _)| *of == index::PROFILES).count() as i64;
    let counted = story.counts.get(&(index::PROFILE_COUNT, None, Vec::new()));
    assert_eq!(counted.copied().unwrap_or_default(), listed);
    let past = |key: &&RowKey| key.0 != index::PAST_MEMBERS;
    assert_eq!(story.rows.keys().filter(past).cloned().collect::<BTreeSet<_>>(), want);
}

/// What may happen between three users, whose ids are only ever aliased upwards, and two devices.
#[derive(Clone, Copy, Debug)]
enum Step {
    Known(u8),
    Visit(u8),
    Login(u8, u8),
    Alias(u8, u8),
    /// One of the effects under way arrives.
    Deliver(usize),
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_u8).prop_map(Step::Known),
        3 => (0..2_u8).prop_map(Step::Visit),
        2 => (0..2_u8, 0..3_u8).prop_map(|(device, user)| Step::Login(device, user)),
        1 => (0..2_u8, 1..3_u8).prop_map(|(from, to)| Step::Alias(from, to.max(from + 1))),
        5 => any::<usize>().prop_map(Step::Deliver),
    ]
}

fn step_message(step: Step, number: u64) -> Option<Message> {
    let seen = track(number, "Seen", NOON, "{}");
    let (known, device) = (|id: u8| format!("u{id}"), |id: u8| format!("d{id}"));
    match step {
        Step::Known(id) => Some(by_user(seen, &known(id))),
        Step::Visit(id) => Some(by_anonymous(seen, &device(id))),
        Step::Login(id, to) => Some(by_user(by_anonymous(seen, &device(id)), &known(to))),
        Step::Alias(from, to) => Some(alias(number, NOON, &known(from), &known(to))),
        Step::Deliver(_) => None,
    }
}

fn revenue(messages: &[Message]) -> i128 {
    let amount = |message: &Message| {
        let value: Value = serde_json::from_str(&message.properties.as_ref()?.0).ok()?;
        let micros = impresario_rules::micros(value.get("revenue")?)?;
        match message.label() {
            "Order Completed" => Some(micros),
            "Order Refunded" => Some(-micros),
            _ => None,
        }
    };
    messages.iter().filter_map(amount).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn p1_arrival_order_does_not_matter(
        (given, shuffled) in messages(40).prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle()))
    ) {
        let after = |messages: &[Message]| {
            let mut story = Story::new(policy());
            for message in messages {
                story.receive(by_user(message.clone(), "ada")).expect("accepted");
                story.receive(by_user(message.clone(), "ada")).expect("a duplicate is answered");
            }
            check_rows(&story);
            settled(&story, user("ada"))
        };
        let first = after(&given);
        prop_assert_eq!(first.pointer("/events"), Some(&given.len().into()));
        prop_assert_eq!(first, after(&shuffled));
    }

    #[test]
    fn p6_a_sweep_finds_what_evaluation_on_the_way_found(given in messages(25)) {
        let mut story = Story::new(policy());
        let mut late = Story::new(Policy::default());
        for message in given {
            story.receive(by_user(message.clone(), "ada")).expect("accepted");
            late.receive(by_user(message, "ada")).expect("accepted");
        }
        late.policy = policy();
        let sweep = Command::Reevaluate { segment: segment_id(1), version: 1 };
        late.send(user("ada"), sweep.clone()).expect("accepted");
        prop_assert_eq!(settled(&story, user("ada")), settled(&late, user("ada")));
        let events = story.actors[&user("ada")].state.clone();
        story.send(user("ada"), sweep).expect("accepted");
        prop_assert_eq!(settled(&story, user("ada")), settled(&late, user("ada")));
        prop_assert_eq!(&events, &story.actors[&user("ada")].state, "a second look changes nothing");
    }

    #[test]
    fn p3_sessions_are_those_of_the_sorted_times(
        minutes in prop::collection::vec(0..700_i64, 1..60),
        idle in prop_oneof![Just(30_u16), 30..120_u16],
    ) {
        let mut story = Story::new(Policy::default().with_session_idle(idle));
        for (number, minute) in (0..).zip(&minutes) {
            story.receive(by_user(track(number, "Seen", NOON + minute * MINUTE, "{}"), "ada")).expect("accepted");
        }
        let mut sorted = minutes;
        sorted.sort_unstable();
        let gaps = sorted.windows(2).filter(|pair| pair[1] - pair[0] >= i64::from(idle)).count();
        let view = story.view(user("ada"));
        prop_assert_eq!(view.session_count, gaps as u64 + 1);
        prop_assert_eq!(view.sessions.iter().map(|one| one.events as usize).sum::<usize>(), sorted.len());
    }

    #[test]
    fn p4_merge_and_unmerge_leave_what_each_had(
        given in messages(24),
        known in prop::collection::vec(any::<bool>(), 24),
        login in 0..24_usize,
    ) {
        // `apart` never merges: the login names no device.
        let (mut story, mut apart) = (Story::new(policy()), Story::new(policy()));
        story.policy = policy();
        let login_message = |number| by_user(identify(number, NOON, r#"{"b":1}"#), "ada");
        for (position, message) in given.iter().enumerate() {
            if position == login.min(given.len() - 1) {
                story.receive(by_anonymous(login_message(900), "dev")).expect("accepted");
                apart.receive(login_message(900)).expect("accepted");
            }
            let message = message.clone();
            let message = if known[position] { by_user(message, "ada") } else { by_anonymous(message, "dev") };
            story.receive(message.clone()).expect("accepted");
            apart.receive(message).expect("accepted");
            check_rows(&story);
        }
        let merged = story.view(user("ada"));
        prop_assert_eq!(merged.events, given.len() as u64 + 1);
        prop_assert_eq!(merged.orders.revenue_micros, revenue(&given));
        story.send(user("ada"), Command::Unmerge { from: anonymous("dev") }).expect("accepted");
        check_rows(&story);
        prop_assert_eq!(settled(&story, user("ada")), settled(&apart, user("ada")));
        if apart.actors.contains_key(&anonymous("dev")) {
            prop_assert_eq!(settled(&story, anonymous("dev")), settled(&apart, anonymous("dev")));
        }
    }

    #[test]
    fn p1_merging_equals_receiving_all_at_once(
        (given, first) in messages(24).prop_flat_map(|given| {
            let count = given.len();
            (Just(given), subsequence((0..count).collect::<Vec<_>>(), 0..=count))
        })
    ) {
        let (mut story, mut whole) = (Story::new(policy()), Story::new(policy()));
        let (before, after): (Vec<_>, Vec<_>) =
            given.iter().enumerate().partition(|(position, _)| first.contains(position));
        let login = by_user(by_anonymous(identify(900, NOON, "{}"), "dev"), "ada");
        for (_, message) in before {
            story.receive(by_anonymous(message.clone(), "dev")).expect("accepted");
            whole.receive(by_user(message.clone(), "ada")).expect("accepted");
        }
        story.receive(login.clone()).expect("accepted");
        whole.receive(login).expect("accepted");
        for (_, message) in after {
            story.receive(by_anonymous(message.clone(), "dev")).expect("accepted");
            whole.receive(by_user(message.clone(), "ada")).expect("accepted");
        }
        prop_assert_eq!(settled(&story, user("ada")), settled(&whole, user("ada")));
    }

    #[test]
    fn p4_nothing_is_lost_or_doubled_however_effects_travel(steps in prop::collection::vec(a_step(), 1..60)) {
        let mut story = Story::new(policy());
        let mut under_way: Vec<Effect> = Vec::new();
        let mut sent = 0;
        let settle = std::iter::repeat_n(Step::Deliver(0), 1_000);
        for step in steps.into_iter().chain(settle) {
            let turn = match (step, step_message(step, sent)) {
                (_, Some(message)) => {
                    sent += 1;
                    Some((home(&message), Command::Ingest(Box::new(message))))
                }
                (Step::Deliver(which), None) if !under_way.is_empty() => {
                    let effect = under_way.remove(which % under_way.len());
                    story.address(effect)
                }
                (_, None) => None,
            };
            if let Some((to, command)) = turn
                && let Ok((_, effects)) = story.turn(to, command)
            {
                under_way.extend(effects);
            }
        }
        prop_assert!(under_way.is_empty());
        check_rows(&story);
        let events = |id: &ProfileId| {
            if let Answer::Profile(view) = story.ask(*id, Query::Get) { view.events } else { 0 }
        };
        prop_assert_eq!(story.actors.keys().map(events).sum::<u64>(), sent);
    }
}
