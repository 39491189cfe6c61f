//! Vectors of texts: by the model in this process, or by the tenant's embedding provider.

use std::sync::Arc;

use impresario_cache::Cache;
use impresario_embed::Model;
use impresario_ids::{CallId, TenantId};
use impresario_llm::EmbedRequest;
use tokio::sync::Semaphore;

/// Texts that are embedded in one piece of work.
const BATCH: usize = 32;

/// Why there is no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EmbedError {
    /// The provider failed.
    #[error("the embedding provider failed: {0}")]
    Provider(String),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// Who makes a tenant's vectors.
#[derive(Clone)]
pub(crate) enum Source {
    /// The model in this process.
    Local(Arc<Model>),
    /// The tenant's provider.
    Provider {
        /// The client.
        client: Arc<impresario_llm::Client>,
        /// What it calls the model.
        model: String,
        /// Under which the vectors are kept.
        id: String,
    },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.id())
    }
}

impl Source {
    /// What vectors of it are stored under.
    #[must_use]
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Local(model) => model.id(),
            Self::Provider { id, .. } => id,
        }
    }
}

/// Makes vectors, a bounded number at once, and remembers those of questions.
#[derive(Clone)]
pub(crate) struct Embedder {
    local: Option<Arc<Model>>,
    cache: Arc<Cache>,
    /// The processor is shared with everything else that the node does.
    gate: Arc<Semaphore>,
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder").field("local", &self.local.is_some()).finish_non_exhaustive()
    }
}

impl Embedder {
    /// With the model in this process, if there are weights.
    #[must_use]
    pub(crate) fn new(local: Option<Arc<Model>>, cache: Arc<Cache>, at_once: usize) -> Self {
        Self { local, cache, gate: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// The model in this process.
    #[must_use]
    pub(crate) fn local(&self) -> Option<&Arc<Model>> {
        self.local.as_ref()
    }

    /// The vectors of these texts, in their order.
    ///
    /// # Errors
    /// If one of them cannot be made.
    pub(crate) async fn embed(
        &self,
        tenant: TenantId,
        source: &Source,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            vectors.extend(self.batch(tenant, source, batch.to_vec()).await?);
        }
        Ok(vectors)
    }

    /// Vectors of the model in this process, on this thread, which may take a while. `None` without one.
    pub(crate) fn embed_here(&self, tenant: TenantId, texts: &[&str]) -> Option<Vec<Vec<f32>>> {
        let model = self.local.as_ref()?;
        let mut found: Vec<Option<Vec<f32>>> =
            texts.iter().map(|text| self.cache.embedding(tenant, model.id(), text)).collect();
        let missing: Vec<&str> = texts
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(text, _)| *text)
            .collect();
        let made = model.embed(&missing);
        for (text, vector) in missing.iter().zip(&made) {
            self.cache.put_embedding(tenant, model.id(), text, vector);
        }
        let mut made = made.into_iter();
        for place in found.iter_mut().filter(|place| place.is_none()) {
            *place = made.next();
        }
        found.into_iter().collect()
    }

    async fn batch(
        &self,
        tenant: TenantId,
        source: &Source,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let _permit = self.gate.acquire().await.map_err(|_| EmbedError::Stopping)?;
        let (cache, id) = (Arc::clone(&self.cache), source.id().to_owned());
        let (texts, mut found) = tokio::task::spawn_blocking(move || {
            let found: Vec<Option<Vec<f32>>> =
                texts.iter().map(|text| cache.embedding(tenant, &id, text)).collect();
            (texts, found)
        })
        .await
        .map_err(|_| EmbedError::Stopping)?;
        let missing: Vec<String> = texts
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(text, _)| text.clone())
            .collect();
        if !missing.is_empty() {
            let mut made = self.make(tenant, source, missing).await?.into_iter();
            for place in found.iter_mut().filter(|place| place.is_none()) {
                *place = made.next();
            }
        }
        found.into_iter().collect::<Option<_>>().ok_or_else(|| {
            EmbedError::Provider("it answered with fewer vectors than texts".to_owned())
        })
    }

    async fn make(
        &self,
        tenant: TenantId,
        source: &Source,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let (cache, id) = (Arc::clone(&self.cache), source.id().to_owned());
        let keep = move |texts: &[String], vectors: &[Vec<f32>]| {
            for (text, vector) in texts.iter().zip(vectors) {
                cache.put_embedding(tenant, &id, text, vector);
            }
        };
        match source {
            Source::Local(model) => {
                let model = Arc::clone(model);
                tokio::task::spawn_blocking(move || {
                    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
                    let vectors = model.embed(&borrowed);
                    keep(&texts, &vectors);
                    vectors
                })
                .await
                .map_err(|_| EmbedError::Stopping)
            }
            Source::Provider { client, model, .. } => {
                let vectors = provided(client, model, &texts).await?;
                let kept = vectors.clone();
                // Only a cache: whoever waits need not wait for it.
                drop(tokio::task::spawn_blocking(move || keep(&texts, &kept)));
                Ok(vectors)
            }
        }
    }
}

async fn provided(
    client: &impresario_llm::Client,
    model: &str,
    texts: &[String],
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let request = EmbedRequest {
        call: CallId::NIL,
        model: model.to_owned(),
        texts: texts.to_vec(),
        dimensions: None,
    };
    match client.embed(&request).await {
        Ok(answer) => Ok(answer.vectors),
        Err(error) => Err(EmbedError::Provider(error.code.into())),
    }
}
