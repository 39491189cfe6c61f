use impresario_kernel::{Coded as _, encode};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let rule = select(vec![RULE, OTHER_RULE, "{", r#"{"trait":"a"}"#, ""]);
    let name = select(vec!["Buyers", "Customers", "", "\u{7}"]);
    let save = (name, "[a-z]{0,3}", rule, prop::option::weighted(0.2, 0_u32..5)).prop_map(
        |(name, description, rule, expected_version)| Command::Save {
            name: name.to_owned(),
            description,
            rule: rule.to_owned(),
            expected_version,
        },
    );
    let command = prop_oneof![
        8 => save,
        2 => Just(Command::Pause),
        3 => Just(Command::Resume),
        1 => Just(Command::Archive),
        4 => (0_u32..5, any::<u64>(), any::<u64>()).prop_map(|(version, profiles, members)| {
            Command::SweepDone { version, profiles, members }
        }),
        2 => (0_u32..5, any::<String>())
            .prop_map(|(version, reason)| Command::SweepFailed { version, reason }),
    ];
    prop::collection::vec(command, 0..40)
}

fn check_invariants(before: &State, state: &State, decision: &Decision<Segment>) {
    // S1
    if state.status != Status::Draft {
        let rule = impresario_rules::parse(state.rule()).expect("a stored rule is valid");
        assert_eq!(rule.to_json(), state.rule());
    }
    // S2
    let grows = before.rule() != state.rule();
    assert_eq!(state.version, before.version + u32::from(grows));
    assert_eq!(state.versions.last().map_or(0, |version| version.version), state.version);
    assert!(state.versions.windows(2).all(|pair| pair[0].version + 1 == pair[1].version));
    assert!(state.versions.len() <= VERSIONS_KEPT);
    // S3
    let live = |state: &State| state.status == Status::Live;
    let published = |state: &State| {
        live(state).then(|| (state.version, state.name.clone(), state.rule().to_owned()))
    };
    let described = before.description != state.description;
    match decision.effects.as_slice() {
        [Effect::Publish { segment, version, name, rule }] => {
            assert_eq!(*segment, id());
            assert_eq!(published(state), Some((*version, name.clone(), rule.clone())));
            assert!(described || published(before) != published(state));
        }
        [Effect::Withdraw { segment, archived }] => {
            assert_eq!((*segment, *archived), (id(), state.status == Status::Archived));
            assert!((live(before) || *archived) && !live(state));
        }
        [] => {
            assert_eq!(published(before), published(state));
            assert_eq!(before.status == Status::Archived, state.status == Status::Archived);
        }
        more => panic!("one effect at most, not {more:?}"),
    }
    // S4
    assert!(
        live(state)
            || !matches!(state.build, Build::Building { .. } | Build::Failed { .. })
            || before.build == state.build
    );
    assert_eq!(decision.reply.version, state.version);
    assert_eq!(decision.reply.status, state.status);
    assert_eq!(decision.reply.changed, before != state);
    assert_eq!(decision.index.len(), decision.events.len());
}

fn check_stored<T: Storable>(value: &T) {
    assert_eq!(&decode::<T>(&encode(value)).expect("decodes"), value);
}

proptest! {
    #[test]
    fn any_story_keeps_the_invariants(commands in commands()) {
        let mut state = State::default();
        for (now, command) in (1..).zip(commands) {
            let before = state.clone();
            check_stored(&command);
            let report = matches!(command, Command::SweepDone { .. } | Command::SweepFailed { .. });
            match decide_at(&state, command, now, &Policy::default()) {
                Ok(decision) => {
                    for event in &decision.events {
                        check_stored(event);
                        Segment::apply(&mut state, event);
                    }
                    decision.effects.iter().for_each(check_stored);
                    check_stored(&decision.reply);
                    check_invariants(&before, &state, &decision);
                }
                Err(rejection) => {
                    // S4
                    prop_assert!(!report, "a report is never refused: {rejection}");
                    prop_assert!(rejection.code().starts_with("segment_"));
                }
            }
            // S5
            if before.status == Status::Archived {
                prop_assert_eq!(&before, &state);
            }
            check_stored(&state);
            check_stored(&ask(&state, Query::Get));
            check_stored(&ask(&state, Query::Version { version: state.version }));
        }
    }

    #[test]
    fn no_bytes_panic_the_decoders(bytes: Vec<u8>) {
        let _ = decode::<Command>(&bytes);
        let _ = decode::<Event>(&bytes);
        let _ = decode::<State>(&bytes);
        let _ = decode::<Effect>(&bytes);
        let _ = decode::<Query>(&bytes);
        let _ = decode::<Answer>(&bytes);
    }
}
