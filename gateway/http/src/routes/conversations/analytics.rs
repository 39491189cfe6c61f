//! What happened in conversations, counted by day.

use axum::response::Response;
use impresario_api::{ConversationAnalytics, codes};
use impresario_kernel::Timestamp;
use impresario_tenant::Scope;
use serde::{Deserialize, Serialize};

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::{Param, Route};
use crate::wire::time;

const DAY_MS: i64 = 86_400_000;
/// Days that are looked at if the caller does not say.
const DAYS: i64 = 30;
const DAYS_MAX: i64 = 400;

pub(super) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/conversations/analytics",
    Access::Scope(Scope::AnalyticsView),
    |call| Box::pin(show(call)),
)
.doc(
    "Conversations",
    "What happened in conversations",
    "Intents, models, confidence, handoffs, cost, answer times, knowledge hits; at most 400 days. \
     Days are UTC.",
)
.gives::<ConversationAnalytics>()
.query(&[
    Param::time("from", "The first day; 30 days up to the last one if not given."),
    Param::time("to", "The last day; today if not given."),
])];

#[derive(Deserialize)]
struct SpanQuery {
    from: Option<String>,
    to: Option<String>,
}

/// As the view has it, with days by their names.
#[derive(Serialize)]
struct Shown<'a> {
    from: String,
    to: String,
    totals: &'a impresario_views::Totals,
    rates: impresario_views::ConversationRates,
    latency: impresario_views::Latencies,
    days: Vec<Day<'a>>,
}

#[derive(Serialize)]
struct Day<'a> {
    day: String,
    totals: &'a impresario_views::Totals,
    latency: impresario_views::Latencies,
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let SpanQuery { from, to } = call.query()?;
    let to = match to {
        Some(text) => call::time("to", &text)?.day(),
        None => call.received.day(),
    };
    let from = match from {
        Some(text) => call::time("from", &text)?.day(),
        None => to - DAYS + 1,
    };
    if from < 0 || !(0..DAYS_MAX).contains(&(to - from)) {
        return Err(Fault::new(&codes::PARAMETER_INVALID)
            .detail(format!("from is at most {DAYS_MAX} days before to, and not after it")));
    }
    let begin = |day: i64| Timestamp::from_ms(day * DAY_MS);
    let (tenant, range) = (call.tenant()?, begin(from)..begin(to + 1));
    let (sums, _) = call.view(move |views| views.conversation_analytics(tenant, range)).await?;
    call::ok(&Shown {
        from: date(begin(from)),
        to: date(begin(to)),
        totals: &sums.totals,
        rates: sums.rates,
        latency: sums.latency,
        days: sums.days.iter().map(shown).collect(),
    })
}

fn shown(day: &impresario_views::ConversationDay) -> Day<'_> {
    Day { day: date(day.from), totals: &day.totals, latency: day.latency }
}

/// `2026-11-20` of a moment.
fn date(at: Timestamp) -> String {
    let mut text = time::print(at);
    text.truncate(10);
    text
}
