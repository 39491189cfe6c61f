use std::ops::ControlFlow;

use impresario_journal::{Journal, KeyRange, Table};
use impresario_kernel::{Entity, EntityKey, decode};
use impresario_rows::{
    EventRow, SnapshotRow, aad, decode_row, event_key, sequence_of, snapshot_key,
};
use impresario_vault::Vault;

use crate::ViewError;
use crate::error::damaged;

/// An entity's state as it was committed last.
#[derive(Debug)]
pub struct Loaded<E: Entity> {
    /// The fold of its events.
    pub state: E::State,
    /// The sequence of the last event; 0 if nothing ever happened to it.
    pub seq: u64,
}

/// Reads an entity from its snapshot and the events since.
///
/// # Errors
/// If rows cannot be read or opened.
pub fn load<E: Entity>(
    journal: &dyn Journal,
    vault: &Vault,
    key: &EntityKey,
) -> Result<Loaded<E>, ViewError> {
    let partition = key.partition(journal.partitions());
    let row_key = snapshot_key(key);
    let mut loaded = match journal.get(partition, Table::Snapshots, &row_key)? {
        None => Loaded { state: E::State::default(), seq: 0 },
        Some(value) => {
            let row: SnapshotRow = decode_row(&value).map_err(damaged)?;
            let plain =
                vault.open_sealed(key.tenant, &aad(Table::Snapshots, &row_key), &row.body)?;
            Loaded { state: decode(&plain).map_err(damaged)?, seq: row.seq }
        }
    };
    let mut range = KeyRange::prefix(&key.to_bytes());
    range.from = event_key(key, loaded.seq + 1);
    let mut last = loaded.seq;
    scan_events::<E>(journal, vault, key, &range, false, &mut |row| {
        E::apply(&mut loaded.state, &row.event);
        last = row.seq;
        ControlFlow::Continue(())
    })?;
    loaded.seq = last;
    Ok(loaded)
}

/// A committed event and what the host wrote beside it.
pub(crate) struct Committed<E: Entity> {
    pub(crate) seq: u64,
    pub(crate) row: EventRow,
    pub(crate) event: E::Event,
}

/// Visits events of an entity in the order of their sequence, or in reverse.
pub(crate) fn scan_events<E: Entity>(
    journal: &dyn Journal,
    vault: &Vault,
    key: &EntityKey,
    range: &KeyRange,
    reverse: bool,
    visit: &mut dyn FnMut(Committed<E>) -> ControlFlow<()>,
) -> Result<(), ViewError> {
    let mut outcome = Ok(());
    let partition = key.partition(journal.partitions());
    journal.scan(
        partition,
        Table::Events,
        range,
        reverse,
        &mut |row_key, value| match open_event(vault, key, row_key, value) {
            Ok(committed) => visit(committed),
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        },
    )?;
    outcome
}

fn open_event<E: Entity>(
    vault: &Vault,
    key: &EntityKey,
    row_key: &[u8],
    value: &[u8],
) -> Result<Committed<E>, ViewError> {
    let seq = sequence_of(row_key).ok_or_else(|| damaged("an event's key is too short"))?;
    let row: EventRow = decode_row(value).map_err(damaged)?;
    let plain = vault.open_sealed(key.tenant, &aad(Table::Events, row_key), &row.body)?;
    let event = decode(&plain).map_err(damaged)?;
    Ok(Committed { seq, row, event })
}
