//! The Segment tracking API.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::edge::{Keys, World};

async fn post(
    world: &World,
    path: &str,
    strict: bool,
    key: Option<&str>,
    body: impl Into<Body>,
) -> (u16, Value) {
    let mut request = Request::post(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    if strict {
        request = request.header("x-strict-mode", "1");
    }
    let answer = world.send(request.body(body.into()).expect("a request")).await;
    (answer.status.as_u16(), answer.body)
}

async fn events_of(world: &World, keys: &Keys, user: &str) -> Value {
    world.ask("GET", &format!("/api/v1/profiles/user:{user}"), &keys.secret, Value::Null).await.body
        ["events"]
        .clone()
}

/// What official clients sent, with the key of the test's tenant in its three places.
#[tokio::test]
async fn ing_02_recorded_requests_of_official_clients_arrive_once() {
    use base64::Engine;
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let recorded = include_str!("../recorded-batches.jsonl");
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:", keys.write));
    for _ in 0..2 {
        for line in recorded.lines() {
            let request = Request::post("/v1/batch")
                .header("authorization", format!("Basic {basic}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Body::from(line.to_owned()))
                .expect("a request");
            let answer = world.send(request).await;
            assert_eq!((answer.status.as_u16(), answer.body), (200, json!({"success": true})));
        }
    }
    let got = world.ask("GET", "/api/v1/profiles/user:u1", &keys.secret, Value::Null).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.body["events"], 8);
    assert_eq!(got.body["traits"]["email"], "a@b.c");
    assert_eq!(got.body["orders"]["revenue"], 19);
    let found = world.ask("GET", "/api/v1/profiles?email=A@B.C", &keys.secret, Value::Null).await;
    assert_eq!(found.body["items"][0]["id"], got.body["id"]);
}

#[tokio::test]
async fn api_03_the_write_key_may_be_in_the_body() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let body = |key: &str| json!({"userId": "u", "event": "x", "writeKey": key}).to_string();
    assert_eq!(post(&world, "/v1/track", false, None, body(&keys.write)).await.0, 200);
    assert_eq!(
        post(&world, "/v1/track", false, Some("oauth-token"), body(&keys.write)).await.0,
        200
    );
    let batch =
        json!({"batch": [{"type": "track", "userId": "u", "event": "x"}], "writeKey": keys.write});
    assert_eq!(post(&world, "/v1/batch", false, None, batch.to_string()).await.0, 200);
    assert_eq!(events_of(&world, &keys, "u").await, 3);
    // An event that belongs to nobody was not accepted, in neither mode.
    for (key, body, code) in [
        (None, body("wk"), "credential_invalid"),
        (None, json!({"userId": "u", "event": "x"}).to_string(), "credential_missing"),
        (
            Some("imp_wk_0000000000000000000000000a_00000000000000000000000000000000"),
            body("x"),
            "credential_invalid",
        ),
    ] {
        let (status, body) = post(&world, "/v1/track", false, key, body).await;
        assert_eq!((status, body["code"].as_str()), (401, Some(code)));
    }
}

#[tokio::test]
async fn ing_06_a_bad_event_never_sinks_its_neighbours() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let batch = r#"{"batch":[
        {"type":"track","userId":"u","event":"good","messageId":"m1"},
        {"type":"track","event":"nobody"},
        {"type":"track","userId":"u","event":"half a character \ud800"},
        {"type":"track","userId":"u","event":"huge","properties":{"n":1e999}},
        {"type":"track","userId":"u","event":"nul","properties":{"n":"\u0000"}},
        "no event",
        {"type":"track","userId":"v","event":"good","messageId":"m2"}
    ]}"#;
    let (status, body) = post(&world, "/v1/batch", true, Some(&keys.write), batch).await;
    assert_eq!(status, 207, "{body}");
    assert_eq!((&body["accepted"], &body["rejected"]), (&json!(2), &json!(5)));
    let codes: Vec<&str> = body["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| result["code"].as_str().unwrap_or(""))
        .collect();
    let want = [
        "",
        "no_user_anon_id",
        "malformed_json",
        "number_out_of_range",
        "nul_character",
        "not_an_object",
        "",
    ];
    assert_eq!(codes, want);
    assert_eq!(
        post(&world, "/v1/batch", false, Some(&keys.write), batch).await,
        (200, json!({"success": true}))
    );

    // The same body again was the same request: five items, not ten.
    let listed = world.ask("GET", "/api/v1/quarantine", &keys.secret, Value::Null).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(5), "{}", listed.body);
    let counts = world.ask("GET", "/api/v1/quarantine/counts", &keys.secret, Value::Null).await;
    assert_eq!(counts.body["counts"]["no_user_anon_id"], 1);
    assert_eq!(events_of(&world, &keys, "u").await, 1);
}

#[tokio::test]
async fn what_cannot_be_read_as_a_whole_is_refused_in_both_modes() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let many = format!(r#"{{"batch":[{}1]}}"#, "1,".repeat(2_500));
    let large = format!(r#"{{"batch":["{}"]}}"#, "x".repeat(600_000));
    let event = format!(r#"{{"userId":"u","event":"x","p":"{}"}}"#, "x".repeat(40_000));
    for (path, body, code) in [
        ("/v1/track", "{".to_owned(), "malformed_json"),
        ("/v1/batch", "{".to_owned(), "malformed_json"),
        ("/v1/batch", "[]".to_owned(), "malformed_json"),
        ("/v1/batch", "{}".to_owned(), "invalid_request"),
        ("/v1/batch", many, "too_many_events"),
        ("/v1/batch", large, "body_too_large"),
        ("/v1/track", event, "event_too_large"),
    ] {
        let (status, body) = post(&world, path, false, Some(&keys.write), body).await;
        assert_eq!((status, body["code"].as_str()), (400, Some(code)), "{path}");
    }
    let (status, body) =
        post(&world, "/v1/track", false, Some(&keys.write), vec![b'"', 0xff, b'"']).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("invalid_utf8")));
    let (status, body) =
        post(&world, "/v1/track", true, Some(&keys.write), r#"{"event":"x"}"#).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("no_user_anon_id")));
    let lenient = post(&world, "/v1/track", false, Some(&keys.write), r#"{"event":"x"}"#).await;
    assert_eq!(lenient, (200, json!({"success": true})));
    let empty = post(&world, "/v1/batch", false, Some(&keys.write), r#"{"batch":[]}"#).await;
    assert_eq!(empty, (200, json!({"success": true})));
}

#[tokio::test]
async fn an_idempotency_key_stands_in_for_missing_message_ids() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    for _ in 0..3 {
        let request = Request::post("/v1/batch")
            .header("authorization", format!("Bearer {}", keys.write))
            .header("idempotency-key", "k1")
            .body(Body::from(r#"{"batch":[{"type":"track","userId":"u","event":"a"},{"type":"track","userId":"u","event":"a"}]}"#))
            .expect("a request");
        assert_eq!(world.send(request).await.status, 200);
    }
    assert_eq!(events_of(&world, &keys, "u").await, 2);
    let other = r#"{"batch":[{"type":"track","userId":"u","event":"b"}]}"#;
    let request = Request::post("/v1/batch")
        .header("authorization", format!("Bearer {}", keys.write))
        .header("idempotency-key", "k1")
        .body(Body::from(other))
        .expect("a request");
    let answer = world.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "idempotency_key_reused"));
    assert_eq!(events_of(&world, &keys, "u").await, 2);
}

/// The example of Segment's own documentation, and what its clients stamp on every later event.
#[tokio::test]
async fn prv_01_the_consent_object_becomes_consents_per_purpose() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let preference = json!({
        "anonymousId": "23adfd82-aa0f-45a7-a756-24f2a7a4c895",
        "type": "track",
        "event": "Segment Consent Preference Updated",
        "userId": "u123",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "context": {"consent": {"categoryPreferences": {
            "Advertising": true, "Analytics": false, "Functional": true, "DataSharing": false
        }}}
    });
    let stamped = json!({
        "type": "page", "userId": "u123", "timestamp": "2026-01-02T00:00:00.000Z",
        "context": {"consent": {"categoryPreferences": {"Advertising": false, "Functional": true}}}
    });
    let silent = json!({"type": "page", "userId": "u123", "context": {"ip": "192.0.2.1"}});
    for event in [preference, stamped, silent] {
        let batch = json!({"batch": [event]}).to_string();
        let (status, body) = post(&world, "/v1/batch", true, Some(&keys.write), batch).await;
        assert_eq!(status, 200, "{body}");
    }
    let path = "/api/v1/profiles/user:u123/consents";
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await.body;
    let word = |entry: &Value| {
        format!("{}/{}={}", entry["purpose"], entry["channel"], entry["granted"]).replace('"', "")
    };
    let words =
        |list: &Value| list.as_array().expect("a list").iter().map(word).collect::<Vec<_>>();
    assert_eq!(
        words(&shown["current"]),
        ["Advertising/*=false", "Analytics/*=false", "DataSharing/*=false", "Functional/*=true"]
    );
    assert_eq!(words(&shown["history"]).len(), 5, "one change, four beginnings: {shown}");
    assert_eq!(shown["current"][0]["source"], "context.consent");
}

#[tokio::test]
async fn the_consent_of_a_batch_holds_for_its_events_and_a_broken_one_for_none() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let batch = r#"{
        "context": {"consent": {"categoryPreferences": {"Ads": true}}},
        "batch": [
            {"type": "track", "userId": "u", "event": "a"},
            {"type": "track", "userId": "v", "event": "a", "context": {"consent": {"categoryPreferences": {"Ads": false}}}},
            {"type": "track", "userId": "w", "event": "a", "context": {"consent": {"categoryPreferences": {"Ads": "maybe"}}}}
        ]
    }"#;
    let (status, body) = post(&world, "/v1/batch", true, Some(&keys.write), batch).await;
    assert_eq!((status, &body["results"][2]["code"]), (207, &json!("consent_invalid")), "{body}");
    for (user, granted) in [("u", true), ("v", false)] {
        let path = format!("/api/v1/profiles/user:{user}/consents");
        let shown = world.ask("GET", &path, &keys.secret, Value::Null).await.body;
        assert_eq!(shown["current"][0]["granted"], granted, "{shown}");
    }
}

/// `integrations` says to which destinations a copy of the event goes. Nothing here sends copies of
/// events: what webhooks tell are facts about profiles, which a flag on one event must not hide.
#[tokio::test]
async fn integrations_are_read_and_never_in_the_way() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    for integrations in [json!({"All": false}), json!({"All": false, "Mixpanel": true}), json!({})]
    {
        let event = json!({"userId": "u", "event": "a", "integrations": integrations}).to_string();
        let (status, body) = post(&world, "/v1/track", true, Some(&keys.write), event).await;
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(events_of(&world, &keys, "u").await, 3);
    let wrong = json!({"userId": "u", "event": "a", "integrations": [false]}).to_string();
    let (status, body) = post(&world, "/v1/track", true, Some(&keys.write), wrong).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("field_type_wrong")), "{body}");
}
