use impresario_kernel::{Ctx, Decision, IndexOp, IndexRow, encode};
use impresario_rules::Vocabulary;

use crate::{
    Build, Command, DESCRIPTION_CHARS_MAX, Effect, Event, LIST_INDEX, ListRow, NAME_CHARS_MAX,
    Policy, Rejection, Reply, Segment, State, Status,
};

const REASON_CHARS_MAX: usize = 200;

pub(crate) fn decide(
    state: &State,
    command: Command,
    ctx: &Ctx<'_, Policy, Event>,
) -> Result<Decision<Segment>, Rejection> {
    let event = match command {
        Command::Save { name, description, rule, expected_version } => {
            save(state, &Draft { name, description, rule, expected_version }, ctx)?
        }
        Command::Pause => match existing(state)? {
            Status::Live => Some(Event::Paused { at: ctx.now }),
            Status::Draft | Status::Paused | Status::Archived => None,
        },
        Command::Resume => match existing(state)? {
            Status::Paused => Some(Event::Resumed { at: ctx.now }),
            Status::Draft | Status::Live | Status::Archived => None,
        },
        Command::Archive => existing(state).map(|_| Some(Event::Archived { at: ctx.now }))?,
        Command::SweepDone { version, profiles, members } => awaits(state, version)
            .then_some(Event::Built { version, profiles, members, at: ctx.now }),
        Command::SweepFailed { version, reason } => awaits(state, version).then(|| {
            let reason = reason.chars().take(REASON_CHARS_MAX).collect();
            Event::BuildFailed { version, reason, at: ctx.now }
        }),
    };
    Ok(event.map_or_else(
        || Decision::unchanged(reply(state, false)),
        |event| conclude(state, event, ctx),
    ))
}

/// The decision that `event` happened, with what follows from it for the tenant and the list.
fn conclude(state: &State, event: Event, ctx: &Ctx<'_, Policy, Event>) -> Decision<Segment> {
    let mut next = state.clone();
    next.apply(&event);
    let segment = ctx.key.typed_id();
    let effect = match &event {
        Event::Saved { .. } | Event::Described { .. } | Event::Resumed { .. } => {
            (next.status == Status::Live).then(|| Effect::Publish {
                segment,
                version: next.version,
                name: next.name.clone(),
                rule: next.rule().to_owned(),
            })
        }
        Event::Paused { .. } => Some(Effect::Withdraw { segment, archived: false }),
        Event::Archived { .. } => Some(Effect::Withdraw { segment, archived: true }),
        Event::Built { .. } | Event::BuildFailed { .. } => None,
    };
    let row = IndexRow {
        index: LIST_INDEX,
        personal: None,
        term: ctx.key.id.to_vec(),
        op: IndexOp::Put(encode(&ListRow::of(&next))),
    };
    let decision = Decision::events(vec![event], reply(&next, true)).index(row);
    match effect {
        Some(effect) => decision.then(effect),
        None => decision,
    }
}

/// The fields of [`Command::Save`].
struct Draft {
    name: String,
    description: String,
    rule: String,
    expected_version: Option<u32>,
}

fn save(
    state: &State,
    draft: &Draft,
    ctx: &Ctx<'_, Policy, Event>,
) -> Result<Option<Event>, Rejection> {
    if state.status == Status::Archived {
        return Err(Rejection::Archived);
    }
    if let Some(expected) = draft.expected_version.filter(|expected| *expected != state.version) {
        return Err(Rejection::VersionConflict { expected, actual: state.version });
    }
    let name = draft.name.trim();
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Rejection::NameInvalid);
    }
    if draft.description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(Rejection::DescriptionTooLong);
    }
    let vocabulary = Vocabulary { computed: ctx.policy.computed_traits.as_deref() };
    let rule = impresario_rules::parse_with(&draft.rule, vocabulary)
        .map_err(Rejection::RuleInvalid)?
        .to_json();
    let (name, description, at) = (name.to_owned(), draft.description.clone(), ctx.now);
    Ok(if state.rule() != rule {
        let version = state.version.saturating_add(1);
        Some(Event::Saved { version, name, description, rule, at })
    } else if state.name != name || state.description != description {
        Some(Event::Described { name, description, at })
    } else {
        None
    })
}

/// The status of a segment that was saved and not archived.
fn existing(state: &State) -> Result<Status, Rejection> {
    match state.status {
        Status::Draft => Err(Rejection::NotFound),
        Status::Archived => Err(Rejection::Archived),
        Status::Live | Status::Paused => Ok(state.status),
    }
}

/// Whether the report of a sweep over `version` is news.
fn awaits(state: &State, version: u32) -> bool {
    state.status == Status::Live
        && state.version == version
        && match state.build {
            // A sweep that gave up may be tried again and succeed.
            Build::Building { .. } | Build::Failed { .. } => true,
            Build::NotStarted | Build::Ready { .. } => false,
        }
}

fn reply(state: &State, changed: bool) -> Reply {
    Reply { version: state.version, status: state.status, changed }
}
