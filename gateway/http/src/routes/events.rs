//! Events of the own API: one, or many in an array.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{EventCount, OneOrMany, Page, TrackReply};
use impresario_kernel::Timestamp;
use impresario_profile::Call as Kind;
use impresario_tenant::Scope;
use impresario_views::Bucket;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::ingest::{self, Events, Outcome};
use crate::route::{Param, Route};
use crate::wire::message::{Common, Expect};
use crate::wire::{fields, guard, time};

const ABOUT: &str = "One event as an object, or up to 2 500 in an array. `200`: all are durable in \
their profiles. `207`: some were refused; `results` says which and why, and they are kept in the \
quarantine. A single refused event is answered with its problem.";

const CODES: &[&codes::Code] = &[
    &codes::MALFORMED_JSON,
    &codes::INVALID_UTF8,
    &codes::EVENT_TOO_LARGE,
    &codes::TOO_MANY_EVENTS,
    &codes::TYPE_UNKNOWN,
    &codes::USER_OR_ANONYMOUS_ID_MISSING,
    &codes::EVENT_NAME_INVALID,
    &codes::FIELD_TYPE_WRONG,
    &codes::NESTED_TOO_DEEP,
    &codes::NUL_CHARACTER,
    &codes::NUMBER_OUT_OF_RANGE,
    &codes::TIMESTAMP_INVALID,
    &codes::TIMESTAMP_ABSURD,
    &codes::TRAITS_TOO_MANY,
];

pub(crate) const ROUTES: &[Route] = &[
    Route::track("/api/v1/events/track", |call| Box::pin(take(call, Expect::TypeOr(Kind::Track))))
        .doc("Events", "Send events", ABOUT)
        .takes::<OneOrMany>()
        .gives::<TrackReply>()
        .codes(CODES),
    Route::track("/api/v1/users/identify", |call| {
        Box::pin(take(call, Expect::Call(Kind::Identify)))
    })
    .doc("Events", "Set traits of people", ABOUT)
    .takes::<OneOrMany>()
    .gives::<TrackReply>()
    .codes(CODES),
    Route::get("/api/v1/events/counts", Access::Scope(Scope::AnalyticsView), |call| {
        Box::pin(counts(call))
    })
    .doc("Events", "Count events by name and time", "Whole hours, UTC, by event time.")
    .gives::<Page<EventCount>>()
    .query(&[
        Param::text("event", "Only this event; all if not given."),
        Param::time("from", "From when; 24 hours ago if not given."),
        Param::time("to", "Until when; now if not given."),
        Param::text("bucket", "`hour` (if not given), `day` or `total`."),
    ]),
];

async fn take(call: &mut Call, expect: Expect) -> Result<Response, Fault> {
    call.caller()?;
    let body = call.body.clone();
    let text = std::str::from_utf8(&body)
        .map_err(|error| {
            let detail = format!("after {} bytes", error.valid_up_to());
            Fault::new(&codes::INVALID_UTF8).detail(detail)
        })?
        .trim_start_matches('\u{feff}');
    let many = text.trim_start().starts_with('[');
    let items: Vec<&RawValue> = if many {
        fields::read_array(text).map_err(|error| guard::explain(&error, None))?
    } else {
        Vec::new()
    };
    let most = call.edge.options.batch_events_max;
    if items.len() > most {
        let detail = format!("{} events, at most {most} are allowed", items.len());
        return Err(Fault::new(&codes::TOO_MANY_EVENTS).detail(detail));
    }
    let texts: Vec<&str> =
        if many { items.iter().map(|item| item.get()).collect() } else { vec![text] };
    let user = call.caller()?.user.clone();
    let common = Common {
        received: call.received,
        sent_at: None,
        context: None,
        peer: call.peer(),
        user: user.as_deref(),
        event_bytes_max: call.edge.options.event_bytes_max,
    };
    let mut outcomes = ingest::take_in(call, &Events { texts: &texts, expect, common }).await?;
    if many {
        return super::tracking::report(call, outcomes);
    }
    if matches!(outcomes.first(), Some(Outcome::Refused { .. }))
        && let Some(Outcome::Refused { fault, .. }) = outcomes.pop()
    {
        return Err(fault);
    }
    match ingest::results(call, outcomes)?.pop() {
        Some(result) => call::ok(&result),
        None => Err(Fault::new(&codes::INTERNAL)),
    }
}

#[derive(Deserialize)]
struct CountsQuery {
    event: Option<String>,
    from: Option<String>,
    to: Option<String>,
    bucket: Option<String>,
}

async fn counts(call: &mut Call) -> Result<Response, Fault> {
    let CountsQuery { event, from, to, bucket } = call.query()?;
    let bucket = match bucket.as_deref() {
        None | Some("hour") => Bucket::Hour,
        Some("day") => Bucket::Day,
        Some("total") => Bucket::Total,
        Some(_) => {
            return Err(
                Fault::new(&codes::PARAMETER_INVALID).detail("bucket is hour, day or total")
            );
        }
    };
    let until = to.map(|text| call::time("to", &text)).transpose()?;
    // The end is exclusive, and what happened just now should count.
    let until = until.unwrap_or(call.received.plus_ms(1));
    let since = from.map(|text| call::time("from", &text)).transpose()?;
    let since: Timestamp = since.unwrap_or(until.plus_ms(-86_400_000));
    let tenant = call.tenant()?;
    let (rows, _) = call
        .view(move |views| views.event_counts(tenant, event.as_deref(), since..until, bucket))
        .await?;
    let items: Vec<EventCount> = rows
        .into_iter()
        .map(|row| EventCount { event: row.name, from: time::print(row.from), count: row.count })
        .collect();
    call::ok(&Page { items, next: None })
}
