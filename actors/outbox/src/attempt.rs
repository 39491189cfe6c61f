//! One attempt to deliver one webhook message.

use std::sync::Arc;

use impresario_ids::{TenantId, TraceId};
use impresario_journal::{Table, Write};
use impresario_kernel::{Personal, Timestamp, encode};
use impresario_router::{AskError, Failure, IdempotencyKey};
use impresario_tenant::{Command, Tenant};
use impresario_webhooks::{Answer, Outcome, Reason, Secret, body, next_attempt};
use ractor::ActorRef;

use crate::backoff::seed_of;
use crate::book::RowKey;
use crate::delivery::{DeliveryKey, DeliveryRow, DeliveryStatus, Sent, seal_delivery};
use crate::errand::waiting_row;
use crate::parts::Common;
use crate::pump::PumpMessage;
use crate::reign::Reign;
use crate::work::{Content, Delivery};

/// A delivery that is due.
#[derive(Debug)]
pub(crate) struct Job {
    /// Who is told what became of it.
    pub(crate) pump: ActorRef<PumpMessage>,
    /// Within which it is attempted.
    pub(crate) reign: Arc<Reign>,
    pub(crate) key: RowKey,
    pub(crate) tenant: TenantId,
    pub(crate) at: Timestamp,
    pub(crate) trace: TraceId,
    pub(crate) attempts: u32,
    /// Not to wait for its turn, nor for the endpoint's breaker: an operator wants to see it tried.
    pub(crate) is_urgent: bool,
    pub(crate) delivery: Delivery,
}

/// What the attempt says of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nothing was sent.
    Unknown,
    Well,
    Ill,
    /// It asked to be left alone until then.
    Throttled {
        until_ms: i64,
    },
}

/// What becomes of the row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// These writes end it.
    Done(Vec<Write>),
    /// After these writes it waits until then.
    Again(Vec<Write>, i64),
    /// Nothing was tried; it waits until then.
    Deferred(i64),
}

/// What an attempt came to, before it is written down.
struct Tried {
    status: DeliveryStatus,
    /// If it is tried again.
    next_at: Option<i64>,
    /// If an attempt was made.
    http_status: Option<u16>,
    error: Option<&'static str>,
    detail: String,
    attempts: u32,
}

impl Tried {
    fn ended(status: DeliveryStatus, error: &'static str, attempts: u32) -> Self {
        Self {
            status,
            next_at: None,
            http_status: None,
            error: Some(error),
            detail: String::new(),
            attempts,
        }
    }
}

/// Makes one attempt. `last_success` is when the endpoint last took a message, as far as known.
pub(crate) async fn attempt(
    common: &Common,
    job: &Job,
    last_success: Option<Timestamp>,
) -> (Then, Health) {
    let now = common.now();
    let composed = match &job.delivery.content {
        Content::Data { at, data } => body(&job.delivery.kind, at.as_ms(), &data.0),
        Content::Body(body) => Ok(body.0.clone()),
    };
    let Ok(body) = composed else {
        tracing::warn!(tenant.id = %job.tenant, kind = job.delivery.kind, "webhook message cannot be composed");
        let tried = Tried::ended(DeliveryStatus::Failed, "message_invalid", job.attempts);
        return (written(common, job, String::new(), tried, now), Health::Unknown);
    };
    let answer = match send(common, job, &body, now).await {
        Ok(answer) => answer,
        Err(Unsent::Dropped(error)) => {
            let tried = Tried::ended(DeliveryStatus::Dropped, error, job.attempts);
            return (written(common, job, body, tried, now), Health::Unknown);
        }
        Err(Unsent::Failed(failure)) => {
            return (failed(common, job, &failure, now), Health::Unknown);
        }
    };
    let health = health(&answer, now);
    let tried = match judge(common, job, answer, now, last_success).await {
        Ok(tried) => tried,
        Err(failure) => return (failed(common, job, &failure, now), health),
    };
    metrics::counter!("impresario_outbox_deliveries_total", "outcome" => tried.error.unwrap_or("delivered"))
        .increment(1);
    (written(common, job, body, tried, now), health)
}

enum Unsent {
    Dropped(&'static str),
    Failed(Failure),
}

async fn send(common: &Common, job: &Job, body: &str, now: Timestamp) -> Result<Answer, Unsent> {
    let state = common.parts.tenants.state(job.tenant).await.map_err(Unsent::Failed)?;
    let endpoint =
        state.endpoint(job.delivery.endpoint).ok_or(Unsent::Dropped("endpoint_removed"))?;
    if !endpoint.enabled {
        return Err(Unsent::Dropped("endpoint_disabled"));
    }
    let secrets: Vec<Secret> =
        endpoint.secrets(now).filter_map(|text| Secret::parse(text).ok()).collect();
    let id = job.delivery.message.to_string();
    let delivery = impresario_webhooks::Delivery {
        url: &endpoint.url,
        secrets: &secrets,
        id: &id,
        at_ms: now.as_ms(),
        body,
    };
    Ok(common.parts.sender.send(&delivery).await)
}

fn health(answer: &Answer, now: Timestamp) -> Health {
    match &answer.outcome {
        Outcome::Delivered | Outcome::Gone => Health::Well,
        Outcome::Retry { after_ms: Some(after_ms), reason: Reason::Throttled } => {
            Health::Throttled { until_ms: now.as_ms().saturating_add(*after_ms) }
        }
        Outcome::Retry { .. } => Health::Ill,
        Outcome::Refused(_) => Health::Unknown,
    }
}

/// Decides what the answer means for the message, and disables the endpoint if that is due.
async fn judge(
    common: &Common,
    job: &Job,
    answer: Answer,
    now: Timestamp,
    last_success: Option<Timestamp>,
) -> Result<Tried, Failure> {
    let attempts = job.attempts.saturating_add(1);
    let mut tried = Tried {
        status: DeliveryStatus::Delivered,
        next_at: None,
        http_status: answer.status,
        error: None,
        detail: answer.detail,
        attempts,
    };
    match answer.outcome {
        Outcome::Delivered => {}
        Outcome::Refused(refusal) => {
            tried.status = DeliveryStatus::Failed;
            tried.error = Some(refusal.code());
        }
        Outcome::Gone => {
            disable(common, job, "gone_410").await?;
            tried.status = DeliveryStatus::Gone;
            tried.error = Some("gone");
        }
        Outcome::Retry { after_ms, reason } => {
            tried.error = Some(reason.code());
            tried.next_at =
                next_attempt(attempts, now.as_ms(), seed_of(&job.key, attempts), after_ms);
            tried.status = DeliveryStatus::Pending;
            if tried.next_at.is_none() {
                // One message that an endpoint never takes is no reason to disable it.
                if last_success.is_none_or(|success| success < job.at) {
                    disable(common, job, "failing").await?;
                }
                tried.status = DeliveryStatus::Failed;
            }
        }
    }
    Ok(tried)
}

async fn disable(common: &Common, job: &Job, reason: &'static str) -> Result<(), Failure> {
    let command = Command::DisableEndpoint { id: job.delivery.endpoint, reason: reason.to_owned() };
    let key = IdempotencyKey::of(&[b"disable/", &*job.key].concat());
    tracing::warn!(tenant.id = %job.tenant, endpoint = %job.delivery.endpoint, reason, "webhook endpoint disabled");
    match common.ask::<Tenant>(impresario_tenant::key(job.tenant), command, key, job.trace).await {
        Err(AskError::Failed(failure)) if !common.is_final(&failure, &job.key) => Err(failure),
        // Refused: it was removed meanwhile.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The system failed, not the endpoint: not counted as an attempt.
fn failed(common: &Common, job: &Job, failure: &Failure, now: Timestamp) -> Then {
    if common.is_final(failure, &job.key) {
        return Then::Done(vec![delete(job)]);
    }
    let wait_ms = failure.retry_after_ms().and_then(|ms| i64::try_from(ms).ok());
    let wait_ms = wait_ms.unwrap_or(common.options().backoff_max_ms);
    let is_soon = matches!(failure, Failure::NotLeader { .. });
    Then::Deferred(now.plus_ms(if is_soon { wait_ms } else { wait_ms.max(1_000) }).as_ms())
}

fn delete(job: &Job) -> Write {
    Write::Delete { table: Table::Outbox, key: job.key.to_vec() }
}

/// The rows that say what became of the attempt: the outbox's own, and the one that is listed.
fn written(common: &Common, job: &Job, body: String, tried: Tried, now: Timestamp) -> Then {
    match rows(common, job, body, &tried, now) {
        Ok(writes) => match tried.next_at {
            Some(at) => Then::Again(writes, at),
            None => Then::Done(writes),
        },
        Err(failure) => failed(common, job, &failure, now),
    }
}

fn rows(
    common: &Common,
    job: &Job,
    body: String,
    tried: &Tried,
    now: Timestamp,
) -> Result<Vec<Write>, Failure> {
    let host = &common.parts.host;
    let key = DeliveryKey {
        tenant: job.tenant,
        endpoint: job.delivery.endpoint,
        at: job.at,
        message: job.delivery.message,
    };
    let sent = Sent { body: Personal(body), detail: Personal(tried.detail.clone()) };
    let row = DeliveryRow {
        status: tried.status,
        kind: job.delivery.kind.clone(),
        attempts: tried.attempts,
        last_at: now,
        next_at: tried.next_at.map(Timestamp::from_ms),
        http_status: tried.http_status,
        error: tried.error.map(str::to_owned),
        trace: job.trace,
        body: seal_delivery(host.vault(), &key, &sent)?,
    };
    let listed = Write::Put { table: Table::Deliveries, key: key.to_bytes(), value: encode(&row) };
    let Some(next_at) = tried.next_at else { return Ok(vec![delete(job), listed]) };
    let next_at = Timestamp::from_ms(next_at);
    let error = tried.error.unwrap_or_default();
    let Some(again) = waiting_row(common, &job.key, tried.attempts, next_at, error)? else {
        // Erased with its tenant meanwhile.
        return Err(Failure::UnknownTenant);
    };
    Ok(vec![again, listed])
}
