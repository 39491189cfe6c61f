//! An answer without a model: the best supported sentences, word for word.

use std::sync::Arc;

use impresario_assistant::Say;
use impresario_conversation::{
    AnswerPath, CORRECTION_NO, CORRECTION_YES, Citation, MemoryUpdate, ReplyPart, TurnAnswer,
    TurnWork,
};
use impresario_ids::DocumentId;
use impresario_kernel::Personal;
use impresario_messages::{Button, Buttons, Content};
use impresario_retrieval::Answer;

use super::catalogue;
use super::read::{Ask, Burst};
use crate::desk::Desk;
use crate::library::{Found, Names};

/// How sure one can be of what the catalogue says.
const CATALOGUE_CONFIDENCE: f64 = 0.9;

/// The answer to a burst out of library and catalogue.
pub(crate) fn extract(desk: &Arc<Desk>, work: &TurnWork, burst: &Burst) -> TurnAnswer {
    let mut answer = TurnAnswer { path: AnswerPath::Extractive, ..TurnAnswer::default() };
    let mut least = 1.0_f64;
    for ask in &burst.asks {
        let (part, confidence) = part(desk, burst, ask);
        least = least.min(confidence);
        answer.knowledge_hits += u32::try_from(part.citations.len()).unwrap_or(u32::MAX);
        answer.parts.push(part);
    }
    if burst.asks.is_empty() {
        least = 0.0;
        answer.parts.push(unreadable(desk, burst));
    }
    answer.confidence = least;
    if answer.parts.iter().all(|part| part.deferred.is_some()) {
        answer.path = AnswerPath::Fallback;
    }
    confirm(&mut answer, burst, desk);
    suggest(&mut answer, burst, desk, work);
    answer
}

fn part(desk: &Desk, burst: &Burst, ask: &Ask) -> (ReplyPart, f64) {
    let part = ReplyPart {
        intent: ask.intent.clone(),
        request: Personal(ask.asked.clone()),
        ..ReplyPart::default()
    };
    if ask.is_small_talk {
        let said = desk.config.text(burst.language.as_deref(), Say::Greeting);
        return (ReplyPart { content: vec![Content::text(said)], ..part }, 1.0);
    }
    if let Some(item) = ask.item.as_ref().filter(|_| catalogue::is_about_item(ask)) {
        let content = vec![catalogue::card(item, &desk.config)];
        let citations = vec![catalogue::citation(item)];
        return (ReplyPart { content, citations, ..part }, CATALOGUE_CONFIDENCE);
    }
    let answer = &ask.answer;
    if !answer.abstained && !answer.sentences.is_empty() {
        let (text, citations) = said(answer, &ask.found);
        let content = vec![Content::text(text)];
        return (ReplyPart { content, citations, ..part }, f64::from(answer.confidence));
    }
    if !ask.perhaps.is_empty() {
        let content = vec![catalogue::which(&ask.perhaps, &desk.config)];
        return (ReplyPart { content, ..part }, desk.config.thresholds.answer);
    }
    let unknown = desk.config.text(burst.language.as_deref(), Say::Unknown);
    let deferred = Some("not_in_knowledge".to_owned());
    let content = vec![Content::text(unknown)];
    (ReplyPart { content, deferred, ..part }, f64::from(answer.confidence))
}

/// The sentences as one text, and what they rest on.
pub(crate) fn said(answer: &Answer, found: &Found) -> (String, Vec<Citation>) {
    let sentences: Vec<&str> = answer.sentences.iter().map(|one| one.text.trim()).collect();
    let mut citations: Vec<Citation> = Vec::new();
    for sentence in &answer.sentences {
        for cited in &sentence.citations {
            let citation = cite(DocumentId::from_bytes(cited.document), cited.chunk, found);
            if !citations.contains(&citation) {
                citations.push(citation);
            }
        }
    }
    (sentences.join(" "), citations)
}

/// A citation as it is kept.
pub(crate) fn cite(document: DocumentId, chunk: u64, found: &Found) -> Citation {
    let known = found.books.get(&document);
    Citation {
        document: document.to_string(),
        chunk: format!("{chunk:016x}"),
        title: known.map(|known| known.title.clone()).unwrap_or_default(),
        url: known.and_then(|known| known.url.clone()),
    }
}

/// There is nothing to read: a picture, a sticker, a voice message.
fn unreadable(desk: &Desk, burst: &Burst) -> ReplyPart {
    let unknown = desk.config.text(burst.language.as_deref(), Say::Unknown);
    ReplyPart {
        content: vec![Content::text(unknown)],
        deferred: Some("not_readable".to_owned()),
        ..ReplyPart::default()
    }
}

/// Asks whether a doubtful correction was meant (CNV-22), where nothing was found without it.
fn confirm(answer: &mut TurnAnswer, burst: &Burst, desk: &Desk) {
    let Some(question) = &burst.to_confirm else { return };
    let is_lost = answer.parts.iter().all(|part| part.deferred.is_some());
    if !is_lost || !desk.config.features.rich {
        answer.corrections.retain(|correction| !correction.asked);
        return;
    }
    let button =
        |id: &str, title: &str| Button { id: id.to_owned(), title: title.to_owned(), url: None };
    answer.parts = vec![ReplyPart {
        request: Personal(burst.texts.join(" ")),
        content: vec![Content::Buttons(Buttons {
            body: format!("Did you mean \u{201c}{question}\u{201d}?"),
            buttons: vec![button(CORRECTION_YES, "Yes"), button(CORRECTION_NO, "No")],
            ..Buttons::default()
        })],
        ..ReplyPart::default()
    }];
    answer.confidence = desk.config.thresholds.answer;
    answer.path = AnswerPath::Extractive;
    answer.memory = MemoryUpdate {
        pending_action: Some(Personal(question.clone())),
        ..MemoryUpdate::default()
    };
}

pub(crate) fn suggest(answer: &mut TurnAnswer, burst: &Burst, desk: &Desk, work: &TurnWork) {
    let Some(names) = burst.names.as_deref().filter(|_| desk.config.features.suggestions) else {
        return;
    };
    if work.opted_out {
        return;
    }
    add(answer, burst, desk, names);
}

fn add(answer: &mut TurnAnswer, burst: &Burst, desk: &Desk, names: &Names) {
    let suggested = catalogue::suggestions(names, burst);
    let Some(offer) = catalogue::offer(&suggested, &desk.config) else { return };
    if let Some(part) = answer.parts.last_mut() {
        part.content.push(offer);
        answer.suggestions = suggested.into_iter().map(|(suggestion, _)| suggestion).collect();
    }
}
