//! A way between two nodes that can fall silent without closing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    silent: watch::Sender<bool>,
    pub(crate) connections: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Proxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (silent, stop) = (watch::Sender::new(false), CancellationToken::new());
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, ended, count) = (silent.subscribe(), stop.clone(), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Some(Ok((near, _))) = ended.run_until_cancelled(listener.accept()).await {
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                for (from, to) in [(near_read, far_write), (far_read, near_write)] {
                    let (seen, ended) = (seen.clone(), ended.clone());
                    tokio::spawn(
                        async move { ended.run_until_cancelled(carry(from, to, seen)).await },
                    );
                }
            }
        });
        Self { addr, silent, connections, _stop: stop.drop_guard() }
    }

    /// From now on nothing is carried, and nothing is closed.
    pub(crate) fn hush(&self) {
        self.silent.send_replace(true);
    }

    pub(crate) fn speak(&self) {
        self.silent.send_replace(false);
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn carry(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut silent: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let _ = silent.wait_for(|silent| !silent).await;
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = silent.wait_for(|silent| *silent) => continue,
        };
        match read {
            Ok(count) if count > 0 => {
                let _ = silent.wait_for(|silent| !silent).await;
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
            _ => return drop(to.shutdown().await),
        }
    }
}
