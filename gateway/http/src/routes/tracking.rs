//! The Segment tracking API, so that its official clients work unchanged.
//!
//! `200` means: every event is durable, in its profile or (lenient mode) in the quarantine. A wrong
//! key is always answered `401`, in both modes: an event that is nowhere was not accepted.

use axum::response::Response;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{IngestReply, SegmentReply};
use impresario_profile::Call as Kind;

use crate::call::{self, Call};
use crate::fault::Fault;
use crate::ingest::{self, Events, Outcome};
use crate::route::Route;
use crate::wire::fields::{self, Fields};
use crate::wire::guard::{self, DEPTH_MAX};
use crate::wire::message::{Common, Expect};
use crate::wire::time;

const ABOUT: &str = "The Segment tracking API. The write key comes as the Basic user name, as \
a Bearer credential, or as `writeKey` in the body. Without `X-Strict-Mode: 1` a refused event is \
answered 200 and kept in the quarantine; with it the answer says what is wrong.";

const fn tracking(path: &'static str, run: crate::route::Handler, summary: &'static str) -> Route {
    Route::track(path, run)
        .doc("Tracking", summary, ABOUT)
        .takes::<impresario_api::SegmentEvent>()
        .gives::<SegmentReply>()
        .codes(CODES)
}

const CODES: &[&codes::Code] = &[
    &codes::MALFORMED_JSON,
    &codes::INVALID_UTF8,
    &codes::EVENT_TOO_LARGE,
    &codes::TOO_MANY_EVENTS,
    &codes::TYPE_UNKNOWN,
    &codes::USER_OR_ANONYMOUS_ID_MISSING,
    &codes::EVENT_NAME_INVALID,
    &codes::TIMESTAMP_ABSURD,
    &codes::TRAITS_TOO_MANY,
    &codes::TRAITS_TOO_LARGE,
];

pub(crate) const ROUTES: &[Route] = &[
    tracking("/v1/identify", |call| Box::pin(single(call, Kind::Identify)), "Say who a person is"),
    tracking("/v1/track", |call| Box::pin(single(call, Kind::Track)), "Say what a person did"),
    tracking("/v1/page", |call| Box::pin(single(call, Kind::Page)), "Say which web page was seen"),
    tracking(
        "/v1/screen",
        |call| Box::pin(single(call, Kind::Screen)),
        "Say which screen was seen",
    ),
    tracking("/v1/group", |call| Box::pin(single(call, Kind::Group)), "Put a person into a group"),
    tracking(
        "/v1/alias",
        |call| Box::pin(single(call, Kind::Alias)),
        "Say that two ids are one person",
    ),
    tracking("/v1/batch", |call| Box::pin(batch(call)), "Send up to 2 500 events")
        .takes::<impresario_api::SegmentBatch>(),
];

/// Largest `context` of a batch, in bytes: it is laid under that of each event.
const BATCH_CONTEXT_MAX: usize = 4_096;

fn is_strict(call: &Call) -> bool {
    call.parts.headers.get("x-strict-mode").is_some_and(|value| value == "1" || value == "true")
}

async fn single(call: &mut Call, kind: Kind) -> Result<Response, Fault> {
    let body = call.body.clone();
    let text = utf8(&body)?;
    let limit = call.edge.options.event_bytes_max;
    if text.len() > limit {
        let detail = format!("{} bytes, at most {limit} are allowed", text.len());
        return Err(Fault::new(&codes::EVENT_TOO_LARGE).detail(detail));
    }
    if call.caller().is_err() {
        let key = read(text)?.write_key.map(std::borrow::Cow::into_owned);
        call.admit_write_key(key.as_deref())?;
    }
    let user = call.caller()?.user.clone();
    let common = Common {
        received: call.received,
        sent_at: None,
        context: None,
        peer: call.peer(),
        user: user.as_deref(),
        event_bytes_max: limit,
    };
    let texts = [text];
    let events = Events { texts: &texts, expect: Expect::Call(kind), common };
    let mut outcomes = ingest::take_in(call, &events).await?;
    match outcomes.pop() {
        Some(Outcome::Refused { fault, .. })
            if is_strict(call) || fault.code() == codes::MALFORMED_JSON.name =>
        {
            Err(fault)
        }
        _ => call::ok(&SegmentReply { success: true }),
    }
}

async fn batch(call: &mut Call) -> Result<Response, Fault> {
    let body = call.body.clone();
    let text = utf8(&body)?;
    let fields = read(text)?;
    call.admit_write_key(fields.write_key.as_deref())?;
    let Some(items) = fields.batch else {
        return Err(Fault::new(&codes::INVALID_REQUEST)
            .detail("a batch needs the array \"batch\"")
            .pointer("/batch"));
    };
    let most = call.edge.options.batch_events_max;
    if items.len() > most {
        return Err(Fault::new(&codes::TOO_MANY_EVENTS)
            .detail(format!("{} events, at most {most} are allowed", items.len())));
    }
    let context = fields.context;
    if let Some(context) = context {
        if context.get().len() > BATCH_CONTEXT_MAX {
            let detail = format!("the context of a batch has at most {BATCH_CONTEXT_MAX} bytes");
            return Err(Fault::new(&codes::FIELD_TOO_LARGE).detail(detail).pointer("/context"));
        }
        guard::check(context.get(), DEPTH_MAX)?;
    }
    let texts: Vec<&str> = items.iter().map(|item| item.get()).collect();
    let user = call.caller()?.user.clone();
    let common = Common {
        received: call.received,
        sent_at: fields.sent_at.as_deref().and_then(time::parse),
        context,
        peer: call.peer(),
        user: user.as_deref(),
        event_bytes_max: call.edge.options.event_bytes_max,
    };
    let events = Events { texts: &texts, expect: Expect::ByType, common };
    let outcomes = ingest::take_in(call, &events).await?;
    if is_strict(call) { report(call, outcomes) } else { call::ok(&SegmentReply { success: true }) }
}

/// Per-item results: `200` if all were accepted, otherwise `207`.
pub(crate) fn report(call: &Call, outcomes: Vec<Outcome>) -> Result<Response, Fault> {
    let results = ingest::results(call, outcomes)?;
    let rejected = results.iter().filter(|result| result.code.is_some()).count();
    let reply = IngestReply {
        success: rejected == 0,
        accepted: results.len() - rejected,
        rejected,
        results,
    };
    let status = if rejected == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    call::json(status, &reply)
}

fn utf8(body: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Fault::new(&codes::INVALID_UTF8).detail(format!("after {} bytes", error.valid_up_to()))
    })?;
    // Some clients begin with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn read(text: &str) -> Result<Fields<'_>, Fault> {
    fields::read(text).map_err(|error| guard::explain(&error, None).into())
}
