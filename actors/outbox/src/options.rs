use serde::{Deserialize, Serialize};

/// How committed effects are carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Rows of one partition that are held in memory to be carried out. Past it only the durable
    /// rows count, and the partition's pump reads them page by page as room appears.
    pub queue_rows_max: usize,
    /// Of these, rows of one source entity.
    pub lane_rows_max: usize,
    /// Rows of one partition that are remembered (by key only) until they are due again. Past it
    /// they are found again by reading.
    pub parked_rows_max: usize,
    /// Rows visited in one turn when the durable rows are read.
    pub page_rows: usize,
    /// The pause between two complete readings that could not take everything in, in milliseconds.
    pub rescan_ms: i64,
    /// Messages to entities that one partition has under way.
    pub asks_in_flight_max: usize,
    /// How long an asked entity may take, in milliseconds.
    pub ask_timeout_ms: i64,
    /// The first pause before an entity is asked again, in milliseconds; doubled each time.
    pub backoff_ms: i64,
    /// The longest pause before an entity is asked again, in milliseconds.
    pub backoff_max_ms: i64,
    /// Webhooks under way, of the whole node.
    pub deliveries_in_flight_max: usize,
    /// Webhooks under way for one tenant.
    pub deliveries_per_tenant_max: usize,
    /// Webhooks under way to one endpoint.
    pub deliveries_per_endpoint_max: usize,
    /// After this many failures in a row nothing is sent to an endpoint for a while.
    pub breaker_failures: u32,
    /// How long that while is the first time, in milliseconds; doubled each time.
    pub breaker_open_ms: i64,
    /// How long that while is at most, in milliseconds.
    pub breaker_open_max_ms: i64,
    /// What became of a webhook is listed, and can be replayed, for this long, in milliseconds.
    pub deliveries_kept_ms: i64,
    /// How often forgotten deliveries are removed, in milliseconds.
    pub tidy_ms: i64,
    /// Errands under way, of the whole node: turns that are answered, messages that are sent.
    pub errands_in_flight_max: usize,
    /// Timers of one partition that fire at the same time.
    pub timers_in_flight_max: usize,
    /// Sweeps over all profiles of a tenant that run at the same time on the node.
    pub sweeps_in_flight_max: usize,
    /// Profiles that one sweep asks at the same time.
    pub sweep_asks_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_rows_max: 10_000,
            lane_rows_max: 1_000,
            parked_rows_max: 50_000,
            page_rows: 2_000,
            rescan_ms: 1_000,
            asks_in_flight_max: 64,
            ask_timeout_ms: 10_000,
            backoff_ms: 100,
            backoff_max_ms: 60_000,
            deliveries_in_flight_max: 64,
            deliveries_per_tenant_max: 16,
            deliveries_per_endpoint_max: 4,
            breaker_failures: 5,
            breaker_open_ms: 30_000,
            breaker_open_max_ms: 1_800_000,
            deliveries_kept_ms: 7 * 86_400_000,
            tidy_ms: 3_600_000,
            errands_in_flight_max: 2_048,
            timers_in_flight_max: 256,
            sweeps_in_flight_max: 2,
            sweep_asks_max: 32,
        }
    }
}

impl Options {
    /// A bound of 0 would stop everything for ever without a word; it is taken for 1.
    pub(crate) fn at_least_one(&mut self) {
        for bound in [
            &mut self.queue_rows_max,
            &mut self.lane_rows_max,
            &mut self.parked_rows_max,
            &mut self.page_rows,
            &mut self.asks_in_flight_max,
            &mut self.deliveries_in_flight_max,
            &mut self.deliveries_per_tenant_max,
            &mut self.deliveries_per_endpoint_max,
            &mut self.errands_in_flight_max,
            &mut self.timers_in_flight_max,
            &mut self.sweeps_in_flight_max,
            &mut self.sweep_asks_max,
        ] {
            *bound = (*bound).max(1);
        }
    }
}
