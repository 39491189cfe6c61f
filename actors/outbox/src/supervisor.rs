//! Starts the pumps, and starts them again when one ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use impresario_kernel::PartitionId;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use crate::courier::{CourierActor, CourierMessage};
use crate::hook::Hook;
use crate::parts::Common;
use crate::pump::{Order, PumpActor, PumpMessage, PumpStart};
use crate::timer_pump::{TimerActor, TimerMessage, TimerStart};

/// A pump that ended is started again after this pause.
const RESTART: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) enum SupervisorMessage {
    /// Everybody looks at the clock.
    Look,
    /// An operator wants something of a row of this partition.
    Order(PartitionId, Order),
    /// Start what has ended.
    Restart(Role),
    /// Begin nothing more; answer when nothing is under way any more.
    Drain(oneshot::Sender<()>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Courier,
    Pump(PartitionId),
    Timers(PartitionId),
}

pub(crate) struct Supervisor;

pub(crate) struct SupervisorStart {
    pub(crate) common: Arc<Common>,
    pub(crate) hook: Arc<Hook>,
    pub(crate) partitions: Vec<PartitionId>,
}

pub(crate) struct Crew {
    start: SupervisorStart,
    roles: HashMap<ActorId, Role>,
    courier: ActorRef<CourierMessage>,
    pumps: HashMap<PartitionId, ActorRef<PumpMessage>>,
    timers: HashMap<PartitionId, ActorRef<TimerMessage>>,
    draining: bool,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = Crew;
    type Arguments = SupervisorStart;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        start: SupervisorStart,
    ) -> Result<Crew, ActorProcessingErr> {
        let courier = start_courier(&myself, &start).await?;
        let roles = HashMap::from([(courier.get_id(), Role::Courier)]);
        let partitions = start.partitions.clone();
        let mut crew = Crew {
            start,
            roles,
            courier,
            pumps: HashMap::new(),
            timers: HashMap::new(),
            draining: false,
        };
        for partition in partitions {
            crew.start_pump(&myself, partition).await?;
            crew.start_timers(&myself, partition).await?;
        }
        Ok(crew)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        crew: &mut Crew,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Look => {
                // One that has ended is started again anyway.
                crew.pumps.values().for_each(|pump| drop(pump.send_message(PumpMessage::Look)));
                crew.timers
                    .values()
                    .for_each(|timers| drop(timers.send_message(TimerMessage::Look)));
            }
            SupervisorMessage::Order(partition, order) => {
                // Without a pump the order is dropped, and whoever waits for the answer learns it.
                if let Some(pump) = crew.pumps.get(&partition) {
                    let _ = pump.send_message(PumpMessage::Order(order));
                }
            }
            SupervisorMessage::Restart(role) if !crew.draining => {
                crew.restart(&myself, role).await?
            }
            SupervisorMessage::Restart(_) => {}
            SupervisorMessage::Drain(done) => crew.drain(done),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        crew: &mut Crew,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, reason) = match event {
            SupervisionEvent::ActorTerminated(cell, ..) => (cell, None),
            SupervisionEvent::ActorFailed(cell, error) => (cell, Some(error.to_string())),
            _ => return Ok(()),
        };
        if let Some(role) = crew.roles.remove(&cell.get_id())
            && !crew.draining
        {
            tracing::error!(?role, reason, "outbox actor ended, starts again");
            metrics::counter!("impresario_outbox_restarts_total").increment(1);
            myself.send_after(RESTART, move || SupervisorMessage::Restart(role));
        }
        Ok(())
    }
}

async fn start_courier(
    myself: &ActorRef<SupervisorMessage>,
    start: &SupervisorStart,
) -> Result<ActorRef<CourierMessage>, ActorProcessingErr> {
    let (courier, _ended) =
        Actor::spawn_linked(None, CourierActor, Arc::clone(&start.common), myself.get_cell())
            .await?;
    Ok(courier)
}

impl Crew {
    async fn restart(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        role: Role,
    ) -> Result<(), ActorProcessingErr> {
        match role {
            Role::Pump(partition) => self.start_pump(myself, partition).await,
            Role::Timers(partition) => self.start_timers(myself, partition).await,
            Role::Courier => {
                self.courier = start_courier(myself, &self.start).await?;
                self.roles.insert(self.courier.get_id(), Role::Courier);
                // The pumps know the old one, and wait for what it had taken.
                self.pumps.values().for_each(|pump| pump.stop(None));
                Ok(())
            }
        }
    }

    async fn start_pump(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        partition: PartitionId,
    ) -> Result<(), ActorProcessingErr> {
        let start = PumpStart {
            partition,
            common: Arc::clone(&self.start.common),
            hook: Arc::clone(&self.start.hook),
            courier: self.courier.clone(),
        };
        let (pump, _ended) = Actor::spawn_linked(None, PumpActor, start, myself.get_cell()).await?;
        self.roles.insert(pump.get_id(), Role::Pump(partition));
        self.pumps.insert(partition, pump);
        Ok(())
    }

    async fn start_timers(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        partition: PartitionId,
    ) -> Result<(), ActorProcessingErr> {
        let start = TimerStart {
            partition,
            common: Arc::clone(&self.start.common),
            hook: Arc::clone(&self.start.hook),
        };
        let (timers, _ended) =
            Actor::spawn_linked(None, TimerActor, start, myself.get_cell()).await?;
        self.roles.insert(timers.get_id(), Role::Timers(partition));
        self.timers.insert(partition, timers);
        Ok(())
    }

    /// The courier first, so that it gives back what has not begun.
    fn drain(&mut self, done: oneshot::Sender<()>) {
        self.draining = true;
        let mut drained = Vec::new();
        let (courier_done, courier_drained) = oneshot::channel();
        if self.courier.send_message(CourierMessage::Drain(courier_done)).is_ok() {
            drained.push(courier_drained);
        }
        for pump in self.pumps.values() {
            let (pump_done, pump_drained) = oneshot::channel();
            if pump.send_message(PumpMessage::Drain(pump_done)).is_ok() {
                drained.push(pump_drained);
            }
        }
        for (partition, timers) in &self.timers {
            self.start.hook.set_timers(*partition, None);
            self.start.hook.shut(*partition);
            let (timers_done, timers_drained) = oneshot::channel();
            if timers.send_message(TimerMessage::Drain(timers_done)).is_ok() {
                drained.push(timers_drained);
            }
        }
        tokio::spawn(async move {
            for one in drained {
                // One that ended has nothing under way.
                let _ = one.await;
            }
            let _ = done.send(());
        });
    }
}
