use impresario_ids::TraceId;
use impresario_kernel::Timestamp;

/// 128 bits that stand for one intent: the same command sent again carries the same key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencyKey([u8; 16]);

impl IdempotencyKey {
    /// The key of a text chosen by a caller (a message id, a header's value, a row key).
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(text).as_bytes()[..16]);
        Self(bytes)
    }

    /// The stored bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The host's time after which nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Timestamp);

/// What travels with a command or a query.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// The intent, if the sender may send it again.
    pub key: Option<IdempotencyKey>,
    /// When the sender stops waiting.
    pub deadline: Deadline,
    /// The trace it belongs to.
    pub trace: TraceId,
}

/// Whatever a caller holds while its message is under way: dropped when the outcome is released, or
/// when the message is dropped unread. `None` for callers that are bounded otherwise.
pub type Permit = Option<Box<dyn std::any::Any + Send>>;
