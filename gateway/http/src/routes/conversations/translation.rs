//! What was said in a conversation, for somebody who does not speak the language.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Translate, TranslatedMessage, Translation};
use impresario_ids::ConversationId;

use super::{MESSAGES_MAX, TAG, TEXT_CHARS_MAX, WRITE, invalid};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;
use crate::talk::transcript;

/// Messages that are translated if it is not said how many.
const MESSAGES: u32 = 20;

pub(crate) const ROUTE: Route =
    Route::post("/api/v1/conversations/{id}/translate", WRITE, |call| Box::pin(translate(call)))
        .doc(
            TAG,
            "Translate a conversation, or what you are about to write",
            "By a connected model, within the budget. Without `text` the newest messages (or those \
             before a number) in `language`; with `text` that text, in `language` or, if that is \
             not given, in the customer's. Nothing is sent or kept. What is `doubtful` has other \
             numbers, links or addresses than the original.",
        )
        .takes::<Translate>()
        .gives::<Translation>()
        .codes(&[
            &codes::CONVERSATION_NOT_FOUND,
            &codes::TRANSLATION_UNAVAILABLE,
            &codes::ID_INVALID,
        ]);

async fn translate(call: &mut Call) -> Result<Response, Fault> {
    let Translate { language, text, before, limit } = call.json()?;
    let is_code = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase());
    if language.as_ref().is_some_and(|code| !is_code(code)) {
        return Err(invalid("/language", "a language is an ISO 639-1 code: en, de, fr, …"));
    }
    let limit = limit.unwrap_or(MESSAGES);
    if !(1..=MESSAGES_MAX).contains(&limit) {
        return Err(invalid("/limit", format!("1 to {MESSAGES_MAX}")));
    }
    let id: ConversationId = call.path_id("id").await?;
    let tenant = call.tenant()?;
    let view = transcript::page(&call.edge, (tenant, id), before, limit, call.trace).await?;
    let view = view.ok_or_else(|| Fault::new(&codes::CONVERSATION_NOT_FOUND))?;
    let (language, seqs, texts) = match text {
        Some(text) => {
            if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
                let detail = format!("1 to {TEXT_CHARS_MAX} characters");
                return Err(invalid("/text", detail));
            }
            let language = language.or_else(|| view.language.clone());
            (language, Vec::new(), vec![text])
        }
        None => {
            let said = view.messages.iter().map(|message| (message.seq, message.words()));
            let said = said.filter(|(_, words)| !words.trim().is_empty());
            let (seqs, texts): (Vec<u64>, Vec<String>) = said.unzip();
            (language, seqs, texts)
        }
    };
    let language = language.ok_or_else(|| invalid("/language", "into which language?"))?;
    let done = call.edge.talk.translate(tenant, texts, language.clone(), call.trace).await?;
    let mut words = done.texts.into_iter();
    let text = if seqs.is_empty() { words.next() } else { None };
    let messages = seqs.into_iter().zip(words);
    let messages = messages.map(|(seq, translated)| TranslatedMessage { seq, translated });
    call::ok(&Translation {
        language,
        messages: messages.collect(),
        text,
        model: done.model,
        call: done.call.map(|call| call.to_string()),
        cost_micros: done.cost_micros,
    })
}
