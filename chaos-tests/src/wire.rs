//! Bytes on a socket, for what no well-behaved client would send.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A plain connection to a server.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn connect(address: &str) -> Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await.context("connect")? })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await.context("send")
    }

    /// Everything until the server closes the connection; an early end of it counts as its end.
    ///
    /// # Errors
    /// If it is still open after `within`.
    pub async fn read_to_end(&mut self, within: Duration) -> Result<String> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let reading = async {
            while let Ok(count @ 1..) = self.stream.read(&mut chunk).await {
                bytes.extend_from_slice(&chunk[..count]);
            }
        };
        tokio::time::timeout(within, reading)
            .await
            .with_context(|| format!("still open after {within:?}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
