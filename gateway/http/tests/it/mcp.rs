//! Tools for agents.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::edge::{Answer, World};

async fn post(world: &World, key: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::post("/mcp")
        .header("authorization", format!("Bearer {key}"))
        .header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

fn rpc(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// A request of the revision where each stands for itself.
async fn modern(world: &World, key: &str, method: &str, mut params: Value) -> Answer {
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let headers =
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", &name)];
    post(world, key, &headers, &rpc(method, params)).await
}

#[tokio::test]
async fn an_older_client_shakes_hands_and_calls() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
    let begun = post(&world, &keys.secret, &[], &rpc("initialize", hello)).await;
    assert_eq!(begun.body["result"]["protocolVersion"], "2025-11-25", "{}", begun.body);
    assert!(!begun.headers.contains_key("mcp-session-id"), "nothing is kept");
    let version = [("mcp-protocol-version", "2025-11-25")];
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(post(&world, &keys.secret, &version, &ready).await.status, 202);
    let ping = post(&world, &keys.secret, &version, &rpc("ping", json!({}))).await;
    assert_eq!(ping.body["result"], json!({}));
    let list = post(&world, &keys.secret, &version, &rpc("tools/list", json!({}))).await;
    let names: Vec<&str> = list.body["result"]["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    let all = [
        "search_knowledge",
        "answer_question",
        "get_profile",
        "list_conversations",
        "get_conversation",
    ];
    assert_eq!(names, all);
    let call = json!({"name": "answer_question", "arguments": {"question": "How long?"}});
    let answer = post(&world, &keys.secret, &version, &rpc("tools/call", call)).await;
    let result = &answer.body["result"];
    assert_eq!(result["structuredContent"]["text"], "How long?", "{}", answer.body);
    let text: Value =
        serde_json::from_str(result["content"][0]["text"].as_str().expect("text")).expect("json");
    assert_eq!(text, result["structuredContent"]);
    let unknown = post(&world, &keys.secret, &version, &rpc("prompts/list", json!({}))).await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["error"]["code"]), (200, &json!(-32_601)));
    assert_eq!(world.ask("GET", "/mcp", &keys.secret, Value::Null).await.status, 405);
}

#[tokio::test]
async fn a_request_of_today_stands_for_itself() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let found = modern(&world, &keys.secret, "server/discover", json!({})).await;
    assert_eq!(found.body["result"]["resultType"], "complete", "{}", found.body);
    assert_eq!(found.body["result"]["supportedVersions"][0], "2026-07-28");
    let list = modern(&world, &keys.secret, "tools/list", json!({})).await;
    assert_eq!(list.body["result"]["cacheScope"], "private");
    let unknown = modern(&world, &keys.secret, "initialized", json!({})).await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["error"]["code"]), (404, &json!(-32_601)));
    let wrong = json!({"name": "get_profile", "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}});
    let headers =
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "x")];
    let refused = post(&world, &keys.secret, &headers, &rpc("tools/call", wrong)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]["code"]), (400, &json!(-32_020)));
    let future = [("mcp-protocol-version", "2030-01-01")];
    let refused = post(&world, &keys.secret, &future, &rpc("tools/list", json!({}))).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]["code"]), (400, &json!(-32_022)));
    assert_eq!(refused.body["error"]["data"]["requested"], "2030-01-01");
    for (body, code) in
        [(json!([]), -32_600), (json!({"jsonrpc": "1.0", "id": 1, "method": "ping"}), -32_600)]
    {
        let refused = post(&world, &keys.secret, &[], &body).await;
        assert_eq!((refused.status.as_u16(), &refused.body["error"]["code"]), (400, &json!(code)));
    }
}

#[tokio::test]
async fn api_07_a_key_sees_and_uses_what_its_scopes_open() {
    let world = World::new().await;
    let keys = world.tenant("Shop").await;
    let body = json!({"kind": "secret", "name": "agent", "scopes": ["profiles:read", "conversations:read"]});
    let made = world.ask("POST", "/api/v1/keys", &keys.secret, body).await;
    let key = made.body["key"].as_str().expect("a key").to_owned();
    let list = modern(&world, &key, "tools/list", json!({})).await;
    assert_eq!(list.body["result"]["tools"].as_array().map(Vec::len), Some(3), "{}", list.body);
    let ask = |name: &'static str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        let (world, key) = (&world, &key);
        async move { modern(world, key, "tools/call", params).await.body["result"].clone() }
    };
    let refused = ask("answer_question", json!({"question": "x"})).await;
    assert_eq!(
        (&refused["isError"], &refused["structuredContent"]["code"]),
        (&json!(true), &json!("scope_missing"))
    );
    let event = json!({"user_id": "u-1", "traits": {"plan": "pro"}});
    let sent = world.ask("POST", "/api/v1/users/identify", &keys.secret, event).await;
    assert!(sent.status.is_success(), "{}", sent.body);
    let shown = ask("get_profile", json!({"user_id": "u-1"})).await;
    assert_eq!(shown["structuredContent"]["traits"]["plan"], "pro", "{shown}");
    let none = ask("get_profile", json!({"user_id": "u-2"})).await;
    assert_eq!(none["structuredContent"]["code"], "profile_not_found", "{none}");
    let message = json!({"user": "u-1", "text": "Where is my order?", "message_id": "m-1"});
    world.ask("POST", "/api/v1/conversations/messages", &keys.secret, message).await;
    let listed = ask("list_conversations", json!({"status": "bot"})).await;
    let id = listed["structuredContent"]["items"][0]["id"].clone();
    let shown = ask("get_conversation", json!({"conversation": id})).await;
    let said = &shown["structuredContent"]["messages"][0]["content"][0]["text"];
    assert_eq!(said, "Where is my order?", "{shown}");
    for (name, arguments, code) in [
        ("get_conversation", json!({"conversation": "x"}), "id_invalid"),
        ("list_conversations", json!({"status": "lost"}), "parameter_invalid"),
        ("get_profile", json!({"user": "u-1"}), "invalid_request"),
    ] {
        let refused = ask(name, arguments).await;
        assert_eq!(refused["structuredContent"]["code"], code, "{refused}");
    }
    let other = world.tenant("Other").await;
    let call = json!({"name": "get_conversation", "arguments": {"conversation": id}});
    let hidden = modern(&world, &other.secret, "tools/call", call).await;
    assert_eq!(hidden.body["result"]["structuredContent"]["code"], "conversation_not_found");
}
