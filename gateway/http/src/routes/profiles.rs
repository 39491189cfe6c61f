//! Profiles: look up, timeline, consents, un-merge, delete.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{
    Consents, Memberships, NewConsent, Page, Profile as ApiProfile, ProfileRow, Timeline, Unmerge,
};
use impresario_ids::ProfileId;
use impresario_kernel::{EntityKey, Personal, Timestamp};
use impresario_profile::{Answer, Command, ConsentChange, Profile, Query, View};
use impresario_router::Envelope;
use impresario_tenant::Scope;
use impresario_views::Find;
use serde::Deserialize;
use serde_json::Value;

use super::profile_json as json;
use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::Fault;
use crate::route::{CURSOR, LIMIT, Param, Route};
use crate::wire::time;

const READ: Access = Access::Scope(Scope::ProfilesRead);
const WRITE: Access = Access::Scope(Scope::ProfilesWrite);

const ID: &str = "`{id}` is a profile's id (`prf_…`), or `user:<user id>`, `anonymous:<anonymous id>`, \
`email:<address>` or `external:<type>:<id>`.";

const CODES: &[&codes::Code] = &[
    &codes::PROFILE_NOT_FOUND,
    &codes::PROFILE_MERGED,
    &codes::MERGE_CIRCLE,
    &codes::ID_INVALID,
    &codes::USER_MISMATCH,
];

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/profiles", READ, |call| Box::pin(find(call)))
        .doc("Profiles", "List or search profiles", "All profiles by id, or those with an exact value: \
            give one of `user_id`, `anonymous_id`, `email`, `external_id`, or `trait` with `value`.")
        .gives::<Page<ProfileRow>>()
        .query(&[
            Param::text("user_id", "The id under which you know the person."),
            Param::text("anonymous_id", "The id of a device or browser."),
            Param::text("email", "The trait `email`, in any case."),
            Param::text("external_id", "An id of another system, as `type:id`."),
            Param::text("trait", "The name of a trait."),
            Param::text("value", "The trait's value: JSON, or a text."),
            LIMIT,
            CURSOR,
        ]),
    Route::get("/api/v1/profiles/{id}", READ, |call| Box::pin(show(call)))
        .doc("Profiles", "Get a profile", ID)
        .gives::<ApiProfile>()
        .codes(CODES),
    Route::delete("/api/v1/profiles/{id}", WRITE, |call| Box::pin(delete(call)))
        .doc("Profiles", "Forget everything about a person", ID)
        .status(204)
        .codes(CODES),
    Route::get("/api/v1/profiles/{id}/timeline", READ, |call| Box::pin(timeline(call)))
        .doc("Profiles", "What happened to a profile, newest first", ID)
        .gives::<Timeline>()
        .query(&[LIMIT, CURSOR])
        .codes(CODES),
    Route::get("/api/v1/profiles/{id}/segments", READ, |call| Box::pin(memberships(call)))
        .doc("Profiles", "The segments of a profile, now or at a moment", ID)
        .gives::<Memberships>()
        .query(&[Param::time("at", "The moment; now if not given.")])
        .codes(CODES),
    Route::get("/api/v1/profiles/{id}/consents", READ, |call| Box::pin(consents(call)))
        .doc("Profiles", "What a person said about consent", ID)
        .gives::<Consents>()
        .codes(CODES),
    Route::post("/api/v1/profiles/{id}/consents", WRITE, |call| Box::pin(set_consent(call)))
        .doc("Profiles", "Record a consent or a withdrawal", ID)
        .takes::<NewConsent>()
        .status(204)
        .codes(&[&codes::CONSENT_INVALID, &codes::CONSENTS_TOO_MANY, &codes::PROFILE_MERGED, &codes::PROFILE_NOT_FOUND, &codes::ID_INVALID]),
    Route::post("/api/v1/profiles/{id}/unmerge", WRITE, |call| Box::pin(unmerge(call)))
        .doc("Profiles", "Take a merged profile out again", ID)
        .takes::<Unmerge>()
        .status(204)
        .codes(&[&codes::PROFILE_NOT_MERGED, &codes::PROFILE_MERGED, &codes::PROFILE_NOT_FOUND, &codes::ID_INVALID]),
];

#[derive(Deserialize)]
struct FindQuery {
    user_id: Option<String>,
    anonymous_id: Option<String>,
    email: Option<String>,
    external_id: Option<String>,
    r#trait: Option<String>,
    value: Option<String>,
}

async fn find(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let (limit, cursor) = (list.limit()?, list.cursor()?);
    let tenant = call.tenant()?;
    let query: FindQuery = call.query()?;
    let given =
        [&query.user_id, &query.anonymous_id, &query.email, &query.external_id, &query.r#trait];
    match given.into_iter().flatten().count() {
        0 => {
            let page =
                call.view(move |views| views.profiles(tenant, cursor.as_ref(), limit)).await?;
            return call::ok(&call::page(page, |item| ProfileRow {
                id: item.id.to_string(),
                since: Some(time::print(item.since)),
            }));
        }
        1 => {}
        _ => {
            return Err(
                Fault::new(&codes::PARAMETER_INVALID).detail("search by one value at a time")
            );
        }
    }
    let value = trait_value(&query)?;
    let page = call
        .view(move |views| {
            let find = match &query {
                FindQuery { user_id: Some(id), .. } => Find::UserId(id),
                FindQuery { anonymous_id: Some(id), .. } => Find::AnonymousId(id),
                FindQuery { email: Some(email), .. } => Find::Email(email),
                FindQuery { external_id: Some(id), .. } => Find::ExternalId(id),
                FindQuery { r#trait, .. } => {
                    Find::Trait { name: r#trait.as_deref().unwrap_or_default(), value: &value }
                }
            };
            views.find_profiles(tenant, find, cursor.as_ref(), limit)
        })
        .await?;
    call::ok(&call::page(page, |id| ProfileRow { id: id.to_string(), since: None }))
}

/// `value` as JSON if it is a scalar, otherwise as a text.
fn trait_value(query: &FindQuery) -> Result<Value, Fault> {
    match (&query.r#trait, &query.value) {
        (None, _) => Ok(Value::Null),
        (Some(_), None) => {
            Err(Fault::new(&codes::PARAMETER_INVALID).detail("a trait needs a value"))
        }
        (Some(_), Some(text)) => Ok(match serde_json::from_str(text) {
            Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
            Ok(Value::Null | Value::Array(_) | Value::Object(_)) | Err(_) => {
                Value::String(text.clone())
            }
        }),
    }
}

/// The profile that the path names.
async fn named(call: &mut Call) -> Result<ProfileId, Fault> {
    let text = call.path("id").await?;
    let tenant = call.tenant()?;
    let id = match text.split_once(':') {
        Some(("user", id)) => impresario_profile::id_of_user(tenant, id),
        Some(("anonymous", id)) => impresario_profile::id_of_anonymous(tenant, id),
        Some((sort @ ("email" | "external"), value)) => {
            let (by_email, value) = (sort == "email", value.to_owned());
            let page = call
                .view(move |views| {
                    let find =
                        if by_email { Find::Email(&value) } else { Find::ExternalId(&value) };
                    views.find_profiles(tenant, find, None, 1)
                })
                .await?;
            let first = page.items.into_iter().next();
            first.ok_or_else(|| Fault::new(&codes::PROFILE_NOT_FOUND))?
        }
        _ => text.parse()?,
    };
    // A user's own token shows nobody else.
    if let Some(user) = &call.caller()?.user
        && id != impresario_profile::id_of_user(tenant, user)
    {
        return Err(Fault::new(&codes::USER_MISMATCH));
    }
    Ok(id)
}

async fn ask(call: &Call, id: ProfileId, command: Command) -> Result<(), Fault> {
    let entity = EntityKey::new(call.tenant()?, impresario_profile::KIND, id);
    call.edge.router.ask::<Profile>(entity, command, call.envelope()?).await?;
    Ok(())
}

/// Asks a profile, or the one that it is merged into.
async fn query(call: &Call, mut id: ProfileId, query: Query) -> Result<Answer, Fault> {
    const HOPS_MAX: usize = 8;
    let tenant = call.tenant()?;
    for _ in 0..HOPS_MAX {
        let entity = EntityKey::new(tenant, impresario_profile::KIND, id);
        let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
        match call.edge.router.query::<Profile>(entity, query.clone(), envelope).await? {
            Answer::Merged { into } => id = into,
            answer => return Ok(answer),
        }
    }
    Err(Fault::new(&codes::MERGE_CIRCLE))
}

async fn view_of(call: &mut Call) -> Result<View, Fault> {
    let id = named(call).await?;
    match query(call, id, Query::Get).await? {
        Answer::Profile(view) => Ok(*view),
        _ => Err(Fault::new(&codes::PROFILE_NOT_FOUND)),
    }
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let view = view_of(call).await?;
    call::ok(&json::profile(view)?)
}

async fn delete(call: &mut Call) -> Result<Response, Fault> {
    let id = named(call).await?;
    ask(call, id, Command::Delete).await?;
    call::done()
}

async fn timeline(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let (limit, cursor) = (list.limit()?, list.cursor()?);
    let (tenant, id) = (call.tenant()?, named(call).await?);
    let timeline =
        call.view(move |views| views.timeline(tenant, id, cursor.as_ref(), limit)).await?;
    if timeline.items.is_empty() && timeline.merged_into.is_none() && list.cursor_text().is_none() {
        return Err(Fault::new(&codes::PROFILE_NOT_FOUND));
    }
    call::ok(&json::timeline(timeline))
}

#[derive(Deserialize)]
struct AtQuery {
    at: Option<String>,
}

async fn memberships(call: &mut Call) -> Result<Response, Fault> {
    let AtQuery { at } = call.query()?;
    let at: Timestamp =
        at.map(|text| call::time("at", &text)).transpose()?.unwrap_or(call.received);
    let id = named(call).await?;
    match query(call, id, Query::Memberships { at }).await? {
        Answer::Memberships { segments, .. }
            if segments.is_empty() && !exists(call, id).await? =>
        {
            Err(Fault::new(&codes::PROFILE_NOT_FOUND))
        }
        Answer::Memberships { segments, complete_since } => call::ok(&Memberships {
            segments: segments.into_iter().map(json::membership).collect(),
            complete_since: complete_since.map(time::print),
        }),
        _ => Err(Fault::new(&codes::PROFILE_NOT_FOUND)),
    }
}

async fn exists(call: &Call, id: ProfileId) -> Result<bool, Fault> {
    Ok(matches!(query(call, id, Query::Exists).await?, Answer::Exists { exists: true }))
}

async fn consents(call: &mut Call) -> Result<Response, Fault> {
    let view = view_of(call).await?;
    call::ok(&Consents {
        current: view.consents.into_iter().map(json::consent).collect(),
        history: view.consent_history.into_iter().map(json::consent).collect(),
        older: view.consent_history_dropped,
    })
}

async fn set_consent(call: &mut Call) -> Result<Response, Fault> {
    let NewConsent { purpose, channel, granted, source, text_version, proof, at } = call.json()?;
    let at = at.map(|text| call::time("at", &text)).transpose()?.unwrap_or(call.received);
    if at > call.received {
        return Err(Fault::new(&codes::TIMESTAMP_ABSURD)
            .detail("nobody consents in the future")
            .pointer("/at"));
    }
    let proof = proof.map(|proof| Personal(proof.to_string()));
    let change = ConsentChange { purpose, channel, granted, source, text_version, proof, at };
    let id = named(call).await?;
    ask(call, id, Command::SetConsent(change)).await?;
    call::done()
}

async fn unmerge(call: &mut Call) -> Result<Response, Fault> {
    let Unmerge { from } = call.json()?;
    let from: ProfileId = from.parse()?;
    let id = named(call).await?;
    ask(call, id, Command::Unmerge { from }).await?;
    call::done()
}
