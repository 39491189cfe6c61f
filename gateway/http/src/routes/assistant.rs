//! How the tenant's assistant behaves.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{
    Assistant as ApiAssistant, AssistantConfig as ApiConfig, Changed, FieldProblem,
};
use impresario_assistant::AssistantConfig;
use impresario_tenant::{Answer, Command, Query, Scope};
use serde_json::Value;

use super::tenants::{ask, query};
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;
use crate::wire::time;

const MANAGE: Access = Access::Scope(Scope::IntegrationsManage);
const TAG: &str = "Assistant";

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/assistant", MANAGE, |call| Box::pin(show(call)))
        .doc(TAG, "Get the assistant's configuration", "With all defaults filled in.")
        .gives::<ApiAssistant>(),
    Route::put("/api/v1/assistant", MANAGE, |call| Box::pin(configure(call)))
        .doc(
            TAG,
            "Configure the assistant",
            "Replaces the whole configuration; what is left out gets its default. Conversations \
             follow it from their next message on.",
        )
        .takes::<ApiConfig>()
        .gives::<Changed>()
        .codes(&[&codes::ASSISTANT_INVALID]),
];

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let assistant = match query(call, call.tenant()?, Query::Assistant).await? {
        Answer::Assistant(assistant) => assistant,
        _ => return Err(super::unexpected("assistant")),
    };
    let config = match &assistant {
        // It was valid when it was taken; what a later release no longer knows reads as default.
        Some(assistant) => AssistantConfig::parse(&assistant.config).unwrap_or_default(),
        None => AssistantConfig::default(),
    };
    call::ok(&ApiAssistant {
        config: serde_json::to_value(&config).unwrap_or(Value::Null),
        version: assistant.as_ref().map_or(0, |assistant| assistant.version),
        changed_at: assistant.map(|assistant| time::print(assistant.changed_at)),
    })
}

async fn configure(call: &mut Call) -> Result<Response, Fault> {
    let ApiConfig(config) = call.json()?;
    let text = Value::Object(config).to_string();
    if let Err(problems) = AssistantConfig::parse(&text) {
        let errors = problems.into_iter().map(|problem| FieldProblem {
            pointer: problem.pointer,
            code: problem.code.to_string(),
            detail: problem.message,
        });
        return Err(Fault::new(&codes::ASSISTANT_INVALID).errors(errors.collect()));
    }
    let tenant = call.tenant()?;
    let reply = ask(call, tenant, Command::ConfigureAssistant { config: text }).await?;
    call::ok(&Changed { id: tenant.to_string(), version: reply.version, changed: reply.changed })
}
