//! Counting what is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use impresario_host::Failure;
use impresario_ids::TenantId;
use impresario_kernel::PartitionId;

use crate::Options;

/// The permits of a node, its partitions and its tenants.
#[derive(Debug)]
pub(crate) struct Permits {
    options: Options,
    node: Arc<Counter>,
    partitions: Vec<Arc<Counter>>,
    tenants: DashMap<TenantId, Arc<Counter>>,
}

#[derive(Debug, Default)]
struct Counter(AtomicUsize);

/// Permits that are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    count: usize,
    counters: [Arc<Counter>; 3],
}

impl Permits {
    pub(crate) fn new(options: Options, partitions: u16) -> Self {
        Self {
            options,
            node: Arc::default(),
            partitions: (0..partitions).map(|_| Arc::default()).collect(),
            tenants: DashMap::new(),
        }
    }

    /// Takes `count` permits of each kind, or none.
    pub(crate) fn take(
        &self,
        tenant: TenantId,
        partition: PartitionId,
        count: usize,
    ) -> Result<Held, Failure> {
        let of_tenant = self.of_tenant(tenant);
        let of_partition = self
            .partitions
            .get(usize::from(partition.0))
            .ok_or_else(|| Failure::Unavailable(format!("no partition {partition} here")))?;
        let wanted = [
            (&of_tenant, self.options.tenant_permits, "tenant"),
            (of_partition, self.options.partition_permits, "partition"),
            (&self.node, self.options.node_permits, "node"),
        ];
        for (index, (counter, max, queue)) in wanted.iter().enumerate() {
            if !counter.try_add(count, *max) {
                wanted[..index].iter().for_each(|(taken, _, _)| taken.subtract(count));
                metrics::counter!("impresario_router_overloaded_total", "queue" => *queue)
                    .increment(1);
                return Err(Failure::Overloaded {
                    queue,
                    retry_after_ms: self.options.retry_after_ms,
                });
            }
        }
        Ok(Held {
            count,
            counters: [of_tenant.clone(), Arc::clone(of_partition), Arc::clone(&self.node)],
        })
    }

    /// Messages under way on this node.
    pub(crate) fn under_way(&self) -> usize {
        self.node.0.load(Ordering::Relaxed)
    }

    fn of_tenant(&self, tenant: TenantId) -> Arc<Counter> {
        if let Some(counter) = self.tenants.get(&tenant) {
            return Arc::clone(&counter);
        }
        Arc::clone(&self.tenants.entry(tenant).or_default())
    }
}

impl Counter {
    fn try_add(&self, count: usize, max: usize) -> bool {
        let before = self.0.fetch_add(count, Ordering::AcqRel);
        // A group larger than the bound passes alone, so that it can pass at all.
        let fits = before.saturating_add(count) <= max || before == 0;
        if !fits {
            self.subtract(count);
        }
        fits
    }

    fn subtract(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::AcqRel);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for counter in &self.counters {
            counter.subtract(self.count);
        }
    }
}
