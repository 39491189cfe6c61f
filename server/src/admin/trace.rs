//! What happened to an entity: its events as they are stored, personal values hidden.

use std::ops::ControlFlow;

use impresario_budget::Budget;
use impresario_conversation::Conversation;
use impresario_http::{Actor, PortError};
use impresario_journal::{KeyRange, Table, Visitor};
use impresario_kernel::{Entity, EntityKey, decode};
use impresario_knowledge::Document;
use impresario_profile::Profile;
use impresario_quarantine::Quarantine;
use impresario_rows::{EventRow, aad, decode_row, due_time, sequence_of, timer_name};
use impresario_segment::Segment;
use impresario_tenant::Tenant;
use serde_json::{Value, json};

use super::actors::key_of;
use super::{Admin, internal};

/// Longer texts of an event are cut.
const EVENT_CHARS_MAX: usize = 2_000;

impl Admin {
    pub(super) async fn trace_value(
        &self,
        actor: &Actor,
        limit: usize,
    ) -> Result<Value, PortError> {
        let key = key_of(actor.tenant, &actor.kind, &actor.id)?;
        let admin = self.clone();
        let read = tokio::task::spawn_blocking(move || admin.events_of(&key, limit));
        let events = read.await.map_err(internal)?.map_err(internal)?;
        Ok(json!({ "tenant": actor.tenant, "kind": actor.kind, "id": actor.id, "events": events }))
    }

    /// The entity's rows of a table, which lie beside each other.
    fn scan_of(
        &self,
        key: &EntityKey,
        table: Table,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), impresario_journal::ReadError> {
        let host = &self.parts.host;
        let range = KeyRange::prefix(&key.to_bytes());
        host.journal().scan(host.partition_of(key), table, &range, reverse, visit)
    }

    fn events_of(
        &self,
        key: &EntityKey,
        limit: usize,
    ) -> Result<Vec<Value>, impresario_journal::ReadError> {
        let vault = self.parts.host.vault();
        let mut events = Vec::new();
        self.scan_of(key, Table::Events, true, &mut |row_key, value| {
            if events.len() >= limit {
                return ControlFlow::Break(());
            }
            let seq = sequence_of(row_key);
            let Ok(row) = decode_row::<EventRow>(value) else {
                events.push(json!({ "seq": seq, "event": "(the row is damaged)" }));
                return ControlFlow::Continue(());
            };
            let plain = vault.open_sealed(key.tenant, &aad(Table::Events, row_key), &row.body);
            let text = match plain {
                Ok(plain) => text_of(key, &plain),
                Err(error) => format!("({error})"),
            };
            events.push(json!({
                "seq": seq,
                "at_ms": row.at.as_ms(),
                "trace": row.trace,
                "bytes": value.len(),
                "event": text.chars().take(EVENT_CHARS_MAX).collect::<String>(),
            }));
            ControlFlow::Continue(())
        })?;
        Ok(events)
    }

    /// The entity's durable timers.
    pub(super) fn timers_of(&self, key: &EntityKey) -> Result<Vec<Value>, PortError> {
        let mut timers = Vec::new();
        self.scan_of(key, Table::Timers, false, &mut |row_key, value| {
            let due = due_time(value).map(|due| due.as_ms());
            timers.push(json!({ "name": timer_name(row_key), "due_ms": due }));
            ControlFlow::Continue(())
        })
        .map_err(internal)?;
        Ok(timers)
    }
}

/// An event as a Rust value, which hides what is personal.
fn text_of(key: &EntityKey, plain: &[u8]) -> String {
    match key.kind {
        code if code == Tenant::KIND.code => event::<Tenant>(plain),
        code if code == Profile::KIND.code => event::<Profile>(plain),
        code if code == Segment::KIND.code => event::<Segment>(plain),
        code if code == Quarantine::KIND.code => event::<Quarantine>(plain),
        code if code == Document::KIND.code => event::<Document>(plain),
        code if code == Conversation::KIND.code => event::<Conversation>(plain),
        code if code == Budget::KIND.code => event::<Budget>(plain),
        _ => "(of an unknown kind)".to_owned(),
    }
}

fn event<E: Entity>(plain: &[u8]) -> String {
    decode::<E::Event>(plain)
        .map_or_else(|error| format!("({error})"), |event| format!("{event:?}"))
}
