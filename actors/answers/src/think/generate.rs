//! An answer that a model writes, checked sentence by sentence.

use impresario_assistant::{Handling, ModelAnswer, Say};
use impresario_conversation::{
    AnswerPath, Entity, IntentFound, MemoryUpdate, ReplyPart, TurnAnswer, TurnWork,
};
use impresario_kernel::Personal;
use impresario_messages::Content;

use super::check::check;
use super::extract::suggest;
use super::read::Burst;
use super::write::{Written, write};
use crate::purse::{Purse, Unpaid};

/// Lets a model write the answer.
///
/// # Errors
/// If none could be asked, or none gave an answer that can be used.
pub(crate) async fn generate(
    purse: &mut Purse,
    work: &TurnWork,
    burst: &Burst,
) -> Result<TurnAnswer, Unpaid> {
    let written = write(purse, work, burst, "answer").await?;
    Ok(answer(purse, work, burst, &written))
}

/// What the model wrote, as far as it holds.
fn answer(purse: &Purse, work: &TurnWork, burst: &Burst, wrote: &Written) -> TurnAnswer {
    let config = &purse.desk.config;
    let (written, sources) = (&wrote.answer, wrote.sources());
    let (mut kept, mut cut) = (0_u32, 0_u32);
    let mut answer = TurnAnswer {
        path: AnswerPath::Generated,
        model: Some(wrote.model.clone()),
        language: written.language.clone(),
        wants_handoff: written.handoff_reason(),
        intents: found(written, burst),
        memory: memory(written),
        ..TurnAnswer::default()
    };
    for part in &written.parts {
        let is_handed = config
            .intents
            .iter()
            .any(|intent| intent.name == part.intent && intent.handling == Handling::Handoff);
        let checked = check(part, &sources);
        kept += checked.kept();
        cut += checked.cut;
        let text = checked.text();
        let mut reply = ReplyPart {
            intent: part.intent.clone(),
            request: Personal(part.request.clone()),
            citations: checked.citations(&sources),
            deferred: part.deferred.clone(),
            content: Vec::new(),
        };
        if text.is_empty() {
            let unknown = config.text(burst.language.as_deref(), Say::Unknown);
            reply.content.push(Content::text(unknown));
            reply.deferred.get_or_insert_with(|| "not_supported".to_owned());
        } else {
            reply.content.push(Content::text(text));
        }
        if is_handed {
            reply.deferred.get_or_insert_with(|| "handoff".to_owned());
        }
        answer.knowledge_hits += u32::try_from(reply.citations.len()).unwrap_or(u32::MAX);
        answer.parts.push(reply);
    }
    // What had to be cut says how much the rest can be trusted.
    let trusted = f64::from(kept) / f64::from((kept + cut).max(1));
    answer.confidence = written.confidence * if kept + cut == 0 { 1.0 } else { trusted };
    suggest(&mut answer, burst, &purse.desk, work);
    answer
}

fn found(written: &ModelAnswer, burst: &Burst) -> Vec<IntentFound> {
    let known = |name: &str| burst.asks.iter().find(|ask| ask.intent == name);
    let mut names: Vec<&str> = burst.asks.iter().map(|ask| ask.intent.as_str()).collect();
    names.extend(written.parts.iter().map(|part| part.intent.as_str()));
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| IntentFound {
            name: name.to_owned(),
            confidence: known(name).map_or(written.confidence, |ask| f64::from(ask.probability)),
        })
        .collect()
}

fn memory(written: &ModelAnswer) -> MemoryUpdate {
    let personal = |text: &Option<String>| text.clone().map(Personal);
    MemoryUpdate {
        summary: personal(&written.memory.summary),
        key_facts: written.memory.key_facts.iter().cloned().map(Personal).collect(),
        entities: written
            .memory
            .entities
            .iter()
            .map(|entity| Entity {
                kind: entity.kind.clone(),
                value: Personal(entity.value.clone()),
            })
            .collect(),
        topic: personal(&written.memory.topic),
        pending_action: personal(&written.memory.pending_action),
        last_product: written.memory.last_product.clone(),
        last_service: written.memory.last_service.clone(),
    }
}
