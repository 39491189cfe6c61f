//! A tenant's webhook endpoint: takes what it is sent, answers 200, keeps it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use impresario_webhooks::{Secret, sign};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const REQUEST_BYTES_MAX: usize = 64 << 10;
const DELIVERIES_MAX: usize = 100_000;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The same over all attempts.
    pub(crate) id: String,
    timestamp_s: i64,
    signatures: String,
    body: String,
}

impl Delivery {
    /// Whether it was signed with this secret (Standard Webhooks 1.0).
    pub(crate) fn is_genuine(&self, secret: &Secret) -> bool {
        let wanted = sign(secret, &self.id, self.timestamp_s, &self.body);
        self.signatures.split(' ').any(|signature| signature == wanted)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What it says, in a line.
    pub(crate) fn headline(&self, secret: &Secret) -> String {
        let (json, genuine) = (self.json(), self.is_genuine(secret));
        let text = |name: &str| json["data"][name].as_str().unwrap_or_default().to_owned();
        let who = [text("user_id"), text("anonymous_id"), text("profile_id")];
        format!(
            "⇠ {}  {}  {}  {}",
            json["type"].as_str().unwrap_or("?"),
            text("segment_name"),
            who.into_iter().find(|who| !who.is_empty()).unwrap_or_default(),
            if genuine { "(signature genuine)" } else { "(SIGNATURE WRONG)" },
        )
    }
}

/// A running endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    count: watch::Receiver<usize>,
}

impl Receiver {
    pub(crate) async fn start() -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("the receiver cannot listen")?;
        let address = listener.local_addr()?;
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let (log, counted) = (Arc::clone(&deliveries), Arc::new(counted));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&counted)));
            }
        });
        Ok(Self { address, deliveries, count })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// What came after the first `skip` messages.
    pub(crate) fn since(&self, skip: usize) -> Vec<Delivery> {
        let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.iter().skip(skip).cloned().collect()
    }

    /// Waits until more than `count` messages came.
    pub(crate) async fn more_than(&self, count: usize) {
        // Only fails when the listener ended, after which nothing comes.
        if self.count.clone().wait_for(|now| *now > count).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The first message after the first `skip` that is wanted, if it comes in time.
    pub(crate) async fn find(
        &self,
        skip: usize,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<Delivery> {
        let search = async {
            let mut seen = skip;
            loop {
                for delivery in self.since(seen) {
                    seen += 1;
                    if wanted(&delivery.json()) {
                        return delivery;
                    }
                }
                self.more_than(seen).await;
            }
        };
        tokio::time::timeout(within, search).await.ok()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Delivery>>>,
    counted: Arc<watch::Sender<usize>>,
) {
    let mut buffer = Vec::new();
    while let Some(delivery) = read(&mut stream, &mut buffer).await {
        let count = {
            let mut deliveries = log.lock().unwrap_or_else(PoisonError::into_inner);
            if deliveries.len() < DELIVERIES_MAX {
                deliveries.push(delivery);
            }
            deliveries.len()
        };
        // Two connections may count in the other order.
        counted.send_if_modified(|now| {
            let more = count > *now;
            *now = count.max(*now);
            more
        });
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection; what came after it stays in the buffer.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Delivery> {
    loop {
        if let Some((delivery, used)) = parse(buffer) {
            buffer.drain(..used);
            return Some(delivery);
        }
        let mut chunk = [0; 4_096];
        match stream.read(&mut chunk).await {
            Ok(count @ 1..) if buffer.len() + count <= REQUEST_BYTES_MAX => {
                buffer.extend_from_slice(&chunk[..count]);
            }
            Ok(_) | Err(_) => return None,
        }
    }
}

/// A whole request at the beginning of the bytes, and how long it is.
fn parse(bytes: &[u8]) -> Option<(Delivery, usize)> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..head_end]).ok()?;
    let header = |wanted: &str| {
        head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length")?.parse().ok()?;
    let body = bytes.get(head_end + 4..head_end + 4 + length)?;
    let delivery = Delivery {
        id: header("webhook-id").unwrap_or_default(),
        timestamp_s: header("webhook-timestamp")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
        signatures: header("webhook-signature").unwrap_or_default(),
        body: String::from_utf8_lossy(body).into_owned(),
    };
    Some((delivery, head_end + 4 + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str, signature: &str) -> String {
        format!(
            "POST /hooks HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nwebhook-id: msg_1\r\n\
             webhook-timestamp: 1700000000\r\nwebhook-signature: {signature}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn a_request_is_complete_with_its_body() {
        let text = request("{\"type\":\"segment.entered\"}", "v1,x");
        let rest = "POST ";
        let bytes = format!("{text}{rest}");
        let (delivery, used) = parse(bytes.as_bytes()).unwrap();
        assert_eq!((delivery.id.as_str(), used), ("msg_1", text.len()));
        assert_eq!(delivery.json()["type"], "segment.entered");
        assert!((0..text.len()).all(|end| parse(&bytes.as_bytes()[..end]).is_none()));
    }

    #[test]
    fn only_the_right_signature_is_genuine() {
        let secret = Secret::from_bytes(&[7; 32]).unwrap();
        let other = Secret::from_bytes(&[8; 32]).unwrap();
        let signature = format!("v1,other {}", sign(&secret, "msg_1", 1_700_000_000, "{}"));
        let (delivery, _) = parse(request("{}", &signature).as_bytes()).unwrap();
        assert!(delivery.is_genuine(&secret));
        assert!(!delivery.is_genuine(&other));
    }
}
