//! What an answer takes beside the model's own time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::conversations::bursts::{FACTS, mark};
use impresario_chaos_tests::conversations::conversations;
use impresario_chaos_tests::conversations::slack::{Event, delivery};
use impresario_chaos_tests::{Api, cpu, now_ms};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::Scale;
use crate::report::Report;
use crate::scene::{CHAT, Scene};

/// A reply that has not come after this time will not come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two messages of a burst.
const GAP: Duration = Duration::from_millis(200);
/// What is said around the question.
const ASIDE: [&str; 2] = ["Hello", "Thanks in advance"];

/// One customer.
struct Customer {
    api: Api,
    tenant: String,
    talk: usize,
    replies: watch::Receiver<u32>,
}

/// A burst's way: when its silence was over, when the reply was on record, when it came.
struct Way {
    due_ms: i64,
    decided_ms: i64,
    came_ms: i64,
}

/// All customers write in turns, each burst a question among other words.
pub(crate) async fn talks(scene: &Scene, scale: Scale, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let mut customers = JoinSet::new();
    for talk in 0..scale.talks {
        let customer = Customer {
            api: scene.tenant.secret.clone(),
            tenant: scene.tenant.id.clone(),
            talk,
            replies: scene.platform.room(&room(talk)),
        };
        customers.spawn(customer.write(scale, began));
    }
    // The first round makes the conversations; what it costs is not counted.
    sleep_until(began + scale.period).await;
    let pid = scene.server.pid()?;
    let (cpu_before, counted_from) = (cpu(pid)?, Instant::now());
    while let Some(written) = customers.join_next().await {
        written.context("a customer")??;
    }
    let (cpu_used, lasted) = (cpu(pid)?.saturating_sub(cpu_before), counted_from.elapsed());
    let bursts = scale.talks * scale.rounds;
    let calls = scene.farm.farm.count(CHAT);
    ensure!(calls == bursts, "{calls} calls of the model for {bursts} bursts");
    let ways = ways(scene, scale).await?;
    let model_ms = i64::try_from(scale.model.as_millis())?;
    let beside = |until: fn(&Way) -> i64| {
        ways.iter().map(|way| until(way) - way.due_ms - model_ms).collect::<Vec<i64>>()
    };
    report.answers(ways.len(), lasted, cpu_used);
    report.times("until the reply is on record", beside(|way| way.decided_ms));
    report.times("until the reply is at the platform", beside(|way| way.came_ms));
    Ok(())
}

fn room(talk: usize) -> String {
    format!("D{talk:05}")
}

fn user(talk: usize) -> String {
    format!("U{talk:05}")
}

impl Customer {
    async fn write(mut self, scale: Scale, began: Instant) -> Result<()> {
        let share = u32::try_from(self.talk)?;
        let first = began + scale.period * share / u32::try_from(scale.talks)?;
        for round in 0..scale.rounds {
            let number = u32::try_from(round)?;
            sleep_until(first + scale.period * number).await;
            let question = FACTS[(self.talk + round) % FACTS.len()].question;
            let question = format!("{question} ({})?", mark(self.talk, round));
            for (place, text) in [ASIDE[0], &question, ASIDE[1]].into_iter().enumerate() {
                self.send(round, place, text).await?;
                if place < ASIDE.len() {
                    sleep(GAP).await;
                }
            }
            let came = self.replies.wait_for(|count| *count > number);
            let what = || format!("talk {}, burst {round}: no reply", self.talk);
            timeout(PATIENCE, came).await.with_context(what)?.context("the platform is gone")?;
        }
        Ok(())
    }

    async fn send(&self, round: usize, place: usize, text: &str) -> Result<()> {
        let at_ms = now_ms();
        let event = Event {
            id: format!("Ev{}R{round}M{place}", self.talk),
            room: room(self.talk),
            user: user(self.talk),
            text,
            stamp: format!("{}.{:03}100", at_ms / 1_000, at_ms % 1_000),
            again: 0,
        };
        let answer = self.api.send(delivery(&self.api, &self.tenant, &event)?).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    }
}

/// What became of each counted burst, by the server's own durable times and the platform's.
async fn ways(scene: &Scene, scale: Scale) -> Result<Vec<Way>> {
    let quiet_ms = i64::try_from(scale.quiet.as_millis())?;
    let came = scene.platform.came();
    let shown = conversations(&scene.tenant.secret).await?;
    let mut ways = Vec::new();
    for talk in 0..scale.talks {
        let shown = shown.get(&user(talk)).with_context(|| format!("talk {talk} is not there"))?;
        let messages = shown["messages"].as_array().context("messages")?;
        let replies: Vec<&Value> =
            messages.iter().filter(|message| message["from"] != "customer").collect();
        ensure!(replies.len() == scale.rounds, "talk {talk} has {} replies", replies.len());
        let mut found = Vec::new();
        for reply in replies {
            let asked = messages.iter().filter(|message| {
                message["from"] == "customer" && message["turn"] == reply["turn"]
            });
            let asked = asked.map(received).collect::<Result<Vec<i64>>>()?;
            let id = reply["id"].as_str().context("an id")?;
            found.push(Way {
                due_ms: asked.into_iter().max().context("nobody asked")? + quiet_ms,
                decided_ms: received(reply)?,
                came_ms: *came.get(id).with_context(|| format!("{id} did not come"))?,
            });
        }
        found.sort_by_key(|way| way.due_ms);
        ways.extend(found.into_iter().skip(1));
    }
    Ok(ways)
}

fn received(message: &Value) -> Result<i64> {
    let at = message["received"].as_str().context("a time")?;
    let at: jiff::Timestamp = at.parse().context("a time")?;
    Ok(at.as_millisecond())
}
