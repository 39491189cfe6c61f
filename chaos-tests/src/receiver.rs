//! A webhook receiver: a real HTTP server that answers as a test says and keeps what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: String,
    /// The status it was answered with.
    pub answered: u16,
}

impl Delivery {
    /// A header by its lower-case name; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Whether it is signed with `secret` as Standard Webhooks 1.0 wants it.
    #[must_use]
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let wanted = signature(
            secret,
            self.header("webhook-id"),
            self.header("webhook-timestamp"),
            &self.body,
        );
        self.header("webhook-signature").split(' ').any(|given| wanted.as_deref() == Some(given))
    }
}

/// The signature of Standard Webhooks 1.0: `v1,` and the HMAC-SHA256 of id, timestamp and body.
/// `None` if the secret is not one.
#[must_use]
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

/// A receiver; it stops when dropped.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    answers: Arc<Mutex<VecDeque<u16>>>,
    deliveries: mpsc::Receiver<Delivery>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Starts on a free port. The first requests get `answers`, in order; all others 200.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(answers: &[u16]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for webhooks")?;
        let port = listener.local_addr().context("the receiver's port")?.port();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect::<VecDeque<u16>>()));
        // Deliveries nobody looked at are not lost: the 10 001st waits.
        let (sender, deliveries) = mpsc::channel(10_000);
        let shared = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), sender.clone()));
            }
        });
        Ok(Self { port, answers, deliveries, task })
    }

    /// Where to send to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// What the next requests get, before 200 again.
    pub fn answer_next(&self, statuses: &[u16]) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).extend(statuses);
    }

    /// The next request, in order of arrival.
    ///
    /// # Errors
    /// If none arrives within `within`.
    pub async fn next(&mut self, within: Duration) -> Result<Delivery> {
        let next = tokio::time::timeout(within, self.deliveries.recv()).await;
        next.with_context(|| format!("no delivery within {within:?}"))?
            .context("the receiver has stopped")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    answers: Arc<Mutex<VecDeque<u16>>>,
    deliveries: mpsc::Sender<Delivery>,
) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some((headers, body))) = request(&mut stream).await {
        let next = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let answered = next.unwrap_or(200);
        let answer = format!("HTTP/1.1 {answered} Answer\r\ncontent-length: 0\r\n\r\n");
        if deliveries.send(Delivery { headers, body, answered }).await.is_err()
            || stream.write_all(answer.as_bytes()).await.is_err()
        {
            return;
        }
    }
}

/// Headers and body of the next request; `None` at the end of the connection.
async fn request(
    stream: &mut BufReader<TcpStream>,
) -> Result<Option<(Vec<(String, String)>, String)>> {
    let mut headers = Vec::new();
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().context("content-length")?];
    stream.read_exact(&mut body).await?;
    Ok(Some((headers, String::from_utf8_lossy(&body).into_owned())))
}
