//! What the edge asks of the answers: search, questions, model calls, the webhooks of chat platforms.

mod chat;
mod gateways;
mod shapes;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use impresario_answers::{
    Answers, FileRefusal, HookRefusal, HookRequest, Options, Parts, Question, Tenants,
};
use impresario_api::{
    Answered, AskKnowledge, FieldProblem, KnowledgeStatus, ModelCall, ModelCallRow, Page,
    SearchKnowledge, SearchReply,
};
use impresario_cache::Cache;
use impresario_embed::Model;
use impresario_http::{
    ChatFile, Hook, HookAnswer, Image, ModelCallFilter, PortError, PortTyped, Talk, Translated,
};
use impresario_ids::{CallId, TenantId, TraceId};
use impresario_kernel::Timestamp;
use impresario_router::{Failure, Router};
use impresario_routing::Registry;
use impresario_vault::Vault;
use impresario_views::Views;

pub(crate) use chat::{Chats, Pokes};

use crate::across::Neighbours;
use crate::across::calls::Calls;
pub(crate) use gateways::Gateways;

/// What the answers of a node are made of.
pub(crate) struct Ground<'a> {
    pub(crate) options: Options,
    /// The node's data folder.
    pub(crate) data: &'a Path,
    pub(crate) router: Router,
    pub(crate) views: Views,
    pub(crate) tenants: Tenants,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) is_clustered: bool,
}

/// Opens the caches and reads the model's weights, if there are any.
pub(crate) fn open(ground: Ground<'_>) -> anyhow::Result<Answers> {
    let Ground { options, data, router, views, tenants, clock, vault, is_clustered } = ground;
    let bytes_max = options.cache_bytes_max;
    let cache_options = impresario_cache::Options { bytes_max, ..Default::default() };
    let cache =
        Cache::open(&data.join("cache"), &cache_options).context("the cache does not open")?;
    let model = model(&options.model_folder)?;
    let parts = Parts {
        router,
        views,
        tenants,
        clock,
        vault,
        cache: Arc::new(cache),
        model: model.map(Arc::new),
        registry: Registry::builtin(),
        folder: data.join("vectors"),
        is_clustered,
        options,
    };
    Answers::new(parts).map_err(anyhow::Error::msg)
}

/// The embedding model in a folder; `None` if no folder is named.
///
/// # Errors
/// If the folder is named and holds no model.
pub(crate) fn model(folder: &str) -> anyhow::Result<Option<Model>> {
    if folder.is_empty() {
        tracing::info!("no embedding model: knowledge is searched by words alone");
        return Ok(None);
    }
    let folder = Path::new(folder);
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let weights = read("model.safetensors")?;
    let words = read("tokenizer.json").or_else(|_| read("vocab.txt"))?;
    let config = read("config.json")?;
    let model = Model::load("all-minilm-l6-v2", &weights, &words, &config)
        .with_context(|| format!("the model in {} cannot be used", folder.display()))?;
    tracing::info!(model = model.id(), "embedding model loaded");
    Ok(Some(model))
}

/// [`Talk`] of this node.
#[derive(Debug)]
pub(crate) struct Talks {
    answers: Answers,
    calls: Calls,
}

impl Talks {
    /// Opens the room in which other nodes ask for model calls.
    pub(crate) fn new(answers: Answers, neighbours: &Neighbours) -> Arc<Self> {
        let calls = Calls::open(answers.clone(), neighbours.clone());
        Arc::new(Self { answers, calls })
    }
}

impl Talk for Talks {
    fn tokens(&self, text: &str) -> usize {
        self.answers.tokens(text)
    }

    fn check_connection(&self, kind: &str, settings: &str) -> Vec<FieldProblem> {
        let problems = self.answers.check_connection(kind, settings);
        problems
            .into_iter()
            .map(|problem| FieldProblem {
                pointer: problem.pointer,
                code: problem.code,
                detail: problem.message,
            })
            .collect()
    }

    fn describe(
        &self,
        tenant: TenantId,
        image: Image,
        trace: TraceId,
    ) -> PortTyped<'_, Option<String>> {
        Box::pin(async move {
            let described = self.answers.describe(tenant, &image.media, &image.bytes, trace).await;
            described.map_err(failed)
        })
    }

    fn search(&self, tenant: TenantId, request: SearchKnowledge) -> PortTyped<'_, SearchReply> {
        Box::pin(async move {
            let began = Instant::now();
            let (is_compressed, wants_trace) =
                (request.techniques.compress.unwrap_or(true), request.trace);
            let count = request.limit.unwrap_or(10) as usize;
            let question = Question {
                text: request.query,
                count,
                techniques: shapes::techniques(&request.techniques),
                filter: shapes::filter(request.collections, &request.filters, request.audience)?,
                language: String::new(),
            };
            let found = self.answers.search(tenant, question).await.map_err(failed)?;
            Ok(SearchReply {
                mode: shapes::mode(&found).to_owned(),
                trace: wants_trace.then(|| shapes::trace(&found)),
                passages: found
                    .passages
                    .iter()
                    .map(|passage| shapes::passage(passage, is_compressed))
                    .collect(),
                took_ms: elapsed(began),
            })
        })
    }

    fn answer(
        &self,
        tenant: TenantId,
        request: AskKnowledge,
        trace: TraceId,
    ) -> PortTyped<'_, Answered> {
        Box::pin(async move {
            let began = Instant::now();
            let (wants_trace, may_generate) = (request.trace, request.generate.unwrap_or(true));
            let question = Question {
                text: request.question,
                count: 8,
                techniques: shapes::techniques(&request.techniques),
                filter: shapes::filter(request.collections, &request.filters, request.audience)?,
                language: String::new(),
            };
            let answered = self.answers.answer(tenant, question, may_generate, trace).await;
            let answered = answered.map_err(failed)?;
            let mut answer = shapes::answered(&answered);
            answer.trace = wants_trace.then(|| shapes::trace(&answered.searched));
            answer.took_ms = elapsed(began);
            Ok(answer)
        })
    }

    fn translate(
        &self,
        tenant: TenantId,
        texts: Vec<String>,
        language: String,
        trace: TraceId,
    ) -> PortTyped<'_, Translated> {
        Box::pin(async move {
            let done = self.answers.translate(tenant, texts, &language, trace).await;
            done.map_err(failed)?.map(shapes::translated).map_err(shapes::untranslated)
        })
    }

    fn status(&self, tenant: TenantId) -> PortTyped<'_, KnowledgeStatus> {
        Box::pin(async move {
            let model = self.answers.model(tenant).await.map_err(failed)?;
            let status = self.answers.status(tenant).await.map_err(failed)?;
            Ok(shapes::status(&status, model))
        })
    }

    fn calls(
        &self,
        tenant: TenantId,
        filter: ModelCallFilter,
    ) -> PortTyped<'_, Page<ModelCallRow>> {
        Box::pin(async move {
            let conversation = filter.conversation.map(|id| id.to_string());
            let cursor = filter.cursor.as_deref();
            let listed = self.calls.list(tenant, conversation, cursor, filter.limit).await;
            let wrong = || PortError::invalid("the cursor is not one of this list");
            let (rows, next) = listed.ok_or_else(wrong)?;
            Ok(Page { items: rows.into_iter().map(shapes::call_row).collect(), next })
        })
    }

    fn call(&self, tenant: TenantId, id: CallId) -> PortTyped<'_, Option<ModelCall>> {
        Box::pin(async move {
            let found = self.calls.one(tenant, id).await;
            Ok(found.map(|call| ModelCall {
                row: shapes::call_row(call.row),
                prompt: call.prompt,
                context: call.context,
                answer: call.answer,
                route: call.route,
                redacted: call.redacted,
            }))
        })
    }

    fn webhook(
        &self,
        tenant: TenantId,
        connection: String,
        hook: Hook,
    ) -> PortTyped<'_, HookAnswer> {
        Box::pin(async move {
            let headers = hook.headers.iter().filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            });
            let request = HookRequest {
                is_get: hook.method == "GET",
                query: &hook.query,
                headers: headers.collect(),
                raw: &hook.raw,
                trace: hook.trace,
            };
            let taken = self.answers.hook(tenant, &connection, request).await;
            let taken = taken.map_err(|refusal| match refusal {
                HookRefusal::Unknown => {
                    PortError::coded("connection_unknown", "the tenant has no such connection")
                }
                HookRefusal::Refused => {
                    PortError::coded("hook_refused", "the request is not signed as it must be")
                }
                HookRefusal::Unreadable => {
                    PortError::invalid("the request is not what this platform sends")
                }
                HookRefusal::Failed(failure) => failed(failure),
            })?;
            Ok(HookAnswer {
                status: taken.status,
                headers: vec![("content-type".to_owned(), taken.content_type.to_owned())],
                body: taken.body.into(),
            })
        })
    }

    fn fetch(
        &self,
        tenant: TenantId,
        connection: String,
        place: String,
    ) -> PortTyped<'_, ChatFile> {
        Box::pin(async move {
            let fetched = self.answers.fetch(tenant, &connection, &place).await;
            let file = fetched.map_err(|refusal| unfiled(refusal, "chat_file_unavailable"))?;
            Ok(ChatFile { media: file.media, bytes: file.bytes.into() })
        })
    }

    fn deposit(
        &self,
        tenant: TenantId,
        connection: String,
        name: String,
        file: ChatFile,
    ) -> PortTyped<'_, String> {
        Box::pin(async move {
            let ChatFile { media, bytes } = file;
            let file = impresario_answers::ChatFile { media, bytes: bytes.to_vec() };
            let given = self.answers.deposit(tenant, &connection, &name, file).await;
            given.map_err(|refusal| unfiled(refusal, "chat_file_unsupported"))
        })
    }
}

/// Why a file did not come or go, under this code where it is not somebody else's fault.
fn unfiled(refusal: FileRefusal, code: &str) -> PortError {
    match refusal {
        FileRefusal::Unknown => PortError::coded(
            "connection_unknown",
            "the tenant has no such connection to a platform",
        ),
        FileRefusal::Unsupported => {
            PortError::coded(code, "this platform has files under addresses of their own")
        }
        FileRefusal::Refused(why) => PortError::coded(code, format!("the platform says {why}")),
        FileRefusal::Busy => PortError::coded("unavailable", "the platform cannot be reached now"),
        FileRefusal::Failed(failure) => failed(failure),
    }
}

fn elapsed(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn failed(failure: Failure) -> PortError {
    PortError::coded(failure.code(), failure.to_string())
}
