use super::*;

#[test]
fn int_01_endpoints_are_managed() {
    let given = || [onboard(Plan::Free), add_endpoint(1, &["segment.*"])];
    let patch = |patch| Command::UpdateEndpoint { id: endpoint(1), patch };
    check(given(), add_endpoint(1, &["segment.*"]), "unchanged");
    check(given(), add_endpoint(1, &[]), "refused endpoint_id_taken");
    check(given(), add_endpoint(2, &["no.such"]), "refused endpoint_invalid");
    check(given(), Command::RemoveEndpoint { id: endpoint(1) }, "EndpointRemoved");
    check(given(), Command::RemoveEndpoint { id: endpoint(2) }, "refused endpoint_unknown");
    check(given(), patch(EndpointPatch::default()), "unchanged");
    check(
        given(),
        patch(EndpointPatch { enabled: Some(false), ..EndpointPatch::default() }),
        "EndpointUpdated",
    );
    let url =
        |url: &str| patch(EndpointPatch { url: Some(url.to_owned()), ..EndpointPatch::default() });
    check(given(), url("ftp://x.example"), "refused endpoint_invalid");
    check(given(), url("http://127.0.0.1:9000/hook?a=b"), "EndpointUpdated");
    let full = (1..=3).map(|n| add_endpoint(n, &[]));
    check(
        std::iter::once(onboard(Plan::Free)).chain(full),
        add_endpoint(4, &[]),
        "refused plan_limit_reached",
    );
}

#[test]
fn a_disabled_endpoint_is_told_to_the_others_and_can_be_enabled_again() {
    let given = [
        onboard(Plan::Free),
        add_endpoint(1, &[]),
        add_endpoint(2, &[]),
        add_endpoint(3, &["segment.left"]),
    ];
    let mut story = Story::told(given);
    let decision = story.tell(disable(1));
    let to: Vec<_> = decision
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Webhook { endpoint, kind, data, .. } => {
                (*endpoint, kind.as_str(), data.0.contains("gone_410"))
            }
            Effect::Sweep { .. } | Effect::Replay { .. } => panic!("only webhooks"),
        })
        .collect();
    assert_eq!(to, [(endpoint(2), "endpoint.disabled", true)]);
    assert_eq!(outcome(story.try_tell(disable(1))), "unchanged");
    let disabled = story.state.endpoint(endpoint(1)).expect("it is kept");
    assert_eq!((disabled.enabled, disabled.disabled_reason.as_deref()), (false, Some("gone_410")));
    let patch = EndpointPatch { enabled: Some(true), ..EndpointPatch::default() };
    story.tell(Command::UpdateEndpoint { id: endpoint(1), patch });
    let enabled = story.state.endpoint(endpoint(1)).expect("it is kept");
    assert_eq!((enabled.enabled, enabled.disabled_reason.as_deref()), (true, None));
}

#[test]
fn suspension_is_told_to_the_endpoints() {
    let mut story = Story::told([
        onboard(Plan::Free),
        add_endpoint(1, &["tenant.*"]),
        add_endpoint(2, &["segment.*"]),
    ]);
    assert_eq!(outcome(story.try_tell(suspend())), "Suspended > Webhook");
    assert_eq!(outcome(story.try_tell(Command::Resume)), "Resumed > Webhook");
}

#[test]
fn endpoint_secrets_rotate_with_a_grace_period() {
    let mut story = Story::told([onboard(Plan::Free), add_endpoint(1, &[])]);
    let fresh = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let rotate = |secret: &str, grace_ms| Command::RotateEndpointSecret {
        id: endpoint(1),
        secret: Personal(secret.to_owned()),
        grace_ms,
    };
    assert_eq!(outcome(story.try_tell(rotate("whsec_AAAA", 0))), "refused endpoint_invalid");
    assert_eq!(outcome(story.try_tell(rotate(fresh, -5))), "refused endpoint_invalid");
    assert_eq!(outcome(story.try_tell(rotate(fresh, 1_000))), "EndpointSecretRotated");
    assert_eq!(outcome(story.try_tell(rotate(fresh, 1_000))), "unchanged");
    let endpoint = story.state.endpoint(endpoint(1)).expect("it was added");
    assert_eq!(endpoint.secrets(Timestamp::from_ms(999)).collect::<Vec<_>>(), [fresh, WHSEC]);
    assert_eq!(endpoint.secrets(Timestamp::from_ms(1_000)).collect::<Vec<_>>(), [fresh]);
}

#[test]
fn int_03_deliveries_are_replayed_byte_for_byte() {
    let replay = |n, kind: &str, body: &str| Command::ReplayDelivery {
        endpoint: endpoint(n),
        message: MessageId::from_bytes([9; 16]),
        kind: kind.to_owned(),
        body: Personal(body.to_owned()),
    };
    let given = || [onboard(Plan::Free), add_endpoint(1, &[])];
    check(given(), replay(1, "segment.entered", "{}"), "DeliveryReplayed > Replay");
    check(given(), replay(2, "segment.entered", "{}"), "refused endpoint_unknown");
    check(given(), replay(1, "segment.*", "{}"), "refused webhook_message_invalid");
    check(given(), replay(1, "segment.entered", "{"), "refused webhook_message_invalid");
    let huge = format!("\"{}\"", "x".repeat(20_000));
    check(given(), replay(1, "segment.entered", &huge), "refused webhook_message_invalid");
    let off = given().into_iter().chain([disable(1)]);
    check(off, replay(1, "segment.entered", "{}"), "refused endpoint_disabled");
}

#[test]
fn event_type_filters() {
    let all =
        |filters: &[&str]| filters.iter().map(|&filter| filter.to_owned()).collect::<Vec<_>>();
    for (filters, wanted) in [
        (&[][..], true),
        (&["*"], true),
        (&["segment.entered"], true),
        (&["segment.*"], true),
        (&["segment"], false),
        (&["segment.left", "tenant.*"], false),
        (&["seg.*"], false),
    ] {
        assert_eq!(webhook::matches(&all(filters), "segment.entered"), wanted, "{filters:?}");
    }
    assert!(webhook::EVENT_TYPES.is_sorted_by_key(|known| known.name));
    assert!(
        webhook::is_filter("consent.changed")
            && !webhook::is_filter(".*")
            && !webhook::is_filter("")
    );
}

#[test]
fn what_happens_elsewhere_is_told_to_those_who_want_it() {
    let given = |events: &[&str]| [onboard(Plan::Free), add_endpoint(1, events)];
    let told = "Announced > Webhook";
    check(given(&["conversation.*"]), announce("conversation.handoff"), told);
    check(given(&["segment.*"]), announce("conversation.handoff"), "unchanged");
    check([onboard(Plan::Free)], announce("conversation.handoff"), "unchanged");
}
