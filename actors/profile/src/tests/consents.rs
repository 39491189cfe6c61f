use super::*;

fn change(purpose: &str, granted: bool, at: i64) -> ConsentChange {
    ConsentChange {
        purpose: purpose.to_owned(),
        channel: "email".to_owned(),
        granted,
        source: "form".to_owned(),
        text_version: "v1".to_owned(),
        proof: Some(Personal(r#"{"ip":"192.0.2.1"}"#.to_owned())),
        at: Timestamp::from_ms(at),
    }
}

/// Whether marketing by e-mail is allowed after these words, and how long the history is.
#[track_caller]
fn check(given: &[(bool, i64)], granted: bool, history: usize) {
    let mut story = Story::new(Policy::default());
    for (granted, at) in given {
        let command = Command::SetConsent(change("marketing", *granted, *at));
        story.send(user("ada"), command).expect("accepted");
    }
    let view = story.view(user("ada"));
    assert_eq!(view.consents.iter().map(|consent| consent.granted).collect::<Vec<_>>(), [granted]);
    assert_eq!(view.consent_history.len(), history);
}

#[test]
fn prv_01_the_latest_word_holds() {
    check(&[(true, 1)], true, 1);
    check(&[(true, 1), (false, 2)], false, 2);
    check(&[(false, 2), (true, 1)], false, 2);
    check(&[(false, 1), (true, 1)], false, 2);
    check(&[(true, 1), (true, 1)], true, 1);
}

#[test]
fn prv_02_history_is_bounded_in_the_profile_and_never_refuses_a_withdrawal() {
    let words: Vec<(bool, i64)> = (0..=500).map(|n| (n % 2 == 0, n)).collect();
    check(&words, true, CONSENT_HISTORY);
    check(&words[..500], false, CONSENT_HISTORY);
}

#[test]
fn prv_02_proof_and_text_version_are_kept() {
    let mut story = Story::new(Policy::new(Vec::new(), Vec::new(), everything()));
    story
        .send(user("ada"), Command::SetConsent(change("marketing", true, NOON)))
        .expect("accepted");
    let shown = json(&story.view(user("ada")));
    assert_eq!(shown.pointer("/consent_history/0/proof/ip"), Some(&"192.0.2.1".into()));
    assert_eq!(shown.pointer("/consents/0/text_version"), Some(&"v1".into()));
    assert_eq!(story.webhooks[0].0, "consent.changed");
}

#[test]
fn malformed_consents_are_refused() {
    let refused = |change: ConsentChange| {
        let result = Story::new(Policy::default()).send(user("ada"), Command::SetConsent(change));
        result.err().map(|rejection| impresario_kernel::Coded::code(&rejection))
    };
    let good = change("marketing", true, 1);
    assert_eq!(refused(good.clone()), None);
    assert_eq!(
        refused(ConsentChange { purpose: String::new(), ..good.clone() }),
        Some("consent_invalid")
    );
    assert_eq!(
        refused(ConsentChange { channel: "x".repeat(65), ..good.clone() }),
        Some("consent_invalid")
    );
    let proof = Some(Personal("{".to_owned()));
    assert_eq!(refused(ConsentChange { proof, ..good }), Some("consent_invalid"));
}

#[test]
fn pairs_are_bounded() {
    let mut story = Story::new(Policy::default());
    let mut set =
        |n: usize| story.send(user("ada"), Command::SetConsent(change(&format!("p{n}"), true, 1)));
    for n in 0..CONSENTS_MAX {
        set(n).expect("accepted");
    }
    assert_eq!(set(CONSENTS_MAX), Err(Rejection::ConsentsTooMany { max: CONSENTS_MAX }));
    story.send(user("ada"), Command::SetConsent(change("p0", false, 2))).expect("accepted");
}
