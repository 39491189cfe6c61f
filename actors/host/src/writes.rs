//! What a turn writes, and the merging of many turns' writes into one batch.

use std::collections::BTreeMap;

use impresario_ids::TraceId;
use impresario_journal::{Table, Write};
use impresario_kernel::{
    Decision, Entity, EntityKey, IndexOp, IndexRow, TimerOp, Timestamp, encode,
};
use impresario_rows::{
    DeadLetterRow, EventRow, OutboxRow, SnapshotRow, aad, dead_letter_key, due_value, encode_row,
    event_key, index_key, outbox_key, snapshot_key, timer_key,
};

use crate::active::Suspect;
use crate::dynamic::FiredTimer;
use crate::host::Core;
use crate::{Failure, NewEffect, TimerChange};

/// What a turn has written so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    writes: Vec<Write>,
    effects: Vec<NewEffect>,
    timers: Vec<TimerChange>,
}

impl Ledger {
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub(crate) fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        if self.writes.is_empty() {
            std::mem::swap(self, &mut other);
        }
        self.writes.append(&mut other.writes);
        self.effects.append(&mut other.effects);
        self.timers.append(&mut other.timers);
    }

    pub(crate) fn into_parts(self) -> (Vec<Write>, Vec<NewEffect>, Vec<TimerChange>) {
        (self.writes, self.effects, self.timers)
    }

    /// A timer that fired goes with its turn, unless it was replaced meanwhile.
    pub(crate) fn timer_fired(&mut self, key: &EntityKey, timer: &FiredTimer) {
        self.push(Write::DeleteIf {
            table: Table::Timers,
            key: timer_key(key, &timer.name),
            value: due_value(timer.due),
        });
    }

    /// Everything of a decision but the reply.
    pub(crate) fn decision<E: Entity>(
        &mut self,
        core: &Core,
        key: &EntityKey,
        decision: &Decision<E>,
        last_seq: u64,
        at: Timestamp,
        trace: TraceId,
    ) -> Result<(), Failure> {
        self.writes
            .reserve(decision.events.len() + decision.index.len() + decision.timers.len() + 1);
        let mut seq = last_seq;
        for event in &decision.events {
            seq += 1;
            let row_key = event_key(key, seq);
            let body = seal(core, key, Table::Events, &row_key, &encode(event))?;
            self.put(Table::Events, row_key, encode_row(&EventRow { at, trace, body }));
        }
        for (number, effect) in (0_u16..).zip(&decision.effects) {
            self.effect(core, key, outbox_key(key, seq, number), encode(effect), at, trace)?;
        }
        for timer in &decision.timers {
            self.timer(key, timer);
        }
        decision.index.iter().try_for_each(|row| self.index(core, key, row))
    }

    fn effect(
        &mut self,
        core: &Core,
        key: &EntityKey,
        row_key: Vec<u8>,
        effect: Vec<u8>,
        at: Timestamp,
        trace: TraceId,
    ) -> Result<(), Failure> {
        let body = seal(core, key, Table::Outbox, &row_key, &effect)?;
        let row = OutboxRow { at, trace, attempts: 0, next_at: at, last_error: None, body };
        self.put(Table::Outbox, row_key.clone(), encode_row(&row));
        self.effects.push(NewEffect { row_key, entity: *key, effect, at, trace });
        Ok(())
    }

    fn timer(&mut self, key: &EntityKey, op: &TimerOp) {
        let (name, due) = match op {
            TimerOp::Set { name, due } => {
                self.put(Table::Timers, timer_key(key, name), due_value(*due));
                (name, Some(*due))
            }
            TimerOp::Cancel { name } => {
                self.push(Write::Delete { table: Table::Timers, key: timer_key(key, name) });
                (name, None)
            }
        };
        self.timers.push(TimerChange { entity: *key, name: name.clone(), due });
    }

    fn index(&mut self, core: &Core, key: &EntityKey, row: &IndexRow) -> Result<(), Failure> {
        let blind = row
            .personal
            .as_ref()
            .map(|value| core.vault.blind(key.tenant, row.index.0, value))
            .transpose()?;
        let row_key = index_key(key.tenant, row.index, blind.as_ref(), &row.term);
        self.push(match &row.op {
            IndexOp::Put(value) => {
                Write::Put { table: Table::Index, key: row_key, value: value.clone() }
            }
            IndexOp::Delete => Write::Delete { table: Table::Index, key: row_key },
            IndexOp::Add(delta) => Write::Add { table: Table::Index, key: row_key, delta: *delta },
        });
        Ok(())
    }

    pub(crate) fn snapshot(
        &mut self,
        core: &Core,
        key: &EntityKey,
        seq: u64,
        state: &[u8],
    ) -> Result<(), Failure> {
        let row_key = snapshot_key(key);
        let body = seal(core, key, Table::Snapshots, &row_key, state)?;
        self.put(
            Table::Snapshots,
            row_key,
            encode_row(&SnapshotRow { seq, at: core.clock.now(), body }),
        );
        Ok(())
    }

    pub(crate) fn dead_letter(
        &mut self,
        core: &Core,
        key: &EntityKey,
        suspect: &Suspect,
        reason: &str,
        kills: u32,
        trace: TraceId,
    ) -> Result<(), Failure> {
        let at = core.clock.now();
        let mut hash = [0; 8];
        hash.copy_from_slice(&suspect.hash[..8]);
        let row_key = dead_letter_key(key, at, hash);
        let body = seal(core, key, Table::DeadLetters, &row_key, &suspect.command)?;
        let row = DeadLetterRow { at, reason: reason.to_owned(), kills, trace, body };
        self.put(Table::DeadLetters, row_key, encode_row(&row));
        metrics::counter!("impresario_dead_letters_total").increment(1);
        Ok(())
    }

    fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.push(Write::Put { table, key, value });
    }
}

fn seal(
    core: &Core,
    key: &EntityKey,
    table: Table,
    row_key: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Failure> {
    Ok(core.vault.seal(key.tenant, &aad(table, row_key), plain)?)
}

/// Writes in order, with the additions to each counter summed at the end. That is the same as
/// applying them in turn, because counter rows are only ever added to.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    writes: Vec<Write>,
    sums: BTreeMap<(Table, Vec<u8>), i64>,
}

impl Merged {
    pub(crate) fn extend(&mut self, writes: Vec<Write>) {
        for write in writes {
            if let Write::Add { table, key, delta } = write {
                let sum = self.sums.entry((table, key)).or_default();
                *sum = sum.wrapping_add(delta);
            } else {
                self.writes.push(write);
            }
        }
    }

    pub(crate) fn into_writes(self) -> Vec<Write> {
        let mut writes = self.writes;
        writes.extend(
            self.sums
                .into_iter()
                .filter(|(_, delta)| *delta != 0)
                .map(|((table, key), delta)| Write::Add { table, key, delta }),
        );
        writes
    }
}

/// Roughly the bytes that a write takes in a batch.
pub(crate) fn size_of(write: &Write) -> usize {
    const OVERHEAD: usize = 24;
    OVERHEAD
        + match write {
            Write::Put { key, value, .. } | Write::DeleteIf { key, value, .. } => {
                key.len() + value.len()
            }
            Write::Delete { key, .. } => key.len(),
            Write::Add { key, .. } => key.len() + 8,
            Write::DeleteRange { from, to, .. } => from.len() + to.len(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(key: &[u8], delta: i64) -> Write {
        Write::Add { table: Table::Index, key: key.to_vec(), delta }
    }

    #[test]
    fn additions_are_summed_and_the_rest_keeps_its_order() {
        let delete = Write::Delete { table: Table::Timers, key: b"t".to_vec() };
        let mut merged = Merged::default();
        merged.extend(vec![add(b"a", 1), delete.clone(), add(b"b", 1)]);
        merged.extend(vec![add(b"a", 2), add(b"b", -1)]);
        assert_eq!(merged.into_writes(), [delete, add(b"a", 3)]);
    }
}
