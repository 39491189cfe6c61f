//! Entries and documents of a tenant's knowledge: make, change, delete, restore, list.

mod collections;
mod files;
mod import;

use axum::response::Response;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{
    Document as ApiDocument, DocumentPatch, DocumentReviewed, DocumentRow, DocumentSaved, Page,
    SaveDocument,
};
use impresario_ids::DocumentId;
use impresario_kernel::Timestamp;
use impresario_knowledge::{
    Answer, COLLECTIONS, Command, Content, Document, Field, Kind, Patch, Query, Rejection, Reply,
    Status, View, id_of_external, key,
};
use impresario_router::{AskError, Envelope};
use impresario_tenant::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::{self, Fault};
use crate::intake;
use crate::route::{CURSOR, LIMIT, Param, Route};

pub(in crate::routes) use files::media;

pub(crate) const FILES: &[Route] = files::ROUTES;
pub(crate) const COLLECTION_ROUTES: &[Route] = collections::ROUTES;
pub(crate) const IMPORTS: &[Route] = import::ROUTES;

pub(super) const MANAGE: Access = Access::Scope(Scope::IntegrationsManage);
const TAG: &str = "Knowledge";

/// What saving a document may be refused with.
pub(super) const SAVE_CODES: &[&codes::Code] = &[
    &codes::COLLECTION_UNKNOWN,
    &codes::DOCUMENT_TITLE_INVALID,
    &codes::DOCUMENT_CONTENT_INVALID,
    &codes::DOCUMENT_TOO_MANY_CHUNKS,
    &codes::DOCUMENT_TOO_LARGE,
    &codes::DOCUMENT_FIELD_INVALID,
    &codes::DOCUMENT_METADATA_INVALID,
    &codes::DOCUMENT_VERSION_CONFLICT,
    &codes::DOCUMENT_DELETED,
    &codes::DOCUMENT_NOT_FOUND,
    &codes::ID_INVALID,
];
pub(super) const CODES: &[&codes::Code] = &[
    &codes::COLLECTION_UNKNOWN,
    &codes::DOCUMENT_NOT_FOUND,
    &codes::DOCUMENT_DELETED,
    &codes::ID_INVALID,
];

pub(super) const STATUS: Param = Param::text(
    "status",
    "`active` (if not given), `expired`, `failed` or `deleted`; `listed`: all that are not deleted.",
);
pub(super) const ERASE: Param =
    Param::flag("erase", "Whether to forget all that it said, for good.");

const LIST: &str = "/api/v1/knowledge/{collection}/documents";
const ONE: &str = "/api/v1/knowledge/{collection}/documents/{id}";

pub(crate) const ROUTES: &[Route] = &[
    Route::get(LIST, MANAGE, |call| Box::pin(list(call)))
        .doc(TAG, "List the documents of a collection", "")
        .gives::<Page<DocumentRow>>()
        .query(&[STATUS, LIMIT, CURSOR])
        .codes(&[&codes::COLLECTION_UNKNOWN]),
    Route::post(LIST, MANAGE, |call| Box::pin(create(call)))
        .doc(
            TAG,
            "Make an entry",
            "It is found as soon as it is saved, by meaning once its chunks have vectors. With the \
             `external_id` of an entry that is there, that one is replaced.",
        )
        .takes::<SaveDocument>()
        .gives::<DocumentSaved>()
        .status(201)
        .codes(SAVE_CODES),
    Route::get(ONE, MANAGE, |call| Box::pin(show(call)))
        .doc(TAG, "Get a document", "With its text; deleted ones too.")
        .gives::<ApiDocument>()
        .codes(CODES),
    Route::put(ONE, MANAGE, |call| Box::pin(replace(call)))
        .doc(
            TAG,
            "Replace an entry",
            "Only chunks whose text changed need new vectors; what was removed is gone from \
             answers at once.",
        )
        .takes::<SaveDocument>()
        .gives::<DocumentSaved>()
        .codes(SAVE_CODES),
    Route::patch(ONE, MANAGE, |call| Box::pin(patch(call)))
        .doc(TAG, "Change how a document is found", "Its text stays as it is.")
        .takes::<DocumentPatch>()
        .gives::<DocumentSaved>()
        .codes(SAVE_CODES),
    Route::delete(ONE, MANAGE, |call| Box::pin(remove(call)))
        .doc(TAG, "Delete a document", "It can be restored, unless `erase` is given.")
        .gives::<DocumentSaved>()
        .query(&[ERASE])
        .codes(CODES),
    Route::act("/api/v1/knowledge/{collection}/documents/{id}/restore", MANAGE, |call| {
        Box::pin(restore(call))
    })
    .doc(TAG, "Restore a deleted document", "")
    .gives::<DocumentSaved>()
    .codes(CODES),
    Route::post("/api/v1/knowledge/{collection}/documents/{id}/reviewed", MANAGE, |call| {
        Box::pin(reviewed(call))
    })
    .doc(TAG, "Say that a document is still right", "")
    .takes::<DocumentReviewed>()
    .gives::<DocumentSaved>()
    .codes(CODES),
];

/// Whether the tenant has the collection.
pub(in crate::routes) fn known_collection(call: &Call, name: &str) -> Result<(), Fault> {
    let own = || {
        call.caller().is_ok_and(|caller| {
            caller.state.collections().iter().any(|collection| collection.name == name)
        })
    };
    if COLLECTIONS.contains(&name) || own() {
        return Ok(());
    }
    Err(Fault::new(&codes::COLLECTION_UNKNOWN).detail(format!("there is no collection {name}")))
}

/// The collection of the path.
async fn collection(call: &mut Call) -> Result<String, Fault> {
    let name = call.path("collection").await?;
    known_collection(call, &name)?;
    Ok(name)
}

/// Sends a command to a document. A field that it refuses is pointed at.
pub(in crate::routes) async fn ask(
    call: &Call,
    id: DocumentId,
    command: Command,
    envelope: Envelope,
) -> Result<Reply, Fault> {
    let entity = key(call.tenant()?, id);
    match call.edge.router.ask::<Document>(entity, command, envelope).await {
        Ok(reply) => Ok(reply),
        Err(AskError::Rejected(rejection)) => {
            let fault = fault::rejected(&rejection);
            Err(match rejection {
                Rejection::FieldInvalid { field, .. } => fault.pointer(format!("/{field}")),
                Rejection::MetadataInvalid(_) => fault.under("/metadata"),
                Rejection::TitleInvalid => fault.pointer("/title"),
                _ => fault,
            })
        }
        Err(AskError::Failed(failure)) => Err(failure.into()),
    }
}

async fn view(call: &Call, id: DocumentId, query: Query) -> Result<View, Fault> {
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let entity = key(call.tenant()?, id);
    match call.edge.router.query::<Document>(entity, query, envelope).await? {
        Answer::Document(Some(view)) => Ok(*view),
        Answer::Document(None) | Answer::Section(_) => Err(Fault::new(&codes::DOCUMENT_NOT_FOUND)),
    }
}

/// The document of the path without its text, if the collection of the path has it.
async fn known(call: &mut Call) -> Result<View, Fault> {
    let collection = collection(call).await?;
    in_collection(call, &collection, Query::Summary).await
}

/// The document of the path, if this collection has it.
pub(in crate::routes) async fn in_collection(
    call: &mut Call,
    collection: &str,
    query: Query,
) -> Result<View, Fault> {
    let id: DocumentId = call.path_id("id").await?;
    let view = view(call, id, query).await?;
    if view.collection != collection {
        return Err(Fault::new(&codes::DOCUMENT_NOT_FOUND));
    }
    Ok(view)
}

pub(in crate::routes) fn saved(
    status: StatusCode,
    id: DocumentId,
    reply: Reply,
    chunks: usize,
    warnings: Vec<String>,
) -> Result<Response, Fault> {
    call::json(
        status,
        &DocumentSaved {
            id: id.to_string(),
            version: reply.version,
            status: named(&reply.status),
            changed: reply.changed,
            chunks: chunks as u64,
            to_embed: u64::from(reply.to_embed),
            warnings,
        },
    )
}

#[derive(Deserialize)]
struct StatusQuery {
    status: Option<String>,
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let name = collection(call).await?;
    listed(call, name).await
}

/// A page of a collection.
pub(in crate::routes) async fn listed(
    call: &mut Call,
    collection: String,
) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let StatusQuery { status } = call.query()?;
    let status = match status.as_deref() {
        None | Some("active") => Some(Status::Active),
        Some("deleted") => Some(Status::Deleted),
        Some("expired") => Some(Status::Expired),
        Some("failed") => Some(Status::Failed),
        Some("listed") => None,
        Some(_) => {
            return Err(Fault::new(&codes::PARAMETER_INVALID)
                .detail("status is active, expired, failed, deleted or listed"));
        }
    };
    let (tenant, limit, cursor) = (call.tenant()?, list.limit()?, list.cursor()?);
    let page = call
        .view(move |views| {
            views.documents(tenant, Some(&collection), status, cursor.as_ref(), limit)
        })
        .await?;
    call::ok(&call::page(page, |item| item))
}

/// The public name of a value that has one.
fn named(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

/// A time that may be taken away by an empty text.
fn moment(name: &str, text: Option<String>) -> Result<Field<Timestamp>, Fault> {
    match text.as_deref() {
        None => Ok(Field::Keep),
        Some("") => Ok(Field::Clear),
        Some(text) => Ok(Field::Set(call::time(name, text)?)),
    }
}

/// A time that is given or not.
pub(in crate::routes) fn at(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    text.filter(|text| !text.is_empty()).map(|text| call::time(name, text)).transpose()
}

/// The text of a metadata object; empty for an empty one.
pub(in crate::routes) fn metadata(metadata: Map<String, Value>) -> String {
    if metadata.is_empty() { String::new() } else { Value::Object(metadata).to_string() }
}

/// Everything about an entry but its text, which is given apart with its media type.
fn content(collection: String, document: SaveDocument) -> Result<(Content, String, String), Fault> {
    let media = document.media.unwrap_or_else(|| "text/markdown".to_owned());
    if !["text/plain", "text/markdown", "text/html"].contains(&media.as_str()) {
        return Err(Fault::new(&codes::INVALID_REQUEST)
            .detail("media is text/plain, text/markdown or text/html")
            .pointer("/media"));
    }
    let content = Content {
        kind: Kind::Entry,
        collection,
        title: document.title,
        keywords: document.keywords,
        category: document.category.unwrap_or_default(),
        priority: document.priority,
        audience: document.audience,
        metadata: metadata(document.metadata),
        language: document.language,
        external_id: document.external_id,
        review_at: at("review_at", document.review_at.as_deref())?,
        expires_at: at("expires_at", document.expires_at.as_deref())?,
        ..Content::default()
    };
    Ok((content, document.content, media))
}

async fn create(call: &mut Call) -> Result<Response, Fault> {
    let collection = collection(call).await?;
    let document: SaveDocument = call.json()?;
    let expected_version = document.expected_version;
    let (content, text, media) = content(collection, document)?;
    let id = match &content.external_id {
        Some(external) => id_of_external(call.tenant()?, &content.collection, external),
        None => call.fresh_id()?,
    };
    save(call, StatusCode::CREATED, id, content, &text, &media, expected_version).await
}

async fn replace(call: &mut Call) -> Result<Response, Fault> {
    let old = known(call).await?;
    let document: SaveDocument = call.json()?;
    let expected_version = document.expected_version;
    let (mut content, text, media) = content(old.collection.clone(), document)?;
    // The id under which the tenant knows it made its own id, so it stays.
    content.external_id = old.external_id;
    let id: DocumentId = call.path_id("id").await?;
    save(call, StatusCode::OK, id, content, &text, &media, expected_version).await
}

/// Cuts a text and puts it into a document.
pub(in crate::routes) async fn save(
    call: &Call,
    status: StatusCode,
    id: DocumentId,
    mut content: Content,
    text: &str,
    media: &str,
    expected_version: Option<u32>,
) -> Result<Response, Fault> {
    let read = intake::read_text(call, text.to_owned(), media.to_owned()).await?;
    let warnings = read.fill(&mut content);
    let chunks = content.chunks.len();
    let command = Command::Put { content: Box::new(content), expected_version };
    let reply = ask(call, id, command, call.envelope()?).await?;
    saved(status, id, reply, chunks, warnings)
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let collection = collection(call).await?;
    call::ok(&in_collection(call, &collection, Query::Get).await?)
}

async fn patch(call: &mut Call) -> Result<Response, Fault> {
    let old = known(call).await?;
    let patch: DocumentPatch = call.json()?;
    let expected_version = patch.expected_version;
    let patch = Patch {
        title: patch.title,
        keywords: patch.keywords,
        category: patch.category,
        priority: patch.priority,
        audience: patch.audience,
        metadata: patch.metadata.map(|metadata| Value::Object(metadata).to_string()),
        language: Field::Keep,
        review_at: moment("review_at", patch.review_at)?,
        expires_at: moment("expires_at", patch.expires_at)?,
        product: None,
    };
    change(call, old, Command::PatchMetadata { patch: Box::new(patch), expected_version }).await
}

/// Sends a command that leaves the text alone.
pub(in crate::routes) async fn change(
    call: &mut Call,
    old: View,
    command: Command,
) -> Result<Response, Fault> {
    let id: DocumentId = call.path_id("id").await?;
    let reply = ask(call, id, command, call.envelope()?).await?;
    saved(StatusCode::OK, id, reply, old.chunk_count as usize, Vec::new())
}

#[derive(Deserialize)]
struct EraseQuery {
    #[serde(default)]
    erase: bool,
}

/// What a `DELETE` means.
pub(in crate::routes) fn removal(call: &Call) -> Result<Command, Fault> {
    let EraseQuery { erase } = call.query()?;
    Ok(if erase { Command::Erase } else { Command::Delete })
}

async fn remove(call: &mut Call) -> Result<Response, Fault> {
    let (old, command) = (known(call).await?, removal(call)?);
    change(call, old, command).await
}

async fn restore(call: &mut Call) -> Result<Response, Fault> {
    let old = known(call).await?;
    change(call, old, Command::Restore).await
}

async fn reviewed(call: &mut Call) -> Result<Response, Fault> {
    let DocumentReviewed { next_review_at } =
        if call.body.is_empty() { DocumentReviewed::default() } else { call.json()? };
    let next_review_at = at("next_review_at", next_review_at.as_deref())?;
    let old = known(call).await?;
    change(call, old, Command::MarkReviewed { next_review_at }).await
}
