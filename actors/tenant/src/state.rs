use std::collections::BTreeMap;

use impresario_ids::{ApiKeyId, EndpointId, SegmentId};
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::keys::{self, Pepper, Presented};
use crate::talk::{self, Assistant, Collection, Connection, Talking};
use crate::{Endpoint, Event, Key, Limits, NewKey, Overrides, Plan, Settings};

/// Keys that no longer work and are still listed; older ones are forgotten.
const DEAD_KEYS_KEPT: usize = 100;

/// What a tenant knows of itself. Stored in snapshots; private fields, so that it changes only by
/// events.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct State {
    #[n(0)]
    version: u64,
    #[n(1)]
    policy_version: u64,
    #[n(2)]
    status: Status,
    #[n(3)]
    created_at: Timestamp,
    #[n(4)]
    exported_at: Option<Timestamp>,
    #[n(5)]
    plan: Plan,
    #[n(6)]
    overrides: Overrides,
    #[n(7)]
    settings: Settings,
    #[n(8)]
    pepper: Option<Pepper>,
    #[n(9)]
    keys: Vec<Key>,
    #[n(10)]
    endpoints: Vec<Endpoint>,
    #[n(11)]
    segments: BTreeMap<SegmentId, Published>,
    #[n(12)]
    computed: BTreeMap<String, Computed>,
    #[cbor(n(13), skip_if = "talk::is_unused")]
    talking: Talking,
}

/// Whether a tenant is served.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Status {
    /// It was never onboarded.
    #[n(0)]
    Missing,
    /// It is served.
    #[n(1)]
    Active,
    /// It is not served, its data stays.
    #[n(2)]
    Suspended {
        /// The operator's reason.
        #[n(0)]
        reason: String,
        /// Since when.
        #[n(1)]
        at: Timestamp,
    },
    /// It ended.
    #[n(3)]
    Deleted {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
}

impl Status {
    /// The public name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Active => "active",
            Self::Suspended { .. } => "suspended",
            Self::Deleted { .. } => "deleted",
        }
    }
}

/// The last word on a segment; a withdrawn one is kept as a version without a rule, so that an older
/// publication that arrives late is known to be old.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Published {
    #[n(0)]
    version: u32,
    #[n(1)]
    live: Option<LiveSegment>,
    /// Nothing is published under this id any more.
    #[cbor(n(2), skip_if = "crate::command::is_unset")]
    archived: bool,
}

/// A segment that profiles evaluate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LiveSegment {
    /// Which segment.
    #[n(0)]
    pub id: SegmentId,
    /// The version of the rule.
    #[n(1)]
    pub version: u32,
    /// What people call it.
    #[n(2)]
    pub name: String,
    /// The rule as JSON text.
    #[n(3)]
    pub rule: String,
}

/// A computed trait that profiles keep.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Computed {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its definition as JSON text.
    #[n(1)]
    pub spec: String,
    /// The tenant's version that defined it: grows when it is defined anew.
    #[n(2)]
    pub version: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: 0,
            policy_version: 0,
            status: Status::Missing,
            created_at: Timestamp::EPOCH,
            exported_at: None,
            plan: Plan::Free,
            overrides: Overrides::default(),
            settings: Settings::default(),
            pepper: None,
            keys: Vec::new(),
            endpoints: Vec::new(),
            segments: BTreeMap::new(),
            computed: BTreeMap::new(),
            talking: Talking::default(),
        }
    }
}

impl State {
    /// How many events made this state.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The version at which something that profiles, deliveries or conversations depend on last
    /// changed: segments, computed traits, endpoints, settings, plan, status, assistant, connections
    /// or collections. A policy compiled from this state is
    /// good as long as this number is the same.
    #[must_use]
    pub const fn policy_version(&self) -> u64 {
        self.policy_version
    }

    /// Whether the tenant is served.
    #[must_use]
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// Whether the tenant was ever onboarded.
    #[must_use]
    pub fn is_onboarded(&self) -> bool {
        self.status != Status::Missing
    }

    /// When it was onboarded.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When it was last exported.
    #[must_use]
    pub const fn exported_at(&self) -> Option<Timestamp> {
        self.exported_at
    }

    /// Its plan.
    #[must_use]
    pub const fn plan(&self) -> Plan {
        self.plan
    }

    /// The operator's overrides.
    #[must_use]
    pub const fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The limits that hold: those of the plan under the operator's overrides.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.overrides.over(self.plan.limits())
    }

    /// What it has chosen.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Web origins from which browsers may call ([`Settings::allows_origin`] decides).
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.settings.allowed_origins
    }

    /// The pepper for [`keys::hash`], once onboarded.
    #[must_use]
    pub const fn pepper(&self) -> Option<&Pepper> {
        self.pepper.as_ref()
    }

    /// The key that was presented, if it works at `now`. Suspension is not looked at
    /// ([`State::status`]); a deleted tenant has no keys.
    #[must_use]
    pub fn authenticate(&self, presented: &Presented, now: Timestamp) -> Option<&Key> {
        let hash = keys::hash(self.pepper.as_ref()?, presented.kind, &presented.secret);
        self.keys
            .iter()
            .find(|key| key.kind == presented.kind && key.is_live(now) && key.hash == hash)
    }

    /// All keys, oldest first; those that no longer work too.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// A key by its id.
    #[must_use]
    pub fn key(&self, id: ApiKeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// All webhook endpoints, oldest first.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter()
    }

    /// A webhook endpoint by its id.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == id)
    }

    /// All live segments, by id.
    pub fn live_segments(&self) -> impl Iterator<Item = &LiveSegment> {
        self.segments.values().filter_map(|published| published.live.as_ref())
    }

    /// A live segment by its id.
    #[must_use]
    pub fn live_segment(&self, id: SegmentId) -> Option<&LiveSegment> {
        self.segments.get(&id)?.live.as_ref()
    }

    /// The last version of a segment that was published or withdrawn.
    pub(crate) fn segment_version(&self, id: SegmentId) -> Option<u32> {
        self.segments.get(&id).map(|published| published.version)
    }

    /// Whether a segment was withdrawn for good.
    pub(crate) fn is_archived(&self, id: SegmentId) -> bool {
        self.segments.get(&id).is_some_and(|published| published.archived)
    }

    /// All computed traits, by name.
    pub fn computed(&self) -> impl Iterator<Item = &Computed> {
        self.computed.values()
    }

    /// A computed trait by its name.
    #[must_use]
    pub fn computed_trait(&self, name: &str) -> Option<&Computed> {
        self.computed.get(name)
    }

    /// The assistant, once it was configured.
    #[must_use]
    pub const fn assistant(&self) -> Option<&Assistant> {
        self.talking.assistant.as_ref()
    }

    /// All connections, by name.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.talking.connections.values()
    }

    /// A connection by its name.
    #[must_use]
    pub fn connection(&self, name: &str) -> Option<&Connection> {
        self.talking.connections.get(name)
    }

    /// The collections of knowledge beside the built-in ones, as they were given.
    #[must_use]
    pub fn collections(&self) -> &[Collection] {
        &self.talking.collections
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        self.version += 1;
        if concerns_policy(event) {
            self.policy_version = self.version;
        }
        match event {
            Event::Onboarded { name, domain, plan, pepper, at } => {
                self.status = Status::Active;
                self.created_at = *at;
                self.plan = *plan;
                self.pepper = Some(pepper.clone());
                self.settings.name.clone_from(name);
                self.settings.domain.clone_from(domain);
            }
            Event::Updated { patch, .. } => self.settings.apply(patch),
            Event::PlanChanged { plan, .. } => self.plan = *plan,
            Event::LimitsOverridden { overrides, .. } => self.overrides = *overrides,
            Event::KeyCreated { key, replaces, at } => self.add_key(key, *replaces, *at),
            Event::KeyExpirySet { id, expires_at } => {
                self.with_key(*id, |key| key.expires_at = Some(*expires_at));
            }
            Event::KeyRevoked { id, at } => self.with_key(*id, |key| key.revoked_at = Some(*at)),
            Event::Suspended { reason, at } => {
                self.status = Status::Suspended { reason: reason.clone(), at: *at };
            }
            Event::Resumed { .. } => self.status = Status::Active,
            Event::Exported { at } => self.exported_at = Some(*at),
            Event::Deleted { at } => self.delete(*at),
            Event::SegmentPublished { segment, version, name, rule, .. } => {
                self.publish(*segment, *version, name, rule);
            }
            Event::SegmentWithdrawn { segment, archived, .. } => {
                self.withdraw(*segment, *archived);
            }
            Event::ComputedDefined { name, spec, .. } => self.define(name, spec),
            Event::ComputedRemoved { name, .. } => _ = self.computed.remove(name),
            Event::EndpointAdded { endpoint, at } => {
                self.endpoints.push(Endpoint::new(endpoint, *at))
            }
            Event::EndpointUpdated { id, patch, .. } => {
                self.with_endpoint(*id, |endpoint| endpoint.apply(patch));
            }
            Event::EndpointRemoved { id, .. } => {
                self.endpoints.retain(|endpoint| endpoint.id != *id)
            }
            Event::EndpointDisabled { id, reason, .. } => {
                self.with_endpoint(*id, |endpoint| endpoint.disable(reason));
            }
            Event::EndpointSecretRotated { id, secret, previous_until, .. } => {
                self.with_endpoint(*id, |endpoint| endpoint.rotate_secret(secret, *previous_until));
            }
            // Only their effects matter.
            Event::DeliveryReplayed { .. } | Event::Announced { .. } => {}
            Event::AssistantConfigured { config, at } => self.talking.configure(config, *at),
            Event::ConnectionPut { name, kind, settings, at } => {
                self.talking.put(name, kind, settings, *at);
            }
            Event::ConnectionRemoved { name, .. } => _ = self.talking.connections.remove(name),
            Event::CollectionsConfigured { collections, .. } => {
                self.talking.collections.clone_from(collections);
            }
        }
    }

    fn add_key(&mut self, key: &NewKey, replaces: Option<ApiKeyId>, at: Timestamp) {
        if let Some(old) = replaces {
            self.with_key(old, |old| old.replaced_by = Some(key.id));
        }
        self.keys.push(Key::new(key, replaces, at));
        let dead = || self.keys.iter().enumerate().filter(|(_, key)| !key.is_live(at));
        if dead().count() > DEAD_KEYS_KEPT {
            let oldest = dead().min_by_key(|(_, key)| key.ended_at()).map(|(place, _)| place);
            oldest.map(|place| self.keys.remove(place));
        }
    }

    fn publish(&mut self, id: SegmentId, version: u32, name: &str, rule: &str) {
        let live = LiveSegment { id, version, name: name.to_owned(), rule: rule.to_owned() };
        self.segments.insert(id, Published { version, live: Some(live), archived: false });
    }

    fn withdraw(&mut self, id: SegmentId, archived: bool) {
        if let Some(published) = self.segments.get_mut(&id) {
            published.live = None;
            published.archived |= archived;
        } else if archived {
            // Its publication was refused; it may still be replayed.
            self.segments.insert(id, Published { version: 0, live: None, archived });
        }
    }

    fn define(&mut self, name: &str, spec: &str) {
        let computed =
            Computed { name: name.to_owned(), spec: spec.to_owned(), version: self.version };
        self.computed.insert(name.to_owned(), computed);
    }

    fn delete(&mut self, at: Timestamp) {
        self.status = Status::Deleted { at };
        self.pepper = None;
        self.keys.clear();
        self.endpoints.clear();
        self.segments.clear();
        self.computed.clear();
        self.talking = Talking::default();
    }

    fn with_key(&mut self, id: ApiKeyId, change: impl FnOnce(&mut Key)) {
        self.keys.iter_mut().find(|key| key.id == id).map(change);
    }

    fn with_endpoint(&mut self, id: EndpointId, change: impl FnOnce(&mut Endpoint)) {
        self.endpoints.iter_mut().find(|endpoint| endpoint.id == id).map(change);
    }
}

const fn concerns_policy(event: &Event) -> bool {
    match event {
        Event::Onboarded { .. }
        | Event::Updated { .. }
        | Event::PlanChanged { .. }
        | Event::LimitsOverridden { .. }
        | Event::Suspended { .. }
        | Event::Resumed { .. }
        | Event::Deleted { .. }
        | Event::SegmentPublished { .. }
        | Event::SegmentWithdrawn { .. }
        | Event::ComputedDefined { .. }
        | Event::ComputedRemoved { .. }
        | Event::EndpointAdded { .. }
        | Event::EndpointUpdated { .. }
        | Event::EndpointRemoved { .. }
        | Event::EndpointDisabled { .. }
        | Event::EndpointSecretRotated { .. }
        | Event::AssistantConfigured { .. }
        | Event::ConnectionPut { .. }
        | Event::ConnectionRemoved { .. }
        | Event::CollectionsConfigured { .. } => true,
        Event::KeyCreated { .. }
        | Event::KeyExpirySet { .. }
        | Event::KeyRevoked { .. }
        | Event::Exported { .. }
        | Event::DeliveryReplayed { .. }
        | Event::Announced { .. } => false,
    }
}
