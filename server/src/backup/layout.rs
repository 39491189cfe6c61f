//! What the keys of all rows mean. See `docs/adr/0015-backup.md` for the table in words.

use impresario_backup::{Home, Layout, Misplaced};
use impresario_conversation::index as conversations;
use impresario_ids::TenantId;
use impresario_journal::Table;
use impresario_kernel::{EntityKey, IndexId, decode};
use impresario_outbox::{DeliveryRow, DeliveryStatus};
use impresario_profile::index;
use impresario_rows::{entity_of, index_key};

/// Bytes of a key before an index's term: tenant, index.
const HEAD: usize = 16 + 1;
/// The keyed hash of a personal value.
const BLIND: usize = 16;
const SEGMENT: usize = 16;

/// The rooms of this house: every table and index that this release knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rooms;

impl Layout for Rooms {
    fn home(&self, table: Table, key: &[u8], value: &[u8]) -> Result<Home, Misplaced> {
        match table {
            Table::Events
            | Table::Snapshots
            | Table::Outbox
            | Table::Timers
            | Table::DeadLetters => entity_of(key).map(Home::Entity).ok_or(Misplaced),
            Table::Seen => seen(key),
            Table::Index => index_row(key),
            Table::Deliveries => delivery(value),
            // Kept by the system group; the first release had them in partition 0.
            Table::Keys | Table::Meta => Ok(Home::Own),
        }
    }

    fn counted_by(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        let tenant = tenant_of(key)?;
        let is_listed = table == Table::Index && key.get(16) == Some(&index::PROFILES.0);
        is_listed.then(|| index_key(tenant, index::PROFILE_COUNT, None, &[]))
    }
}

fn tenant_of(key: &[u8]) -> Option<TenantId> {
    key.first_chunk().map(|bytes| TenantId::from_bytes(*bytes))
}

/// Tenant, day 4, kind and id, hash.
fn seen(key: &[u8]) -> Result<Home, Misplaced> {
    let entity = key.get(20..37).ok_or(Misplaced)?;
    entity_of(&[&key[..16], entity].concat()).map(Home::Entity).ok_or(Misplaced)
}

/// Listed over all partitions. One that is done stays as it is, wherever it lies. One that goes on
/// is written again by its next attempt, where the effect is by then; kept elsewhere it would be
/// listed twice.
fn delivery(value: &[u8]) -> Result<Home, Misplaced> {
    let row: DeliveryRow = decode(value).map_err(|_| Misplaced)?;
    Ok(match row.status {
        DeliveryStatus::Pending => Home::Own,
        DeliveryStatus::Delivered
        | DeliveryStatus::Failed
        | DeliveryStatus::Gone
        | DeliveryStatus::Dropped => Home::Anywhere,
    })
}

fn index_row(key: &[u8]) -> Result<Home, Misplaced> {
    let term = key.get(HEAD..).ok_or(Misplaced)?;
    let profile = impresario_profile::KIND.code;
    match IndexId(key[16]) {
        index::PROFILES => entity(key, profile, term),
        index::BY_USER_ID
        | index::BY_ANONYMOUS_ID
        | index::BY_EMAIL
        | index::BY_TRAIT
        | index::BY_EXTERNAL_ID => entity(key, profile, term.get(BLIND..).ok_or(Misplaced)?),
        index::MEMBERS | index::PAST_MEMBERS => {
            entity(key, profile, term.get(SEGMENT..).ok_or(Misplaced)?)
        }
        index::EVENT_COUNTS | index::USAGE | impresario_quarantine::COUNTS => Ok(Home::Sum),
        index::PROFILE_COUNT => Ok(Home::Count),
        impresario_segment::LIST_INDEX => entity(key, impresario_segment::KIND.code, term),
        index => talk(index, key, term),
    }
}

/// Rows of knowledge, conversations and budgets.
fn talk(index: IndexId, key: &[u8], term: &[u8]) -> Result<Home, Misplaced> {
    let (document, conversation) =
        (impresario_knowledge::KIND.code, impresario_conversation::KIND.code);
    match index {
        impresario_knowledge::LIVE | impresario_knowledge::DELETED => entity(key, document, term),
        // The id comes last.
        impresario_knowledge::BY_COLLECTION | impresario_knowledge::EXTERNAL => {
            entity(key, document, term.last_chunk::<16>().ok_or(Misplaced)?)
        }
        conversations::INBOX | conversations::BY_ASSIGNEE | conversations::BY_PROFILE => {
            entity(key, conversation, term.last_chunk::<16>().ok_or(Misplaced)?)
        }
        impresario_knowledge::DOCUMENT_COUNTS
        | impresario_knowledge::CHUNK_COUNTS
        | conversations::COUNTS
        | impresario_budget::COST_BY_SCOPE
        | impresario_budget::COST_BY_MODEL
        | impresario_budget::COST_BY_AGENT
        | impresario_budget::TOKENS_BY_MODEL
        | impresario_budget::CALLS => Ok(Home::Sum),
        _ => Err(Misplaced),
    }
}

fn entity(key: &[u8], kind: u8, id: &[u8]) -> Result<Home, Misplaced> {
    let tenant = tenant_of(key).ok_or(Misplaced)?;
    let id = *id.first_chunk::<16>().ok_or(Misplaced)?;
    Ok(Home::Entity(EntityKey { tenant, kind, id }))
}
