//! A profile as rules see it.

use std::borrow::Cow;

use impresario_rules::{Facts, Problem, Reading, Rule, Tracker, TrackerId, lookup};
use serde_json::Value;

use super::Context;
use super::notebook::Notebook;
use super::past::Past;
use crate::policy::{Policy, PolicySegment};
use crate::state::State;

pub(super) struct Known<'k> {
    pub(super) state: &'k State,
    pub(super) policy: &'k Policy,
}

impl Facts for Known<'_> {
    fn field(&self, path: &str) -> Option<Cow<'_, Value>> {
        let facts = &self.state.facts;
        if let Some(path) = path.strip_prefix("traits.") {
            if let Some(found) = facts.trait_named(path) {
                return Some(Cow::Owned(found.json()));
            }
            let (first, rest) = path.split_once('.')?;
            return lookup(&facts.trait_named(first)?.json(), rest).cloned().map(Cow::Owned);
        }
        let value = match path {
            "user_id" => facts.user_ids.first().map(|id| (*id.0).into()),
            "anonymous_id" => facts.anonymous_ids.first().map(|id| (*id.0).into()),
            "email" => facts.email().map(Value::from),
            "first_seen" => facts.first_seen.map(|at| at.as_ms().into()),
            "last_seen" => facts.last_seen.map(|at| at.as_ms().into()),
            "sessions" => Some(facts.sessions.count().into()),
            "events" => Some(facts.received.into()),
            _ => None,
        };
        value.map(Cow::Owned)
    }

    fn tracker(&self, id: TrackerId) -> Option<&Tracker> {
        self.state.tracker(id)
    }

    fn computed(&self, name: &str, now_ms: i64) -> Option<Reading> {
        read_computed(self.state, self.policy.computed_named(name)?, now_ms)
    }
}

/// The value of a computed trait; `None` as long as its past is not read.
pub(crate) fn read_computed(
    state: &State,
    spec: &impresario_rules::ComputedSpec,
    now_ms: i64,
) -> Option<Reading> {
    if !state.is_complete(spec.id()) && !state.is_fresh() {
        return None;
    }
    Some(match state.computed(spec.id()) {
        Some(computed) => computed.read(spec, now_ms),
        None => impresario_rules::Computed::new(spec).read(spec, now_ms),
    })
}

/// Whether the profile matches from what is remembered; `None`: that takes its past.
pub(crate) fn matches_rule(state: &State, rule: &Rule, ctx: &Context<'_>) -> Option<bool> {
    let policy = ctx.policy;
    let complete = |segment: &&PolicySegment| {
        state.standing(segment.id).is_some_and(|standing| standing.version == segment.version)
    };
    let remembered = |id: TrackerId| {
        policy
            .segments()
            .iter()
            .filter(complete)
            .any(|segment| segment.rule.trackers().iter().any(|spec| spec.id() == id))
    };
    let computed =
        |name: &&str| policy.computed_named(name).is_none_or(|spec| state.is_complete(spec.id()));
    let known = state.is_fresh()
        || (rule.trackers().iter().all(|spec| remembered(spec.id()))
            && rule.computed_names().iter().all(computed));
    known.then(|| rule.evaluate(&Known { state, policy }, ctx.now.as_ms()).member)
}

/// Whether the profile matches, with what the rule needs rebuilt from the past.
pub(super) fn matches_with_history(state: &State, rule: Rule, ctx: &Context<'_>) -> bool {
    let only =
        PolicySegment { id: impresario_ids::SegmentId::NIL, version: 1, name: String::new(), rule };
    let policy = Policy::new(vec![only], ctx.policy.computed().to_vec(), Vec::new());
    let mut notebook = Notebook::new(&policy, None);
    Past::of(ctx.history).messages().for_each(|received| notebook.read(received));
    let mut state = state.clone();
    state.apply(&notebook.rebuilt());
    let known = Known { state: &state, policy: &policy };
    policy.segments().iter().any(|only| only.rule.evaluate(&known, ctx.now.as_ms()).member)
}

/// Problems of a rule as a JSON array.
pub(crate) fn problems_json(problems: &[Problem]) -> String {
    serde_json::to_string(problems).unwrap_or_else(|_| "[]".to_owned())
}
