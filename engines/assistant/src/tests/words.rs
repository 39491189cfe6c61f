use std::collections::BTreeMap;

use crate::*;

#[test]
fn cnv_11_an_explicit_wish_for_a_human_is_understood() {
    let config = AssistantConfig {
        handoff: HandoffRules {
            wishes: BTreeMap::from([("en".to_owned(), vec!["page the boss".to_owned()])]),
            ..HandoffRules::default()
        },
        ..AssistantConfig::default()
    };
    let check = |text: &str, want: bool| assert_eq!(asks_for_human(text, &config), want, "{text}");
    check("I want to talk to a human!", true);
    check("Could I SPEAK WITH someone\nplease?", true);
    check("Ich möchte mit einem Menschen sprechen", true);
    check("Quiero hablar con una persona", true);
    check("please page the boss", true);
    check("I don’t want to talk to a human", false);
    check("Bitte nicht mit einem Mitarbeiter verbinden", false);
    check("Are humans mammals?", false);
    check("What does a human agency cost", false);
    check("", false);
}

#[test]
fn cnv_28_a_reminder_is_understood() {
    let check = |text: &str, want: bool| assert_eq!(says_forgotten(text), want, "{text}");
    check("Did you forget my question about shipping?", true);
    check("you didn't answer me", true);
    check("Haben Sie vergessen, was ich gefragt habe?", true);
    check("I forgot my password", false);
    check("what time do you open", false);
}

#[test]
fn words_that_stop_messages_stand_alone() {
    let check = |text: &str, want: Option<bool>| assert_eq!(consent_word(text), want, "{text}");
    check("STOP", Some(true));
    check(" stop. ", Some(true));
    check("Abmelden", Some(true));
    check("START", Some(false));
    check("stop sending me the wrong size", None);
    check("how do I unsubscribe", None);
    check("", None);
}

#[test]
fn cnv_11_handoff_has_a_reason_by_category() {
    let config = AssistantConfig {
        intents: vec![Intent {
            name: "cancel".to_owned(),
            handling: Handling::Handoff,
            ..Intent::default()
        }],
        handoff: HandoffRules {
            topics: vec!["data protection".to_owned()],
            ..HandoffRules::default()
        },
        ..AssistantConfig::default()
    };
    let good = Signals { text: "Hi", confidence: 0.9, ..Signals::default() };
    let check = |signals: Signals<'_>, want: Option<HandoffReason>| {
        assert_eq!(config.handoff(&signals), want, "{signals:?}");
    };
    check(good.clone(), None);
    check(
        Signals { text: "a question on data protection", ..good.clone() },
        Some(HandoffReason::Topic),
    );
    check(
        Signals { text: "live agent", sentiment: -0.9, ..good.clone() },
        Some(HandoffReason::Wish),
    );
    check(Signals { intents: &["cancel"], ..good.clone() }, Some(HandoffReason::Topic));
    check(Signals { sentiment: -0.51, ..good.clone() }, Some(HandoffReason::Sentiment));
    check(Signals { sentiment: -0.5, ..good.clone() }, None);
    check(Signals { confidence: 0.1, ..good.clone() }, Some(HandoffReason::LowConfidence));
    check(Signals { confidence: f64::NAN, ..good.clone() }, Some(HandoffReason::LowConfidence));
    check(Signals { confidence: 0.3, uncertain_turns: 1, ..good.clone() }, None);
    check(
        Signals { confidence: 0.3, uncertain_turns: 2, ..good.clone() },
        Some(HandoffReason::RepeatedLowConfidence),
    );
    check(Signals { wanted: Some(HandoffReason::Budget), ..good }, Some(HandoffReason::Budget));
}
