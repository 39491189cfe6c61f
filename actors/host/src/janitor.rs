//! Passivation, and forgetting what is past its horizon.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use impresario_journal::{KeyRange, Table, Write};
use impresario_kernel::{Entity, EntityKey, PartitionId, Timestamp};
use impresario_rows::seen_prefix;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::active::Message;
use crate::crash::History;
use crate::host::{Core, Host};
use crate::kind::{Kind, Slot};

/// How much is active beyond the bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Excess {
    pub(crate) entities: usize,
    pub(crate) bytes: usize,
}

impl<E: Entity> Kind<E> {
    /// Passivates entities that were not used since `idle_since`, and of the others the least
    /// recently used that make up the excess.
    ///
    /// An entity goes only when it is quiescent: no message in its mailbox, nothing that waits for
    /// a commit, a snapshot of its last event written. One that is not is looked at again with the
    /// next sweep. Removal happens under the slot's lock, under which every message is also sent,
    /// so none can be lost between the look and the stop.
    pub(crate) fn passivate_idle(
        self: &Arc<Self>,
        core: &Arc<Core>,
        idle_since: Timestamp,
        mut excess: Excess,
    ) {
        let mut used: Vec<(Timestamp, EntityKey, usize)> = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            if let Slot::Active(activation) = slot.value() {
                used.push((activation.shared.last_used(), *slot.key(), activation.shared.memory()));
            }
        }
        if excess.entities > 0 || excess.bytes > 0 {
            used.sort_unstable_by_key(|(last_used, ..)| *last_used);
        }
        for (last_used, key, bytes) in used {
            if excess.entities > 0 || excess.bytes > 0 || last_used < idle_since {
                excess.entities = excess.entities.saturating_sub(1);
                excess.bytes = excess.bytes.saturating_sub(bytes);
                self.passivate_one(core, &key);
            }
        }
        self.forget_old_crashes(core.clock.now());
    }

    pub(crate) fn passivate_one(self: &Arc<Self>, core: &Arc<Core>, key: &EntityKey) {
        let needs_snapshot = match self.slots.get(key).as_deref() {
            Some(Slot::Active(activation)) => {
                activation.shared.is_settled() && activation.shared.dirty.load(Ordering::Relaxed)
            }
            Some(Slot::Down { .. }) | None => return,
        };
        if needs_snapshot {
            // If it cannot be sent the entity is gone, or will be looked at again.
            let _ = self.send_quietly(core, key);
            return;
        }
        let removed = self.slots.remove_if(key, |_, slot| match slot {
            Slot::Active(activation) => {
                activation.shared.is_settled() && !activation.shared.dirty.load(Ordering::Relaxed)
            }
            Slot::Down { .. } => false,
        });
        if let Some((_, Slot::Active(activation))) = removed {
            activation.actor.stop(None);
            self.meters.active.decrement(1.0);
            self.meters.passivations.increment(1);
        }
    }

    /// Asks for a snapshot without counting that as use.
    fn send_quietly(&self, _core: &Arc<Core>, key: &EntityKey) -> Option<()> {
        let slot = self.slots.get(key)?;
        let Slot::Active(activation) = slot.value() else { return None };
        let pending = activation.shared.enter(activation.shared.last_used());
        activation.actor.send_message(Message::Snapshot(pending)).ok()
    }

    fn forget_old_crashes(&self, now: Timestamp) {
        self.slots.retain(|_, slot| match slot {
            Slot::Active(_) => true,
            Slot::Down { until, shared, .. } => {
                !(History::is_well_again(*until, now) && shared.is_settled())
            }
        });
    }
}

/// The actor that sweeps.
pub(crate) struct Janitor;

#[derive(Debug)]
pub(crate) enum Sweep {
    Now,
}

pub(crate) struct Broom {
    host: Host,
    forgotten_day: Option<i64>,
}

impl Actor for Janitor {
    type Msg = Sweep;
    type State = Broom;
    type Arguments = Host;

    async fn pre_start(
        &self,
        myself: ActorRef<Sweep>,
        host: Host,
    ) -> Result<Broom, ActorProcessingErr> {
        let every = Duration::from_millis(host.core().options.sweep_ms.max(1));
        // Ends with the actor.
        drop(myself.send_interval(every, || Sweep::Now));
        Ok(Broom { host, forgotten_day: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Sweep>,
        _message: Sweep,
        broom: &mut Broom,
    ) -> Result<(), ActorProcessingErr> {
        let core = broom.host.core();
        let now = core.clock.now();
        broom.host.sweep(now);
        if broom.forgotten_day != Some(now.day()) {
            broom.host.forget_seen(now).await;
            broom.forgotten_day = Some(now.day());
        }
        Ok(())
    }
}

/// The part of `excess` that falls to one of `of`, rounded up.
fn share(excess: usize, one: usize, of: usize) -> usize {
    if of == 0 { 0 } else { (excess * one).div_ceil(of) }
}

impl Host {
    /// Looks once for entities to passivate, as of `now`.
    pub fn sweep(&self, now: Timestamp) {
        let core = self.core();
        let entities: usize = self.kinds().all().map(|kind| kind.active()).sum();
        let bytes: usize = self.kinds().all().map(|kind| kind.memory()).sum();
        metrics::gauge!("impresario_entities_bytes").set(bytes as f64);
        for kind in self.kinds().all() {
            // Each kind gives up its share of what is too much.
            let excess = Excess {
                entities: share(
                    entities.saturating_sub(core.options.active_max),
                    kind.active(),
                    entities,
                ),
                bytes: share(
                    bytes.saturating_sub(core.options.active_bytes_max),
                    kind.memory(),
                    bytes,
                ),
            };
            kind.passivate(core, now.plus_ms(-core.options.idle_ms), excess);
        }
    }

    /// Drops the idempotency records of days past the horizon.
    pub async fn forget_seen(&self, now: Timestamp) {
        let core = self.core();
        let oldest_kept = now.day() - i64::from(core.options.seen_days.max(1));
        let tenants = core.vault.tenants();
        for number in 0..core.journal.partitions() {
            let writes: Vec<Write> = tenants
                .iter()
                .map(|tenant| Write::DeleteRange {
                    table: Table::Seen,
                    from: KeyRange::prefix(tenant.as_bytes()).from,
                    to: seen_prefix(*tenant, oldest_kept),
                })
                .collect();
            if writes.is_empty() {
                return;
            }
            if let Err(failure) = self.system_commit(PartitionId(number), writes).await {
                tracing::warn!(partition = number, error = %failure, "old idempotency records not dropped");
            }
        }
    }
}
