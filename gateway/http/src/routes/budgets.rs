//! What a tenant may spend on language models.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Budget as ApiBudget, BudgetLimit, BudgetScope, SaveBudget};
use impresario_budget::{Answer, Budget, Command, Limit, Period, Query, Scope as Spent, View, key};
use impresario_router::Envelope;
use impresario_tenant::Scope;

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

const MANAGE: Access = Access::Scope(Scope::IntegrationsManage);
const VIEW: Access = Access::Scope(Scope::AnalyticsView);

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/budgets", VIEW, |call| Box::pin(show(call)))
        .doc(
            "Models",
            "Get limits and what is spent",
            "In millionths of a US dollar. Days and months are UTC.",
        )
        .gives::<ApiBudget>(),
    Route::put("/api/v1/budgets", MANAGE, |call| Box::pin(set(call)))
        .doc(
            "Models",
            "Set limits",
            "Replaces all limits; what was spent stays spent. Every model call reserves what it may \
             cost before it is made: past a limit a smaller model answers, then the sources \
             themselves, then a person.",
        )
        .takes::<SaveBudget>()
        .gives::<ApiBudget>()
        .codes(&[&codes::BUDGET_LIMITS_INVALID, &codes::BUDGET_AMOUNT_INVALID]),
];

async fn view(call: &Call) -> Result<View, Fault> {
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let entity = key(call.tenant()?);
    match call.edge.router.query::<Budget>(entity, Query::Get, envelope).await? {
        Answer::Budget(view) => Ok(view),
        Answer::Left(_) => Err(super::unexpected("budget")),
    }
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    call::ok(&view(call).await?)
}

fn scope(scope: BudgetScope) -> Result<Spent, &'static str> {
    let BudgetScope { kind, name } = scope;
    match (kind.as_str(), name) {
        ("tenant", None) => Ok(Spent::Tenant),
        ("campaign", Some(name)) => Ok(Spent::Campaign(name)),
        ("each_campaign", None) => Ok(Spent::EachCampaign),
        ("class", Some(name)) => Ok(Spent::Class(name)),
        ("each_conversation", None) => Ok(Spent::EachConversation),
        ("each_run", None) => Ok(Spent::EachRun),
        ("campaign" | "class", None) => Err("a campaign and a class need a name"),
        ("tenant" | "each_campaign" | "each_conversation" | "each_run", Some(_)) => {
            Err("only a campaign and a class have a name")
        }
        _ => Err("kind is tenant, campaign, each_campaign, class, each_conversation or each_run"),
    }
}

fn limit(limit: BudgetLimit, place: usize) -> Result<Limit, Fault> {
    let wrong = |field: &str, detail: &str| {
        Fault::new(&codes::BUDGET_LIMITS_INVALID)
            .detail(detail)
            .pointer(format!("/limits/{place}/{field}"))
    };
    let period = match limit.period.as_str() {
        "day" => Period::Day,
        "month" => Period::Month,
        "total" => Period::Total,
        _ => return Err(wrong("period", "period is day, month or total")),
    };
    let scope = scope(limit.scope).map_err(|detail| wrong("scope", detail))?;
    Ok(Limit { scope, period, micros: limit.micros })
}

async fn set(call: &mut Call) -> Result<Response, Fault> {
    let SaveBudget { limits } = call.json()?;
    let limits = limits
        .into_iter()
        .enumerate()
        .map(|(place, given)| limit(given, place))
        .collect::<Result<Vec<Limit>, Fault>>()?;
    let command = Command::SetLimits { limits };
    let entity = key(call.tenant()?);
    call.edge.router.ask::<Budget>(entity, command, call.envelope()?).await?;
    call::ok(&view(call).await?)
}
