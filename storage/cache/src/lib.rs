//! Node-local caches on sled: embeddings of texts and answers of language models (KNO-06).
//!
//! One [`Cache`] holds both, each entry under its tenant.
//!
//! - C1: losing or damaging the folder costs time, never data: a folder that cannot be opened is moved
//!   aside and begun anew, an entry that cannot be read is a miss.
//! - C2: no call fails its caller. A broken store answers nothing, keeps nothing, and says so in
//!   [`Cache::broken`].
//! - C3: entries use at most [`Options::bytes_max`] bytes; what was not asked for lately goes first.
//! - C4: one tenant never reads what another wrote, and [`Cache::erase`] leaves nothing of it.
//! - C5: an entry is read only in the version that wrote it, under the whole key it was written with,
//!   and, if it has an end, before that.
//!
//! What it is not: shared between nodes, a place for anything that cannot be computed again, or fast
//! enough to call from an executor's thread without a thought: it may read from disk.

mod codec;
mod store;

#[cfg(test)]
mod tests;

use std::path::Path;

use impresario_ids::TenantId;
use parking_lot::RwLock;

use codec::{Answer, Vector};
use store::{Kind, Store};

/// What a cache may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of keys and values. The files are larger by what sled has not yet cleaned up.
    pub bytes_max: u64,
    /// Bytes of memory for pages.
    pub memory_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { bytes_max: 256 << 20, memory_bytes: 32 << 20 }
    }
}

/// Why there can be no cache: not even an empty folder could be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder could not be made, or the damaged one not be moved aside.
    #[error("cannot make the cache's folder")]
    Io(#[from] std::io::Error),
    /// sled refused even an empty folder, or another process holds it.
    #[error("cannot open the cache: {0}")]
    Store(String),
}

/// Embeddings and answers that need not be computed again.
#[derive(Debug)]
pub struct Cache {
    /// `None` once it is closed: everything is a miss then.
    store: RwLock<Option<Store>>,
}

impl Cache {
    /// Opens a folder, or begins it anew if it is damaged ([`Cache::began_anew`]).
    ///
    /// # Errors
    /// Not even an empty one can be made, or another process holds it.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        Ok(Self { store: RwLock::new(Some(Store::open(folder, options)?)) })
    }

    /// The vector of a text under a model, if it is known.
    #[must_use]
    pub fn embedding(&self, tenant: TenantId, model: &str, text: &str) -> Option<Vec<f32>> {
        let key = codec::text_key(model, text);
        let bytes = self.store.read().as_ref()?.get(tenant, Kind::Embedding, &key)?;
        codec::read::<Vector>(&bytes).map(|vector| vector.0)
    }

    /// Keeps the vector of a text under a model.
    pub fn put_embedding(&self, tenant: TenantId, model: &str, text: &str, vector: &[f32]) {
        let key = codec::text_key(model, text);
        if let (Some(bytes), Some(store)) =
            (codec::write(&Vector(vector.to_vec())), self.store.read().as_ref())
        {
            store.put(tenant, Kind::Embedding, &key, &bytes);
        }
    }

    /// The answer to a request, if it is known and still counts. `request` is a hash of everything that
    /// the answer depends on.
    #[must_use]
    pub fn response(&self, tenant: TenantId, request: &[u8; 32], now_ms: i64) -> Option<Vec<u8>> {
        let store = self.store.read();
        let store = store.as_ref()?;
        let bytes = store.get(tenant, Kind::Response, request)?;
        let answer = codec::read::<Answer>(&bytes)?;
        if now_ms < answer.until_ms {
            return Some(answer.body);
        }
        store.remove(tenant, Kind::Response, request);
        None
    }

    /// Keeps the answer to a request for `ttl_ms` from `now_ms` on.
    pub fn put_response(
        &self,
        tenant: TenantId,
        request: &[u8; 32],
        body: &[u8],
        now_ms: i64,
        ttl_ms: i64,
    ) {
        let answer = Answer { until_ms: now_ms.saturating_add(ttl_ms), body: body.to_vec() };
        if let (Some(bytes), Some(store)) = (codec::write(&answer), self.store.read().as_ref()) {
            store.put(tenant, Kind::Response, request, &bytes);
        }
    }

    /// Forgets everything of a tenant and syncs. What sled has not overwritten yet is still in its files
    /// for a while; answers `false` if the store is broken, then the folder should be removed.
    pub fn erase(&self, tenant: TenantId) -> bool {
        self.store.read().as_ref().is_none_or(|store| store.erase(tenant))
    }

    /// Bytes of keys and values.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.store.read().as_ref().map_or(0, Store::bytes)
    }

    /// Whether the folder was damaged and is empty now.
    #[must_use]
    pub fn began_anew(&self) -> bool {
        self.store.read().as_ref().is_some_and(|store| store.began_anew)
    }

    /// Whether sled refuses; then everything is a miss until the next start.
    #[must_use]
    pub fn broken(&self) -> bool {
        self.store.read().as_ref().is_some_and(Store::broken)
    }

    /// Writes what is only in memory to disk. Needed by nobody for correctness.
    pub fn flush(&self) {
        if let Some(store) = self.store.read().as_ref() {
            store.flush();
        }
    }

    /// Lets the folder go, so that it can be opened again, whoever still holds the cache.
    pub fn close(&self) {
        drop(self.store.write().take());
    }
}
