//! The widget of a website: one script, and what it asks for. There is no API key in a browser: a
//! visitor has a session that the edge seals.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use impresario_api::codes;
use impresario_assistant::{Position, Say};
use impresario_conversation::{Command, Conversation, KIND};
use impresario_ids::TenantId;
use impresario_kernel::EntityKey;
use impresario_messages::{Choice, Content, Inbound};
use impresario_router::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::guard::Act;
use super::identity::{self, Given, NAME_BYTES_MAX};
use super::session::Session;
use super::site::Site;
use super::{transcript, watch};
use crate::auth::Access;
use crate::call::{self, Call};
use crate::edge::Shared;
use crate::fault::Fault;
use crate::route::{Param, ParamKind, Route};

const TAG: &str = "Widget";
/// The widget itself, readable: it is compressed on its way or by a cache.
const SCRIPT: &str = include_str!("../../assets/widget/widget.js");
const TEXT_CHARS_MAX: usize = 4_000;
const ID_CHARS_MAX: usize = 64;
/// The first message on a WebSocket must come within this time.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

const CODES: &[&codes::Code] = &[
    &codes::CONNECTION_UNKNOWN,
    &codes::ORIGIN_NOT_ALLOWED,
    &codes::TENANT_SUSPENDED,
    &codes::RATE_LIMITED,
];
const VISITOR: &[&codes::Code] = &[
    &codes::CONNECTION_UNKNOWN,
    &codes::ORIGIN_NOT_ALLOWED,
    &codes::TENANT_SUSPENDED,
    &codes::RATE_LIMITED,
    &codes::CREDENTIAL_MISSING,
    &codes::TOKEN_INVALID,
    &codes::TOKEN_EXPIRED,
];
const AFTER: Param = number("after", "Only messages after this number.");
const BEFORE: Param = number("before", "Only messages before this number, for older ones.");

const fn number(name: &'static str, about: &'static str) -> Param {
    let kind = ParamKind::Number { min: 0, max: i64::MAX };
    Param { name, about, kind, required: false }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/widget.js", Access::Public, |call| Box::pin(script(call)))
        .doc(
            TAG,
            "The widget of your website",
            "One line on your pages: `<script src=\"https://HOST/widget.js\" data-tenant=\"ten_…\" \
             data-connection=\"web\" async></script>`. The connection is one of the kind `web`, and \
             the tenant must allow the origin of your pages.",
        )
        .media("text/javascript"),
    Route::get("/widget/v1/{tenant}/{connection}/config", Access::Public, |call| {
        Box::pin(config(call))
    })
    .doc(TAG, "How the widget looks", "From `widget` of the assistant's configuration.")
    .codes(CODES),
    Route {
        idempotent: false,
        ..Route::post("/widget/v1/{tenant}/{connection}/session", Access::Public, |call| {
            Box::pin(session(call))
        })
        .doc(
            TAG,
            "Begin or prolong a visitor's session",
            "`identity` is the word of your server on who the visitor is, signed with the \
             connection's `identity_secret`: a JSON Web Token (HS256) with `sub`, `exp` and perhaps \
             `name`, `email`, `phone`; or the user id with its HMAC-SHA256 in hexadecimal digits.",
        )
        .takes::<BeginSession>()
        .gives::<SessionBegun>()
        .status(201)
        .codes(CODES)
    },
    Route {
        idempotent: false,
        ..Route::post("/widget/v1/{tenant}/{connection}/messages", Access::Public, |call| {
            Box::pin(say(call))
        })
        .doc(
            TAG,
            "Say something",
            "With the session as bearer token. The same `id` again is absorbed.",
        )
        .takes::<WidgetMessage>()
        .gives::<WidgetTaken>()
        .status(202)
        .codes(VISITOR)
    },
    Route::get("/widget/v1/{tenant}/{connection}/messages", Access::Public, |call| {
        Box::pin(messages(call))
    })
    .doc(TAG, "What was said", "The newest messages, those after or those before a number.")
    .query(&[AFTER, BEFORE])
    .codes(VISITOR),
    Route::get("/widget/v1/{tenant}/{connection}/events", Access::Public, |call| {
        Box::pin(events(call))
    })
    .doc(
        TAG,
        "What is being said, as server-sent events",
        "`message` and `state` (whether somebody writes, who holds the conversation), beginning \
         with what came after `after` or `Last-Event-ID`.",
    )
    .media("text/event-stream")
    .query(&[AFTER])
    .codes(VISITOR),
    Route::get("/widget/v1/{tenant}/{connection}/socket", Access::Public, |call| {
        Box::pin(socket(call))
    })
    .doc(
        TAG,
        "What is being said, over a WebSocket",
        "The client begins with `{\"type\":\"hello\",\"session\":…,\"after\":…}`; the session is in \
         no address. Then as with events, the kind as `type`.",
    )
    .status(101)
    .codes(&[&codes::CONNECTION_UNKNOWN, &codes::ORIGIN_NOT_ALLOWED, &codes::UPGRADE_REQUIRED]),
];

/// Who the visitor was, and who they are.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"identity": {"user_id": "u-17", "hmac": "9f86d081884c7d65…"}}))]
struct BeginSession {
    /// The session before, if there was one: the conversation goes on.
    session: Option<String>,
    /// `{"jwt": …}` or `{"user_id": …, "hmac": …}`.
    #[schema(value_type = Option<Object>)]
    identity: Option<Given>,
}

/// A session.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SessionBegun {
    /// For `Authorization: Bearer`.
    session: String,
    /// When it ends.
    expires_at: String,
    /// The conversation.
    conversation: String,
    /// Whether it is the conversation of a user that the host has vouched for.
    verified: bool,
}

/// Something that a visitor says.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "0b1f6c1e-6a53-4a0e-9b0a-0f8b5c1d2e3f", "text": "Where is my order?"}))]
struct WidgetMessage {
    /// Made by the client: 1 to 64 letters, digits, `-` and `_`.
    id: String,
    /// At most 4 000 characters.
    #[serde(default)]
    text: Option<String>,
    /// Or what was chosen: `id` and `title`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    choice: Option<Choice>,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct WidgetTaken {
    /// As it was sent.
    id: String,
    /// `done`, `duplicate` or `held`.
    outcome: String,
}

/// Whatever page asks may use the script.
const ANY_SITE: HeaderValue = HeaderValue::from_static("cross-origin");

async fn script(call: &mut Call) -> Result<Response, Fault> {
    let tag = format!("\"{}\"", &blake3::hash(SCRIPT.as_bytes()).to_hex()[..16]);
    let known = call.parts.headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|known| known == tag.as_str()) {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let body = Bytes::from_static(SCRIPT.as_bytes());
        call::raw(StatusCode::OK, "text/javascript; charset=utf-8", body)
    };
    let headers = response.headers_mut();
    let minutes = HeaderValue::from_static("public, max-age=600");
    headers.insert(header::CACHE_CONTROL, minutes);
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), ANY_SITE);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

async fn config(call: &mut Call) -> Result<Response, Fault> {
    let site = Site::of(call).await?;
    let assistant = site.assistant();
    let language = call.parts.headers.get(header::ACCEPT_LANGUAGE);
    let language = language.and_then(|value| value.to_str().ok()?.get(..2)).map(str::to_lowercase);
    let say = |own: &str, else_say: Say| match own {
        "" => assistant.text(language.as_deref(), else_say),
        own => own.to_owned(),
    };
    let widget = &assistant.widget;
    let title = if widget.title.is_empty() { &assistant.name } else { &widget.title };
    let disclosure = assistant.disclosure.enabled;
    let mut response = call::ok(&json!({
        "title": title,
        "greeting": say(&widget.greeting, Say::Greeting),
        "disclosure": disclosure.then(|| assistant.text(language.as_deref(), Say::Disclosure)),
        "color": widget.color,
        "text_color": widget.text_color,
        "position": match widget.position {
            Position::BottomRight => "right",
            Position::BottomLeft => "left",
        },
        "logo_url": widget.logo_url,
        "identity": site.settings.identity_secret.is_some(),
    }))?;
    let minute = HeaderValue::from_static("private, max-age=60");
    response.headers_mut().insert(header::CACHE_CONTROL, minute);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-language"));
    Ok(response)
}

async fn session(call: &mut Call) -> Result<Response, Fault> {
    let site = Site::of(call).await?;
    let peer = call.peer().map(|address| address.to_string()).unwrap_or_default();
    call.edge.guard.take(Act::Session, site.tenant, &peer)?;
    let BeginSession { session, identity } =
        if call.body.is_empty() { BeginSession::default() } else { call.json()? };
    let now = call.received;
    let known = identity.map(|given| identity::verify(&site.settings, &given, now)).transpose()?;
    // A session that cannot be read any more begins anew; that is no mistake of the visitor.
    let before = session.and_then(|text| site.open(&text, call).ok());
    let session = match (before, known) {
        (Some(before), None) if before.user_id.is_none() => before.prolonged(now),
        (_, None) => Session::of_visitor(&site.connection, call.edge.random_bytes(), now),
        (Some(before), Some(known)) if before.user_id.as_ref() == Some(&known.user_id) => {
            before.known_as(&known, now)
        }
        // Who signs in while talking goes on talking.
        (Some(before), Some(known))
            if before.user_id.is_none() && talks(call, &site, &before).await? =>
        {
            before.known_as(&known, now)
        }
        (_, Some(known)) => Session::of_user(&site.connection, &known, now),
    };
    call::json(
        StatusCode::CREATED,
        &SessionBegun {
            session: session.seal(site.tenant, site.pepper()?)?,
            expires_at: crate::wire::time::print(impresario_kernel::Timestamp::from_ms(
                session.ends_s.saturating_mul(1_000),
            )),
            conversation: session.conversation(site.tenant).to_string(),
            verified: session.user_id.is_some(),
        },
    )
}

/// Whether anything was said in a session.
async fn talks(call: &Call, site: &Site, session: &Session) -> Result<bool, Fault> {
    let entity = (site.tenant, session.conversation(site.tenant));
    Ok(transcript::page(&call.edge, entity, None, 1, call.trace).await?.is_some())
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Fault {
    Fault::new(&codes::INVALID_REQUEST).detail(detail).pointer(pointer)
}

fn content(text: Option<String>, choice: Option<Choice>) -> Result<Content, Fault> {
    match (text, choice) {
        (Some(text), None) => {
            let length = text.chars().count();
            if text.trim().is_empty() || length > TEXT_CHARS_MAX || text.contains('\0') {
                let detail = format!("a message has 1 to {TEXT_CHARS_MAX} characters");
                return Err(invalid("/text", detail));
            }
            Ok(Content::Text { text })
        }
        (None, Some(choice)) => {
            let short = |text: &str| text.len() <= NAME_BYTES_MAX && !text.contains('\0');
            if choice.id.is_empty() || !short(&choice.id) || !short(&choice.title) {
                let detail = format!("id and title have at most {NAME_BYTES_MAX} bytes");
                return Err(invalid("/choice", detail));
            }
            Ok(Content::Choice(choice))
        }
        (None, None) | (Some(_), Some(_)) => Err(invalid("", "give either text or choice")),
    }
}

async fn say(call: &mut Call) -> Result<Response, Fault> {
    let site = Site::of(call).await?;
    let session = site.session(call)?;
    let (edge, tenant) = (&call.edge, site.tenant);
    edge.guard.take(Act::Message, tenant, &session.user)?;
    // What visitors write counts as requests of the tenant; what they read does not.
    let (standing, taken) = edge.meters.take(tenant, &site.state.limits(), call.received);
    call.standing = Some(standing);
    taken?;
    let WidgetMessage { id, text, choice } = call.json()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.is_empty() || id.len() > ID_CHARS_MAX || !id.bytes().all(fits) {
        return Err(invalid("/id", format!("1 to {ID_CHARS_MAX} letters, digits, - and _")));
    }
    let inbound = Inbound {
        id: id.clone(),
        address: session.address(),
        person: session.person(),
        at_ms: call.received.as_ms(),
        content: content(text, choice)?,
        reply_to: None,
        extra: Vec::new(),
    };
    let entity = EntityKey::new(tenant, KIND, session.conversation(tenant));
    let profile = Some(session.profile(tenant));
    let command = Command::Receive { inbound: Box::new(inbound), profile };
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let reply = call.edge.router.ask::<Conversation>(entity, command, envelope).await?;
    let outcome = serde_json::to_value(reply.outcome).unwrap_or_default();
    let outcome = outcome.as_str().unwrap_or_default().to_owned();
    call::json(StatusCode::ACCEPTED, &WidgetTaken { id, outcome })
}

#[derive(Deserialize)]
struct Range {
    after: Option<u64>,
    before: Option<u64>,
}

/// The session of a request that looks at its conversation.
async fn looking(call: &mut Call) -> Result<(Site, Session), Fault> {
    let site = Site::of(call).await?;
    let session = site.session(call)?;
    call.edge.guard.take(Act::Look, site.tenant, &session.user)?;
    Ok((site, session))
}

async fn messages(call: &mut Call) -> Result<Response, Fault> {
    let (site, session) = looking(call).await?;
    let entity = (site.tenant, session.conversation(site.tenant));
    let (edge, trace) = (&call.edge, call.trace);
    let transcript = match call.query()? {
        Range { after, before: None } => transcript::after(edge, entity, after, trace).await?,
        Range { after: None, before: Some(before) } => {
            transcript::before(edge, entity, before, trace).await?
        }
        Range { after: Some(_), before: Some(_) } => {
            return Err(Fault::new(&codes::PARAMETER_INVALID).detail("give after or before"));
        }
    };
    call::ok(&transcript)
}

async fn events(call: &mut Call) -> Result<Response, Fault> {
    let (site, session) = looking(call).await?;
    let Range { after, .. } = call.query()?;
    let last = call.parts.headers.get("last-event-id");
    let after = last.and_then(|last| last.to_str().ok()?.parse().ok()).or(after);
    let conversation = session.conversation(site.tenant);
    let watch =
        watch::Watch::begin(&call.edge, site.tenant, conversation, after, call.trace).await?;
    let every = Duration::from_secs(call.edge.options.live_ping_s);
    let keep_alive = KeepAlive::new().interval(every).text("ping");
    let mut response = Sse::new(watch::events(watch)).keep_alive(keep_alive).into_response();
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
}

/// The first message on a WebSocket.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Hello {
    Hello {
        session: String,
        #[serde(default)]
        after: Option<u64>,
    },
}

async fn socket(call: &mut Call) -> Result<Response, Fault> {
    let site = Site::of(call).await?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &())
        .await
        .map_err(|error| Fault::new(&codes::UPGRADE_REQUIRED).detail(error.to_string()))?;
    let upgrade = upgrade.max_message_size(8 * 1_024).max_frame_size(8 * 1_024);
    // The session is not known before the first message: what it needs travels along.
    let (edge, trace, received) = (std::sync::Arc::clone(&call.edge), call.trace, call.received);
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        let greeted = tokio::time::timeout(HELLO_TIMEOUT, hello(&mut socket)).await;
        let Ok(Some(Hello::Hello { session, after })) = greeted else { return };
        let opened = site.pepper().and_then(|pepper| {
            Session::open(&session, site.tenant, &site.connection, pepper, received)
        });
        let began = match opened {
            Ok(session) => begin(&edge, site.tenant, &session, after, trace).await,
            Err(fault) => Err(fault),
        };
        match began {
            Ok(watch) => {
                let every = Duration::from_secs(edge.options.live_ping_s);
                watch::converse(&mut socket, watch, every).await;
            }
            Err(fault) => {
                let problem = json!({ "type": "problem", "code": fault.code() }).to_string();
                // Who is gone needs no farewell.
                let _ = socket.send(Message::Text(problem.into())).await;
            }
        }
    }))
}

async fn begin(
    edge: &std::sync::Arc<Shared>,
    tenant: TenantId,
    session: &Session,
    after: Option<u64>,
    trace: impresario_ids::TraceId,
) -> Result<watch::Watch, Fault> {
    edge.guard.take(Act::Look, tenant, &session.user)?;
    watch::Watch::begin(edge, tenant, session.conversation(tenant), after, trace).await
}

async fn hello(socket: &mut WebSocket) -> Option<Hello> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(text.as_str()).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
}
