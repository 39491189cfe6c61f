//! A connection as ractor_cluster takes it: one that ends when its session does, also if the peer is
//! silent, and that never shows it a frame of a length that it could not hold.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use metrics::Counter;
use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::porch::Stream;
use crate::session::Session;

/// A frame of ractor_cluster holds one parcel, or the names of a few actors.
const FRAME_BYTES_MAX: u64 = 2 << 20;

/// See the module.
pub(crate) struct Bidi {
    stream: Stream,
    label: String,
    session: Arc<Session>,
}

impl Bidi {
    pub(crate) fn new(stream: Stream, label: &str, session: &Arc<Session>) -> Self {
        Self { stream, label: label.to_owned(), session: Arc::clone(session) }
    }
}

impl ClusterBidiStream for Bidi {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (read, write) = tokio::io::split(self.stream);
        let meters = self.session.meters();
        let half = |bytes: &Counter| Ending::new(&self.session.ended, bytes);
        let session = Arc::clone(&self.session);
        (
            Box::new(Reading {
                session,
                inner: read,
                ending: half(&meters.received),
                frame: Frame::start(),
            }),
            Box::new(Writing { inner: write, ending: half(&meters.sent) }),
        )
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}

struct Ending {
    session: CancellationToken,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    bytes: Counter,
}

impl Ending {
    fn new(session: &CancellationToken, bytes: &Counter) -> Self {
        let ended = Box::pin(session.clone().cancelled_owned());
        Self { session: session.clone(), ended, bytes: bytes.clone() }
    }

    fn is_ended(&mut self, context: &mut Context<'_>) -> bool {
        self.ended.as_mut().poll(context).is_ready()
    }
}

struct Reading<T> {
    inner: T,
    session: Arc<Session>,
    ending: Ending,
    frame: Frame,
}

/// Where in a frame the reader is: eight bytes of length (big endian), then so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    Length { read: u32, length: u64 },
    Body { left: u64 },
}

impl Frame {
    fn start() -> Self {
        Self::Length { read: 0, length: 0 }
    }

    /// Follows the bytes; `false` if a frame is too long.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((first, rest)) = bytes.split_first() {
            match self {
                Self::Length { read, length } => {
                    *length = *length << 8 | u64::from(*first);
                    *read += 1;
                    bytes = rest;
                    if *read == 8 {
                        if *length > FRAME_BYTES_MAX {
                            return false;
                        }
                        *self = Self::Body { left: *length };
                    }
                }
                Self::Body { left } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        *self = Self::start();
                    }
                }
            }
        }
        if *self == (Self::Body { left: 0 }) {
            *self = Self::start();
        }
        true
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Reading<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.ending.is_ended(context) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        self.session.stirred();
        self.ending.bytes.increment((buffer.filled().len() - before) as u64);
        let sound = read.is_ok() && self.frame.follow(&buffer.filled()[before..]);
        if !sound {
            // ractor_cluster reads on after an error, but not after the end.
            buffer.set_filled(before);
            self.ending.session.cancel();
        }
        Poll::Ready(Ok(()))
    }
}

struct Writing<T> {
    inner: T,
    ending: Ending,
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Writing<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.ending.is_ended(context) {
            return Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.ending.bytes.increment(*count as u64);
        }
        written
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.ending.is_ended(context) {
            return Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u64) -> Vec<u8> {
        let body = vec![0xff; usize::try_from(length.min(100)).expect("small")];
        [&length.to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn frames_are_followed_however_the_bytes_are_cut() {
        let bytes = [frame(3), frame(0), frame(100)].concat();
        for cut in 1..bytes.len() {
            let mut place = Frame::start();
            assert!(bytes.chunks(cut).all(|chunk| place.follow(chunk)), "cut at {cut}");
            assert_eq!(place, Frame::start());
        }
    }

    #[test]
    fn a_frame_that_would_not_fit_into_memory_ends_the_connection() {
        let mut place = Frame::start();
        assert!(place.follow(&frame(8)));
        assert!(!place.follow(&frame(u64::MAX)));
    }
}
