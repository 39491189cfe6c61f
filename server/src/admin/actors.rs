//! Entities that are active on this node, and what can be done with one.

use impresario_budget::Budget;
use impresario_conversation::Conversation;
use impresario_http::{Actor, PortError};
use impresario_ids::{
    ConversationId, DocumentId, Id, Kind, ProfileId, QuarantineId, SegmentId, TenantId,
};
use impresario_kernel::{Entity, EntityKey, EntityKind};
use impresario_knowledge::Document;
use impresario_profile::Profile;
use impresario_quarantine::Quarantine;
use impresario_segment::Segment;
use impresario_tenant::Tenant;
use serde_json::{Value, json};

use super::{Admin, failed};

impl Admin {
    pub(super) fn actors_value(&self, kind: Option<&str>, limit: usize) -> Value {
        let top = self.parts.host.top(kind, limit);
        let shown: Vec<Value> = top
            .into_iter()
            .map(|info| {
                json!({
                    "tenant": info.key.tenant,
                    "kind": info.kind,
                    "id": id_text(&info.key),
                    "partition": self.parts.host.partition_of(&info.key).0,
                    "pending": info.pending,
                    "seq": info.seq,
                    "idle_ms": self.now().since_ms(info.last_used),
                    "down": info.down.map(|(until, reason)| json!({ "until_ms": until.as_ms(), "reason": reason })),
                })
            })
            .collect();
        json!({ "actors": shown })
    }

    pub(super) async fn show_value(&self, actor: &Actor) -> Result<Value, PortError> {
        let Actor { tenant, kind, id } = actor;
        let key = key_of(*tenant, kind, id)?;
        let state = self.parts.host.show(key).await.map_err(failed)?;
        let is_active = |info: &impresario_host::EntityInfo| info.key == key;
        let active = self.parts.host.top(Some(kind), usize::MAX).into_iter().find(is_active);
        Ok(json!({
            "tenant": tenant,
            "kind": kind,
            "id": id,
            "node": self.parts.neighbours.me(),
            "partition": self.parts.host.partition_of(&key).0,
            "seq": active.as_ref().map(|info| info.seq),
            "pending": active.as_ref().map(|info| info.pending),
            "timers": self.timers_of(&key)?,
            "state": state,
        }))
    }

    pub(super) async fn passivate(&self, actor: &Actor) -> Result<Value, PortError> {
        let key = key_of(actor.tenant, &actor.kind, &actor.id)?;
        let passivated = self.parts.host.passivate(&key).await.map_err(failed)?;
        Ok(json!({ "passivated": passivated }))
    }

    pub(super) fn quarantine(
        &self,
        actor: &Actor,
        reason: String,
        seconds: u64,
    ) -> Result<Value, PortError> {
        let key = key_of(actor.tenant, &actor.kind, &actor.id)?;
        let wait_ms = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let until = self.now().plus_ms(wait_ms);
        self.parts.host.hold(&key, until, format!("held back: {reason}")).map_err(failed)?;
        Ok(json!({ "until_ms": until.as_ms() }))
    }

    pub(super) fn release(&self, actor: &Actor) -> Result<Value, PortError> {
        let key = key_of(actor.tenant, &actor.kind, &actor.id)?;
        let released = self.parts.host.release(&key).map_err(failed)?;
        Ok(json!({ "released": released }))
    }
}

/// The address of an entity by the words of an operator.
pub(super) fn key_of(tenant: TenantId, kind: &str, id: &str) -> Result<EntityKey, PortError> {
    match kind {
        "tenant" => of::<impresario_ids::TenantKind>(tenant, Tenant::KIND, id),
        "profile" => of::<impresario_ids::ProfileKind>(tenant, Profile::KIND, id),
        "segment" => of::<impresario_ids::SegmentKind>(tenant, Segment::KIND, id),
        "quarantine" => of::<impresario_ids::QuarantineKind>(tenant, Quarantine::KIND, id),
        "document" => of::<impresario_ids::DocumentKind>(tenant, Document::KIND, id),
        "conversation" => of::<impresario_ids::ConversationKind>(tenant, Conversation::KIND, id),
        "budget" => of::<impresario_ids::TenantKind>(tenant, Budget::KIND, id),
        _ => Err(PortError::invalid(
            "the kind is one of tenant, profile, segment, quarantine, document, conversation, budget",
        )),
    }
}

fn of<K: Kind>(tenant: TenantId, kind: EntityKind, id: &str) -> Result<EntityKey, PortError> {
    let id: Id<K> = id.parse().map_err(|error| PortError::invalid(format!("{error}")))?;
    Ok(EntityKey::new(tenant, kind, id))
}

/// The entity's id with the prefix of its kind.
pub(super) fn id_text(key: &EntityKey) -> String {
    match key.kind {
        code if code == Tenant::KIND.code => TenantId::from_bytes(key.id).to_string(),
        code if code == Profile::KIND.code => ProfileId::from_bytes(key.id).to_string(),
        code if code == Segment::KIND.code => SegmentId::from_bytes(key.id).to_string(),
        code if code == Quarantine::KIND.code => QuarantineId::from_bytes(key.id).to_string(),
        code if code == Document::KIND.code => DocumentId::from_bytes(key.id).to_string(),
        code if code == Conversation::KIND.code => ConversationId::from_bytes(key.id).to_string(),
        code if code == Budget::KIND.code => TenantId::from_bytes(key.id).to_string(),
        _ => key.to_string(),
    }
}

/// The name of a kind by its stored code.
pub(super) fn kind_name(code: u8) -> &'static str {
    let kinds = [
        Tenant::KIND,
        Profile::KIND,
        Segment::KIND,
        Quarantine::KIND,
        Document::KIND,
        Conversation::KIND,
        Budget::KIND,
    ];
    kinds.into_iter().find(|kind| kind.code == code).map_or("unknown", |kind| kind.name)
}
