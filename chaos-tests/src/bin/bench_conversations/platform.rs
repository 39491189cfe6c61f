//! A chat platform that only notes when a message came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use impresario_chaos_tests::now_ms;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes of a request, at most.
const BODY_MAX: usize = 1 << 20;

/// What came.
#[derive(Debug, Default)]
struct Came {
    /// When each message came, by our name for it, in milliseconds since 1970.
    at_ms: HashMap<String, i64>,
    /// How many messages came to each room.
    rooms: HashMap<String, watch::Sender<u32>>,
}

/// A running platform; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Platform {
    port: u16,
    came: Arc<Mutex<Came>>,
    task: tokio::task::JoinHandle<()>,
}

impl Platform {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for messages")?;
        let port = listener.local_addr().context("a port")?.port();
        let came = Arc::new(Mutex::new(Came::default()));
        let shared = Arc::clone(&came);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let came = Arc::clone(&shared);
                // Ends with its connection.
                drop(tokio::spawn(async move { serve(stream, &came).await }));
            }
        });
        Ok(Self { port, came, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells how many messages came to a room.
    pub(crate) fn room(&self, room: &str) -> watch::Receiver<u32> {
        let mut came = lock(&self.came);
        came.rooms.entry(room.to_owned()).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// When each message came.
    pub(crate) fn came(&self) -> HashMap<String, i64> {
        lock(&self.came).at_ms.clone()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(came: &Mutex<Came>) -> std::sync::MutexGuard<'_, Came> {
    came.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, came: &Mutex<Came>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let at_ms = now_ms();
        let is_message = line.contains("chat.postMessage");
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok().filter(|read| *read > 0)?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length.min(BODY_MAX)];
        stream.read_exact(&mut body).await.ok()?;
        let answer = if is_message { note(came, &body, at_ms) } else { json!({ "ok": true }) };
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.get_mut().write_all((head + &answer).as_bytes()).await.ok()?;
    }
}

fn note(came: &Mutex<Came>, body: &[u8], at_ms: i64) -> Value {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = message["metadata"]["event_payload"]["id"].as_str().unwrap_or_default();
    let room = message["channel"].as_str().unwrap_or_default();
    let mut came = lock(came);
    came.at_ms.entry(id.to_owned()).or_insert(at_ms);
    if let Some(room) = came.rooms.get(room) {
        room.send_modify(|count| *count += 1);
    }
    let stamp = format!("{}.{:06}", at_ms / 1_000, came.at_ms.len() % 1_000_000);
    json!({ "ok": true, "channel": room_of(&message), "ts": stamp })
}

fn room_of(message: &Value) -> Value {
    message["channel"].clone()
}
