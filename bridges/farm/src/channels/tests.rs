#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post as route;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::{Delivery, discord_public_key, post, signed_headers};

#[tokio::test]
async fn webhooks_are_posted_signed_in_the_wanted_order() {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hears = Arc::clone(&heard);
    let target = Router::new().route(
        "/hook",
        route(async move |headers: HeaderMap, body: String| {
            let header =
                |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or("");
            let (tag, retry) = (header("x-slack-signature"), header("x-slack-retry-num"));
            hears.lock().push(format!("{body} {} {retry}", &tag[..5]));
            "ok"
        }),
    );
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, target).await });
    let delivery = Delivery {
        provider: "slack".to_owned(),
        secret: "s3cret".to_owned(),
        url,
        bodies: vec!["{\"a\":0}".to_owned(), "{\"a\":1}".to_owned()],
        order: vec![1, 0, 1, 7],
        now_s: 1_700_000_000,
    };
    let posted = post(&delivery).await;
    server.abort();
    assert!(posted.iter().all(|answer| answer.status == 200 && answer.body.contains("ok")));
    let bodies: Vec<String> = heard.lock().clone();
    let tags: Vec<String> = ["{\"a\":1}", "{\"a\":0}", "{\"a\":1}"]
        .iter()
        .enumerate()
        .map(|(index, body)| {
            let headers = signed_headers("slack", "s3cret", &delivery.url, body, delivery.now_s);
            let retry = if index == 2 { "1" } else { "" };
            format!("{body} {} {retry}", &headers[2].1[..5])
        })
        .collect();
    assert_eq!(bodies, tags);
}

#[test]
fn signatures_are_the_platforms() {
    let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let headers = signed_headers("whatsapp", "app_secret", "", body, 0);
    let want = "sha256=c236c758c9b2bd40b388a550eeca09eaca72384dd0aa5e7c31d19cddac5bba46";
    assert_eq!(headers[1].1, want);
    let seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let key = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
    assert_eq!(discord_public_key(seed).as_deref(), Some(key));
    assert_eq!(discord_public_key("xyz"), None);
}
