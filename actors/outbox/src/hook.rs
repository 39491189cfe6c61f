//! Where the host tells what became durable, and for which partitions this node decides.

use std::sync::Arc;

use impresario_host::{CommitHook, NewEffect, TimerChange};
use impresario_kernel::PartitionId;
use parking_lot::Mutex;
use ractor::ActorRef;

use crate::pump::PumpMessage;
use crate::reign::Reign;
use crate::supervisor::SupervisorMessage;
use crate::timer_pump::TimerMessage;

/// Passes new effects and timers on to the pumps of their partition. To be given to the host before
/// it starts, and to the outbox afterwards; what the host tells before is remembered.
///
/// Mailboxes have no bound of their own, so this is where it is kept: past `rows_max` rows on their
/// way to a pump the gate shuts and nothing more is passed on. Those rows are durable; the pump reads
/// them from the store and opens the gate when it has caught up. Timers are always passed on: a
/// change costs the pump less than the commit that made it.
///
/// While this node does not decide for a partition, its gate is shut. When the host tells that it
/// ceased to, everything that is carried out for the partition has stopped before that returns.
#[derive(Debug)]
pub struct Hook {
    gates: Vec<Mutex<Gate>>,
    rows_max: usize,
    supervisor: Mutex<Option<ActorRef<SupervisorMessage>>>,
}

#[derive(Debug, Default)]
struct Gate {
    /// While this node decides for the partition.
    reign: Option<Arc<Reign>>,
    reigns: u64,
    pump: Option<ActorRef<PumpMessage>>,
    timers: Option<ActorRef<TimerMessage>>,
    open: bool,
    on_their_way: usize,
}

impl Gate {
    fn clear_pump(&mut self) {
        self.open = false;
        self.on_their_way = 0;
        self.pump = None;
    }

    /// A new reign, or none; gives back the one that it follows.
    fn turn_over(&mut self, partition: PartitionId, begun: bool) -> Option<Arc<Reign>> {
        self.clear_pump();
        self.timers = None;
        let next = begun.then(|| {
            self.reigns += 1;
            Reign::new(partition, self.reigns)
        });
        std::mem::replace(&mut self.reign, next)
    }
}

impl Hook {
    /// A hook for this many partitions, with shut gates.
    #[must_use]
    pub fn new(partitions: u16, rows_max: usize) -> Arc<Self> {
        let gates = (0..partitions).map(|_| Mutex::default()).collect();
        Arc::new(Self { gates, rows_max, supervisor: Mutex::new(None) })
    }

    /// From now on the supervisor is told to look when a reign begins or ends.
    pub(crate) fn attach(&self, supervisor: ActorRef<SupervisorMessage>) {
        *self.supervisor.lock() = Some(supervisor);
    }

    /// Nobody is told any more, and what is being carried out stops. The partitions go on with
    /// another outbox, if one is started.
    pub(crate) fn detach(&self) {
        *self.supervisor.lock() = None;
        for (number, gate) in (0_u16..).zip(&self.gates) {
            let mut gate = gate.lock();
            let begun = gate.reign.is_some();
            let ended = gate.turn_over(PartitionId(number), begun);
            drop(gate);
            if let Some(reign) = ended {
                reign.finish();
            }
        }
    }

    /// The partition's reign, while this node decides for it.
    pub(crate) fn reign(&self, partition: PartitionId) -> Option<Arc<Reign>> {
        self.gates.get(usize::from(partition.0))?.lock().reign.clone()
    }

    /// `None` if the reign is over: another one's gate is none of its pumps' business.
    fn within<T>(&self, reign: &Reign, act: impl FnOnce(&mut Gate) -> T) -> Option<T> {
        let mut gate = self.gates.get(usize::from(reign.partition().0))?.lock();
        let is_current =
            gate.reign.as_ref().is_some_and(|current| current.number() == reign.number());
        is_current.then(|| act(&mut gate))
    }

    /// From now on the partition's effects go to this pump. What was on its way elsewhere is lost,
    /// so the pump reads everything after this.
    pub(crate) fn open(&self, reign: &Reign, pump: ActorRef<PumpMessage>) {
        self.within(reign, |gate| {
            gate.pump = Some(pump);
            gate.open = true;
        });
    }

    pub(crate) fn shut(&self, reign: &Reign) {
        self.within(reign, |gate| gate.open = false);
    }

    /// A new pump starts with an empty mailbox and a shut gate.
    pub(crate) fn reset(&self, reign: &Reign) {
        self.within(reign, Gate::clear_pump);
    }

    /// The pump took rows out of its mailbox. Whether the gate is open.
    pub(crate) fn taken(&self, reign: &Reign, rows: usize) -> bool {
        let is_open = self.within(reign, |gate| {
            gate.on_their_way = gate.on_their_way.saturating_sub(rows);
            gate.open
        });
        is_open.unwrap_or(false)
    }

    pub(crate) fn set_timers(&self, reign: &Reign, timers: Option<ActorRef<TimerMessage>>) {
        self.within(reign, |gate| gate.timers = timers);
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

    fn leads(&self, partition: PartitionId, begun: bool) {
        let Some(gate) = self.gates.get(usize::from(partition.0)) else { return };
        let mut gate = gate.lock();
        if gate.reign.is_some() == begun {
            return;
        }
        let ended = gate.turn_over(partition, begun);
        drop(gate);
        if let Some(reign) = ended {
            reign.finish();
        }
        if let Some(supervisor) = &*self.supervisor.lock() {
            // One that is gone carries out nothing.
            let _ = supervisor.send_message(SupervisorMessage::Reigns(partition));
        }
    }
}
