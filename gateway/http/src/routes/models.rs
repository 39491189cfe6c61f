//! Calls to language models: what was sent, what came, what it cost.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{ModelCall, ModelCallRow, Page};
use impresario_ids::CallId;
use impresario_tenant::Scope;
use serde::Deserialize;

use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::Fault;
use crate::port::ModelCallFilter;
use crate::route::{CURSOR, LIMIT, Param, Route};

const VIEW: Access = Access::Scope(Scope::AnalyticsView);
const CONVERSATION: Param = Param::text("conversation", "Only calls of this conversation.");

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/llm/traces", VIEW, |call| Box::pin(list(call)))
        .doc(
            "Models",
            "List model calls",
            "The newest first, of all nodes that answer; a node begins anew when it starts.",
        )
        .gives::<Page<ModelCallRow>>()
        .query(&[CONVERSATION, LIMIT, CURSOR])
        .codes(&[&codes::ID_INVALID]),
    Route::get("/api/v1/llm/traces/{id}", VIEW, |call| Box::pin(show(call)))
        .doc(
            "Models",
            "Get a model call",
            "With prompt, context and answer, personal data blanked.",
        )
        .gives::<ModelCall>()
        .codes(&[&codes::MODEL_CALL_NOT_FOUND, &codes::ID_INVALID]),
];

#[derive(Deserialize)]
struct OfConversation {
    conversation: Option<String>,
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let OfConversation { conversation } = call.query()?;
    let conversation = conversation.map(|text| text.parse()).transpose()?;
    let filter = ModelCallFilter { conversation, cursor: list.cursor_text(), limit: list.limit()? };
    call::ok(&call.edge.talk.calls(call.tenant()?, filter).await?)
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let id: CallId = call.path_id("id").await?;
    let found = call.edge.talk.call(call.tenant()?, id).await?;
    call::ok(&found.ok_or_else(|| Fault::new(&codes::MODEL_CALL_NOT_FOUND))?)
}
