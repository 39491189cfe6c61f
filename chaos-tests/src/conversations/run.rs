//! Carries a run out: customers write, a killer kills, everything comes to rest, the oracle judges.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::Instant;

use super::bursts::{Burst, Channel, Pace};
use super::client::write;
use super::look::{conversations, is_busy, look};
use super::oracle::{Verdict, Windows, judge};
use super::scene::{CHAT, POST, Scene, open};
use crate::{Api, Chance, TestServer};

/// What is not at rest after this time will not be.
const REST_WITHIN: Duration = Duration::from_secs(180);
/// How often it is asked whether everything is at rest.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// When the server is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many deliveries are acknowledged.
    Taken(u64),
    /// So many paid calls have begun.
    Asked(usize),
    /// So many replies have begun to leave for the platform.
    Posted(usize),
}

/// How much of everything.
#[derive(Clone, Debug)]
pub struct Size {
    /// Conversations, of ten messages each.
    pub talks: usize,
    /// What the tenant has set.
    pub windows: Windows,
    /// How the messages are spread.
    pub pace: Pace,
    /// Kills, one after the other.
    pub kills: Vec<When>,
    /// A deliberate fault, for proving the oracle: before the last start the disk is as it was at the
    /// first kill.
    pub goes_back: bool,
}

impl Size {
    /// So many conversations and kills: in turn after deliveries, paid calls and replies.
    #[must_use]
    pub fn of(talks: usize, kills: usize) -> Self {
        let share = |of: usize, kill: usize| of * (kill + 1) / (kills + 1);
        let kill = |kill: usize| match kill % 3 {
            0 => When::Taken(share(talks * 10, kill) as u64),
            // What was killed under way is not asked again, so there are fewer calls than customers.
            1 => When::Asked(share(talks * 3 / 5, kill)),
            // Every second conversation is the platform's.
            _ => When::Posted(share(talks / 2, kill)),
        };
        Self {
            talks,
            // Longer than a server is down; otherwise a burst would be torn apart, and rightly so.
            windows: Windows { quiet_ms: 8_000, max_wait_ms: 60_000 },
            pace: Pace {
                // Bursts of a second and a half, about forty of them under way.
                spread: Duration::from_millis(40 * talks as u64),
                gap_max_ms: 300,
                again_max_ms: 1_500,
            },
            kills: (0..kills).map(kill).collect(),
            goes_back: false,
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the oracle says.
    pub verdict: Verdict,
    /// Kills that took place.
    pub kills: usize,
    /// Deliveries that were acknowledged, and how many of them were of a message delivered before.
    pub deliveries: (u64, u64),
    /// The longest time from a kill to the next ready server.
    pub down_max: Duration,
    /// From the first message to rest.
    pub took: Duration,
}

impl Outcome {
    /// In a few lines.
    #[must_use]
    pub fn text(&self) -> String {
        let verdict = &self.verdict;
        let mut lines = vec![
            format!(
                "{} conversations, {} deliveries ({} of them again), {} kills (down at most {:.1} s), {:.0} s",
                verdict.talks,
                self.deliveries.0,
                self.deliveries.1,
                self.kills,
                self.down_max.as_secs_f64(),
                self.took.as_secs_f64(),
            ),
            format!(
                "{} replies to {} quiet windows; {} bursts torn by a silence; {} messages overtaken",
                verdict.replies, verdict.windows, verdict.torn, verdict.overtaken
            ),
            format!(
                "{} wishes answered, {} put off ({} of them known to the tenant); {} paid calls, {} without a taker",
                verdict.answered,
                verdict.put_off,
                verdict.put_off_though_known,
                verdict.calls,
                verdict.calls_lost
            ),
        ];
        lines.extend(verdict.broken.iter().take(20).map(|what| format!("BROKEN: {what}")));
        let result = if verdict.has_passed() { "passed" } else { "FAILED" };
        lines.push(result.to_owned());
        lines.join("\n")
    }
}

/// Runs conversations against a server of its own. On a runtime of several threads.
///
/// # Errors
/// If it could not be carried out; what was found to be wrong is in the verdict.
pub async fn run(program: &Path, size: &Size, seed: u64) -> Result<Outcome> {
    let mut chance = Chance::new(seed);
    let bursts: Vec<Arc<Burst>> =
        (0..size.talks).map(|talk| Arc::new(Burst::draw(talk, size.pace, &mut chance))).collect();
    let (mut server, scene) = open(program, size.windows, size.talks, &mut chance).await?;
    let scene = Arc::new(scene);
    let root = server.root()?;
    let began = Instant::now();
    let mut customers = JoinSet::new();
    for burst in &bursts {
        customers.spawn(write(Arc::clone(&scene), Arc::clone(burst), began));
    }
    let over = watch::channel(false).0;
    let killer = kill_all(&mut server, &scene, size, over.subscribe());
    let resting = async {
        while let Some(written) = customers.join_next().await {
            written.context("a customer")??;
        }
        let rest = rest(&scene, &root, &bursts);
        let rested = tokio::time::timeout(REST_WITHIN, rest).await;
        over.send_replace(true);
        rested.with_context(|| format!("no rest within {REST_WITHIN:?}"))?
    };
    let ((kills, down_max), ()) = tokio::try_join!(killer, resting)?;
    // A kill may have come between the last look and the end.
    rest(&scene, &root, &bursts).await?;
    let took = began.elapsed();
    let verdict = judge(&look(&scene, &bursts).await?);
    if let Some(line) = server.panic_in_log() {
        ensure!(false, "a panic in the server's log: {line}");
    }
    let again = bursts.iter().flat_map(|burst| &burst.deliveries).filter(|one| one.again > 0);
    let deliveries = (*scene.taken.borrow(), again.count() as u64);
    Ok(Outcome { verdict, kills, deliveries, down_max, took })
}

/// Kills the server as planned; how often it came to that, and the longest absence.
async fn kill_all(
    server: &mut TestServer,
    scene: &Scene,
    size: &Size,
    mut over: watch::Receiver<bool>,
) -> Result<(usize, Duration)> {
    let kept = tempfile::tempdir().context("a folder for a copy")?;
    let (mut kills, mut down_max) = (0, Duration::ZERO);
    for (number, when) in size.kills.iter().enumerate() {
        tokio::select! {
            biased;
            reached = wait(scene, *when) => reached?,
            over = over.wait_for(|over| *over) => {
                over.context("the run is gone")?;
                break;
            }
        }
        let down = Instant::now();
        scene.up.send_replace(false);
        block_in_place(|| {
            server.kill9()?;
            if size.goes_back && number == 0 {
                copy(server.data(), kept.path())?;
            }
            if size.goes_back && number > 0 && number + 1 == size.kills.len() {
                fs::remove_dir_all(server.data()).context("forget")?;
                copy(kept.path(), server.data())?;
            }
            server.restart()
        })?;
        scene.up.send_replace(true);
        kills += 1;
        down_max = down_max.max(down.elapsed());
    }
    Ok((kills, down_max))
}

async fn wait(scene: &Scene, when: When) -> Result<()> {
    match when {
        When::Taken(count) => {
            let mut taken = scene.taken.subscribe();
            taken.wait_for(|taken| *taken >= count).await.context("the customers are gone")?;
        }
        When::Asked(count) => scene.farm.farm.begun(CHAT, count).await,
        When::Posted(count) => scene.farm.farm.begun(POST, count).await,
    }
    Ok(())
}

/// Waits until nothing is left to do.
async fn rest(scene: &Scene, root: &Api, bursts: &[Arc<Burst>]) -> Result<()> {
    let platform = bursts.iter().filter(|burst| burst.channel == Channel::Slack).count();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let posted = scene.farm.farm.count(POST);
        // While it is down there is no answer, and no rest.
        if posted >= platform && is_at_rest(scene, root).await.unwrap_or(false) {
            return Ok(());
        }
    }
}

async fn is_at_rest(scene: &Scene, root: &Api) -> Result<bool> {
    let outbox = root.get("/admin/v1/outbox?limit=1").await?.ok()?;
    let is_empty = outbox["effects"].as_array().is_some_and(Vec::is_empty);
    if !is_empty {
        return Ok(false);
    }
    let shown = conversations(&scene.api).await?;
    Ok(!shown.values().any(|shown: &Value| is_busy(shown)))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).context("make a folder")?;
    for entry in fs::read_dir(from).context("list a folder")? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.metadata()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to).with_context(|| format!("copy {}", to.display()))?;
        }
    }
    Ok(())
}
