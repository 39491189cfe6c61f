//! PRV-01: consent as messages of the tracking API carry it, in `context.consent`.

use super::*;

fn with_context(message: Message, context: &str) -> Message {
    Message { context: Some(Personal(context.to_owned())), ..message }
}

fn carrying(number: u64, at: i64, preferences: &str) -> Message {
    let context = format!(r#"{{"consent": {{"categoryPreferences": {preferences}}}}}"#);
    by_user(with_context(track(number, "Seen", at, "{}"), &context), "ada")
}

/// Purpose, channel, whether it is allowed.
type Word<'a> = (&'a str, &'a str, bool);

/// What holds after these messages, in any order.
#[track_caller]
fn check(given: &[(i64, &str)], want: &[Word<'_>]) {
    let message = |(number, (at, text)): (u64, &(i64, &str))| carrying(number, *at, text);
    let messages: Vec<Message> = (0..).zip(given).map(message).collect();
    for order in [messages.clone(), messages.into_iter().rev().collect()] {
        let mut story = Story::new(Policy::default());
        for message in order {
            story.receive(message).expect("accepted");
        }
        let view = story.view(user("ada"));
        let got: Vec<Word<'_>> =
            view.consents.iter().map(|one| (&*one.purpose, &*one.channel, one.granted)).collect();
        assert_eq!(got, want);
    }
}

#[test]
fn prv_01_each_category_is_a_purpose_on_every_channel() {
    check(
        &[(NOON, r#"{"Functional": true, "Advertising": false}"#)],
        &[("Advertising", "*", false), ("Functional", "*", true)],
    );
    check(&[(NOON, "{}")], &[]);
    check(&[(NOON, "null")], &[]);
}

#[test]
fn prv_03_the_latest_message_holds_and_a_withdrawal_wins_a_tie() {
    let (yes, no) = (r#"{"Ads": true}"#, r#"{"Ads": false}"#);
    check(&[(1, yes), (2, no)], &[("Ads", "*", false)]);
    check(&[(1, no), (2, yes)], &[("Ads", "*", true)]);
    check(&[(1, yes), (1, no)], &[("Ads", "*", false)]);
    check(&[(1, yes), (2, no), (3, yes)], &[("Ads", "*", true)]);
}

#[test]
fn prv_01_a_message_after_a_withdrawal_by_hand_says_yes_again_whenever_it_arrives() {
    let by_hand = ConsentChange {
        purpose: "Ads".to_owned(),
        channel: "*".to_owned(),
        granted: false,
        source: "form".to_owned(),
        text_version: "v1".to_owned(),
        proof: None,
        at: Timestamp::from_ms(20),
    };
    let yes = |number, at| carrying(number, at, r#"{"Ads": true}"#);
    for withdrawal_at in 0..=3 {
        let mut story = Story::new(Policy::default());
        for step in 0..3 {
            if step == withdrawal_at {
                story
                    .send(user("ada"), Command::SetConsent(by_hand.clone()))
                    .expect("a withdrawal");
            }
            story.receive(yes(step, [10, 15, 30][step as usize])).expect("accepted");
        }
        if withdrawal_at == 3 {
            story.send(user("ada"), Command::SetConsent(by_hand.clone())).expect("a withdrawal");
        }
        let view = story.view(user("ada"));
        assert!(view.consents[0].granted, "at {withdrawal_at}: {:?}", view.consents);
    }
}

#[test]
fn prv_02_the_history_shows_changes_not_repetitions() {
    let mut story = Story::new(Policy::new(Vec::new(), Vec::new(), everything()));
    for (number, granted) in [true, true, true, false, false, true].into_iter().enumerate() {
        let number = number as u64;
        let text = format!(r#"{{"Ads": {granted}}}"#);
        story.receive(carrying(number, NOON + number as i64, &text)).expect("accepted");
    }
    let view = story.view(user("ada"));
    let history: Vec<(bool, i64)> =
        view.consent_history.iter().map(|one| (one.granted, one.at.as_ms() - NOON)).collect();
    assert_eq!(history, [(true, 0), (false, 3), (true, 5)]);
    assert_eq!(view.consents[0].source, "context.consent");
    assert!(story.webhooks.iter().all(|(kind, _)| kind == "consent.changed"));
    let told: Vec<&Value> = story.webhooks.iter().map(|(_, data)| &data["granted"]).collect();
    assert_eq!(told, [&Value::from(true), &Value::from(false), &Value::from(true)]);
}

#[test]
fn prv_01_they_survive_a_merge_and_leave_with_it() {
    let mut story = Story::new(Policy::default());
    let visit = Message { user_id: None, ..carrying(1, NOON, r#"{"Ads": false}"#) };
    story.receive(by_anonymous(visit, "dev")).expect("accepted");
    story.receive(carrying(2, NOON - 1, r#"{"Ads": true}"#)).expect("accepted");
    let login = by_anonymous(identify(3, NOON, "{}"), "dev");
    story.receive(by_user(login, "ada")).expect("accepted");
    assert!(!story.view(user("ada")).consents[0].granted, "the device's later word holds");
    story.send(user("ada"), Command::Unmerge { from: anonymous("dev") }).expect("taken apart");
    assert!(story.view(user("ada")).consents[0].granted);
    assert!(!story.view(anonymous("dev")).consents[0].granted);
}

#[test]
fn malformed_preferences_are_refused_and_other_shapes_are_not_read() {
    let taken = |context: &str| {
        let message = by_user(with_context(track(1, "Seen", NOON, "{}"), context), "ada");
        Story::new(Policy::default()).receive(message).map(|_| ())
    };
    let wrong = Err(Rejection::ConsentInvalid { field: "categoryPreferences".into() });
    for preferences in [r#"{"Ads": "no"}"#, r#"{"": true}"#, r#"["Ads"]"#, "false"] {
        let context = format!(r#"{{"consent": {{"categoryPreferences": {preferences}}}}}"#);
        assert_eq!(taken(&context), wrong, "{preferences}");
    }
    let long = format!(r#"{{"consent":{{"categoryPreferences":{{"{}":true}}}}}}"#, "x".repeat(65));
    assert_eq!(taken(&long), wrong);
    for context in [
        r#"{"consent": "granted"}"#,
        r#"{"consent": {"provider": "x"}}"#,
        r#"{"categoryPreferences": 1}"#,
        r#"{"note": "categoryPreferences"}"#,
    ] {
        assert_eq!(taken(context), Ok(()), "{context}");
    }
}

#[test]
fn preferences_are_bounded() {
    let many = |from: usize, to: usize| {
        let entries: Vec<String> = (from..to).map(|n| format!(r#""p{n}": true"#)).collect();
        format!("{{{}}}", entries.join(","))
    };
    let full = Err(Rejection::ConsentsTooMany { max: CONSENTS_MAX });
    let mut story = Story::new(Policy::default());
    let mut receive = |number, text: &str| story.receive(carrying(number, NOON, text)).map(|_| ());
    assert_eq!(receive(1, &many(0, CONSENTS_MAX + 1)), full);
    assert_eq!(receive(2, &many(0, CONSENTS_MAX)), Ok(()));
    assert_eq!(receive(3, &many(0, 3)), Ok(()));
    assert_eq!(receive(4, &many(CONSENTS_MAX, CONSENTS_MAX + 1)), full);
}
