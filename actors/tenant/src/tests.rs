mod api_keys;
mod endpoints;
mod golden;
mod keys_text;
mod laws;
mod settings;
mod talk;

use impresario_ids::{ApiKeyId, EndpointId, MessageId, SegmentId, TraceId};
use impresario_kernel::{Coded, EntityKey, Personal, Timestamp};

use super::*;
use crate::keys::{Pepper, Secret};

const TENANT: TenantId = TenantId::from_bytes([7; 16]);
const DAY_MS: i64 = 86_400_000;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A tenant in memory: what the host does, without the host.
#[derive(Default)]
struct Story {
    state: State,
    seq: u64,
    now: Timestamp,
}

impl Story {
    fn try_tell(&mut self, command: Command) -> Result<Decision<Tenant>, Rejection> {
        let key: EntityKey = key(TENANT);
        let ctx = Ctx {
            now: self.now,
            seed: 1,
            key: &key,
            next_seq: self.seq + 1,
            policy: &(),
            trace: TraceId::NIL,
            history: &[],
        };
        let decision = Tenant::decide(&self.state, command, &ctx)?;
        // The host writes effects with the event that they follow from.
        assert!(decision.effects.is_empty() || !decision.events.is_empty());
        for event in &decision.events {
            Tenant::apply(&mut self.state, event);
            self.seq += 1;
        }
        assert_eq!(
            decision.reply.version,
            self.state.version(),
            "the reply tells the version after"
        );
        assert_eq!(decision.reply.changed, !decision.events.is_empty());
        Ok(decision)
    }

    fn tell(&mut self, command: Command) -> Decision<Tenant> {
        self.try_tell(command).expect("the command is allowed")
    }

    fn told(commands: impl IntoIterator<Item = Command>) -> Self {
        let mut story = Self::default();
        for command in commands {
            story.tell(command);
        }
        story
    }

    fn works(&self, key: u8) -> bool {
        let presented =
            keys::Presented { tenant: TENANT, kind: KeyKind::Secret, secret: secret(key) };
        self.state.authenticate(&presented, self.now).is_some()
    }
}

/// After the commands `given`, does `when` lead to `want`? An outcome reads `refused <code>`,
/// `unchanged`, or the names of events and, after `>`, of effects.
#[track_caller]
fn check(given: impl IntoIterator<Item = Command>, when: Command, want: &str) {
    assert_eq!(outcome(Story::told(given).try_tell(when)), want);
}

fn outcome(decided: Result<Decision<Tenant>, Rejection>) -> String {
    let decision = match decided {
        Err(rejection) => return format!("refused {}", rejection.code()),
        Ok(decision) if decision.is_empty() => return "unchanged".to_owned(),
        Ok(decision) => decision,
    };
    let events: Vec<_> = decision.events.iter().map(variant).collect();
    let effects: Vec<_> = decision.effects.iter().map(variant).collect();
    if effects.is_empty() {
        events.join(" ")
    } else {
        format!("{} > {}", events.join(" "), effects.join(" "))
    }
}

/// The name of an enum's variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn pepper() -> Pepper {
    Pepper::new([0xA7; 32])
}

fn secret(n: u8) -> Secret {
    Secret::new([n; 20])
}

fn onboard(plan: Plan) -> Command {
    Command::Onboard {
        name: "Acme".to_owned(),
        domain: "acme.example".to_owned(),
        plan,
        pepper: pepper(),
    }
}

fn new_key(n: u8) -> NewKey {
    NewKey {
        id: ApiKeyId::from_bytes([n; 16]),
        kind: KeyKind::Secret,
        name: format!("key {n}"),
        scopes: vec![Scope::ProfilesRead],
        hash: keys::hash(&pepper(), KeyKind::Secret, &secret(n)),
        last4: secret(n).last4(),
        expires_at: None,
    }
}

fn create_key(n: u8) -> Command {
    Command::CreateKey { key: new_key(n) }
}

fn rotate_key(old: u8, new: u8, grace_ms: i64) -> Command {
    let NewKey { id, hash, last4, .. } = new_key(new);
    let new = RotatedKey { id, hash, last4, expires_at: None };
    Command::RotateKey { old: ApiKeyId::from_bytes([old; 16]), new, grace_ms }
}

fn revoke_key(n: u8) -> Command {
    Command::RevokeKey { id: ApiKeyId::from_bytes([n; 16]) }
}

fn endpoint(n: u8) -> EndpointId {
    EndpointId::from_bytes([n; 16])
}

fn add_endpoint(n: u8, events: &[&str]) -> Command {
    Command::AddEndpoint {
        endpoint: NewEndpoint {
            id: endpoint(n),
            url: format!("https://hooks.example/{n}"),
            description: String::new(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
            secret: Personal(WHSEC.to_owned()),
        },
    }
}

fn announce(kind: &str) -> Command {
    Command::Announce {
        message: MessageId::from_bytes([9; 16]),
        kind: kind.to_owned(),
        at: Timestamp::from_ms(1),
        data: Personal("{}".to_owned()),
    }
}

fn segment(n: u8) -> SegmentId {
    SegmentId::from_bytes([n; 16])
}

fn publish(n: u8, version: u32, name: &str) -> Command {
    let rule = format!(r#"{{"version":{version}}}"#);
    Command::PublishSegment { segment: segment(n), version, name: name.to_owned(), rule }
}

fn withdraw(n: u8) -> Command {
    Command::WithdrawSegment { segment: segment(n), archived: false }
}

fn archive(n: u8) -> Command {
    Command::WithdrawSegment { segment: segment(n), archived: true }
}

fn suspend() -> Command {
    Command::Suspend { reason: "unpaid".to_owned() }
}

fn disable(n: u8) -> Command {
    Command::DisableEndpoint { id: endpoint(n), reason: "gone_410".to_owned() }
}

#[test]
fn ten_01_onboarding_happens_once() {
    use Plan::{Free, Pro};
    check([], onboard(Free), "Onboarded");
    check([onboard(Free)], onboard(Free), "unchanged");
    check([onboard(Free)], onboard(Pro), "refused tenant_already_onboarded");
    check([], Command::Resume, "refused tenant_not_onboarded");
    check([onboard(Free), Command::Delete], onboard(Free), "refused tenant_deleted");
    let nameless = Command::Onboard {
        name: " ".to_owned(),
        domain: String::new(),
        plan: Free,
        pepper: pepper(),
    };
    check([], nameless, "refused settings_invalid");
}

#[test]
fn ten_08_plans_and_overrides_set_the_limits() {
    let mut story = Story::told([onboard(Plan::Free)]);
    assert_eq!(
        (story.state.limits().requests_per_day, story.state.limits().burst_per_second),
        (1_000, 10)
    );
    story.tell(Command::ChangePlan { plan: Plan::Pro });
    assert_eq!(
        (story.state.limits().requests_per_day, story.state.limits().burst_per_second),
        (100_000, 100)
    );
    let overrides = Overrides { requests_per_day: Some(7), ..Overrides::default() };
    story.tell(Command::OverrideLimits { overrides });
    story.tell(Command::ChangePlan { plan: Plan::Free });
    assert_eq!(
        (story.state.limits().requests_per_day, story.state.limits().burst_per_second),
        (7, 10)
    );
    let none = Overrides { burst_per_second: Some(0), ..Overrides::default() };
    check(
        [onboard(Plan::Free)],
        Command::OverrideLimits { overrides: none },
        "refused limits_invalid",
    );
    check([onboard(Plan::Free)], Command::ChangePlan { plan: Plan::Free }, "unchanged");
}

#[test]
fn a_suspended_tenant_only_obeys_the_operator_and_its_effects() {
    let given = || [onboard(Plan::Free), create_key(1), suspend()];
    check(given(), suspend(), "unchanged");
    check(given(), Command::Suspend { reason: "abuse".to_owned() }, "Suspended");
    check(given(), create_key(2), "refused tenant_suspended");
    check(given(), add_endpoint(1, &[]), "refused tenant_suspended");
    check(given(), revoke_key(1), "KeyRevoked");
    check(given(), publish(1, 1, "vip"), "SegmentPublished > Sweep");
    check(given(), Command::Resume, "Resumed");
    check(given(), Command::Delete, "Deleted");
    check([onboard(Plan::Free)], Command::Resume, "unchanged");
    check(
        [onboard(Plan::Free)],
        Command::Suspend { reason: String::new() },
        "refused settings_invalid",
    );
}

#[test]
fn a_deleted_tenant_is_empty_and_refuses() {
    let given = [
        onboard(Plan::Pro),
        create_key(1),
        add_endpoint(1, &[]),
        publish(1, 1, "vip"),
        Command::Delete,
    ];
    check(given.clone(), Command::Delete, "unchanged");
    check(given.clone(), Command::Resume, "refused tenant_deleted");
    let story = Story::told(given);
    assert!(!story.works(1));
    assert_eq!(story.state.keys().count() + story.state.endpoints().count(), 0);
    assert_eq!(story.state.live_segments().count(), 0);
    assert_eq!(story.state.pepper(), None);
}

#[test]
fn segments_are_published_in_the_order_of_their_versions() {
    let live = || [onboard(Plan::Free), publish(1, 2, "vip")];
    check(live(), publish(1, 2, "vip"), "unchanged");
    check(live(), publish(1, 1, "old"), "unchanged");
    check(live(), publish(1, 2, "VIP"), "SegmentPublished");
    check(live(), publish(1, 3, "vip"), "SegmentPublished > Sweep");
    check(live(), withdraw(1), "SegmentWithdrawn");
    check(live(), withdraw(2), "unchanged");
    let gone = || live().into_iter().chain([withdraw(1)]);
    check(gone(), publish(1, 1, "old"), "unchanged");
    check(gone(), publish(1, 2, "vip"), "SegmentPublished > Sweep");
    let full = std::iter::once(onboard(Plan::Free)).chain((1..=10).map(|n| publish(n, 1, "s")));
    check(full.clone(), publish(11, 1, "s"), "refused plan_limit_reached");
    check(full, publish(10, 2, "s"), "SegmentPublished > Sweep");
}

#[test]
fn members_of_an_archived_segment_are_swept_out() {
    let live = || [onboard(Plan::Free), publish(1, 2, "vip")];
    check(live(), archive(1), "SegmentWithdrawn > Sweep");
    let paused = || live().into_iter().chain([withdraw(1)]);
    check(paused(), archive(1), "SegmentWithdrawn > Sweep");
    let archived = || live().into_iter().chain([archive(1)]);
    for command in [archive(1), withdraw(1), publish(1, 2, "vip"), publish(1, 3, "vip")] {
        check(archived(), command, "unchanged");
    }
    let sweep = Story::told(live()).tell(archive(1)).effects;
    assert_eq!(sweep, [Effect::Sweep { segment: segment(1), version: 3 }]);
    // Never published, so nobody is a member; but its publication may still be replayed.
    check([onboard(Plan::Free)], archive(1), "SegmentWithdrawn");
    check([onboard(Plan::Free), archive(1)], publish(1, 1, "vip"), "unchanged");
}

#[test]
fn computed_traits_are_defined_in_their_canonical_form() {
    let spec = |days: u32| Command::DefineComputed {
        spec: format!(
            r#"{{ "name": "orders_30d", "kind": "count", "event": "Order Completed", "within_last": "{days}d" }}"#
        ),
    };
    let remove = || Command::RemoveComputed { name: "orders_30d".to_owned() };
    let given = || [onboard(Plan::Free)];
    check(
        given(),
        Command::DefineComputed { spec: "{".to_owned() },
        "refused computed_trait_invalid",
    );
    let huge = Command::DefineComputed { spec: " ".repeat(20_000) };
    check(given(), huge, "refused computed_trait_invalid");
    check(given(), remove(), "refused computed_trait_unknown");
    check(given(), spec(30), "ComputedDefined > Sweep");
    check([onboard(Plan::Free), spec(30)], spec(30), "unchanged");
    check([onboard(Plan::Free), spec(30)], spec(31), "ComputedDefined > Sweep");
    check([onboard(Plan::Free), spec(30)], remove(), "ComputedRemoved > Sweep");
    let story = Story::told([onboard(Plan::Free), spec(30)]);
    assert_eq!(story.state.computed_trait("orders_30d").map(|computed| computed.version), Some(2));
}

#[test]
fn policy_versions_grow_with_what_profiles_depend_on() {
    let mut story = Story::told([onboard(Plan::Free), add_endpoint(1, &[])]);
    assert_eq!((story.state.version(), story.state.policy_version()), (2, 2));
    story.tell(create_key(1));
    assert_eq!((story.state.version(), story.state.policy_version()), (3, 2));
    story.tell(publish(1, 1, "vip"));
    assert_eq!((story.state.version(), story.state.policy_version()), (4, 4));
}

#[test]
fn queries_show_no_secrets() {
    let story = Story::told([onboard(Plan::Free), create_key(1), add_endpoint(1, &[])]);
    let key = key(TENANT);
    let ctx = Ctx {
        now: story.now,
        seed: 0,
        key: &key,
        next_seq: 9,
        policy: &(),
        trace: TraceId::NIL,
        history: &[],
    };
    let Answer::Tenant(Some(view)) = Tenant::answer(&story.state, Query::Get, &ctx) else {
        panic!("a tenant")
    };
    assert_eq!(
        (view.status.as_str(), view.endpoints, view.settings.name.as_str()),
        ("active", 1, "Acme")
    );
    let Answer::Keys(keys) = Tenant::answer(&story.state, Query::Keys, &ctx) else {
        panic!("keys")
    };
    assert_eq!(
        keys.iter().map(|key| (key.live, key.name.as_str())).collect::<Vec<_>>(),
        [(true, "key 1")]
    );
    let Answer::Endpoints(endpoints) = Tenant::answer(&story.state, Query::Endpoints, &ctx) else {
        panic!("endpoints")
    };
    let json =
        serde_json::json!({ "view": view, "keys": keys, "endpoints": endpoints }).to_string();
    assert!(
        !json.contains("whsec_") && !json.contains("hash") && !json.contains("pepper"),
        "{json}"
    );
    assert_eq!(Tenant::answer(&State::default(), Query::Get, &ctx), Answer::Tenant(None));
}

#[test]
fn a_refusal_of_settings_names_the_fields() {
    let patch = Patch {
        session_idle_minutes: Some(0),
        time_zone: Some("not a zone".to_owned()),
        ..Patch::default()
    };
    let mut story = Story::told([onboard(Plan::Free)]);
    let rejection = story.try_tell(Command::Update { patch }).expect_err("both are invalid");
    let detail = rejection.detail().expect("it names the fields");
    assert!(
        detail.contains(r#""/session_idle_minutes""#) && detail.contains(r#""/time_zone""#),
        "{detail}"
    );
}

#[test]
fn every_rejection_has_a_code_of_its_own() {
    let invalid = |subject| Rejection::Invalid { subject, problems: Vec::new() };
    let all = [
        Rejection::NotOnboarded,
        Rejection::AlreadyOnboarded,
        Rejection::Suspended { reason: String::new() },
        Rejection::Deleted,
        invalid(Subject::Settings),
        invalid(Subject::Key),
        invalid(Subject::Endpoint),
        invalid(Subject::Computed),
        invalid(Subject::Message),
        invalid(Subject::Limits),
        invalid(Subject::Assistant),
        invalid(Subject::Connection),
        invalid(Subject::Collections),
        Rejection::LimitReached { what: "keys".into(), limit: 1 },
        Rejection::KeyUnknown,
        Rejection::KeyDead,
        Rejection::KeyIdTaken,
        Rejection::EndpointUnknown,
        Rejection::EndpointIdTaken,
        Rejection::EndpointDisabled,
        Rejection::ComputedUnknown,
        Rejection::ConnectionUnknown,
    ];
    assert_eq!(all.map(|rejection| rejection.code()), CODES);
}
