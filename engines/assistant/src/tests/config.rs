use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::*;

/// The places and codes of what is wrong with this configuration.
#[track_caller]
fn check(text: &str, want: &[(&str, &str)]) {
    let got = AssistantConfig::parse(text).err().unwrap_or_default();
    let got: Vec<(&str, &str)> =
        got.iter().map(|problem| (problem.pointer.as_str(), &*problem.code)).collect();
    assert_eq!(got, want, "{text}");
}

#[test]
fn cnv_05_nothing_is_a_configuration_and_so_are_the_defaults() {
    check("{}", &[]);
    assert_eq!(AssistantConfig::parse("{}"), Ok(AssistantConfig::default()));
    check(&AssistantConfig::default().to_json(), &[]);
}

#[test]
fn cnv_04_mistakes_are_named_with_their_place() {
    check("[]", &[("", "invalid_json")]);
    check("{", &[("", "invalid_json")]);
    check(r#"{"nam":"x"}"#, &[("/nam", "wrong_shape")]);
    check(
        r#"{"name":1,"tone":2,"persona":"fine"}"#,
        &[("/name", "wrong_shape"), ("/tone", "wrong_shape")],
    );
    check(r#"{"name":""}"#, &[("/name", "invalid_text")]);
    check(r#"{"thresholds":{"answer":1.5}}"#, &[("/thresholds/answer", "number_out_of_range")]);
    check(r#"{"thresholds":{"answer":0.2,"handoff":0.4}}"#, &[("/thresholds", "invalid_range")]);
    check(r#"{"burst":{"quiet_ms":5000,"max_wait_ms":1000}}"#, &[("/burst", "invalid_range")]);
    check(r#"{"disclosure":{"enabled":false}}"#, &[("/disclosure/reason", "reason_missing")]);
    check(r#"{"disclosure":{"enabled":false,"reason":"the widget says so"}}"#, &[]);
    check(
        r#"{"business_hours":{"zone":"Europe/Berlim","weekly":[{"days":["monday"],"from":"17:00","to":"09:00"}],"closed":["2026-13-01"]}}"#,
        &[
            ("/business_hours/zone", "unknown_zone"),
            ("/business_hours/weekly/0", "invalid_range"),
            ("/business_hours/closed/0", "invalid_value"),
        ],
    );
    check(
        r#"{"languages":{"default":"en","supported":["de","FR"]}}"#,
        &[("/languages/supported/1", "invalid_value"), ("/languages/default", "unknown_name")],
    );
    check(r##"{"widget":{"color":"#12345g"}}"##, &[("/widget/color", "invalid_value")]);
    check(
        r#"{"widget":{"logo_url":"javascript:alert(1)"}}"#,
        &[("/widget/logo_url", "invalid_value")],
    );
    check(r#"{"rollout":{"percent":101}}"#, &[("/rollout/percent", "number_out_of_range")]);
}

#[test]
fn cnv_18_intents_are_checked_for_names_and_circles() {
    check(
        r#"{"intents":[{"name":"a","after":["b"]},{"name":"b","after":["c"]},{"name":"c","after":["a"]}]}"#,
        &[
            ("/intents/0/after", "circle"),
            ("/intents/1/after", "circle"),
            ("/intents/2/after", "circle"),
        ],
    );
    check(
        r#"{"intents":[{"name":"a","after":["x"]},{"name":"a"},{"name":"A b"}]}"#,
        &[
            ("/intents/0/after/0", "unknown_name"),
            ("/intents/1/name", "duplicate_name"),
            ("/intents/2/name", "invalid_text"),
        ],
    );
    check(
        r#"{"intents":[{"name":"lead","handling":{"collect":{"fields":[]}}}]}"#,
        &[("/intents/0/handling/collect/fields", "wrong_length")],
    );
    check(
        r#"{"intents":[{"name":"lead","handling":{"collect":{"fields":[{"name":"email","prompt":"Your email?","kind":"email"}],"then":"nurture"}}},{"name":"cancel","handling":"handoff"}]}"#,
        &[],
    );
}

#[test]
fn a_large_configuration_is_refused_before_it_is_read() {
    check(&format!("{{\"name\":\"{}\"}}", "x".repeat(CONFIG_BYTES_MAX)), &[("", "too_large")]);
}

#[test]
fn cnv_18_urgent_intents_come_first_but_after_what_they_need() {
    let intent = |name: &str, urgency, after: &[&str]| Intent {
        name: name.to_owned(),
        urgency,
        after: after.iter().map(|name| (*name).to_owned()).collect(),
        ..Intent::default()
    };
    let intents = [
        intent("refund", Urgency::Critical, &["order"]),
        intent("order", Urgency::Low, &[]),
        intent("hours", Urgency::Normal, &[]),
        intent("lost_card", Urgency::High, &[]),
    ];
    let check =
        |found: &[&str], want: &[usize]| assert_eq!(order(found, &intents), want, "{found:?}");
    check(&["hours", "refund", "lost_card"], &[1, 2, 0]);
    check(&["refund", "hours", "order"], &[1, 2, 0]);
    check(&["refund", "order"], &[1, 0]);
    check(&["other", "hours", "other"], &[0, 1, 2]);
    check(&[], &[]);
}

#[test]
fn texts_are_the_tenants_own_where_given_and_built_in_otherwise() {
    let own = Texts { handoff: Some("Moment!".to_owned()), ..Texts::default() };
    let config = AssistantConfig {
        name: "Ada".to_owned(),
        texts: BTreeMap::from([("de".to_owned(), own)]),
        ..AssistantConfig::default()
    };
    assert_eq!(config.text(Some("de"), Say::Handoff), "Moment!");
    assert_eq!(config.text(Some("de"), Say::Disclosure), "Ich bin Ada, ein KI-Assistent.");
    assert_eq!(config.text(Some("xx"), Say::Disclosure), "I am Ada, an AI assistant.");
    assert_eq!(config.text(None, Say::Disclosure), "I am Ada, an AI assistant.");
    let german = AssistantConfig {
        languages: Languages { default: "de".to_owned(), supported: vec!["de".to_owned()] },
        ..config
    };
    assert_eq!(german.text(Some("fr"), Say::Handoff), "Moment!");
    assert_eq!(german.language(Some("und")), "de");
}

#[test]
fn every_built_in_language_says_everything() {
    let config = AssistantConfig::default();
    for language in ["en", "de", "fr", "es", "it", "nl", "pt"] {
        for say in Say::ALL {
            let text = config.text(Some(language), say);
            assert!(!text.is_empty(), "{language} {say:?}");
            let english = config.text(Some("en"), say);
            assert_eq!(text.contains("{topic}"), english.contains("{topic}"), "{language} {say:?}");
        }
    }
}

proptest! {
    #[test]
    fn n4_a_growing_rollout_moves_nobody_back(id: [u8; 16], less in 0_u8..=100, more in 0_u8..=100, seed: String) {
        let (less, more) = (less.min(more), less.max(more));
        let path = |percent| Rollout { percent, seed: seed.clone(), ..Rollout::default() }.path(&id);
        if path(less) == RolloutPath::New {
            prop_assert_eq!(path(more), RolloutPath::New);
        }
        prop_assert_eq!(path(100), RolloutPath::New);
        prop_assert_eq!(path(0), RolloutPath::Old);
    }

    #[test]
    fn n1_what_is_valid_prints_and_parses_to_itself(name in "[a-zA-Z ]{1,60}", percent in 0_u8..=100, quiet in 0_u32..60_000, answer in 0.15_f64..1.0, on: bool) {
        let config = AssistantConfig {
            name,
            rollout: Rollout { percent, ..Rollout::default() },
            burst: Burst { quiet_ms: quiet, max_wait_ms: quiet, restarts_max: 3 },
            thresholds: Thresholds { answer, handoff: 0.1 },
            features: Features { suggestions: on, ..Features::default() },
            ..AssistantConfig::default()
        };
        match AssistantConfig::parse(&config.to_json()) {
            Ok(read) => prop_assert_eq!(read, config),
            Err(problems) => prop_assert!(config.name.trim().is_empty(), "{:?}", problems),
        }
    }

    #[test]
    fn no_text_panics_as_a_configuration(text: String) {
        let _ = AssistantConfig::parse(&text);
    }

    #[test]
    fn cnv_18_every_intent_is_dealt_with_once(found in proptest::collection::vec("[a-d]", 0..8)) {
        let intents: Vec<Intent> = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
            .into_iter()
            .map(|(name, after)| Intent { name: name.to_owned(), after: vec![after.to_owned()], ..Intent::default() })
            .collect();
        let names: Vec<&str> = found.iter().map(String::as_str).collect();
        let mut positions = order(&names, &intents);
        positions.sort_unstable();
        prop_assert_eq!(positions, (0..found.len()).collect::<Vec<_>>());
    }
}
