//! What a conversation takes while nobody writes.

use std::time::Duration;

use anyhow::{Context, Result};
use impresario_chaos_tests::conversations::conversations;
use impresario_chaos_tests::{Api, rss_bytes};

use crate::Scale;
use crate::report::Report;
use crate::scene::Scene;

/// Small caches, so that what grows with the conversations is the conversations; and no embedding model,
/// whose weights would hide them.
const SMALL: [&str; 5] = [
    "answers.model_folder=",
    "store.state_cache_bytes=4194304",
    "store.log_cache_bytes=2097152",
    "store.dirty_soft_bytes=2097152",
    "store.recent_bytes=2097152",
];

/// How often the memory is looked at, how many times it must be about the same, and when it is given up.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const SAME: usize = 6;
const LOOKS_MAX: usize = 40;
const STEADY_BYTES: u64 = 256 * 1024;
/// Asking for the metrics takes memory of its own, so not too often.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Memory before the conversations are looked at, while all are active, and after they were put to
/// sleep.
pub(crate) async fn idle(scene: &mut Scene, scale: Scale, report: &mut Report) -> Result<()> {
    let ids = conversations(&scene.tenant.secret).await?;
    let ids: Vec<&str> = ids.values().filter_map(|shown| shown["id"].as_str()).collect();
    let idle = format!("host.idle_ms={}", scale.idle.as_millis());
    scene.restart(&[&SMALL[..], &[&idle]].concat())?;
    // What is made once, for the first of them, is not counted.
    let (first, rest) = ids.split_at(ids.len() / 10);
    wake(&scene.tenant.secret, first).await?;
    let pid = scene.server.pid()?;
    let (before, active_before) = (settled(pid).await?, active(&scene.root).await?);
    wake(&scene.tenant.secret, rest).await?;
    let (awake, active_awake) = (settled(pid).await?, active(&scene.root).await?);
    let sleeping = all_asleep(&scene.root);
    let within = scale.idle * 2 + Duration::from_secs(30);
    tokio::time::timeout(within, sleeping).await.context("some conversations do not sleep")??;
    let asleep = settled(pid).await?;
    let woken = active_awake.saturating_sub(active_before);
    report.memory(woken, [before, awake, asleep]);
    Ok(())
}

/// Waits until no conversation is active.
async fn all_asleep(root: &Api) -> Result<()> {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        if active(root).await? == 0 {
            return Ok(());
        }
    }
}

/// The process's memory when it has stopped changing: what is freed is given back a little later.
async fn settled(pid: u32) -> Result<u64> {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let mut seen = Vec::new();
    loop {
        ticks.tick().await;
        seen.push(rss_bytes(pid)?);
        let last = &seen[seen.len().saturating_sub(SAME)..];
        let (least, most) = (last.iter().min(), last.iter().max());
        let is_steady = most.zip(least).is_some_and(|(most, least)| most - least < STEADY_BYTES);
        if (last.len() == SAME && is_steady) || seen.len() == LOOKS_MAX {
            return Ok(last.iter().sum::<u64>() / last.len() as u64);
        }
    }
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
