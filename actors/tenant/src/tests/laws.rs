use std::collections::BTreeSet;

use impresario_kernel::{decode, encode};
use proptest::prelude::*;

use super::*;

fn any_command() -> impl Strategy<Value = Command> {
    let grace = prop_oneof![Just(0_i64), 0..DAY_MS, Just(-1)];
    let version = 1_u32..4;
    prop_oneof![
        Just(onboard(Plan::Free)),
        (0..12_u8).prop_map(create_key),
        (0..12_u8, 0..12_u8, grace.clone())
            .prop_map(|(old, new, grace)| rotate_key(old, new, grace)),
        (0..12_u8).prop_map(revoke_key),
        Just(suspend()),
        Just(Command::Resume),
        Just(Command::MarkExported),
        (0..3_usize).prop_map(|plan| Command::ChangePlan { plan: Plan::ALL[plan] }),
        proptest::option::of(0_u64..4).prop_map(|keys| Command::OverrideLimits {
            overrides: Overrides { keys, endpoints: keys, segments: keys, ..Overrides::default() }
        }),
        (0..6_u8, version).prop_map(|(n, version)| publish(n, version, "s")),
        (0..6_u8).prop_map(withdraw),
        (0..6_u8).prop_map(archive),
        (0..6_u8).prop_map(|n| add_endpoint(n, &["segment.*"])),
        (0..6_u8).prop_map(disable),
        (0..6_u8).prop_map(|n| Command::RemoveEndpoint { id: endpoint(n) }),
        (0..4_u8).prop_map(|n| Command::ConfigureAssistant { config: format!("{{\"n\":{n}}}") }),
        (0..4_u8, 0..3_u8).prop_map(|(n, secret)| Command::PutConnection {
            name: format!("c{n}"),
            kind: "slack".to_owned(),
            settings: Personal(format!("{{\"token\":\"whsec_{secret}\"}}")),
        }),
        (0..4_u8).prop_map(|n| Command::RemoveConnection { name: format!("c{n}") }),
        (0..3_u8).prop_map(|n| Command::ConfigureCollections {
            collections: (0..n).map(collection).collect()
        }),
        Just(announce("segment.entered")),
        (0..6_u8, grace).prop_map(|(n, grace_ms)| Command::RotateEndpointSecret {
            id: endpoint(n),
            secret: Personal("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            grace_ms,
        }),
    ]
}

fn collection(n: u8) -> Collection {
    Collection {
        name: format!("c{n}"),
        title: String::new(),
        description: String::new(),
        embedding: None,
        fields: Vec::new(),
    }
}

/// Commands, each after a pause.
fn any_history() -> impl Strategy<Value = Vec<(i64, Command)>> {
    proptest::collection::vec((0..DAY_MS, any_command()), 0..60)
}

/// What the limits bound, as far as commands add to it.
fn sizes(story: &Story) -> [(usize, u64); 4] {
    let limits = story.state.limits();
    let live = |replaced: bool| {
        let wanted = |key: &&Key| key.is_live(story.now) && key.replaced_by.is_some() == replaced;
        story.state.keys().filter(wanted).count()
    };
    [
        (live(false), limits.keys),
        (live(true), limits.keys),
        (story.state.endpoints().count(), limits.endpoints),
        (story.state.live_segments().count(), limits.segments),
    ]
}

fn shows_a_secret(value: &impl std::fmt::Debug) -> bool {
    let text = format!("{value:?}");
    // 0xA7 is a byte of the pepper; the secret of key n is all n.
    text.contains("whsec_")
        || text.contains("167, 167")
        || text.contains("a7a7")
        || text.contains("[3, 3, 3")
}

proptest! {
    /// T1: a key that was revoked or has expired never works again.
    #[test]
    fn dead_keys_stay_dead(history in any_history()) {
        let mut story = Story::told([onboard(Plan::Pro)]);
        let mut revoked = BTreeSet::new();
        for (pause, command) in history {
            story.now = story.now.plus_ms(pause);
            let ended = if let Command::RevokeKey { id } = &command { Some(*id) } else { None };
            if story.try_tell(command).is_ok() {
                revoked.extend(ended);
            }
            for n in 0..12 {
                let id = ApiKeyId::from_bytes([n; 16]);
                let live = story.state.key(id).is_some_and(|key| key.is_live(story.now));
                prop_assert_eq!(story.works(n), live);
                prop_assert!(!(revoked.contains(&id) && story.works(n)));
            }
        }
        story.tell(Command::Delete);
        prop_assert!((0..12).all(|n| !story.works(n)));
    }

    /// T2: no command takes anything past its limit.
    #[test]
    fn limits_hold(history in any_history()) {
        let mut story = Story::told([onboard(Plan::Free)]);
        for (pause, command) in history {
            story.now = story.now.plus_ms(pause);
            let before = sizes(&story);
            let _ = story.try_tell(command);
            for ((had, _), (has, limit)) in before.into_iter().zip(sizes(&story)) {
                prop_assert!(has <= had || has as u64 <= limit, "{had} became {has}, the limit is {limit}");
            }
        }
    }

    /// T4, and the promises of the kernel: equal events give equal states, every stored value reads
    /// back as it was, nothing that prints shows a secret.
    #[test]
    fn stories_replay_and_do_not_leak(history in any_history()) {
        let mut story = Story::told([onboard(Plan::Pro)]);
        let first = Event::Onboarded {
            name: "Acme".to_owned(),
            domain: "acme.example".to_owned(),
            plan: Plan::Pro,
            pepper: pepper(),
            at: story.now,
        };
        let mut replayed = State::default();
        replayed.apply(&first);
        for (pause, command) in history {
            story.now = story.now.plus_ms(pause);
            prop_assert!(!shows_a_secret(&command));
            prop_assert_eq!(decode::<Command>(&encode(&command)).ok(), Some(command.clone()));
            let Ok(decision) = story.try_tell(command) else { continue };
            prop_assert!(!shows_a_secret(&decision));
            for event in &decision.events {
                let stored = decode::<Event>(&encode(event)).ok();
                prop_assert_eq!(stored.as_ref(), Some(event));
                replayed.apply(event);
            }
        }
        prop_assert!(!shows_a_secret(&story.state));
        prop_assert_eq!(&replayed, &story.state);
        let stored = decode::<State>(&encode(&story.state)).ok();
        prop_assert_eq!(stored.as_ref(), Some(&story.state));
    }

    /// T5: the version of a live segment never goes back.
    #[test]
    fn segment_versions_only_grow(steps in proptest::collection::vec((0..2_u8, 1_u32..6, any::<bool>()), 0..40)) {
        let mut story = Story::told([onboard(Plan::Pro)]);
        let mut highest = [0; 2];
        for (n, version, live) in steps {
            story.tell(if live { publish(n, version, "s") } else { withdraw(n) });
            if let Some(live) = story.state.live_segment(segment(n)) {
                prop_assert!(live.version >= highest[usize::from(n)]);
                highest[usize::from(n)] = live.version;
            }
        }
    }
}
