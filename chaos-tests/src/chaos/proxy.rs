//! A TCP proxy that does to connections what no firewall can: it delays, slows down to single
//! bytes, holds, cuts, and lets later connections overtake earlier ones.
//!
//! Within a connection nothing is lost, doubled or reordered: TCP does not allow it, and neither
//! does this.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::plan::Chance;

/// Pieces of one direction that are under way. What does not fit waits in the sender's socket, as
/// on a real line.
const PIECES_MAX: usize = 256;
const PIECE_BYTES: usize = 16 << 10;

/// What one direction is like. By default as if the proxy were not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// How long each piece takes, in milliseconds.
    pub delay_ms: u64,
    /// Up to so much longer, by chance, in milliseconds. The order is kept.
    pub jitter_ms: u64,
    /// Nothing arrives; it is kept.
    pub is_stalled: bool,
    /// One byte at a time, so many per second.
    pub bytes_per_s: Option<u32>,
}

/// What a proxy does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// From the caller to the target.
    pub there: Way,
    /// From the target to the caller.
    pub back: Way,
    /// New connections are held back for up to so long, by chance, in milliseconds, so that later
    /// ones overtake earlier ones.
    pub shuffle_ms: u64,
}

impl Weather {
    /// A delay of both directions.
    #[must_use]
    pub fn delayed(ms: u64) -> Self {
        let way = Way { delay_ms: ms, jitter_ms: ms / 4, ..Way::default() };
        Self { there: way, back: way, shuffle_ms: 0 }
    }
}

#[derive(Clone, Copy, Debug)]
enum Side {
    There,
    Back,
}

impl Side {
    fn of(self, weather: &Weather) -> Way {
        match self {
            Self::There => weather.there,
            Self::Back => weather.back,
        }
    }
}

/// A proxy in front of one address. It stops, and its connections break, when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    /// Counts the cuts: a connection ends at the first one after its beginning.
    cuts: Arc<watch::Sender<u64>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens at `listen` and passes on to `target`.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(listen: SocketAddr, target: SocketAddr, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(listen).await.context("listen for the proxy")?;
        let address = listener.local_addr().context("the proxy's address")?;
        let weather = watch::channel(Weather::default()).0;
        let cuts = Arc::new(watch::channel(0).0);
        let (watched, cut) = (weather.subscribe(), Arc::clone(&cuts));
        let mut chance = Chance::new(seed);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let cut = cut.subscribe();
                tokio::spawn(connection(stream, target, watched.clone(), cut, chance.fork()));
            }
        });
        Ok(Self { address, weather, cuts, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does, also to connections that are there.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Breaks all connections that are there.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn connection(
    stream: TcpStream,
    target: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut cut: watch::Receiver<u64>,
    mut chance: Chance,
) {
    let shuffle_ms = weather.borrow().shuffle_ms;
    if shuffle_ms > 0 && timeout(chance.pause(0, shuffle_ms), cut.changed()).await.is_ok() {
        return;
    }
    let Ok(other) = TcpStream::connect(target).await else { return };
    // Small pieces must not wait for each other: only we delay here.
    if stream.set_nodelay(true).and_then(|()| other.set_nodelay(true)).is_err() {
        return;
    }
    let ((from, to), (other_from, other_to)) = (stream.into_split(), other.into_split());
    let there = way(from, other_to, weather.clone(), Side::There, chance.fork());
    let back = way(other_from, to, weather, Side::Back, chance);
    tokio::select! {
        _ = cut.changed() => {}
        _ = async { tokio::join!(there, back) } => {}
    }
}

type Piece = (Instant, Vec<u8>);

/// One direction, to its end.
async fn way(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    weather: watch::Receiver<Weather>,
    side: Side,
    chance: Chance,
) {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let reading = read(from, sender, weather.clone(), side, chance);
    tokio::join!(reading, write(to, receiver, weather, side));
}

async fn read(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<Piece>,
    weather: watch::Receiver<Weather>,
    side: Side,
    mut chance: Chance,
) {
    let mut due = Instant::now();
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let Ok(count @ 1..) = from.read(&mut piece).await else { return };
        piece.truncate(count);
        let way = side.of(&weather.borrow());
        let delay = chance.pause(way.delay_ms, way.delay_ms + way.jitter_ms);
        // Never before what was sent before it.
        due = due.max(Instant::now() + delay);
        if pieces.send((due, piece)).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut to: OwnedWriteHalf,
    mut pieces: mpsc::Receiver<Piece>,
    mut weather: watch::Receiver<Weather>,
    side: Side,
) {
    while let Some((due, piece)) = pieces.recv().await {
        // Woken early by any change; whatever it is, what is under way takes its time.
        while timeout_at(due, weather.changed()).await.is_ok_and(|changed| changed.is_ok()) {}
        let mut rest = &piece[..];
        while !rest.is_empty() {
            if weather.wait_for(|weather| !side.of(weather).is_stalled).await.is_err() {
                return;
            }
            let rate = side.of(&weather.borrow_and_update()).bytes_per_s;
            let count = if rate.is_some() { 1 } else { rest.len() };
            if to.write_all(&rest[..count]).await.is_err() {
                return;
            }
            rest = &rest[count..];
            if let Some(rate) = rate {
                let pause = Duration::from_secs(1) / rate.max(1);
                // A change of the weather ends the wait; that is one byte too early at most.
                let _ = timeout(pause, weather.changed()).await;
            }
        }
    }
    // The far end is told that nothing more comes; the other direction goes on.
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo, a proxy in front of it, and a connection through it.
    async fn scene() -> Result<(Proxy, TcpStream)> {
        let echo = TcpListener::bind("127.0.0.1:0").await?;
        let target = echo.local_addr()?;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let proxy = Proxy::start("127.0.0.1:0".parse()?, target, 1).await?;
        let stream = TcpStream::connect(proxy.address()).await?;
        Ok((proxy, stream))
    }

    async fn round(stream: &mut TcpStream, bytes: &[u8]) -> Result<Duration> {
        let began = Instant::now();
        stream.write_all(bytes).await?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).await?;
        anyhow::ensure!(back == bytes, "other bytes came back");
        Ok(began.elapsed())
    }

    #[tokio::test]
    async fn nothing_is_changed_by_default() -> Result<()> {
        let (_proxy, mut stream) = scene().await?;
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let (mut from, mut to) = stream.split();
        let mut back = vec![0; bytes.len()];
        let (sent, got) = tokio::join!(to.write_all(&bytes), from.read_exact(&mut back));
        sent?;
        got?;
        anyhow::ensure!(back == bytes, "other bytes came back");
        stream.shutdown().await?;
        anyhow::ensure!(stream.read(&mut [0; 8]).await? == 0, "the end is passed on");
        Ok(())
    }

    #[tokio::test]
    async fn a_delay_counts_in_both_directions() -> Result<()> {
        let (proxy, mut stream) = scene().await?;
        round(&mut stream, b"quick").await?;
        proxy.set(Weather::delayed(60));
        let took = round(&mut stream, b"slow").await?;
        anyhow::ensure!(took >= Duration::from_millis(120), "{took:?}");
        Ok(())
    }

    #[tokio::test]
    async fn a_stall_keeps_and_a_slow_way_trickles() -> Result<()> {
        let (proxy, mut stream) = scene().await?;
        let back = Way { is_stalled: true, ..Way::default() };
        proxy.set(Weather { back, ..Weather::default() });
        let held = timeout(Duration::from_millis(100), round(&mut stream, b"held")).await;
        anyhow::ensure!(held.is_err(), "nothing comes back");
        proxy.set(Weather::default());
        let mut kept = [0; 4];
        stream.read_exact(&mut kept).await?;
        anyhow::ensure!(&kept == b"held", "it was kept");
        let there = Way { bytes_per_s: Some(100), ..Way::default() };
        proxy.set(Weather { there, ..Weather::default() });
        let took = round(&mut stream, &[7; 20]).await?;
        anyhow::ensure!(took >= Duration::from_millis(150), "{took:?}");
        Ok(())
    }

    #[tokio::test]
    async fn a_cut_breaks_what_is_there_and_nothing_later() -> Result<()> {
        let (proxy, mut stream) = scene().await?;
        round(&mut stream, b"before").await?;
        proxy.cut();
        let broken = async { stream.read(&mut [0; 8]).await };
        let end = timeout(Duration::from_secs(5), broken).await.context("still open")?;
        anyhow::ensure!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        let mut stream = TcpStream::connect(proxy.address()).await?;
        round(&mut stream, b"after").await.map(drop)
    }

    #[tokio::test]
    async fn later_connections_overtake_earlier_ones() -> Result<()> {
        let (proxy, _) = scene().await?;
        proxy.set(Weather { shuffle_ms: 80, ..Weather::default() });
        let mut set = tokio::task::JoinSet::new();
        for number in 0..20 {
            let address = proxy.address();
            set.spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                round(&mut stream, b"x").await?;
                anyhow::Ok(number)
            });
        }
        let mut order = Vec::new();
        while let Some(number) = set.join_next().await {
            order.push(number.context("a task")??);
        }
        anyhow::ensure!(order.len() == 20 && !order.is_sorted(), "{order:?}");
        Ok(())
    }
}
