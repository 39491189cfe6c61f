use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::signed_headers;

/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Webhooks to post, as a platform would.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `whatsapp`, `twilio`, `slack` or `discord`.
    pub provider: String,
    /// The secret to sign with ([`signed_headers`]).
    pub secret: String,
    /// Where to: `http://host:port/path?query`.
    pub url: String,
    /// The bodies.
    pub bodies: Vec<String>,
    /// Which of them in which order: `[0, 0]` is a duplicate, `[1, 0]` out of order.
    pub order: Vec<usize>,
    /// The time that is signed, in seconds since 1970.
    pub now_s: i64,
}

/// What the target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The status; 0 if there was no answer.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Posts them one after the other.
pub async fn post(delivery: &Delivery) -> Vec<Posted> {
    let mut posted = Vec::new();
    let mut seen = Vec::new();
    for index in &delivery.order {
        let Some(body) = delivery.bodies.get(*index) else { continue };
        let Delivery { provider, secret, url, now_s, .. } = delivery;
        let mut headers = signed_headers(provider, secret, url, body, *now_s);
        let times = seen.iter().filter(|known| *known == index).count();
        if provider == "slack" && times > 0 {
            headers.push(("x-slack-retry-num".to_owned(), times.to_string()));
            headers.push(("x-slack-retry-reason".to_owned(), "http_timeout".to_owned()));
        }
        seen.push(*index);
        let sent = tokio::time::timeout(Duration::from_secs(20), one(url, &headers, body)).await;
        let nothing = Posted { status: 0, body: String::new() };
        posted.push(sent.ok().and_then(Result::ok).unwrap_or(nothing));
    }
    posted
}

/// One request of HTTP/1.1, without TLS: the target is a test's own.
async fn one(url: &str, headers: &[(String, String)], body: &str) -> std::io::Result<Posted> {
    let rest = url.strip_prefix("http://").ok_or(std::io::ErrorKind::InvalidInput)?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut socket = TcpStream::connect(host).await?;
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Posted { status, body: body.to_owned() })
}
