//! Read models: what the edge lists and searches, read from the rows that entities write in the same
//! commit as their events.
//!
//! Every entity's rows lie in its own partition. A reader asks all partitions for a bounded page and
//! merges them in one order, so that a [`Cursor`] stays good while rows come and go.
//!
//! - W1: every read names a tenant, and all keys it looks at begin with that tenant.
//! - W2: an answer says how fresh it is ([`Freshness`]): it holds at least everything that was
//!   committed when the read began.
//! - W3: walking pages by cursor gives every row that was there all the time exactly once.
//! - W4: [`Directory`] never serves a state older than the last `invalidate` or `renew` of the tenant
//!   on its node; another node than the one that leads the tenant hears of a change within a second.
//! - W5: a page costs bounded memory: its own rows, per partition.
//!
//! What it is not: a place to decide. Whatever must hold is decided by the entity from its own
//! state. The functions block for disk reads (usually microseconds; a whole timeline may take
//! longer), or for other nodes where the journal's partitions are led elsewhere, so an asynchronous
//! caller moves them to a blocking thread.

mod census;
mod conversations;
mod counts;
mod cursor;
mod directory;
mod error;
mod knowledge;
mod load;
mod members;
mod profiles;
mod quarantine;
mod scatter;
mod timeline;

#[cfg(test)]
mod tests;

pub use conversations::{
    ConversationAnalytics, ConversationDay, ConversationItem, ConversationRates, InboxCount,
    Latencies, Totals,
};
pub use counts::{Bucket, EventCount, UsageCount};
pub use cursor::{Cursor, MalformedCursor};
pub use directory::{Directory, Elsewhere, Standing};
pub use error::ViewError;
pub use knowledge::{CollectionCount, DocumentItem, KnowledgeCensus};
pub use load::{Loaded, load};
pub use members::{Member, SegmentItem};
pub use profiles::{Find, ProfileItem};
pub use quarantine::QuarantineItem;
pub use scatter::{Freshness, Page};
pub use timeline::{ConsentEntry, Entry, Timeline};

use std::fmt;
use std::sync::Arc;

use impresario_journal::Journal;
use impresario_vault::Vault;

/// The readers. Cheap to clone.
#[derive(Clone)]
pub struct Views {
    journal: Arc<dyn Journal>,
    vault: Arc<Vault>,
}

impl Views {
    /// Readers over a node's store.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, vault: Arc<Vault>) -> Self {
        Self { journal, vault }
    }
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Views")
            .field("partitions", &self.journal.partitions())
            .finish_non_exhaustive()
    }
}
