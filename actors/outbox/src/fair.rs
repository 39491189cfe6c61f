//! Who is served next: tenants in turn, and within a tenant its endpoints in turn, each within its
//! share of the workers. So one tenant's slow or dead endpoint delays nobody else.

use std::collections::{HashMap, VecDeque};

use impresario_ids::{EndpointId, TenantId};

/// How much may be under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    pub(crate) all: usize,
    pub(crate) per_tenant: usize,
    pub(crate) per_endpoint: usize,
}

/// Jobs that wait, and counts of those under way. Pure; bounded by what its callers hold.
#[derive(Debug)]
pub(crate) struct Fair<J> {
    shares: Shares,
    in_flight: usize,
    waiting: usize,
    /// Tenants with waiting jobs, the next one first.
    turns: VecDeque<TenantId>,
    tenants: HashMap<TenantId, Tenant<J>>,
}

#[derive(Debug)]
struct Tenant<J> {
    in_flight: usize,
    /// Endpoints with waiting jobs, the next one first.
    turns: VecDeque<EndpointId>,
    queues: HashMap<EndpointId, Queue<J>>,
}

#[derive(Debug)]
struct Queue<J> {
    in_flight: usize,
    jobs: VecDeque<J>,
}

impl<J> Fair<J> {
    pub(crate) fn new(shares: Shares) -> Self {
        Self { shares, in_flight: 0, waiting: 0, turns: VecDeque::new(), tenants: HashMap::new() }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn push(&mut self, tenant: TenantId, endpoint: EndpointId, job: J) {
        self.waiting += 1;
        let entry = self.tenants.entry(tenant).or_default();
        let was_idle = entry.turns.is_empty();
        let queue = entry.queues.entry(endpoint).or_default();
        if queue.jobs.is_empty() {
            entry.turns.push_back(endpoint);
        }
        queue.jobs.push_back(job);
        if was_idle {
            self.turns.push_back(tenant);
        }
    }

    /// Counts a job as under way that does not wait for its turn, whatever the shares say.
    pub(crate) fn start(&mut self, id: TenantId, endpoint: EndpointId) {
        self.in_flight += 1;
        let tenant = self.tenants.entry(id).or_default();
        tenant.in_flight += 1;
        tenant.queues.entry(endpoint).or_default().in_flight += 1;
    }

    /// Takes the next job whose tenant and endpoint have room, and counts it as under way.
    /// `room` says how many may be under way to an endpoint right now, the share put aside.
    pub(crate) fn pop(
        &mut self,
        room: impl Fn(&EndpointId) -> usize,
    ) -> Option<(TenantId, EndpointId, J)> {
        if self.in_flight >= self.shares.all {
            return None;
        }
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let Some(tenant) = self.tenants.get_mut(&id) else { continue };
            let taken = if tenant.in_flight < self.shares.per_tenant {
                tenant.pop(self.shares.per_endpoint, &room)
            } else {
                None
            };
            if !tenant.turns.is_empty() {
                self.turns.push_back(id);
            }
            if let Some((endpoint, job)) = taken {
                self.in_flight += 1;
                self.waiting -= 1;
                return Some((id, endpoint, job));
            }
        }
        None
    }

    /// Takes any job that waits, whatever the shares say, and counts it as under way.
    pub(crate) fn pop_any(&mut self) -> Option<(TenantId, EndpointId, J)> {
        let id = *self.turns.front()?;
        let tenant = self.tenants.get_mut(&id)?;
        let endpoint = *tenant.turns.front()?;
        let queue = tenant.queues.get_mut(&endpoint)?;
        let job = queue.jobs.pop_front()?;
        queue.in_flight += 1;
        tenant.in_flight += 1;
        if queue.jobs.is_empty() {
            tenant.turns.pop_front();
        }
        if tenant.turns.is_empty() {
            self.turns.pop_front();
        }
        self.in_flight += 1;
        self.waiting -= 1;
        Some((id, endpoint, job))
    }

    /// One of the endpoint's jobs is no longer under way.
    pub(crate) fn finished(&mut self, id: TenantId, endpoint: EndpointId) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(tenant) = self.tenants.get_mut(&id) {
            tenant.in_flight = tenant.in_flight.saturating_sub(1);
            if let Some(queue) = tenant.queues.get_mut(&endpoint) {
                queue.in_flight = queue.in_flight.saturating_sub(1);
            }
        }
        self.forget_if_empty(id, endpoint);
    }

    /// The endpoints that something waits for.
    pub(crate) fn waited_for(&self) -> Vec<(TenantId, EndpointId)> {
        let tenants = self.tenants.iter();
        tenants.flat_map(|(id, tenant)| tenant.turns.iter().map(|turn| (*id, *turn))).collect()
    }

    /// Takes out what waits for an endpoint and is wanted.
    pub(crate) fn take_waiting(
        &mut self,
        id: TenantId,
        endpoint: EndpointId,
        is_wanted: impl Fn(&J) -> bool,
    ) -> Vec<J> {
        let Some(tenant) = self.tenants.get_mut(&id) else { return Vec::new() };
        let Some(queue) = tenant.queues.get_mut(&endpoint) else { return Vec::new() };
        let (jobs, left): (Vec<J>, Vec<J>) = queue.jobs.drain(..).partition(is_wanted);
        queue.jobs = left.into();
        if queue.jobs.is_empty() {
            tenant.turns.retain(|turn| *turn != endpoint);
        }
        if tenant.turns.is_empty() {
            self.turns.retain(|turn| *turn != id);
        }
        self.waiting -= jobs.len();
        self.forget_if_empty(id, endpoint);
        jobs
    }

    fn forget_if_empty(&mut self, id: TenantId, endpoint: EndpointId) {
        if let Some(tenant) = self.tenants.get_mut(&id) {
            if tenant
                .queues
                .get(&endpoint)
                .is_some_and(|queue| queue.in_flight == 0 && queue.jobs.is_empty())
            {
                tenant.queues.remove(&endpoint);
            }
            if tenant.queues.is_empty() {
                self.tenants.remove(&id);
            }
        }
    }
}

impl<J> Default for Tenant<J> {
    fn default() -> Self {
        Self { in_flight: 0, turns: VecDeque::new(), queues: HashMap::new() }
    }
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self { in_flight: 0, jobs: VecDeque::new() }
    }
}

impl<J> Tenant<J> {
    fn pop(
        &mut self,
        share: usize,
        room: &impl Fn(&EndpointId) -> usize,
    ) -> Option<(EndpointId, J)> {
        for _ in 0..self.turns.len() {
            let endpoint = self.turns.pop_front()?;
            let Some(queue) = self.queues.get_mut(&endpoint) else { continue };
            let job = if queue.in_flight < share.min(room(&endpoint)) {
                queue.jobs.pop_front()
            } else {
                None
            };
            if !queue.jobs.is_empty() {
                self.turns.push_back(endpoint);
            }
            if let Some(job) = job {
                queue.in_flight += 1;
                self.in_flight += 1;
                return Some((endpoint, job));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHARES: Shares = Shares { all: 6, per_tenant: 4, per_endpoint: 2 };

    fn tenant(n: u8) -> TenantId {
        TenantId::from_bytes([n; 16])
    }

    fn endpoint(n: u8) -> EndpointId {
        EndpointId::from_bytes([n; 16])
    }

    fn drain(fair: &mut Fair<u32>) -> Vec<u32> {
        std::iter::from_fn(|| fair.pop(|_| usize::MAX)).map(|(_, _, job)| job).collect()
    }

    #[test]
    fn one_busy_endpoint_does_not_starve_others() {
        let mut fair = Fair::new(SHARES);
        (0..100).for_each(|job| fair.push(tenant(1), endpoint(1), job));
        fair.push(tenant(1), endpoint(2), 200);
        fair.push(tenant(2), endpoint(3), 300);
        assert_eq!(drain(&mut fair), [0, 300, 200, 1]);
        assert_eq!((fair.in_flight(), fair.waiting()), (4, 98));
        fair.finished(tenant(1), endpoint(1));
        assert_eq!(drain(&mut fair), [2]);
    }

    #[test]
    fn an_endpoint_without_room_is_passed_over_and_can_be_emptied() {
        let mut fair = Fair::new(SHARES);
        (0..3).for_each(|job| fair.push(tenant(1), endpoint(1), job));
        assert!(fair.pop(|_| 0).is_none());
        assert!(fair.pop(|_| 1).is_some());
        assert!(fair.pop(|_| 1).is_none());
        assert_eq!(fair.waited_for(), [(tenant(1), endpoint(1))]);
        assert_eq!(fair.take_waiting(tenant(1), endpoint(1), |job| *job == 2), [2]);
        assert_eq!(fair.take_waiting(tenant(1), endpoint(1), |_| true), [1]);
        assert_eq!(fair.waiting(), 0);
        fair.start(tenant(1), endpoint(1));
        assert_eq!(fair.in_flight(), 2);
        fair.finished(tenant(1), endpoint(1));
        fair.finished(tenant(1), endpoint(1));
        assert!(fair.tenants.is_empty() && fair.turns.is_empty());
    }

    proptest! {
        #[test]
        fn shares_hold_and_everything_is_served_once(
            jobs in proptest::collection::vec((0_u8..4, 0_u8..3), 0..200),
        ) {
            let mut fair = Fair::new(SHARES);
            for (job, (t, e)) in jobs.iter().enumerate() {
                fair.push(tenant(*t), endpoint(*t * 10 + e), job);
            }
            let mut served = Vec::new();
            let mut under_way: VecDeque<(TenantId, EndpointId)> = VecDeque::new();
            loop {
                while let Some((t, e, job)) = fair.pop(|_| usize::MAX) {
                    served.push(job);
                    under_way.push_back((t, e));
                    prop_assert!(under_way.len() <= SHARES.all);
                    prop_assert!(under_way.iter().filter(|(other, _)| *other == t).count() <= SHARES.per_tenant);
                    prop_assert!(under_way.iter().filter(|(_, other)| *other == e).count() <= SHARES.per_endpoint);
                }
                let Some((t, e)) = under_way.pop_front() else { break };
                fair.finished(t, e);
            }
            served.sort_unstable();
            prop_assert_eq!(served, (0..jobs.len()).collect::<Vec<_>>());
            prop_assert!(fair.tenants.is_empty() && fair.turns.is_empty() && fair.waiting() == 0);
        }
    }
}
