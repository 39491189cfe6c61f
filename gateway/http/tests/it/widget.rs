//! The widget: sessions, identities, messages, live news.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use impresario_http::Options;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::edge::{Answer, Keys, World};

const SECRET: &str = "a secret that only the host knows";
const PAGE: &str = "https://shop.example";

struct Shop {
    world: World,
    keys: Keys,
    path: String,
}

impl Shop {
    async fn with(options: Options) -> Self {
        let world = World::with(options).await;
        let keys = world.tenant("Shop").await;
        let settings = json!({"token": "t", "identity_secret": SECRET});
        let body = json!({"kind": "web", "settings": settings});
        let put = world.ask("PUT", "/api/v1/connections/web", &keys.secret, body).await;
        assert_eq!(put.status, 200, "{}", put.body);
        let origins = json!({"allowed_origins": [PAGE]});
        let put = world.ask("PATCH", "/api/v1/tenant", &keys.secret, origins).await;
        assert!(put.status.is_success(), "{}", put.body);
        let path = format!("/widget/v1/{}/web", keys.tenant);
        Self { world, keys, path }
    }

    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn ask(&self, method: &str, rest: &str, session: &str, body: Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{rest}", self.path))
            .header("origin", PAGE);
        if !session.is_empty() {
            request = request.header("authorization", format!("Bearer {session}"));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.world.send(request.body(body).expect("a request")).await
    }

    async fn session(&self, body: Value) -> Answer {
        let begun = self.ask("POST", "/session", "", body).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        begun
    }

    async fn begin(&self) -> String {
        text(&self.session(json!({})).await.body["session"])
    }

    async fn say(&self, session: &str, id: &str, said: &str) -> Answer {
        self.ask("POST", "/messages", session, json!({"id": id, "text": said})).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(message: &str, secret: &str) -> String {
    use base64::Engine;
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    let algorithm = jsonwebtoken::Algorithm::HS256;
    let text = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).expect("a code");
    hex(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base 64"))
}

fn jwt(claims: &Value, secret: &str) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).expect("a token")
}

#[tokio::test]
async fn chn_01_the_script_and_the_looks_are_served() {
    let shop = Shop::new().await;
    let request = |etag: &str| {
        let request = Request::get("/widget.js").header("if-none-match", etag);
        request.body(Body::empty()).expect("a request")
    };
    let script = shop.world.send(request("")).await;
    assert_eq!(script.status, 200);
    assert!(text(&script.body).contains("ImpresarioChat"));
    let etag = script.headers["etag"].to_str().expect("text").to_owned();
    assert_eq!(shop.world.send(request(&etag)).await.status, 304);
    let config = json!({"name": "Ada", "widget": {"color": "#0a7d5a", "greeting": "Hello!"}});
    shop.world.ask("PUT", "/api/v1/assistant", &shop.keys.secret, config).await;
    let looks = shop.ask("GET", "/config", "", Value::Null).await;
    assert_eq!(looks.headers["access-control-allow-origin"], PAGE);
    let shown = [&looks.body["title"], &looks.body["greeting"], &looks.body["color"]];
    assert_eq!(shown, [&json!("Ada"), &json!("Hello!"), &json!("#0a7d5a")], "{}", looks.body);
    let all = looks.body.to_string();
    assert!(!all.contains(SECRET), "{all}");
}

#[tokio::test]
async fn chn_01_a_visitor_talks_and_reads_it_again() {
    let shop = Shop::new().await;
    let session = shop.begin().await;
    let sent = shop.say(&session, "m-1", "Where is my order?").await;
    assert_eq!((sent.status.as_u16(), &sent.body["id"]), (202, &json!("m-1")), "{}", sent.body);
    let again = shop.say(&session, "m-1", "Where is my order?").await;
    assert_eq!(again.body["outcome"], "duplicate", "{}", again.body);
    let read = shop.ask("GET", "/messages", &session, Value::Null).await;
    let messages = read.body["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 1, "{}", read.body);
    assert_eq!(messages[0]["content"][0]["text"], "Where is my order?");
    // The team sees it, answers, and notes something that the visitor must not see.
    let list = shop.world.ask("GET", "/api/v1/conversations", &shop.keys.secret, Value::Null).await;
    let path = format!("/api/v1/conversations/{}", text(&list.body["items"][0]["id"]));
    let note = json!({"by": "ada@shop.example", "text": "A difficult one"});
    shop.world.ask("POST", &format!("{path}/notes"), &shop.keys.secret, note).await;
    let reply = json!({"by": "ada@shop.example", "content": [
        {"type": "buttons", "body": "Which one?", "buttons": [{"id": "a", "title": "The red one"}]}
    ]});
    let replied = shop.world.ask("POST", &format!("{path}/reply"), &shop.keys.secret, reply).await;
    assert_eq!(replied.status, 202, "{}", replied.body);
    let seq = messages[0]["seq"].as_u64().expect("a number");
    let read = shop.ask("GET", &format!("/messages?after={seq}"), &session, Value::Null).await;
    let shown = read.body.to_string();
    assert!(shown.contains("The red one") && !shown.contains("ada@"), "{shown}");
    assert!(!shown.contains("difficult"), "{shown}");
    assert_eq!(read.body["status"], "human", "{shown}");
    let chosen = json!({"id": "m-2", "choice": {"id": "a", "title": "The red one"}});
    let sent = shop.ask("POST", "/messages", &session, chosen).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
}

#[tokio::test]
async fn chn_01_an_identity_counts_only_with_the_hosts_signature() {
    let shop = Shop::new().await;
    let now = crate::edge::NOW / 1_000;
    let code = json!({"identity": {"user_id": "u-17", "hmac": signed("u-17", SECRET)}});
    let by_code = shop.session(code).await;
    let claims = json!({"sub": "u-17", "name": "Grace", "exp": now + 600});
    let by_token = shop.session(json!({"identity": {"jwt": jwt(&claims, SECRET)}})).await;
    assert_eq!(by_code.body["conversation"], by_token.body["conversation"], "on every device");
    assert_eq!(by_token.body["verified"], true);
    let sent = shop.say(&text(&by_token.body["session"]), "m-1", "Hello").await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    let path = format!("/api/v1/conversations/{}", text(&by_token.body["conversation"]));
    let shown = shop.world.ask("GET", &path, &shop.keys.secret, Value::Null).await;
    let want = json!({"name": "Grace", "phone": null, "email": null,
        "external": [["user_id", "u-17"]], "verified": true});
    assert_eq!(shown.body["person"], want, "{}", shown.body);
    let late = json!({"sub": "u-17", "exp": now - 600});
    for (identity, refused) in [
        (json!({"user_id": "u-18", "hmac": signed("u-17", SECRET)}), "token_invalid"),
        (json!({"user_id": "u-17", "hmac": "zz"}), "token_invalid"),
        (json!({"jwt": jwt(&claims, "another secret")}), "token_invalid"),
        (json!({"jwt": jwt(&late, SECRET)}), "token_expired"),
        (json!({"jwt": jwt(&json!({"sub": "u-17"}), SECRET)}), "token_invalid"),
        (json!({"user_id": "u-17"}), "invalid_request"),
    ] {
        let answer = shop.ask("POST", "/session", "", json!({"identity": identity})).await;
        assert_eq!(answer.code(), refused, "{}", answer.body);
    }
}

#[tokio::test]
async fn chn_01_who_signs_in_while_talking_goes_on_and_who_signs_out_begins_anew() {
    let shop = Shop::new().await;
    let identity = json!({"user_id": "u-17", "hmac": signed("u-17", SECRET)});
    let first = shop.session(json!({})).await;
    let before = text(&first.body["session"]);
    shop.say(&before, "m-1", "Hello").await;
    let known = shop.session(json!({"session": before, "identity": identity})).await;
    assert_eq!(known.body["conversation"], first.body["conversation"]);
    assert_eq!(known.body["verified"], true);
    let out = shop.session(json!({"session": known.body["session"]})).await;
    assert_ne!(out.body["conversation"], first.body["conversation"]);
    let other = json!({"user_id": "u-18", "hmac": signed("u-18", SECRET)});
    let other = shop.session(json!({"session": known.body["session"], "identity": other})).await;
    assert_ne!(other.body["conversation"], first.body["conversation"]);
    // Who has said nothing yet gets the conversation that the user has everywhere.
    let silent = shop.begin().await;
    let silent = shop.session(json!({"session": silent, "identity": identity})).await;
    let fresh = shop.session(json!({"identity": identity})).await;
    assert_eq!(silent.body["conversation"], fresh.body["conversation"]);
}

#[tokio::test]
async fn ten_02_sessions_are_of_one_site_and_end() {
    let shop = Shop::new().await;
    let session = shop.begin().await;
    let mut forged = session.clone();
    forged.replace_range(3..4, if &session[3..4] == "A" { "B" } else { "A" });
    let second = json!({"kind": "web", "settings": {"token": "t"}});
    shop.world.ask("PUT", "/api/v1/connections/blog", &shop.keys.secret, second).await;
    let elsewhere = shop.path.replace("/web", "/blog");
    let request = Request::get(format!("{elsewhere}/messages"))
        .header("authorization", format!("Bearer {session}"))
        .body(Body::empty())
        .expect("a request");
    assert_eq!(shop.world.send(request).await.code(), "token_invalid");
    for (session, code) in [
        ("", "credential_missing"),
        ("nonsense", "token_invalid"),
        (forged.as_str(), "token_invalid"),
        (shop.keys.secret.as_str(), "token_invalid"),
    ] {
        let refused = shop.ask("GET", "/messages", session, Value::Null).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, code), "{}", refused.body);
    }
    shop.world.clock.advance_ms(61 * 86_400_000);
    let late = shop.ask("GET", "/messages", &session, Value::Null).await;
    assert_eq!(late.code(), "token_expired");
    for (path, code) in [
        (format!("/widget/v1/{}/wa/config", shop.keys.tenant), "connection_unknown"),
        ("/widget/v1/ten_00000000000000000000000000/web/config".to_owned(), "connection_unknown"),
    ] {
        let refused = shop.world.ask("GET", &path, "", Value::Null).await;
        assert_eq!(refused.code(), code, "{path}");
    }
    let foreign =
        Request::get(format!("{}/config", shop.path)).header("origin", "https://evil.example");
    let refused = shop.world.send(foreign.body(Body::empty()).expect("a request")).await;
    assert_eq!(refused.code(), "origin_not_allowed");
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_visitor_cannot_say_anything_or_everything() {
    let shop = Shop::new().await;
    let session = shop.begin().await;
    for (body, pointer) in [
        (json!({"id": "", "text": "x"}), "/id"),
        (json!({"id": "a b", "text": "x"}), "/id"),
        (json!({"id": "m", "text": " "}), "/text"),
        (json!({"id": "m", "text": "x".repeat(4_001)}), "/text"),
        (json!({"id": "m", "choice": {"id": "", "title": "x"}}), "/choice"),
        (json!({"id": "m"}), ""),
    ] {
        let refused = shop.ask("POST", "/messages", &session, body).await;
        assert_eq!(
            (refused.code(), &refused.body["pointer"]),
            ("invalid_request", &json!(pointer))
        );
    }
    let mut codes = Vec::new();
    for number in 0..12 {
        let answer = shop.say(&session, &format!("n-{number}"), "x").await;
        codes.push(answer.status.as_u16());
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
        }
    }
    assert!(codes.contains(&202) || codes.contains(&429), "{codes:?}");
    assert_eq!(codes.last(), Some(&429), "{codes:?}");
}

#[tokio::test]
async fn chn_12_news_come_as_events() {
    let shop = Shop::new().await;
    let session = shop.begin().await;
    let request = Request::get(format!("{}/events", shop.path))
        .header("authorization", format!("Bearer {session}"))
        .body(Body::empty())
        .expect("a request");
    let response = shop.world.raw(request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut heard = String::new();
    let mut said = false;
    while !heard.contains("Hello from here") {
        let frame = body.frame().await.expect("more").expect("a frame");
        heard.push_str(&String::from_utf8_lossy(&frame.into_data().expect("data")));
        if !said && heard.contains("event: state") {
            said = true;
            assert_eq!(shop.say(&session, "m-1", "Hello from here").await.status, 202);
        }
    }
    assert!(heard.contains("event: message") && heard.contains("id: 1"), "{heard}");
}

#[tokio::test]
async fn chn_12_news_come_over_a_websocket_after_a_hello() {
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let shop = Shop::with(Options { listen, ..Options::default() }).await;
    let session = shop.begin().await;
    assert_eq!(shop.say(&session, "m-1", "Said before").await.status, 202);
    let bound = impresario_http::bind(shop.world.edge.clone()).expect("a free port");
    let address = bound.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve(async {
        let _ = stopped.await;
    }));
    for (session, want) in [(session.as_str(), "Said before"), ("nonsense", "token_invalid")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let upgrade = format!(
            "GET {}/socket HTTP/1.1\r\nhost: x\r\norigin: {PAGE}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            shop.path
        );
        stream.write_all(upgrade.as_bytes()).await.expect("written");
        let mut head = String::new();
        while !head.contains("\r\n\r\n") {
            head.push(char::from(stream.read_u8().await.expect("a byte")));
        }
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let hello = json!({"type": "hello", "session": session}).to_string();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(hello.len()).expect("short").to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(hello.as_bytes());
        stream.write_all(&frame).await.expect("written");
        let mut heard = String::new();
        while !heard.contains(want) {
            let mut bytes = [0; 4_096];
            let length = stream.read(&mut bytes).await.expect("readable");
            assert!(length > 0, "closed early: {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }
    stop.send(()).expect("it serves");
    serving.await.expect("no panic").expect("a clean end");
}
