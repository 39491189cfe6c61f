mod talk;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use impresario_api::codes::{self, Code};
use impresario_ids::TenantId;
use impresario_kernel::{Coded, Timestamp};
use impresario_tenant::keys::{self, Pepper, Secret};
use impresario_tenant::{KeyKind, Plan, Scope};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::auth::{self, Claims, Credential};
use crate::body;
use crate::call::traceparent;
use crate::fault::{self, Fault};
use crate::limits::{Kept, Memory, Meters};
use crate::live::{Live, LiveEvent, Relay, Told, Topics};
use crate::options::Options;
use crate::routes;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);

fn headers(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_str(value).expect("a header"));
    headers
}

#[test]
fn api_03_a_key_is_found_in_every_form_that_clients_use() {
    use base64::Engine;
    let key = keys::format(TENANT, KeyKind::Write, &Secret::new([3; 20]));
    let want = Credential::Key(keys::parse(&key).expect("a key"));
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for value in [
        format!("Bearer {key}"),
        format!("bearer  {key}"),
        format!("Basic {}", encode(&format!("{key}:"))),
        format!("Basic {}", encode(&key)),
        format!("Basic {}", encode(&format!("{key}:password")).trim_end_matches('=')),
    ] {
        assert_eq!(
            auth::find(&headers("authorization", &value)),
            Ok(Some(want.clone())),
            "{value}"
        );
    }
    assert_eq!(auth::find(&headers("x-api-key", &key)), Ok(Some(want.clone())));
    assert_eq!(auth::from_write_key(&key), Ok(want));
    assert_eq!(auth::find(&HeaderMap::new()), Ok(None));
    assert_eq!(
        auth::find(&headers("authorization", "Bearer a.b.c")),
        Ok(Some(Credential::Token("a.b.c")))
    );
    assert_eq!(
        auth::find(&headers("authorization", "Bearer root")),
        Ok(Some(Credential::Opaque("root")))
    );
    for value in ["Basic d2s6", "Basic %%%", "Digest x", "Bearer"] {
        let headers = headers("authorization", value);
        let code = auth::find(&headers).map_err(|fault| fault.code().to_owned());
        assert_eq!(code, Err("credential_invalid".to_owned()), "{value}");
    }
}

fn claims(exp: i64) -> Claims {
    Claims {
        iss: TENANT,
        sub: Some("u1".to_owned()),
        scope: "events:write profiles:read nonsense".to_owned(),
        exp,
        iat: 0,
        key: None,
    }
}

#[test]
fn api_04_tokens_are_verified_and_end() {
    let secret = auth::signing_secret(&Pepper::new([1; 32]));
    let other = auth::signing_secret(&Pepper::new([2; 32]));
    let now = Timestamp::from_ms(1_000_000_000);
    let check = |claims: &Claims, signed: &str, want: Result<(), &str>| {
        let text = auth::issue(claims, signed).expect("a token");
        let got = auth::verify(&text, &secret, now, 3_600).map(|got| assert_eq!(got, *claims));
        assert_eq!(got.map_err(|fault| fault.code().to_owned()), want.map_err(str::to_owned));
    };
    check(&claims(1_000_900), &secret, Ok(()));
    check(&claims(1_000_900), &other, Err("token_invalid"));
    check(&claims(999_990), &secret, Ok(())); // within the leeway
    check(&claims(999_900), &secret, Err("token_expired"));
    check(&claims(1_090_000), &secret, Err("token_invalid")); // lives too long
    check(&Claims { iat: 1_001_000, ..claims(1_000_900) }, &secret, Err("token_invalid"));
    assert_eq!(claims(0).scopes(), [Scope::EventsWrite, Scope::ProfilesRead]);
    for text in ["", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30."] {
        assert!(auth::verify(text, &secret, now, 3_600).is_err(), "{text}");
    }
}

#[test]
fn api_06_bursts_and_daily_quotas_hold_and_the_day_ends() {
    let meters = Meters::new(10, 10);
    let limits = impresario_tenant::Limits {
        requests_per_day: 3,
        burst_per_second: 1_000,
        ..Plan::Free.limits()
    };
    let take = |now_ms: i64| {
        let (_, taken) = meters.take(TENANT, &limits, Timestamp::from_ms(now_ms));
        taken.map_err(|fault| (fault.code().to_owned(), fault.waits_ms()))
    };
    for _ in 0..3 {
        assert_eq!(take(1_000), Ok(()));
    }
    assert_eq!(take(1_000), Err(("quota_exhausted".to_owned(), Some(86_399_000))));
    assert_eq!(meters.counts(0), [(TENANT, 3)]);
    assert_eq!(take(86_400_000), Ok(()), "a new day");
    assert_eq!(meters.used_today(TENANT, Timestamp::from_ms(86_400_000)), 1);

    let limits = impresario_tenant::Limits { requests_per_day: 100, burst_per_second: 2, ..limits };
    let now = Timestamp::from_ms(86_400_000);
    let outcomes: Vec<bool> = (0..3).map(|_| meters.take(TENANT, &limits, now).1.is_ok()).collect();
    assert_eq!(outcomes, [true, true, false], "a change of limits counts at once");
}

#[test]
fn the_limits_are_shown_in_headers() {
    let meters = Meters::new(10, 10);
    let (standing, _) = meters.take(TENANT, &Plan::Free.limits(), Timestamp::from_ms(3_600_000));
    let mut headers = HeaderMap::new();
    standing.write(&mut headers);
    assert_eq!(headers["ratelimit-policy"], "\"burst\";q=10;w=1, \"day\";q=1000;w=86400");
    assert_eq!(headers["ratelimit"], "\"day\";r=999;t=82800");
}

#[test]
fn request_counts_outlive_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::new(folder.path().join("quota"));
    assert_eq!(memory.load(), None);
    let kept = Kept { day: 5, own: vec![(TENANT, 17)], elsewhere: vec![(TENANT, 4)] };
    memory.store(&kept).expect("written");
    assert_eq!(memory.load().as_ref(), Some(&kept));
    let meters = Meters::new(10, 10);
    meters.seed(&kept);
    assert_eq!(meters.counts(5), [(TENANT, 17)]);
    assert_eq!(meters.kept(5), kept);
    assert_eq!(meters.used_today(TENANT, Timestamp::from_ms(5 * 86_400_000)), 21);
    std::fs::write(folder.path().join("quota"), "nonsense\n").expect("written");
    assert_eq!(memory.load(), None);
}

#[test]
fn what_other_nodes_let_in_counts_for_the_day() {
    let limits = impresario_tenant::Limits { requests_per_day: 5, ..Plan::Free.limits() };
    let meters = Meters::new(10, 10);
    let take = |at_ms: i64| meters.take(TENANT, &limits, Timestamp::from_ms(at_ms)).1.is_ok();
    meters.note_elsewhere(0, TENANT, 2);
    assert!(take(0) && take(0));
    // Counts only grow: what arrives late says nothing new.
    meters.note_elsewhere(0, TENANT, 1);
    assert!(take(0) && !take(0));
    meters.note_elsewhere(1, TENANT, 4);
    meters.note_elsewhere(0, TENANT, 9);
    assert_eq!(meters.counts(0), [(TENANT, 3)]);
    assert!(take(86_400_000) && !take(86_400_000), "the next day, of which others told before");
    meters.raise(1, TENANT, 3);
    assert_eq!(meters.used_today(TENANT, Timestamp::from_ms(86_400_000)), 7);
    meters.tidy(2);
    assert_eq!(meters.kept(1).elsewhere, []);
}

#[test]
fn meters_are_bounded() {
    let meters = Meters::new(10, 10);
    for number in 0..100_u8 {
        let _ = meters.take(
            TenantId::from_bytes([number; 16]),
            &Plan::Free.limits(),
            Timestamp::from_ms(number.into()),
        );
    }
    assert!(meters.counts(0).len() <= 10);
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("in memory");
    encoder.finish().expect("in memory").into()
}

#[test]
fn bodies_are_decompressed_within_bounds() {
    let check = |encoding: Option<&[u8]>, raw: Bytes, want: Result<&[u8], &str>| {
        let got = body::decode(encoding, raw, 1_000).map_err(|fault| fault.code().to_owned());
        assert_eq!(got.as_deref().map_err(String::as_str), want);
    };
    check(None, Bytes::from_static(b"{}"), Ok(b"{}"));
    check(Some(b"identity"), Bytes::from_static(b"{}"), Ok(b"{}"));
    check(Some(b"gzip"), gzip(b"{}"), Ok(b"{}"));
    check(Some(b"GZIP"), gzip(b"{}"), Ok(b"{}"));
    check(None, gzip(b"{}"), Ok(b"{}"));
    check(Some(b"gzip"), Bytes::from_static(b"{}"), Ok(b"{}"));
    check(Some(b"gzip"), Bytes::from_static(b"abc"), Err("encoding_invalid"));
    check(Some(b"gzip"), gzip(b"{\"a\":1}").slice(..15), Err("encoding_invalid"));
    check(Some(b"br"), Bytes::from_static(b"x"), Err("encoding_unsupported"));
    // A bomb: 10 MB of zeros in 10 KB.
    check(Some(b"gzip"), gzip(&vec![b' '; 10 << 20]), Err("body_too_large"));
}

/// The codes of what conversations are made of.
fn talk_codes() -> Vec<&'static str> {
    use impresario_knowledge::Rejection as K;
    let knowledge = [
        K::NotFound,
        K::Deleted,
        K::VersionConflict { expected: 1, actual: 2 },
        K::CollectionNameInvalid,
        K::CollectionUnknown(String::new()),
        K::TitleInvalid,
        K::ContentInvalid(String::new()),
        K::TooManyChunks { chunks: 1 },
        K::TooLarge { bytes: 1 },
        K::FieldInvalid { field: String::new(), message: String::new() },
        K::MetadataInvalid(Vec::new()),
        K::VectorsInvalid(String::new()),
        K::VectorsTooLarge { bytes: 1 },
    ];
    use impresario_conversation::Rejection as C;
    let conversation = [
        C::NotFound,
        C::AddressWrong,
        C::Busy,
        C::HeldByAnother,
        C::AssigneeInvalid,
        C::ContentInvalid,
        C::NoteInvalid,
    ];
    use impresario_budget::Rejection as B;
    let budget = [B::AmountInvalid, B::PathInvalid, B::LimitsInvalid, B::TooManyHeld];
    let talk = conversation.iter().map(Coded::code).chain(budget.iter().map(Coded::code));
    knowledge.iter().map(Coded::code).chain(talk).collect()
}

#[test]
fn every_code_of_the_entities_is_registered() {
    let rules = impresario_rules::Problem {
        pointer: String::new(),
        code: "x".into(),
        message: String::new(),
    };
    let segment = [
        impresario_segment::Rejection::RuleInvalid(vec![rules]).code(),
        impresario_segment::Rejection::NameInvalid.code(),
        impresario_segment::Rejection::DescriptionTooLong.code(),
        impresario_segment::Rejection::VersionConflict { expected: 1, actual: 2 }.code(),
        impresario_segment::Rejection::Archived.code(),
        impresario_segment::Rejection::NotFound.code(),
    ];
    use impresario_profile::Rejection as P;
    let (field, max) = ("x", 1);
    let profile = [
        P::MessageIdInvalid,
        P::IdInvalid { field: field.into() },
        P::EventNameInvalid,
        P::FieldMissing { field: field.into() },
        P::NotAnObject { field: field.into() },
        P::TooLarge { field: field.into(), bytes: 2, max },
        P::TooDeep { field: field.into(), max },
        P::TraitsTooMany { max },
        P::TraitsTooLarge { max },
        P::TraitNameInvalid,
        P::GroupsTooMany { max },
        P::ConsentInvalid { field: field.into() },
        P::ConsentsTooMany { max },
        P::ProfileMerged { into: impresario_ids::ProfileId::NIL },
        P::MergeCircle,
        P::NotMerged,
        P::SegmentVersionUnknown { version: 1 },
        P::RuleInvalid { problems: "[]".to_owned() },
    ];
    let profile = profile.iter().map(Coded::code);
    let quarantine = impresario_quarantine::Rejection::TooMany.code();
    let tenant = impresario_tenant::CODES.iter().copied();
    let known = tenant.chain(segment).chain(profile).chain([quarantine]);
    for name in known.chain(talk_codes()) {
        assert!(Code::named(name).is_some(), "{name}");
    }
}

#[test]
fn positions_of_mistakes_reach_the_problem() {
    let problem = impresario_rules::Problem {
        pointer: "/all/0".to_owned(),
        code: "number_expected".into(),
        message: "expected a number".to_owned(),
    };
    let fault =
        fault::rejected(&impresario_segment::Rejection::RuleInvalid(vec![problem])).under("/rule");
    assert_eq!(fault.http_status(), 422);
    assert_eq!(
        serde_json::to_value(&fault.problem().errors).expect("json"),
        json!([{"pointer": "/rule/all/0", "code": "number_expected", "detail": "expected a number"}])
    );
    let fault =
        fault::rejected(&impresario_segment::Rejection::VersionConflict { expected: 1, actual: 2 });
    assert_eq!(fault.problem().info, Some(json!({"expected": 1, "actual": 2})));
}

#[test]
fn retryable_codes_say_when_and_others_do_not() {
    for code in codes::ALL {
        assert_eq!(Fault::new(code).waits_ms().is_some(), code.retryable, "{}", code.name);
    }
}

#[test]
fn a_trace_is_taken_over_from_the_caller() {
    let trace =
        traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("a trace");
    assert_eq!(trace.as_bytes()[..4], [0x4b, 0xf9, 0x2f, 0x35]);
    for text in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "x"] {
        assert_eq!(traceparent(text), None, "{text}");
    }
}

#[tokio::test]
async fn slow_subscribers_are_told_how_much_they_lost() {
    use tokio::sync::broadcast::error::RecvError;
    let live = Arc::new(Live::new(4, 1));
    live.publish(TENANT, LiveEvent::new("profile.tracked", Timestamp::EPOCH));
    assert!(!live.has_subscribers(TENANT));
    let mut changes = live.subscribe(TENANT).expect("a place");
    assert!(live.has_subscribers(TENANT));
    assert!(live.subscribe(TENANT).is_none(), "one place");
    for _ in 0..6 {
        live.publish(TENANT, LiveEvent::new("segment.entered", Timestamp::EPOCH));
    }
    assert_eq!(changes.recv().await, Err(RecvError::Lagged(2)));
    let Ok(Told::Change(event)) = changes.recv().await else { panic!("an event") };
    assert_eq!(event.kind, "segment.entered");
    assert!(Topics::ALL.wants(&event));
    assert!(!Topics::parse("profiles").expect("topics").wants(&event));
    assert_eq!(Topics::parse("weather"), None);
    drop(changes);
    live.tidy(TENANT);
    assert!(!live.has_subscribers(TENANT));
}

/// Passes everything on of one tenant.
struct OneTenant(std::sync::Mutex<Vec<String>>);

impl Relay for OneTenant {
    fn is_wanted(&self, tenant: TenantId) -> bool {
        tenant == TENANT
    }
    fn pass(&self, tenant: TenantId, event: &LiveEvent) {
        if self.is_wanted(tenant) {
            self.0.lock().expect("nobody panics with it").push(event.kind.to_string());
        }
    }
}

#[tokio::test]
async fn changes_are_passed_on_and_those_of_others_are_not() {
    let relay = Arc::new(OneTenant(std::sync::Mutex::default()));
    let live = Live::new(4, 2);
    let firsts = live.watch_firsts();
    live.relay(Arc::clone(&relay) as Arc<dyn Relay>);
    assert!(live.has_subscribers(TENANT) && live.tenants().is_empty());
    live.publish(TENANT, LiveEvent::new("profile.updated", Timestamp::EPOCH));
    let mut changes = live.subscribe(TENANT).expect("a place");
    assert!(firsts.has_changed().expect("it lives"));
    assert_eq!(live.tenants(), [TENANT]);
    live.deliver(TENANT, LiveEvent::new("segment.left", Timestamp::EPOCH));
    live.lost(TENANT, 7);
    assert!(
        matches!(changes.recv().await, Ok(Told::Change(event)) if event.kind == "segment.left")
    );
    assert_eq!(changes.recv().await, Ok(Told::Lost(7)));
    assert_eq!(*relay.0.lock().expect("nobody panics with it"), ["profile.updated"]);
}

#[test]
fn options_are_validated() {
    assert_eq!(Options::default().validate(), Ok(()));
    let options = Options { event_bytes_max: 1 << 30, ..Options::default() };
    assert_eq!(options.validate().map_err(|error| error.option), Err("event_bytes_max"));
}

#[test]
fn api_02_the_document_describes_every_route_and_resolves() {
    let document: Value = serde_json::from_str(&crate::Edge::openapi()).expect("json");
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for route in routes::all() {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{}",
            route.path
        );
        assert!(!route.tag.is_empty(), "{}", route.path);
        assert!(ids.insert(operation["operationId"].to_string()), "{}", route.path);
        let public = route.access == crate::Access::Public;
        assert_eq!(operation.get("security").is_none(), public, "{}", route.path);
    }
    let mut wanted = BTreeSet::new();
    references(&document, &mut wanted);
    assert!(wanted.len() > 30);
    for reference in wanted {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            if let Some(Value::String(reference)) = entries.get("$ref") {
                found.insert(reference.clone());
            }
            entries.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn ten_02_no_route_of_a_tenant_names_the_tenant_in_its_path() {
    for route in crate::Edge::routes() {
        // A chat platform has no key of ours, its signature is the proof; nor has a visitor.
        if ["/hooks/", "/widget/", "/chat/"].iter().any(|open| route.path.starts_with(open)) {
            continue;
        }
        let named = route.path.contains("{tenant}") || route.path.starts_with("/api/v1/tenants");
        assert!(!named || route.access == crate::Access::Root, "{}", route.path);
    }
}

proptest! {
    #[test]
    fn no_header_makes_the_credential_reader_panic(value in "[ -~]{0,120}") {
        let _ = auth::find(&headers("authorization", &value));
        let _ = auth::find(&headers("authorization", &format!("Basic {value}")));
        let _ = traceparent(&value);
    }

    #[test]
    fn no_body_makes_the_decoder_panic(raw: Vec<u8>, encoding in proptest::option::of("gzip|deflate|br|")) {
        let _ = body::decode(encoding.as_deref().map(str::as_bytes), raw.into(), 1_000);
    }

    #[test]
    fn amounts_print_exactly(micros in any::<i64>()) {
        let text = routes::decimal_text(i128::from(micros));
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        let rest: i128 = format!("{rest:0<6}").parse().expect("digits");
        let whole: i128 = whole.parse().expect("digits");
        let sign = if text.starts_with('-') { -1 } else { 1 };
        prop_assert_eq!(whole * 1_000_000 + sign * rest, i128::from(micros));
    }
}
