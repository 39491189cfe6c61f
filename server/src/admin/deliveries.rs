//! What became of webhook messages.

use std::sync::Arc;

use impresario_api::{Delivery, Page};
use impresario_http::{PortError, SentDelivery};
use impresario_ids::{EndpointId, MessageId, TenantId};
use impresario_kernel::Timestamp;
use impresario_outbox::{DeliveryKey, DeliveryRow, find_delivery, list_deliveries, open_delivery};

use super::rows::{from_hex, to_hex};
use super::{Admin, internal};

impl Admin {
    pub(super) async fn deliveries_page(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Delivery>, PortError> {
        let before = cursor.map(|text| place(text, tenant, endpoint)).transpose()?;
        let reads = Arc::clone(&self.parts.reads);
        let read = tokio::task::spawn_blocking(move || {
            list_deliveries(&*reads, tenant, endpoint, before, limit)
        });
        let found = read.await.map_err(internal)?.map_err(internal)?;
        let next = if found.len() == limit {
            found.last().map(|(key, _)| to_hex(&key.to_bytes()))
        } else {
            None
        };
        Ok(Page { items: found.iter().map(|(key, row)| shown(key, row)).collect(), next })
    }

    pub(super) async fn sent_delivery(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        message: MessageId,
    ) -> Result<Option<SentDelivery>, PortError> {
        let reads = Arc::clone(&self.parts.reads);
        let read =
            tokio::task::spawn_blocking(move || find_delivery(&*reads, tenant, endpoint, message));
        let found = read.await.map_err(internal)?.map_err(internal)?;
        let Some((key, row)) = found else { return Ok(None) };
        let sent = open_delivery(self.parts.host.vault(), &key, &row).map_err(internal)?;
        Ok(Some(SentDelivery { kind: row.kind, body: sent.body }))
    }
}

/// The place that a cursor names; it must be one of this endpoint's.
fn place(cursor: &str, tenant: TenantId, endpoint: EndpointId) -> Result<DeliveryKey, PortError> {
    DeliveryKey::from_bytes(&from_hex(cursor)?)
        .filter(|key| key.tenant == tenant && key.endpoint == endpoint)
        .ok_or_else(|| PortError::invalid("the cursor is not one that was handed out here"))
}

fn shown(key: &DeliveryKey, row: &DeliveryRow) -> Delivery {
    Delivery {
        message: key.message.to_string(),
        r#type: row.kind.clone(),
        decided_at: iso(key.at),
        status: row.status.as_str().to_owned(),
        attempts: row.attempts,
        last_at: iso(row.last_at),
        next_at: row.next_at.map(iso),
        http_status: row.http_status,
        error: row.error.clone(),
    }
}

/// ISO 8601 in UTC with milliseconds.
fn iso(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_ms())
        .map_or_else(|_| at.to_string(), |time| format!("{time:.3}"))
}
