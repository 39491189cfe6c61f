use impresario_ids::{DocumentId, MessageId};
use impresario_kernel::{Ctx, Decision, Personal, TimerOp, Timestamp};
use serde_json::json;

use crate::{
    Command, Content, Document, Effect, Event, Patch, Policy, Rejection, Reply, State, Status,
    is_collection_name, rows,
};

mod check;
mod vectors;

pub(crate) const EXPIRE_TIMER: &str = "expire";
pub(crate) const REVIEW_TIMER: &str = "review";

const CODE_CHARS_MAX: usize = 100;
const MESSAGE_CHARS_MAX: usize = 500;

type Context<'a> = Ctx<'a, Policy, Event>;

pub(crate) fn decide(
    state: &State,
    command: Command,
    ctx: &Context<'_>,
) -> Result<Decision<Document>, Rejection> {
    let event = match command {
        Command::Put { content, expected_version } => put(state, content, expected_version, ctx)?,
        Command::PatchMetadata { patch, expected_version } => {
            patched(state, *patch, expected_version, ctx)?
        }
        Command::Delete => match state.status {
            Status::Active | Status::Expired | Status::Failed => {
                Some(Event::Deleted { at: ctx.now })
            }
            Status::Deleted => None,
            Status::Draft | Status::Erased => return Err(Rejection::NotFound),
        },
        Command::Restore => match (state.status, &state.content) {
            (Status::Deleted, Some(_)) => Some(Event::Restored { at: ctx.now }),
            (Status::Active | Status::Expired, _) => None,
            (Status::Deleted, None) | (Status::Draft | Status::Erased | Status::Failed, _) => {
                return Err(Rejection::NotFound);
            }
        },
        Command::Erase => match state.status {
            Status::Draft => return Err(Rejection::NotFound),
            Status::Erased => None,
            Status::Active | Status::Expired | Status::Deleted | Status::Failed => {
                Some(Event::Erased { at: ctx.now })
            }
        },
        Command::RecordVectors { model, dim, encoding, items } => {
            vectors::record(state, model, dim, encoding, items, ctx.now)?
        }
        Command::Reembed { model } => return vectors::reembed(state, model, ctx),
        Command::MarkReviewed { next_review_at } => {
            let content = changeable(state)?;
            let news = state.review_due.is_some() || content.review_at != next_review_at;
            news.then_some(Event::Reviewed { next_review_at, at: ctx.now })
        }
        Command::RecordFailure { .. } => failed(state, command, ctx)?,
        Command::Expire => over(state, ctx.now).then_some(Event::Expired { at: ctx.now }),
        Command::RemindReview => {
            review_is_due(state, ctx.now).then_some(Event::ReviewFellDue { at: ctx.now })
        }
    };
    Ok(match event {
        Some(event) => conclude(state, event, ctx),
        None => Decision::unchanged(reply(state, false, ctx)),
    })
}

/// The decision that `event` happened, with what follows from it for timers, lists and others.
fn conclude(state: &State, event: Event, ctx: &Context<'_>) -> Decision<Document> {
    let mut next = state.clone();
    next.apply(&event);
    let mut decision = Decision::events(Vec::new(), reply(&next, true, ctx));
    decision.index = rows::changes(state, &next, ctx.key.typed_id());
    timers(state, &next, &mut decision);
    if let Some(effect) = embed(state, &next, &event, ctx) {
        decision.effects.push(effect);
    }
    webhooks(&next, &event, ctx, &mut decision);
    decision.events.push(event);
    decision
}

fn reply(state: &State, changed: bool, ctx: &Context<'_>) -> Reply {
    let model = ctx.policy.model_of(&state.collection);
    Reply {
        version: state.version,
        status: state.status,
        changed,
        to_embed: state.missing_count(model),
    }
}

fn put(
    state: &State,
    mut content: Box<Content>,
    expected: Option<u32>,
    ctx: &Context<'_>,
) -> Result<Option<Event>, Rejection> {
    match state.status {
        Status::Deleted => return Err(Rejection::Deleted),
        Status::Draft | Status::Active | Status::Expired | Status::Erased | Status::Failed => {}
    }
    // For one who expects that it does not exist yet, an erased one does not.
    let actual = if state.content.is_some() { state.version } else { 0 };
    check_version(expected, actual)?;
    check::content(&mut content, ctx.policy)?;
    let same = state.versions.last().is_some_and(|last| last.hash == content.meaning());
    let review = state.content.as_ref().and_then(|before| before.review_at);
    let same_review = content.review_at.is_none() || content.review_at == review;
    if state.content.is_some() && same && same_review {
        return Ok(None);
    }
    Ok(Some(Event::Put { version: state.version.saturating_add(1), content, at: ctx.now }))
}

fn patched(
    state: &State,
    mut patch: Patch,
    expected: Option<u32>,
    ctx: &Context<'_>,
) -> Result<Option<Event>, Rejection> {
    let before = changeable(state)?;
    check_version(expected, state.version)?;
    if let Some(changes) = &patch.metadata {
        patch.metadata = Some(check::merged(&before.metadata, changes)?);
    }
    let mut after = before.clone();
    patch.apply_to(&mut after);
    check::names(&mut after, ctx.policy)?;
    if after == *before {
        return Ok(None);
    }
    // What the checks trimmed is what is stored.
    patch.title = patch.title.map(|_| after.title);
    patch.keywords = patch.keywords.map(|_| after.keywords);
    patch.audience = patch.audience.map(|_| after.audience);
    patch.category = patch.category.map(|_| after.category);
    patch.metadata = patch.metadata.map(|_| after.metadata);
    let version = state.version.saturating_add(1);
    Ok(Some(Event::Patched { version, patch: Box::new(patch), at: ctx.now }))
}

fn check_version(expected: Option<u32>, actual: u32) -> Result<(), Rejection> {
    match expected.filter(|expected| *expected != actual) {
        Some(expected) => Err(Rejection::VersionConflict { expected, actual }),
        None => Ok(()),
    }
}

/// The content of a document that can be changed.
fn changeable(state: &State) -> Result<&Content, Rejection> {
    match (state.status, state.content()) {
        (Status::Deleted, _) => Err(Rejection::Deleted),
        (Status::Active | Status::Expired, Some(content)) => Ok(content),
        (Status::Draft | Status::Erased | Status::Failed, _) | (_, None) => {
            Err(Rejection::NotFound)
        }
    }
}

fn failed(state: &State, command: Command, ctx: &Context<'_>) -> Result<Option<Event>, Rejection> {
    let Command::RecordFailure { collection, kind, stage, code, message } = command else {
        return Ok(None);
    };
    match state.status {
        Status::Deleted | Status::Erased => return Ok(None),
        Status::Draft | Status::Active | Status::Expired | Status::Failed => {}
    }
    if state.content.is_none() && !is_collection_name(&collection) {
        return Err(Rejection::CollectionNameInvalid);
    }
    if state.content.is_none() && !ctx.policy.has(&collection) {
        return Err(Rejection::CollectionUnknown(collection));
    }
    let code: String = code.chars().take(CODE_CHARS_MAX).collect();
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    let known = state.failure.as_ref().is_some_and(|failure| {
        (failure.stage, &failure.code, &failure.message) == (stage, &code, &message)
    });
    Ok((!known).then_some(Event::Failed { collection, kind, stage, code, message, at: ctx.now }))
}

fn over(state: &State, now: Timestamp) -> bool {
    let end = state.content().and_then(|content| content.expires_at);
    state.status == Status::Active && end.is_some_and(|end| end <= now)
}

fn review_is_due(state: &State, now: Timestamp) -> bool {
    review_time(state).is_some_and(|due| due <= now)
}

fn end_time(state: &State) -> Option<Timestamp> {
    let end = state.content().and_then(|content| content.expires_at);
    end.filter(|_| state.status == Status::Active)
}

fn review_time(state: &State) -> Option<Timestamp> {
    let due = state.content().and_then(|content| content.review_at);
    due.filter(|_| state.status == Status::Active && state.review_due.is_none())
}

fn timers(before: &State, after: &State, decision: &mut Decision<Document>) {
    for (name, due) in
        [(EXPIRE_TIMER, end_time as fn(&State) -> Option<Timestamp>), (REVIEW_TIMER, review_time)]
    {
        let name = name.into();
        match (due(before), due(after)) {
            (old, new) if old == new => {}
            (_, Some(due)) => decision.timers.push(TimerOp::Set { name, due }),
            (_, None) => decision.timers.push(TimerOp::Cancel { name }),
        }
    }
}

/// What should be embedded now, if this event made it so.
fn embed(before: &State, after: &State, event: &Event, ctx: &Context<'_>) -> Option<Effect> {
    let model = match event {
        Event::ReembedAsked { model, .. } => Some(model.as_str()),
        Event::Put { .. } | Event::Restored { .. } => ctx.policy.model_of(&after.collection),
        Event::Patched { .. } if before.status != Status::Active => {
            ctx.policy.model_of(&after.collection)
        }
        Event::Patched { .. }
        | Event::Deleted { .. }
        | Event::Erased { .. }
        | Event::VectorsRecorded { .. }
        | Event::Reviewed { .. }
        | Event::ReviewFellDue { .. }
        | Event::Expired { .. }
        | Event::Failed { .. } => return None,
    };
    let wanted = after.status == Status::Active && after.missing_count(model) > 0;
    wanted.then(|| Effect::Embed { version: after.version, model: model.map(str::to_owned) })
}

fn webhooks(next: &State, event: &Event, ctx: &Context<'_>, decision: &mut Decision<Document>) {
    let (kind, at) = match event {
        Event::ReviewFellDue { at } => ("knowledge.review_due", *at),
        Event::Expired { at } => ("knowledge.expired", *at),
        Event::Failed { at, .. } => ("knowledge.failed", *at),
        Event::Put { .. }
        | Event::Patched { .. }
        | Event::Deleted { .. }
        | Event::Restored { .. }
        | Event::Erased { .. }
        | Event::VectorsRecorded { .. }
        | Event::ReembedAsked { .. }
        | Event::Reviewed { .. } => return,
    };
    let id = DocumentId::from_bytes(ctx.key.id);
    let content = next.content();
    let data = json!({
        "document_id": id.to_string(),
        "collection": next.collection,
        "version": next.version,
        "title": content.map(|content| content.title.as_str()),
        "external_id": content.and_then(|content| content.external_id.as_deref()),
        "failure": next.failure.as_ref().filter(|_| matches!(event, Event::Failed { .. })),
    });
    let wants = |kinds: &[String]| kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind);
    for endpoint in ctx.policy.endpoints.iter().filter(|endpoint| wants(&endpoint.kinds)) {
        let parts: [&[u8]; 3] =
            [id.as_bytes(), &ctx.next_seq.to_be_bytes(), endpoint.id.as_bytes()];
        decision.effects.push(Effect::Webhook {
            endpoint: endpoint.id,
            message: MessageId::derived(&parts),
            kind: kind.to_owned(),
            at,
            data: Personal(data.to_string()),
        });
    }
}
