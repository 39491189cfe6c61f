//! The stored bytes of this release. A line that is here stays here: later releases must read it.

use impresario_kernel::{decode, encode};
use minicbor::{Decode, Encode};

use super::*;

/// Each sample encodes to its line of the file, and the line decodes to what encodes so again.
#[track_caller]
fn check<T>(file: &str, samples: impl IntoIterator<Item = (&'static str, T)>)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + Send + Sync + 'static,
{
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let lines: Vec<_> = samples
        .into_iter()
        .map(|(name, value)| format!("{name} {}", hex(&encode(&value))))
        .collect();
    let got = lines.join("\n");
    assert_eq!(got, file.trim_end(), "\n{got}\n");
    for line in file.lines() {
        let (name, digits) = line.split_once(' ').expect("a name and digits");
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal"))
            .collect();
        let value: T = decode(&bytes).expect(name);
        assert_eq!(hex(&encode(&value)), digits, "{name}");
    }
}

/// Lines of before a field was retired: they read as what is written now under the same name.
#[track_caller]
fn check_earlier<T>(file: &str, samples: Vec<(&'static str, T)>)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + std::fmt::Debug + Send + Sync + 'static,
{
    for line in file.lines() {
        let (name, digits) = line.split_once(' ').expect("a name and digits");
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal"))
            .collect();
        let sample = samples.iter().find(|(known, _)| *known == name);
        assert_eq!(Some(&decode::<T>(&bytes).expect(name)), sample.map(|(_, value)| value));
    }
}

fn full_patch() -> Patch {
    Patch {
        name: Some("Acme".to_owned()),
        domain: Some("acme.example".to_owned()),
        branding: Some(Branding {
            display_name: "ACME".to_owned(),
            logo_url: "https://acme.example/l.png".to_owned(),
            colours: [("primary".to_owned(), "#0a0b0c".to_owned())].into(),
        }),
        allowed_origins: Some(vec!["*.acme.example".to_owned()]),
        session_idle_minutes: Some(30),
        time_zone: Some("Europe/Berlin".to_owned()),
    }
}

fn overrides() -> Overrides {
    Overrides {
        requests_per_day: Some(1),
        burst_per_second: Some(2),
        profiles: Some(3),
        segments: Some(4),
        computed: Some(5),
        keys: Some(6),
        endpoints: Some(7),
    }
}

fn endpoint_patch() -> EndpointPatch {
    EndpointPatch {
        url: Some("https://hooks.example/9".to_owned()),
        description: Some("d".to_owned()),
        events: Some(vec!["*".to_owned()]),
        enabled: Some(true),
    }
}

fn commands() -> Vec<(&'static str, Command)> {
    let body = || Personal("{}".to_owned());
    let message = MessageId::from_bytes([9; 16]);
    let expiring = NewKey { expires_at: Some(Timestamp::from_ms(9)), ..new_key(2) };
    vec![
        ("onboard", onboard(Plan::Pro)),
        ("update", Command::Update { patch: full_patch() }),
        ("update_nothing", Command::Update { patch: Patch::default() }),
        ("change_plan", Command::ChangePlan { plan: Plan::Enterprise }),
        ("override_limits", Command::OverrideLimits { overrides: overrides() }),
        ("create_key", create_key(1)),
        ("create_expiring_key", Command::CreateKey { key: expiring }),
        ("rotate_key", rotate_key(1, 2, 3)),
        ("revoke_key", revoke_key(1)),
        ("suspend", suspend()),
        ("resume", Command::Resume),
        ("mark_exported", Command::MarkExported),
        ("delete", Command::Delete),
        ("publish_segment", publish(1, 2, "vip")),
        ("withdraw_segment", withdraw(1)),
        ("archive_segment", archive(1)),
        ("define_computed", Command::DefineComputed { spec: "{}".to_owned() }),
        ("remove_computed", Command::RemoveComputed { name: "orders".to_owned() }),
        ("add_endpoint", add_endpoint(1, &["segment.*"])),
        ("update_endpoint", Command::UpdateEndpoint { id: endpoint(1), patch: endpoint_patch() }),
        ("remove_endpoint", Command::RemoveEndpoint { id: endpoint(1) }),
        ("disable_endpoint", disable(1)),
        (
            "rotate_endpoint_secret",
            Command::RotateEndpointSecret {
                id: endpoint(1),
                secret: Personal(WHSEC.to_owned()),
                grace_ms: 5,
            },
        ),
        (
            "replay_delivery",
            Command::ReplayDelivery {
                endpoint: endpoint(1),
                message,
                kind: "segment.left".to_owned(),
                body: body(),
            },
        ),
        ("configure_assistant", Command::ConfigureAssistant { config: "{}".to_owned() }),
        (
            "put_connection",
            Command::PutConnection {
                name: "shop-wa".to_owned(),
                kind: "whatsapp".to_owned(),
                settings: Personal("{\"token\":\"t\"}".to_owned()),
            },
        ),
        ("remove_connection", Command::RemoveConnection { name: "shop-wa".to_owned() }),
        (
            "configure_collections",
            Command::ConfigureCollections { collections: vec![collection()] },
        ),
        (
            "announce",
            Command::Announce {
                message: MessageId::from_bytes([9; 16]),
                kind: "conversation.handoff".to_owned(),
                at: Timestamp::from_ms(1_700_000_000_000),
                data: Personal("{}".to_owned()),
            },
        ),
    ]
}

fn collection() -> Collection {
    Collection {
        name: "recipes".to_owned(),
        title: "Recipes".to_owned(),
        description: "What to cook".to_owned(),
        embedding: Some("e5-small".to_owned()),
        fields: vec![CollectionField {
            name: "season".to_owned(),
            kind: FieldKind::Labels,
            required: true,
        }],
    }
}

fn events() -> Vec<(&'static str, Event)> {
    let at = Timestamp::from_ms(1_700_000_000_000);
    let Command::AddEndpoint { endpoint: added } = add_endpoint(1, &["segment.*"]) else {
        unreachable!()
    };
    let (name, domain, plan) = ("Acme".to_owned(), "acme.example".to_owned(), Plan::Free);
    let before = vec![
        ("onboarded", Event::Onboarded { name, domain, plan, pepper: pepper(), at }),
        ("updated", Event::Updated { patch: full_patch(), at }),
        ("plan_changed", Event::PlanChanged { plan: Plan::Pro, at }),
        ("limits_overridden", Event::LimitsOverridden { overrides: overrides(), at }),
        ("key_created", Event::KeyCreated { key: new_key(1), replaces: None, at }),
        (
            "key_created_by_rotation",
            Event::KeyCreated { key: new_key(2), replaces: Some(new_key(1).id), at },
        ),
        ("key_expiry_set", Event::KeyExpirySet { id: new_key(1).id, expires_at: at }),
        ("key_revoked", Event::KeyRevoked { id: new_key(1).id, at }),
        ("suspended", Event::Suspended { reason: "unpaid".to_owned(), at }),
        ("resumed", Event::Resumed { at }),
        ("exported", Event::Exported { at }),
        ("deleted", Event::Deleted { at }),
        (
            "segment_published",
            Event::SegmentPublished {
                segment: segment(1),
                version: 2,
                name: "vip".to_owned(),
                rule: "{}".to_owned(),
                at,
            },
        ),
        ("segment_withdrawn", Event::SegmentWithdrawn { segment: segment(1), at, archived: false }),
        ("segment_archived", Event::SegmentWithdrawn { segment: segment(1), at, archived: true }),
        (
            "computed_defined",
            Event::ComputedDefined { name: "n".to_owned(), spec: "{}".to_owned(), at },
        ),
        ("computed_removed", Event::ComputedRemoved { name: "n".to_owned(), at }),
        ("endpoint_added", Event::EndpointAdded { endpoint: added, at }),
        (
            "endpoint_updated",
            Event::EndpointUpdated { id: endpoint(1), patch: endpoint_patch(), at },
        ),
        ("endpoint_removed", Event::EndpointRemoved { id: endpoint(1), at }),
        (
            "endpoint_disabled",
            Event::EndpointDisabled { id: endpoint(1), reason: "gone_410".to_owned(), at },
        ),
        (
            "endpoint_secret_rotated",
            Event::EndpointSecretRotated {
                id: endpoint(1),
                secret: Personal(WHSEC.to_owned()),
                previous_until: at,
                at,
            },
        ),
        (
            "delivery_replayed",
            Event::DeliveryReplayed {
                endpoint: endpoint(1),
                message: MessageId::from_bytes([9; 16]),
                at,
            },
        ),
    ];
    before.into_iter().chain(talk_events(at)).collect()
}

fn talk_events(at: Timestamp) -> Vec<(&'static str, Event)> {
    vec![
        ("assistant_configured", Event::AssistantConfigured { config: "{}".to_owned(), at }),
        (
            "connection_put",
            Event::ConnectionPut {
                name: "shop-wa".to_owned(),
                kind: "whatsapp".to_owned(),
                settings: Personal("{\"token\":\"t\"}".to_owned()),
                at,
            },
        ),
        ("connection_removed", Event::ConnectionRemoved { name: "shop-wa".to_owned(), at }),
        (
            "collections_configured",
            Event::CollectionsConfigured { collections: vec![collection()], at },
        ),
        (
            "announced",
            Event::Announced {
                message: MessageId::from_bytes([9; 16]),
                kind: "conversation.handoff".to_owned(),
                at,
            },
        ),
    ]
}

/// What came with conversations: states of before do not have it.
const TALK: [&str; 5] = [
    "assistant_configured",
    "connection_put",
    "connection_removed",
    "collections_configured",
    "announced",
];

fn effects() -> Vec<(&'static str, Effect)> {
    let (endpoint, message, kind) =
        (endpoint(1), MessageId::from_bytes([9; 16]), "segment.left".to_owned());
    vec![
        ("sweep", Effect::Sweep { segment: segment(1), version: 2 }),
        (
            "webhook",
            Effect::Webhook {
                endpoint,
                message,
                kind: kind.clone(),
                at: Timestamp::from_ms(5),
                data: Personal("{}".to_owned()),
            },
        ),
        ("replay", Effect::Replay { endpoint, message, kind, body: Personal("{}".to_owned()) }),
    ]
}

/// A state in which every field of before conversations has a value.
fn full_state() -> State {
    let mut state = State::default();
    let skipped = [
        "resumed",
        "deleted",
        "endpoint_removed",
        "computed_removed",
        "segment_withdrawn",
        "segment_archived",
    ];
    let skipped = |name: &str| skipped.contains(&name) || TALK.contains(&name);
    for (_, event) in events().into_iter().filter(|(name, _)| !skipped(name)) {
        state.apply(&event);
    }
    state
}

/// The same with what conversations depend on.
fn talking_state() -> State {
    let mut state = full_state();
    let without = ["connection_removed", "announced"];
    let wanted = |name: &str| TALK.contains(&name) && !without.contains(&name);
    for (_, event) in events().into_iter().filter(|(name, _)| wanted(name)) {
        state.apply(&event);
    }
    state
}

fn answers() -> Vec<(&'static str, Answer)> {
    let (state, talking) = (full_state(), talking_state());
    let now = Timestamp::from_ms(0);
    vec![
        ("no_tenant", Answer::Tenant(None)),
        ("tenant", Answer::Tenant(Some(View::of(TENANT, &state)))),
        ("keys", Answer::Keys(state.keys().map(|key| KeyView::of(key, now)).collect())),
        ("endpoints", Answer::Endpoints(state.endpoints().map(EndpointView::of).collect())),
        ("no_assistant", Answer::Assistant(None)),
        ("assistant", Answer::Assistant(talking.assistant().cloned())),
        (
            "connections",
            Answer::Connections(talking.connections().map(ConnectionView::of).collect()),
        ),
        ("collections", Answer::Collections(talking.collections().to_vec())),
    ]
}

#[test]
fn stored_commands() {
    check(include_str!("../golden/commands.txt"), commands());
}

#[test]
fn stored_events() {
    check(include_str!("../golden/events.txt"), events());
}

#[test]
fn stored_effects() {
    check(include_str!("../golden/effects.txt"), effects());
}

fn states() -> Vec<(&'static str, State)> {
    let mut deleted = full_state();
    deleted.apply(&Event::Deleted { at: Timestamp::from_ms(5) });
    let mut archived = State::default();
    archived.apply(&Event::SegmentWithdrawn {
        segment: segment(1),
        at: Timestamp::EPOCH,
        archived: true,
    });
    vec![
        ("empty", State::default()),
        ("full", full_state()),
        ("deleted", deleted),
        ("archived_segment", archived),
        ("talking", talking_state()),
    ]
}

#[test]
fn stored_states() {
    check(include_str!("../golden/states.txt"), states());
}

#[test]
fn what_was_stored_with_days_of_retention_still_reads() {
    check_earlier(include_str!("../golden/earlier/commands.txt"), commands());
    check_earlier(include_str!("../golden/earlier/events.txt"), events());
    check_earlier(include_str!("../golden/earlier/states.txt"), states());
    check_earlier(include_str!("../golden/earlier/answers.txt"), answers());
}

#[test]
fn stored_replies() {
    check(include_str!("../golden/replies.txt"), [("reply", Reply { version: 3, changed: true })]);
}

#[test]
fn rejections_that_cross_nodes() {
    let invalid = |subject| Rejection::Invalid {
        subject,
        problems: vec![Problem::new("/a/0", "too_large", "must be smaller")],
    };
    let rejections = [
        ("not_onboarded", Rejection::NotOnboarded),
        ("already_onboarded", Rejection::AlreadyOnboarded),
        ("suspended", Rejection::Suspended { reason: "unpaid".to_owned() }),
        ("deleted", Rejection::Deleted),
        ("invalid_settings", invalid(Subject::Settings)),
        ("invalid_key", invalid(Subject::Key)),
        ("invalid_endpoint", invalid(Subject::Endpoint)),
        ("invalid_computed", invalid(Subject::Computed)),
        ("invalid_message", invalid(Subject::Message)),
        ("invalid_limits", invalid(Subject::Limits)),
        ("invalid_assistant", invalid(Subject::Assistant)),
        ("invalid_connection", invalid(Subject::Connection)),
        ("invalid_collections", invalid(Subject::Collections)),
        ("limit_reached", Rejection::LimitReached { what: "keys".into(), limit: 5 }),
        ("key_unknown", Rejection::KeyUnknown),
        ("key_dead", Rejection::KeyDead),
        ("key_id_taken", Rejection::KeyIdTaken),
        ("endpoint_unknown", Rejection::EndpointUnknown),
        ("endpoint_id_taken", Rejection::EndpointIdTaken),
        ("endpoint_disabled", Rejection::EndpointDisabled),
        ("computed_unknown", Rejection::ComputedUnknown),
        ("connection_unknown", Rejection::ConnectionUnknown),
    ];
    check(include_str!("../golden/rejections.txt"), rejections);
}

#[test]
fn stored_queries_and_answers() {
    let queries = [
        ("get", Query::Get),
        ("keys", Query::Keys),
        ("endpoints", Query::Endpoints),
        ("assistant", Query::Assistant),
        ("connections", Query::Connections),
        ("collections", Query::Collections),
    ];
    check(include_str!("../golden/queries.txt"), queries);
    check(include_str!("../golden/answers.txt"), answers());
}
