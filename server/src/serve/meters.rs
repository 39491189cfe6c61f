//! The process's metrics.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use impresario_consensus::Consensus;
use impresario_journal::Journal;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::across::Tasks;
use crate::admin::record_metrics;

/// Bounds of every histogram of seconds: from what a turn takes to what a client waits.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Bounds of every other histogram: counts of items.
const COUNTS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// Installs the recorder of this process and gives what renders it.
///
/// # Errors
/// If the process has one already.
pub fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| builder.set_buckets(COUNTS))
        .context("the bounds of a histogram are wrong")?
        .install_recorder()
        .context("this process has another recorder of metrics")
}

/// How often what is not counted where it happens is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Keeps the gauges of this node's partitions up to date, until what is given is dropped.
pub(crate) fn record_on(consensus: Consensus, journal: Arc<dyn Journal>) -> Tasks {
    let tasks = Tasks::default();
    tasks.spawn(async move {
        loop {
            record_metrics(&consensus, &*journal);
            tokio::time::sleep(LOOK).await;
        }
    });
    tasks
}
