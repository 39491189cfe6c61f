use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{answer, fated, number, taken};
use crate::{Entry, Farm, Fate, Fault};

const MESSAGES: &str = "/Messages.json";

pub(super) fn routes() -> Router<Farm> {
    Router::new()
        .route("/twilio/2010-04-01/Accounts/{account}/Messages.json", post(send).get(list))
        .route("/twilio/v1/Content", post(make_content).get(list_content))
}

fn error(code: u32, status: u16, message: &str) -> Value {
    json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status,
    })
}

pub(super) fn failure(fault: &Fault) -> Response {
    match fault {
        Fault::RateLimited { retry_after_s } => {
            answer(429, *retry_after_s, &error(20_429, 429, "Too Many Requests"))
        }
        Fault::Unauthorized => answer(401, None, &error(20_003, 401, "Authenticate")),
        _ => answer(503, None, &error(20_503, 503, "Service unavailable")),
    }
}

fn sid(kind: &str, number: u64) -> String {
    format!("{kind}{number:032x}")
}

fn message(account: &str, entry: &Entry) -> Value {
    let form = fields(&entry.body);
    let variables: Value = form
        .get("ContentVariables")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    // The first variable of our templates is the body.
    let body = form.get("Body").cloned().or_else(|| variables["1"].as_str().map(str::to_owned));
    json!({
        "sid": sid("SM", entry.number),
        "account_sid": account,
        "to": form.get("To"),
        "from": form.get("From"),
        "body": body.unwrap_or_default(),
        "direction": "outbound-api",
        "status": "queued",
        "num_media": "0",
        "error_code": null,
        "error_message": null,
        // Later than anything that a test sends today.
        "date_created": "Fri, 14 Nov 2036 22:13:20 +0000",
    })
}

/// The fields of a form: the same letters as a query.
fn fields(form: &str) -> BTreeMap<String, String> {
    let uri = format!("/?{form}").parse::<Uri>().ok();
    let query = uri.and_then(|uri| Query::<BTreeMap<String, String>>::try_from_uri(&uri).ok());
    query.map(|query| query.0).unwrap_or_default()
}

async fn send(
    State(farm): State<Farm>,
    Path(account): Path<String>,
    Extension(Fate(fault)): Extension<Fate>,
    body: String,
) -> Response {
    // `{"name":"code","data":63016}`: refused with this code.
    if let Some(Fault::Named { name, data }) = &fault
        && name == "code"
    {
        let code = data.as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(21_211);
        return answer(400, None, &error(code, 400, "as scripted"));
    }
    let own = number(&farm, &body);
    let all = taken(&farm, "POST", MESSAGES);
    let made = all.iter().find(|entry| entry.number == own).map(|entry| message(&account, entry));
    fated(fault.as_ref(), answer(201, None, &made.unwrap_or_default()))
}

/// All messages, newest first.
async fn list(State(farm): State<Farm>, Path(account): Path<String>) -> Response {
    let all = taken(&farm, "POST", MESSAGES);
    let all: Vec<Value> = all.iter().rev().map(|entry| message(&account, entry)).collect();
    answer(200, None, &json!({ "messages": all, "next_page_uri": null, "page": 0 }))
}

fn content(entry: &Entry) -> Value {
    let mut content = entry.json();
    content["sid"] = json!(sid("HX", entry.number));
    content
}

async fn make_content(State(farm): State<Farm>, body: String) -> Response {
    let own = number(&farm, &body);
    let all = taken(&farm, "POST", "/v1/Content");
    let made = all.iter().find(|entry| entry.number == own).map(content);
    answer(201, None, &made.unwrap_or_default())
}

async fn list_content(State(farm): State<Farm>) -> Response {
    let all: Vec<Value> = taken(&farm, "POST", "/v1/Content").iter().map(content).collect();
    answer(200, None, &json!({ "contents": all, "meta": { "next_page_url": null } }))
}
