use std::collections::BTreeMap;
use std::ops::ControlFlow;

use impresario_ids::{DocumentId, TenantId};
use impresario_journal::KeyRange;
use impresario_kernel::{IndexId, decode};
use impresario_knowledge::{
    BY_COLLECTION, CHUNK_COUNTS, DELETED, DOCUMENT_COUNTS, Document, EXTERNAL, LIVE, ListRow,
    Status, collection_prefix, external_personal,
};
use impresario_rows::{counter, index_key};
use serde::Serialize;

use crate::error::damaged;
use crate::scatter::Rows;
use crate::{Cursor, Freshness, Loaded, Page, ViewError, Views, load};

/// One document in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentItem {
    /// Its id.
    pub id: DocumentId,
    /// What the list knows of it: no title, which is in the state only.
    #[serde(flatten)]
    pub row: ListRow,
}

/// How much a collection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CollectionCount {
    /// Documents that are not deleted.
    pub documents: i64,
    /// Chunks that can be found.
    pub chunks: i64,
}

/// All documents of a tenant that are not deleted, for whoever keeps an index of them: what is in
/// the index and not here must go, what has another revision must be loaded again.
#[derive(Clone, Debug, PartialEq)]
pub struct KnowledgeCensus {
    /// By id.
    pub documents: BTreeMap<DocumentId, ListRow>,
    /// How fresh they are.
    pub freshness: Freshness,
}

/// Rows of a census.
const CENSUS_MAX: usize = 1_000_000;

impl Views {
    /// Documents by id: those of a collection, or all; those of a status, or all that are not
    /// deleted ([`Status::Deleted`] gives the ones that can be restored).
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn documents(
        &self,
        tenant: TenantId,
        collection: Option<&str>,
        status: Option<Status>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<DocumentItem>, ViewError> {
        let deleted = status == Some(Status::Deleted);
        let prefix = collection.filter(|_| !deleted).map(collection_prefix);
        let index = match &prefix {
            _ if deleted => DELETED,
            Some(_) => BY_COLLECTION,
            None => LIVE,
        };
        let prefix = prefix.unwrap_or_default();
        let rows = Rows { tenant, index, blind: None, prefix: &prefix };
        let mut outcome = Ok(());
        let page = self.page(&rows, after, limit, &mut |place, _, value| {
            let row: ListRow = match decode(value) {
                Ok(row) => row,
                Err(error) => {
                    outcome = Err(damaged(error));
                    return None;
                }
            };
            let wanted = status.is_none_or(|status| row.status == status)
                && collection.is_none_or(|collection| row.collection == collection);
            wanted.then(|| DocumentItem { id: DocumentId::from_bytes(place), row })
        })?;
        outcome.map(|()| page)
    }

    /// Every document of a tenant that is not deleted, with its version and revision. Reads one
    /// small row of each.
    ///
    /// # Errors
    /// [`ViewError`]; [`ViewError::TooBroad`] over a million documents.
    pub fn knowledge_census(&self, tenant: TenantId) -> Result<KnowledgeCensus, ViewError> {
        let freshness = self.freshness();
        let prefix = index_key(tenant, LIVE, None, &[]);
        let mut documents = BTreeMap::new();
        let mut outcome = Ok(());
        let scans = self.scans(&KeyRange::prefix(&prefix), 0);
        self.journal.scan_many(&scans, &mut |_, key, value| {
            let id = key.get(prefix.len()..).and_then(|id| <[u8; 16]>::try_from(id).ok());
            let Some(id) = id else { return ControlFlow::Continue(()) };
            if documents.len() >= CENSUS_MAX {
                outcome = Err(ViewError::TooBroad(CENSUS_MAX));
                return ControlFlow::Break(());
            }
            match decode(value) {
                Ok(row) => drop(documents.insert(DocumentId::from_bytes(id), row)),
                Err(error) => {
                    outcome = Err(damaged(error));
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        outcome.map(|()| KnowledgeCensus { documents, freshness })
    }

    /// One document as it was committed last; a default state if there never was one.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn document(
        &self,
        tenant: TenantId,
        document: DocumentId,
    ) -> Result<Loaded<Document>, ViewError> {
        load(&*self.journal, &self.vault, &impresario_knowledge::key(tenant, document))
    }

    /// The documents that the tenant knows under this id of its own in a collection.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn documents_of_external(
        &self,
        tenant: TenantId,
        collection: &str,
        external_id: &str,
    ) -> Result<Vec<DocumentId>, ViewError> {
        const SAME_MAX: usize = 100;
        let value = external_personal(collection, external_id);
        let blind = Some(self.vault.blind(tenant, EXTERNAL.0, &value)?);
        let rows = Rows { tenant, index: EXTERNAL, blind, prefix: &[] };
        let page = self
            .page(&rows, None, SAME_MAX, &mut |place, _, _| Some(DocumentId::from_bytes(place)))?;
        Ok(page.items)
    }

    /// How much each collection has, by name.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn knowledge_counts(
        &self,
        tenant: TenantId,
    ) -> Result<BTreeMap<String, CollectionCount>, ViewError> {
        let mut counts: BTreeMap<String, CollectionCount> = BTreeMap::new();
        self.collection_counters(tenant, DOCUMENT_COUNTS, &mut |collection, count| {
            counts.entry(collection).or_default().documents += count;
        })?;
        self.collection_counters(tenant, CHUNK_COUNTS, &mut |collection, count| {
            counts.entry(collection).or_default().chunks += count;
        })?;
        counts.retain(|_, count| *count != CollectionCount::default());
        Ok(counts)
    }

    fn collection_counters(
        &self,
        tenant: TenantId,
        index: IndexId,
        add: &mut dyn FnMut(String, i64),
    ) -> Result<(), ViewError> {
        let prefix = index_key(tenant, index, None, &[]);
        let scans = self.scans(&KeyRange::prefix(&prefix), 0);
        self.journal.scan_many(&scans, &mut |_, key, value| {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            add(name, counter(value));
            ControlFlow::Continue(())
        })?;
        Ok(())
    }
}
