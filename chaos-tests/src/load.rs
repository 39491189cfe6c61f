//! A load generator that costs little: bytes on keep-alive connections, one thread.

use std::fs;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Clock ticks per second in `/proc/<pid>/stat`; fixed at 100 on Linux for user space.
const TICKS_PER_S: f64 = 100.0;

/// Makes the bytes of the n-th request.
pub type Request = Box<dyn Fn(u64) -> Vec<u8>>;

/// What to send.
pub struct Load {
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// How long.
    pub lasting: Duration,
    /// At most this many requests in all.
    pub requests_max: u64,
    /// How many events a request carries.
    pub events_per_request: u64,
    /// The n-th request, from 0.
    pub request: Request,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Acknowledged events.
    pub events: u64,
    /// Requests that were not answered with 200, and the first such answer.
    pub refused: u64,
    /// The first answer that was not 200.
    pub refusal: Option<String>,
    /// From the first request to the last answer.
    pub lasted: Duration,
    /// Half of the requests were answered within this time.
    pub p50: Duration,
    /// 99 of 100 requests were answered within this time.
    pub p99: Duration,
    /// The slowest answer.
    pub max: Duration,
    /// Processor time of the server, user and system.
    pub server_cpu: Duration,
    /// Resident memory of the server at the end, in bytes.
    pub server_rss_bytes: u64,
}

impl Measured {
    /// Acknowledged events per second.
    #[must_use]
    pub fn events_per_s(&self) -> f64 {
        self.events as f64 / self.lasted.as_secs_f64().max(1e-9)
    }

    /// Microseconds of the server's processor time per acknowledged event.
    #[must_use]
    pub fn cpu_us_per_event(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / (self.events as f64).max(1.0)
    }
}

/// Sends the load to `address` and watches the process `pid` meanwhile. Must run on a
/// single-threaded tokio runtime.
///
/// # Errors
/// If a connection breaks or the process cannot be watched.
pub async fn measure(address: &str, pid: u32, load: Load) -> Result<Measured> {
    let cpu_before = cpu(pid)?;
    let began = Instant::now();
    let until = began + load.lasting;
    let connections = load.connections;
    let load = Rc::new(load);
    let next = Rc::new(AtomicU64::new(0));
    let tasks = tokio::task::LocalSet::new();
    let running: Vec<_> = (0..connections)
        .map(|_| {
            let connection = Connection::new(address, Rc::clone(&load), Rc::clone(&next));
            tasks.spawn_local(connection.run(until))
        })
        .collect();
    let mut measured = Measured::default();
    let mut times = Vec::new();
    tasks
        .run_until(async {
            for task in running {
                let part = task.await.context("a connection's task")??;
                measured.refused += part.refused;
                measured.refusal = measured.refusal.take().or(part.refusal);
                times.extend(part.times_us);
            }
            anyhow::Ok(())
        })
        .await?;
    measured.lasted = began.elapsed();
    measured.server_cpu = cpu(pid)?.saturating_sub(cpu_before);
    measured.server_rss_bytes = rss_bytes(pid)?;
    measured.events = (times.len() as u64 - measured.refused) * load.events_per_request;
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        Duration::from_micros(u64::from(
            times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or(0),
        ))
    };
    (measured.p50, measured.p99, measured.max) = (at(0.5), at(0.99), at(1.0));
    Ok(measured)
}

/// Processor time of a process so far, user and system.
///
/// # Errors
/// If there is no such process.
pub fn cpu(pid: u32) -> Result<Duration> {
    let text =
        fs::read_to_string(format!("/proc/{pid}/stat")).context("the server's processor time")?;
    // The name may hold anything, so fields are counted from its closing bracket.
    let fields: Vec<&str> = text.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("stat");
    Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_PER_S))
}

/// Resident memory of a process, in bytes.
///
/// # Errors
/// If there is no such process.
pub fn rss_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the server's memory")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().context("VmRSS")?;
    Ok(kib * 1024)
}

#[derive(Debug, Default)]
struct Part {
    times_us: Vec<u32>,
    refused: u64,
    refusal: Option<String>,
}

struct Connection {
    address: String,
    load: Rc<Load>,
    next: Rc<AtomicU64>,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(address: &str, load: Rc<Load>, next: Rc<AtomicU64>) -> Self {
        Self { address: address.to_owned(), load, next, buffer: Vec::with_capacity(16 << 10) }
    }

    async fn run(mut self, until: Instant) -> Result<Part> {
        let mut stream = TcpStream::connect(&self.address).await.context("connect")?;
        stream.set_nodelay(true).context("no delay")?;
        let mut part = Part::default();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let now = Instant::now();
            if now >= until || number >= self.load.requests_max {
                return Ok(part);
            }
            stream.write_all(&(self.load.request)(number)).await.context("send")?;
            let (status, head) = self.answer(&mut stream).await?;
            part.times_us.push(u32::try_from(now.elapsed().as_micros()).unwrap_or(u32::MAX));
            if status != 200 {
                part.refused += 1;
                part.refusal.get_or_insert_with(|| {
                    String::from_utf8_lossy(&self.buffer[..head.min(2048)]).into_owned()
                });
            }
        }
    }

    /// Reads one answer into the buffer; its status and length.
    async fn answer(&mut self, stream: &mut TcpStream) -> Result<(u16, usize)> {
        self.buffer.clear();
        let head = loop {
            ensure!(
                stream.read_buf(&mut self.buffer).await.context("receive")? > 0,
                "the server hung up"
            );
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).context("an answer's head")?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("a status")?;
        let length: usize = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        while self.buffer.len() < head + length {
            ensure!(
                stream.read_buf(&mut self.buffer).await.context("receive")? > 0,
                "the server hung up"
            );
        }
        Ok((status, head + length))
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
