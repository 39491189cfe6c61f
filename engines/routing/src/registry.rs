use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Price, Rates};

/// The models known to this release; see the head of the file for sources and dates.
const BUILTIN: &str = include_str!("../data/models.toml");

/// ISO 4217, three upper-case letters; all prices of a registry are in it.
pub type Currency = String;

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where (RFC 6901).
    pub pointer: String,
    /// A stable word.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(pointer: String, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer, code, message: message.into() }
    }
}

/// What a model does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Writes text.
    #[default]
    Chat,
    /// Turns texts into vectors.
    Embedding,
    /// Orders documents by a query.
    Rerank,
}

/// How soon a model answers, as a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Before a person in a chat notices.
    Fast,
    /// A few seconds.
    #[default]
    Moderate,
    /// Longer, up to minutes.
    Slow,
}

/// One model of one provider, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// `<provider>/<name>`, unique in a registry.
    pub id: String,
    /// The connection that serves it: the name of a provider, or of a tenant's own connection.
    pub provider: String,
    /// What the provider calls it.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Prices over time; at most one counts at any moment.
    pub prices: Vec<Price>,
    /// The most tokens of input and output together.
    pub context_tokens: u64,
    /// The most tokens of output.
    pub output_tokens_max: u64,
    /// How soon it answers.
    pub latency: Latency,
    /// Takes tools.
    pub tools: bool,
    /// Takes images.
    pub vision: bool,
    /// Keeps to a JSON schema by itself.
    pub json_schema: bool,
    /// Can search the web while it answers.
    pub live_search: bool,
    /// What it may be used for, as the tenant's rules name it: `eu`, `zero_retention`, `hipaa`, …
    pub compliance: Vec<String>,
    /// The first moment when it is not served any more, in milliseconds since 1970.
    pub retires_ms: Option<i64>,
    /// The id of the model that takes its place then.
    pub successor: Option<String>,
}

impl Model {
    /// The price that counts at a moment.
    #[must_use]
    pub fn price_at(&self, now_ms: i64) -> Option<&Price> {
        self.prices.iter().find(|price| price.counts_at(now_ms))
    }

    /// Whether the model is still served at a moment.
    #[must_use]
    pub fn serves_at(&self, now_ms: i64) -> bool {
        self.retires_ms.is_none_or(|retires| now_ms < retires)
    }
}

/// All models that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    currency: Currency,
    models: BTreeMap<String, Model>,
}

impl Registry {
    /// The models of this release.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse_toml(BUILTIN).expect("a test reads the same text")
    }

    /// Reads TOML of the same form as `data/models.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_toml(text: &str) -> Result<Self, Vec<Problem>> {
        toml::from_str::<Document>(text)
            .map_err(|error| unreadable(error.message()))
            .and_then(Document::read)
    }

    /// Reads JSON of the same form.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_json(text: &str) -> Result<Self, Vec<Problem>> {
        serde_json::from_str::<Document>(text)
            .map_err(|error| unreadable(&error.to_string()))
            .and_then(Document::read)
    }

    /// These models with those of `other` in place of, and beside, them.
    ///
    /// # Errors
    /// If the currencies differ, or a successor is in neither.
    pub fn overlaid(&self, other: &Self) -> Result<Self, Vec<Problem>> {
        if self.currency != other.currency {
            let message = format!("prices in {} cannot join {}", other.currency, self.currency);
            return Err(vec![Problem::new("/currency".to_owned(), "currency_differs", message)]);
        }
        let mut models = self.models.clone();
        models.extend(other.models.clone());
        Ok(Self { currency: self.currency.clone(), models })
    }

    /// The currency of all prices.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// A model by its id.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.get(id)
    }

    /// All models, by id.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// The model that serves for `id` at a moment: itself, or the successor of its successors that
    /// is not retired yet.
    #[must_use]
    pub fn serving(&self, id: &str, now_ms: i64) -> Option<&Model> {
        let mut model = self.model(id)?;
        // A chain longer than the registry would be a circle.
        for _ in 0..self.models.len() {
            if model.serves_at(now_ms) {
                return Some(model);
            }
            model = self.model(model.successor.as_deref()?)?;
        }
        None
    }
}

fn unreadable(message: &str) -> Vec<Problem> {
    vec![Problem::new(String::new(), "document_invalid", message)]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default = "dollars")]
    currency: Currency,
    /// Where the numbers are from, and when they were looked at; for people.
    #[serde(default, rename = "source")]
    _source: String,
    models: Vec<RawModel>,
}

fn dollars() -> Currency {
    "USD".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    provider: String,
    name: String,
    #[serde(default)]
    kind: Kind,
    prices: Vec<RawPrice>,
    context_tokens: u64,
    #[serde(default)]
    output_tokens_max: u64,
    #[serde(default)]
    latency: Latency,
    #[serde(default)]
    tools: bool,
    #[serde(default)]
    vision: bool,
    #[serde(default)]
    json_schema: bool,
    #[serde(default)]
    live_search: bool,
    #[serde(default)]
    compliance: Vec<String>,
    retires: Option<String>,
    successor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    input: i64,
    cached_input: Option<i64>,
    cache_write: Option<i64>,
    #[serde(default)]
    output: i64,
    reasoning: Option<i64>,
    #[serde(default)]
    per_call: i64,
    long: Option<RawLong>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLong {
    over_input_tokens: u64,
    rates: Rates,
}

impl Document {
    fn read(self) -> Result<Registry, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            let message = "a currency is three upper-case letters";
            problems.push(Problem::new("/currency".to_owned(), "currency_invalid", message));
        }
        let mut models = BTreeMap::new();
        for (place, raw) in self.models.into_iter().enumerate() {
            let pointer = format!("/models/{place}");
            let model = raw.read(&pointer, &mut problems);
            if let Some(earlier) = models.insert(model.id.clone(), model) {
                let message = format!("\"{}\" is listed twice", earlier.id);
                problems.push(Problem::new(pointer, "model_twice", message));
            }
        }
        for model in models.values() {
            if let Some(successor) =
                model.successor.as_deref().filter(|id| !models.contains_key(*id))
            {
                let message = format!("\"{}\" is to be followed by \"{successor}\"", model.id);
                problems.push(Problem::new("/models".to_owned(), "successor_unknown", message));
            }
        }
        if problems.is_empty() {
            Ok(Registry { currency: self.currency, models })
        } else {
            Err(problems)
        }
    }
}

impl RawModel {
    fn read(self, pointer: &str, problems: &mut Vec<Problem>) -> Model {
        if self.provider.is_empty() || self.provider.contains('/') || self.name.is_empty() {
            let message = "a model has a provider (without \"/\") and a name";
            problems.push(Problem::new(pointer.to_owned(), "name_invalid", message));
        }
        if self.context_tokens == 0 || self.output_tokens_max > self.context_tokens {
            let message = "the context window is above 0 and not below the longest output";
            problems.push(Problem::new(format!("{pointer}/context_tokens"), "window", message));
        }
        let mut prices: Vec<Price> = Vec::new();
        for (place, raw) in self.prices.iter().enumerate() {
            let at = format!("{pointer}/prices/{place}");
            let price = raw.read(&at, problems);
            if prices.iter().any(|other| overlap(other, &price)) {
                let message = "two prices count at the same time";
                problems.push(Problem::new(at, "prices_overlap", message));
            }
            prices.push(price);
        }
        let retires_ms = date(self.retires.as_deref(), &format!("{pointer}/retires"), problems);
        Model {
            id: format!("{}/{}", self.provider, self.name),
            provider: self.provider,
            name: self.name,
            kind: self.kind,
            prices,
            context_tokens: self.context_tokens,
            output_tokens_max: self.output_tokens_max,
            latency: self.latency,
            tools: self.tools,
            vision: self.vision,
            json_schema: self.json_schema,
            live_search: self.live_search,
            compliance: self.compliance,
            retires_ms,
            successor: self.successor,
        }
    }
}

impl RawPrice {
    fn read(&self, pointer: &str, problems: &mut Vec<Problem>) -> Price {
        let rates = Rates {
            input: self.input,
            cached_input: self.cached_input,
            cache_write: self.cache_write,
            output: self.output,
            reasoning: self.reasoning,
        };
        let price = Price {
            from_ms: date(self.from.as_deref(), &format!("{pointer}/from"), problems),
            to_ms: date(self.to.as_deref(), &format!("{pointer}/to"), problems),
            rates,
            long: self.long.as_ref().map(|long| (long.over_input_tokens, long.rates)),
            per_call: self.per_call,
        };
        let negative =
            |rates: &Rates| crate::TokenClass::ALL.into_iter().any(|class| rates.of(class) < 0);
        if negative(&rates)
            || price.long.is_some_and(|(_, rates)| negative(&rates))
            || price.per_call < 0
        {
            let message = "prices are not negative";
            problems.push(Problem::new(pointer.to_owned(), "price_negative", message));
        }
        if let (Some(from), Some(to)) = (price.from_ms, price.to_ms)
            && from >= to
        {
            let message = "a price begins before it ends";
            problems.push(Problem::new(pointer.to_owned(), "price_dates", message));
        }
        price
    }
}

fn overlap(one: &Price, other: &Price) -> bool {
    let starts_before_end = |one: &Price, other: &Price| {
        one.from_ms.unwrap_or(i64::MIN) < other.to_ms.unwrap_or(i64::MAX)
    };
    starts_before_end(one, other) && starts_before_end(other, one)
}

/// The beginning of a day in UTC.
fn date(text: Option<&str>, pointer: &str, problems: &mut Vec<Problem>) -> Option<i64> {
    let text = text?;
    let day = text.parse::<jiff::civil::Date>().ok();
    let moment = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    if moment.is_none() {
        let message = format!("\"{text}\" is not a date such as 2026-10-07");
        problems.push(Problem::new(pointer.to_owned(), "date_invalid", message));
    }
    moment.map(|moment| moment.timestamp().as_millisecond())
}
