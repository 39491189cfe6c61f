//! The node's workers for webhooks: whose turn it is, and whether the endpoint is worth a try.

use std::collections::HashMap;
use std::sync::Arc;

use impresario_ids::{EndpointId, TenantId};
use impresario_kernel::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::attempt::{Health, Job, Then, attempt};
use crate::backoff::seed_of;
use crate::book::RowKey;
use crate::breaker::{Allowance, Breaker, Policy};
use crate::fair::{Fair, Shares};
use crate::parts::Common;
use crate::pump::PumpMessage;

/// Endpoints whose health is remembered; past it those that are well are forgotten.
const ENDPOINTS_MAX: usize = 10_000;

/// Rows that wait for a shut breaker come back spread over this many milliseconds.
const SPREAD_MS: u64 = 1_000;

#[derive(Debug)]
pub(crate) enum CourierMessage {
    /// A delivery is due.
    Offer(Box<Job>),
    /// Reigns ended: what waits of them is thrown away.
    Forget,
    /// Give this delivery back if it has not begun.
    Withdraw { tenant: TenantId, endpoint: EndpointId, key: RowKey },
    /// An attempt is over, and was reported to its pump.
    Ended { tenant: TenantId, endpoint: EndpointId, health: Health },
    /// Give everything back that has not begun, take nothing any more.
    Drain(oneshot::Sender<()>),
}

pub(crate) struct CourierActor;

pub(crate) struct Courier {
    common: Arc<Common>,
    fair: Fair<Box<Job>>,
    endpoints: HashMap<EndpointId, Endpoint>,
    draining: bool,
    policy: Policy,
}

#[derive(Debug, Default)]
struct Endpoint {
    breaker: Breaker,
    last_success: Option<Timestamp>,
}

impl Actor for CourierActor {
    type Msg = CourierMessage;
    type State = Courier;
    type Arguments = Arc<Common>;

    async fn pre_start(
        &self,
        _myself: ActorRef<CourierMessage>,
        common: Arc<Common>,
    ) -> Result<Courier, ActorProcessingErr> {
        let options = common.options();
        let shares = Shares {
            all: options.deliveries_in_flight_max,
            per_tenant: options.deliveries_per_tenant_max,
            per_endpoint: options.deliveries_per_endpoint_max,
        };
        let policy = Policy {
            failures: options.breaker_failures,
            open_ms: options.breaker_open_ms,
            open_max_ms: options.breaker_open_max_ms,
        };
        Ok(Courier {
            fair: Fair::new(shares),
            endpoints: HashMap::new(),
            draining: false,
            policy,
            common,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<CourierMessage>,
        message: CourierMessage,
        courier: &mut Courier,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CourierMessage::Offer(job) => courier.offer(&myself, job),
            CourierMessage::Forget => {
                for (tenant, endpoint) in courier.fair.waited_for() {
                    courier.fair.take_waiting(tenant, endpoint, |job| job.reign.is_over());
                }
            }
            CourierMessage::Withdraw { tenant, endpoint, key } => {
                let now_ms = courier.common.now().as_ms();
                let found = courier.fair.take_waiting(tenant, endpoint, |job| job.key == key);
                found.iter().for_each(|job| courier.give_back(job, now_ms));
            }
            CourierMessage::Ended { tenant, endpoint, health } => {
                courier.ended(tenant, endpoint, health)
            }
            CourierMessage::Drain(done) => {
                courier.draining = true;
                while let Some((tenant, endpoint, job)) = courier.fair.pop_any() {
                    courier.fair.finished(tenant, endpoint);
                    courier.give_back(&job, courier.common.now().as_ms());
                }
                let _ = done.send(());
            }
        }
        courier.dispatch(&myself);
        Ok(())
    }
}

impl Courier {
    fn offer(&mut self, myself: &ActorRef<CourierMessage>, job: Box<Job>) {
        let now_ms = self.common.now().as_ms();
        if job.reign.is_over() {
            return;
        }
        if self.draining {
            self.give_back(&job, now_ms);
            return;
        }
        let endpoint = job.delivery.endpoint;
        if job.is_urgent {
            self.fair.start(job.tenant, endpoint);
            self.begin(myself, job);
            return;
        }
        match self.allowance(&endpoint, now_ms) {
            Allowance::None { until_ms } => self.give_back(&job, until_ms),
            Allowance::All | Allowance::Probe => self.fair.push(job.tenant, endpoint, job),
        }
    }

    fn allowance(&self, endpoint: &EndpointId, now_ms: i64) -> Allowance {
        self.endpoints.get(endpoint).map_or(Allowance::All, |known| known.breaker.allowance(now_ms))
    }

    /// The row waits in its pump instead, which costs no worker and no queue. A little chance keeps
    /// those that wait for the same breaker from coming back in one crowd.
    fn give_back(&self, job: &Job, until_ms: i64) {
        let spread = i64::try_from(seed_of(&job.key, job.attempts) % SPREAD_MS).unwrap_or(0);
        let then = Then::Deferred(until_ms.saturating_add(spread));
        let _ = job.pump.send_message(PumpMessage::Attempted(Arc::clone(&job.key), job.at, then));
    }

    fn ended(&mut self, tenant: TenantId, endpoint: EndpointId, health: Health) {
        self.fair.finished(tenant, endpoint);
        let now = self.common.now();
        let known = self.endpoints.entry(endpoint).or_default();
        match health {
            Health::Unknown => {}
            Health::Well => {
                known.breaker.succeeded();
                known.last_success = Some(now);
            }
            Health::Ill => known.breaker.failed(now.as_ms(), &self.policy),
            Health::Throttled { until_ms } => known.breaker.throttled(until_ms),
        }
        if let Allowance::None { until_ms } = known.breaker.allowance(now.as_ms()) {
            let waiting = self.fair.take_waiting(tenant, endpoint, |_| true);
            if health == Health::Ill {
                tracing::warn!(tenant.id = %tenant, endpoint = %endpoint, until_ms, "webhook endpoint fails, left alone for a while");
                metrics::counter!("impresario_outbox_breaker_openings_total").increment(1);
            }
            waiting.iter().for_each(|job| self.give_back(job, until_ms));
        }
        if self.endpoints.len() > ENDPOINTS_MAX {
            self.endpoints.retain(|_, known| !known.breaker.is_well());
        }
    }

    /// Makes the attempt of a job that counts as under way.
    fn begin(&self, myself: &ActorRef<CourierMessage>, job: Box<Job>) {
        let endpoint = job.delivery.endpoint;
        let last_success = self.endpoints.get(&endpoint).and_then(|known| known.last_success);
        let (tenant, courier) = (job.tenant, myself.clone());
        let (common, since_ms) = (Arc::clone(&self.common), self.common.now().as_ms());
        tokio::spawn(async move {
            let guard = Guard { job, courier, tenant, endpoint, since_ms, told: false };
            guard.run(&common, last_success).await;
        });
    }

    fn dispatch(&mut self, myself: &ActorRef<CourierMessage>) {
        let now_ms = self.common.now().as_ms();
        loop {
            let endpoints = &self.endpoints;
            let room = |endpoint: &EndpointId| {
                let known = endpoints.get(endpoint);
                match known.map_or(Allowance::All, |known| known.breaker.allowance(now_ms)) {
                    Allowance::All => usize::MAX,
                    Allowance::Probe => 1,
                    Allowance::None { .. } => 0,
                }
            };
            let Some((_, _, job)) = self.fair.pop(room) else { break };
            self.begin(myself, job);
        }
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        {
            metrics::gauge!("impresario_outbox_deliveries_waiting").set(self.fair.waiting() as f64);
            metrics::gauge!("impresario_outbox_deliveries_under_way")
                .set(self.fair.in_flight() as f64);
        }
    }
}

/// Tells the courier and the pump what became of an attempt, also when it panics: otherwise its
/// worker and its row would be lost until the next start.
struct Guard {
    job: Box<Job>,
    courier: ActorRef<CourierMessage>,
    tenant: TenantId,
    endpoint: EndpointId,
    /// When the attempt began, in milliseconds since 1970.
    since_ms: i64,
    told: bool,
}

/// How long a row waits whose attempt panicked, in milliseconds.
const PANIC_WAIT_MS: i64 = 60_000;

impl Guard {
    async fn run(mut self, common: &Common, last_success: Option<Timestamp>) {
        let reign = Arc::clone(&self.job.reign);
        let attempted = reign.carry_out(attempt(common, &self.job, last_success)).await;
        // Cut short by the end of the reign: the pump is gone, the courier has a worker back.
        let (then, health) = attempted.unwrap_or((Then::Deferred(self.since_ms), Health::Unknown));
        self.tell(then, health);
    }

    fn tell(&mut self, then: Then, health: Health) {
        self.told = true;
        let (key, at) = (Arc::clone(&self.job.key), self.job.at);
        let _ = self.job.pump.send_message(PumpMessage::Attempted(key, at, then));
        let _ = self.courier.send_message(CourierMessage::Ended {
            tenant: self.tenant,
            endpoint: self.endpoint,
            health,
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.told {
            let until_ms = self.since_ms.saturating_add(PANIC_WAIT_MS);
            self.tell(Then::Deferred(until_ms), Health::Unknown);
        }
    }
}
