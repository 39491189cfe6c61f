//! Timers, effects that are not done, commands that were set aside.

use impresario_http::{PortError, Rows};
use impresario_journal::Table;
use impresario_rows::{DeadLetterRow, OutboxRow, decode_row, due_time, entity_of, timer_name};
use serde_json::{Value, json};

use super::actors::{id_text, kind_name};
use super::rows::{from_hex, to_hex};
use super::{Admin, failed, internal};

impl Admin {
    pub(super) async fn timers_value(&self, asked: Rows) -> Result<Value, PortError> {
        let all = Rows { limit: SORTED_MAX, ..asked };
        let mut timers = self.rows(Table::Timers, all, timer).await?;
        timers.rows.sort_by_key(|timer| timer["due_ms"].as_i64());
        timers.rows.truncate(asked.limit);
        Ok(timers.named("timers"))
    }

    pub(super) async fn outbox_value(&self, asked: Rows) -> Result<Value, PortError> {
        Ok(self.rows(Table::Outbox, asked, effect).await?.named("effects"))
    }

    pub(super) async fn drop_effect(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::Outbox, id)?;
        self.parts.outbox.forget(&key).await.map_err(failed)?;
        Ok(json!({ "id": id, "dropped": true }))
    }

    pub(super) async fn retry_effect(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::Outbox, id)?;
        self.parts.outbox.retry(&key).await.map_err(failed)?;
        Ok(json!({ "id": id, "retried": true }))
    }

    pub(super) async fn dead_letters_value(&self, asked: Rows) -> Result<Value, PortError> {
        Ok(self.rows(Table::DeadLetters, asked, dead_letter).await?.named("dead_letters"))
    }

    pub(super) async fn replay_dead_letter(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::DeadLetters, id)?;
        let outcome = self.parts.host.replay_dead_letter(&key).await.map_err(failed)?;
        Ok(json!({ "id": id, "replayed": true, "rejected": outcome.err() }))
    }

    pub(super) async fn drop_dead_letter(&self, id: &str) -> Result<Value, PortError> {
        let key = self.known(Table::DeadLetters, id)?;
        self.parts.host.drop_dead_letter(&key).await.map_err(failed)?;
        Ok(json!({ "id": id, "dropped": true }))
    }

    /// The key of a row that is there; only the node that decides for it can say.
    fn known(&self, table: Table, id: &str) -> Result<Vec<u8>, PortError> {
        let key = from_hex(id)?;
        let entity = entity_of(&key).ok_or_else(|| PortError::invalid("the id is too short"))?;
        let host = &self.parts.host;
        let partition = host.partition_of(&entity);
        if !host.journal().leadership(partition).is_leader() {
            return Err(PortError::coded("not_leader", format!("{partition} is led elsewhere")));
        }
        let row = host.journal().get(partition, table, &key).map_err(internal)?;
        row.map(|_| key).ok_or_else(|| PortError::not_found("there is no such row (any more)"))
    }
}

/// So many timers are read to find the next ones.
const SORTED_MAX: usize = 100_000;

fn timer(key: &[u8], value: &[u8]) -> Option<Value> {
    let (entity, due) = (entity_of(key)?, due_time(value)?);
    Some(json!({
        "tenant": entity.tenant,
        "kind": kind_name(entity.kind),
        "id": id_text(&entity),
        "name": timer_name(key)?,
        "due_ms": due.as_ms(),
    }))
}

fn effect(key: &[u8], value: &[u8]) -> Option<Value> {
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
}

fn dead_letter(key: &[u8], value: &[u8]) -> Option<Value> {
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
}
