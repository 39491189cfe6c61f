//! What everything here stands on.

use std::path::PathBuf;
use std::sync::Arc;

use dashmap::DashMap;
use impresario_cache::Cache;
use impresario_embed::Model;
use impresario_ids::{TenantId, TraceId};
use impresario_kernel::{Entity, EntityKey, Timestamp};
use impresario_llm::{Answer, Client, Net};
use impresario_outbox::Asking;
use impresario_router::{AskError, Deadline, Envelope, Failure, IdempotencyKey, Router};
use impresario_routing::{Availability, Breaker, BreakerSettings, Health, Registry, Verdict};
use impresario_tenant::State;
use impresario_text::sentiment::Analyzer;
use impresario_text::spelling::Dictionary;
use impresario_vault::Vault;
use impresario_views::Views;
use parking_lot::Mutex;

use crate::desk::{Desk, Desks};
use crate::embedder::Embedder;
use crate::errands::turns::Turns;
use crate::gateways::Gateways;
use crate::library::Library;
use crate::options::Options;
use crate::recall::Recall;
use crate::traces::Traces;

/// How long an entity may take to answer, in milliseconds.
const ASK_TIMEOUT_MS: i64 = 10_000;

/// Where the tenants' states come from.
pub type Tenants = Arc<dyn Fn(TenantId) -> Asking<Arc<State>> + Send + Sync>;

/// What is handed in.
pub struct Parts {
    /// Asks entities.
    pub router: Router,
    /// Lists and reads documents.
    pub views: Views,
    /// Knows the tenants.
    pub tenants: Tenants,
    /// The time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Seals what is kept of calls: without the tenant's key it cannot be read.
    pub vault: Arc<Vault>,
    /// Of vectors, answers and traces.
    pub cache: Arc<Cache>,
    /// The embedding model in this process.
    pub model: Option<Arc<Model>>,
    /// What is known of language models.
    pub registry: Registry,
    /// Where vectors are kept.
    pub folder: PathBuf,
    /// Whether there may be other nodes.
    pub is_clustered: bool,
    /// How to run.
    pub options: Options,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("options", &self.options).finish_non_exhaustive()
    }
}

/// [`Parts`] and what was made of them.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) parts: Parts,
    pub(crate) embedder: Embedder,
    pub(crate) library: Arc<Library>,
    pub(crate) desks: Desks,
    pub(crate) registry: Arc<Registry>,
    pub(crate) traces: Traces,
    pub(crate) recall: Recall,
    pub(crate) breakers: Breakers,
    pub(crate) http: impresario_calls::Http,
    pub(crate) net: Net,
    pub(crate) tools: Arc<Tools>,
    pub(crate) turns: Turns,
    pub(crate) gateways: Gateways,
}

/// What reading texts needs, made once.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) sentiment: Analyzer,
    pub(crate) dictionary: Arc<Dictionary>,
}

impl House {
    pub(crate) fn new(parts: Parts) -> Result<Arc<Self>, String> {
        let options = &parts.options;
        let embedder = Embedder::new(
            parts.model.clone(),
            Arc::clone(&parts.cache),
            options.embeddings_at_once,
        );
        let library = Arc::new(Library::new(
            parts.views.clone(),
            parts.folder.clone(),
            parts.is_clustered,
            options.libraries_max,
        ));
        let net = Net::new(&options.models()).map_err(|error| error.to_string())?;
        let http = impresario_calls::Http::new(&impresario_calls::Options::default())
            .map_err(|error| error.to_string())?;
        let tools =
            Tools { sentiment: Analyzer::english(), dictionary: Arc::new(Dictionary::english()) };
        Ok(Arc::new(Self {
            embedder,
            library,
            desks: Desks::default(),
            registry: Arc::new(parts.registry.clone()),
            traces: Traces::new(Arc::clone(&parts.cache), Arc::clone(&parts.vault)),
            recall: Recall::new(Arc::clone(&parts.cache), Arc::clone(&parts.vault)),
            breakers: Breakers::default(),
            http,
            net,
            tools: Arc::new(tools),
            turns: Turns::default(),
            gateways: Gateways::default(),
            parts,
        }))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }

    pub(crate) async fn desk(self: &Arc<Self>, tenant: TenantId) -> Result<Arc<Desk>, Failure> {
        self.desks.get(self, tenant).await
    }

    /// Asks an entity, with a bound on the wait.
    pub(crate) async fn ask<E: Entity>(
        &self,
        to: EntityKey,
        command: E::Command,
        key: Option<IdempotencyKey>,
        trace: TraceId,
    ) -> Result<E::Reply, AskError<E::Rejection>> {
        let deadline = Deadline(self.now().plus_ms(ASK_TIMEOUT_MS));
        self.parts.router.ask::<E>(to, command, Envelope { key, deadline, trace }).await
    }

    /// Asks an entity what it knows, with a bound on the wait.
    pub(crate) async fn query<E: Entity>(
        &self,
        to: EntityKey,
        query: E::Query,
        trace: TraceId,
    ) -> Result<E::Answer, Failure> {
        let deadline = Deadline(self.now().plus_ms(ASK_TIMEOUT_MS));
        self.parts.router.query::<E>(to, query, Envelope { key: None, deadline, trace }).await
    }

    /// A client of a connection to models.
    pub(crate) fn model_client(&self, settings: &str) -> Result<Arc<Client>, String> {
        let settings = crate::connections::model_settings(settings)?;
        let client = Client::new(settings, &self.net).map_err(|problems| {
            let problems: Vec<String> = problems
                .into_iter()
                .map(|problem| format!("{}: {}", problem.pointer, problem.message))
                .collect();
            problems.join("; ")
        })?;
        Ok(Arc::new(client))
    }
}

/// Which providers are left alone for a while, per tenant.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    settings: BreakerSettings,
    known: DashMap<(TenantId, String), Mutex<Breaker>>,
}

/// Breakers that are kept.
const BREAKERS_MAX: usize = 50_000;

impl Breakers {
    /// How the tenant's providers are.
    pub(crate) fn health(&self, desk: &Desk, now_ms: i64) -> Health {
        desk.providers
            .keys()
            .map(|name| {
                let verdict = self
                    .known
                    .get(&(desk.tenant, name.clone()))
                    .map(|breaker| breaker.lock().verdict(&self.settings, now_ms));
                let availability = match verdict {
                    Some(Verdict::Refuse { until_ms }) => Availability::Broken { until_ms },
                    Some(Verdict::Allow | Verdict::Probe) | None => Availability::Up,
                };
                (name.clone(), availability)
            })
            .collect()
    }

    pub(crate) fn record(
        &self,
        tenant: TenantId,
        provider: &str,
        began_ms: i64,
        outcome: &Result<Answer, impresario_llm::Error>,
    ) {
        if self.known.len() >= BREAKERS_MAX {
            self.known.clear();
        }
        let breaker = self.known.entry((tenant, provider.to_owned())).or_default();
        let mut breaker = breaker.lock();
        breaker.begin(&self.settings, began_ms);
        match outcome {
            Ok(_) => breaker.succeeded(&self.settings),
            Err(error) => {
                breaker.failed(&self.settings, began_ms, error.class, error.retry_after_ms);
            }
        }
    }
}
