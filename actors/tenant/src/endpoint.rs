use impresario_ids::EndpointId;
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

use crate::{EndpointPatch, NewEndpoint, webhook};

/// Where webhook messages go.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Endpoint {
    /// Its id.
    #[n(0)]
    pub id: EndpointId,
    /// The address.
    #[n(1)]
    pub url: String,
    /// What people call it.
    #[n(2)]
    pub description: String,
    /// Event types, families (`segment.*`) or `*`; empty means all.
    #[n(3)]
    pub events: Vec<String>,
    /// Whether deliveries are made.
    #[n(4)]
    pub enabled: bool,
    /// Why it was disabled by the sender.
    #[n(5)]
    pub disabled_reason: Option<String>,
    /// When it was added.
    #[n(6)]
    pub created_at: Timestamp,
    #[n(7)]
    secret: Personal<String>,
    #[n(8)]
    previous: Option<Personal<String>>,
    #[n(9)]
    previous_until: Timestamp,
}

impl Endpoint {
    /// The secrets to sign with at `now`, newest first (`whsec_…`).
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let previous = self.previous.as_ref().filter(|_| now < self.previous_until);
        std::iter::once(&self.secret).chain(previous).map(|secret| secret.0.as_str())
    }

    /// Whether messages of this event type are wanted now.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.enabled && webhook::matches(&self.events, kind)
    }

    pub(crate) fn is_same(&self, new: &NewEndpoint) -> bool {
        self.url == new.url
            && self.description == new.description
            && self.events == new.events
            && self.secret == new.secret
    }

    pub(crate) fn apply(&mut self, patch: &EndpointPatch) {
        let EndpointPatch { url, description, events, enabled } = patch.clone();
        if let Some(url) = url {
            self.url = url;
        }
        if let Some(description) = description {
            self.description = description;
        }
        if let Some(events) = events {
            self.events = events;
        }
        if let Some(enabled) = enabled {
            self.enabled = enabled;
            if enabled {
                self.disabled_reason = None;
            }
        }
    }

    pub(crate) fn new(endpoint: &NewEndpoint, at: Timestamp) -> Self {
        let NewEndpoint { id, url, description, events, secret } = endpoint.clone();
        Self {
            id,
            url,
            description,
            events,
            enabled: true,
            disabled_reason: None,
            created_at: at,
            secret,
            previous: None,
            previous_until: Timestamp::EPOCH,
        }
    }

    pub(crate) fn disable(&mut self, reason: &str) {
        self.enabled = false;
        self.disabled_reason = Some(reason.to_owned());
    }

    pub(crate) fn rotate_secret(&mut self, secret: &Personal<String>, previous_until: Timestamp) {
        self.previous = Some(std::mem::replace(&mut self.secret, secret.clone()));
        self.previous_until = previous_until;
    }
}
