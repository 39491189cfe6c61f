//! Starts the pumps of the partitions for which this node decides, starts them again when one ends,
//! and stops them when the reign is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use impresario_kernel::{PartitionId, Timestamp};
use impresario_router::Failure;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use crate::backoff;
use crate::courier::{CourierActor, CourierMessage};
use crate::hook::Hook;
use crate::parts::Common;
use crate::pump::{Order, PumpActor, PumpMessage, PumpStart};
use crate::reign::Reign;
use crate::timer_pump::{TimerActor, TimerMessage, TimerStart};

/// The pause before an actor that ended is started again, in milliseconds; doubled each time.
const RESTART_MS: i64 = 100;

/// The longest such pause, in milliseconds.
const RESTART_MS_MAX: i64 = 30_000;

/// An actor that ran for so long starts with the first pause again, in milliseconds.
const FORGIVEN_MS: i64 = 60_000;

#[derive(Debug)]
pub(crate) enum SupervisorMessage {
    /// Everybody looks at the clock.
    Look,
    /// A reign of this partition began or ended.
    Reigns(PartitionId),
    /// An operator wants something of a row of this partition.
    Order(PartitionId, Order),
    /// Start what has ended.
    Restart(Role),
    /// Begin nothing more; answer when nothing is under way any more.
    Drain(oneshot::Sender<()>),
}

/// What an actor is for; pumps with the number of the partition's reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Courier,
    Pump(PartitionId, u64),
    Timers(PartitionId, u64),
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
    /// How often each ended, and when it did last.
    ends: HashMap<Role, (u32, Timestamp)>,
    courier: ActorRef<CourierMessage>,
    stations: HashMap<PartitionId, Station>,
    draining: bool,
}

/// The pumps of a partition under one reign.
struct Station {
    reign: Arc<Reign>,
    pump: ActorRef<PumpMessage>,
    timers: ActorRef<TimerMessage>,
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
        let mut crew = Crew {
            roles: HashMap::from([(courier.get_id(), Role::Courier)]),
            ends: HashMap::new(),
            courier,
            stations: HashMap::new(),
            draining: false,
            start,
        };
        // Before the look at what was told so far, so that nothing falls between.
        crew.start.hook.attach(myself.clone());
        for partition in crew.start.partitions.clone() {
            crew.man(&myself, partition).await?;
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
                for station in crew.stations.values() {
                    // One that has ended is started again anyway.
                    let _ = station.pump.send_message(PumpMessage::Look);
                    let _ = station.timers.send_message(TimerMessage::Look);
                }
            }
            SupervisorMessage::Reigns(partition) => crew.man(&myself, partition).await?,
            SupervisorMessage::Order(partition, order) => crew.pass_on(partition, order),
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
            let wait = crew.pause(role);
            tracing::error!(
                ?role,
                reason,
                wait_ms = wait.as_millis(),
                "outbox actor ended, starts again"
            );
            metrics::counter!("impresario_outbox_restarts_total").increment(1);
            myself.send_after(wait, move || SupervisorMessage::Restart(role));
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
    /// Has the partition's pumps run if, and only if, this node decides for it.
    async fn man(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        partition: PartitionId,
    ) -> Result<(), ActorProcessingErr> {
        let reign = self.start.hook.reign(partition);
        let number = |reign: &Arc<Reign>| reign.number();
        let manned = self.stations.get(&partition).map(|station| number(&station.reign));
        if manned == reign.as_ref().map(number) {
            return Ok(());
        }
        if let Some(station) = self.stations.remove(&partition) {
            self.dismiss(&station);
        }
        let Some(reign) = reign.filter(|_| !self.draining) else { return Ok(()) };
        let pump = self.start_pump(myself, &reign).await?;
        let timers = self.start_timers(myself, &reign).await?;
        self.stations.insert(partition, Station { reign, pump, timers });
        Ok(())
    }

    /// The reign is over, and nothing of it is being carried out any more: what is in memory goes.
    fn dismiss(&mut self, station: &Station) {
        self.roles.remove(&station.pump.get_id());
        self.roles.remove(&station.timers.get_id());
        let (partition, number) = (station.reign.partition(), station.reign.number());
        self.ends.remove(&Role::Pump(partition, number));
        self.ends.remove(&Role::Timers(partition, number));
        station.pump.stop(None);
        station.timers.stop(None);
        // One that has ended holds nothing.
        let _ = self.courier.send_message(CourierMessage::Forget);
    }

    /// How long to wait before what has ended is started again.
    fn pause(&mut self, role: Role) -> Duration {
        let now = self.start.common.now();
        let (times, last) = self.ends.entry(role).or_insert((0, now));
        *times = if now.since_ms(*last) > FORGIVEN_MS { 1 } else { times.saturating_add(1) };
        *last = now;
        let seed = u64::from(*times).wrapping_add(now.as_ms().unsigned_abs());
        let wait_ms = backoff::wait_ms(*times, RESTART_MS, RESTART_MS_MAX, seed, 0);
        Duration::from_millis(wait_ms.unsigned_abs())
    }

    async fn restart(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        role: Role,
    ) -> Result<(), ActorProcessingErr> {
        match role {
            Role::Pump(partition, number) => {
                let Some(reign) = self.reign(partition, number) else { return Ok(()) };
                let pump = self.start_pump(myself, &reign).await?;
                if let Some(station) = self.stations.get_mut(&partition) {
                    station.pump = pump;
                }
            }
            Role::Timers(partition, number) => {
                let Some(reign) = self.reign(partition, number) else { return Ok(()) };
                let timers = self.start_timers(myself, &reign).await?;
                if let Some(station) = self.stations.get_mut(&partition) {
                    station.timers = timers;
                }
            }
            Role::Courier => {
                self.courier = start_courier(myself, &self.start).await?;
                self.roles.insert(self.courier.get_id(), Role::Courier);
                // The pumps know the old one, and wait for what it had taken.
                self.stations.values().for_each(|station| station.pump.stop(None));
            }
        }
        Ok(())
    }

    /// The partition's reign, if it is still this one.
    fn reign(&self, partition: PartitionId, number: u64) -> Option<Arc<Reign>> {
        let reign = &self.stations.get(&partition)?.reign;
        (reign.number() == number).then(|| Arc::clone(reign))
    }

    async fn start_pump(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        reign: &Arc<Reign>,
    ) -> Result<ActorRef<PumpMessage>, ActorProcessingErr> {
        let start = PumpStart {
            partition: reign.partition(),
            common: Arc::clone(&self.start.common),
            hook: Arc::clone(&self.start.hook),
            reign: Arc::clone(reign),
            courier: self.courier.clone(),
        };
        let (pump, _ended) = Actor::spawn_linked(None, PumpActor, start, myself.get_cell()).await?;
        self.roles.insert(pump.get_id(), Role::Pump(reign.partition(), reign.number()));
        Ok(pump)
    }

    async fn start_timers(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        reign: &Arc<Reign>,
    ) -> Result<ActorRef<TimerMessage>, ActorProcessingErr> {
        let start = TimerStart {
            partition: reign.partition(),
            common: Arc::clone(&self.start.common),
            hook: Arc::clone(&self.start.hook),
            reign: Arc::clone(reign),
        };
        let (timers, _ended) =
            Actor::spawn_linked(None, TimerActor, start, myself.get_cell()).await?;
        self.roles.insert(timers.get_id(), Role::Timers(reign.partition(), reign.number()));
        Ok(timers)
    }

    fn pass_on(&self, partition: PartitionId, order: Order) {
        match self.stations.get(&partition) {
            // If the pump has ended the order is dropped, and whoever waits for the answer learns it.
            Some(station) => drop(station.pump.send_message(PumpMessage::Order(order))),
            None => {
                let journal = self.start.common.parts.host.journal();
                let leader = journal.leadership(partition).leader();
                // Whoever asked may be gone.
                let _ = order.answer.send(Err(Failure::NotLeader { leader }));
            }
        }
    }

    /// The courier first, so that it gives back what has not begun.
    fn drain(&mut self, done: oneshot::Sender<()>) {
        self.draining = true;
        let mut drained = Vec::new();
        let (courier_done, courier_drained) = oneshot::channel();
        if self.courier.send_message(CourierMessage::Drain(courier_done)).is_ok() {
            drained.push(courier_drained);
        }
        for station in self.stations.values() {
            self.start.hook.set_timers(&station.reign, None);
            self.start.hook.shut(&station.reign);
            let (pump_done, pump_drained) = oneshot::channel();
            if station.pump.send_message(PumpMessage::Drain(pump_done)).is_ok() {
                drained.push(pump_drained);
            }
            let (timers_done, timers_drained) = oneshot::channel();
            if station.timers.send_message(TimerMessage::Drain(timers_done)).is_ok() {
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
