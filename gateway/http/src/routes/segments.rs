//! Segments: save, try out, list members now or on a past date.

use std::sync::Arc;

use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{
    FieldProblem, Member, Page, Preview, PreviewRequest, SaveSegment, Saved, Segment as ApiSegment,
    SegmentRow, SegmentVersion, Size,
};
use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::{EntityKey, Timestamp};
use impresario_profile::Profile;
use impresario_router::{AskError, Envelope};
use impresario_rules::Vocabulary;
use impresario_segment::{Answer, Command, Query, Reply, Segment};
use impresario_tenant::Scope;
use serde::Deserialize;

use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::Fault;
use crate::route::{CURSOR, LIMIT, Param, Route};
use crate::wire::time;

const READ: Access = Access::Scope(Scope::SegmentsRead);
const WRITE: Access = Access::Scope(Scope::SegmentsWrite);

const SAVE_CODES: &[&codes::Code] = &[
    &codes::SEGMENT_RULE_INVALID,
    &codes::SEGMENT_NAME_INVALID,
    &codes::SEGMENT_DESCRIPTION_TOO_LONG,
    &codes::SEGMENT_VERSION_CONFLICT,
    &codes::SEGMENT_NOT_FOUND,
    &codes::SEGMENT_ARCHIVED,
    &codes::PLAN_LIMIT_REACHED,
    &codes::ID_INVALID,
];
const CODES: &[&codes::Code] =
    &[&codes::SEGMENT_NOT_FOUND, &codes::SEGMENT_ARCHIVED, &codes::ID_INVALID];

const AT: Param = Param::time("at", "The moment; now if not given.");

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/segments", READ, |call| Box::pin(list(call)))
        .doc("Segments", "List segments", "Archived ones too.")
        .gives::<Page<SegmentRow>>()
        .query(&[LIMIT, CURSOR]),
    Route::post("/api/v1/segments", WRITE, |call| Box::pin(create(call)))
        .doc(
            "Segments",
            "Make a segment",
            "It is live at once; all profiles are evaluated in the background.",
        )
        .takes::<SaveSegment>()
        .gives::<Saved>()
        .status(201)
        .codes(SAVE_CODES),
    Route::post("/api/v1/segments/preview", READ, |call| Box::pin(preview(call)))
        .doc(
            "Segments",
            "Try a rule out",
            "Looks at a uniform sample of profiles and changes nothing.",
        )
        .takes::<PreviewRequest>()
        .gives::<Preview>()
        .codes(&[&codes::SEGMENT_RULE_INVALID]),
    Route::get("/api/v1/segments/{id}", READ, |call| Box::pin(show(call)))
        .doc("Segments", "Get a segment", "")
        .gives::<ApiSegment>()
        .codes(CODES),
    Route::put("/api/v1/segments/{id}", WRITE, |call| Box::pin(save(call)))
        .doc(
            "Segments",
            "Change a segment",
            "A new rule is a new version; all profiles are evaluated afresh.",
        )
        .takes::<SaveSegment>()
        .gives::<Saved>()
        .codes(SAVE_CODES),
    Route::delete("/api/v1/segments/{id}", WRITE, |call| Box::pin(change(call, Command::Archive)))
        .doc("Segments", "Archive a segment", "For good; its past members stay listed.")
        .gives::<Saved>()
        .codes(CODES),
    Route::act("/api/v1/segments/{id}/pause", WRITE, |call| Box::pin(change(call, Command::Pause)))
        .doc("Segments", "Stop evaluating a segment", "Members stay as they are.")
        .gives::<Saved>()
        .codes(CODES),
    Route::act("/api/v1/segments/{id}/resume", WRITE, |call| {
        Box::pin(change(call, Command::Resume))
    })
    .doc("Segments", "Evaluate a segment again", "All profiles afresh.")
    .gives::<Saved>()
    .codes(CODES),
    Route::get("/api/v1/segments/{id}/versions/{version}", READ, |call| Box::pin(version(call)))
        .doc("Segments", "Get a version of a segment's rule", "The last 20 are kept.")
        .gives::<SegmentVersion>()
        .codes(CODES),
    Route::get("/api/v1/segments/{id}/members", READ, |call| Box::pin(members(call)))
        .doc("Segments", "List the members, now or on a past date", "")
        .gives::<Page<Member>>()
        .query(&[AT, LIMIT, CURSOR])
        .codes(CODES),
    Route::get("/api/v1/segments/{id}/size", READ, |call| Box::pin(size(call)))
        .doc("Segments", "Count the members, now or on a past date", "")
        .gives::<Size>()
        .query(&[AT])
        .codes(CODES),
];

fn key(call: &Call, id: SegmentId) -> Result<EntityKey, Fault> {
    Ok(EntityKey::new(call.tenant()?, impresario_segment::KIND, id))
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let query: ListQuery = call.query()?;
    let (tenant, limit, cursor) = (call.tenant()?, query.limit()?, query.cursor()?);
    let page = call.view(move |views| views.segments(tenant, cursor.as_ref(), limit)).await?;
    call::ok(&call::page(page, |item| item))
}

async fn ask(call: &Call, id: SegmentId, command: Command) -> Result<Reply, Fault> {
    Ok(call.edge.router.ask::<Segment>(key(call, id)?, command, call.envelope()?).await?)
}

async fn get(call: &Call, id: SegmentId, query: Query) -> Result<Answer, Fault> {
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    Ok(call.edge.router.query::<Segment>(key(call, id)?, query, envelope).await?)
}

fn saved(status: StatusCode, id: SegmentId, reply: Reply) -> Result<Response, Fault> {
    let state = serde_json::to_value(reply.status).unwrap_or_default();
    call::json(
        status,
        &Saved {
            id: id.to_string(),
            version: reply.version,
            status: state.as_str().unwrap_or_default().to_owned(),
            changed: reply.changed,
        },
    )
}

async fn create(call: &mut Call) -> Result<Response, Fault> {
    let SaveSegment { name, description, rule, expected_version } = call.json()?;
    let state = Arc::clone(&call.caller()?.state);
    let limit = state.limits().segments;
    if state.live_segments().count() as u64 >= limit {
        return Err(Fault::new(&codes::PLAN_LIMIT_REACHED)
            .detail(format!("the plan allows {limit} live segments"))
            .info(serde_json::json!({ "what": "segments", "limit": limit })));
    }
    let id = call.fresh_id()?;
    let expected_version = Some(expected_version.unwrap_or(0));
    let command =
        Command::Save { name, description, rule: rule.get().to_owned(), expected_version };
    let reply = ask(call, id, command).await.map_err(|fault| fault.under("/rule"))?;
    saved(StatusCode::CREATED, id, reply)
}

async fn save(call: &mut Call) -> Result<Response, Fault> {
    let SaveSegment { name, description, rule, expected_version } = call.json()?;
    let id = known(call).await?;
    let command =
        Command::Save { name, description, rule: rule.get().to_owned(), expected_version };
    let reply = ask(call, id, command).await.map_err(|fault| fault.under("/rule"))?;
    saved(StatusCode::OK, id, reply)
}

async fn change(call: &mut Call, command: Command) -> Result<Response, Fault> {
    let id = call.path_id("id").await?;
    let reply = ask(call, id, command).await?;
    saved(StatusCode::OK, id, reply)
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path_id("id").await?;
    match get(call, id, Query::Get).await? {
        Answer::Segment(Some(view)) => call::ok(&view),
        Answer::Segment(None) | Answer::Version(_) => Err(Fault::new(&codes::SEGMENT_NOT_FOUND)),
    }
}

async fn version(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path_id("id").await?;
    let version = call.path("version").await?.parse().map_err(|_| {
        Fault::new(&codes::PARAMETER_INVALID).detail("a version is a whole number from 1")
    })?;
    match get(call, id, Query::Version { version }).await? {
        Answer::Version(Some(view)) => call::ok(&view),
        Answer::Segment(_) | Answer::Version(None) => Err(Fault::new(&codes::SEGMENT_NOT_FOUND)),
    }
}

/// The segment of the path, if there is one.
async fn known(call: &mut Call) -> Result<SegmentId, Fault> {
    let id = call.path_id("id").await?;
    match get(call, id, Query::Get).await? {
        Answer::Segment(Some(_)) => Ok(id),
        Answer::Segment(None) | Answer::Version(_) => Err(Fault::new(&codes::SEGMENT_NOT_FOUND)),
    }
}

#[derive(Deserialize)]
struct AtQuery {
    at: Option<String>,
}

fn moment(call: &Call) -> Result<Option<Timestamp>, Fault> {
    let AtQuery { at } = call.query()?;
    at.map(|text| call::time("at", &text)).transpose()
}

async fn members(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let (limit, cursor, at) = (list.limit()?, list.cursor()?, moment(call)?);
    let (tenant, id) = (call.tenant()?, known(call).await?);
    let page = call
        .view(move |views| match at {
            None => views.members(tenant, id, cursor.as_ref(), limit),
            Some(at) => views.members_at(tenant, id, at, cursor.as_ref(), limit),
        })
        .await?;
    call::ok(&call::page(page, |member| Member {
        profile: member.profile.to_string(),
        entered_at: time::print(member.entered_at),
        left_at: member.left_at.map(time::print),
    }))
}

async fn size(call: &mut Call) -> Result<Response, Fault> {
    let at = moment(call)?;
    let (tenant, id) = (call.tenant()?, known(call).await?);
    let members = call.view(move |views| views.members_count(tenant, id, at)).await?;
    call::ok(&Size { members, at: at.map(time::print) })
}

/// Profiles that are looked at if the caller does not say.
const SAMPLE: usize = 1_000;
const SAMPLE_MAX: usize = 10_000;
const EXAMPLES: usize = 10;

async fn preview(call: &mut Call) -> Result<Response, Fault> {
    let PreviewRequest { rule, sample } = call.json()?;
    let rule = rule.get().to_owned();
    let computed: Vec<String> =
        call.caller()?.state.computed().map(|computed| computed.name.clone()).collect();
    let vocabulary = Vocabulary { computed: Some(&computed) };
    if let Err(problems) = impresario_rules::parse_with(&rule, vocabulary) {
        let errors = problems
            .into_iter()
            .map(|problem| FieldProblem {
                pointer: format!("/rule{}", problem.pointer),
                code: problem.code.to_string(),
                detail: problem.message,
            })
            .collect();
        return Err(Fault::new(&codes::SEGMENT_RULE_INVALID).errors(errors));
    }
    let sample = sample.unwrap_or(SAMPLE);
    if !(1..=SAMPLE_MAX).contains(&sample) {
        let detail = format!("a sample has 1 to {SAMPLE_MAX} profiles");
        return Err(Fault::new(&codes::INVALID_REQUEST).detail(detail).pointer("/sample"));
    }
    let tenant = call.tenant()?;
    // Profile ids are hashes: the first ones of the list are a uniform sample.
    let (profiles, page) = call
        .view(move |views| {
            Ok((views.profiles_count(tenant)?, views.profiles(tenant, None, sample)?))
        })
        .await?;
    let call: &Call = call;
    let rule = rule.as_str();
    let verdicts: Vec<Result<(ProfileId, bool), Fault>> =
        stream::iter(page.items.into_iter().map(|item| item.id))
            .map(|id| async move { Ok((id, matches(call, id, rule).await?)) })
            .buffered(call.edge.options.batch_concurrency)
            .collect()
            .await;
    let verdicts = verdicts.into_iter().collect::<Result<Vec<_>, Fault>>()?;
    let matching = || verdicts.iter().filter(|(_, member)| *member);
    let (sampled, matched) = (verdicts.len() as u64, matching().count() as u64);
    call::ok(&Preview {
        profiles,
        sampled,
        matched,
        estimated_members: estimate(profiles, sampled, matched),
        exact: sampled >= profiles,
        examples: matching().take(EXAMPLES).map(|(id, _)| id.to_string()).collect(),
    })
}

pub(crate) fn estimate(profiles: u64, sampled: u64, matched: u64) -> u64 {
    let scaled =
        u128::from(profiles.max(sampled)) * u128::from(matched) / u128::from(sampled.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

async fn matches(call: &Call, id: ProfileId, rule: &str) -> Result<bool, Fault> {
    use impresario_profile::{Answer, Command, Query, Reply};
    let entity = EntityKey::new(call.tenant()?, impresario_profile::KIND, id);
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let query = Query::Matches { rule: rule.to_owned() };
    match call.edge.router.query::<Profile>(entity, query, envelope).await? {
        Answer::Matches { member } => Ok(member),
        Answer::NeedsHistory => {
            let command = Command::Preview { rule: rule.to_owned() };
            match call.edge.router.ask::<Profile>(entity, command, envelope).await {
                Ok(reply) => Ok(matches!(reply, Reply::Matched { member: true })),
                // Merged in between.
                Err(AskError::Rejected(_)) => Ok(false),
                Err(AskError::Failed(failure)) => Err(failure.into()),
            }
        }
        // Merged or deleted since the list was read.
        _ => Ok(false),
    }
}
