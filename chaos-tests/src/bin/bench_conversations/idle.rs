//! What a conversation takes while nobody writes.

use std::time::Duration;

use anyhow::{Context, Result};
use impresario_chaos_tests::conversations::conversations;
use impresario_chaos_tests::{Api, eventually, rss_bytes};

use crate::Scale;
use crate::report::Report;
use crate::scene::Scene;

/// Small caches, so that what grows with the conversations is the conversations.
const SMALL_CACHES: [&str; 4] = [
    "store.state_cache_bytes=4194304",
    "store.log_cache_bytes=2097152",
    "store.dirty_soft_bytes=2097152",
    "store.recent_bytes=2097152",
];

/// Memory before the conversations are looked at, while all are active, and after they were put to
/// sleep.
pub(crate) async fn idle(scene: &mut Scene, scale: Scale, report: &mut Report) -> Result<()> {
    let ids = conversations(&scene.tenant.secret).await?;
    let ids: Vec<&str> = ids.values().filter_map(|shown| shown["id"].as_str()).collect();
    let idle = format!("host.idle_ms={}", scale.idle.as_millis());
    scene.restart(&[&SMALL_CACHES[..], &[&idle]].concat())?;
    // What is made once, for the first of them, is not counted.
    let (first, rest) = ids.split_at(ids.len() / 10);
    wake(&scene.tenant.secret, first).await?;
    let pid = scene.server.pid()?;
    let (before, active_before) = (rss_bytes(pid)?, active(&scene.root).await?);
    wake(&scene.tenant.secret, rest).await?;
    let (awake, active_awake) = (rss_bytes(pid)?, active(&scene.root).await?);
    let within = scale.idle * 2 + Duration::from_secs(30);
    eventually("all conversations sleep", within, || async {
        Ok((active(&scene.root).await? == 0).then_some(()))
    })
    .await?;
    let asleep = rss_bytes(pid)?;
    let woken = active_awake.saturating_sub(active_before);
    report.memory(woken, [before, awake, asleep]);
    Ok(())
}

/// Looking at a conversation activates it.
async fn wake(api: &Api, ids: &[&str]) -> Result<()> {
    for id in ids {
        api.get(&format!("/api/v1/conversations/{id}?limit=1")).await?.ok()?;
    }
    Ok(())
}

/// How many conversations are active.
async fn active(root: &Api) -> Result<u64> {
    let shown = root.get("/metrics").await?.ok()?;
    let text = shown.as_str().context("metrics")?;
    let line = text.lines().find(|line| {
        line.starts_with("impresario_entities_active{") && line.contains("\"conversation\"")
    });
    let Some(line) = line else { return Ok(0) };
    let value = line.rsplit(' ').next().unwrap_or_default();
    Ok(value.parse::<f64>().context("a number")? as u64)
}
