//! One address for a cluster, as a load balancer is: each new connection goes to the next node that
//! takes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A node that does not take a connection in this time is passed over.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// An open door; it is closed when dropped.
#[derive(Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Door {
    /// Opens a door to the nodes at these `http://` addresses.
    pub(crate) async fn open(urls: &[String]) -> Result<Self> {
        let nodes: Vec<String> = urls
            .iter()
            .map(|url| {
                let node = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
                let node = node.filter(|node| node.contains(':') && !node.contains('/'));
                node.map(str::to_owned)
                    .with_context(|| format!("{url:?} is not of the form http://HOST:PORT"))
            })
            .collect::<Result<_>>()?;
        ensure!(!nodes.is_empty(), "no node to go to");
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the door cannot listen")?;
        let address = listener.local_addr()?;
        let (nodes, next) = (Arc::new(nodes), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, Arc::clone(&nodes), Arc::clone(&next)));
            }
        });
        Ok(Self { address, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut stream: TcpStream, nodes: Arc<Vec<String>>, next: Arc<AtomicUsize>) {
    let first = next.fetch_add(1, Ordering::Relaxed);
    for turn in 0..nodes.len() {
        let node = &nodes[(first + turn) % nodes.len()];
        if let Ok(Ok(mut there)) = timeout(CONNECT_WITHIN, TcpStream::connect(node)).await {
            // Whichever side breaks off: the client sees it and comes again.
            let _ = stream.set_nodelay(true).and_then(|()| there.set_nodelay(true));
            let _ = copy_bidirectional(&mut stream, &mut there).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_node_that_is_gone_is_passed_over() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let here = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let urls = [format!("http://{gone}"), format!("http://{}/", here.local_addr().unwrap())];
        let door = Door::open(&urls).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = here.accept().await {
                stream.write_all(b"here").await.unwrap();
            }
        });
        for _ in 0..4 {
            let mut text = String::new();
            let mut stream = TcpStream::connect(door.address()).await.unwrap();
            stream.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "here");
        }
        assert!(Door::open(&["https://a:1".to_owned()]).await.is_err());
        assert!(Door::open(&[]).await.is_err());
    }
}
