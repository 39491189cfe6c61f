//! How much a tenant may ask for: a burst per second and a number of requests per UTC day, both
//! from its plan (API-06, TEN-08). A batch counts as one request.
//!
//! The count of the day survives a restart: it is written to a file at least once a second
//! ([`memory`]), so a crash forgets at most the requests of the last second.

mod memory;

pub(crate) use memory::Memory;

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
    tenants_max: usize,
    labels_max: usize,
    labelled: AtomicU64,
    clock: DefaultClock,
}

/// The counters of one tenant.
pub(crate) struct Meter {
    day: AtomicI64,
    used: AtomicU64,
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
            tenants_max,
            labels_max,
            labelled: AtomicU64::new(0),
            clock: DefaultClock::default(),
        }
    }

    /// Takes up counts that a former process has written.
    pub(crate) fn seed(&self, day: i64, counts: impl IntoIterator<Item = (TenantId, u64)>) {
        for (tenant, used) in counts {
            let meter = self.fresh(tenant, &impresario_tenant::Plan::Free.limits());
            meter.day.store(day, Ordering::Relaxed);
            meter.used.store(used, Ordering::Relaxed);
            self.tenants.insert(tenant, Arc::new(meter));
        }
    }

    /// Every tenant's count of this day.
    pub(crate) fn counts(&self, day: i64) -> Vec<(TenantId, u64)> {
        self.tenants
            .iter()
            .filter(|meter| meter.day.load(Ordering::Relaxed) == day)
            .map(|meter| (*meter.key(), meter.used.load(Ordering::Relaxed)))
            .filter(|(_, used)| *used > 0)
            .collect()
    }

    /// How many requests of today are counted for a tenant.
    pub(crate) fn used_today(&self, tenant: TenantId, now: Timestamp) -> u64 {
        self.tenants
            .get(&tenant)
            .filter(|meter| meter.day.load(Ordering::Relaxed) == now.day())
            .map_or(0, |meter| meter.used.load(Ordering::Relaxed))
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
        if meter.day.swap(day, Ordering::Relaxed) != day {
            meter.used.store(0, Ordering::Relaxed);
        }
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
            return (standing(meter.used.load(Ordering::Relaxed)), Err(fault));
        }
        let used = meter.used.fetch_add(1, Ordering::Relaxed) + 1;
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
