use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use impresario_routing::{Class, Usage};
use serde_json::{Map, Value, json};
use tracing::Instrument as _;

use crate::client::{Client, input_usage};
use crate::error::Error;
use crate::observe;
use crate::request::{EmbedRequest, RerankRequest};
use crate::settings::Provider;
use crate::transport::Reply;
use crate::wire::{number, text};

/// The most texts of one request, by the strictest provider that we know.
const TEXTS_MAX: usize = 2_048;

/// Vectors of texts. `Debug` says only how many.
#[derive(Clone, PartialEq)]
pub struct Embeddings {
    /// One per text, in the order of the texts, all of one length.
    pub vectors: Vec<Vec<f32>>,
    /// What the provider calls the model.
    pub model: String,
    /// What it used.
    pub usage: Usage,
    /// In milliseconds.
    pub latency_ms: u64,
}

impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings")
            .field("vectors", &self.vectors.len())
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Documents in a new order.
#[derive(Clone, Debug, PartialEq)]
pub struct Reranked {
    /// The best first.
    pub results: Vec<Ranked>,
    /// Units that the provider charges for; 1 if it does not say.
    pub units: u64,
    /// In milliseconds.
    pub latency_ms: u64,
}

/// One document's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its index in the request.
    pub index: usize,
    /// 0 to 1. It orders; it does not measure.
    pub score: f64,
}

impl Client {
    /// Turns texts into vectors, in one request.
    ///
    /// # Errors
    /// See [`Class`]; more than 2 048 texts are [`Class::Invalid`].
    pub async fn embed(&self, request: &EmbedRequest) -> Result<Embeddings, Error> {
        let span = observe::span(&self.settings, "embeddings", &request.model, request.call);
        let ended = self.ask_vectors(request).instrument(span.clone()).await;
        match &ended {
            Ok(embeddings) => {
                let Embeddings { latency_ms, usage, .. } = embeddings;
                observe::succeeded(&self.settings, &span, "embeddings", *latency_ms, usage);
            }
            Err(error) => observe::failed(&self.settings, &span, "embeddings", error),
        }
        ended
    }

    async fn ask_vectors(&self, request: &EmbedRequest) -> Result<Embeddings, Error> {
        self.check_model(&request.model)?;
        if request.texts.is_empty() || request.texts.len() > TEXTS_MAX {
            return Err(Error::new(Class::Invalid, "texts_count", ""));
        }
        let native = match self.settings.provider {
            Provider::Ollama => true,
            Provider::Anthropic | Provider::Xai | Provider::Cohere => {
                return Err(Error::new(Class::Invalid, "provider_without_embeddings", ""));
            }
            Provider::OpenAi | Provider::Together | Provider::Compatible => false,
        };
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(request.model));
        body.insert("input".to_owned(), json!(request.texts));
        if let Some(dimensions) = request.dimensions {
            body.insert("dimensions".to_owned(), json!(dimensions));
        }
        if self.settings.provider == Provider::OpenAi {
            // A quarter of the bytes.
            body.insert("encoding_format".to_owned(), json!("base64"));
        }
        let path = if native { "/api/embed" } else { "/embeddings" };
        let call = request.call.to_string();
        let mut reply = self.post(path, &Value::Object(body), &call).await?;
        let json = reply.json().await?;
        let (vectors, tokens) = if native {
            (native_vectors(&json), number(&json, "/prompt_eval_count"))
        } else {
            (listed_vectors(&json, request.texts.len()), number(&json, "/usage/prompt_tokens"))
        };
        let vectors = vectors.filter(|vectors| fits(vectors, request.texts.len()));
        let vectors = vectors.ok_or_else(|| reply.error(Class::Malformed, "vectors_missing"))?;
        Ok(Embeddings {
            vectors,
            model: text(&json, "/model").to_owned(),
            usage: input_usage(tokens),
            latency_ms: reply.elapsed_ms(),
        })
    }

    /// Orders documents by a query, in one request (the wire of Cohere).
    ///
    /// # Errors
    /// See [`Class`].
    pub async fn rerank(&self, request: &RerankRequest) -> Result<Reranked, Error> {
        let span = observe::span(&self.settings, "rerank", &request.model, request.call);
        let ended = self.ask_ranks(request).instrument(span.clone()).await;
        match &ended {
            Ok(reranked) => {
                let usage = Usage::default();
                observe::succeeded(&self.settings, &span, "rerank", reranked.latency_ms, &usage);
            }
            Err(error) => observe::failed(&self.settings, &span, "rerank", error),
        }
        ended
    }

    async fn ask_ranks(&self, request: &RerankRequest) -> Result<Reranked, Error> {
        self.check_model(&request.model)?;
        if request.documents.is_empty() {
            return Err(Error::new(Class::Invalid, "documents_missing", ""));
        }
        let body = json!({
            "model": request.model, "query": request.query, "documents": request.documents,
            "top_n": request.most.clamp(1, request.documents.len()),
        });
        let mut reply = self.post("/rerank", &body, &request.call.to_string()).await?;
        let json = reply.json().await?;
        let results = ranks(&json, &reply, request.documents.len())?;
        let units = number(&json, "/meta/billed_units/search_units").max(1);
        Ok(Reranked { results, units, latency_ms: reply.elapsed_ms() })
    }
}

fn ranks(json: &Value, reply: &Reply, documents: usize) -> Result<Vec<Ranked>, Error> {
    let malformed = || reply.error(Class::Malformed, "results_missing");
    let results = json.get("results").and_then(Value::as_array).ok_or_else(malformed)?;
    let mut ranked = Vec::with_capacity(results.len());
    for result in results {
        let index = result.get("index").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let score = result.get("relevance_score").and_then(Value::as_f64);
        match (index, score) {
            (Some(index), Some(score)) if index < documents => ranked.push(Ranked { index, score }),
            _ => return Err(malformed()),
        }
    }
    ranked.sort_by(|one, other| other.score.total_cmp(&one.score));
    Ok(ranked)
}

fn native_vectors(json: &Value) -> Option<Vec<Vec<f32>>> {
    let vectors = json.get("embeddings")?.as_array()?;
    vectors.iter().map(|vector| vector_of(Some(vector))).collect()
}

/// The list names the place of each vector, and need not be in order.
fn listed_vectors(json: &Value, count: usize) -> Option<Vec<Vec<f32>>> {
    let mut vectors = vec![Vec::new(); count];
    for (place, item) in json.get("data")?.as_array()?.iter().enumerate() {
        let index = item.get("index").and_then(Value::as_u64).unwrap_or(place as u64);
        *vectors.get_mut(usize::try_from(index).ok()?)? = vector_of(item.get("embedding"))?;
    }
    Some(vectors)
}

fn vector_of(json: Option<&Value>) -> Option<Vec<f32>> {
    match json? {
        Value::String(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            let (numbers, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then(|| numbers.iter().copied().map(f32::from_le_bytes).collect())
        }
        Value::Array(numbers) => {
            #[expect(clippy::cast_possible_truncation, reason = "vectors are f32 at the source")]
            let number = |number: &Value| number.as_f64().map(|number| number as f32);
            numbers.iter().map(number).collect()
        }
        _ => None,
    }
}

fn fits(vectors: &[Vec<f32>], count: usize) -> bool {
    let length = vectors.first().map_or(0, Vec::len);
    let whole = |vector: &Vec<f32>| {
        vector.len() == length && vector.iter().all(|number| number.is_finite())
    };
    vectors.len() == count && length > 0 && vectors.iter().all(whole)
}
