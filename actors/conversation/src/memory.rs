use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::message::clip;
use crate::{ENTITIES_KEPT, Entity, FACTS_KEPT, MemoryUpdate};

const SUMMARY_BYTES: usize = 4_000;
const LINE_BYTES: usize = 400;

/// What is remembered of a conversation (CNV-07).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Memory {
    /// Of what was said.
    #[n(0)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub summary: Option<Personal<String>>,
    /// What stays true. Never expires.
    #[n(1)]
    #[serde(serialize_with = "crate::json::open_all")]
    pub key_facts: Vec<Personal<String>>,
    /// Names and values in what was said.
    #[n(2)]
    pub entities: Vec<Entity>,
    /// What it is about.
    #[n(3)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub topic: Option<Personal<String>>,
    /// What was promised or asked for.
    #[n(4)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub pending_action: Option<Personal<String>>,
    /// The product looked at last.
    #[n(5)]
    pub last_product: Option<String>,
    /// The service looked at last.
    #[n(6)]
    pub last_service: Option<String>,
    /// What was put aside after a long silence, until the customer goes on or starts afresh.
    #[n(7)]
    pub previous: Option<Past>,
}

/// What was put aside after a long silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Past {
    /// What it was about.
    #[n(0)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub topic: Option<Personal<String>>,
    /// What was promised or asked for.
    #[n(1)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub pending_action: Option<Personal<String>>,
    /// Of what was said.
    #[n(2)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub summary: Option<Personal<String>>,
    /// The product looked at last.
    #[n(3)]
    pub last_product: Option<String>,
    /// The service looked at last.
    #[n(4)]
    pub last_service: Option<String>,
    /// Whether the customer was asked whether to go on.
    #[n(5)]
    pub offered: bool,
    /// The first message that belongs to it.
    #[n(6)]
    pub from: u64,
}

/// A question that was put off or overlooked (CNV-28).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Unanswered {
    /// The turn it was asked in.
    #[n(0)]
    pub turn: u32,
    /// The intent's name; empty: none of the tenant's.
    #[n(1)]
    pub intent: String,
    /// What was asked.
    #[n(2)]
    #[serde(serialize_with = "crate::json::open")]
    pub question: Personal<String>,
    /// When.
    #[n(3)]
    #[serde(serialize_with = "crate::json::time")]
    pub at: Timestamp,
}

impl Memory {
    /// Whether there is anything that a long silence puts aside.
    pub(crate) fn can_expire(&self) -> bool {
        self.summary.is_some()
            || self.topic.is_some()
            || self.pending_action.is_some()
            || self.last_product.is_some()
            || self.last_service.is_some()
            || !self.entities.is_empty()
    }

    pub(crate) fn expire(&mut self, from: u64) {
        let old = std::mem::take(self);
        self.key_facts = old.key_facts;
        self.previous = Some(Past {
            topic: old.topic,
            pending_action: old.pending_action,
            summary: old.summary,
            last_product: old.last_product,
            last_service: old.last_service,
            offered: false,
            from,
        });
    }

    pub(crate) fn resume(&mut self) {
        let Some(past) = self.previous.take() else { return };
        self.topic = self.topic.take().or(past.topic);
        self.pending_action = self.pending_action.take().or(past.pending_action);
        self.summary = self.summary.take().or(past.summary);
        self.last_product = self.last_product.take().or(past.last_product);
        self.last_service = self.last_service.take().or(past.last_service);
    }

    pub(crate) fn update(&mut self, update: &MemoryUpdate) {
        let line = |text: &Personal<String>| Personal(clip(text.0.clone(), LINE_BYTES));
        if let Some(summary) = &update.summary {
            self.summary = Some(Personal(clip(summary.0.clone(), SUMMARY_BYTES)));
        }
        for fact in update.key_facts.iter().map(line).filter(|fact| !fact.0.trim().is_empty()) {
            self.key_facts.retain(|known| *known != fact);
            self.key_facts.push(fact);
        }
        keep_last(&mut self.key_facts, FACTS_KEPT);
        for entity in &update.entities {
            let kind = clip(entity.kind.clone(), 60);
            let entity = Entity { kind, value: line(&entity.value) };
            self.entities.retain(|known| *known != entity);
            self.entities.push(entity);
        }
        keep_last(&mut self.entities, ENTITIES_KEPT);
        if let Some(topic) = &update.topic {
            self.topic = Some(line(topic)).filter(|topic| !topic.0.trim().is_empty());
        }
        if let Some(action) = &update.pending_action {
            self.pending_action = Some(line(action)).filter(|text| !text.0.trim().is_empty());
        }
        if let Some(product) = &update.last_product {
            self.last_product = Some(clip(product.clone(), LINE_BYTES));
        }
        if let Some(service) = &update.last_service {
            self.last_service = Some(clip(service.clone(), LINE_BYTES));
        }
    }
}

/// Lets the oldest go.
pub(crate) fn keep_last<T>(items: &mut Vec<T>, max: usize) {
    let surplus = items.len().saturating_sub(max);
    items.drain(..surplus);
}
