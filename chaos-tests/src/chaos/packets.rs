//! A cable whose packets come late, twice and out of order, so that TCP at its ends has to make sense
//! of them.
//!
//! `tc netem` would do the same in the kernel, and is missing from many; so the cable is taken apart
//! everywhere ([`Network::unplug`](crate::chaos::hosts::Network::unplug)) and a thread passes on, by
//! packet sockets, what arrives at one end. Nothing of a packet but its time and number is changed.
//! Needs `CAP_NET_RAW`.

mod frame;
mod queue;

use std::net::Shutdown;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send,
    socket,
};

use self::queue::Queue;
use crate::plan::Chance;

/// What an interface of a host takes, without the link's header.
const MTU: usize = 1_500;
/// What a packet socket may hand over: the kernel leaves cutting it up to the card.
const FRAME_MAX: usize = 70_000;
/// Packets that are taken from one end before the other one has its turn.
const TURN_MAX: usize = 64;
/// The kind of what we sent ourselves (`PACKET_OUTGOING`).
const OUTGOING: u8 = 4;

/// What happens to packets, in both directions. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// How long each takes, in milliseconds.
    pub delay_ms: u64,
    /// Of a thousand, so many take longer, so that later ones overtake them.
    pub late: u16,
    /// How much longer, at most, in milliseconds.
    pub late_ms: u64,
    /// Of a thousand, so many come twice.
    pub doubled: u16,
}

/// What a cable has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets that were passed on, second ones included.
    pub passed: u64,
    /// Of these, packets that others were let overtake.
    pub late: u64,
    /// Of these, second ones.
    pub doubled: u64,
    /// Packets for which there was no room.
    pub lost: u64,
}

/// Whether packets may be passed on here; the reason if not.
///
/// # Errors
/// The reason.
pub fn permitted() -> Result<(), String> {
    open().map(drop).map_err(|error| format!("no packet sockets: {error:#}"))
}

/// What passes packets on between two interfaces of this namespace. Ends when dropped, with what is
/// on its way.
#[derive(Debug)]
pub struct Cable {
    /// Its end wakes the thread.
    stop: UnixStream,
    thread: Option<JoinHandle<Tally>>,
}

impl Cable {
    /// Begins with the interfaces of these names.
    ///
    /// # Errors
    /// If there is no such interface, or packet sockets are not permitted.
    pub fn start(ends: &[String; 2], disorder: Disorder, seed: u64) -> Result<Self> {
        let sockets = [listen(&ends[0])?, listen(&ends[1])?];
        let (stop, stopped) = UnixStream::pair().context("a pair of sockets")?;
        let queue = Queue::new(disorder, Chance::new(seed));
        let thread = thread::spawn(move || carry(&sockets, &stopped, queue));
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it; what it did.
    #[must_use]
    pub fn finish(mut self) -> Tally {
        self.end()
    }

    fn end(&mut self) -> Tally {
        // It is closed already if the thread has ended.
        let _ = self.stop.shutdown(Shutdown::Both);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.end();
    }
}

fn open() -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let all = SockProtocol::EthAll;
    socket(AddressFamily::Packet, SockType::Raw, flags, all).context("open a packet socket")
}

/// A socket with what passes at an interface.
fn listen(interface: &str) -> Result<OwnedFd> {
    let socket = open()?;
    let mut known = getifaddrs().context("list the interfaces")?;
    let address = known.find_map(|one| {
        let address = one.address.filter(|_| one.interface_name == interface)?;
        address.as_link_addr().copied()
    });
    let address = address.with_context(|| format!("no interface {interface}"))?;
    bind(socket.as_raw_fd(), &address).with_context(|| format!("listen at {interface}"))?;
    Ok(socket)
}

/// Passes packets on until it is stopped.
fn carry(sockets: &[OwnedFd; 2], stopped: &UnixStream, mut queue: Queue) -> Tally {
    let mut buffer = vec![0; FRAME_MAX];
    while wait(sockets, stopped, queue.next_due()) {
        for (from, socket) in sockets.iter().enumerate() {
            for _ in 0..TURN_MAX {
                let Ok((size, sender)) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer)
                else {
                    break;
                };
                if sender.is_some_and(|sender| sender.pkttype() == OUTGOING) {
                    continue;
                }
                for packet in frame::packets(&buffer[..size], MTU) {
                    queue.put(1 - from, packet, Instant::now());
                }
            }
        }
        while let Some((to, packet)) = queue.take_due(Instant::now()) {
            let sent = send(sockets[to].as_raw_fd(), &packet, MsgFlags::MSG_DONTWAIT);
            queue.sent(sent.is_ok());
        }
    }
    queue.tally()
}

/// Waits for a packet or for the time at which one is due; `false` if it is to stop.
fn wait(sockets: &[OwnedFd; 2], stopped: &UnixStream, due: Option<Instant>) -> bool {
    let [one, other] = sockets;
    let listens = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut fds = [listens(one.as_fd()), listens(other.as_fd()), listens(stopped.as_fd())];
    let timeout = due.map_or(PollTimeout::NONE, |due| {
        let rest = due.saturating_duration_since(Instant::now());
        // Up, or it would turn round and round within the last millisecond.
        let ms = (rest + Duration::from_micros(999)).as_millis();
        PollTimeout::from(u16::try_from(ms).unwrap_or(u16::MAX))
    });
    // A signal is no reason to stop.
    let _ = poll(&mut fds, timeout);
    !fds[2].any().unwrap_or(true)
}
