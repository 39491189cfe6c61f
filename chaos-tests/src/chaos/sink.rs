//! A webhook receiver that keeps everything it is sent, wherever it is reached, and now and then
//! refuses, so that it is sent again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// One in so many is refused.
const REFUSES_ONE_IN: usize = 17;

/// One request.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The message id of Standard Webhooks.
    pub id: String,
    /// The body.
    pub body: Value,
    /// When, in milliseconds since the sink was started.
    pub at_ms: u64,
    /// Whether it was accepted.
    pub is_accepted: bool,
}

/// A receiver. It stops when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    began: Instant,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Sink {
    /// Listens at a free port of `host`.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn start(host: &str) -> Result<Self> {
        let listener = TcpListener::bind((host, 0)).await.context("listen for webhooks")?;
        let address = listener.local_addr().context("the sink's address")?;
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (shared, began) = (Arc::clone(&arrived), Instant::now());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A sender that breaks off has not delivered.
                    let _ = serve(stream, &shared, began).await;
                });
            }
        });
        Ok(Self { address, began, arrived, task })
    }

    /// Where to send to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Milliseconds since it was started.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Everything that arrived so far, also what was refused: a message that was ever seen was sent.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, arrived: &Mutex<Vec<Arrived>>, began: Instant) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let (mut id, mut length) = (String::new(), 0);
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_lowercase().as_str() {
                "webhook-id" => value.trim().clone_into(&mut id),
                "content-length" => length = value.trim().parse().context("content-length")?,
                _ => {}
            }
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await?;
        let body = serde_json::from_slice(&bytes).context("a webhook's body")?;
        let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let is_accepted = {
            let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
            let is_accepted = !(arrived.len() + 1).is_multiple_of(REFUSES_ONE_IN);
            arrived.push(Arrived { id, body, at_ms, is_accepted });
            is_accepted
        };
        let status = if is_accepted { "200 OK" } else { "503 Later" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
