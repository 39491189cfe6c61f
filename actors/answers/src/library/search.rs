//! A question to a tenant's library.

use std::collections::HashMap;
use std::sync::Arc;

use impresario_ids::{CallId, DocumentId};
use impresario_llm::RerankRequest;
use impresario_retrieval::{
    Answer, AnswerOptions, Filter, NoVectors, Plan, Query, Retrieved, Similarity, Techniques,
    Vectors as Search, extract,
};
use impresario_router::Failure;

use super::{Books, Known, Shelf};
use crate::desk::Desk;
use crate::house::House;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The question.
    pub(crate) question: String,
    /// How many passages at most.
    pub(crate) count: usize,
    /// What is done with it.
    pub(crate) techniques: Techniques,
    /// What counts.
    pub(crate) filter: Filter,
    /// ISO 639-1; empty: not known.
    pub(crate) language: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The passages, and how they were found.
    pub(crate) retrieved: Retrieved,
    /// The question's vector, if there is a model.
    pub(crate) vector: Option<Vec<f32>>,
    /// The documents of the passages.
    pub(crate) books: HashMap<DocumentId, Known>,
    /// Whether vectors were searched.
    pub(crate) dense: bool,
}

impl Found {
    /// Whether the documents' own words may be said for an answer.
    pub(crate) fn has_answer(&self) -> bool {
        !extract(&self.retrieved, &AnswerOptions::default()).abstained
    }
}

impl Search for Books {
    fn search(
        &self,
        vector: &[f32],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)> {
        let Some(vectors) = &self.vectors else { return Vec::new() };
        let hits = vectors.index.search(vector, count, allow);
        hits.into_iter().map(|hit| (hit.key, hit.score)).collect()
    }

    fn vector(&self, key: u64) -> Option<Vec<f32>> {
        self.vectors.as_ref()?.index.vector(key)
    }
}

impl House {
    /// Asks a tenant's library. Without a model, or while vectors cannot be made, by words alone.
    pub(crate) async fn find(
        self: &Arc<Self>,
        desk: &Desk,
        wanted: Wanted,
    ) -> Result<Found, Failure> {
        let model = desk.source.as_ref().map(|source| source.id().to_owned());
        let shelf = self.library.shelf(desk.tenant, model.as_deref()).await?;
        let query = Query {
            text: wanted.question,
            count: wanted.count,
            techniques: wanted.techniques,
            filter: wanted.filter,
            now_ms: self.now().as_ms(),
            language: wanted.language,
        };
        let mut plan = shelf.books.read().index.plan(&query);
        let vectors = self.vectors_of(desk, &plan).await;
        let question = vectors.first().cloned();
        let mut found = self.round(desk, &shelf, plan.clone(), vectors).await?;
        loop {
            let Some(further) = shelf.books.read().index.hop(&plan, &found) else { break };
            let vectors = self.vectors_of(desk, &further).await;
            let second = self.round(desk, &shelf, further.clone(), vectors).await?;
            found = shelf.books.read().index.merge(&plan, found, second);
            plan = further;
        }
        let books = shelf.books.read();
        let mut described = HashMap::new();
        for passage in &found.passages {
            let id = DocumentId::from_bytes(passage.document);
            if let Some(known) = books.known.get(&id) {
                described.insert(id, known.clone());
            }
        }
        let dense = question.is_some() && books.vectors.is_some();
        Ok(Found { retrieved: found, vector: question, books: described, dense })
    }

    async fn vectors_of(&self, desk: &Desk, plan: &Plan) -> Vec<Vec<f32>> {
        let Some(source) = &desk.source else { return Vec::new() };
        if !plan.query.techniques.dense {
            return Vec::new();
        }
        let texts = plan.queries.iter().map(|query| query.text.clone()).collect();
        match self.embedder.embed(desk.tenant, source, texts).await {
            Ok(vectors) => vectors,
            Err(error) => {
                tracing::warn!(tenant.id = %desk.tenant, error = %error, "searched by words alone");
                Vec::new()
            }
        }
    }

    /// One search: candidates, a reranker's scores, passages.
    async fn round(
        &self,
        desk: &Desk,
        shelf: &Arc<Shelf>,
        plan: Plan,
        vectors: Vec<Vec<f32>>,
    ) -> Result<Retrieved, Failure> {
        let searched = Arc::clone(shelf);
        let (plan, candidates) = aside(move || {
            let books = searched.books.read();
            let candidates = if vectors.is_empty() {
                books.index.candidates(&plan, &vectors, &NoVectors)
            } else {
                books.index.candidates(&plan, &vectors, &*books)
            };
            (plan, candidates)
        })
        .await?;
        let texts: Vec<String> = {
            let books = shelf.books.read();
            let text = |key| books.index.chunk(key).map(|(_, chunk)| chunk.text.clone());
            candidates.hits.iter().map(|hit| text(hit.key).unwrap_or_default()).collect()
        };
        let scores = self.rerank(desk, &plan, texts).await;
        let finished = Arc::clone(shelf);
        aside(move || {
            let books = finished.books.read();
            books.index.finish(&plan, candidates, scores.as_deref(), &*books)
        })
        .await
    }

    async fn rerank(&self, desk: &Desk, plan: &Plan, texts: Vec<String>) -> Option<Vec<f32>> {
        let (client, model) = desk.reranker.as_ref()?;
        if texts.is_empty() || !plan.query.techniques.rerank {
            return None;
        }
        let mut scores = vec![0.0; texts.len()];
        let request = RerankRequest {
            call: CallId::NIL,
            model: model.clone(),
            query: plan.query.text.clone(),
            most: texts.len(),
            documents: texts,
        };
        match client.rerank(&request).await {
            Ok(ranked) => {
                for one in ranked.results {
                    if let Some(score) = scores.get_mut(one.index) {
                        *score = one.score as f32;
                    }
                }
                Some(scores)
            }
            Err(error) => {
                tracing::warn!(tenant.id = %desk.tenant, class = error.class.as_str(), "not reranked");
                None
            }
        }
    }

    /// The sentences that answer best, word for word. With the model in this process, also by what
    /// they mean.
    pub(crate) async fn best_sentences(
        &self,
        desk: &Desk,
        found: &Found,
    ) -> Result<Answer, Failure> {
        let (retrieved, question) = (found.retrieved.clone(), found.vector.clone());
        let (embedder, tenant) = (self.embedder.clone(), desk.tenant);
        aside(move || {
            let similarity = |sentences: &[&str]| -> Vec<f32> {
                let Some(question) = &question else { return Vec::new() };
                let vectors = embedder.embed_here(tenant, sentences).unwrap_or_default();
                vectors.iter().map(|vector| cosine(question, vector)).collect()
            };
            let is_local = question.is_some() && embedder.local().is_some();
            let similarity: Option<&Similarity<'_>> =
                if is_local { Some(&similarity) } else { None };
            extract(&retrieved, &AnswerOptions { similarity, ..AnswerOptions::default() })
        })
        .await
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What takes the processor for a while, on a thread that may.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::Crashed)
}
