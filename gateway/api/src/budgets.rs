//! What a tenant may spend on language models.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a limit is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "tenant"}))]
pub struct BudgetScope {
    /// `tenant` (everything), `campaign`, `each_campaign`, `class` (of conversations),
    /// `each_conversation` or `each_run`.
    pub kind: String,
    /// Which campaign or class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scope": {"kind": "tenant"}, "period": "day", "micros": 5_000_000}))]
pub struct BudgetLimit {
    /// On what.
    pub scope: BudgetScope,
    /// `day`, `month` or `total`; conversations and runs are limited in total only.
    pub period: String,
    /// How much, in millionths of a US dollar.
    pub micros: i64,
}

/// All limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"limits": [
    {"scope": {"kind": "tenant"}, "period": "day", "micros": 5_000_000},
    {"scope": {"kind": "each_conversation"}, "period": "total", "micros": 50_000}
]}))]
pub struct SaveBudget {
    /// At most 500, one per scope and period.
    pub limits: Vec<BudgetLimit>,
}

/// A limit and what is spent or held under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetStanding {
    /// On what.
    pub scope: BudgetScope,
    /// `day`, `month` or `total`.
    pub period: String,
    /// How much, in millionths of a US dollar.
    pub micros: i64,
    /// What is spent or held under it now; null where it is on each of many.
    pub committed_micros: Option<i64>,
}

/// Limits, and what is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "limits": [{"scope": {"kind": "tenant"}, "period": "day", "micros": 5_000_000, "committed_micros": 12_300}],
    "today_micros": 12_300, "month_micros": 401_000, "total_micros": 401_000,
    "held_micros": 0, "held_calls": 0, "given_up_calls": 0
}))]
pub struct Budget {
    /// In the order in which they were set.
    pub limits: Vec<BudgetStanding>,
    /// Spent or held today.
    pub today_micros: i64,
    /// Spent or held this month.
    pub month_micros: i64,
    /// Spent or held for ever.
    pub total_micros: i64,
    /// Of that, held for calls under way.
    pub held_micros: i64,
    /// How many calls that is.
    pub held_calls: u32,
    /// Calls whose end nobody told, counted as spent.
    pub given_up_calls: u32,
}
