use std::collections::BTreeMap;

use impresario_ids::TenantId;
use impresario_kernel::{Personal, Timestamp};
use impresario_quarantine::{Item, Quarantine, SHARDS};
use serde::{Serialize, Serializer};

use crate::{Cursor, Page, ViewError, Views, load};

/// One refused piece of input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantineItem {
    /// The shard that keeps it.
    pub shard: u8,
    /// Its number in the shard; with the shard, its name for discarding it.
    pub seq: u64,
    /// The problem's stable code.
    pub reason: String,
    /// What was wrong.
    #[serde(serialize_with = "personal")]
    pub detail: Personal<String>,
    /// The input as it came, cut at 32 KB; what is not UTF-8 is replaced.
    #[serde(serialize_with = "personal")]
    pub raw: Personal<String>,
    /// The route that it came by.
    pub source: String,
    /// When it came, in Unix milliseconds in JSON.
    #[serde(serialize_with = "crate::timeline::ms")]
    pub received_at: Timestamp,
}

/// Time, shard, number: one order over all shards.
type Order = [u8; 17];

impl Views {
    /// What was refused and is still kept, newest first.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn quarantine(
        &self,
        tenant: TenantId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<QuarantineItem>, ViewError> {
        let after: Option<Order> = Cursor::place(after)?;
        let freshness = self.freshness();
        let limit = limit.max(1);
        let mut newest: BTreeMap<Order, QuarantineItem> = BTreeMap::new();
        let mut more = false;
        for shard in 0..SHARDS {
            // One shard after the other, so that only one shard's state is in memory.
            let key = impresario_quarantine::key(tenant, shard);
            let loaded = load::<Quarantine>(&*self.journal, &self.vault, &key)?;
            for item in loaded.state.newest(None) {
                let order = order(shard, item);
                if after.is_none_or(|after| order < after) {
                    newest.insert(order, shown(shard, item));
                }
                if newest.len() > limit {
                    newest.pop_first();
                    more = true;
                }
            }
        }
        let next = if more {
            newest.first_key_value().map(|(order, _)| Cursor::new(*order))
        } else {
            None
        };
        Ok(Page { items: newest.into_values().rev().collect(), next, freshness })
    }

    /// How many pieces of input were ever refused, by reason.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn quarantine_counts(&self, tenant: TenantId) -> Result<BTreeMap<String, u64>, ViewError> {
        let mut counts = BTreeMap::new();
        for shard in 0..SHARDS {
            let key = impresario_quarantine::key(tenant, shard);
            let loaded = load::<Quarantine>(&*self.journal, &self.vault, &key)?;
            for (reason, count) in loaded.state.counts() {
                *counts.entry(reason.clone()).or_default() += count;
            }
        }
        Ok(counts)
    }
}

fn order(shard: u8, item: &Item) -> Order {
    let mut order = [0; 17];
    order[..8]
        .copy_from_slice(&impresario_profile::index::sortable(item.refused.received_at.as_ms()));
    order[8] = shard;
    order[9..].copy_from_slice(&item.seq.to_be_bytes());
    order
}

fn shown(shard: u8, item: &Item) -> QuarantineItem {
    let refused = &item.refused;
    QuarantineItem {
        shard,
        seq: item.seq,
        reason: refused.reason.clone(),
        detail: refused.detail.clone(),
        raw: Personal(String::from_utf8_lossy(&refused.raw.0).into_owned()),
        source: refused.source.clone(),
        received_at: refused.received_at,
    }
}

fn personal<S: Serializer>(text: &Personal<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text.0)
}
