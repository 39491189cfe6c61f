//! From `kill -9` of a leader to the first acknowledged write of its partitions.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use impresario_chaos_tests::Api;
use impresario_chaos_tests::chaos::cluster::{Cluster as _, start};
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::timeout;

use crate::Scale;
use crate::report::{Report, say};
use crate::scene::{Scene, Shape};

/// People who write all the time, spread over all partitions.
const PEOPLE: usize = 64;
/// A request without an answer is sent again after this time.
const PATIENCE: Duration = Duration::from_millis(400);
/// Whose partition was led elsewhere is answered sooner than this; a failover takes longer.
const UNAFFECTED: Duration = Duration::from_millis(250);
const GIVES_UP: Duration = Duration::from_secs(30);

pub(crate) async fn failover(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let mut scene = Scene::open(program, Shape::of(3)).await?;
    let mut times = Vec::new();
    for kill in 0..scale.kills {
        let victim = kill % 3;
        let before = times.len();
        times.extend(one(&mut scene, kill, victim).await?);
        let slowest = times[before..].iter().max().copied().unwrap_or_default();
        say(&format!(
            "   kill {}: {} of {PEOPLE} people waited, the last {:.0} ms",
            kill + 1,
            times.len() - before,
            slowest.as_secs_f64() * 1e3
        ));
        block_in_place(|| start(&mut scene.fleet, victim, &scene.rig))?.ready()?;
        scene.settle().await?;
        rebalanced(&mut scene, (victim + 1) % 3).await?;
    }
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        let time = times.get(index.min(times.len().saturating_sub(1))).copied();
        time.unwrap_or_default().as_secs_f64() * 1e3
    };
    report.figure(
        &format!(
            "failover: from kill -9 to the first acknowledged write, {} kills, {} writers",
            scale.kills,
            times.len()
        ),
        format!("p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms", at(0.5), at(0.99), at(1.0)),
    );
    Ok(())
}

/// Waits until the next victim leads something again.
async fn rebalanced(scene: &mut Scene, victim: usize) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..150 {
        ticks.tick().await;
        let leaders = scene.fleet.leaders(&scene.rig).await?;
        if leaders.iter().filter(|(_, leader)| *leader == Some(victim)).count() >= 3 {
            return Ok(());
        }
    }
    say("   the leaders were not spread again in time");
    Ok(())
}

/// How long each person whose partition the killed node led had to wait.
async fn one(scene: &mut Scene, kill: usize, victim: usize) -> Result<Vec<Duration>> {
    let survivor = (victim + 1) % 3;
    let api = Api::new(&scene.fleet.url(survivor, &scene.rig), scene.tenant.write.token())?;
    // Connections are there, entities are active.
    for person in 0..PEOPLE {
        write(&api, person, &format!("before-{kill}-{person}")).await;
    }
    block_in_place(|| scene.fleet.node(victim).kill9()).context("kill -9")?;
    let killed = Instant::now();
    let mut writers = JoinSet::new();
    for person in 0..PEOPLE {
        let api = api.clone();
        writers.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            while killed.elapsed() < GIVES_UP {
                ticks.tick().await;
                // The same message: what was done without an answer is not done again.
                if write(&api, person, &format!("after-{kill}-{person}")).await {
                    break;
                }
            }
            killed.elapsed()
        });
    }
    let all = writers.join_all().await;
    Ok(all.into_iter().filter(|waited| *waited > UNAFFECTED).collect())
}

async fn write(api: &Api, person: usize, id: &str) -> bool {
    let body = json!({ "userId": format!("writer-{person}"), "event": "Beat", "messageId": id });
    let answer = timeout(PATIENCE, api.post("/v1/track", &body)).await;
    matches!(answer, Ok(Ok(answer)) if answer.status == 200)
}
