//! Bringing a shelf up to date. Blocks: for disk reads, and for other nodes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use impresario_ids::{DocumentId, TenantId};
use impresario_knowledge::{Encoding, State, Status, VectorSet};
use impresario_retrieval::{Chunk, Document, chunk_key};
use impresario_router::Failure;
use impresario_vectors::{Index, Options, path_of};

use super::{Books, Known, Library, Shelf, Vectors};

/// So many changed vectors are worth a new file.
const WORTH_SAVING: usize = 500;

/// All collections share one index; they are told apart by the filter.
const ALL: &str = "all";

impl Library {
    /// Reads what has changed since the last look.
    pub(super) fn fill(&self, shelf: &Shelf, model: Option<&str>) -> Result<(), Failure> {
        let began = Instant::now();
        // Before the look: what changes during it is looked for again.
        shelf.stale.store(false, Ordering::SeqCst);
        let filled = self.follow(shelf, model);
        match &filled {
            Ok(()) => *shelf.looked.lock() = Some(began),
            Err(_) => shelf.stale.store(true, Ordering::SeqCst),
        }
        metrics::histogram!("impresario_library_fill_seconds")
            .record(began.elapsed().as_secs_f64());
        shelf.save(WORTH_SAVING);
        filled
    }

    fn follow(&self, shelf: &Shelf, model: Option<&str>) -> Result<(), Failure> {
        let tenant = shelf.tenant;
        let census = self.views.knowledge_census(tenant).map_err(failed)?;
        let live: HashMap<DocumentId, u64> = census
            .documents
            .into_iter()
            .filter(|(_, row)| row.status == Status::Active)
            .map(|(id, row)| (id, row.revision))
            .collect();
        let is_other_model = {
            let books = shelf.books.read();
            model.is_some() && books.model() != model
        };
        let gone: Vec<DocumentId> = {
            let books = shelf.books.read();
            books.known.keys().filter(|id| !live.contains_key(id)).copied().collect()
        };
        for id in gone {
            shelf.books.write().remove(id);
        }
        if is_other_model && let Some(model) = model {
            self.begin_model(shelf, model);
        }
        for (id, revision) in live {
            let known = {
                let books = shelf.books.read();
                books.known.get(&id).map(|known| known.revision)
            };
            if known == Some(revision) && !is_other_model {
                continue;
            }
            let loaded = self.views.document(tenant, id).map_err(failed)?;
            let book = Book::of(tenant, id, &loaded.state);
            shelf.books.write().put(book, &loaded.state, model);
        }
        Ok(())
    }

    /// The vectors of another model from now on. A file of it may be there from an earlier start.
    fn begin_model(&self, shelf: &Shelf, model: &str) {
        let path = path_of(&self.folder, shelf.tenant, ALL, model);
        let mut books = shelf.books.write();
        // Its dimension is known with the first vector.
        books.vectors = None;
        books.pending = Some((model.to_owned(), path));
    }
}

/// A document, read for the index.
struct Book {
    id: DocumentId,
    known: Known,
    document: Option<Document>,
}

impl Book {
    fn of(_tenant: TenantId, id: DocumentId, state: &State) -> Self {
        let content = state.content();
        let mut document = content.map(|content| Document {
            id: *id.as_bytes(),
            collection: content.collection.clone(),
            title: content.title.clone(),
            keywords: keywords(content),
            category: content.category.clone(),
            source: source(content),
            language: content.language.clone().unwrap_or_default(),
            audiences: content.audience.clone(),
            priority: (content.priority / 10).clamp(-10, 10),
            updated_ms: state.updated().as_ms(),
            expires_ms: content.expires_at.map(|end| end.as_ms()),
            metadata: metadata(&content.metadata),
            chunks: Vec::new(),
        });
        let mut keys = Vec::new();
        let mut at = 0;
        for passage in state.passages() {
            let key = chunk_key(id.as_bytes(), &named(&passage));
            keys.push(key);
            let length = u32::try_from(passage.text.len()).unwrap_or(u32::MAX);
            if let Some(document) = &mut document {
                document.chunks.push(Chunk {
                    key,
                    text: passage.text.to_owned(),
                    heading: passage.path.join(" > "),
                    span: at..at.saturating_add(length),
                });
            }
            at = at.saturating_add(length).saturating_add(1);
        }
        let known = Known {
            revision: state.revision(),
            title: content.map(|content| content.title.clone()).unwrap_or_default(),
            collection: state.collection().to_owned(),
            url: content.and_then(|content| content.source.url.clone()),
            external_id: content.and_then(|content| content.external_id.clone()),
            keys,
            bare: 0,
            product: content.and_then(|content| content.product.clone()).map(Arc::new),
            kind: state.kind(),
        };
        Self { id, known, document }
    }
}

/// What names a chunk within its document, also where equal ones occur.
fn named(passage: &impresario_knowledge::Passage<'_>) -> Vec<u8> {
    [&passage.hash.0[..], &passage.number.to_be_bytes()].concat()
}

impl Books {
    fn remove(&mut self, id: DocumentId) {
        self.index.remove(id.as_bytes());
        self.names = None;
        let Some(known) = self.known.remove(&id) else { return };
        if let Some(vectors) = &mut self.vectors {
            for key in known.keys {
                self.unsaved += usize::from(vectors.index.remove(key));
            }
        }
    }

    fn put(&mut self, mut book: Book, state: &State, model: Option<&str>) {
        self.names = None;
        let before = self.known.remove(&book.id).map(|known| known.keys).unwrap_or_default();
        match book.document.take() {
            Some(document) => {
                self.index.put(document);
            }
            None => {
                self.index.remove(book.id.as_bytes());
            }
        }
        if let Some(set) = model.and_then(|model| state.vectors(model)) {
            self.open_vectors(set);
        }
        if let Some(vectors) = &mut self.vectors {
            for key in before.iter().filter(|key| !book.known.keys.contains(key)) {
                self.unsaved += usize::from(vectors.index.remove(*key));
            }
            let set = state.vectors(&vectors.model);
            for (passage, key) in state.passages().zip(&book.known.keys) {
                if vectors.index.contains(*key) {
                    continue;
                }
                let numbers = set.and_then(|set| numbers(set, &passage.hash));
                match numbers.map(|numbers| vectors.index.insert(*key, &numbers)) {
                    Some(Ok(())) => self.unsaved += 1,
                    Some(Err(error)) => {
                        tracing::warn!(error = %error, "a vector does not fit its index");
                        book.known.bare += 1;
                    }
                    None => book.known.bare += 1,
                }
            }
        } else {
            book.known.bare = book.known.keys.len();
        }
        self.known.insert(book.id, book.known);
    }

    /// Opens the index of the model that is wanted, now that its dimension is known.
    fn open_vectors(&mut self, set: &VectorSet) {
        if set.dim == 0 || self.vectors.is_some() {
            return;
        }
        let Some((model, path)) = self.pending.take_if(|(model, _)| *model == set.model) else {
            return;
        };
        let opened = Index::open(&path, Options::new(set.dim as usize, &model));
        if let Some(reason) = &opened.fresh {
            tracing::info!(model, reason = ?reason, "vector index begins anew");
        }
        self.vectors = Some(Vectors { model, index: opened.index, path });
    }
}

impl Shelf {
    /// Saves the vectors if so many have changed.
    pub(super) fn save(&self, least: usize) {
        if self.books.read().unsaved < least {
            return;
        }
        let mut books = self.books.write();
        let Some(vectors) = &books.vectors else { return };
        match vectors.index.save(&vectors.path) {
            Ok(()) => books.unsaved = 0,
            Err(error) => tracing::warn!(error = %error, "vectors not saved; made again next time"),
        }
    }
}

/// A vector as numbers.
pub(crate) fn numbers(set: &VectorSet, hash: &impresario_knowledge::ChunkHash) -> Option<Vec<f32>> {
    let bytes = set.get(hash)?;
    match set.encoding {
        Encoding::F32 => Some(
            bytes
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect(),
        ),
        // Nothing here writes these yet.
        Encoding::F16 | Encoding::I8 => None,
    }
}

fn keywords(content: &impresario_knowledge::Content) -> Vec<String> {
    let mut keywords = content.keywords.clone();
    if let Some(product) = &content.product {
        keywords.extend(product.aliases.iter().cloned());
        keywords.extend((!product.sku.is_empty()).then(|| product.sku.clone()));
    }
    keywords
}

fn source(content: &impresario_knowledge::Content) -> String {
    let source = &content.source;
    source.url.clone().or_else(|| source.filename.clone()).unwrap_or_default()
}

/// The fields of the metadata that can be filtered by.
fn metadata(text: &str) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    fields
        .into_iter()
        .filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            serde_json::Value::Number(number) => Some((name, number.to_string())),
            serde_json::Value::Bool(flag) => Some((name, flag.to_string())),
            serde_json::Value::Null
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        })
        .collect()
}

fn failed(error: impresario_views::ViewError) -> Failure {
    Failure::Unavailable(error.to_string())
}
