use impresario_ids::TraceId;
use impresario_kernel::{CodecError, Timestamp, decode, encode};
use minicbor::{Decode, Encode};

/// A committed event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EventRow {
    /// The host's time of the decision.
    #[n(0)]
    pub at: Timestamp,
    /// The trace of the command that led to it.
    #[n(1)]
    pub trace: TraceId,
    /// The sealed event.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// An entity's state up to an event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SnapshotRow {
    /// The sequence of the last event in the state.
    #[n(0)]
    pub seq: u64,
    /// When it was taken.
    #[n(1)]
    pub at: Timestamp,
    /// The sealed state.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// An effect that is not done yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OutboxRow {
    /// The host's time of the decision.
    #[n(0)]
    pub at: Timestamp,
    /// The trace of the command that led to it.
    #[n(1)]
    pub trace: TraceId,
    /// Attempts made so far.
    #[n(2)]
    pub attempts: u32,
    /// Not to be tried before.
    #[n(3)]
    pub next_at: Timestamp,
    /// What the last attempt said, without personal data.
    #[n(4)]
    pub last_error: Option<String>,
    /// The sealed effect.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// A command that was set aside because it killed its entity again and again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeadLetterRow {
    /// When it was set aside.
    #[n(0)]
    pub at: Timestamp,
    /// What the panic said, without personal data.
    #[n(1)]
    pub reason: String,
    /// How often it killed.
    #[n(2)]
    pub kills: u32,
    /// The trace of its last delivery.
    #[n(3)]
    pub trace: TraceId,
    /// The sealed command.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// The stored form of a row's value.
#[must_use]
pub fn encode_row<T: Encode<()> + for<'b> Decode<'b, ()> + Send + Sync + 'static>(
    row: &T,
) -> Vec<u8> {
    encode(row)
}

/// Reads the stored form of a row's value.
///
/// # Errors
/// If the bytes are not such a row.
pub fn decode_row<T: Encode<()> + for<'b> Decode<'b, ()> + Send + Sync + 'static>(
    bytes: &[u8],
) -> Result<T, CodecError> {
    decode(bytes)
}

/// The value of a row of `Timers`.
#[must_use]
pub fn due_value(due: Timestamp) -> Vec<u8> {
    due.as_ms().to_be_bytes().to_vec()
}

/// The due time in a row of `Timers`.
#[must_use]
pub fn due_time(value: &[u8]) -> Option<Timestamp> {
    value.try_into().ok().map(i64::from_be_bytes).map(Timestamp::from_ms)
}

/// The number in a counter row; 0 if it is not one.
#[must_use]
pub fn counter(value: &[u8]) -> i64 {
    value.try_into().map(i64::from_be_bytes).unwrap_or_default()
}
