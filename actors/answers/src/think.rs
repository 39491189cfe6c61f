//! Answering a turn: what is asked, what is known about it, what to say.
//!
//! 1. read: language, mood, spelling, the single askings and their intents;
//! 2. look up each asking in the tenant's library and catalogue;
//! 3. let a model write, if there is one, money for it and nothing in the way; otherwise
//! 4. take the best supported sentences word for word, or say that it is not known.
//!
//! What a model wrote is checked sentence by sentence against what it cites, and what does not hold is
//! not said.

mod account;
mod catalogue;
mod check;
mod draft;
mod extract;
mod generate;
mod question;
mod read;
mod write;

use std::sync::Arc;
use std::time::Instant;

use impresario_assistant::{Otherwise, RolloutPath};
use impresario_conversation::{IntentFound, MemoryUpdate, TurnAnswer, TurnWork};
use impresario_ids::TraceId;
use impresario_kernel::Personal;
use impresario_router::Failure;

use crate::desk::Desk;
use crate::house::House;
use crate::purse::{Cause, Purse, Unpaid};

pub(crate) use draft::{Aloud, Draft};
pub(crate) use question::{Stated, state};
pub(crate) use read::{Ask, Burst, gives_orders, language_of};
pub(crate) use write::pay;

/// What a turn came to.
pub(crate) enum Thought {
    /// This is the answer.
    Answer(Box<TurnAnswer>),
    /// Nobody wants it any more.
    Unwanted,
}

/// Answers a turn.
pub(crate) async fn think(
    house: &Arc<House>,
    desk: &Arc<Desk>,
    work: &TurnWork,
    cause: Cause,
    trace: TraceId,
) -> Result<Thought, Failure> {
    think_aloud(house, desk, work, cause, trace, None).await
}

/// Answers a turn, and says sentences of a model's answer as soon as they are sure.
pub(crate) async fn think_aloud(
    house: &Arc<House>,
    desk: &Arc<Desk>,
    work: &TurnWork,
    cause: Cause,
    trace: TraceId,
    aloud: Option<Aloud>,
) -> Result<Thought, Failure> {
    let began = Instant::now();
    let mut burst = read::read(house, desk, work).await?;
    let mut purse = Purse::new(house, desk, cause, work.address.channel.as_str(), trace);
    purse.aloud = aloud;
    let written = if may_generate(desk, work, &burst) {
        match generate::generate(&mut purse, work, &burst).await {
            Ok(answer) => Some(answer),
            Err(Unpaid::Stale) => return Ok(Thought::Unwanted),
            Err(unpaid) => {
                tracing::info!(tenant.id = %desk.tenant, code = unpaid.word(), "answered without a model");
                metrics::counter!("impresario_answers_degraded_total", "code" => unpaid.word())
                    .increment(1);
                None
            }
        }
    } else {
        None
    };
    let mut answer = match written {
        Some(answer) => answer,
        None => {
            read::choose_sentences(house, desk, &mut burst).await?;
            extract::extract(desk, work, &burst)
        }
    };
    account::complete(&mut answer, &burst, &desk.config);
    finish(&mut answer, &purse, &burst, work);
    answer.trace = Some(trace);
    answer.latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Thought::Answer(Box::new(answer)))
}

fn may_generate(desk: &Desk, work: &TurnWork, burst: &Burst) -> bool {
    let is_outside =
        work.path == RolloutPath::Old && desk.config.rollout.otherwise == Otherwise::Extractive;
    // Whatever tries to give a model orders is answered without one.
    desk.config.features.generation
        && !desk.providers.is_empty()
        && !is_outside
        && !burst.is_attack
        && !burst.asks.iter().all(|ask| ask.is_small_talk)
}

/// What is true of every answer.
fn finish(answer: &mut TurnAnswer, purse: &Purse, burst: &Burst, work: &TurnWork) {
    answer.calls.clone_from(&purse.calls);
    answer.cost_micros = purse.micros;
    answer.tokens_in = purse.usage.total_input();
    answer.tokens_out = purse.usage.total_output();
    answer.sentiment = burst.sentiment;
    answer.corrections.clone_from(&burst.corrections);
    answer.language = answer.language.take().or_else(|| burst.language.clone());
    answer.retrieved = burst.asks.iter().map(Ask::passages).sum();
    if answer.intents.is_empty() {
        let named = burst.asks.iter().filter(|ask| !ask.intent.is_empty());
        answer.intents = named
            .map(|ask| IntentFound {
                name: ask.intent.clone(),
                confidence: f64::from(ask.probability),
            })
            .collect();
    }
    if answer.memory.topic.is_none()
        && let Some(ask) = burst.asks.iter().find(|ask| !ask.is_small_talk)
    {
        answer.memory.topic = Some(Personal(ask.topic()));
    }
    remember(&mut answer.memory, burst);
    answer.collected.extend(read::collected(&purse.desk.config, work, burst));
}

fn remember(memory: &mut MemoryUpdate, burst: &Burst) {
    for ask in &burst.asks {
        let Some(item) = &ask.item else { continue };
        let name = if item.sku.is_empty() { item.title.clone() } else { item.sku.clone() };
        if item.is_service {
            memory.last_service.get_or_insert(name);
        } else {
            memory.last_product.get_or_insert(name);
        }
    }
    memory.entities.extend(burst.entities.iter().cloned());
}
