use std::collections::BTreeMap;

use crate::{Kind, Level, Model, Priority, Registry, Role, Settings, Task};

/// What a request needs of a model.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What it is about; `None`: a conversation.
    pub task: Option<Task>,
    /// What matters most.
    pub priority: Priority,
    /// How hard it looks.
    pub level: Level,
    /// Tools are to be called.
    pub tools: bool,
    /// Images are to be seen.
    pub vision: bool,
    /// The web is to be searched.
    pub live_search: bool,
    /// Tags that the model must have, beside those of the settings.
    pub compliance: Vec<String>,
    /// Tokens of input, estimated high.
    pub input_tokens: u64,
    /// The most tokens of output that are wanted.
    pub output_tokens_max: u64,
    /// What may be spent at most, in micro-units; `None`: no limit.
    pub micros_left: Option<i64>,
    /// Model ids to try before any role, such as an agent's own and its fallbacks.
    pub models: Vec<String>,
}

/// Whether a provider can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Yes.
    Up,
    /// Its breaker is open until this moment, in milliseconds since 1970.
    Broken {
        /// When it may be tried again.
        until_ms: i64,
    },
}

/// The providers that the tenant is connected to. A provider that is missing is not connected.
pub type Health = BTreeMap<String, Availability>;

/// One model that can take the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its id in the registry.
    pub model: String,
    /// The connection that serves it.
    pub provider: String,
    /// What the provider calls it.
    pub name: String,
    /// What to reserve before the call, in micro-units.
    pub reserve_micros: i64,
    /// The most tokens of output to ask for.
    pub output_tokens_max: u64,
    /// How it came into the chain.
    pub why: Why,
}

/// How a model came into the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The request named it.
    Named,
    /// It is bound to this role.
    Role(Role),
}

/// Why a model was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The registry does not know it.
    Unknown,
    /// It is retired, and nobody succeeds it.
    Retired,
    /// It does not write text.
    Kind,
    /// It cannot do what is needed: `tools`, `vision`, `live_search`.
    Capability(&'static str),
    /// Input and output do not fit into its window.
    Context,
    /// It lacks this tag.
    Compliance(String),
    /// The tenant is not connected to its provider.
    NotConnected,
    /// Its provider's breaker is open until this moment.
    Broken(i64),
    /// Nobody knows what it costs now.
    Price,
    /// It may cost more than is left.
    Budget {
        /// What would have to be reserved, in micro-units.
        needed: i64,
    },
}

impl Reason {
    /// A stable word for traces and listings.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Retired => "retired",
            Self::Kind => "kind",
            Self::Capability(_) => "capability",
            Self::Context => "context",
            Self::Compliance(_) => "compliance",
            Self::NotConnected => "not_connected",
            Self::Broken(_) => "broken",
            Self::Price => "price",
            Self::Budget { .. } => "budget",
        }
    }
}

/// A model that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its id.
    pub model: String,
    /// Why.
    pub reason: Reason,
}

/// Who may answer, best first, and who may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// In the order in which to try them; empty: nobody can, answer without a model.
    pub choices: Vec<Choice>,
    /// For the trace.
    pub skipped: Vec<Skipped>,
}

impl Route {
    /// Whether money was the only thing missing for at least one model.
    #[must_use]
    pub fn out_of_budget(&self) -> bool {
        self.choices.is_empty()
            && self.skipped.iter().any(|skipped| matches!(skipped.reason, Reason::Budget { .. }))
    }
}

/// Who answers a request, and who next if that fails (LLM-10, LLM-11, LLM-12, LLM-16).
#[must_use]
pub fn route(
    registry: &Registry,
    settings: &Settings,
    wanted: &Wanted,
    health: &Health,
    now_ms: i64,
) -> Route {
    let mut route = Route::default();
    for (id, why) in candidates(settings, wanted) {
        // A retired model's place is taken by its successor.
        let model = match (registry.serving(id, now_ms), registry.model(id)) {
            (Some(model), _) => model,
            (None, known) => {
                let reason = if known.is_some() { Reason::Retired } else { Reason::Unknown };
                pass_over(&mut route, id, reason);
                continue;
            }
        };
        if route.choices.iter().any(|choice| choice.model == model.id) {
            continue;
        }
        match fits(model, settings, wanted, health, now_ms) {
            Ok((reserve_micros, output_tokens_max)) => route.choices.push(Choice {
                model: model.id.clone(),
                provider: model.provider.clone(),
                name: model.name.clone(),
                reserve_micros,
                output_tokens_max,
                why,
            }),
            Err(reason) => pass_over(&mut route, &model.id, reason),
        }
    }
    route
}

fn pass_over(route: &mut Route, model: &str, reason: Reason) {
    if !route.skipped.iter().any(|skipped| skipped.model == model) {
        route.skipped.push(Skipped { model: model.to_owned(), reason });
    }
}

fn candidates<'a>(
    settings: &'a Settings,
    wanted: &'a Wanted,
) -> impl Iterator<Item = (&'a str, Why)> {
    let task = wanted.task.unwrap_or(Task::Conversation);
    let role = if wanted.live_search {
        Role::LiveSearch
    } else {
        settings.role_for(task, wanted.priority, wanted.level)
    };
    let roles = std::iter::once(role).chain(settings.chain_after(role));
    let bound = roles.filter_map(|role| {
        settings.roles.get(&role).map(|model| (model.as_str(), Why::Role(role)))
    });
    wanted.models.iter().map(|model| (model.as_str(), Why::Named)).chain(bound)
}

/// What to reserve for a model, and the most output to ask it for; or why it cannot be asked.
fn fits(
    model: &Model,
    settings: &Settings,
    wanted: &Wanted,
    health: &Health,
    now_ms: i64,
) -> Result<(i64, u64), Reason> {
    if model.kind != Kind::Chat {
        return Err(Reason::Kind);
    }
    let lacks = [
        ("tools", wanted.tools && !model.tools),
        ("vision", wanted.vision && !model.vision),
        ("live_search", needs_search(wanted) && !model.live_search),
    ];
    if let Some((what, _)) = lacks.into_iter().find(|(_, lacks)| *lacks) {
        return Err(Reason::Capability(what));
    }
    let tags = settings.compliance.iter().chain(&wanted.compliance);
    if let Some(tag) = tags.into_iter().find(|tag| !model.compliance.contains(tag)) {
        return Err(Reason::Compliance(tag.clone()));
    }
    let output = wanted.output_tokens_max.min(model.output_tokens_max);
    if wanted.input_tokens.saturating_add(output) > model.context_tokens {
        return Err(Reason::Context);
    }
    match health.get(&model.provider) {
        None => return Err(Reason::NotConnected),
        Some(Availability::Broken { until_ms }) if now_ms < *until_ms => {
            return Err(Reason::Broken(*until_ms));
        }
        Some(Availability::Broken { .. } | Availability::Up) => {}
    }
    let price = model.price_at(now_ms).ok_or(Reason::Price)?;
    let needed = price.upper_bound(wanted.input_tokens, output);
    if wanted.micros_left.is_some_and(|left| needed > left) {
        return Err(Reason::Budget { needed });
    }
    Ok((needed, output))
}

fn needs_search(wanted: &Wanted) -> bool {
    wanted.live_search || wanted.task == Some(Task::MarketAnalysis)
}
