//! A tenant's knowledge, profiles and conversations for agents that speak the Model Context
//! Protocol over streamable HTTP: the revision of 2026-07-28, where every request stands for itself,
//! and those before it, which begin with `initialize`. No revision gets a session: nothing is kept
//! between requests.

mod tools;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

const MODERN: &str = "2026-07-28";
/// The newest first.
const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
const INSTRUCTIONS: &str = "What this organisation knows, who its customers are, and what was said \
in conversations. Ask answer_question for an answer with sources, search_knowledge for passages.";

const PARSE_ERROR: i32 = -32_700;
const INVALID_REQUEST: i32 = -32_600;
const METHOD_NOT_FOUND: i32 = -32_601;
const INVALID_PARAMS: i32 = -32_602;
const HEADER_MISMATCH: i32 = -32_020;
const UNSUPPORTED_VERSION: i32 = -32_022;

pub(crate) const ROUTES: &[Route] = &[Route {
    idempotent: false,
    foreign: true,
    ..Route::post("/mcp", Access::Tenant, |call| Box::pin(answer(call))).doc(
        "Agents",
        "Tools for agents (Model Context Protocol)",
        "Streamable HTTP, one JSON-RPC message per request, revisions 2026-07-28 and 2025-11-25 to \
         2025-03-26. Give the agent a secret key with the scopes that it needs; it sees the tools \
         that they open.",
    )
}];

/// A JSON-RPC request or notification.
#[derive(Deserialize)]
struct Message {
    jsonrpc: String,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Option<Map<String, Value>>,
}

/// A JSON-RPC error on its way.
struct Wrong {
    status: StatusCode,
    code: i32,
    message: String,
    data: Option<Value>,
}

impl Wrong {
    fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    fn answer(self, id: &Value) -> Result<Response, Fault> {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        call::json(self.status, &json!({ "jsonrpc": "2.0", "id": id, "error": error }))
    }
}

/// Whether requests stand for themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Era {
    Modern,
    Legacy,
}

async fn answer(call: &mut Call) -> Result<Response, Fault> {
    let message: Message = match call.json::<Value>() {
        Err(fault) => {
            let detail = fault.problem().detail.clone().unwrap_or_default();
            return Wrong::new(StatusCode::BAD_REQUEST, PARSE_ERROR, detail).answer(&Value::Null);
        }
        Ok(value) => match serde_json::from_value(value) {
            Ok(message) => message,
            Err(error) => {
                let detail = format!("one JSON-RPC message is expected: {error}");
                return Wrong::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, detail)
                    .answer(&Value::Null);
            }
        },
    };
    let id = message.id.clone().unwrap_or(Value::Null);
    let fits =
        message.jsonrpc == "2.0" && matches!(id, Value::Null | Value::String(_) | Value::Number(_));
    if !fits {
        let detail = "jsonrpc is 2.0, an id is a text or a number";
        return Wrong::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, detail).answer(&Value::Null);
    }
    let Some(method) = message.method.filter(|_| message.id.is_some()) else {
        // A notification, or an answer to a question that nobody asked.
        let mut taken = Response::new(Body::empty());
        *taken.status_mut() = StatusCode::ACCEPTED;
        return Ok(taken);
    };
    let params = message.params.unwrap_or_default();
    match run(call, &method, params).await {
        Ok(result) => call::ok(&json!({ "jsonrpc": "2.0", "id": id, "result": result })),
        Err(wrong) => wrong.answer(&id),
    }
}

async fn run(call: &mut Call, method: &str, params: Map<String, Value>) -> Result<Value, Wrong> {
    let era = era(call, method, &params)?;
    let mut result = match (method, era) {
        ("initialize", _) => initialize(&params),
        ("ping", Era::Legacy) => json!({}),
        ("server/discover", Era::Modern) => json!({
            "supportedVersions": versions(),
            "capabilities": { "tools": {} },
            "instructions": INSTRUCTIONS,
            "ttlMs": 3_600_000,
            "cacheScope": "public",
            "_meta": { "io.modelcontextprotocol/serverInfo": server() },
        }),
        ("tools/list", _) => {
            let mut list = json!({ "tools": tools::list(call) });
            if era == Era::Modern {
                list["ttlMs"] = json!(300_000);
                // Which tools there are depends on the key.
                list["cacheScope"] = json!("private");
            }
            list
        }
        ("tools/call", _) => tools::run(call, params).await?,
        _ => {
            let status = match era {
                Era::Modern => StatusCode::NOT_FOUND,
                Era::Legacy => StatusCode::OK,
            };
            return Err(Wrong::new(status, METHOD_NOT_FOUND, format!("there is no {method}")));
        }
    };
    if era == Era::Modern {
        result["resultType"] = json!("complete");
    }
    Ok(result)
}

fn versions() -> Vec<&'static str> {
    std::iter::once(MODERN).chain(LEGACY).collect()
}

fn server() -> Value {
    json!({ "name": "impresario", "title": "Impresario", "version": env!("CARGO_PKG_VERSION") })
}

/// The handshake of the revisions up to 2025-11-25.
fn initialize(params: &Map<String, Value>) -> Value {
    let wanted = params.get("protocolVersion").and_then(Value::as_str);
    let version = LEGACY.into_iter().find(|known| wanted == Some(known)).unwrap_or(LEGACY[0]);
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": { "listChanged": false } },
        "serverInfo": server(),
        "instructions": INSTRUCTIONS,
    })
}

/// Which revision a request is of, by its header and what it says of itself.
fn era(call: &Call, method: &str, params: &Map<String, Value>) -> Result<Era, Wrong> {
    let said = params
        .get("_meta")
        .and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion"))
        .and_then(Value::as_str);
    let header = header(call, "mcp-protocol-version");
    if method == "initialize" {
        return Ok(Era::Legacy);
    }
    match (header.as_deref(), said) {
        (header, said) if header == Some(MODERN) || said == Some(MODERN) => {
            if header != said {
                return Err(mismatch("MCP-Protocol-Version", "the version of _meta"));
            }
            check_headers(call, method, params)?;
            Ok(Era::Modern)
        }
        // Before 2025-06-18 there was no such header.
        (None, None) => Ok(Era::Legacy),
        (Some(header), _) if LEGACY.contains(&header) => Ok(Era::Legacy),
        (header, said) => {
            let requested = header.or(said).unwrap_or_default();
            let message = "this version of the protocol is not spoken here";
            Err(Wrong {
                data: Some(json!({ "supported": versions(), "requested": requested })),
                ..Wrong::new(StatusCode::BAD_REQUEST, UNSUPPORTED_VERSION, message)
            })
        }
    }
}

fn header(call: &Call, name: &str) -> Option<String> {
    call.parts.headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

fn mismatch(header: &str, what: &str) -> Wrong {
    let message = format!("Header mismatch: {header} does not match {what}");
    Wrong::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
}

/// Intermediaries route by headers: they must say what the body says.
fn check_headers(call: &Call, method: &str, params: &Map<String, Value>) -> Result<(), Wrong> {
    if header(call, "mcp-method").as_deref() != Some(method) {
        return Err(mismatch("Mcp-Method", "method"));
    }
    if method == "tools/call" {
        let named = header(call, "mcp-name").and_then(plain);
        if named.as_deref() != params.get("name").and_then(Value::as_str) {
            return Err(mismatch("Mcp-Name", "params.name"));
        }
    }
    Ok(())
}

/// A header's text, out of `=?base64?…?=` if it is not ASCII.
fn plain(text: String) -> Option<String> {
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(text),
    }
}
