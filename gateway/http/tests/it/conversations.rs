//! Conversations, the assistant, connections, webhooks of platforms, budgets, model calls.

use axum::body::Body;
use http::Request;
use impresario_api as api;
use serde_json::{Value, json};

use crate::edge::World;
use crate::knowledge::check_shape;

const MESSAGES: &str = "/api/v1/conversations/messages";

#[tokio::test]
async fn cnv_12_a_customer_writes_and_a_person_answers() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let message = json!({"user": "u-17", "text": "Where is my order?", "message_id": "m-1"});
    let sent = world.ask("POST", MESSAGES, &keys.secret, message.clone()).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    check_shape::<api::ConversationReply>(&sent.body);
    let again = world.ask("POST", MESSAGES, &keys.secret, message).await;
    assert_eq!(again.body["outcome"], "duplicate", "{}", again.body);
    let path =
        format!("/api/v1/conversations/{}", sent.body["conversation"].as_str().expect("an id"));
    let shown = world.ask("GET", &path, &keys.secret, Value::Null).await;
    check_shape::<api::Conversation>(&shown.body);
    assert_eq!(shown.body["messages"][0]["content"][0]["text"], "Where is my order?");
    let assign = |assignee: &str| json!({"assignee": assignee, "only_if_free": true});
    let taken = world.ask("POST", &format!("{path}/assign"), &keys.secret, assign("ada")).await;
    assert_eq!(taken.body["status"], "human", "{}", taken.body);
    let held = world.ask("POST", &format!("{path}/assign"), &keys.secret, assign("bob")).await;
    assert_eq!((held.status.as_u16(), held.code()), (409, "conversation_held_by_another"));
    let reply = json!({"by": "ada", "text": "On its way."});
    let replied = world.ask("POST", &format!("{path}/reply"), &keys.secret, reply).await;
    assert_eq!(replied.status, 202, "{}", replied.body);
    assert!(replied.body["outgoing"].is_string(), "{}", replied.body);
    let note = json!({"by": "ada", "text": "Called the carrier."});
    assert_eq!(world.ask("POST", &format!("{path}/notes"), &keys.secret, note).await.status, 200);
    for (action, status) in [
        ("hand-back", "bot"),
        ("resolve", "resolved"),
        ("reopen", "bot"),
        ("handoff", "waiting_human"),
    ] {
        let answer =
            world.ask("POST", &format!("{path}/{action}"), &keys.secret, Value::Null).await;
        assert_eq!(answer.body["status"], status, "{action}: {}", answer.body);
    }
    let page = world.ask("GET", &format!("{path}?limit=1"), &keys.secret, Value::Null).await;
    assert_eq!(
        (page.body["messages"].as_array().map(Vec::len), &page.body["more"]),
        (Some(1), &json!(true))
    );
    let other = world.tenant("Other").await;
    let hidden = world.ask("GET", &path, &other.secret, Value::Null).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "conversation_not_found"));
    let hidden = world.ask("POST", &format!("{path}/resolve"), &other.secret, Value::Null).await;
    assert_eq!(hidden.code(), "conversation_not_found");
    let list = "/api/v1/conversations";
    for (query, found) in [
        ("", 1),
        ("?status=waiting_human,human", 1),
        ("?status=bot", 0),
        ("?assignee=bob", 0),
        ("?profile=prf_00000000000000000000000000", 0),
    ] {
        let listed = world.ask("GET", &format!("{list}{query}"), &keys.secret, Value::Null).await;
        check_shape::<api::Page<api::ConversationRow>>(&listed.body);
        assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(found), "{query}");
    }
    let listed = world.ask("GET", list, &other.secret, Value::Null).await;
    assert_eq!(listed.body, json!({"items": [], "next": null}));
    let both = "/api/v1/conversations?status=bot&assignee=ada";
    assert_eq!(world.ask("GET", both, &keys.secret, Value::Null).await.code(), "parameter_invalid");
}

#[tokio::test]
async fn messages_and_replies_that_cannot_be_are_refused() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    for (message, pointer) in [
        (json!({"user": "", "text": "x"}), "/user"),
        (json!({"user": "u", "text": " "}), "/text"),
        (json!({"user": "u", "text": "x".repeat(8_001)}), "/text"),
        (json!({"user": "u"}), ""),
        (json!({"user": "u", "text": "x", "choice": {"id": "y"}}), ""),
        (json!({"user": "u".repeat(201), "text": "x"}), "/user"),
        (json!({"user": "u", "text": "x", "message_id": ""}), "/message_id"),
    ] {
        let refused = world.ask("POST", MESSAGES, &keys.secret, message).await;
        assert_eq!(
            (refused.code(), &refused.body["pointer"]),
            ("invalid_request", &json!(pointer))
        );
    }
    let sent = world.ask("POST", MESSAGES, &keys.secret, json!({"user": "u", "text": "x"})).await;
    let path = format!(
        "/api/v1/conversations/{}/reply",
        sent.body["conversation"].as_str().expect("an id")
    );
    let wrong = json!({"by": "ada", "content": [{"type": "telegram"}]});
    let refused = world.ask("POST", &path, &keys.secret, wrong).await;
    assert_eq!(refused.code(), "conversation_content_invalid", "{}", refused.body);
    assert_eq!(refused.body["errors"][0]["pointer"], "/content/0");
    let nameless = json!({"by": "", "text": "x"});
    let refused = world.ask("POST", &path, &keys.secret, nameless).await;
    assert_eq!(refused.code(), "conversation_assignee_invalid");
}

#[tokio::test]
async fn cnv_06_the_assistant_is_configured() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/assistant";
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    check_shape::<api::Assistant>(&shown.body);
    assert_eq!(shown.body["version"], 0);
    let mut config = shown.body["config"].clone();
    config["name"] = json!("Ada");
    let put = world.ask("PUT", path, &keys.secret, config.clone()).await;
    assert_eq!((put.status.as_u16(), &put.body["changed"]), (200, &json!(true)), "{}", put.body);
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    assert_eq!((&shown.body["config"]["name"], &shown.body["version"]), (&json!("Ada"), &json!(1)));
    config["name"] = json!(7);
    let refused = world.ask("PUT", path, &keys.secret, config).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "assistant_invalid"));
    assert_eq!(refused.body["errors"][0]["pointer"], "/name", "{}", refused.body);
}

#[tokio::test]
async fn connections_hide_their_secrets() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/connections/shop-wa";
    let body = json!({"kind": "whatsapp", "settings": {"token": "s3cret-token", "number": "17"}});
    let put = world.ask("PUT", path, &keys.secret, body).await;
    assert_eq!((put.status.as_u16(), &put.body["changed"]), (200, &json!(true)), "{}", put.body);
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    check_shape::<api::Connection>(&shown.body);
    assert_eq!(shown.body["settings"], json!(["number", "token"]));
    assert_eq!(shown.body["webhook"], json!(format!("/hooks/{}/shop-wa", keys.tenant)));
    let listed = world.ask("GET", "/api/v1/connections", &keys.secret, Value::Null).await;
    assert!(!format!("{} {}", shown.body, listed.body).contains("s3cret"), "{}", listed.body);
    for (body, pointer) in [
        (json!({"kind": "fax", "settings": {"token": "x"}}), "/kind"),
        (json!({"kind": "slack", "settings": {}}), "/settings/token"),
    ] {
        let refused = world.ask("PUT", path, &keys.secret, body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (422, "connection_invalid"));
        let at = [&refused.body["pointer"], &refused.body["errors"][0]["pointer"]];
        assert!(at.contains(&&json!(pointer)), "{}", refused.body);
    }
    let other = world.tenant("Other").await;
    assert_eq!(
        world.ask("GET", path, &other.secret, Value::Null).await.code(),
        "connection_unknown"
    );
    assert_eq!(world.ask("DELETE", path, &keys.secret, Value::Null).await.status, 200);
    assert_eq!(
        world.ask("DELETE", path, &keys.secret, Value::Null).await.code(),
        "connection_unknown"
    );
}

#[tokio::test]
async fn chn_02_what_platforms_send_reaches_the_bridge_byte_for_byte() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let body = json!({"kind": "whatsapp", "settings": {"token": "t"}});
    world.ask("PUT", "/api/v1/connections/wa", &keys.secret, body).await;
    let path = format!("/hooks/{}/wa?a=%20b", keys.tenant);
    let send = |method: &str, path: &str, signature: &str, body: &'static [u8]| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-signature", signature)
            .header("content-encoding", "gzip")
            .body(Body::from(body));
        world.send(request.expect("a request"))
    };
    let taken = send("POST", &path, "right", b"{\"x\" :\t1}").await;
    assert_eq!(taken.status, 202, "{}", taken.body);
    assert_eq!(taken.body, json!(format!("POST {path} wa {{\"x\" :\t1}}")));
    let asked = send("GET", &path, "right", b"").await;
    assert_eq!(
        (asked.status.as_u16(), &asked.headers["content-type"]),
        (202, &"text/plain".parse().expect("a value"))
    );
    let refused = send("POST", &path, "wrong", b"{}").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (401, "hook_refused"));
    for path in [
        format!("/hooks/{}/other", keys.tenant),
        "/hooks/ten_00000000000000000000000000/wa".to_owned(),
        "/hooks/x/wa".to_owned(),
    ] {
        let refused = send("POST", &path, "right", b"{}").await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (404, "connection_unknown"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn llm_13_limits_are_set_and_shown() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/budgets";
    let limits = json!({"limits": [
        {"scope": {"kind": "tenant"}, "period": "day", "micros": 5_000_000},
        {"scope": {"kind": "class", "name": "vip"}, "period": "month", "micros": 1},
        {"scope": {"kind": "each_conversation"}, "period": "total", "micros": 50_000}
    ]});
    let set = world.ask("PUT", path, &keys.secret, limits).await;
    assert_eq!(set.status, 200, "{}", set.body);
    check_shape::<api::Budget>(&set.body);
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    assert_eq!(shown.body, set.body);
    assert_eq!(shown.body["limits"][1]["scope"], json!({"kind": "class", "name": "vip"}));
    for (scope, period, pointer) in [
        (json!({"kind": "galaxy"}), "day", json!("/limits/0/scope")),
        (json!({"kind": "class"}), "day", json!("/limits/0/scope")),
        (json!({"kind": "tenant"}), "week", json!("/limits/0/period")),
        (json!({"kind": "each_run"}), "day", Value::Null),
    ] {
        let limits = json!({"limits": [{"scope": scope, "period": period, "micros": 1}]});
        let refused = world.ask("PUT", path, &keys.secret, limits).await;
        assert_eq!((refused.code(), &refused.body["pointer"]), ("budget_limits_invalid", &pointer));
    }
}

#[tokio::test]
async fn analytics_and_model_calls_are_looked_at() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let path = "/api/v1/conversations/analytics";
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    check_shape::<api::ConversationAnalytics>(&shown.body);
    assert_eq!(
        (&shown.body["from"], &shown.body["to"]),
        (&json!("2026-10-22"), &json!("2026-11-20"))
    );
    assert_eq!(shown.body["days"], json!([]));
    let message = json!({"user": "u", "text": "Hello"});
    assert_eq!(world.ask("POST", MESSAGES, &keys.secret, message).await.status, 202);
    let shown = world.ask("GET", path, &keys.secret, Value::Null).await;
    check_shape::<api::ConversationAnalytics>(&shown.body);
    assert_eq!(shown.body["totals"]["conversations"], json!({"api": 1}), "{}", shown.body);
    assert_eq!(shown.body["days"][0]["day"], "2026-11-20");
    for query in ["?from=2026-11-21&to=2026-11-20", "?from=2020-01-01", "?from=then"] {
        let refused = world.ask("GET", &format!("{path}{query}"), &keys.secret, Value::Null).await;
        assert_eq!(refused.code(), "parameter_invalid", "{query}");
    }
    let listed = world.ask("GET", "/api/v1/llm/traces", &keys.secret, Value::Null).await;
    assert_eq!(listed.body, json!({"items": [], "next": null}));
    let one = "/api/v1/llm/traces/cal_00000000000000000000000000";
    assert_eq!(
        world.ask("GET", one, &keys.secret, Value::Null).await.code(),
        "model_call_not_found"
    );
}
