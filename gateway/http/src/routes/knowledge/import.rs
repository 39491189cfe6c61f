//! Many entries, or many products and services, out of one file, with a report by row.

use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use impresario_api::codes;
use impresario_api::{ImportReport, ImportRow};
use impresario_documents::{
    EntryDraft, Hint, Import, ItemDraft, ItemKind, Limits, Problem, import_catalogue,
    import_entries,
};
use impresario_kernel::Timestamp;
use impresario_knowledge::{Command, Content, Kind, Product, id_of_external};
use serde::Deserialize;

use super::files::{FILENAME, keyless, media};
use super::{MANAGE, TAG, ask, known_collection};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::intake::{self, Sent};
use crate::port::Talk;
use crate::route::{Param, Route};
use crate::routes::catalogue;

const COLLECTION: Param =
    Param::text("collection", "Where the entries belong, unless their row says otherwise.")
        .required();

/// What an import may be refused with as a whole.
const CODES: &[&codes::Code] = &[
    &codes::IMPORT_UNREADABLE,
    &codes::FILE_TOO_LARGE,
    &codes::FILE_DAMAGED,
    &codes::FILE_TEXT_TOO_LARGE,
    &codes::COLLECTION_UNKNOWN,
    &codes::OVERLOADED,
];

pub(super) const ROUTES: &[Route] = &[
    Route::upload("/api/v1/knowledge/import", MANAGE, |call| Box::pin(entries(call)))
        .doc(
            TAG,
            "Import many entries",
            "The body is a CSV table with a line of column names, a JSON array, or one JSON object \
             per line; `title` and `content` are needed. Rows are known by their `id`, or by what \
             they say: importing a file again changes nothing. The answer tells what became of each \
             row.",
        )
        .gives::<ImportReport>()
        .query(&[COLLECTION, FILENAME])
        .codes(CODES),
    Route::upload("/api/v1/catalogue/import", MANAGE, |call| Box::pin(items(call)))
        .doc(
            "Catalogue",
            "Import many products and services",
            "As an import of entries; `name` is needed. Rows are known by `id` or `sku`.",
        )
        .gives::<ImportReport>()
        .query(&[FILENAME])
        .codes(CODES),
];

#[derive(Deserialize)]
struct ImportQuery {
    collection: Option<String>,
    filename: Option<String>,
}

/// A row on its way into a document: its number, and what it becomes.
type Made = (u32, Result<Content, Problem>);

async fn entries(call: &mut Call) -> Result<Response, Fault> {
    let ImportQuery { collection, filename } = call.query()?;
    let collection = collection.ok_or_else(|| {
        Fault::new(&codes::PARAMETER_INVALID).detail("say which collection the entries belong to")
    })?;
    known_collection(call, &collection)?;
    let make = move |talk: &dyn Talk, sent: Sent| {
        let import = import_entries(&sent.bytes, &hint(&sent), &Limits::default())?;
        Ok(worked(import, talk, |draft| entry(draft, &collection)))
    };
    run(call, filename, make).await
}

async fn items(call: &mut Call) -> Result<Response, Fault> {
    let ImportQuery { filename, .. } = call.query()?;
    let make = |talk: &dyn Talk, sent: Sent| {
        let import = import_catalogue(&sent.bytes, &hint(&sent), &Limits::default())?;
        Ok(worked(import, talk, item))
    };
    run(call, filename, make).await
}

fn hint(sent: &Sent) -> Hint<'_> {
    Hint { mime: sent.media.as_deref(), filename: sent.filename.as_deref(), ..Hint::default() }
}

/// An entry, and its text.
fn entry(draft: EntryDraft, collection: &str) -> (Content, String) {
    let content = Content {
        kind: Kind::Entry,
        collection: draft.collection.unwrap_or_else(|| collection.to_owned()),
        title: draft.title,
        keywords: draft.keywords,
        category: draft.category,
        priority: draft.priority,
        audience: draft.audience,
        metadata: draft.metadata,
        language: draft.language,
        review_at: draft.review_at_ms.map(Timestamp::from_ms),
        expires_at: draft.expires_at_ms.map(Timestamp::from_ms),
        ..Content::default()
    };
    (content, draft.content)
}

/// A product or a service, and its words.
fn item(draft: ItemDraft) -> (Content, String) {
    let words =
        if draft.description.trim().is_empty() { draft.name.clone() } else { draft.description };
    let content = Content {
        kind: match draft.kind {
            ItemKind::Product => Kind::Product,
            ItemKind::Service => Kind::Service,
        },
        collection: catalogue::COLLECTION.to_owned(),
        title: draft.name,
        keywords: draft.keywords,
        category: draft.category,
        metadata: draft.metadata,
        language: draft.language,
        product: Some(Product {
            sku: draft.sku,
            price_micros: draft.price_micros,
            currency: draft.currency,
            stock: draft.stock,
            slots: draft.slots,
            aliases: draft.aliases,
            image: draft.image,
            complements: draft.complements,
        }),
        ..Content::default()
    };
    (content, words)
}

/// The rows, read and cut, and the report as far as it is known.
fn worked<T>(
    import: Import<T>,
    talk: &dyn Talk,
    make: impl Fn(T) -> (Content, String),
) -> (ImportReport, Vec<Made>) {
    let good = import.rows.len() as u64;
    let total = u64::from(import.total);
    let problems = import.problems.into_iter().map(|problem| ImportRow {
        row: problem.row,
        outcome: "refused".to_owned(),
        id: None,
        column: problem.column,
        code: Some(problem.code.to_owned()),
        detail: Some(problem.message),
    });
    let report = ImportReport {
        total,
        refused: total.saturating_sub(good),
        ignored_columns: import.ignored_columns,
        rows: problems.collect(),
        ..ImportReport::default()
    };
    let made = import.rows.into_iter().map(|row| {
        let (mut content, text) = make(row.item);
        content.external_id = Some(row.external_id);
        (
            row.row,
            intake::cut_text(text, talk).map(|read| {
                read.fill(&mut content);
                content
            }),
        )
    });
    (report, made.collect())
}

async fn run(
    call: &Call,
    filename: Option<String>,
    make: impl FnOnce(&dyn Talk, Sent) -> Result<(ImportReport, Vec<Made>), Problem> + Send + 'static,
) -> Result<Response, Fault> {
    // A repeated import changes nothing, so the key need not travel; it must be one all the same.
    call.idempotency_text()?;
    let bytes: Bytes = call.body.clone();
    let sent = Sent { bytes, media: media(call), filename, caption: None };
    let talk = std::sync::Arc::clone(&call.edge.talk);
    let (mut report, made) = intake::blocking(call, move || make(&*talk, sent)).await?;
    let outcomes: Vec<ImportRow> = stream::iter(made)
        .map(|(row, made)| put(call, row, made))
        .buffered(call.edge.options.batch_concurrency)
        .collect()
        .await;
    for row in outcomes {
        match row.outcome.as_str() {
            "created" => report.created += 1,
            "changed" => report.changed += 1,
            "unchanged" => report.unchanged += 1,
            _ => report.refused += 1,
        }
        report.rows.push(row);
    }
    report.rows.sort_by_key(|row| row.row);
    call::ok(&report)
}

async fn put(call: &Call, row: u32, made: Result<Content, Problem>) -> ImportRow {
    let outcome = match made {
        Ok(content) => one(call, content).await,
        Err(problem) => Err(intake::refused(&problem)),
    };
    match outcome {
        Ok((id, outcome)) => ImportRow {
            row,
            outcome: outcome.to_owned(),
            id: Some(id),
            column: None,
            code: None,
            detail: None,
        },
        Err(fault) => ImportRow {
            row,
            outcome: "refused".to_owned(),
            id: None,
            column: fault
                .problem()
                .pointer
                .as_deref()
                .map(|at| at.trim_start_matches('/').to_owned()),
            code: Some(fault.code().to_owned()),
            detail: fault.problem().detail.clone(),
        },
    }
}

/// Puts one row's document: its id, and what became of it.
async fn one(call: &Call, content: Content) -> Result<(String, &'static str), Fault> {
    let external = content.external_id.as_deref().unwrap_or_default();
    let id = id_of_external(call.tenant()?, &content.collection, external);
    let command = Command::Put { content: Box::new(content), expected_version: None };
    let reply = ask(call, id, command, keyless(call)).await?;
    let outcome = match (reply.changed, reply.version) {
        (false, _) => "unchanged",
        (true, 1) => "created",
        (true, _) => "changed",
    };
    Ok((id.to_string(), outcome))
}
