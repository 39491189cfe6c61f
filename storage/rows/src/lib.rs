//! The layout of every row that the host writes: keys, values and what is sealed in them.
//!
//! - R1: every key begins with the tenant's 16 bytes; rows of one entity share its 33-byte key as
//!   prefix, so an entity, or a tenant, is one contiguous range of each table.
//! - R2: numbers in keys are big-endian, so that keys order as the numbers do.
//! - R3: a `body` is sealed with the tenant's data key under [`aad`], which binds it to its table
//!   and row: a sealed value moved to another row does not open.
//! - R4: values carry field numbers; the golden tests keep every layout readable for ever.
//!
//! What it is not: a store, or a cipher. It only says where bytes go.

mod keys;
mod values;

#[cfg(test)]
mod tests;

pub use keys::{
    aad, dead_letter_key, entity_of, event_key, index_key, outbox_key, seen_entity_prefix,
    seen_hash, seen_key, seen_prefix, sequence_of, snapshot_key, timer_key, timer_name,
};
pub use values::{
    DeadLetterRow, EventRow, OutboxRow, SnapshotRow, counter, decode_row, due_time, due_value,
    encode_row,
};
