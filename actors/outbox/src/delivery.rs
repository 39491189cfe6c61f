//! What became of webhook messages, for listing and replay.

use std::ops::ControlFlow;

use impresario_ids::{EndpointId, MessageId, TenantId, TraceId};
use impresario_journal::{Journal, KeyRange, ReadError, Table};
use impresario_kernel::{Personal, Timestamp, decode, encode};
use impresario_router::Failure;
use impresario_rows::aad;
use impresario_vault::Vault;
use minicbor::{Decode, Encode};

use crate::places::held_here;

/// Bytes of a key: tenant, endpoint, time, message.
const KEY_LENGTH: usize = 16 + 16 + 8 + 16;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum DeliveryStatus {
    /// It failed and is tried again.
    #[n(0)]
    Pending,
    /// The endpoint took it.
    #[n(1)]
    Delivered,
    /// It was given up: the schedule is exhausted, or it cannot be sent.
    #[n(2)]
    Failed,
    /// The endpoint answered 410 and was disabled.
    #[n(3)]
    Gone,
    /// The endpoint was removed or disabled, or an operator dropped the message, before it was
    /// delivered.
    #[n(4)]
    Dropped,
}

impl DeliveryStatus {
    /// The public word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Dropped => "dropped",
        }
    }
}

/// The value of a row of [`Table::Deliveries`]. Stored: append only.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeliveryRow {
    /// Where it stands.
    #[n(0)]
    pub status: DeliveryStatus,
    /// The event type.
    #[n(1)]
    pub kind: String,
    /// Attempts made.
    #[n(2)]
    pub attempts: u32,
    /// When the last attempt was made.
    #[n(3)]
    pub last_at: Timestamp,
    /// When the next one is made.
    #[n(4)]
    pub next_at: Option<Timestamp>,
    /// The HTTP status of the last attempt, if there was an answer.
    #[n(5)]
    pub http_status: Option<u16>,
    /// What was wrong with the last attempt, as a stable word.
    #[n(6)]
    pub error: Option<String>,
    /// The trace of the decision that led to it.
    #[n(7)]
    pub trace: TraceId,
    /// The sealed [`Sent`].
    #[cbor(n(8), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// What was sent, and what the endpoint said. May be about a person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sent {
    /// The body, byte for byte.
    #[n(0)]
    pub body: Personal<String>,
    /// The beginning of the answer, or what went wrong on the way.
    #[n(1)]
    pub detail: Personal<String>,
}

/// Which delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey {
    /// Whose.
    pub tenant: TenantId,
    /// Whereto.
    pub endpoint: EndpointId,
    /// When it was decided.
    pub at: Timestamp,
    /// The message's id.
    pub message: MessageId,
}

impl DeliveryKey {
    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = endpoint_prefix(self.tenant, self.endpoint);
        bytes.extend_from_slice(&self.at.as_ms().max(0).to_be_bytes());
        bytes.extend_from_slice(self.message.as_bytes());
        bytes
    }

    /// Reads the stored form.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != KEY_LENGTH {
            return None;
        }
        Some(Self {
            tenant: TenantId::from_bytes(bytes[..16].try_into().ok()?),
            endpoint: EndpointId::from_bytes(bytes[16..32].try_into().ok()?),
            at: Timestamp::from_ms(i64::from_be_bytes(bytes[32..40].try_into().ok()?)),
            message: MessageId::from_bytes(bytes[40..].try_into().ok()?),
        })
    }
}

fn endpoint_prefix(tenant: TenantId, endpoint: EndpointId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(KEY_LENGTH);
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.extend_from_slice(endpoint.as_bytes());
    bytes
}

/// The newest deliveries to an endpoint, those decided before `before` (exclusive) if given, at most
/// `limit`. Rows of all partitions of which this node holds a replica are merged; of those that another
/// node leads they may be a moment old.
///
/// # Errors
/// If the store cannot be read.
pub fn list_deliveries(
    journal: &dyn Journal,
    tenant: TenantId,
    endpoint: EndpointId,
    before: Option<DeliveryKey>,
    limit: usize,
) -> Result<Vec<(DeliveryKey, DeliveryRow)>, ReadError> {
    let mut range = KeyRange::prefix(&endpoint_prefix(tenant, endpoint));
    if let Some(before) = before {
        range.to = before.to_bytes();
    }
    let mut found = Vec::new();
    for partition in held_here(journal) {
        let mut left = limit;
        journal.scan(partition, Table::Deliveries, &range, true, &mut |key, value| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            if let (Some(key), Ok(row)) =
                (DeliveryKey::from_bytes(key), decode::<DeliveryRow>(value))
            {
                found.push((key, row));
                left -= 1;
            }
            ControlFlow::Continue(())
        })?;
    }
    found.sort_by_key(|(key, _)| std::cmp::Reverse((key.at, key.message)));
    found.truncate(limit);
    Ok(found)
}

/// The last delivery of a message to an endpoint. Reads the endpoint's deliveries from the newest
/// on, so it costs as much as there are.
///
/// # Errors
/// If the store cannot be read.
pub fn find_delivery(
    journal: &dyn Journal,
    tenant: TenantId,
    endpoint: EndpointId,
    message: MessageId,
) -> Result<Option<(DeliveryKey, DeliveryRow)>, ReadError> {
    let range = KeyRange::prefix(&endpoint_prefix(tenant, endpoint));
    let mut newest: Option<(DeliveryKey, DeliveryRow)> = None;
    for partition in held_here(journal) {
        journal.scan(partition, Table::Deliveries, &range, true, &mut |key, value| {
            let Some(key) = DeliveryKey::from_bytes(key).filter(|key| key.message == message)
            else {
                return ControlFlow::Continue(());
            };
            if let Ok(row) = decode::<DeliveryRow>(value)
                && newest.as_ref().is_none_or(|(other, _)| other.at < key.at)
            {
                newest = Some((key, row));
            }
            ControlFlow::Break(())
        })?;
    }
    Ok(newest)
}

/// Opens what was sent.
///
/// # Errors
/// If the tenant's keys are gone, or the bytes are damaged.
pub fn open_delivery(vault: &Vault, key: &DeliveryKey, row: &DeliveryRow) -> Result<Sent, Failure> {
    let bytes =
        vault.open_sealed(key.tenant, &aad(Table::Deliveries, &key.to_bytes()), &row.body)?;
    decode(&bytes).map_err(|error| Failure::Damaged(error.to_string()))
}

pub(crate) fn seal_delivery(
    vault: &Vault,
    key: &DeliveryKey,
    sent: &Sent,
) -> Result<Vec<u8>, Failure> {
    Ok(vault.seal(key.tenant, &aad(Table::Deliveries, &key.to_bytes()), &encode(sent))?)
}

/// The listed row of a delivery that waits, as it reads once an operator dropped it. `None` if it does
/// not wait.
pub(crate) fn dropped(value: &[u8]) -> Option<Vec<u8>> {
    let row = decode::<DeliveryRow>(value).ok()?;
    (row.status == DeliveryStatus::Pending)
        .then(|| encode(&DeliveryRow { status: DeliveryStatus::Dropped, next_at: None, ..row }))
}

/// When the delivery of a row's key was decided.
pub(crate) fn decided_at(row_key: &[u8]) -> Option<Timestamp> {
    DeliveryKey::from_bytes(row_key).map(|key| key.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_deliveries_are_readable_for_ever() {
        let row = DeliveryRow {
            status: DeliveryStatus::Pending,
            kind: "a.b".to_owned(),
            attempts: 2,
            last_at: Timestamp::from_ms(5),
            next_at: Some(Timestamp::from_ms(6)),
            http_status: Some(500),
            error: Some("status".to_owned()),
            trace: TraceId::from_bytes([3; 16]),
            body: vec![9],
        };
        let golden = "890063612e62020506\
                      1901f466737461747573\
                      5003030303030303030303030303030303\
                      4109";
        let hex: String = encode(&row).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden);
        assert_eq!(decode::<DeliveryRow>(&encode(&row)).expect("golden bytes decode"), row);
        let sent = Sent { body: "b".to_owned().into(), detail: "d".to_owned().into() };
        assert_eq!(encode(&sent), [0x82, 0x61, b'b', 0x61, b'd']);
    }

    #[test]
    fn keys_round_trip_and_order_by_time() {
        let key = |ms| DeliveryKey {
            tenant: TenantId::from_bytes([1; 16]),
            endpoint: EndpointId::from_bytes([2; 16]),
            at: Timestamp::from_ms(ms),
            message: MessageId::from_bytes([3; 16]),
        };
        assert_eq!(DeliveryKey::from_bytes(&key(7).to_bytes()), Some(key(7)));
        assert!(key(255).to_bytes() < key(256).to_bytes());
        assert_eq!(decided_at(&key(7).to_bytes()), Some(Timestamp::from_ms(7)));
    }
}
