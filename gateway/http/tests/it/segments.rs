//! Segments, computed traits, webhooks, consents: the documented shapes, and problems with positions.

use impresario_api as api;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::edge::World;

/// The answer reads as the documented type and loses nothing on the way.
#[track_caller]
fn check_shape<T: DeserializeOwned + Serialize>(body: &Value) {
    let typed: T = serde_json::from_value(body.clone()).expect("the documented shape");
    assert_eq!(serde_json::to_value(&typed).expect("json"), *body);
}

fn buyers() -> Value {
    json!({"name": "Buyers", "rule": {"event": "Order Completed", "at_least": 1, "within_last": "30d"}})
}

#[tokio::test]
async fn pro_03_a_segments_life() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let made = world.ask("POST", "/api/v1/segments", &keys.secret, buyers()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    check_shape::<api::Saved>(&made.body);
    let path = format!("/api/v1/segments/{}", made.body["id"].as_str().expect("an id"));
    let shown = world.ask("GET", &path, &keys.secret, Value::Null).await;
    check_shape::<api::Segment>(&shown.body);
    let mut change = buyers();
    change["rule"]["at_least"] = json!(2);
    change["expected_version"] = json!(1);
    let saved = world.ask("PUT", &path, &keys.secret, change.clone()).await;
    assert_eq!((saved.status.as_u16(), &saved.body["version"]), (200, &json!(2)), "{}", saved.body);
    let conflict = world.ask("PUT", &path, &keys.secret, change).await;
    assert_eq!((conflict.status.as_u16(), conflict.code()), (409, "segment_version_conflict"));
    assert_eq!(conflict.body["info"], json!({"expected": 1, "actual": 2}));
    let old = world.ask("GET", &format!("{path}/versions/1"), &keys.secret, Value::Null).await;
    check_shape::<api::SegmentVersion>(&old.body);
    for (action, status) in [("pause", "paused"), ("resume", "live")] {
        let answer =
            world.ask("POST", &format!("{path}/{action}"), &keys.secret, Value::Null).await;
        assert_eq!(answer.body["status"], status, "{}", answer.body);
    }
    for query in ["", "?at=2026-11-01T00:00:00Z"] {
        let members =
            world.ask("GET", &format!("{path}/members{query}"), &keys.secret, Value::Null).await;
        assert_eq!(members.body, json!({"items": [], "next": null}));
        let size =
            world.ask("GET", &format!("{path}/size{query}"), &keys.secret, Value::Null).await;
        assert_eq!(size.body["members"], 0, "{}", size.body);
    }
    let listed = world.ask("GET", "/api/v1/segments", &keys.secret, Value::Null).await;
    check_shape::<api::Page<api::SegmentRow>>(&listed.body);
    assert_eq!(
        world.ask("DELETE", &path, &keys.secret, Value::Null).await.body["status"],
        "archived"
    );
    assert_eq!(
        world.ask("POST", &format!("{path}/pause"), &keys.secret, Value::Null).await.code(),
        "segment_archived"
    );
    let missing = "/api/v1/segments/seg_00000000000000000000000000";
    assert_eq!(world.ask("PUT", missing, &keys.secret, buyers()).await.code(), "segment_not_found");
    assert_eq!(
        world.ask("GET", "/api/v1/segments/prf_x", &keys.secret, Value::Null).await.code(),
        "id_invalid"
    );
}

#[tokio::test]
async fn pro_03_a_rule_is_tried_out_before_it_is_saved() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let events: Vec<Value> = (0..10)
        .map(|number| json!({"user_id": format!("u{number}"), "event": if number < 4 { "Order Completed" } else { "Viewed" }}))
        .collect();
    assert_eq!(
        world.ask("POST", "/api/v1/events/track", &keys.secret, json!(events)).await.status,
        200
    );
    let rule = buyers()["rule"].clone();
    let tried =
        world.ask("POST", "/api/v1/segments/preview", &keys.secret, json!({"rule": rule})).await;
    check_shape::<api::Preview>(&tried.body);
    assert_eq!(
        (&tried.body["profiles"], &tried.body["matched"]),
        (&json!(10), &json!(4)),
        "{}",
        tried.body
    );
    assert_eq!((&tried.body["estimated_members"], &tried.body["exact"]), (&json!(4), &json!(true)));
    let wrong = json!({"rule": {"all": [{"event": "x", "at_least": "many"}]}});
    let refused = world.ask("POST", "/api/v1/segments/preview", &keys.secret, wrong.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "segment_rule_invalid"));
    assert_eq!(refused.body["errors"][0]["pointer"], "/rule/all/0/at_least", "{}", refused.body);
    let saved = world
        .ask("POST", "/api/v1/segments", &keys.secret, json!({"name": "n", "rule": wrong["rule"]}))
        .await;
    assert_eq!(saved.body["errors"], refused.body["errors"]);
}

#[tokio::test]
async fn pro_04_computed_traits_are_defined_and_removed() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/computed-traits/orders_90d";
    let definition = json!({"kind": "count", "event": "Order Completed", "within_last": "90d"});
    let made = world.ask("PUT", path, &keys.secret, definition).await;
    assert_eq!((made.status.as_u16(), &made.body["changed"]), (200, &json!(true)), "{}", made.body);
    let listed = world.ask("GET", "/api/v1/computed-traits", &keys.secret, Value::Null).await;
    assert_eq!(listed.body["items"][0]["definition"]["kind"], "count", "{}", listed.body);
    let wrong = world.ask("PUT", path, &keys.secret, json!({"kind": "median", "event": "x"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (422, "computed_trait_invalid"));
    assert_eq!(world.ask("DELETE", path, &keys.secret, Value::Null).await.status, 200);
    assert_eq!(
        world.ask("DELETE", path, &keys.secret, Value::Null).await.code(),
        "computed_trait_unknown"
    );
}

#[tokio::test]
async fn int_04_webhook_endpoints() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let made = world
        .ask("POST", "/api/v1/webhooks", &keys.secret, json!({"url": "https://hooks.example/x"}))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.body["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    let path = format!("/api/v1/webhooks/{}", made.body["id"].as_str().expect("an id"));
    let shown = world.ask("GET", &path, &keys.secret, Value::Null).await;
    check_shape::<api::Endpoint>(&shown.body);
    let listed = world.ask("GET", "/api/v1/webhooks", &keys.secret, Value::Null).await;
    check_shape::<api::Page<api::Endpoint>>(&listed.body);
    assert_eq!(
        world.ask("PATCH", &path, &keys.secret, json!({"enabled": false})).await.body["changed"],
        true
    );
    let rotated = world
        .ask("POST", &format!("{path}/rotate-secret"), &keys.secret, json!({"grace_s": 60}))
        .await;
    assert_ne!(rotated.body["secret"], made.body["secret"], "{}", rotated.body);
    let wrong =
        world.ask("POST", "/api/v1/webhooks", &keys.secret, json!({"url": "ftp://x"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (422, "endpoint_invalid"));
    assert_eq!(world.ask("DELETE", &path, &keys.secret, Value::Null).await.status, 200);
    assert_eq!(world.ask("GET", &path, &keys.secret, Value::Null).await.code(), "endpoint_unknown");
}

#[tokio::test]
async fn prv_01_consents_are_recorded_with_their_proof() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    world
        .ask("POST", "/api/v1/users/identify", &keys.secret, json!({"user_id": "u", "traits": {}}))
        .await;
    let path = "/api/v1/profiles/user:u/consents";
    let given =
        json!({"purpose": "marketing", "channel": "email", "granted": true, "proof": {"ip": "x"}});
    assert_eq!(world.ask("POST", path, &keys.secret, given).await.status, 204);
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    check_shape::<api::Consents>(&shown.body);
    assert_eq!(shown.body["current"][0]["proof"], json!({"ip": "x"}));
    let wrong = json!({"purpose": "", "channel": "email", "granted": true});
    assert_eq!(world.ask("POST", path, &keys.secret, wrong).await.code(), "consent_invalid");
    let unknown = json!({"purpose": "p", "channel": "c", "granted": true, "colour": 1});
    assert_eq!(world.ask("POST", path, &keys.secret, unknown).await.code(), "invalid_request");
    let none = world
        .ask(
            "POST",
            "/api/v1/profiles/user:u/unmerge",
            &keys.secret,
            json!({"from": "prf_00000000000000000000000000"}),
        )
        .await;
    assert_eq!(none.code(), "profile_not_merged");
    assert_eq!(
        world.ask("DELETE", "/api/v1/profiles/user:u", &keys.secret, Value::Null).await.status,
        204
    );
    assert_eq!(
        world.ask("GET", "/api/v1/profiles/user:u", &keys.secret, Value::Null).await.code(),
        "profile_not_found"
    );
}
