//! Raft's connections: length, kind, number, and what the kind carries.
//!
//! A frame is the length of the rest (little endian, 32 bits), one byte of kind, the request's
//! number (64 bits), and then: for a request the group (16 bits) and the body; for an answer the
//! body; for a refusal one byte of reason and a text; for a ping and its echo nothing.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Length, kind, number.
pub(crate) const HEADER_BYTES: usize = 4 + 1 + 8;
/// What a frame may hold besides its body.
const EXTRA_BYTES: usize = 512;
/// Room is made only as bytes arrive, however long a frame says to be.
const GROW_BYTES: usize = 64 << 10;

/// One message on a connection of Raft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Request { id: u64, group: u16, body: Bytes },
    Answer { id: u64, body: Bytes },
    Refused { id: u64, reason: Reason, why: String },
    Ping,
    Echo,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    /// Not handled: too much is being handled.
    Busy = 1,
    /// The handler refused, or failed.
    Refused = 2,
    /// The answer is larger than a frame may be.
    TooLarge = 3,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {0} bytes")]
    TooLarge(usize),
    #[error("a frame that cannot be read")]
    Malformed,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the other side closed the connection")]
    Closed,
}

impl Frame {
    /// How many bytes it takes on the connection, for the meters.
    pub(crate) fn bytes(&self) -> usize {
        HEADER_BYTES
            + match self {
                Self::Request { body, .. } => 2 + body.len(),
                Self::Answer { body, .. } => body.len(),
                Self::Refused { why, .. } => 1 + why.len(),
                Self::Ping | Self::Echo => 0,
            }
    }

    /// The frame without its body, which follows it, so that large bodies are not copied.
    pub(crate) fn head(&self) -> (BytesMut, Option<&Bytes>) {
        let mut head = BytesMut::with_capacity(HEADER_BYTES + 8);
        head.put_u32_le(0);
        let body = match self {
            Self::Request { id, group, body } => {
                head.put_u8(0);
                head.put_u64_le(*id);
                head.put_u16_le(*group);
                Some(body)
            }
            Self::Answer { id, body } => {
                head.put_u8(1);
                head.put_u64_le(*id);
                Some(body)
            }
            Self::Refused { id, reason, why } => {
                head.put_u8(2);
                head.put_u64_le(*id);
                head.put_u8(*reason as u8);
                let end = why.floor_char_boundary(EXTRA_BYTES / 2);
                head.put_slice(&why.as_bytes()[..end]);
                None
            }
            Self::Ping | Self::Echo => {
                head.put_u8(if *self == Self::Ping { 3 } else { 4 });
                head.put_u64_le(0);
                None
            }
        };
        let length = head.len() - 4 + body.map_or(0, Bytes::len);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        head[..4].copy_from_slice(&length.to_le_bytes());
        (head, body)
    }

    fn read(mut bytes: Bytes) -> Result<Option<Self>, FrameError> {
        let kind = bytes.try_get_u8().map_err(|_| FrameError::Malformed)?;
        let id = bytes.try_get_u64_le().map_err(|_| FrameError::Malformed)?;
        Ok(Some(match kind {
            0 => {
                let group = bytes.try_get_u16_le().map_err(|_| FrameError::Malformed)?;
                Self::Request { id, group, body: bytes }
            }
            1 => Self::Answer { id, body: bytes },
            2 => {
                let reason = match bytes.try_get_u8().map_err(|_| FrameError::Malformed)? {
                    1 => Reason::Busy,
                    3 => Reason::TooLarge,
                    _ => Reason::Refused,
                };
                Self::Refused { id, reason, why: String::from_utf8_lossy(&bytes).into_owned() }
            }
            3 => Self::Ping,
            4 => Self::Echo,
            // A later release may say more; what is not understood is not answered.
            _ => return Ok(None),
        }))
    }
}

/// Takes frames from a connection. Waiting for one may be given up and taken up again.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    buffer: BytesMut,
    body_bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(from: R, body_bytes_max: usize) -> Self {
        Self { from, buffer: BytesMut::new(), body_bytes_max }
    }

    pub(crate) async fn next(&mut self) -> Result<Frame, FrameError> {
        loop {
            let missing = match self.missing()? {
                0 => match self.take()? {
                    Some(frame) => return Ok(frame),
                    None => continue,
                },
                missing => missing,
            };
            self.buffer.reserve(missing.clamp(4_096, GROW_BYTES));
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Err(FrameError::Closed);
            }
        }
    }

    /// How many bytes the first frame still lacks.
    fn missing(&self) -> Result<usize, FrameError> {
        let Some(length) = self.buffer.first_chunk::<4>() else {
            return Ok(HEADER_BYTES - self.buffer.len());
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > self.body_bytes_max.saturating_add(EXTRA_BYTES) {
            return Err(FrameError::TooLarge(length));
        }
        Ok((4 + length).saturating_sub(self.buffer.len()))
    }

    fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        let length = self.buffer.get_u32_le();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Frame::read(self.buffer.split_to(length).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(frame: &Frame) -> Vec<u8> {
        let (head, body) = frame.head();
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(body.map_or(&[], |body| &body[..]));
        bytes
    }

    async fn read_all(bytes: &[u8], max: usize) -> (Vec<Frame>, FrameError) {
        let mut reader = Reader::new(bytes, max);
        let mut frames = Vec::new();
        loop {
            match reader.next().await {
                Ok(frame) => frames.push(frame),
                Err(error) => return (frames, error),
            }
        }
    }

    #[tokio::test]
    async fn frames_keep_their_bytes() {
        let frames = [
            (
                Frame::Request { id: 7, group: 258, body: Bytes::from_static(b"ab") },
                "0d000000000700000000000000020161 62",
            ),
            (
                Frame::Answer { id: 1, body: Bytes::from_static(b"c") },
                "0a00000001010000000000000063",
            ),
            (
                Frame::Refused { id: 2, reason: Reason::Busy, why: "no".into() },
                "0c000000020200000000000000016e6f",
            ),
            (Frame::Ping, "09000000030000000000000000"),
            (Frame::Echo, "09000000040000000000000000"),
        ];
        for (frame, golden) in frames {
            let hex: String = bytes_of(&frame).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, golden.replace(' ', ""));
            assert_eq!(read_all(&bytes_of(&frame), 64).await.0, [frame]);
        }
    }

    #[tokio::test]
    async fn a_frame_of_a_later_release_is_passed_over() {
        let mut bytes = bytes_of(&Frame::Ping);
        bytes[4] = 77;
        bytes.extend(bytes_of(&Frame::Echo));
        assert_eq!(read_all(&bytes, 64).await.0, [Frame::Echo]);
    }

    #[tokio::test]
    async fn a_frame_that_says_to_be_huge_ends_the_connection_at_once() {
        let (frames, error) = read_all(&u32::MAX.to_le_bytes(), 1 << 20).await;
        assert!(frames.is_empty() && matches!(error, FrameError::TooLarge(_)), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(read_all(&bytes, 100));
        }
    }
}
