//! Answers to queries, from the state alone.

use impresario_kernel::{Ctx, Personal};

use crate::consents::Consent;
use crate::decide::{matches_rule, problems_json, read_computed};
use crate::event::Event;
use crate::facts::Text;
use crate::policy::Policy;
use crate::state::State;
use crate::view::{
    ComputedView, ConsentView, CounterView, GroupView, Json, OrdersView, RecentView, SessionView,
    TraitView, View,
};
use crate::{Answer, Membership, Query};

pub(crate) fn answer(state: &State, query: Query, ctx: &Ctx<'_, Policy, Event>) -> Answer {
    if let Some(into) = state.merged_into {
        return Answer::Merged { into };
    }
    match query {
        Query::Get if state.listed => Answer::Profile(Box::new(view(state, ctx))),
        Query::Get => Answer::Missing,
        Query::Exists => Answer::Exists { exists: state.listed },
        Query::Memberships { at } => {
            let was_in = |stay: &Membership| {
                stay.entered_at <= at && stay.left_at.is_none_or(|left_at| at < left_at)
            };
            let segments =
                state.stays.iter().copied().chain(current(state)).filter(was_in).collect();
            let complete_since = if state.stays_dropped {
                state.stays.first().and_then(|oldest| oldest.left_at)
            } else {
                None
            };
            Answer::Memberships { segments, complete_since }
        }
        Query::Matches { rule } => match impresario_rules::parse(&rule) {
            Ok(rule) => match matches_rule(state, &rule, ctx) {
                Some(member) => Answer::Matches { member },
                None => Answer::NeedsHistory,
            },
            Err(problems) => Answer::RuleInvalid { problems: problems_json(&problems) },
        },
    }
}

fn current(state: &State) -> impl Iterator<Item = Membership> {
    state.standings.iter().filter_map(|standing| {
        Some(Membership {
            segment: standing.segment,
            version: standing.version,
            entered_at: standing.entered_at?,
            left_at: None,
        })
    })
}

fn view(state: &State, ctx: &Ctx<'_, Policy, Event>) -> View {
    let facts = &state.facts;
    let orders = facts.orders();
    let consents = facts.consents();
    View {
        id: ctx.key.typed_id(),
        user_ids: texts(&facts.user_ids),
        anonymous_ids: texts(&facts.anonymous_ids),
        external_ids: texts(&facts.external_ids),
        email: facts.email().map(Personal),
        traits: traits(state),
        computed: computed(state, ctx),
        first_seen: facts.first_seen,
        last_seen: facts.last_seen,
        events: facts.received,
        counters: counters(state),
        orders: OrdersView {
            completed: orders.completed,
            refunded: orders.refunded,
            cancelled: orders.cancelled,
            revenue_micros: orders.revenue_micros,
        },
        recent: recent(state),
        session_count: facts.sessions.count(),
        sessions: sessions(state),
        groups: facts
            .groups
            .iter()
            .map(|group| GroupView { id: group.id.to_string(), since: group.since })
            .collect(),
        consents: consents.map_or(Vec::new(), |all| all.current().iter().map(consent).collect()),
        consent_history: consents
            .map_or(Vec::new(), |all| all.history().iter().map(consent).collect()),
        consent_history_dropped: consents.map_or(0, crate::consents::Consents::dropped),
        segments: current(state).collect(),
        merged: state.parts.clone(),
    }
}

fn text(text: &Text) -> Personal<String> {
    Personal(text.0.to_string())
}

fn texts(ids: &[Text]) -> Vec<Personal<String>> {
    ids.iter().map(text).collect()
}

fn traits(state: &State) -> Vec<TraitView> {
    let one = |one: &crate::facts::Trait| TraitView {
        name: one.name.to_string(),
        value: Json(text(&one.value)),
        at: one.at,
    };
    state.facts.traits().map(one).collect()
}

fn computed(state: &State, ctx: &Ctx<'_, Policy, Event>) -> Vec<ComputedView> {
    let one = |spec: &impresario_rules::ComputedSpec| {
        let reading = read_computed(state, spec, ctx.now.as_ms())?;
        let value = Json(Personal(reading.value.to_string()));
        Some(ComputedView { name: spec.name().to_owned(), value })
    };
    let mut views: Vec<ComputedView> = ctx.policy.computed().iter().filter_map(one).collect();
    views.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    views
}

fn counters(state: &State) -> Vec<CounterView> {
    let one = |(name, tally): (&str, crate::counters::Tally)| CounterView {
        name: name.to_owned(),
        count: tally.count,
        first: tally.first,
        last: tally.last,
    };
    let mut views: Vec<CounterView> = state.facts.counters.tallies().map(one).collect();
    views.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    views
}

fn recent(state: &State) -> Vec<RecentView> {
    let one = |(name, recent): (&str, crate::counters::Recent)| RecentView {
        name: name.to_owned(),
        at: recent.at,
        message: recent.message,
    };
    state.facts.counters.recent().map(one).collect()
}

fn sessions(state: &State) -> Vec<SessionView> {
    let one = |session: &crate::sessions::Session| SessionView {
        start: session.start,
        end: session.end,
        events: session.events,
        entry: session.entry.as_ref().map(|page| text(&page.page)),
        exit: session.exit().map(|page| text(&page.page)),
    };
    state.facts.sessions.newest().map(one).collect()
}

fn consent(consent: &Consent) -> ConsentView {
    let change = &consent.change;
    ConsentView {
        purpose: change.purpose.clone(),
        channel: change.channel.clone(),
        granted: change.granted,
        source: change.source.clone(),
        text_version: change.text_version.clone(),
        proof: change.proof.clone().map(Json),
        at: change.at,
        recorded_at: consent.recorded_at,
    }
}
