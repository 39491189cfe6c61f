use impresario_ids::TenantId;
use impresario_journal::Table;
use impresario_kernel::{EntityKey, IndexId, KEY_LENGTH, Timestamp};

/// What a sealed body is bound to: the byte of its table and the key of its row.
#[must_use]
pub fn aad(table: Table, row_key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + row_key.len());
    bytes.push(table.code());
    bytes.extend_from_slice(row_key);
    bytes
}

/// The entity that a row of `Events`, `Snapshots`, `Outbox`, `Timers` or `DeadLetters` belongs to.
#[must_use]
pub fn entity_of(row_key: &[u8]) -> Option<EntityKey> {
    EntityKey::from_bytes(row_key).ok()
}

/// `Events`: entity, sequence.
#[must_use]
pub fn event_key(entity: &EntityKey, seq: u64) -> Vec<u8> {
    with_suffix(entity, &seq.to_be_bytes())
}

/// The sequence in a key of `Events` or `Outbox`.
#[must_use]
pub fn sequence_of(row_key: &[u8]) -> Option<u64> {
    row_key.get(KEY_LENGTH..KEY_LENGTH + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// `Snapshots`: entity.
#[must_use]
pub fn snapshot_key(entity: &EntityKey) -> Vec<u8> {
    entity.to_bytes().to_vec()
}

/// `Seen`: tenant, day, kind and id, hash of the idempotency key. The day stands before the entity
/// so that a tenant's forgotten days are one range.
#[must_use]
pub fn seen_key(entity: &EntityKey, day: i64, hash: &[u8; 16]) -> Vec<u8> {
    let mut key = seen_entity_prefix(entity, day);
    key.extend_from_slice(hash);
    key
}

/// All of an entity's `Seen` rows of one day.
#[must_use]
pub fn seen_entity_prefix(entity: &EntityKey, day: i64) -> Vec<u8> {
    let mut key = seen_prefix(entity.tenant, day);
    key.extend_from_slice(&entity.to_bytes()[16..]);
    key
}

/// The hash of the idempotency key in a key of `Seen`.
#[must_use]
pub fn seen_hash(row_key: &[u8]) -> Option<&[u8; 16]> {
    row_key.last_chunk()
}

/// All of a tenant's `Seen` rows of one day.
#[must_use]
pub fn seen_prefix(tenant: TenantId, day: i64) -> Vec<u8> {
    let day = u32::try_from(day.clamp(0, i64::from(u32::MAX))).unwrap_or_default();
    let mut key = Vec::with_capacity(53);
    key.extend_from_slice(tenant.as_bytes());
    key.extend_from_slice(&day.to_be_bytes());
    key
}

/// `Outbox`: entity, sequence of the decision's last event, number within the decision.
#[must_use]
pub fn outbox_key(entity: &EntityKey, seq: u64, number: u16) -> Vec<u8> {
    let mut suffix = [0; 10];
    suffix[..8].copy_from_slice(&seq.to_be_bytes());
    suffix[8..].copy_from_slice(&number.to_be_bytes());
    with_suffix(entity, &suffix)
}

/// `Timers`: entity, name.
#[must_use]
pub fn timer_key(entity: &EntityKey, name: &str) -> Vec<u8> {
    with_suffix(entity, name.as_bytes())
}

/// The name in a key of `Timers`.
#[must_use]
pub fn timer_name(row_key: &[u8]) -> Option<&str> {
    std::str::from_utf8(row_key.get(KEY_LENGTH..)?).ok()
}

/// `DeadLetters`: entity, time, the first 8 bytes of the command's hash.
#[must_use]
pub fn dead_letter_key(entity: &EntityKey, at: Timestamp, hash: [u8; 8]) -> Vec<u8> {
    let mut suffix = [0; 16];
    suffix[..8].copy_from_slice(&at.as_ms().max(0).to_be_bytes());
    suffix[8..].copy_from_slice(&hash);
    with_suffix(entity, &suffix)
}

/// `Index`: tenant, index, the keyed hash of the personal value if the index has one, term.
#[must_use]
pub fn index_key(
    tenant: TenantId,
    index: IndexId,
    blind: Option<&[u8; 16]>,
    term: &[u8],
) -> Vec<u8> {
    let mut key = Vec::with_capacity(33 + term.len());
    key.extend_from_slice(tenant.as_bytes());
    key.push(index.0);
    if let Some(blind) = blind {
        key.extend_from_slice(blind);
    }
    key.extend_from_slice(term);
    key
}

fn with_suffix(entity: &EntityKey, suffix: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_LENGTH + suffix.len());
    key.extend_from_slice(&entity.to_bytes());
    key.extend_from_slice(suffix);
    key
}
