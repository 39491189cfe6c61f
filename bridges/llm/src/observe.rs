//! Names of spans and metrics, in one place: the GenAI conventions are still moving.

use impresario_routing::{TokenClass, Usage};
use tracing::Span;
use tracing::field::{Empty, display};

use crate::answer::Answer;
use crate::error::Error;
use crate::request::Request;
use crate::settings::Settings;

/// Calls by provider, operation and outcome (`ok` or the class of the failure).
const CALLS: &str = "impresario_llm_calls_total";
/// Seconds from sending to the end, by provider and operation.
const SECONDS: &str = "impresario_llm_call_seconds";
/// Seconds from sending to the first piece, by provider.
const FIRST_CHUNK_SECONDS: &str = "impresario_llm_first_chunk_seconds";
/// Tokens by provider and class.
const TOKENS: &str = "impresario_llm_tokens_total";

/// The span of a call that generates. Contents are not in it.
pub(crate) fn chat_span(settings: &Settings, request: &Request, stream: bool) -> Span {
    let span = tracing::info_span!(
        "chat",
        otel.name = %format_args!("chat {}", request.model),
        otel.kind = "client",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = settings.provider.semantic_name(),
        gen_ai.request.model = %request.model,
        gen_ai.request.max_tokens = request.output_tokens_max,
        gen_ai.request.temperature = Empty,
        gen_ai.request.stream = stream,
        gen_ai.conversation.id = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.response.time_to_first_chunk = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_creation.input_tokens = Empty,
        gen_ai.usage.reasoning.output_tokens = Empty,
        error.type = Empty,
        http.response.status_code = Empty,
        impresario.call.id = %request.call,
        impresario.connection = settings.name(),
        impresario.request.id = Empty,
    );
    if let Some(temperature) = request.temperature {
        span.record("gen_ai.request.temperature", temperature);
    }
    if let Some(conversation) = request.conversation {
        span.record("gen_ai.conversation.id", display(conversation));
    }
    span
}

/// The span of any other call.
pub(crate) fn span(
    settings: &Settings,
    operation: &'static str,
    model: &str,
    call: impl std::fmt::Display,
) -> Span {
    tracing::info_span!(
        "provider_call",
        otel.name = %format_args!("{operation} {model}"),
        otel.kind = "client",
        gen_ai.operation.name = operation,
        gen_ai.provider.name = settings.provider.semantic_name(),
        gen_ai.request.model = %model,
        gen_ai.usage.input_tokens = Empty,
        error.type = Empty,
        http.response.status_code = Empty,
        impresario.call.id = %call,
        impresario.connection = settings.name(),
        impresario.request.id = Empty,
    )
}

/// What came of a call that generates.
pub(crate) fn chat_ended(settings: &Settings, span: &Span, ended: &Result<Answer, Error>) {
    let provider = settings.provider.as_str();
    match ended {
        Ok(answer) => {
            span.record("gen_ai.response.id", answer.response_id.as_str());
            span.record("gen_ai.response.model", answer.model.as_str());
            span.record("gen_ai.response.finish_reasons", answer.finish.as_str());
            span.record("gen_ai.response.time_to_first_chunk", seconds(answer.first_chunk_ms));
            span.record("impresario.request.id", answer.request_id.as_str());
            record_usage(span, &answer.usage);
            count_tokens(provider, &answer.usage);
            metrics::histogram!(SECONDS, "provider" => provider, "operation" => "chat")
                .record(seconds(answer.latency_ms));
            metrics::histogram!(FIRST_CHUNK_SECONDS, "provider" => provider)
                .record(seconds(answer.first_chunk_ms));
            count_call(provider, "chat", "ok");
        }
        Err(error) => failed(settings, span, "chat", error),
    }
}

/// A call failed.
pub(crate) fn failed(settings: &Settings, span: &Span, operation: &'static str, error: &Error) {
    span.record("error.type", error.class.as_str());
    span.record("impresario.request.id", &*error.request_id);
    if let Some(status) = error.status {
        span.record("http.response.status_code", status);
    }
    if let Some(usage) = &error.usage {
        count_tokens(settings.provider.as_str(), usage);
    }
    count_call(settings.provider.as_str(), operation, error.class.as_str());
}

/// Any other call succeeded.
pub(crate) fn succeeded(
    settings: &Settings,
    span: &Span,
    operation: &'static str,
    elapsed_ms: u64,
    usage: &Usage,
) {
    let provider = settings.provider.as_str();
    span.record("gen_ai.usage.input_tokens", usage.total_input());
    count_tokens(provider, usage);
    metrics::histogram!(SECONDS, "provider" => provider, "operation" => operation)
        .record(seconds(elapsed_ms));
    count_call(provider, operation, "ok");
}

fn record_usage(span: &Span, usage: &Usage) {
    span.record("gen_ai.usage.input_tokens", usage.total_input());
    span.record("gen_ai.usage.output_tokens", usage.total_output());
    span.record("gen_ai.usage.cache_read.input_tokens", usage.cached_input);
    span.record("gen_ai.usage.cache_creation.input_tokens", usage.cache_write);
    span.record("gen_ai.usage.reasoning.output_tokens", usage.reasoning);
}

fn count_tokens(provider: &'static str, usage: &Usage) {
    for class in TokenClass::ALL {
        let count = usage.of(class);
        if count > 0 {
            metrics::counter!(TOKENS, "provider" => provider, "class" => class.as_str())
                .increment(count);
        }
    }
}

fn count_call(provider: &'static str, operation: &'static str, outcome: &'static str) {
    metrics::counter!(
        CALLS, "provider" => provider, "operation" => operation, "outcome" => outcome
    )
    .increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a duration for a histogram, not an amount")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
