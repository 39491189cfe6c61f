//! Questions to what a tenant knows.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Answered, AskKnowledge, KnowledgeStatus, SearchKnowledge, SearchReply};
use impresario_tenant::Scope;

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

const MANAGE: Access = Access::Scope(Scope::IntegrationsManage);
const TAG: &str = "Knowledge";
const QUESTION_CHARS_MAX: usize = 2_000;
const PASSAGES_MAX: u32 = 50;
/// Collections, filters and audiences of one question.
const CONDITIONS_MAX: usize = 50;

pub(crate) const ROUTES: &[Route] = &[
    Route::post("/api/v1/knowledge/search", MANAGE, |call| Box::pin(search(call)))
        .doc(
            TAG,
            "Search what the tenant knows",
            "By words and by meaning. Each technique can be switched; `trace` shows what it \
             contributed. Without vectors the search is by words alone, and `mode` says so.",
        )
        .takes::<SearchKnowledge>()
        .gives::<SearchReply>()
        .codes(&[&codes::COLLECTION_UNKNOWN]),
    Route::post("/api/v1/knowledge/answer", MANAGE, |call| Box::pin(answer(call)))
        .doc(
            TAG,
            "Answer a question out of what the tenant knows",
            "Every sentence is borne out by what it cites; where nothing bears an answer out, \
             `abstained` is true. Where a model is connected it writes the answer, within the budget, \
             and what its sources do not say is left out; otherwise, and with `generate: false`, the \
             answer is made of sentences of the sources. `call` names the call among the traces: one \
             that was answered from an earlier one has the outcome `cached`.",
        )
        .takes::<AskKnowledge>()
        .gives::<Answered>()
        .codes(&[&codes::COLLECTION_UNKNOWN]),
    Route::get("/api/v1/knowledge/status", MANAGE, |call| Box::pin(status(call)))
        .doc(TAG, "How fresh the index is", "As the node that answers sees it.")
        .gives::<KnowledgeStatus>(),
];

fn check_question(pointer: &str, text: &str) -> Result<(), Fault> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > QUESTION_CHARS_MAX {
        return Err(Fault::new(&codes::INVALID_REQUEST)
            .detail(format!("a question has 1 to {QUESTION_CHARS_MAX} characters"))
            .pointer(pointer));
    }
    Ok(())
}

fn check_conditions(call: &Call, collections: &[String], others: usize) -> Result<(), Fault> {
    if collections.len() > CONDITIONS_MAX || others > CONDITIONS_MAX {
        return Err(Fault::new(&codes::INVALID_REQUEST)
            .detail(format!("at most {CONDITIONS_MAX} collections, filters and audiences")));
    }
    collections.iter().try_for_each(|name| super::knowledge::known_collection(call, name))
}

async fn search(call: &mut Call) -> Result<Response, Fault> {
    let request: SearchKnowledge = call.json()?;
    check_question("/query", &request.query)?;
    let others = request.filters.len().max(request.audience.len());
    check_conditions(call, &request.collections, others)?;
    if request.limit.is_some_and(|limit| !(1..=PASSAGES_MAX).contains(&limit)) {
        return Err(Fault::new(&codes::INVALID_REQUEST)
            .detail(format!("limit is 1 to {PASSAGES_MAX}"))
            .pointer("/limit"));
    }
    call::ok(&call.edge.talk.search(call.tenant()?, request).await?)
}

async fn answer(call: &mut Call) -> Result<Response, Fault> {
    let request: AskKnowledge = call.json()?;
    check_question("/question", &request.question)?;
    let others = request.filters.len().max(request.audience.len());
    check_conditions(call, &request.collections, others)?;
    call::ok(&call.edge.talk.answer(call.tenant()?, request, call.trace).await?)
}

async fn status(call: &mut Call) -> Result<Response, Fault> {
    call::ok(&call.edge.talk.status(call.tenant()?).await?)
}
