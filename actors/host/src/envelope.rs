use impresario_ids::TraceId;
use impresario_kernel::Timestamp;

/// 128 bits that stand for one intent: the same command sent again carries the same key.
///
/// A key that a caller chose freely may say what it was sent with
/// ([`IdempotencyKey::with_content`]). That is no part of the key: it shows a key that is used for
/// something else the second time.
#[derive(Clone, Copy)]
pub struct IdempotencyKey {
    bytes: [u8; 16],
    /// 0: nobody says.
    content: u32,
}

impl PartialEq for IdempotencyKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for IdempotencyKey {}

impl std::hash::Hash for IdempotencyKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl IdempotencyKey {
    /// The key of a text chosen by a caller (a message id, a header's value, a row key).
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(text).as_bytes()[..16]);
        Self { bytes, content: 0 }
    }

    /// The key together with what it is sent with: with anything else it is refused
    /// ([`crate::Failure::KeyReused`]).
    #[must_use]
    pub fn with_content(self, content: &[u8]) -> Self {
        let mut first = [0; 4];
        first.copy_from_slice(&blake3::hash(content).as_bytes()[..4]);
        Self { content: u32::from_le_bytes(first).max(1), ..self }
    }

    /// The key as another node was given it: its stored bytes and [`IdempotencyKey::content`].
    #[must_use]
    pub fn from_parts(bytes: [u8; 16], content: u32) -> Self {
        Self { bytes, content }
    }

    /// The fingerprint of what it was sent with; 0 if nobody says.
    #[must_use]
    pub fn content(&self) -> u32 {
        self.content
    }

    /// Whether this and an earlier use say that they were sent with different things.
    pub(crate) fn contradicts(&self, earlier: u32) -> bool {
        self.content != 0 && earlier != 0 && self.content != earlier
    }

    /// The stored bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
