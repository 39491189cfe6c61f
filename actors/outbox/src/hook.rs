//! Where the host tells what became durable.

use std::sync::Arc;

use impresario_host::{CommitHook, NewEffect, TimerChange};
use impresario_kernel::PartitionId;
use parking_lot::Mutex;
use ractor::ActorRef;

use crate::pump::PumpMessage;
use crate::timer_pump::TimerMessage;

/// Passes new effects and timers on to the pumps of their partition. To be given to the host before
/// it starts, and to the outbox afterwards.
///
/// Mailboxes have no bound of their own, so this is where it is kept: past `rows_max` rows on their
/// way to a pump the gate shuts and nothing more is passed on. Those rows are durable; the pump reads
/// them from the store and opens the gate when it has caught up. Timers are always passed on: a
/// change costs the pump less than the commit that made it.
#[derive(Debug)]
pub struct Hook {
    gates: Vec<Mutex<Gate>>,
    rows_max: usize,
}

#[derive(Debug, Default)]
struct Gate {
    pump: Option<ActorRef<PumpMessage>>,
    timers: Option<ActorRef<TimerMessage>>,
    open: bool,
    on_their_way: usize,
}

impl Hook {
    /// A hook for this many partitions, with shut gates.
    #[must_use]
    pub fn new(partitions: u16, rows_max: usize) -> Arc<Self> {
        let gates = (0..partitions).map(|_| Mutex::default()).collect();
        Arc::new(Self { gates, rows_max })
    }

    /// From now on a partition's effects go to this pump. What was on its way elsewhere is lost,
    /// so the pump reads everything after this.
    pub(crate) fn open(&self, partition: PartitionId, pump: ActorRef<PumpMessage>) {
        if let Some(gate) = self.gates.get(usize::from(partition.0)) {
            let mut gate = gate.lock();
            gate.pump = Some(pump);
            gate.open = true;
        }
    }

    pub(crate) fn shut(&self, partition: PartitionId) {
        if let Some(gate) = self.gates.get(usize::from(partition.0)) {
            gate.lock().open = false;
        }
    }

    /// A new pump starts with an empty mailbox and a shut gate.
    pub(crate) fn reset(&self, partition: PartitionId) {
        if let Some(gate) = self.gates.get(usize::from(partition.0)) {
            let mut gate = gate.lock();
            gate.open = false;
            gate.on_their_way = 0;
            gate.pump = None;
        }
    }

    /// The pump took rows out of its mailbox. Whether the gate is open.
    pub(crate) fn taken(&self, partition: PartitionId, rows: usize) -> bool {
        self.gates.get(usize::from(partition.0)).is_some_and(|gate| {
            let mut gate = gate.lock();
            gate.on_their_way = gate.on_their_way.saturating_sub(rows);
            gate.open
        })
    }

    pub(crate) fn set_timers(
        &self,
        partition: PartitionId,
        timers: Option<ActorRef<TimerMessage>>,
    ) {
        if let Some(gate) = self.gates.get(usize::from(partition.0)) {
            gate.lock().timers = timers;
        }
    }
}

impl CommitHook for Hook {
    fn committed(&self, partition: PartitionId, effects: Vec<NewEffect>, timers: Vec<TimerChange>) {
        let Some(gate) = self.gates.get(usize::from(partition.0)) else { return };
        // The lock is held while sending, so that the order of commits is the order of messages.
        let mut gate = gate.lock();
        if !timers.is_empty()
            && let Some(pump) = &gate.timers
        {
            // A pump that is gone reads its timers when it is started again.
            let _ = pump.send_message(TimerMessage::Changed(timers));
        }
        if effects.is_empty() || !gate.open {
            return;
        }
        if gate.on_their_way + effects.len() > self.rows_max {
            gate.open = false;
            if let Some(pump) = &gate.pump {
                let _ = pump.send_message(PumpMessage::Look);
            }
            return;
        }
        gate.on_their_way += effects.len();
        if let Some(pump) = &gate.pump {
            let _ = pump.send_message(PumpMessage::Committed(effects));
        }
    }
}
