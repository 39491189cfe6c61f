//! Paying for calls to models: reserved before, granted once, settled after (LLM-13).
//!
//! The order is what makes a crash harmless. First the budget holds the money (again, if the process
//! died and asks once more: same call, same reservation). Then the conversation grants the call, once,
//! ever. Only then is it made. Whoever takes the turn up after a crash is refused the grant and
//! answers without the model; what the lost call cost is counted as it was reserved.

use std::sync::Arc;

use impresario_budget::{self as budget, Budget, Path, Spend, Tokens};
use impresario_conversation::{self as conversation, Conversation, Outcome, call_id};
use impresario_ids::{CallId, ConversationId, TraceId};
use impresario_kernel::EntityKey;
use impresario_llm::{Answer, Client, Delta, Request};
use impresario_router::{AskError, Failure, IdempotencyKey};
use impresario_routing::{Choice, Class, Usage};
use impresario_text::tokens::{Family, count};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::house::House;
use crate::recall::Recall;
use crate::think::{Aloud, Draft};
use crate::traces::{CallRow, CallTrace};

/// For whom calls are made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause {
    /// A turn of a conversation, which grants each call once.
    Turn {
        /// Which conversation.
        conversation: ConversationId,
        /// Its turn.
        turn: u32,
        /// The attempt at it.
        attempt: u8,
    },
    /// A request that somebody waits for: if the process dies, so does the request.
    Request(TraceId),
}

/// Why a call was not made, or came to nothing.
#[derive(Debug)]
pub(crate) enum Unpaid {
    /// It is too expensive now.
    Budget,
    /// It was begun before, and nobody knows what became of it.
    Again,
    /// Nobody wants the turn any more.
    Stale,
    /// We failed.
    System(Failure),
    /// The provider failed.
    Provider(Class),
}

impl Unpaid {
    /// For traces and metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Again => "begun_before",
            Self::Stale => "stale",
            Self::System(failure) => failure.code(),
            Self::Provider(class) => class.as_str(),
        }
    }
}

/// Pays for the calls of one turn.
pub(crate) struct Purse {
    pub(crate) house: Arc<House>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) cause: Cause,
    /// A word for the kind of conversation, for limits and totals.
    pub(crate) class: String,
    pub(crate) trace: TraceId,
    /// Calls that were tried.
    pub(crate) calls: Vec<CallId>,
    /// The answer that was given before, if one was given again.
    pub(crate) again: Option<CallId>,
    /// What those that were made cost, in millionths.
    pub(crate) micros: i64,
    /// What they used.
    pub(crate) usage: Usage,
    /// Who wants to hear sentences before the answer is whole.
    pub(crate) aloud: Option<Aloud>,
    /// What they have heard.
    pub(crate) draft: Option<Draft>,
}

/// What goes into the trace beside the request and the answer.
pub(crate) struct About {
    pub(crate) purpose: &'static str,
    pub(crate) context: Value,
    pub(crate) route: Value,
}

impl Purse {
    pub(crate) fn new(
        house: &Arc<House>,
        desk: &Arc<Desk>,
        cause: Cause,
        class: &str,
        trace: TraceId,
    ) -> Self {
        Self {
            house: Arc::clone(house),
            desk: Arc::clone(desk),
            cause,
            class: class.to_owned(),
            trace,
            calls: Vec::new(),
            again: None,
            micros: 0,
            usage: Usage::default(),
            aloud: None,
            draft: None,
        }
    }

    /// What the model said to the same request before, if it is known. Costs nothing, and the trace
    /// says so.
    pub(crate) async fn recall(
        &mut self,
        choice: &Choice,
        request: &Request,
        about: &About,
    ) -> Option<String> {
        let (recall, tenant) = (self.house.recall.clone(), self.desk.tenant);
        let began_ms = self.house.now().as_ms();
        let key = Recall::key(choice, request);
        let found = tokio::task::spawn_blocking(move || recall.get(tenant, &key, began_ms));
        let text = found.await.ok().flatten()?;
        let call = CallId::derived(&[b"again/", self.next_call().as_bytes()]);
        self.again = Some(call);
        metrics::counter!("impresario_answers_recalled_total").increment(1);
        let row =
            CallRow { outcome: "cached".to_owned(), ..self.row(call, choice, about, began_ms) };
        self.trace(row, request, about, json!({ "text": text }));
        Some(text)
    }

    /// Keeps what the model said to a request, to be said again.
    pub(crate) async fn keep(&self, choice: &Choice, request: &Request, text: &str) {
        let (recall, tenant) = (self.house.recall.clone(), self.desk.tenant);
        let (key, text) = (Recall::key(choice, request), text.to_owned());
        let now_ms = self.house.now().as_ms();
        let kept = tokio::task::spawn_blocking(move || recall.keep(tenant, &key, &text, now_ms));
        // It is only a cache: what is not kept is asked for again.
        let _ = kept.await;
    }

    /// Makes a call, if it may be made.
    pub(crate) async fn pay(
        &mut self,
        choice: &Choice,
        mut request: Request,
        about: &About,
    ) -> Result<Answer, Unpaid> {
        let call = self.next_call();
        request.call = call;
        self.reserve(call, choice).await?;
        if let Err(unpaid) = self.grant(call, choice).await {
            if !matches!(unpaid, Unpaid::Again) {
                self.release(call).await;
            }
            return Err(unpaid);
        }
        self.calls.push(call);
        let Some(client) = self.desk.providers.get(&choice.provider).cloned() else {
            self.release(call).await;
            return Err(Unpaid::Provider(Class::Invalid));
        };
        let began_ms = self.house.now().as_ms();
        let mut outcome = self.make(&client, &request).await;
        if let Ok(answer) = &mut outcome
            && !answer.usage_known
        {
            answer.usage = counted(&request, answer);
        }
        self.house.breakers.record(self.desk.tenant, &choice.provider, began_ms, &outcome);
        self.settle(call, choice, &outcome).await;
        self.remember(call, choice, &request, &outcome, about, began_ms);
        outcome.map_err(|error| Unpaid::Provider(error.class))
    }

    /// Makes a call; piece by piece, if somebody wants to hear sentences.
    async fn make(
        &mut self,
        client: &Client,
        request: &Request,
    ) -> Result<Answer, impresario_llm::Error> {
        let Some(draft) = &mut self.draft else { return client.generate(request).await };
        let mut streaming = client.stream(request).await?;
        let mut written = String::new();
        while let Some(Ok(delta)) = streaming.next().await {
            if let Delta::Text(more) = delta {
                written.push_str(&more);
                draft.hear(&written);
            }
        }
        streaming.finish().await
    }

    fn next_call(&self) -> CallId {
        let number = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        match self.cause {
            Cause::Turn { conversation, turn, attempt } => {
                call_id(conversation, turn, attempt, number)
            }
            Cause::Request(trace) => CallId::derived(&[trace.as_bytes(), &number.to_be_bytes()]),
        }
    }

    fn path(&self, choice: &Choice) -> Path {
        let conversation = match self.cause {
            Cause::Turn { conversation, .. } => {
                Some(Spend { id: conversation.to_string(), spent_micros: self.micros })
            }
            Cause::Request(_) => None,
        };
        Path {
            class: Some(self.class.clone()),
            conversation,
            agent: "assistant".to_owned(),
            model: choice.model.clone(),
            ..Path::default()
        }
    }

    async fn reserve(&self, call: CallId, choice: &Choice) -> Result<(), Unpaid> {
        let micros = choice.reserve_micros;
        let command = budget::Command::Reserve { call, path: self.path(choice), micros };
        match self.ask_budget(command, b"reserve/", call).await {
            Ok(budget::Reply::Granted { .. }) => Ok(()),
            Ok(budget::Reply::Closed) => Err(Unpaid::Again),
            Ok(_) | Err(AskError::Rejected(_)) => Err(Unpaid::Budget),
            Err(AskError::Failed(failure)) => Err(Unpaid::System(failure)),
        }
    }

    async fn ask_budget(
        &self,
        command: budget::Command,
        word: &[u8],
        call: CallId,
    ) -> Result<budget::Reply, AskError<budget::Rejection>> {
        let to = budget::key(self.desk.tenant);
        let key = IdempotencyKey::of(&[word, call.as_bytes()].concat());
        self.house.ask::<Budget>(to, command, Some(key), self.trace).await
    }

    async fn grant(&self, call: CallId, choice: &Choice) -> Result<(), Unpaid> {
        let Cause::Turn { conversation, turn, .. } = self.cause else { return Ok(()) };
        let to = EntityKey::new(self.desk.tenant, conversation::KIND, conversation);
        let (model, micros) = (choice.model.clone(), choice.reserve_micros);
        let command = conversation::Command::BeginCall { turn, call, model, micros };
        // Without a key: a remembered answer would grant the call again.
        match self.house.ask::<Conversation>(to, command, None, self.trace).await {
            Ok(reply) => match reply.outcome {
                Outcome::Granted => Ok(()),
                Outcome::AlreadyBegun | Outcome::TooManyCalls => Err(Unpaid::Again),
                Outcome::Done
                | Outcome::Unchanged
                | Outcome::Duplicate
                | Outcome::Held
                | Outcome::Stale
                | Outcome::HandedOff
                | Outcome::GrantedAgain => Err(Unpaid::Stale),
            },
            Err(AskError::Rejected(_)) => Err(Unpaid::Stale),
            // It may have been granted.
            Err(AskError::Failed(failure)) => Err(Unpaid::System(failure)),
        }
    }

    async fn release(&self, call: CallId) {
        self.end(call, budget::Command::Release { call }, b"release/").await;
    }

    async fn settle(
        &mut self,
        call: CallId,
        choice: &Choice,
        outcome: &Result<Answer, impresario_llm::Error>,
    ) {
        let usage = match outcome {
            Ok(answer) => Some(answer.usage),
            Err(error) if error.may_be_charged() => error.usage,
            Err(_) => {
                self.release(call).await;
                return;
            }
        };
        // Not known what was used: the reservation stays, and counts when it is given up.
        let Some(usage) = usage else {
            self.micros = self.micros.saturating_add(choice.reserve_micros);
            return;
        };
        let price = self.desk.registry.model(&choice.model).and_then(|model| {
            model.price_at(self.house.now().as_ms()).map(|price| price.cost(&usage))
        });
        let micros = price.unwrap_or(choice.reserve_micros);
        self.micros = self.micros.saturating_add(micros);
        self.usage = sum(&self.usage, &usage);
        let tokens = Tokens {
            input: usage.input,
            cached_input: usage.cached_input,
            cache_write: usage.cache_write,
            output: usage.output,
            reasoning: usage.reasoning,
        };
        self.end(call, budget::Command::Settle { call, micros, tokens }, b"settle/").await;
    }

    async fn end(&self, call: CallId, command: budget::Command, word: &[u8]) {
        if let Err(error) = self.ask_budget(command, word, call).await {
            // The reservation is given up in time, and counts as spent then.
            tracing::warn!(tenant.id = %self.desk.tenant, error = %error, "a call's cost is not settled");
        }
    }

    fn remember(
        &self,
        call: CallId,
        choice: &Choice,
        request: &Request,
        outcome: &Result<Answer, impresario_llm::Error>,
        about: &About,
        began_ms: i64,
    ) {
        let usage = match outcome {
            Ok(answer) => answer.usage,
            Err(error) => error.usage.unwrap_or_default(),
        };
        let cost =
            self.desk.registry.model(&choice.model).and_then(|model| model.price_at(began_ms));
        let word = outcome.as_ref().map_or_else(|error| error.class.as_str(), |_| "ok");
        let row = CallRow {
            outcome: word.to_owned(),
            input_tokens: usage.total_input(),
            cached_tokens: usage.cached_input,
            output_tokens: usage.total_output(),
            reasoning_tokens: usage.reasoning,
            cost_micros: cost.map_or(0, |price| price.cost(&usage)),
            ..self.row(call, choice, about, began_ms)
        };
        let answer = match outcome {
            Ok(answer) => json!({ "text": answer.text, "finish": answer.finish.as_str() }),
            Err(error) => json!({ "error": error.class.as_str(), "code": error.code }),
        };
        self.trace(row, request, about, answer);
    }

    /// A call as it is listed, without what it used.
    fn row(&self, call: CallId, choice: &Choice, about: &About, began_ms: i64) -> CallRow {
        let (conversation, turn) = match self.cause {
            Cause::Turn { conversation, turn, .. } => (Some(conversation.to_string()), Some(turn)),
            Cause::Request(_) => (None, None),
        };
        let took_ms = self.house.now().as_ms().saturating_sub(began_ms);
        CallRow {
            id: call.to_string(),
            at_ms: began_ms,
            conversation,
            turn,
            purpose: about.purpose.to_owned(),
            provider: choice.provider.clone(),
            model: choice.model.clone(),
            latency_ms: u64::try_from(took_ms).unwrap_or(0),
            ..CallRow::default()
        }
    }

    /// Keeps a call for people who look into it.
    fn trace(&self, row: CallRow, request: &Request, about: &About, answer: Value) {
        let trace = CallTrace {
            row,
            prompt: json!({ "system": request.system, "messages": words(request) }),
            context: about.context.clone(),
            answer,
            route: about.route.clone(),
            redacted: 0,
        };
        let (house, tenant) = (Arc::clone(&self.house), self.desk.tenant);
        let now_ms = self.house.now().as_ms();
        let ttl_ms = i64::from(self.desk.config.retention.trace_days) * 86_400_000;
        drop(tokio::task::spawn_blocking(move || house.traces.keep(tenant, trace, now_ms, ttl_ms)));
    }
}

/// What a call used, where the provider does not say.
fn counted(request: &Request, answer: &Answer) -> Usage {
    let tokens = |text: &str| count(text, Family::O200k) as u64;
    let asked = words(request).to_string();
    Usage {
        input: tokens(&request.system).saturating_add(tokens(&asked)),
        output: tokens(&answer.text),
        ..Usage::default()
    }
}

/// What a request says, message by message.
pub(crate) fn words(request: &Request) -> Value {
    let messages = request.messages.iter().map(|message| {
        let texts: Vec<&str> = message
            .parts
            .iter()
            .filter_map(|part| match part {
                impresario_llm::Part::Text(text) => Some(text.as_str()),
                impresario_llm::Part::Image(_)
                | impresario_llm::Part::ToolCall { .. }
                | impresario_llm::Part::ToolResult { .. } => None,
            })
            .collect();
        Value::String(texts.join("\n"))
    });
    Value::Array(messages.collect())
}

fn sum(a: &Usage, b: &Usage) -> Usage {
    Usage {
        input: a.input.saturating_add(b.input),
        cached_input: a.cached_input.saturating_add(b.cached_input),
        cache_write: a.cache_write.saturating_add(b.cache_write),
        output: a.output.saturating_add(b.output),
        reasoning: a.reasoning.saturating_add(b.reasoning),
    }
}
