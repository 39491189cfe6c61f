//! Answers of models that are given again (KNO-06): to the same tenant, for the same model, the same
//! prompt and the same parameters, to the letter.
//!
//! What a person said or what is known of one is never kept here: whoever asks decides that before
//! (`think::write`). What is kept is sealed with the tenant's key and erased with the tenant.

use std::sync::Arc;

use impresario_cache::Cache;
use impresario_ids::TenantId;
use impresario_llm::Request;
use impresario_routing::Choice;
use impresario_vault::Vault;
use serde_json::json;

use crate::purse::words;

/// An answer is given again for so long. What it rests on is in the prompt, so it does not grow stale
/// when that changes; models do change behind their names.
const KEPT_FOR_MS: i64 = 86_400_000;

/// A hash of everything that an answer depends on.
pub(crate) type Key = [u8; 32];

/// The answers of a node.
#[derive(Clone, Debug)]
pub(crate) struct Recall {
    cache: Arc<Cache>,
    vault: Arc<Vault>,
}

impl Recall {
    pub(crate) fn new(cache: Arc<Cache>, vault: Arc<Vault>) -> Self {
        Self { cache, vault }
    }

    /// What names the answer to a request. The call's id is no part of it.
    pub(crate) fn key(choice: &Choice, request: &Request) -> Key {
        let Request { system, temperature, stop, seed, output_tokens_max, .. } = request;
        let all = json!({
            "provider": choice.provider,
            "model": choice.name,
            "system": system,
            "messages": words(request),
            "schema": request.schema.as_ref().map(|schema| &schema.schema),
            "output_tokens_max": output_tokens_max,
            "temperature": temperature,
            "stop": stop,
            "seed": seed,
        });
        *blake3::hash(format!("answer/{all}").as_bytes()).as_bytes()
    }

    /// The answer, if it was given lately. Blocks for the disk.
    pub(crate) fn get(&self, tenant: TenantId, key: &Key, now_ms: i64) -> Option<String> {
        let sealed = self.cache.response(tenant, key, now_ms)?;
        let bytes = self.vault.open_sealed(tenant, key, &sealed).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Keeps an answer. Blocks for the disk.
    pub(crate) fn keep(&self, tenant: TenantId, key: &Key, text: &str, now_ms: i64) {
        match self.vault.seal(tenant, key, text.as_bytes()) {
            Ok(sealed) => self.cache.put_response(tenant, key, &sealed, now_ms, KEPT_FOR_MS),
            Err(error) => tracing::warn!(error = %error, "a model's answer cannot be kept"),
        }
    }
}
