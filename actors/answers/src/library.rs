//! What a tenant knows, kept searchable on this node.
//!
//! A [`Shelf`] is made of the tenant's documents, wherever they are decided, and can be thrown away at
//! any time. It follows them: a change that is committed on this node makes it stale at once, and one
//! that is committed elsewhere is found within [`Library::FRESH_FOR`]. Whoever searches waits until the
//! shelf is as fresh as that, so what was deleted is in no answer.

mod fill;
mod names;
mod search;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use impresario_ids::{DocumentId, TenantId};
use impresario_retrieval::Index;
use impresario_router::Failure;
use impresario_views::Views;
use parking_lot::{Mutex, RwLock};

pub use names::Item;
pub(crate) use names::Names;
pub(crate) use search::{Found, Wanted};

/// The shelves of a node.
pub(crate) struct Library {
    views: Views,
    folder: PathBuf,
    /// Whether documents may be decided on other nodes.
    is_clustered: bool,
    shelves: DashMap<TenantId, Arc<Shelf>>,
    shelves_max: usize,
    clock: Arc<AtomicU64>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("shelves", &self.shelves.len()).finish_non_exhaustive()
    }
}

/// One tenant's documents, searchable.
pub(crate) struct Shelf {
    pub(crate) tenant: TenantId,
    pub(crate) books: RwLock<Books>,
    /// Whoever fills it holds this.
    filling: tokio::sync::Mutex<()>,
    stale: AtomicBool,
    looked: Mutex<Option<Instant>>,
    /// When it was last used, by the library's own count.
    used: AtomicU64,
}

/// What is on a shelf.
pub(crate) struct Books {
    pub(crate) index: Index,
    pub(crate) known: std::collections::HashMap<DocumentId, Known>,
    /// The vectors of one model.
    pub(crate) vectors: Option<Vectors>,
    /// The model that is wanted and where its vectors are kept, until one of them is seen.
    pub(crate) pending: Option<(String, PathBuf)>,
    /// Changes since the vectors were saved.
    pub(crate) unsaved: usize,
    /// What is sold, until that changes.
    pub(crate) names: Option<Arc<Names>>,
}

/// A document as it is on the shelf.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) revision: u64,
    pub(crate) title: String,
    pub(crate) collection: String,
    pub(crate) url: Option<String>,
    pub(crate) external_id: Option<String>,
    /// Chunks, as they are named in the index.
    pub(crate) keys: Vec<u64>,
    /// Chunks that have no vector of the shelf's model.
    pub(crate) bare: usize,
    pub(crate) product: Option<Arc<impresario_knowledge::Product>>,
    pub(crate) kind: impresario_knowledge::Kind,
}

/// Vectors of one model.
pub(crate) struct Vectors {
    pub(crate) model: String,
    pub(crate) index: impresario_vectors::Index,
    pub(crate) path: PathBuf,
}

/// How a shelf stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShelfStatus {
    /// Documents.
    pub documents: usize,
    /// Chunks.
    pub chunks: usize,
    /// Chunks with a vector.
    pub embedded: usize,
    /// The model of the vectors.
    pub model: Option<String>,
    /// About how many bytes of memory.
    pub memory_bytes: usize,
}

impl Library {
    /// For so long a shelf is taken for fresh when documents are decided on other nodes too.
    pub(crate) const FRESH_FOR: Duration = Duration::from_secs(1);

    /// Without shelves; they are made when they are asked for.
    #[must_use]
    pub(crate) fn new(
        views: Views,
        folder: PathBuf,
        is_clustered: bool,
        shelves_max: usize,
    ) -> Self {
        Self {
            views,
            folder,
            is_clustered,
            shelves: DashMap::new(),
            shelves_max: shelves_max.max(1),
            clock: Arc::default(),
        }
    }

    /// A document of the tenant has changed on this node.
    pub(crate) fn touch(&self, tenant: TenantId) {
        if let Some(shelf) = self.shelves.get(&tenant) {
            shelf.stale.store(true, Ordering::SeqCst);
        }
    }

    /// The tenant is gone: nothing of it stays.
    pub(crate) fn forget(&self, tenant: TenantId) {
        self.shelves.remove(&tenant);
        if let Err(error) = impresario_vectors::erase(&self.folder, tenant) {
            tracing::warn!(tenant.id = %tenant, error = %error, "vectors of a tenant not removed");
        }
    }

    /// The tenant's shelf, fresh, with the vectors of this model if there are any.
    ///
    /// # Errors
    /// If the documents cannot be read.
    pub(crate) async fn shelf(
        self: &Arc<Self>,
        tenant: TenantId,
        model: Option<&str>,
    ) -> Result<Arc<Shelf>, Failure> {
        let shelf = self.get(tenant);
        shelf.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if !shelf.is_fresh(self.is_clustered, model) {
            let _filling = shelf.filling.lock().await;
            if !shelf.is_fresh(self.is_clustered, model) {
                let (library, filled) = (Arc::clone(self), Arc::clone(&shelf));
                let model = model.map(str::to_owned);
                tokio::task::spawn_blocking(move || library.fill(&filled, model.as_deref()))
                    .await
                    .unwrap_or(Err(Failure::Crashed))?;
            }
        }
        Ok(shelf)
    }

    fn get(&self, tenant: TenantId) -> Arc<Shelf> {
        if let Some(shelf) = self.shelves.get(&tenant) {
            return Arc::clone(&shelf);
        }
        if self.shelves.len() >= self.shelves_max {
            self.put_away();
        }
        Arc::clone(&self.shelves.entry(tenant).or_insert_with(|| Arc::new(Shelf::new(tenant))))
    }

    /// The least recently used shelf goes; it is made again when it is asked for.
    fn put_away(&self) {
        let oldest = self
            .shelves
            .iter()
            .map(|shelf| (shelf.used.load(Ordering::Relaxed), *shelf.key()))
            .min_by_key(|(used, _)| *used);
        if let Some((_, tenant)) = oldest {
            self.shelves.remove(&tenant);
        }
    }

    /// Saves the vectors that changed, so that the next start need not make their index again.
    pub(crate) fn save(&self) {
        let shelves: Vec<Arc<Shelf>> =
            self.shelves.iter().map(|shelf| Arc::clone(shelf.value())).collect();
        shelves.iter().for_each(|shelf| shelf.save(1));
    }
}

impl Books {
    /// The model of the vectors, also if there is none of them yet.
    fn model(&self) -> Option<&str> {
        let present = self.vectors.as_ref().map(|vectors| vectors.model.as_str());
        present.or(self.pending.as_ref().map(|(model, _)| model.as_str()))
    }
}

impl Shelf {
    fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            books: RwLock::new(Books {
                index: Index::new(impresario_retrieval::Vocabulary::default()),
                known: std::collections::HashMap::new(),
                vectors: None,
                pending: None,
                unsaved: 0,
                names: None,
            }),
            filling: tokio::sync::Mutex::default(),
            stale: AtomicBool::new(true),
            looked: Mutex::default(),
            used: AtomicU64::new(0),
        }
    }

    fn is_fresh(&self, is_clustered: bool, model: Option<&str>) -> bool {
        if self.stale.load(Ordering::SeqCst) {
            return false;
        }
        if model.is_some() && self.books.read().model() != model {
            return false;
        }
        let looked = *self.looked.lock();
        !is_clustered || looked.is_some_and(|at| at.elapsed() < Library::FRESH_FOR)
    }

    /// How it stands.
    #[must_use]
    pub(crate) fn status(&self) -> ShelfStatus {
        let books = self.books.read();
        let chunks: usize = books.known.values().map(|known| known.keys.len()).sum();
        let vectors = books.vectors.as_ref();
        ShelfStatus {
            documents: books.known.len(),
            chunks,
            embedded: vectors.map_or(0, |vectors| vectors.index.len()),
            model: vectors.map(|vectors| vectors.model.clone()),
            memory_bytes: books.index.memory_bytes()
                + vectors.map_or(0, |vectors| vectors.index.memory_bytes()),
        }
    }
}
