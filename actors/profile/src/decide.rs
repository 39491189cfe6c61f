//! Decisions, one module per concern.

mod consent;
mod draft;
mod forget;
mod identity;
mod ingest;
mod known;
mod merge;
mod notebook;
mod past;
mod segments;
mod sound;
mod validate;

use impresario_kernel::{Ctx, Decision, Needs};

use crate::event::Event;
use crate::policy::Policy;
use crate::state::State;
use crate::{Command, Profile, Rejection, Reply};

use draft::Draft;

pub(crate) use known::{matches_rule, problems_json, read_computed};

pub(crate) type Context<'c> = Ctx<'c, Policy, Event>;

pub(crate) fn needs(state: &State, command: &Command) -> Needs {
    match command {
        Command::MergeInto { .. } | Command::Reevaluate { .. } | Command::Preview { .. } => {
            if state.merged_into.is_some() { Needs::Nothing } else { Needs::History }
        }
        Command::Unmerge { .. } => Needs::History,
        Command::Restore { .. } => {
            if state.merged_into.is_some() {
                Needs::History
            } else {
                Needs::Nothing
            }
        }
        // Only the mutual merge that is taken back here reads the past again.
        Command::Absorb { from, .. } if state.merged_into == Some(*from) => Needs::History,
        Command::Absorb { .. }
        | Command::Ingest(_)
        | Command::SetConsent(_)
        | Command::Tick
        | Command::Delete => Needs::Nothing,
    }
}

pub(crate) fn decide(
    state: &State,
    command: Command,
    ctx: &Context<'_>,
) -> Result<Decision<Profile>, Rejection> {
    let draft = Draft::new(state, ctx);
    match command {
        Command::Ingest(message) => ingest::ingest(draft, *message),
        Command::MergeInto { into } => merge::merge_into(draft, into),
        Command::Absorb { from, facts, events } => Ok(merge::absorb(draft, from, facts, events)),
        Command::Unmerge { from } => merge::unmerge(draft, from),
        Command::Restore { from, events } => Ok(merge::restore(draft, from, events)),
        Command::SetConsent(change) => consent::set(draft, change),
        Command::Reevaluate { segment, version } => segments::reevaluate(draft, segment, version),
        Command::Tick => Ok(segments::tick(draft)),
        Command::Preview { rule } => preview(state, &rule, ctx),
        Command::Delete => Ok(forget::delete(draft)),
    }
}

fn preview(state: &State, rule: &str, ctx: &Context<'_>) -> Result<Decision<Profile>, Rejection> {
    if let Some(into) = state.merged_into {
        return Err(Rejection::ProfileMerged { into });
    }
    let rule = impresario_rules::parse(rule)
        .map_err(|problems| Rejection::RuleInvalid { problems: problems_json(&problems) })?;
    let member = known::matches_with_history(state, rule, ctx);
    Ok(Decision::unchanged(Reply::Matched { member }))
}
