//! How much a tenant may ask for: a burst per second and a number of requests per UTC day, both
//! from its plan (API-06, TEN-08). A batch counts as one request.
//!
//! The count of the day survives a restart: it is written to a file at least once a second
//! ([`memory`]), so a crash forgets at most the requests of the last second.
//!
//! In a cluster the day's requests are the tenant's: what the other nodes let in counts too, as far as
//! this node has heard ([`counts`]). Nothing is asked for a request. What nodes have not yet told each
//! other, about a second's worth, may be let in beyond the plan. The burst is each node's own.

mod counts;
mod memory;

pub use counts::RequestCounts;
pub(crate) use memory::{Kept, Memory};

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};
use impresario_api::codes;
use impresario_ids::TenantId;
use impresario_kernel::Timestamp;
use impresario_tenant::Limits;
use metrics::Counter;
use parking_lot::RwLock;

use crate::fault::Fault;

const DAY_S: i64 = 86_400;

/// The request counters of all tenants seen lately. Bounded: past the bound the least used ones are
/// forgotten, which can only let more through.
#[derive(Debug)]
pub(crate) struct Meters {
    tenants: DashMap<TenantId, Arc<Meter>>,
    /// What other nodes let in: the day and the count. Never more than were counted there.
    elsewhere: DashMap<TenantId, (i64, u64)>,
    tenants_max: usize,
    labels_max: usize,
    labelled: AtomicU64,
    clock: DefaultClock,
}

/// The counters of one tenant.
pub(crate) struct Meter {
    day: AtomicI64,
    used: AtomicU64,
    /// Of this day too: what other nodes let in.
    elsewhere: AtomicU64,
    last_used_ms: AtomicI64,
    burst: RwLock<Burst>,
    requests: Counter,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("used", &self.used).finish_non_exhaustive()
    }
}

struct Burst {
    per_second: u64,
    policy: HeaderValue,
    requests_per_day: u64,
    limiter: DefaultDirectRateLimiter,
}

/// What the response says about the limits.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    policy: HeaderValue,
    remaining: u64,
    reset_s: i64,
}

impl Standing {
    /// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(HeaderName::from_static("ratelimit-policy"), self.policy.clone());
        let text = format!("\"day\";r={};t={}", self.remaining, self.reset_s);
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(HeaderName::from_static("ratelimit"), value);
        }
    }
}

impl Meters {
    pub(crate) fn new(tenants_max: usize, labels_max: usize) -> Self {
        Self {
            tenants: DashMap::new(),
            elsewhere: DashMap::new(),
            tenants_max,
            labels_max,
            labelled: AtomicU64::new(0),
            clock: DefaultClock::default(),
        }
    }

    /// Takes up counts that a former process has written.
    pub(crate) fn seed(&self, kept: &Kept) {
        for (tenant, used) in &kept.elsewhere {
            self.note_elsewhere(kept.day, *tenant, *used);
        }
        for (tenant, used) in &kept.own {
            self.raise(kept.day, *tenant, *used);
        }
    }

    /// At least so many were counted here on this day.
    pub(crate) fn raise(&self, day: i64, tenant: TenantId, used: u64) {
        let meter = self.meter(tenant, &impresario_tenant::Plan::Free.limits());
        meter.begin(day, self.elsewhere_on(day, tenant));
        meter.used.fetch_max(used, Ordering::Relaxed);
    }

    /// At least so many were counted at the other nodes on this day.
    pub(crate) fn note_elsewhere(&self, day: i64, tenant: TenantId, used: u64) {
        let used = {
            let mut known = self.elsewhere.entry(tenant).or_insert((day, 0));
            match known.0.cmp(&day) {
                std::cmp::Ordering::Less => *known = (day, used),
                std::cmp::Ordering::Equal => known.1 = known.1.max(used),
                std::cmp::Ordering::Greater => return,
            }
            known.1
        };
        if let Some(meter) = self.tenants.get(&tenant)
            && meter.day.load(Ordering::Relaxed) == day
        {
            meter.elsewhere.fetch_max(used, Ordering::Relaxed);
        }
    }

    fn elsewhere_on(&self, day: i64, tenant: TenantId) -> u64 {
        self.elsewhere.get(&tenant).filter(|known| known.0 == day).map_or(0, |known| known.1)
    }

    /// Every count of this day.
    pub(crate) fn kept(&self, day: i64) -> Kept {
        let today = self.elsewhere.iter().filter(|known| known.0 == day);
        let elsewhere = today.map(|known| (*known.key(), known.1)).collect();
        Kept { day, own: self.counts(day), elsewhere }
    }

    /// Forgets what other nodes counted on earlier days.
    pub(crate) fn tidy(&self, day: i64) {
        self.elsewhere.retain(|_, known| known.0 >= day);
    }

    /// Every tenant's count of this day at this node.
    pub(crate) fn counts(&self, day: i64) -> Vec<(TenantId, u64)> {
        self.tenants
            .iter()
            .filter(|meter| meter.day.load(Ordering::Relaxed) == day)
            .map(|meter| (*meter.key(), meter.used.load(Ordering::Relaxed)))
            .filter(|(_, used)| *used > 0)
            .collect()
    }

    /// How many requests of today are counted for a tenant, at all nodes.
    pub(crate) fn used_today(&self, tenant: TenantId, now: Timestamp) -> u64 {
        let meter = self.tenants.get(&tenant);
        let today = meter.filter(|meter| meter.day.load(Ordering::Relaxed) == now.day());
        let own = today.map_or(0, |meter| meter.used.load(Ordering::Relaxed));
        own.saturating_add(self.elsewhere_on(now.day(), tenant))
    }

    /// Counts one request, or says when the next one may come. A refused request is not counted.
    pub(crate) fn take(
        &self,
        tenant: TenantId,
        limits: &Limits,
        now: Timestamp,
    ) -> (Standing, Result<(), Fault>) {
        let meter = self.meter(tenant, limits);
        meter.requests.increment(1);
        meter.last_used_ms.store(now.as_ms(), Ordering::Relaxed);
        meter.adopt(limits);
        let day = now.day();
        if meter.day.load(Ordering::Relaxed) != day {
            meter.begin(day, self.elsewhere_on(day, tenant));
        }
        let elsewhere = meter.elsewhere.load(Ordering::Relaxed);
        let reset_s = DAY_S - now.as_ms().div_euclid(1_000).rem_euclid(DAY_S);
        let burst = meter.burst.read();
        let standing = |used: u64| Standing {
            policy: burst.policy.clone(),
            remaining: limits.requests_per_day.saturating_sub(used),
            reset_s,
        };
        if let Err(until) = burst.limiter.check() {
            let wait = until.wait_time_from(self.clock.now());
            let fault = Fault::new(&codes::RATE_LIMITED)
                .detail(format!("at most {} requests per second", limits.burst_per_second))
                .retry_after_ms(Some(u64::try_from(wait.as_millis()).unwrap_or(1_000).max(1)));
            let used = meter.used.load(Ordering::Relaxed).saturating_add(elsewhere);
            return (standing(used), Err(fault));
        }
        let used = (meter.used.fetch_add(1, Ordering::Relaxed) + 1).saturating_add(elsewhere);
        if used > limits.requests_per_day {
            meter.used.fetch_sub(1, Ordering::Relaxed);
            let fault = Fault::new(&codes::QUOTA_EXHAUSTED)
                .detail(format!("the plan has {} requests per day (UTC)", limits.requests_per_day))
                .retry_after_ms(u64::try_from(reset_s).ok().map(|seconds| seconds * 1_000));
            return (standing(used), Err(fault));
        }
        (standing(used), Ok(()))
    }

    fn meter(&self, tenant: TenantId, limits: &Limits) -> Arc<Meter> {
        if let Some(meter) = self.tenants.get(&tenant) {
            return Arc::clone(&meter);
        }
        if self.tenants.len() >= self.tenants_max {
            self.shrink();
        }
        let fresh = Arc::new(self.fresh(tenant, limits));
        Arc::clone(&self.tenants.entry(tenant).or_insert(fresh))
    }

    fn fresh(&self, tenant: TenantId, limits: &Limits) -> Meter {
        let labelled = self.labelled.fetch_add(1, Ordering::Relaxed) < self.labels_max as u64;
        let label = if labelled { tenant.to_string() } else { "other".to_owned() };
        Meter {
            day: AtomicI64::new(i64::MIN),
            used: AtomicU64::new(0),
            elsewhere: AtomicU64::new(0),
            last_used_ms: AtomicI64::new(0),
            burst: RwLock::new(Burst::new(limits)),
            requests: metrics::counter!("impresario_tenant_requests_total", "tenant" => label),
        }
    }

    /// Forgets the tenth that was not used for longest.
    fn shrink(&self) {
        let mut ages: Vec<(i64, TenantId)> = self
            .tenants
            .iter()
            .map(|meter| (meter.last_used_ms.load(Ordering::Relaxed), *meter.key()))
            .collect();
        ages.sort_unstable();
        for (_, tenant) in ages.iter().take(self.tenants_max.div_ceil(10)) {
            self.tenants.remove(tenant);
        }
    }
}

impl Meter {
    /// Counts anew, if it is another day.
    fn begin(&self, day: i64, elsewhere: u64) {
        if self.day.swap(day, Ordering::Relaxed) != day {
            self.used.store(0, Ordering::Relaxed);
            self.elsewhere.store(elsewhere, Ordering::Relaxed);
        }
    }

    /// Follows a change of plan or overrides.
    fn adopt(&self, limits: &Limits) {
        if self.burst.read().is_for(limits) {
            return;
        }
        let mut burst = self.burst.write();
        if !burst.is_for(limits) {
            *burst = Burst::new(limits);
        }
    }
}

impl Burst {
    fn new(limits: &Limits) -> Self {
        let per_second = u32::try_from(limits.burst_per_second).unwrap_or(u32::MAX);
        let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        let policy = format!(
            "\"burst\";q={};w=1, \"day\";q={};w={DAY_S}",
            limits.burst_per_second, limits.requests_per_day
        );
        Self {
            per_second: limits.burst_per_second,
            requests_per_day: limits.requests_per_day,
            policy: HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("")),
            limiter: RateLimiter::direct(quota),
        }
    }

    fn is_for(&self, limits: &Limits) -> bool {
        self.per_second == limits.burst_per_second
            && self.requests_per_day == limits.requests_per_day
    }
}

/// How often the counts are written.
pub(crate) const REMEMBER_EVERY: Duration = Duration::from_secs(1);
