//! Files of conversations: what customers sent, and what is to be sent to them.

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use impresario_api::{StoredFile, codes};
use impresario_conversation::{Answer, Conversation, KIND, Query};
use impresario_ids::ConversationId;
use impresario_kernel::EntityKey;
use impresario_messages::{Content, Media};
use impresario_router::Envelope;
use serde::Deserialize;

use super::{READ, TAG, WRITE};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::port::ChatFile;
use crate::route::{Param, Route};
use crate::routes::knowledge::media;

const NAME_CHARS_MAX: usize = 200;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/conversations/{id}/messages/{number}/file", READ, |call| {
        Box::pin(fetch(call))
    })
    .doc(
        TAG,
        "Fetch the file of a message",
        "Out of the platform's store, with the connection's credentials: platforms keep files for a \
         while, this server does not. It comes as an attachment, whatever it says it is.",
    )
    .media("application/octet-stream")
    .codes(&[
        &codes::CONVERSATION_NOT_FOUND,
        &codes::CHAT_FILE_UNAVAILABLE,
        &codes::ID_INVALID,
        &codes::UNAVAILABLE,
    ]),
    Route::upload("/api/v1/connections/{name}/files", WRITE, |call| Box::pin(deposit(call)))
        .doc(
            TAG,
            "Give a platform a file to send",
            "For files without a public address. The body is the file, with its media type; at most \
             20 MiB. Send it as content of a reply: `{\"type\": \"media\", \"kind\": \"document\", \
             \"id_or_url\": ID, \"mime\": …}`. WhatsApp's Cloud API only.",
        )
        .gives::<StoredFile>()
        .status(201)
        .query(&[Param::text("filename", "How the file is called.")])
        .codes(&[
            &codes::CONNECTION_UNKNOWN,
            &codes::CHAT_FILE_UNSUPPORTED,
            &codes::FILE_TYPE_UNSUPPORTED,
            &codes::UNAVAILABLE,
        ]),
];

fn unavailable(detail: &str) -> Fault {
    Fault::new(&codes::CHAT_FILE_UNAVAILABLE).detail(detail)
}

async fn fetch(call: &mut Call) -> Result<Response, Fault> {
    let id: ConversationId = call.path_id("id").await?;
    let number: u64 = call
        .path("number")
        .await?
        .parse()
        .map_err(|_| Fault::new(&codes::PARAMETER_INVALID).detail("messages have numbers"))?;
    let tenant = call.tenant()?;
    let entity = EntityKey::new(tenant, KIND, id);
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let query = Query::Show { before: number.checked_add(1), limit: 1 };
    let answer = call.edge.router.query::<Conversation>(entity, query, envelope).await?;
    let Answer::Conversation(Some(view)) = answer else {
        return Err(Fault::new(&codes::CONVERSATION_NOT_FOUND));
    };
    let said = view.messages.iter().find(|message| message.seq == number);
    let said = said.ok_or_else(|| unavailable("there is no such message"))?;
    let file = said.content.iter().find_map(|content| {
        let Content::Media(file) = content else { return None };
        Some(file)
    });
    let sent = file.ok_or_else(|| unavailable("the message has no file"))?;
    let connection = view.address.connection.clone();
    let file = call.edge.talk.fetch(tenant, connection, sent.id_or_url.clone()).await?;
    attachment(sent, file)
}

/// Nothing that a customer sent is shown as a page of this server's.
fn attachment(media: &Media, file: ChatFile) -> Result<Response, Fault> {
    let plain = "application/octet-stream";
    let kind = HeaderValue::try_from(&file.media).unwrap_or(HeaderValue::from_static(plain));
    let mut response = call::raw(StatusCode::OK, plain, file.bytes.to_vec());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    let name: String = media.name.as_deref().unwrap_or("file").chars().take(100).collect();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._- ".contains(letter);
    let name: String = name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition.unwrap_or(HeaderValue::from_static("attachment")),
    );
    let guards: [(HeaderName, &'static str); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    for (name, value) in guards {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[derive(Deserialize)]
struct NameQuery {
    filename: Option<String>,
}

async fn deposit(call: &mut Call) -> Result<Response, Fault> {
    let connection = call.path("name").await?;
    let NameQuery { filename } = call.query()?;
    let name = filename.unwrap_or_else(|| "file".to_owned());
    let is_sound = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(|letter| letter.is_control() || letter == '"');
    if !is_sound {
        return Err(Fault::new(&codes::PARAMETER_INVALID).detail("a file has another name"));
    }
    let Some(media) = media(call) else {
        return Err(Fault::new(&codes::FILE_TYPE_UNSUPPORTED).detail("say of which kind it is"));
    };
    let tenant = call.tenant()?;
    let file = ChatFile { media, bytes: call.body.clone() };
    let id = call.edge.talk.deposit(tenant, connection, name, file).await?;
    call::json(StatusCode::CREATED, &StoredFile { id })
}
