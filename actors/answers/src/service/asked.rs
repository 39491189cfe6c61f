//! What programs ask: a question to the library, or what they say as the work of a turn.

use std::sync::Arc;

use impresario_assistant::RolloutPath;
use impresario_conversation::{Author, Memory, Message, TurnWork, id_of};
use impresario_ids::{TenantId, TraceId};
use impresario_kernel::Timestamp;
use impresario_messages::{Address, Channel, Content, Person};
use impresario_retrieval::Answer;
use impresario_router::Failure;

use super::{Answered, Answers, Question, Said, Sentence, searched, wanted};
use crate::desk::Desk;
use crate::library::Found;
use crate::purse::{Cause, Purse, Unpaid};
use crate::think::{Stated, gives_orders, state};

/// For limits and totals of what is spent.
const CLASS: &str = "knowledge";

impl Answers {
    /// What is known about a question: written by a model, if there is one, money for it and nothing in
    /// the way, and held against what it cites; otherwise word for word.
    ///
    /// # Errors
    /// If the library cannot be read.
    pub async fn answer(
        &self,
        tenant: TenantId,
        question: Question,
        may_generate: bool,
        trace: TraceId,
    ) -> Result<Answered, Failure> {
        let desk = self.house.desk(tenant).await?;
        let asked = question.text.clone();
        let found = self.house.find(&desk, wanted(question)).await?;
        let mut purse = Purse::new(&self.house, &desk, Cause::Request(trace), CLASS, trace);
        let is_open = may_generate
            && desk.config.features.generation
            && !desk.providers.is_empty()
            && !found.retrieved.passages.is_empty()
            && !gives_orders(&asked);
        let stated =
            if is_open { self.stated(&mut purse, &desk, asked, &found).await } else { None };
        let mut answered = match stated {
            Some(Stated { sentences, confidence, model }) => Answered {
                sentences,
                confidence,
                abstained: false,
                model: Some(model),
                call: None,
                cost_micros: 0,
                searched: searched(&found),
            },
            None => extracted(&found, &self.house.best_sentences(&desk, &found).await?),
        };
        answered.call = purse.again.or(purse.calls.last().copied());
        answered.cost_micros = purse.micros;
        Ok(answered)
    }

    async fn stated(
        &self,
        purse: &mut Purse,
        desk: &Arc<Desk>,
        asked: String,
        found: &Found,
    ) -> Option<Stated> {
        let address = Address {
            channel: Channel::Api,
            connection: String::new(),
            user: String::new(),
            thread: String::new(),
        };
        let said = Said { text: asked, history: Vec::new(), user: String::new() };
        let work = work(desk.tenant, address, said, self.house.now());
        match state(purse, &work, found).await {
            Ok(stated) => stated,
            Err(unpaid) => {
                let code = Unpaid::word(&unpaid);
                tracing::info!(tenant.id = %desk.tenant, code, "answered without a model");
                metrics::counter!("impresario_answers_degraded_total", "code" => code).increment(1);
                None
            }
        }
    }
}

/// The sentences that answer best, word for word.
fn extracted(found: &Found, best: &Answer) -> Answered {
    let place =
        |chunk: u64| found.retrieved.passages.iter().position(|passage| passage.key == chunk);
    let sentences = best.sentences.iter().map(|one| Sentence {
        text: one.text.clone(),
        passages: one.citations.iter().filter_map(|cited| place(cited.chunk)).collect(),
        support: one.support.score,
    });
    Answered {
        sentences: sentences.collect(),
        confidence: best.confidence,
        abstained: best.abstained,
        model: None,
        call: None,
        cost_micros: 0,
        searched: searched(found),
    }
}

/// A turn that is no conversation's.
pub(super) fn work(tenant: TenantId, address: Address, said: Said, now: Timestamp) -> TurnWork {
    let message = |seq: u64, is_assistant: bool, text: String| Message {
        seq,
        id: seq.to_string(),
        from: if is_assistant { Author::Assistant } else { Author::Customer },
        by: None,
        at: now,
        received: now,
        content: vec![Content::text(text)],
        choice: None,
        turn: None,
        citations: Vec::new(),
        reply_to: None,
    };
    let history: Vec<Message> = (1..)
        .zip(said.history)
        .map(|(seq, (is_assistant, text))| message(seq, is_assistant, text))
        .collect();
    TurnWork {
        conversation: id_of(tenant, &address),
        turn: 1,
        attempt: 0,
        path: RolloutPath::New,
        address,
        person: Person::default(),
        profile: None,
        messages: vec![message(0, false, said.text)],
        history,
        memory: Memory::default(),
        language: None,
        forgotten: None,
        returning: false,
        collecting: None,
        summarise: false,
        uncertain_turns: 0,
        opted_out: false,
        begun: Vec::new(),
        since: now,
    }
}
