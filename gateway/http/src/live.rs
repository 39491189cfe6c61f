//! What is told to live subscribers: changes of profiles and segments the moment they are durable.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use futures_util::stream;
use impresario_ids::TenantId;
use impresario_kernel::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::port::PortStream;
use crate::wire::time;

/// One change, as subscribers see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveEvent {
    /// Dotted and lower-case, for example `profile.tracked` or `segment.entered`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The text of the profile's id, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The text of the segment's id, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// ISO 8601.
    pub at: String,
    /// More about the change; without personal values unless the kind says so.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl LiveEvent {
    /// A change of this kind at this time.
    #[must_use]
    pub fn new(kind: &'static str, at: Timestamp) -> Self {
        let kind = Cow::Borrowed(kind);
        Self { kind, profile: None, segment: None, at: time::print(at), data: Value::Null }
    }
}

/// Which topics a subscriber wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topics {
    pub(crate) profiles: bool,
    pub(crate) segments: bool,
}

impl Topics {
    pub(crate) const ALL: Self = Self { profiles: true, segments: true };

    /// Reads `profiles,segments`; `None` if a word is unknown.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut topics = Self { profiles: false, segments: false };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "profiles" => topics.profiles = true,
                "segments" => topics.segments = true,
                _ => return None,
            }
        }
        (topics.profiles || topics.segments).then_some(topics)
    }

    pub(crate) fn wants(self, event: &LiveEvent) -> bool {
        if event.kind.starts_with("segment.") { self.segments } else { self.profiles }
    }
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// A change.
    Change(Arc<LiveEvent>),
    /// So many changes did not come; 0 for an unknown number, perhaps none.
    Lost(u64),
}

/// Passes changes on to subscribers of other nodes.
pub trait Relay: Send + Sync + 'static {
    /// Whether anybody elsewhere listens. Asked at each commit.
    fn is_wanted(&self, tenant: TenantId) -> bool;

    /// Passes a change on, if anybody elsewhere wants it. Must not wait.
    fn pass(&self, tenant: TenantId, event: &LiveEvent);
}

/// The meeting point of commits and live subscribers: one bounded channel per tenant that has
/// subscribers. Publishing never waits; a subscriber that falls behind loses the oldest changes and
/// is told how many.
pub struct Live {
    channels: DashMap<TenantId, broadcast::Sender<Told>>,
    buffer: usize,
    subscribers_max: usize,
    relay: OnceLock<Arc<dyn Relay>>,
    /// A count that grows when a tenant gets its first subscriber.
    firsts: watch::Sender<u64>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("tenants", &self.channels.len()).finish_non_exhaustive()
    }
}

impl Live {
    /// A hub that keeps `buffer` changes for slow subscribers and admits `subscribers_max` of them
    /// per tenant.
    #[must_use]
    pub fn new(buffer: usize, subscribers_max: usize) -> Self {
        Self {
            channels: DashMap::new(),
            buffer: buffer.max(1),
            subscribers_max,
            relay: OnceLock::new(),
            firsts: watch::Sender::new(0),
        }
    }

    /// From now on changes are passed on to other nodes too. Only the first call counts.
    pub fn relay(&self, relay: Arc<dyn Relay>) {
        // A second one would be told the same.
        let _ = self.relay.set(relay);
    }

    /// Whether anybody listens, here or elsewhere: lets a committer skip building an event. Costs
    /// one look-up.
    #[must_use]
    pub fn has_subscribers(&self, tenant: TenantId) -> bool {
        self.listens_here(tenant) || self.relay.get().is_some_and(|relay| relay.is_wanted(tenant))
    }

    fn listens_here(&self, tenant: TenantId) -> bool {
        !self.channels.is_empty()
            && self.channels.get(&tenant).is_some_and(|channel| channel.receiver_count() > 0)
    }

    /// Tells all subscribers of a tenant, wherever they are. Never waits.
    pub fn publish(&self, tenant: TenantId, event: LiveEvent) {
        if let Some(relay) = self.relay.get() {
            relay.pass(tenant, &event);
        }
        self.deliver(tenant, event);
    }

    /// Tells the subscribers on this node of a change that was made elsewhere.
    pub fn deliver(&self, tenant: TenantId, event: LiveEvent) {
        self.tell(tenant, || Told::Change(Arc::new(event)));
    }

    /// Tells the subscribers on this node that changes of the tenant did not reach it: so many, or 0
    /// for an unknown number, perhaps none.
    pub fn lost(&self, tenant: TenantId, count: u64) {
        self.tell(tenant, || Told::Lost(count));
    }

    fn tell(&self, tenant: TenantId, told: impl FnOnce() -> Told) {
        let gone = match self.channels.get(&tenant) {
            // An error only says that nobody listens.
            Some(channel) => channel.send(told()).is_err(),
            None => false,
        };
        if gone {
            self.tidy(tenant);
        }
    }

    /// The tenants that somebody on this node listens to.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        let listened = self.channels.iter().filter(|channel| channel.receiver_count() > 0);
        listened.map(|channel| *channel.key()).collect()
    }

    /// Tells when a tenant has got its first subscriber on this node.
    #[must_use]
    pub fn watch_firsts(&self) -> watch::Receiver<u64> {
        self.firsts.subscribe()
    }

    /// Everything from now on, or `None` if the tenant has too many subscribers.
    pub(crate) fn subscribe(&self, tenant: TenantId) -> Option<broadcast::Receiver<Told>> {
        let channel =
            self.channels.entry(tenant).or_insert_with(|| broadcast::channel(self.buffer).0);
        let count = channel.receiver_count();
        let receiver = (count < self.subscribers_max).then(|| channel.subscribe());
        drop(channel);
        if count == 0 {
            self.firsts.send_modify(|count| *count += 1);
        }
        receiver
    }

    /// Everything from now on as JSON values, for whoever is not an HTTP subscriber; `None` if the
    /// tenant has too many subscribers. One that falls behind gets `{"type":"lagged","lost":n}`.
    #[must_use]
    pub fn follow(&self, tenant: TenantId) -> Option<PortStream> {
        let changes = self.subscribe(tenant)?;
        Some(Box::pin(stream::unfold(changes, |mut changes| async move {
            let value = match changes.recv().await {
                Ok(Told::Change(event)) => serde_json::to_value(&*event).unwrap_or(Value::Null),
                Ok(Told::Lost(lost)) | Err(RecvError::Lagged(lost)) => {
                    json!({ "type": "lagged", "lost": lost })
                }
                Err(RecvError::Closed) => return None,
            };
            Some((value, changes))
        })))
    }

    /// Forgets the channel of a tenant that nobody listens to any more.
    pub(crate) fn tidy(&self, tenant: TenantId) {
        self.channels.remove_if(&tenant, |_, channel| channel.receiver_count() == 0);
    }
}
