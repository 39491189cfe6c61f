//! The website's widget in headless Chromium, on the page of a strict host.
//!
//! `IMPRESARIO_SCREENSHOTS=FOLDER` makes each test leave pictures of what it saw there.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::clients::{key, script, succeeds};
use super::node::{Node, free_address};
use super::talk::informed;

const SECRET: &str = "a secret that only the shop's server knows";
/// Where Chromium and its sisters are; `IMPRESARIO_CHROMIUM` names another place.
const BROWSERS: [&str; 5] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome-stable",
    "/usr/bin/google-chrome",
    "/snap/bin/chromium",
];

fn browser() -> PathBuf {
    let named = std::env::var_os("IMPRESARIO_CHROMIUM").map(PathBuf::from);
    let known = BROWSERS.iter().map(PathBuf::from).find(|program| program.exists());
    named.or(known).expect("Chromium: run `cargo xtask test` once, or set IMPRESARIO_CHROMIUM")
}

/// A shop with a website.
async fn shop() -> (Node, Value) {
    let (node, tenant) = informed(&[]).await;
    let host = free_address();
    let settings = json!({ "kind": "web", "settings": { "identity_secret": SECRET } });
    let looks = json!({
        "name": "Nordlicht",
        "burst": { "quiet_ms": 300 },
        "widget": {
            "title": "Nordlicht Shop",
            "greeting": "Moin! Ask me about returns, shipping or our warranty.",
            "color": "#0b5d66",
        },
    });
    for (method, path, body) in [
        ("PUT", "/api/v1/connections/web", settings),
        ("PUT", "/api/v1/assistant", looks),
        ("PATCH", "/api/v1/tenant", json!({ "allowed_origins": [format!("http://{host}")] })),
    ] {
        let (status, answer) = node.ask(method, path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
    }
    let key = key(&node, &["conversations:read", "conversations:write"]).await;
    let told = json!({
        "server": node.url(), "host": host, "tenant": tenant, "key": key, "secret": SECRET,
        "chromium": browser(), "shots": std::env::var_os("IMPRESARIO_SCREENSHOTS").and_then(|it| it.into_string().ok()),
        "contents": contents(&host),
    });
    (node, told)
}

/// One of each kind that can be shown.
fn contents(host: &str) -> Value {
    let markdown = "**Returns** are _free_. See <https://shop.example/returns>:\n\n1. Print the label\n\
                    2. Bring the parcel\n\n- `NL-4711` is your number\n- Averyveryverylongwordthathasnoplacetobreakinanditgoesonandonandon";
    let image = format!("http://{host}/tent.svg");
    let rows = json!([
        { "id": "mon", "title": "Monday", "description": "10:00 to 12:00" },
        { "id": "tue", "title": "Tuesday, in the afternoon if that suits you better" },
    ]);
    json!([
        [{ "type": "text", "text": markdown }],
        [{ "type": "buttons", "header": "Your order", "body": "Which parcel is it about?", "footer": "Two are on their way",
            "buttons": [{ "id": "a", "title": "The tent" }, { "id": "b", "title": "The sleeping bag and the mat" },
                { "id": "", "title": "Track it", "url": "https://shop.example/track" }] }],
        [{ "type": "list", "header": "Repair", "body": "When may we call you?", "footer": "Local time",
            "button": "Times", "sections": [{ "title": "This week", "rows": rows }] }],
        [{ "type": "product_card", "id": "t-1", "title": "Tent Storm 2", "description": "For two, 2.1 kg.",
            "price": { "micros": 349_900_000, "currency": "EUR" }, "availability": "in stock",
            "image": { "kind": "image", "id_or_url": image }, "url": "https://shop.example/t-1",
            "buttons": [{ "id": "product:t-1", "title": "Take this one" }] }],
        [{ "type": "service_card", "id": "s-1", "title": "Zip repair", "price": { "micros": 19_000_000, "currency": "EUR" },
            "duration_min": 45, "slots": ["Monday 10:00", "Tuesday 14:00"], "buttons": [] }],
        [{ "type": "location", "latitude": 54.32, "longitude": 10.13, "name": "Our store in Kiel" },
            { "type": "media", "kind": "document", "id_or_url": "https://shop.example/label.pdf", "name": "label.pdf", "caption": "Your label" },
            { "type": "media", "kind": "image", "id_or_url": "https://shop.example/gone.png", "name": "A picture that is gone" }],
    ])
}

async fn check(scenario: &str) {
    let (_node, mut told) = shop().await;
    told["scenario"] = json!(scenario);
    let mut command = script("widget.cjs");
    command.env("WIDGET_TEST", told.to_string());
    succeeds(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chn_01_a_visitor_asks_reads_again_and_gets_a_human() {
    check("conversation").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chn_12_news_come_by_socket_events_or_polls() {
    check("lines").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chn_01_the_host_says_who_the_visitor_is() {
    check("identity").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sent_is_said_and_sent_again_once() {
    check("trouble").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_has_nothing_to_say_about_the_widget() {
    check("accessibility").await;
}
