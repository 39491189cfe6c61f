//! C4, at the edge: bad input gets an error with a code, sinks no neighbour, loses nothing, and no
//! panic is in the log (the server's `Drop` looks).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Answer, Api, Options, Tenant, TestServer, Wire};
use reqwest::Method;
use serde_json::{Value, json};

/// A name, a body, and what it may be answered with.
type Case = (&'static str, Vec<u8>, &'static [(u16, &'static str)]);

async fn house(settings: &[&str]) -> Result<(TestServer, Tenant)> {
    let server = TestServer::start(Options::set(settings))?;
    let tenant = Tenant::onboard(&server.root()?, "hostile").await?;
    Ok((server, tenant))
}

/// Sends a body as it is, strictly; what was answered.
async fn strict(api: &Api, path: &str, body: impl Into<reqwest::Body>) -> Result<Answer> {
    let request = api.request(Method::POST, path).header("content-type", "application/json");
    api.send(request.header("x-strict-mode", "1").body(body)).await
}

#[track_caller]
fn check(name: &str, answer: &Answer, want: &[(u16, &str)]) -> Result<()> {
    let got = (answer.status, answer.code());
    ensure!(want.contains(&got), "{name}: {got:?} instead of one of {want:?}: {}", answer.body);
    Ok(())
}

/// A tracking event with something added.
fn track(rest: &str) -> Vec<u8> {
    format!(r#"{{"userId":"u","event":"e","messageId":"m"{rest}}}"#).into_bytes()
}

/// Texts that are no JSON, or none that we take.
fn broken_texts() -> Vec<Case> {
    let deep = format!(
        r#","properties":{}{}"#,
        r#"{"a":"#.repeat(5_000),
        "1".to_owned() + &"}".repeat(5_000)
    );
    vec![
        ("empty", Vec::new(), &[(400, "malformed_json")]),
        ("not JSON", b"hello".to_vec(), &[(400, "malformed_json")]),
        ("cut off", br#"{"userId":"u","#.to_vec(), &[(400, "malformed_json")]),
        ("two values", br#"{"userId":"u","event":"e"} {}"#.to_vec(), &[(400, "malformed_json")]),
        ("an array", b"[]".to_vec(), &[(400, "not_an_object")]),
        (
            "invalid UTF-8",
            b"{\"userId\":\"\xff\xfe\",\"event\":\"e\"}".to_vec(),
            &[(400, "invalid_utf8")],
        ),
        ("deep nesting", track(&deep), &[(400, "nested_too_deep")]),
        ("escaped NUL", track(r#","properties":{"a":"b\u0000c"}"#), &[(400, "nul_character")]),
        (
            "NUL in the name",
            br#"{"userId":"u","event":"\u0000"}"#.to_vec(),
            &[(400, "nul_character")],
        ),
        (
            "half a surrogate",
            track(r#","properties":{"a":"\ud800"}"#),
            &[(400, "malformed_json"), (400, "invalid_utf8")],
        ),
    ]
}

/// JSON with values that cannot be.
fn wrong_values() -> Vec<Case> {
    vec![
        ("huge number", track(r#","properties":{"a":1e999}"#), &[(400, "number_out_of_range")]),
        (
            "number as id",
            br#"{"userId":{"a":1},"event":"e"}"#.to_vec(),
            &[(400, "field_type_wrong")],
        ),
        (
            "text as properties",
            track(r#","properties":"x""#),
            &[(400, "field_type_wrong"), (400, "not_an_object")],
        ),
        ("no id", br#"{"event":"e"}"#.to_vec(), &[(400, "no_user_anon_id")]),
        ("no event", br#"{"userId":"u"}"#.to_vec(), &[(400, "event_name_invalid")]),
        ("not a time", track(r#","timestamp":"yesterday""#), &[(400, "timestamp_invalid")]),
        (
            "year 9999",
            track(r#","timestamp":"9999-12-31T23:59:59Z""#),
            &[(400, "timestamp_absurd"), (400, "timestamp_invalid")],
        ),
        (
            "year -1",
            track(r#","timestamp":"-000001-01-01T00:00:00Z""#),
            &[(400, "timestamp_absurd"), (400, "timestamp_invalid")],
        ),
        (
            "a large event",
            track(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(40_000))),
            &[(400, "event_too_large")],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bodies_get_a_code() -> Result<()> {
    let (_server, tenant) = house(&[]).await?;
    let api = &tenant.write;
    for (name, body, want) in broken_texts().into_iter().chain(wrong_values()) {
        check(name, &strict(api, "/v1/track", body).await?, want)?;
    }
    ensure!(
        api.post("/v1/track", &json!({"userId":"u","event":"Alive"})).await?.status == 200,
        "it lives on"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oversize_is_refused_without_reading_it_all() -> Result<()> {
    let (_server, tenant) = house(&[]).await?;
    let huge = vec![b' '; 8 << 20];
    // The server may close the connection before it took everything; that is an answer too.
    if let Ok(answer) = strict(&tenant.write, "/v1/batch", huge).await {
        check("8 MB", &answer, &[(413, "body_too_large"), (400, "body_too_large")])?;
    }
    let bomb = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b' '; 64 << 20])?;
        encoder.finish()?
    };
    let request = tenant
        .write
        .request(Method::POST, "/v1/batch")
        .header("content-encoding", "gzip")
        .body(bomb);
    let answer = tenant.write.send(request).await?;
    check("a zip bomb", &answer, &[(413, "body_too_large"), (400, "body_too_large")])?;
    ensure!(
        tenant.write.post("/v1/track", &json!({"userId":"u","event":"Alive"})).await?.status == 200,
        "it lives on"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_10_000_is_refused_whole_and_a_bad_item_alone() -> Result<()> {
    let (_server, tenant) = house(&[]).await?;
    let tiny = json!({"type":"track","userId":"u","event":"e"});
    let many: Vec<&Value> = std::iter::repeat_n(&tiny, 10_000).collect();
    let answer = strict(&tenant.write, "/v1/batch", json!({ "batch": many }).to_string()).await?;
    check(
        "10 000 items",
        &answer,
        &[(400, "too_many_events"), (413, "body_too_large"), (400, "body_too_large")],
    )?;
    ensure!(tenant.count("u", "e").await? == 0, "a refused batch leaves nothing");

    let good =
        |n: u32| json!({"type":"track","userId":"v","event":"Kept","messageId":format!("k{n}")});
    let bad = [
        json!({"type":"track","userId":"v"}),
        json!(7),
        json!({"type":"fly","userId":"v"}),
        json!(null),
    ];
    let mut batch: Vec<Value> = (0..20).map(good).collect();
    for (at, item) in bad.iter().enumerate() {
        batch.insert(at * 5, item.clone());
    }
    let answer = tenant.write.post("/v1/batch", &json!({ "batch": batch })).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    ensure!(tenant.count("v", "Kept").await? == 20, "bad items sink no neighbours");
    ensure!(
        tenant.quarantined().await?.len() == bad.len(),
        "each refused item is in the quarantine"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_keys_and_messages_count_once() -> Result<()> {
    let (_server, tenant) = house(&[]).await?;
    let body = r#"{"userId":"a","userId":"b","event":"e","messageId":"same"}"#;
    let answer = strict(&tenant.write, "/v1/track", body).await?;
    ensure!(
        answer.status == 200 || !answer.code().is_empty(),
        "a duplicate key has a code or counts"
    );
    for _ in 0..5 {
        let message = json!({"userId":"c","event":"Once","messageId":"once"});
        ensure!(
            tenant.write.post("/v1/track", &message).await?.status == 200,
            "a duplicate is no error"
        );
    }
    ensure!(tenant.count("c", "Once").await? == 1, "a duplicate counts once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_cut_off() -> Result<()> {
    let (server, tenant) = house(&["http.head_timeout_ms=500", "http.body_timeout_ms=500"]).await?;
    let mut loris = Vec::new();
    for _ in 0..200 {
        let mut wire = Wire::connect(&server.address()).await?;
        wire.send(b"POST /v1/track HTTP/1.1\r\nhost: x\r\nx-slow: ").await?;
        loris.push(wire);
    }
    ensure!(
        tenant.write.post("/v1/track", &json!({"userId":"u","event":"e"})).await?.status == 200,
        "others are served"
    );
    for mut wire in loris {
        wire.read_to_end(Duration::from_secs(10)).await.context("an endless head")?;
    }
    let mut wire = Wire::connect(&server.address()).await?;
    let key = tenant.write.token();
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{"
    );
    wire.send(head.as_bytes()).await?;
    let answer = wire.read_to_end(Duration::from_secs(10)).await.context("an endless body")?;
    ensure!(answer.is_empty() || answer.contains("408"), "an endless body: {answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_wire_is_survived() -> Result<()> {
    let (server, tenant) = house(&["http.head_timeout_ms=500"]).await?;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    let garbage: [&[u8]; 6] = [
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for bytes in garbage {
        let mut wire = Wire::connect(&server.address()).await?;
        // It may hang up while we are still sending.
        let _ = wire.send(bytes).await;
        wire.read_to_end(Duration::from_secs(10)).await?;
    }
    ensure!(
        tenant.write.post("/v1/track", &json!({"userId":"u","event":"e"})).await?.status == 200,
        "it lives on"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_tenants_and_revoked_keys_are_401() -> Result<()> {
    let (server, tenant) = house(&[]).await?;
    let message = json!({"userId":"u","event":"e"});
    let key = tenant.write.token();
    let other = format!("{}0", &key[..key.len() - 1]);
    let stranger =
        key.replacen(tenant.id.trim_start_matches("ten_"), "00000000000000000000000001", 1);
    for bad in [&other, &stranger] {
        let answer =
            strict(&tenant.write.with_token(bad), "/v1/track", message.to_string()).await?;
        check(bad, &answer, &[(401, "credential_invalid")])?;
    }
    // What has not the form of a key may accompany a write key in the body; here is none.
    for bad in ["nonsense", "imp_wk_", ""] {
        let answer =
            strict(&tenant.write.with_token(bad), "/v1/track", message.to_string()).await?;
        check(bad, &answer, &[(401, "credential_missing"), (401, "credential_invalid")])?;
    }
    tenant.revoke_write_key().await?;
    let answer = strict(&tenant.write, "/v1/track", message.to_string()).await?;
    check("a revoked key", &answer, &[(401, "key_revoked")])?;
    ensure!(server.panic_in_log().is_none(), "no panic");
    Ok(())
}
