//! The tenant's assistant for whatever speaks the OpenAI API. Errors have OpenAI's shape, their
//! `code` is one of ours.

mod answer;
mod embeddings;
mod request;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::{self, Either};
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderName, HeaderValue, StatusCode, header};
use impresario_api::codes;
use impresario_conversation::TurnAnswer;
use impresario_ids::TraceId;
use impresario_tenant::Scope;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::answer::Completion;
#[cfg(test)]
pub(in crate::talk) use self::answer::pieces;
use crate::auth::Access;
use crate::call::{self, Call};
use crate::edge::Shared;
use crate::fault::Fault;
use crate::port::Said;
use crate::route::{BodyRule, Route};

const TALK: Access = Access::Scope(Scope::ConversationsWrite);
const TAG: &str = "OpenAI";
/// What the assistant is called. Any other name means it too, so that clients need no change.
const MODEL: &str = "assistant";
/// While a model thinks, proxies see that the connection lives.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Sentences that wait for a slow listener; more of them go together.
const SENTENCES_MAX: usize = 16;

pub(crate) const ROUTES: &[Route] = &[
    long("/openai/v1/chat/completions", |call| Box::pin(complete(call))).doc(
        TAG,
        "Ask the assistant",
        "As OpenAI's chat completions, with `stream` and `stream_options.include_usage`. It answers \
         out of what the tenant knows, as it is configured: system messages, tools and sampling \
         parameters are read over. What it rests on is in `message.annotations`, and by number in \
         the text.",
    ),
    long("/openai/v1/embeddings", |call| Box::pin(embeddings::embed(call))).doc(
        TAG,
        "Texts as vectors",
        "By the model that the tenant's knowledge is searched with; `encoding_format` is `float` \
         or `base64`.",
    ),
    Route {
        refuse,
        foreign: true,
        ..Route::get("/openai/v1/models", TALK, |call| Box::pin(models(call))).doc(
            TAG,
            "The models: the assistant",
            "",
        )
    },
    Route {
        refuse,
        foreign: true,
        ..Route::get("/openai/v1/models/{name}", TALK, |call| Box::pin(model(call))).doc(
            TAG,
            "One model",
            "",
        )
    },
];

/// A `POST` as OpenAI's clients make it.
const fn long(path: &'static str, run: crate::route::Handler) -> Route {
    let post = Route::post(path, TALK, run);
    Route { body: BodyRule::Long, idempotent: false, refuse, foreign: true, ..post }
}

/// An error in OpenAI's shape.
fn error(fault: &Fault) -> Value {
    let problem = fault.problem();
    let kind = match problem.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        status if status >= 500 => "server_error",
        _ => "invalid_request_error",
    };
    let message = problem.detail.as_ref().unwrap_or(&problem.title);
    let param = problem.pointer.as_deref().map(|pointer| pointer.trim_start_matches('/'));
    json!({ "error": {
        "message": message,
        "type": kind,
        "param": param.map(|param| param.replace('/', ".")),
        "code": problem.code,
    }})
}

fn refuse(fault: Fault, trace: TraceId) -> Response {
    let status = StatusCode::from_u16(fault.http_status());
    let mut response = call::raw(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        "application/json",
        error(&fault).to_string(),
    );
    if let Some(ms) = fault.waits_ms() {
        let seconds = HeaderValue::from(ms.div_ceil(1_000).max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    named(response, trace)
}

/// The clients show this id when something goes wrong.
fn named(mut response: Response, trace: TraceId) -> Response {
    if let Ok(id) = HeaderValue::try_from(trace.to_string()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

fn assistant(call: &Call) -> Result<Value, Fault> {
    let created = call.caller()?.state.assistant().map_or(0, |it| it.changed_at.as_ms());
    let created = created.div_euclid(1_000);
    Ok(json!({ "id": MODEL, "object": "model", "created": created, "owned_by": "impresario" }))
}

async fn models(call: &mut Call) -> Result<Response, Fault> {
    let response = call::ok(&json!({ "object": "list", "data": [assistant(call)?] }))?;
    Ok(named(response, call.trace))
}

async fn model(call: &mut Call) -> Result<Response, Fault> {
    let name = call.path("name").await?;
    if name != MODEL {
        return Err(Fault::new(&codes::ROUTE_NOT_FOUND)
            .detail(format!("There is no such model; the one there is, is called {MODEL}"))
            .pointer("/model"));
    }
    Ok(named(call::ok(&assistant(call)?)?, call.trace))
}

async fn complete(call: &mut Call) -> Result<Response, Fault> {
    let request::Chat { messages, stream, stream_options, user, n } = call.json()?;
    if n.is_some_and(|n| n != 1) {
        return Err(request::invalid("/n", "one answer at a time"));
    }
    let said = request::said(&messages, user)?;
    let tokens_in = call.edge.talk.tokens(&said.text);
    let completion = Completion {
        id: format!("chatcmpl-{}", call.trace),
        created: call.received.as_ms().div_euclid(1_000),
        asked: u64::try_from(tokens_in).unwrap_or(u64::MAX),
        fallback: unknown(call)?,
    };
    if stream.unwrap_or(false) {
        let usage = stream_options.is_some_and(|options| options.include_usage);
        return Ok(named(streamed(call, completion, said, usage)?, call.trace));
    }
    let answer = call.edge.chat.reply(call.tenant()?, said, call.trace, None).await?;
    let spoken = completion.speak(&answer, &*call.edge.talk);
    Ok(named(call::ok(&completion.whole(&spoken))?, call.trace))
}

/// What is said where there is nothing to say.
fn unknown(call: &Call) -> Result<String, Fault> {
    let config = call.caller()?.state.assistant().map(|assistant| assistant.config.as_str());
    let config = config.and_then(|text| impresario_assistant::AssistantConfig::parse(text).ok());
    Ok(config.unwrap_or_default().text(None, impresario_assistant::Say::Unknown))
}

/// The answer piece by piece: sentences of it as soon as they are verified, the rest at the end.
fn streamed(
    call: &Call,
    completion: Completion,
    said: Said,
    usage: bool,
) -> Result<Response, Fault> {
    let (edge, tenant, trace) = (Arc::clone(&call.edge), call.tenant()?, call.trace);
    let first = completion.chunk(&json!({ "role": "assistant", "content": "" }), None, usage);
    let (aloud, told) = mpsc::channel(SENTENCES_MAX);
    let asked = Arc::clone(&edge);
    let answer = Box::pin(async move {
        let answer = asked.chat.reply(tenant, said, trace, Some(aloud)).await;
        answer.map_err(Fault::from)
    });
    let speech = Speech { answer, told, said: String::new(), completion, edge, usage };
    let rest = stream::unfold(Some(speech), |speech| async move { Some(speech?.go_on().await) });
    let rest = rest.flat_map(stream::iter);
    let events = until_stopped(stream::once(future::ready(first.to_string())).chain(rest), call);
    let keep_alive = KeepAlive::new().interval(PING_EVERY).text("ping");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
}

/// An answer that is being given. Dropping it ends the work on it.
struct Speech {
    answer: Pin<Box<dyn Future<Output = Result<Box<TurnAnswer>, Fault>> + Send>>,
    told: mpsc::Receiver<String>,
    /// What has been sent of it.
    said: String,
    completion: Completion,
    edge: Arc<Shared>,
    usage: bool,
}

impl Speech {
    /// The next pieces, and what follows them.
    async fn go_on(mut self) -> (Vec<String>, Option<Self>) {
        let (completion, usage) = (&self.completion, self.usage);
        let answer = tokio::select! {
            biased;
            Some(more) = self.told.recv() => {
                self.said.push_str(&more);
                return (completion.spoken(&more, usage).collect(), Some(self));
            }
            answer = &mut self.answer => answer,
        };
        let last = match answer {
            Ok(answer) => {
                let spoken = completion.speak(&answer, &*self.edge.talk).after(&self.said);
                let mut chunks = completion.chunks(&spoken, usage);
                chunks.push("[DONE]".to_owned());
                chunks
            }
            // The head is on its way: the error comes as an event, as OpenAI's do.
            Err(fault) => vec![error(&fault).to_string()],
        };
        (last, None)
    }
}

/// The events until the server stops.
fn until_stopped(
    data: impl Stream<Item = String> + Send + 'static,
    call: &Call,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    let state = (Box::pin(data), call.edge.stopping.subscribe());
    stream::unfold(state, |(mut data, mut stopping)| async move {
        let next = {
            let stopped = Box::pin(stopping.wait_for(|stopping| *stopping));
            match future::select(data.next(), stopped).await {
                Either::Left((next, _)) => next?,
                Either::Right(_) => return None,
            }
        };
        Some((Ok(Event::default().data(next)), (data, stopping)))
    })
}
