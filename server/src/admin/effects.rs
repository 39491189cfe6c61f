//! Timers, effects that are not done, commands that were set aside.

use impresario_http::PortError;
use impresario_ids::TenantId;
use impresario_journal::Table;
use impresario_kernel::EntityKey;
use impresario_rows::{DeadLetterRow, OutboxRow, decode_row, due_time, entity_of, timer_name};
use serde_json::{Value, json};

use super::actors::{id_text, kind_name};
use super::rows::{from_hex, to_hex};
use super::{Admin, internal};

impl Admin {
    pub(super) fn timers_value(
        &self,
        tenant: Option<TenantId>,
        limit: usize,
    ) -> Result<Value, PortError> {
        let mut timers = self.rows(Table::Timers, tenant, SORTED_MAX, &|key, value| {
            let (entity, due) = (entity_of(key)?, due_time(value)?);
            Some(json!({
                "tenant": entity.tenant,
                "kind": kind_name(entity.kind),
                "id": id_text(&entity),
                "name": timer_name(key)?,
                "due_ms": due.as_ms(),
            }))
        })?;
        timers.sort_by_key(|timer| timer["due_ms"].as_i64());
        timers.truncate(limit);
        Ok(json!({ "timers": timers }))
    }

    pub(super) fn timers_of(&self, entity: &EntityKey) -> Result<Vec<Value>, PortError> {
        self.rows(Table::Timers, Some(entity.tenant), SORTED_MAX, &|key, value| {
            (entity_of(key)? == *entity)
                .then(|| json!({ "name": timer_name(key), "due_ms": due_time(value).map(|due| due.as_ms()) }))
        })
    }

    pub(super) fn outbox_value(
        &self,
        tenant: Option<TenantId>,
        limit: usize,
    ) -> Result<Value, PortError> {
        let effects = self.rows(Table::Outbox, tenant, limit, &|key, value| {
            let (entity, row) = (entity_of(key)?, decode_row::<OutboxRow>(value).ok()?);
            Some(json!({
                "id": to_hex(key),
                "tenant": entity.tenant,
                "kind": kind_name(entity.kind),
                "entity": id_text(&entity),
                "at_ms": row.at.as_ms(),
                "attempts": row.attempts,
                "next_at_ms": row.next_at.as_ms(),
                "last_error": row.last_error,
                "trace": row.trace,
            }))
        })?;
        Ok(json!({ "effects": effects }))
    }

    pub(super) async fn drop_effect(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::Outbox, id)?;
        self.parts.outbox.forget(&key).await.map_err(internal)?;
        Ok(json!({ "id": id, "dropped": true }))
    }

    pub(super) async fn retry_effect(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::Outbox, id)?;
        self.parts.outbox.retry(&key).await.map_err(internal)?;
        Ok(json!({ "id": id, "retried": true }))
    }

    pub(super) fn dead_letters_value(
        &self,
        tenant: Option<TenantId>,
        limit: usize,
    ) -> Result<Value, PortError> {
        let letters = self.rows(Table::DeadLetters, tenant, limit, &|key, value| {
            let (entity, row) = (entity_of(key)?, decode_row::<DeadLetterRow>(value).ok()?);
            Some(json!({
                "id": to_hex(key),
                "tenant": entity.tenant,
                "kind": kind_name(entity.kind),
                "entity": id_text(&entity),
                "at_ms": row.at.as_ms(),
                "kills": row.kills,
                "reason": row.reason,
                "trace": row.trace,
            }))
        })?;
        Ok(json!({ "dead_letters": letters }))
    }

    pub(super) async fn replay_dead_letter(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::DeadLetters, id)?;
        let outcome = self.parts.host.replay_dead_letter(&key).await.map_err(internal)?;
        Ok(json!({ "id": id, "replayed": true, "rejected": outcome.err() }))
    }

    pub(super) async fn drop_dead_letter(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::DeadLetters, id)?;
        self.parts.host.drop_dead_letter(&key).await.map_err(internal)?;
        Ok(json!({ "id": id, "dropped": true }))
    }

    /// The key of a row that is there.
    fn known(&self, table: Table, id: &str) -> Result<Vec<u8>, PortError> {
        let key = from_hex(id)?;
        let entity = entity_of(&key).ok_or_else(|| PortError::invalid("the id is too short"))?;
        let host = &self.parts.host;
        let row = host.journal().get(host.partition_of(&entity), table, &key).map_err(internal)?;
        row.map(|_| key).ok_or_else(|| PortError::not_found("there is no such row (any more)"))
    }
}

/// So many timers are read to find the next ones.
const SORTED_MAX: usize = 100_000;
