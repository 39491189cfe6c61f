//! The benches themselves.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{
    Load, Measured, Options, Request, Tenant, TestServer, measure, rss_bytes,
};

use crate::Scale;
use crate::report::{Report, say};

/// Events in a batch request.
const BATCH: u64 = 500;
/// Events of one person in a batch of visits.
const VISIT: u64 = 20;
/// A prime that spreads consecutive numbers over the profiles.
const SPREAD: u64 = 7_919;

struct House {
    server: TestServer,
    tenant: Tenant,
}

impl House {
    async fn open(program: &Path) -> Result<Self> {
        Self::open_with(program, &[]).await
    }

    async fn open_with(program: &Path, more: &[&str]) -> Result<Self> {
        // No entity goes to sleep meanwhile, so that memory per active entity is seen.
        let settings = ["host.idle_ms=3600000", "host.active_max=1000000"];
        let settings = Options::set(&[&settings[..], more].concat());
        let options = Options { quiet: true, ..settings };
        let server = TestServer::start_program(program.to_path_buf(), options)?;
        let tenant = Tenant::onboard(&server.root()?, "bench").await?;
        Ok(Self { server, tenant })
    }

    async fn load(
        &self,
        connections: usize,
        lasting: Duration,
        most: u64,
        events: u64,
        request: Request,
    ) -> Result<Measured> {
        let load =
            Load { connections, lasting, requests_max: most, events_per_request: events, request };
        measure(&self.server.address(), self.server.pid()?, load).await
    }

    /// Requests with one event each, spread over `profiles` people.
    fn singles(&self, run: &'static str, profiles: u64) -> Request {
        let key = self.tenant.write.token().to_owned();
        Box::new(move |number| {
            let person = number.wrapping_mul(SPREAD) % profiles;
            let body = event(run, number, person);
            post("/v1/track", &key, &body)
        })
    }

    /// Requests with a batch of events each, spread over `profiles` people; `each` consecutive
    /// events are one person's.
    fn batches(&self, run: &'static str, profiles: u64, each: u64) -> Request {
        let key = self.tenant.write.token().to_owned();
        Box::new(move |number| {
            let first = number * BATCH;
            let events: Vec<String> = (first..first + BATCH)
                .map(|n| event(run, n, (n / each).wrapping_mul(SPREAD) % profiles))
                .collect();
            let body = format!("{{\"batch\":[{}]}}", events.join(","));
            post("/v1/batch", &key, &body)
        })
    }
}

fn post(path: &str, key: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n"
    );
    (head + body).into_bytes()
}

fn event(run: &str, number: u64, person: u64) -> String {
    format!(
        r#"{{"type":"track","userId":"person-{person}","event":"Product Viewed","messageId":"{run}-{number}","properties":{{"product_id":"sku-{}","price":19.99,"category":"shoes"}}}}"#,
        number % 997
    )
}

/// How many durable 4 KiB appends per second the disk takes from one thread.
pub(crate) fn fsync(report: &mut Report, scale: Scale) -> Result<()> {
    let mut file = tempfile::tempfile().context("a file to sync")?;
    let block = [0x5a; 4096];
    let began = Instant::now();
    let lasting = scale.lasting.min(Duration::from_secs(3));
    let mut syncs = 0_u32;
    while began.elapsed() < lasting {
        file.write_all(&block).context("append")?;
        file.sync_data().context("fdatasync")?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / began.elapsed().as_secs_f64();
    report.disk(rate);
    Ok(())
}

/// Durable single events over 64 and 256 connections.
pub(crate) async fn single(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let house = House::open(program).await?;
    let warm = house.singles("warm", scale.profiles);
    house.load(64, scale.lasting / 3, u64::MAX, 1, warm).await?;
    for (connections, run) in [(64, "s64"), (256, "s256")] {
        let measured = house
            .load(connections, scale.lasting, u64::MAX, 1, house.singles(run, scale.profiles))
            .await?;
        report.load(
            &format!("single events, {connections} connections, {} profiles", scale.profiles),
            measured,
        );
    }
    Ok(())
}

/// All events for one person.
pub(crate) async fn hot(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let house = House::open(program).await?;
    let measured = house.load(64, scale.lasting, u64::MAX, 1, house.singles("hot", 1)).await?;
    report.load("single events, 64 connections, one profile (hot)", measured);
    Ok(())
}

/// Batches as a client library flushes them: what each person did comes together.
pub(crate) async fn visits(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let house = House::open(program).await?;
    let requests = house.batches("visits", scale.profiles, VISIT);
    let measured = house.load(8, scale.lasting, u64::MAX, BATCH, requests).await?;
    let name = format!(
        "batches of {BATCH} from {} people each, 8 connections, {} profiles",
        BATCH / VISIT,
        scale.profiles
    );
    report.load(&name, measured);
    Ok(())
}

/// Fills a store in batches, then kills and stops the server and starts it again.
pub(crate) async fn batch_and_restart(
    program: &Path,
    report: &mut Report,
    scale: Scale,
) -> Result<()> {
    let mut house = House::open(program).await?;
    let requests = scale.stored_events.div_ceil(BATCH);
    let limit = Duration::from_secs(300);
    let measured =
        house.load(8, limit, requests, BATCH, house.batches("batch", scale.profiles, 1)).await?;
    let events = measured.events;
    report
        .load(&format!("batches of {BATCH}, 8 connections, {} profiles", scale.profiles), measured);
    house.server.kill9()?;
    house.server.restart()?;
    let ms = |house: &House| format!("{:.0} ms", house.server.started_in().as_secs_f64() * 1e3);
    report.figure(&format!("start after kill -9, {events} events in the store"), ms(&house));
    house.server.stop()?;
    house.server.restart()?;
    report.figure(&format!("start after a clean stop, {events} events in the store"), ms(&house));
    report.figure(
        "size of that store on disk",
        format!("{:.0} MB", folder_bytes(house.server.data())? as f64 / 1e6),
    );
    Ok(())
}

/// Small caches, so that what grows with the entities is the entities.
const SMALL_CACHES: [&str; 3] = [
    "store.state_cache_bytes=16777216",
    "store.dirty_soft_bytes=2097152",
    "store.recent_bytes=2097152",
];

/// Memory of entities that are active and have nothing to do, and the cost of activating them.
pub(crate) async fn idle(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let mut house = House::open_with(program, &SMALL_CACHES).await?;
    let entities = scale.idle_entities;
    let requests = entities.div_ceil(BATCH);
    let filled = house
        .load(
            4,
            Duration::from_secs(300),
            requests,
            BATCH,
            house.batches("idle", requests * BATCH, 1),
        )
        .await?;
    ensure!(filled.refused == 0, "the store could not be filled: {:?}", filled.refusal);
    house.server.stop()?;
    house.server.restart()?;
    say("   activating");
    let before = rss_bytes(house.server.pid()?)?;
    let activated = house
        .load(8, Duration::from_secs(300), entities, 1, house.singles("wake", requests * BATCH))
        .await?;
    let after = rss_bytes(house.server.pid()?)?;
    let per_entity = after.saturating_sub(before) as f64 / entities as f64 / 1024.0;
    report.load("first event after a start (activates its profile), 8 connections", activated);
    report.figure(
        &format!(
            "memory per active idle profile, over {entities}, the store's caches held to 20 MB"
        ),
        format!("{per_entity:.1} KiB"),
    );
    Ok(())
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).context("list the data folder")? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { folder_bytes(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
