//! What was sent to models and what came back, for people who look into an answer (LLM-13).
//!
//! A trace is of the node that made the call, is kept for as long as the tenant says and there is
//! room, and is no part of what happened: that is in the conversation's interaction records. Personal
//! data is blanked before it is kept, and what is kept is sealed with the tenant's key.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use dashmap::DashMap;
use impresario_cache::Cache;
use impresario_ids::{CallId, TenantId};
use impresario_vault::Vault;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Calls of one tenant that are listed.
const LISTED_MAX: usize = 1_000;
/// Tenants whose calls are listed.
const TENANTS_MAX: usize = 10_000;

/// A call in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallRow {
    /// Its id.
    pub id: String,
    /// When it began, Unix milliseconds.
    pub at_ms: i64,
    /// For which conversation.
    pub conversation: Option<String>,
    /// For which of its turns.
    pub turn: Option<u32>,
    /// `answer`, `repair`, `again`, `question`, `image`.
    pub purpose: String,
    /// The connection.
    pub provider: String,
    /// The model's id in the registry.
    pub model: String,
    /// `ok`, `cached` (given before, not called), or the error's code.
    pub outcome: String,
    /// Tokens read, those from a cache too.
    pub input_tokens: u64,
    /// Of these, from a cache.
    pub cached_tokens: u64,
    /// Tokens written, those of reasoning too.
    pub output_tokens: u64,
    /// Of these, of reasoning.
    pub reasoning_tokens: u64,
    /// What it cost, in millionths.
    pub cost_micros: i64,
    /// Until the answer was complete.
    pub latency_ms: u64,
}

/// All that is kept of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallTrace {
    /// As in the list.
    pub row: CallRow,
    /// What was sent.
    pub prompt: Value,
    /// What it was to rest on.
    pub context: Value,
    /// What came back.
    pub answer: Value,
    /// Who was tried or passed over before.
    pub route: Value,
    /// Pieces of personal data that were blanked.
    pub redacted: u64,
}

impl CallTrace {
    /// Blanks personal data in everything that was written by people.
    #[must_use]
    pub(crate) fn redacted(mut self) -> Self {
        let mut count = 0;
        for part in [&mut self.prompt, &mut self.context, &mut self.answer] {
            blank(part, &mut count);
        }
        self.redacted = count;
        self
    }
}

fn blank(value: &mut Value, count: &mut u64) {
    match value {
        Value::String(text) => {
            let redacted = impresario_text::personal::redact(text);
            if !redacted.found.is_empty() {
                *count += redacted.found.len() as u64;
                *text = redacted.text;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blank(item, count)),
        Value::Object(fields) => fields.values_mut().for_each(|field| blank(field, count)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The calls of a node.
#[derive(Debug)]
pub(crate) struct Traces {
    cache: Arc<Cache>,
    vault: Arc<Vault>,
    listed: DashMap<TenantId, Mutex<VecDeque<CallRow>>>,
}

impl Traces {
    pub(crate) fn new(cache: Arc<Cache>, vault: Arc<Vault>) -> Self {
        Self { cache, vault, listed: DashMap::new() }
    }

    /// Keeps a call for so long. Blocks for the disk.
    pub(crate) fn keep(&self, tenant: TenantId, trace: CallTrace, now_ms: i64, ttl_ms: i64) {
        let trace = trace.redacted();
        if self.listed.len() < TENANTS_MAX || self.listed.contains_key(&tenant) {
            let listed = self.listed.entry(tenant).or_default();
            let mut listed = listed.lock();
            listed.push_front(trace.row.clone());
            listed.truncate(LISTED_MAX);
        }
        let name = name(&trace.row.id);
        let Ok(bytes) = serde_json::to_vec(&trace) else { return };
        match self.vault.seal(tenant, &name, &bytes) {
            Ok(sealed) => self.cache.put_response(tenant, &name, &sealed, now_ms, ttl_ms),
            Err(error) => tracing::warn!(error = %error, "a call's trace cannot be kept"),
        }
    }

    /// The newest calls since this node started, by their beginning: of all conversations, or of one.
    /// `after`: the time and id of the call that the page before ended with.
    #[must_use]
    pub(crate) fn list(
        &self,
        tenant: TenantId,
        conversation: Option<&str>,
        after: Option<(i64, &str)>,
        limit: usize,
    ) -> Vec<CallRow> {
        let Some(listed) = self.listed.get(&tenant) else { return Vec::new() };
        let listed = listed.lock();
        let place = |row: &CallRow| (Reverse(row.at_ms), Reverse(row.id.clone()));
        let after = after.map(|(at_ms, id)| (Reverse(at_ms), Reverse(id.to_owned())));
        let wanted = |row: &&CallRow| {
            conversation.is_none_or(|wanted| row.conversation.as_deref() == Some(wanted))
                && after.as_ref().is_none_or(|after| place(row) > *after)
        };
        let mut rows: Vec<CallRow> = listed.iter().filter(wanted).cloned().collect();
        rows.sort_by_cached_key(place);
        rows.truncate(limit);
        rows
    }

    /// One call. Blocks for the disk.
    #[must_use]
    pub(crate) fn get(&self, tenant: TenantId, call: CallId, now_ms: i64) -> Option<CallTrace> {
        let name = name(&call.to_string());
        let sealed = self.cache.response(tenant, &name, now_ms)?;
        let bytes = self.vault.open_sealed(tenant, &name, &sealed).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn forget(&self, tenant: TenantId) {
        self.listed.remove(&tenant);
    }
}

/// Under which a call is kept: apart from the answers that are kept to be given again.
fn name(call: &str) -> [u8; 32] {
    *blake3::hash(&[b"trace/", call.as_bytes()].concat()).as_bytes()
}
