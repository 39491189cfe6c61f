//! The sender against a real socket.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod receiver;

use base64::Engine as _;
use impresario_webhooks::{
    Answer, Delivery, Options, Outcome, Ports, Reason, Refusal, Secret, Sender, body,
};
use receiver::{Act, Received, Receiver};
use sha2::{Digest as _, Sha256};

const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAAECAwQFBgc=";
const AT_MS: i64 = 1_700_000_000_123;

fn options() -> Options {
    Options { allow_private: true, ports: Ports::Any, ..Options::default() }
}

async fn send_with(options: &Options, url: &str) -> Answer {
    let secrets = [Secret::parse(NEW).unwrap(), Secret::parse(OLD).unwrap()];
    let body = body("order.paid", AT_MS, r#"{"n":1}"#).unwrap();
    let delivery = Delivery { url, secrets: &secrets, id: "msg_1", at_ms: AT_MS, body: &body };
    Sender::new(options).unwrap().send(&delivery).await
}

async fn check(act: Act, want: Outcome) -> Answer {
    let receiver = Receiver::start(act).await;
    let answer = send_with(&options(), &receiver.url()).await;
    assert_eq!(answer.outcome, want, "{}", answer.detail);
    assert_eq!(receiver.seen().len(), 1, "one call is one request");
    answer
}

fn retry(reason: Reason) -> Outcome {
    Outcome::Retry { after_ms: None, reason }
}

/// HMAC-SHA256 by its definition (RFC 2104), so that the check does not share the signer's code.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(slot, key)| *slot ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn verifies(request: &Received, secret: &str) -> bool {
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(secret.trim_start_matches("whsec_")).unwrap();
    let header = |name: &str| request.headers.get(name).unwrap().as_str();
    let content =
        format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.body);
    let want = format!("v1,{}", base64.encode(hmac_sha256(&key, content.as_bytes())));
    header("webhook-signature").split(' ').any(|signature| signature == want)
}

#[tokio::test]
async fn a_receiver_verifies_with_the_new_and_the_old_secret() {
    let receiver = Receiver::start(Act::Answer("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let answer = send_with(&options(), &receiver.url()).await;
    assert_eq!((answer.outcome, answer.status), (Outcome::Delivered, Some(204)));
    let [request] = receiver.seen().try_into().unwrap();
    assert_eq!(request.line, "POST /hook HTTP/1.1");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["webhook-timestamp"], "1700000000");
    assert_eq!(
        request.body,
        r#"{"type":"order.paid","timestamp":"2023-11-14T22:13:20.123Z","data":{"n":1}}"#
    );
    assert!(verifies(&request, NEW) && verifies(&request, OLD));
    assert!(!verifies(&request, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

#[tokio::test]
async fn answers_are_classified() {
    let answer =
        check(Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), Outcome::Delivered)
            .await;
    assert_eq!(answer.detail, "ok");
    check(Act::Answer("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"), Outcome::Gone).await;
    check(Act::Answer("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"), retry(Reason::Status))
        .await;
    check(Act::Answer("not http at all\r\n\r\n"), retry(Reason::Broken)).await;
    check(Act::Close, retry(Reason::Broken)).await;
    let after = |after_ms| Outcome::Retry { after_ms: Some(after_ms), reason: Reason::Throttled };
    check(
        Act::Answer("HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"),
        after(7_000),
    )
    .await;
    check(
        Act::Answer("HTTP/1.1 503 No\r\nretry-after: Tue, 14 Nov 2023 22:14:20 GMT\r\ncontent-length: 0\r\n\r\n"),
        after(59_877),
    )
    .await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Receiver::start(Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let head = format!("HTTP/1.1 307 T\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url());
    check(Act::Answer(String::leak(head)), retry(Reason::Redirect)).await;
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn a_silent_receiver_costs_the_timeout_and_no_more() {
    let receiver = Receiver::start(Act::Hang("")).await;
    let options = Options { timeout_ms: 100, ..options() };
    let answer = send_with(&options, &receiver.url()).await;
    assert_eq!(answer.outcome, retry(Reason::Timeout));
}

#[tokio::test]
async fn the_head_decides_and_a_slow_or_endless_body_does_not_matter() {
    let options = Options { body_timeout_ms: 50, ..options() };
    for act in [
        Act::Hang("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf"),
        Act::Endless("HTTP/1.1 200 OK\r\n\r\n"),
    ] {
        let receiver = Receiver::start(act).await;
        let answer = send_with(&options, &receiver.url()).await;
        assert_eq!(answer.outcome, Outcome::Delivered);
        assert!(answer.detail.len() <= 200);
    }
}

#[tokio::test]
async fn nobody_listening_is_a_retry() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(send_with(&options(), &url).await.outcome, retry(Reason::Connect));
}

#[tokio::test]
async fn private_addresses_are_never_connected_to() {
    let receiver = Receiver::start(Act::Answer("HTTP/1.1 200 OK\r\n\r\n")).await;
    let strict = Options { allow_private: false, ..options() };
    let answer = send_with(&strict, &receiver.url()).await;
    assert_eq!(answer.outcome, Outcome::Refused(Refusal::Address));
    // A name that leads to a private address passes the look at the URL and fails when resolved.
    let named = format!("http://localhost:{}/", receiver.address.port());
    let answer = send_with(&strict, &named).await;
    assert_eq!(answer.outcome, retry(Reason::AddressForbidden));
    assert!(receiver.seen().is_empty());
    assert_eq!(send_with(&options(), &named).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn without_a_secret_or_with_an_unprintable_id_nothing_is_sent() {
    let sender = Sender::new(&options()).unwrap();
    let secrets = [Secret::parse(NEW).unwrap()];
    let delivery =
        Delivery { url: "http://127.0.0.1:9/", secrets: &[], id: "msg", at_ms: 0, body: "{}" };
    assert_eq!(sender.send(&delivery).await.outcome, Outcome::Refused(Refusal::Secret));
    let delivery = Delivery { secrets: &secrets, id: "a\nb", ..delivery };
    assert_eq!(sender.send(&delivery).await.outcome, Outcome::Refused(Refusal::Message));
}

#[tokio::test]
async fn an_untrusted_certificate_is_a_retry_and_a_trusted_one_delivers() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![certificate.clone()],
        rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap(),
    )
    .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    std::thread::spawn(move || serve_tls(&listener, &std::sync::Arc::new(config)));

    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let distrusting = Options { roots: vec![other.cert.der().to_vec()], ..options() };
    assert_eq!(send_with(&distrusting, &url).await.outcome, retry(Reason::Connect));
    let trusting = Options { roots: vec![certificate.to_vec()], ..options() };
    let answer = send_with(&trusting, &url).await;
    assert_eq!(answer.outcome, Outcome::Delivered, "{}", answer.detail);
}

fn serve_tls(listener: &std::net::TcpListener, config: &std::sync::Arc<rustls::ServerConfig>) {
    use std::io::{Read as _, Write as _};
    while let Ok((stream, _)) = listener.accept() {
        let session = rustls::ServerConnection::new(std::sync::Arc::clone(config)).unwrap();
        let mut tls = rustls::StreamOwned::new(session, stream);
        let mut read = Vec::new();
        let mut chunk = [0; 1024];
        while !String::from_utf8_lossy(&read).contains("{\"n\":1}}") {
            match tls.read(&mut chunk) {
                Ok(count) if count > 0 => read.extend_from_slice(&chunk[..count]),
                Ok(_) | Err(_) => break,
            }
        }
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        tls.conn.send_close_notify();
        let _ = tls.flush();
    }
}
