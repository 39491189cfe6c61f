//! Files that become documents.

use axum::response::Response;
use http::{StatusCode, header};
use impresario_api::{DocumentSaved, codes};
use impresario_ids::DocumentId;
use impresario_knowledge::{ChunkHash, Command, Content, Kind, Source, id_of_external};
use impresario_router::Envelope;
use serde::Deserialize;

use super::{MANAGE, TAG, ask, collection, saved};
use crate::call::Call;
use crate::fault::Fault;
use crate::intake::{self, Read, Sent};
use crate::port::Image;
use crate::route::{Param, Route};

pub(super) const FILENAME: Param =
    Param::text("filename", "The file's name; its ending helps to tell its kind.");
const CAPTION: Param = Param::text("caption", "What an image shows.");

/// What reading a file may be refused with.
const FILE_CODES: &[&codes::Code] = &[
    &codes::FILE_TOO_LARGE,
    &codes::FILE_TYPE_UNSUPPORTED,
    &codes::FILE_DAMAGED,
    &codes::FILE_ENCRYPTED,
    &codes::FILE_INFLATES_TOO_MUCH,
    &codes::FILE_TOO_DEEP,
    &codes::FILE_TEXT_TOO_LARGE,
    &codes::FILE_WITHOUT_TEXT,
    &codes::DOCUMENT_TOO_MANY_CHUNKS,
    &codes::DOCUMENT_TOO_LARGE,
    &codes::DOCUMENT_TITLE_INVALID,
    &codes::DOCUMENT_FIELD_INVALID,
    &codes::DOCUMENT_DELETED,
    &codes::COLLECTION_UNKNOWN,
    &codes::OVERLOADED,
];
pub(super) const ROUTES: &[Route] = &[
    Route::upload("/api/v1/knowledge/{collection}/files", MANAGE, |call| Box::pin(upload(call)))
        .doc(
            TAG,
            "Upload a file",
            "The body is the file: PDF, DOCX, XLSX, HTML, Markdown, plain text, CSV, JSON, EML, or \
             an image with `caption` (or a vision model that describes it). At most 20 MiB. What is \
             attached to a message becomes documents of its own. The same file name, or the same \
             `external_id`, replaces what was uploaded before.",
        )
        .gives::<DocumentSaved>()
        .status(201)
        .query(&[
            FILENAME,
            CAPTION,
            Param::text("title", "The title; otherwise the file's own, or its name."),
            Param::text("external_id", "The id under which you know it."),
            Param::text("category", "A shelf in the collection."),
            Param::text("url", "Where people can read it."),
            Param::time("review_at", "When somebody should look at it again."),
            Param::time("expires_at", "From when on it is not to be used any more."),
        ])
        .codes(FILE_CODES),
];

#[derive(Deserialize)]
struct UploadQuery {
    filename: Option<String>,
    caption: Option<String>,
    title: Option<String>,
    external_id: Option<String>,
    category: Option<String>,
    url: Option<String>,
    review_at: Option<String>,
    expires_at: Option<String>,
}

/// The media type of the body, without its parameters.
pub(in crate::routes) fn media(call: &Call) -> Option<String> {
    let value = call.parts.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!media.is_empty() && media != "application/octet-stream").then_some(media)
}

async fn upload(call: &mut Call) -> Result<Response, Fault> {
    let collection = collection(call).await?;
    let query: UploadQuery = call.query()?;
    let media = media(call);
    let caption = caption(call, query.caption, media.as_deref()).await?;
    let sent = Sent {
        bytes: call.body.clone(),
        media: media.clone(),
        filename: query.filename.clone(),
        caption,
    };
    let mut read = intake::read(call, sent).await?;
    let named = [query.title, read.document.title.clone(), query.filename.clone()];
    let mut content = Content {
        kind: Kind::File,
        collection,
        title: title(named.into_iter().flatten()),
        category: query.category.unwrap_or_default(),
        external_id: query.external_id.or_else(|| query.filename.clone()),
        review_at: super::at("review_at", query.review_at.as_deref())?,
        expires_at: super::at("expires_at", query.expires_at.as_deref())?,
        source: Source {
            filename: query.filename,
            mime: media,
            url: query.url,
            bytes: call.body.len() as u64,
            hash: Some(ChunkHash(*blake3::hash(&call.body).as_bytes())),
        },
        ..Content::default()
    };
    let id = match &content.external_id {
        Some(external) => id_of_external(call.tenant()?, &content.collection, external),
        None => call.fresh_id()?,
    };
    // What was attached stands on the same shelf.
    let place = Content {
        kind: Kind::File,
        collection: content.collection.clone(),
        category: content.category.clone(),
        expires_at: content.expires_at,
        ..Content::default()
    };
    let attached = std::mem::take(&mut read.attached);
    let mut warnings = read.fill(&mut content);
    let chunks = content.chunks.len();
    let command = Command::Put { content: Box::new(content), expected_version: None };
    let reply = ask(call, id, command, call.envelope()?).await?;
    attach(call, id, &place, attached, &mut warnings).await?;
    saved(StatusCode::CREATED, id, reply, chunks, warnings)
}

/// What is to be seen on an image: what was said, or what a vision model says.
async fn caption(
    call: &Call,
    given: Option<String>,
    media: Option<&str>,
) -> Result<Option<String>, Fault> {
    match media {
        Some(media) if given.is_none() && media.starts_with("image/") => {
            let image = Image { media: media.to_owned(), bytes: call.body.clone() };
            Ok(call.edge.talk.describe(call.tenant()?, image, call.trace).await?)
        }
        _ => Ok(given),
    }
}

/// The first name that is one, without what a title must not hold.
fn title(mut named: impl Iterator<Item = String>) -> String {
    let clean = |text: String| {
        let plain: String =
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
        plain.trim().to_owned()
    };
    named.by_ref().map(clean).find(|text| !text.is_empty()).unwrap_or_else(|| "Untitled".to_owned())
}

/// Puts what was attached to a file beside it, each as a document of its own.
async fn attach(
    call: &Call,
    parent: DocumentId,
    place: &Content,
    attached: Vec<(String, Read)>,
    warnings: &mut Vec<String>,
) -> Result<(), Fault> {
    let mut waiting: Vec<(DocumentId, String, Read)> =
        attached.into_iter().map(|(name, read)| (parent, name, read)).collect();
    while let Some((parent, name, mut read)) = waiting.pop() {
        let id = DocumentId::derived(&[parent.as_bytes(), b"attached", name.as_bytes()]);
        let inner = std::mem::take(&mut read.attached);
        waiting.extend(inner.into_iter().map(|(name, read)| (id, name, read)));
        let mut content = Content {
            title: title([name.clone()].into_iter()),
            source: Source { filename: Some(name), ..Source::default() },
            parent: Some(parent),
            ..place.clone()
        };
        warnings.extend(read.fill(&mut content));
        let command = Command::Put { content: Box::new(content), expected_version: None };
        ask(call, id, command, keyless(call)).await?;
    }
    Ok(())
}

/// For commands that are safe to repeat by themselves, however many a request sends: each may take
/// as long as a request.
pub(in crate::routes) fn keyless(call: &Call) -> Envelope {
    let wait = std::time::Duration::from_millis(call.edge.options.answer_timeout_ms);
    Envelope { key: None, deadline: call.edge.router.deadline(wait), trace: call.trace }
}
