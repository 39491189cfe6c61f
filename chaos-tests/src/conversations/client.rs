//! A customer: writes, delivers out of order and twice, and insists.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::bursts::{Burst, Channel, Delivery};
use super::scene::Scene;
use super::slack::{self, Event};

/// What has not been taken after this time will not be.
const PATIENCE: Duration = Duration::from_secs(120);
/// When the first message of a run is said to have been written, in seconds since 1970.
const WRITTEN_S: i64 = 1_700_000_000;

/// The customer's room at the platform.
pub(super) fn room(talk: usize) -> String {
    format!("D{talk:05}")
}

/// The customer's id, at the platform or with the tenant.
pub(super) fn user(talk: usize) -> String {
    format!("U{talk:05}")
}

/// Delivers a whole burst, each delivery in its time, until all are acknowledged.
pub(super) async fn write(scene: Arc<Scene>, burst: Arc<Burst>, began: Instant) -> Result<()> {
    let mut deliveries = JoinSet::new();
    for delivery in burst.deliveries.clone() {
        let (scene, burst) = (Arc::clone(&scene), Arc::clone(&burst));
        deliveries.spawn(async move {
            sleep_until(began + burst.begins + delivery.after).await;
            let insisting = insist(&scene, &burst, delivery);
            let what = || format!("talk {}, message {}", burst.talk, delivery.message);
            tokio::time::timeout(PATIENCE, insisting).await.with_context(what)?.with_context(what)
        });
    }
    while let Some(delivered) = deliveries.join_next().await {
        delivered.context("a delivery")??;
    }
    Ok(())
}

/// Sends it until it is acknowledged.
async fn insist(scene: &Scene, burst: &Burst, delivery: Delivery) -> Result<()> {
    let mut up = scene.up.subscribe();
    loop {
        up.wait_for(|up| *up).await.context("the killer is gone")?;
        let request = match burst.channel {
            Channel::Api => by_api(scene, burst, delivery),
            Channel::Slack => by_slack(scene, burst, delivery)?,
        };
        match scene.api.send(request).await {
            Ok(answer) if matches!(answer.status, 200 | 202) => {
                scene.taken.send_modify(|count| *count += 1);
                return Ok(());
            }
            // Busy, or it is going down: the same again.
            Ok(answer) if matches!(answer.status, 429 | 500..) => tokio::task::yield_now().await,
            Ok(answer) => bail!("{} {}", answer.status, answer.body),
            // Nobody knows what became of it.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

fn by_api(scene: &Scene, burst: &Burst, delivery: Delivery) -> reqwest::RequestBuilder {
    let body = json!({
        "user": user(burst.talk),
        "text": burst.messages[delivery.message].text,
        "message_id": format!("{}-{}", burst.talk, delivery.message),
    });
    scene.api.request(Method::POST, "/api/v1/conversations/messages").json(&body)
}

fn by_slack(scene: &Scene, burst: &Burst, delivery: Delivery) -> Result<reqwest::RequestBuilder> {
    let message = delivery.message;
    let event = Event {
        id: format!("Ev{}M{message}", burst.talk),
        room: room(burst.talk),
        user: user(burst.talk),
        text: &burst.messages[message].text,
        // A second apart in the platform's clock: the order of writing.
        stamp: format!("{}.000100", WRITTEN_S + i64::try_from(message).unwrap_or(0)),
        again: delivery.again,
    };
    slack::delivery(&scene.api, &scene.tenant, &event)
}
