//! A cluster to be measured, with one tenant.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use impresario_chaos_tests::chaos::cluster::{Cluster as _, operator, start};
use impresario_chaos_tests::chaos::fleet::{Fleet, Recipe};
use impresario_chaos_tests::chaos::rig::Rig;
use impresario_chaos_tests::chaos::runner::onboard;
use impresario_chaos_tests::{Load, Measured, Tenant, cpu, measure, rss_bytes};
use tokio::task::block_in_place;

const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// A prime that spreads consecutive numbers over the profiles.
const SPREAD: u64 = 7_919;

pub(crate) struct Scene {
    pub(crate) fleet: Fleet,
    pub(crate) tenant: Tenant,
    pub(crate) rig: Rig,
}

/// How a cluster is made.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) nodes: usize,
    /// Of them, so many are started.
    pub(crate) started: usize,
    pub(crate) partitions: u16,
    pub(crate) replicas: u8,
}

impl Shape {
    pub(crate) fn of(nodes: usize) -> Self {
        let replicas = if nodes < 3 { 1 } else { 3 };
        Self { nodes, started: nodes, partitions: 16, replicas }
    }
}

impl Scene {
    pub(crate) async fn open(program: &Path, shape: Shape) -> Result<Self> {
        let rig = Rig::plain(shape.nodes)?;
        let settings = ["host.idle_ms=3600000", "host.active_max=1000000"];
        let recipe = Recipe {
            program: program.to_owned(),
            next: None,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            partitions: shape.partitions,
            replicas: shape.replicas,
        };
        let mut fleet = block_in_place(|| Fleet::new(shape.nodes, recipe, &rig))?;
        for node in 0..shape.started {
            block_in_place(|| start(&mut fleet, node, &rig))?.ready()?;
        }
        fleet.settle_started(SETTLED_WITHIN, &rig).await?;
        let tenant = onboard(&operator(&fleet, 0, &rig)?).await?;
        Ok(Self { fleet, tenant, rig })
    }

    pub(crate) fn address(&self, node: usize) -> String {
        let url = self.fleet.url(node, &self.rig);
        url.trim_start_matches("http://").to_owned()
    }

    /// Single events of many people, sent to one node; the processor time is that of all nodes.
    pub(crate) async fn singles(
        &mut self,
        (node, connections): (usize, usize),
        lasting: Duration,
        (run, profiles): (&'static str, u64),
    ) -> Result<Measured> {
        let (address, key) = (self.address(node), self.tenant.write.token().to_owned());
        let pid = self.fleet.node(node).pid().context("it does not run")?;
        let before = self.cpu();
        // On a thread of its own, so that the control of the cluster is not in its way.
        let measuring = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let request = Box::new(move |number: u64| {
                let person = number.wrapping_mul(SPREAD) % profiles;
                event(&key, run, number, person)
            });
            let load = Load {
                connections,
                lasting,
                requests_max: u64::MAX,
                events_per_request: 1,
                request,
            };
            runtime.block_on(measure(&address, pid, load))
        });
        let mut measured = measuring.await.context("the load")??;
        measured.server_cpu = self.cpu().saturating_sub(before);
        Ok(measured)
    }

    /// The processor time of all nodes that run.
    pub(crate) fn cpu(&mut self) -> Duration {
        let pids = self.pids();
        pids.iter().filter_map(|pid| cpu(*pid).ok()).sum()
    }

    /// The memory of all nodes that run, in bytes.
    pub(crate) fn rss(&mut self) -> u64 {
        let pids = self.pids();
        pids.iter().filter_map(|pid| rss_bytes(*pid).ok()).sum()
    }

    fn pids(&mut self) -> Vec<u32> {
        let nodes = 0..self.fleet.nodes();
        nodes.filter_map(|node| self.fleet.node(node).pid()).collect()
    }

    pub(crate) async fn settle(&mut self) -> Result<Duration> {
        let began = Instant::now();
        self.fleet.settle_started(SETTLED_WITHIN, &self.rig).await?;
        Ok(began.elapsed())
    }
}

fn event(key: &str, run: &str, number: u64, person: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"type":"track","userId":"person-{person}","event":"Product Viewed","messageId":"{run}-{number}","properties":{{"product_id":"sku-{}","price":19.99,"category":"shoes"}}}}"#,
        number % 997
    );
    let length = body.len();
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n"
    );
    (head + &body).into_bytes()
}
