//! Reading an entity from the store.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use impresario_journal::{KeyRange, Table};
use impresario_kernel::{Entity, EntityKey, decode};
use impresario_rows::{EventRow, SnapshotRow, decode_row, event_key, sequence_of, snapshot_key};

use crate::Failure;
use crate::active::Recent;
use crate::host::Core;

/// An entity as the store has it.
#[derive(Debug)]
pub struct Loaded<E: Entity> {
    /// The fold of all committed events.
    pub state: E::State,
    /// The sequence of the last event; 0 if there is none.
    pub seq: u64,
    /// The sequence of the last snapshot; 0 if there is none.
    pub snapshot_seq: u64,
    /// The length of that snapshot's state, in bytes.
    pub snapshot_bytes: usize,
}

/// The last snapshot with the events since applied to it.
pub(crate) fn load<E: Entity>(core: &Core, key: &EntityKey) -> Result<Loaded<E>, Failure> {
    let mut loaded = snapshot::<E>(core, key)?;
    let tail =
        KeyRange { from: event_key(key, loaded.seq + 1), to: KeyRange::prefix(&key.to_bytes()).to };
    scan_events::<E>(core, key, &tail, false, &mut |seq, event| {
        E::apply(&mut loaded.state, &event);
        loaded.seq = seq;
        ControlFlow::Continue(())
    })?;
    Ok(loaded)
}

/// The newest events of an entity, oldest first: those of the store, then those of `tail` that it
/// does not have yet.
pub(crate) fn history<E: Entity>(
    core: &Core,
    key: &EntityKey,
    tail: &VecDeque<Recent<E>>,
) -> Result<Vec<E::Event>, Failure> {
    let mut newest = VecDeque::new();
    let mut last_seq = 0;
    let max = core.options.history_events_max;
    scan_events::<E>(core, key, &KeyRange::prefix(&key.to_bytes()), true, &mut |seq, event| {
        last_seq = last_seq.max(seq);
        newest.push_front(event);
        if newest.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    for recent in tail {
        let numbered = (recent.first_seq..).zip(recent.events.iter());
        newest.extend(numbered.filter(|(seq, _)| *seq > last_seq).map(|(_, event)| event.clone()));
    }
    Ok(newest.into())
}

fn snapshot<E: Entity>(core: &Core, key: &EntityKey) -> Result<Loaded<E>, Failure> {
    let row_key = snapshot_key(key);
    let Some(value) = core.get(key, Table::Snapshots, &row_key)? else {
        return Ok(Loaded {
            state: E::State::default(),
            seq: 0,
            snapshot_seq: 0,
            snapshot_bytes: 0,
        });
    };
    let row: SnapshotRow = decode_row(&value).map_err(damaged)?;
    let plain = core.open(key.tenant, Table::Snapshots, &row_key, &row.body)?;
    Ok(Loaded {
        state: decode(&plain).map_err(damaged)?,
        seq: row.seq,
        snapshot_seq: row.seq,
        snapshot_bytes: plain.len(),
    })
}

fn scan_events<E: Entity>(
    core: &Core,
    key: &EntityKey,
    range: &KeyRange,
    reverse: bool,
    visit: &mut dyn FnMut(u64, E::Event) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    let partition = core.partition_of(key);
    core.journal
        .scan(
            partition,
            Table::Events,
            range,
            reverse,
            &mut |row_key, value| match open_event::<E>(core, key, row_key, value) {
                Ok((seq, event)) => visit(seq, event),
                Err(failure) => {
                    outcome = Err(failure);
                    ControlFlow::Break(())
                }
            },
        )
        .map_err(Failure::from)?;
    outcome
}

fn open_event<E: Entity>(
    core: &Core,
    key: &EntityKey,
    row_key: &[u8],
    value: &[u8],
) -> Result<(u64, E::Event), Failure> {
    let seq = sequence_of(row_key)
        .ok_or_else(|| Failure::Damaged("an event key is too short".to_owned()))?;
    let row: EventRow = decode_row(value).map_err(damaged)?;
    let plain = core.open(key.tenant, Table::Events, row_key, &row.body)?;
    Ok((seq, decode(&plain).map_err(damaged)?))
}

fn damaged(error: impl std::fmt::Display) -> Failure {
    Failure::Damaged(error.to_string())
}
