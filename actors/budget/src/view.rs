use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::decide::tightest;
use crate::{Answer, Limit, Period, Query, Scope, State};

/// Limits, and what is committed under each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct View {
    /// In the order in which they were set.
    #[n(0)]
    pub limits: Vec<LimitView>,
    /// Micro-units committed today (UTC), this month, and for ever, by the whole tenant.
    #[n(1)]
    pub today_micros: i64,
    /// This month.
    #[n(2)]
    pub month_micros: i64,
    /// For ever.
    #[n(3)]
    pub total_micros: i64,
    /// Of that, held for calls under way.
    #[n(4)]
    pub held_micros: i64,
    /// How many calls that is.
    #[n(5)]
    pub held_calls: u32,
    /// How many calls nobody told the end of, counted as spent.
    #[n(6)]
    pub given_up_calls: u32,
}

/// One limit, and what is committed under it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct LimitView {
    /// The limit.
    #[n(0)]
    #[serde(flatten)]
    pub limit: Limit,
    /// What is spent or held under it now; `None` where it is on each of many.
    #[n(1)]
    pub committed_micros: Option<i64>,
}

pub(crate) fn answer(state: &State, query: &Query, now: Timestamp) -> Answer {
    match query {
        Query::Get => Answer::Budget(view(state, now)),
        Query::Left { path } => Answer::Left(tightest(state, path, now).map(|tight| tight.left)),
    }
}

fn view(state: &State, now: Timestamp) -> View {
    let limits = state.limits.iter().map(|limit| LimitView {
        limit: limit.clone(),
        committed_micros: match &limit.scope {
            scope @ (Scope::Tenant | Scope::Campaign(_) | Scope::Class(_)) => {
                Some(state.ledger(scope).map_or(0, |ledger| ledger.committed(limit.period, now)))
            }
            Scope::EachCampaign | Scope::EachConversation | Scope::EachRun => None,
        },
    });
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    View {
        limits: limits.collect(),
        today_micros: state.committed(Period::Day, now),
        month_micros: state.committed(Period::Month, now),
        total_micros: state.committed(Period::Total, now),
        held_micros: state.held.values().map(|held| held.micros).sum(),
        held_calls: count(state.held.len()),
        given_up_calls: count(state.given_up.len()),
    }
}
