//! A tenant as whoever answers for it sees it: its configuration, read once per change.

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use impresario_assistant::AssistantConfig;
use impresario_ids::TenantId;
use impresario_router::Failure;
use impresario_routing::{Kind, Model, Registry, Role, Settings};
use impresario_tenant::{Connection, State};
use impresario_text::intents::{Classifier, Example};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::channels::Channel;
use crate::embedder::{Embedder, Source};
use crate::house::House;

/// Tenants whose desks are kept.
const DESKS_MAX: usize = 10_000;

/// Everything that answering for a tenant needs to know of it.
pub(crate) struct Desk {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// Of which it was made.
    pub(crate) state: Arc<State>,
    /// How the assistant behaves.
    pub(crate) config: Arc<AssistantConfig>,
    /// Language models, by the connection's name.
    pub(crate) providers: BTreeMap<String, Arc<impresario_llm::Client>>,
    /// Which model does what.
    pub(crate) routing: Settings,
    /// The tenant's own models over those that everybody knows.
    pub(crate) registry: Arc<Registry>,
    /// Who makes vectors.
    pub(crate) source: Option<Source>,
    /// Who ranks passages again.
    pub(crate) reranker: Option<(Arc<impresario_llm::Client>, String)>,
    /// Chat platforms, by the connection's name.
    pub(crate) channels: BTreeMap<String, Arc<Channel>>,
    classifier: OnceCell<Option<Arc<Classifier>>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// The settings of a connection to language models, beside the client's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ModelSettings {
    /// Which model does what.
    routing: Option<Settings>,
    /// Further models, or other prices.
    registry: Option<serde_json::Value>,
    /// Of embeddings and of rerankers: the model's name at the provider.
    model: Option<String>,
}

/// Desks, each made once per change of its tenant.
#[derive(Debug, Default)]
pub(crate) struct Desks {
    made: DashMap<TenantId, Arc<Desk>>,
}

impl Desks {
    pub(crate) async fn get(
        &self,
        house: &Arc<House>,
        tenant: TenantId,
    ) -> Result<Arc<Desk>, Failure> {
        let state = (house.parts.tenants)(tenant).await?;
        let known = self.made.get(&tenant).map(|desk| Arc::clone(&desk));
        if let Some(desk) = known.filter(|desk| Arc::ptr_eq(&desk.state, &state)) {
            return Ok(desk);
        }
        let before = self.made.get(&tenant).map(|desk| Arc::clone(&desk));
        let desk = Arc::new(Desk::of(house, tenant, state, before.as_deref()));
        if self.made.len() >= DESKS_MAX {
            self.made.clear();
        }
        self.made.insert(tenant, Arc::clone(&desk));
        Ok(desk)
    }

    pub(crate) fn forget(&self, tenant: TenantId) {
        self.made.remove(&tenant);
    }
}

impl Desk {
    fn of(house: &House, tenant: TenantId, state: Arc<State>, before: Option<&Self>) -> Self {
        let config = Arc::new(config_of(&state));
        let mut desk = Self {
            tenant,
            config,
            providers: BTreeMap::new(),
            routing: Settings::default(),
            registry: Arc::clone(&house.registry),
            source: house.embedder.local().cloned().map(Source::Local),
            reranker: None,
            channels: BTreeMap::new(),
            classifier: OnceCell::new(),
            state: Arc::clone(&state),
        };
        for connection in state.connections() {
            let known = before.and_then(|before| before.channel(connection));
            match known {
                Some(channel) => _ = desk.channels.insert(connection.name.clone(), channel),
                None => {
                    desk.connect(house, &connection.name, &connection.kind, &connection.settings.0);
                }
            }
        }
        if desk.routing.roles.is_empty() {
            desk.routing.roles = desk.usual_roles(house.now().as_ms());
        }
        desk
    }

    /// The way to a platform as it was, with its pace and what it knows, if it is the same one.
    fn channel(&self, connection: &Connection) -> Option<Arc<Channel>> {
        let known = self.state.connection(&connection.name)?;
        let is_same = known.kind == connection.kind && known.settings == connection.settings;
        self.channels.get(&connection.name).filter(|_| is_same).cloned()
    }

    /// Which model does what, where the tenant has not said it: of the connected providers' models the
    /// cheapest for many small things, the next one for answers, the dearest where it matters most, and
    /// the cheapest of another provider where the first one fails.
    fn usual_roles(&self, now_ms: i64) -> BTreeMap<Role, String> {
        let mut known: Vec<(i64, &Model)> = self
            .registry
            .models()
            .filter(|model| model.kind == Kind::Chat && model.serves_at(now_ms))
            .filter(|model| self.offers(model))
            .filter_map(|model| Some((model.price_at(now_ms)?.upper_bound(1_000, 1_000), model)))
            .collect();
        known.sort_by(|(a, one), (b, other)| (a, &one.id).cmp(&(b, &other.id)));
        let Some((_, cheapest)) = known.first() else { return BTreeMap::new() };
        let primary = known.get(1).map_or(*cheapest, |(_, model)| *model);
        let other = known.iter().find(|(_, model)| model.provider != primary.provider);
        let dearest = known.last().map_or(primary, |(_, model)| *model);
        let roles = [
            (Role::Bulk, Some(*cheapest)),
            (Role::Primary, Some(primary)),
            (Role::Secondary, other.map(|(_, model)| *model)),
            (Role::Premium, Some(dearest)),
        ];
        roles.into_iter().filter_map(|(role, model)| Some((role, model?.id.clone()))).collect()
    }

    /// Whether the tenant is connected to a model's provider, and has not named others only.
    fn offers(&self, model: &Model) -> bool {
        self.providers.get(&model.provider).is_some_and(|client| {
            let named = &client.settings().models;
            named.is_empty() || named.contains(&model.name) || named.contains(&model.id)
        })
    }

    /// What cannot be read is left out: it was checked when it was set, so it is of another release.
    fn connect(&mut self, house: &House, name: &str, kind: &str, settings: &str) {
        let connected = match kind {
            "llm" => self.connect_models(house, settings),
            "embeddings" => self.connect_embeddings(house, settings),
            "rerank" => self.connect_reranker(house, settings),
            kind => match Channel::of(&house.http, kind, settings) {
                Ok(Some(channel)) => {
                    self.channels.insert(name.to_owned(), Arc::new(channel));
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(why) => Err(why),
            },
        };
        if let Err(why) = connected {
            tracing::warn!(tenant.id = %self.tenant, connection = name, kind, why, "connection left out");
        }
    }

    fn connect_models(&mut self, house: &House, settings: &str) -> Result<(), String> {
        let own: ModelSettings = read(settings)?;
        let client = house.model_client(settings)?;
        if let Some(routing) = own.routing {
            self.routing = routing;
        }
        if let Some(registry) = own.registry {
            let further = Registry::parse_json(&registry.to_string())
                .map_err(|problems| format!("registry: {problems:?}"))?;
            let laid = self.registry.overlaid(&further);
            let laid = laid.map_err(|problems| format!("registry: {problems:?}"))?;
            self.registry = Arc::new(laid);
        }
        self.providers.insert(name_of(&client), client);
        Ok(())
    }

    fn connect_embeddings(&mut self, house: &House, settings: &str) -> Result<(), String> {
        let own: ModelSettings = read(settings)?;
        let model = own.model.ok_or("the settings name no model")?;
        let client = house.model_client(settings)?;
        let id = format!("{}/{model}", name_of(&client));
        self.source = Some(Source::Provider { client, model, id });
        Ok(())
    }

    fn connect_reranker(&mut self, house: &House, settings: &str) -> Result<(), String> {
        let own: ModelSettings = read(settings)?;
        let model = own.model.ok_or("the settings name no model")?;
        self.reranker = Some((house.model_client(settings)?, model));
        Ok(())
    }

    /// Tells intents apart; `None` if the tenant has named fewer than two with examples.
    pub(crate) async fn classifier(&self, embedder: &Embedder) -> Option<Arc<Classifier>> {
        self.classifier.get_or_init(|| self.train(embedder)).await.clone()
    }

    async fn train(&self, embedder: &Embedder) -> Option<Arc<Classifier>> {
        let mut examples: Vec<Example> = self
            .config
            .intents
            .iter()
            .flat_map(|intent| {
                intent.examples.iter().map(|text| Example {
                    intent: intent.name.clone(),
                    text: text.clone(),
                    vector: None,
                })
            })
            .collect();
        if let Some(source) = &self.source {
            let texts = examples.iter().map(|example| example.text.clone()).collect();
            match embedder.embed(self.tenant, source, texts).await {
                Ok(vectors) => examples
                    .iter_mut()
                    .zip(vectors)
                    .for_each(|(example, vector)| example.vector = Some(vector)),
                Err(error) => {
                    tracing::warn!(tenant.id = %self.tenant, error = %error, "examples have no vectors");
                }
            }
        }
        let trained = tokio::task::spawn_blocking(move || {
            Classifier::train(&examples, &impresario_text::intents::Options::default())
        });
        trained.await.ok()?.ok().map(Arc::new)
    }
}

/// The tenant's configuration, or the default one.
#[must_use]
pub fn config_of(state: &State) -> AssistantConfig {
    let Some(assistant) = state.assistant() else { return AssistantConfig::default() };
    AssistantConfig::parse(&assistant.config).unwrap_or_else(|problems| {
        // Of another release; it was valid when it was set.
        tracing::warn!(problems = problems.len(), "assistant's configuration cannot be read");
        AssistantConfig::default()
    })
}

/// What the registry calls the provider behind a client.
fn name_of(client: &impresario_llm::Client) -> String {
    let settings = client.settings();
    if settings.id.is_empty() { settings.provider.as_str().to_owned() } else { settings.id.clone() }
}

fn read<T: for<'a> Deserialize<'a>>(settings: &str) -> Result<T, String> {
    serde_json::from_str(settings).map_err(|error| error.to_string())
}
