//! What a tenant used, and what it sent in vain.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Page, QuarantineCounts, QuarantineItem, UsageRow};
use impresario_ids::TenantId;
use impresario_kernel::Timestamp;
use impresario_profile::index::{Grain, period};
use impresario_quarantine::{Command, Quarantine, SHARDS};
use impresario_tenant::Scope;
use serde::Deserialize;

use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::Fault;
use crate::route::{CURSOR, LIMIT, Param, Route};
use crate::wire::time;

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/usage", Access::Scope(Scope::UsageRead), |call| Box::pin(usage(call)))
        .doc(
            "Account",
            "Get usage by day or month",
            "Events, active profiles (months only), webhook messages; requests of today; profiles now.",
        )
        .gives::<Page<UsageRow>>()
        .query(&[
            Param::text("grain", "`day` (if not given) or `month`."),
            Param::time("from", "From when; the last 31 days or 12 months if not given."),
            Param::time("to", "Until when; now if not given."),
        ]),
    Route::get("/api/v1/quarantine", Access::Scope(Scope::ProfilesRead), |call| {
        Box::pin(quarantine(call))
    })
    .doc(
        "Events",
        "List refused events, newest first",
        "What was sent is personal data: needs `profiles:read`.",
    )
    .gives::<Page<QuarantineItem>>()
    .query(&[LIMIT, CURSOR]),
    Route::get("/api/v1/quarantine/counts", Access::Scope(Scope::AnalyticsView), |call| {
        Box::pin(counts(call))
    })
    .doc("Events", "Count refused events by code", "For ever, also those that are no longer kept.")
    .gives::<QuarantineCounts>(),
    Route::delete("/api/v1/quarantine/{id}", Access::Scope(Scope::ProfilesWrite), |call| {
        Box::pin(discard(call))
    })
    .doc("Events", "Forget a refused event", "")
    .status(204)
    .codes(&[&codes::ID_INVALID]),
];

#[derive(Deserialize)]
struct UsageQuery {
    grain: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

async fn usage(call: &mut Call) -> Result<Response, Fault> {
    let UsageQuery { grain, from, to } = call.query()?;
    let (grain, days) = match grain.as_deref() {
        None | Some("day") => (Grain::Day, 31),
        Some("month") => (Grain::Month, 365),
        Some(_) => {
            return Err(Fault::new(&codes::PARAMETER_INVALID).detail("grain is day or month"));
        }
    };
    let until = to.map(|text| call::time("to", &text)).transpose()?.unwrap_or(call.received);
    let since = from.map(|text| call::time("from", &text)).transpose()?;
    let since = since.unwrap_or(until.plus_ms(-days * 86_400_000));
    let periods = period(grain, since)..period(grain, until) + 1;
    let tenant = call.tenant()?;
    let (rows, _) = call.view(move |views| views.usage(tenant, grain, periods)).await?;
    let mut items: Vec<UsageRow> = rows
        .into_iter()
        .map(|row| UsageRow {
            meter: row.meter.to_owned(),
            period: period_name(grain, row.period),
            count: row.count,
            limit: None,
        })
        .collect();
    if until.day() >= call.received.day() {
        items.extend(now(call, tenant, grain).await?);
    }
    call::ok(&Page { items, next: None })
}

/// What is known as of now, and limited by the plan.
async fn now(call: &Call, tenant: TenantId, grain: Grain) -> Result<Vec<UsageRow>, Fault> {
    let limits = call.caller()?.state.limits();
    let row = |meter: &str, count: u64, limit| UsageRow {
        meter: meter.to_owned(),
        period: period_name(grain, period(grain, call.received)),
        count: i64::try_from(count).unwrap_or(i64::MAX),
        limit: Some(limit),
    };
    let profiles = call.view(move |views| views.profiles_total(tenant)).await?;
    let mut rows = vec![row("profiles", profiles, limits.profiles)];
    if grain == Grain::Day {
        let used = call.edge.meters.used_today(tenant, call.received);
        rows.push(row("requests", used, limits.requests_per_day));
    }
    Ok(rows)
}

/// `2026-11-20` or `2026-11`.
pub(crate) fn period_name(grain: Grain, period: i64) -> String {
    match grain {
        Grain::Day => {
            let text = time::print(Timestamp::from_ms(period.saturating_mul(86_400_000)));
            text.get(..10).unwrap_or(&text).to_owned()
        }
        Grain::Month => {
            format!("{:04}-{:02}", 1970 + period.div_euclid(12), period.rem_euclid(12) + 1)
        }
    }
}

async fn quarantine(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let (tenant, limit, cursor) = (call.tenant()?, list.limit()?, list.cursor()?);
    let page = call.view(move |views| views.quarantine(tenant, cursor.as_ref(), limit)).await?;
    call::ok(&call::page(page, |item| QuarantineItem {
        id: format!("{}-{}", item.shard, item.seq),
        code: item.reason,
        detail: item.detail.0,
        raw: item.raw.0,
        source: item.source,
        received_at: time::print(item.received_at),
    }))
}

async fn counts(call: &mut Call) -> Result<Response, Fault> {
    let tenant = call.tenant()?;
    let counts = call.view(move |views| views.quarantine_counts(tenant)).await?;
    call::ok(&QuarantineCounts { counts })
}

async fn discard(call: &mut Call) -> Result<Response, Fault> {
    let text = call.path("id").await?;
    let parts = text.split_once('-').and_then(|(shard, seq)| {
        Some((shard.parse::<u8>().ok().filter(|shard| *shard < SHARDS)?, seq.parse::<u64>().ok()?))
    });
    let Some((shard, seq)) = parts else {
        return Err(Fault::new(&codes::ID_INVALID).detail("expected an id from the list"));
    };
    let entity = impresario_quarantine::key(call.tenant()?, shard);
    let command = Command::Discard { seqs: vec![seq] };
    call.edge.router.ask::<Quarantine>(entity, command, call.envelope()?).await?;
    call::done()
}
