//! The own API: credentials, scopes, isolation, problems, documentation.

use axum::body::Body;
use http::Request;
use impresario_http::{Access, Edge};
use serde_json::{Value, json};

use crate::edge::{ROOT, World};

#[tokio::test]
async fn events_come_one_by_one_or_in_an_array() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let one = json!({"user_id": "u", "event": "Viewed", "message_id": "m1"});
    let answer = world.ask("POST", "/api/v1/events/track", &keys.secret, one.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        (&answer.body["status"], &answer.body["message_id"]),
        (&json!("accepted"), &json!("m1"))
    );
    assert!(answer.body["profile_id"].as_str().is_some_and(|id| id.starts_with("prf_")));
    let answer =
        world.ask("POST", "/api/v1/events/track", &keys.write, json!([one, {"event": "x"}])).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    assert_eq!(answer.body["results"][0].get("profile_id"), None, "a write key reads nothing");
    assert_eq!(answer.body["results"][1]["code"], "no_user_anon_id");
    let answer = world
        .ask(
            "POST",
            "/api/v1/users/identify",
            &keys.secret,
            json!({"user_id": "u", "traits": {"plan": "pro"}}),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer =
        world.ask("POST", "/api/v1/events/track", &keys.secret, json!({"event": "x"})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "no_user_anon_id"));

    let profile = world.ask("GET", "/api/v1/profiles/user:u", &keys.secret, Value::Null).await;
    assert_eq!(
        (&profile.body["events"], &profile.body["traits"]["plan"]),
        (&json!(2), &json!("pro"))
    );
    let typed: impresario_api::Profile =
        serde_json::from_value(profile.body.clone()).expect("the documented shape");
    assert_eq!(serde_json::to_value(&typed).expect("json"), profile.body);
    let timeline = world
        .ask("GET", "/api/v1/profiles/user:u/timeline?limit=1", &keys.secret, Value::Null)
        .await;
    assert_eq!(timeline.body["items"].as_array().map(Vec::len), Some(1), "{}", timeline.body);
    assert!(timeline.body["next"].is_string());
    let counts = world
        .ask("GET", "/api/v1/events/counts?bucket=total&event=Viewed", &keys.secret, Value::Null)
        .await;
    assert_eq!(counts.body["items"][0]["count"], 1, "{}", counts.body);
    let usage = world.ask("GET", "/api/v1/usage", &keys.secret, Value::Null).await;
    assert_eq!(
        usage.body["items"].as_array().map(|rows| &rows[..2]),
        Some(
            &[
                json!({"meter": "events", "period": "2026-11-20", "count": 2}),
                json!({"meter": "profiles", "period": "2026-11-20", "count": 1, "limit": 100_000_000}),
            ][..]
        ),
        "{}",
        usage.body
    );
    let usage = world.ask("GET", "/api/v1/usage?grain=month", &keys.secret, Value::Null).await;
    let rows: Vec<impresario_api::UsageRow> =
        serde_json::from_value(usage.body["items"].clone()).expect("the documented shape");
    let meters: Vec<&str> = rows.iter().map(|row| row.meter.as_str()).collect();
    assert_eq!(meters, ["events", "active_profiles", "profiles"]);
}

#[tokio::test]
async fn api_07_scopes_are_enforced_on_every_route() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    // Every scope opens some route, so there are two keys: each lacks what the other has.
    let mut bare = Vec::new();
    for scope in ["usage:read", "webhooks:manage"] {
        let body = json!({"kind": "secret", "name": "one", "scopes": [scope]});
        let made = world.ask("POST", "/api/v1/keys", &keys.secret, body).await;
        bare.push((scope, made.body["key"].as_str().expect("a key").to_owned()));
    }
    for route in Edge::routes() {
        let (_, bare) = bare
            .iter()
            .find(|(scope, _)| route.access.scope().is_none_or(|asked| asked.as_str() != *scope))
            .expect("one of two lacks it");
        let path =
            route.path.replace("{id}", "x").replace("{name}", "x").replace("{code}", "internal");
        let path = path.replace("{collection}", "product-docs").replace("{connection}", "x");
        let path =
            path.replace("{tenant}", &keys.tenant).replace("{kind}", "x").replace("{version}", "1");
        let anonymous = {
            let request = Request::builder()
                .method(route.method)
                .uri(&path)
                .body(Body::empty())
                .expect("a request");
            world.send(request).await
        };
        let with_bare = world.ask(route.method, &path, bare, Value::Null).await;
        let at = format!("{} {path}: {} {}", route.method, anonymous.body, with_bare.body);
        match route.access {
            Access::Public => assert_ne!(anonymous.status, 401, "{at}"),
            Access::Write if path.starts_with("/v1/") => {
                assert!(anonymous.status.is_client_error(), "{at}");
                assert_eq!(with_bare.code(), "scope_missing", "{at}");
            }
            Access::Write | Access::Scope(_) => {
                assert_eq!(anonymous.code(), "credential_missing", "{at}");
                assert_eq!(with_bare.code(), "scope_missing", "{at}");
            }
            Access::Tenant => assert_eq!(anonymous.code(), "credential_missing", "{at}"),
            Access::Root => {
                assert_eq!(anonymous.code(), "credential_missing", "{at}");
                assert_eq!(with_bare.code(), "root_required", "{at}");
            }
        }
    }
}

#[tokio::test]
async fn ten_02_a_tenant_sees_nothing_of_another() {
    let world = World::new().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let event = json!({"user_id": "u", "event": "Viewed"});
    let made = world.ask("POST", "/api/v1/events/track", &ours.secret, event).await;
    let profile = made.body["profile_id"].as_str().expect("an id").to_owned();
    let rule = json!({"name": "All", "rule": {"field": "events", "op": "gte", "value": 1}});
    let segment = world.ask("POST", "/api/v1/segments", &ours.secret, rule).await;
    for path in [
        format!("/api/v1/profiles/{profile}"),
        "/api/v1/profiles/user:u".to_owned(),
        format!("/api/v1/profiles/{profile}/timeline"),
        format!(
            "/api/v1/segments/{}",
            segment.body["id"].as_str().unwrap_or("seg_00000000000000000000000000")
        ),
    ] {
        assert_eq!(
            world.ask("GET", &path, &theirs.secret, Value::Null).await.status,
            404,
            "{path}"
        );
    }
    for path in
        ["/api/v1/profiles", "/api/v1/profiles?user_id=u", "/api/v1/segments", "/api/v1/quarantine"]
    {
        let answer = world.ask("GET", path, &theirs.secret, Value::Null).await;
        assert_eq!((answer.status.as_u16(), &answer.body["items"]), (200, &json!([])), "{path}");
    }
}

#[tokio::test]
async fn api_04_tokens_do_what_their_key_may_for_their_user() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let body = json!({"user_id": "u1", "scopes": ["events:write", "profiles:read"], "ttl_s": 60});
    let issued = world.ask("POST", "/api/v1/tokens", &keys.secret, body).await;
    assert_eq!(issued.status, 201, "{}", issued.body);
    let token = issued.body["token"].as_str().expect("a token").to_owned();
    let track = |user: &str| json!({"user_id": user, "event": "x"});
    assert_eq!(world.ask("POST", "/api/v1/events/track", &token, track("u1")).await.status, 200);
    assert_eq!(
        world.ask("POST", "/api/v1/events/track", &token, track("u2")).await.code(),
        "user_mismatch"
    );
    assert_eq!(world.ask("GET", "/api/v1/profiles/user:u1", &token, Value::Null).await.status, 200);
    assert_eq!(
        world.ask("GET", "/api/v1/profiles/user:u2", &token, Value::Null).await.code(),
        "user_mismatch"
    );
    assert_eq!(
        world.ask("GET", "/api/v1/profiles", &token, Value::Null).await.code(),
        "user_mismatch"
    );
    assert_eq!(world.ask("GET", "/api/v1/keys", &token, Value::Null).await.code(), "scope_missing");
    world.clock.advance_ms(200_000);
    assert_eq!(
        world.ask("POST", "/api/v1/events/track", &token, track("u1")).await.code(),
        "token_expired"
    );
}

#[tokio::test]
async fn keys_are_shown_once_rotated_and_revoked() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let make_named = |key: &'static str, name: &str| {
        Request::post("/api/v1/keys")
            .header("authorization", format!("Bearer {}", keys.secret))
            .header("idempotency-key", key)
            .body(Body::from(
                json!({"kind": "secret", "name": name, "scopes": ["usage:read"]}).to_string(),
            ))
            .expect("a request")
    };
    let make = |key: &'static str| make_named(key, "n");
    let (first, again) = (world.send(make("a")).await, world.send(make("a")).await);
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.body, again.body, "a repeated request is answered as the first one was");
    let other = world.send(make_named("a", "another")).await;
    assert_eq!((other.status.as_u16(), other.code()), (422, "idempotency_key_reused"));
    let text = first.body["key"].as_str().expect("a key");
    assert_eq!(world.ask("GET", "/api/v1/usage", text, Value::Null).await.status, 200);
    let path = format!("/api/v1/keys/{}", first.body["id"].as_str().expect("an id"));
    let rotated =
        world.ask("POST", &format!("{path}/rotate"), &keys.secret, json!({"grace_s": 60})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.body);
    assert_eq!(world.ask("GET", "/api/v1/usage", text, Value::Null).await.status, 200, "grace");
    world.clock.advance_ms(61_000);
    assert_eq!(world.ask("GET", "/api/v1/usage", text, Value::Null).await.code(), "key_expired");
    let path = format!("/api/v1/keys/{}", rotated.body["id"].as_str().expect("an id"));
    assert_eq!(world.ask("DELETE", &path, &keys.secret, Value::Null).await.status, 200);
    let text = rotated.body["key"].as_str().expect("a key");
    assert_eq!(world.ask("GET", "/api/v1/usage", text, Value::Null).await.code(), "key_revoked");
    let listed = world.ask("GET", "/api/v1/keys", &keys.secret, Value::Null).await;
    let typed: Vec<impresario_api::ApiKey> =
        serde_json::from_value(listed.body["items"].clone()).expect("the documented shape");
    assert_eq!(serde_json::to_value(&typed).expect("json"), listed.body["items"]);
}

#[tokio::test]
async fn ten_01_a_tenants_life_in_the_hands_of_the_operator() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = format!("/api/v1/tenants/{}", keys.tenant);
    let shown = world.ask("GET", &path, ROOT, Value::Null).await;
    let typed: impresario_api::Tenant =
        serde_json::from_value(shown.body.clone()).expect("the documented shape");
    assert_eq!(serde_json::to_value(&typed).expect("json"), shown.body);
    let listed = world.ask("GET", "/api/v1/tenants", ROOT, Value::Null).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{}", listed.body);
    for (method, rest, body) in [
        ("PATCH", "", json!({"allowed_origins": ["https://shop.example"]})),
        ("PUT", "/plan", json!({"plan": "free"})),
        ("PUT", "/limits", json!({"requests_per_day": 50})),
        ("POST", "/suspend", json!({"reason": "unpaid"})),
    ] {
        let answer = world.ask(method, &format!("{path}{rest}"), ROOT, body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["changed"]),
            (200, &json!(true)),
            "{}",
            answer.body
        );
    }
    let refused = world.ask("GET", "/api/v1/tenant", &keys.secret, Value::Null).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "tenant_suspended"));
    world.ask("POST", &format!("{path}/resume"), ROOT, Value::Null).await;
    let shown = world.ask("GET", "/api/v1/tenant", &keys.secret, Value::Null).await;
    assert_eq!(
        (&shown.body["plan"], &shown.body["limits"]["requests_per_day"]),
        (&json!("free"), &json!(50))
    );
    assert_eq!(shown.headers["ratelimit-policy"], "\"burst\";q=10;w=1, \"day\";q=50;w=86400");
    let wrong = world.ask("PATCH", "/api/v1/tenant", &keys.secret, json!({"time_zone": "?"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (422, "settings_invalid"));
    assert_eq!(wrong.body["errors"][0]["pointer"], "/time_zone", "{}", wrong.body);
    assert_eq!(world.ask("GET", &format!("{path}/export"), ROOT, Value::Null).await.status, 200);
    assert_eq!(world.ask("DELETE", &path, ROOT, Value::Null).await.status, 204);
    let gone = world.ask("GET", "/api/v1/tenant", &keys.secret, Value::Null).await;
    assert_eq!(gone.code(), "credential_invalid");
}

#[tokio::test]
async fn a_tenant_that_cannot_begin_leaves_nothing_behind() {
    let world = World::new().await;
    for (body, code) in [
        (json!({"name": ""}), "settings_invalid"),
        (json!({"name": "Shop", "domain": "not a host"}), "settings_invalid"),
        (json!({"name": "Shop", "plan": "gold"}), "invalid_request"),
        (json!({"domain": "shop.example"}), "invalid_request"),
    ] {
        let answer = world.ask("POST", "/api/v1/tenants", ROOT, body).await;
        assert_eq!(answer.code(), code, "{}", answer.body);
    }
    assert_eq!(world.vault.tenants(), []);
    world.tenant("Shop").await;
    assert_eq!(world.vault.tenants().len(), 1);
}

#[tokio::test]
async fn ing_21_a_tenant_says_when_a_visit_ends() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let shown = world.ask("GET", "/api/v1/tenant", &keys.secret, Value::Null).await;
    assert_eq!(shown.body["settings"]["session_idle_minutes"], 30);
    let patch = |minutes: u32| json!({"session_idle_minutes": minutes});
    let wrong = world.ask("PATCH", "/api/v1/tenant", &keys.secret, patch(0)).await;
    assert_eq!(wrong.body["errors"][0]["pointer"], "/session_idle_minutes", "{}", wrong.body);
    assert_eq!(world.ask("PATCH", "/api/v1/tenant", &keys.secret, patch(60)).await.status, 200);
    let shown = world.ask("GET", "/api/v1/tenant", &keys.secret, Value::Null).await;
    assert_eq!(shown.body["settings"]["session_idle_minutes"], 60);
    let dead = json!({"retention_days": 30});
    let answer = world.ask("PATCH", "/api/v1/tenant", &keys.secret, dead).await;
    assert_eq!(answer.code(), "invalid_request", "nothing drops events: {}", answer.body);
}

#[tokio::test]
async fn api_08_browsers_may_call_from_allowed_origins() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    world
        .ask(
            "PATCH",
            "/api/v1/tenant",
            &keys.secret,
            json!({"allowed_origins": ["https://shop.example"]}),
        )
        .await;
    let track = |origin: &str| {
        Request::post("/v1/track")
            .header("authorization", format!("Bearer {}", keys.write))
            .header("origin", origin)
            .body(Body::from(r#"{"userId":"u","event":"x"}"#))
            .expect("a request")
    };
    let allowed = world.send(track("https://shop.example")).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://shop.example");
    let refused = world.send(track("https://evil.example")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "origin_not_allowed"));
    let asked = Request::builder()
        .method("OPTIONS")
        .uri("/v1/track")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty())
        .expect("a request");
    let answer = world.send(asked).await;
    assert_eq!(answer.status, 204);
    assert!(answer.headers.contains_key("access-control-allow-methods"));
}

#[tokio::test]
async fn every_error_is_a_problem_with_a_page_and_a_trace() {
    let world = World::new().await;
    let nowhere = world.ask("GET", "/nowhere", "x", Value::Null).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.code()), (404, "route_not_found"));
    let wrong = world.ask("DELETE", "/v1/track", "x", Value::Null).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (405, "method_not_allowed"));
    assert_eq!(wrong.headers["allow"], "POST");
    assert_eq!(wrong.headers["content-type"], "application/problem+json");
    assert!(wrong.body["trace_id"].as_str().is_some_and(|id| id.starts_with("trc_")));
    assert_eq!(wrong.headers["x-content-type-options"], "nosniff");
    let page =
        world.ask("GET", wrong.body["type"].as_str().expect("a page"), "", Value::Null).await;
    assert!(page.body.as_str().is_some_and(|text| text.contains("method_not_allowed")));
    let mut request = Request::get("/healthz").body(Body::empty()).expect("a request");
    let trace =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().expect("a header");
    request.headers_mut().insert("traceparent", trace);
    let healthy = world.send(request).await;
    assert_eq!(healthy.status, 200);
    assert!(
        healthy.headers["x-trace-id"].to_str().is_ok_and(|id| id.starts_with("trc_2bz4")),
        "{:?}",
        healthy.headers
    );
}

#[tokio::test]
async fn the_documentation_works_without_the_internet() {
    let world = World::new().await;
    let docs = world.ask("GET", "/docs", "", Value::Null).await;
    let html = docs.body.as_str().expect("html");
    assert!(html.contains("/docs/scalar.js") && !html.contains("cdn."), "{html}");
    let policy = docs.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("script-src 'self' 'sha256-") && !policy.contains("http"), "{policy}");
    let script =
        world.raw(Request::get("/docs/scalar.js").body(Body::empty()).expect("a request")).await;
    assert_eq!(script.status(), 200);
    let document = world.ask("GET", "/openapi.json", "", Value::Null).await;
    assert_eq!(document.body["openapi"], "3.1.0");
    assert_eq!(world.ask("GET", "/readyz", "", Value::Null).await.status, 200);
    assert_eq!(world.ask("GET", "/metrics", "", Value::Null).await.status, 200);
    assert_eq!(world.ask("GET", "/admin/v1/node", ROOT, Value::Null).await.body["node"], "test");
}
