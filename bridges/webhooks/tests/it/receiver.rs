//! A stand-in for a tenant's endpoint: answers each connection's first request with fixed bytes and
//! keeps what it was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
}

/// What to do with a request.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Write these bytes and close.
    Answer(&'static str),
    /// Write these bytes and then keep the connection open without a word.
    Hang(&'static str),
    /// Write these bytes and then a body without end.
    Endless(&'static str),
    /// Close without an answer.
    Close,
}

impl Receiver {
    pub(crate) async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, act, Arc::clone(&log)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, act: Act, log: Arc<Mutex<Vec<Received>>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    log.lock().unwrap().push(request);
    match act {
        Act::Answer(bytes) => drop(stream.write_all(bytes.as_bytes()).await),
        Act::Hang(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            // Until the other side gives up.
            let _ = stream.read(&mut [0; 1]).await;
        }
        Act::Endless(bytes) => {
            let mut result = stream.write_all(bytes.as_bytes()).await;
            while result.is_ok() {
                result = stream.write_all(&[b'x'; 4096]).await;
            }
        }
        Act::Close => {}
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next()?.to_owned();
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
            if body.len() >= length {
                return Some(Received { line, headers, body: body.to_owned() });
            }
        }
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            Ok(_) | Err(_) => return None,
        }
    }
}
