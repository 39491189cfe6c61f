//! What is known about a person: a commutative fold over messages and over the facts of merged
//! profiles. Nothing here depends on the tenant's policy.

use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};
use serde_json::Value;

use crate::consents::{Consent, Consents};
use crate::counters::{Counters, Orders};
use crate::event::Received;
use crate::sessions::{Idle, Sessions};
use crate::{Call, GROUPS_MAX, IDS_MAX, TRAITS_MAX, message_hash};

/// A text about a person, kept small.
pub(crate) type Text = Personal<Box<str>>;

/// The text of an unset trait.
const NULL: &str = "null";

/// One trait; unset ones stay, so that a late older value does not bring them back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Trait {
    #[n(0)]
    pub(crate) name: Box<str>,
    /// The text of its JSON value.
    #[n(1)]
    pub(crate) value: Text,
    #[n(2)]
    pub(crate) at: Timestamp,
}

impl Trait {
    pub(crate) fn is_set(&self) -> bool {
        &*self.value.0 != NULL
    }

    pub(crate) fn size(&self) -> usize {
        self.name.len() + self.value.0.len()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.value.0).unwrap_or(Value::Null)
    }

    fn overrules(&self, other: &Self) -> bool {
        (self.at, self.is_set(), &self.value) > (other.at, other.is_set(), &other.value)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) struct Group {
    #[n(0)]
    pub(crate) id: Box<str>,
    #[n(1)]
    pub(crate) since: Timestamp,
}

/// What is known about a person, apart from what the tenant's rules remember.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Facts {
    /// Sorted, as are the next two.
    #[n(0)]
    pub(crate) user_ids: Vec<Text>,
    #[n(1)]
    pub(crate) anonymous_ids: Vec<Text>,
    #[n(2)]
    pub(crate) external_ids: Vec<Text>,
    /// Sorted by name.
    #[n(3)]
    traits: Vec<Trait>,
    #[n(4)]
    pub(crate) first_seen: Option<Timestamp>,
    #[n(5)]
    pub(crate) last_seen: Option<Timestamp>,
    #[n(6)]
    pub(crate) received: u64,
    #[n(7)]
    pub(crate) counters: Counters,
    #[n(8)]
    orders: Option<Box<Orders>>,
    #[n(9)]
    pub(crate) sessions: Sessions,
    /// Sorted by id.
    #[n(10)]
    pub(crate) groups: Vec<Group>,
    #[n(11)]
    consents: Option<Box<Consents>>,
}

impl Facts {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The traits that are set.
    pub(crate) fn traits(&self) -> impl Iterator<Item = &Trait> {
        self.traits.iter().filter(|one| one.is_set())
    }

    pub(crate) fn trait_named(&self, name: &str) -> Option<&Trait> {
        let place = self.traits.binary_search_by(|one| (*one.name).cmp(name)).ok()?;
        Some(&self.traits[place]).filter(|one| one.is_set())
    }

    pub(crate) fn email(&self) -> Option<String> {
        match self.trait_named("email")?.json() {
            Value::String(email) => Some(email),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    }

    pub(crate) fn orders(&self) -> Orders {
        self.orders.as_deref().copied().unwrap_or_default()
    }

    pub(crate) fn consents(&self) -> Option<&Consents> {
        self.consents.as_deref()
    }

    /// Takes in one message.
    pub(crate) fn record(&mut self, received: &Received) {
        let label = received.label();
        learn(&mut self.user_ids, received.user_id.iter());
        learn(&mut self.anonymous_ids, received.anonymous_id.iter());
        learn(&mut self.external_ids, received.external_ids.iter());
        self.seen(received.at, received.at);
        self.received += 1;
        self.counters.record(label, received.at, message_hash(&received.message_id));
        let idle = Idle::of(received.session_idle);
        self.sessions.record(received.at, received.page.as_ref(), idle);
        for preference in received.preferences.iter().flatten() {
            self.consents.get_or_insert_default().carry(Consent::carried(preference, received));
        }
        if received.call == Call::Track && Orders::sign(label).is_some() {
            let orders = self.orders.get_or_insert_default();
            orders.record(label, received.revenue_micros.unwrap_or(0));
        }
        if let Some(id) = &received.group_id {
            self.join_group(Group { id: id.clone(), since: received.at });
        }
        if received.call == Call::Identify
            && let Some(text) = &received.traits
            && let Ok(Value::Object(traits)) = serde_json::from_str(&text.0)
        {
            for (name, value) in traits {
                let value = Personal(value.to_string().into_boxed_str());
                self.set_trait(Trait { name: name.into_boxed_str(), value, at: received.at });
            }
        }
    }

    /// Takes in a consent or a withdrawal.
    pub(crate) fn record_consent(&mut self, consent: Consent) {
        self.consents.get_or_insert_default().record(consent);
    }

    /// Takes in what a merged profile knew; sessions meet by the idle time of the merge.
    pub(crate) fn merge(&mut self, other: &Self, idle: Idle) {
        learn(&mut self.user_ids, other.user_ids.iter());
        learn(&mut self.anonymous_ids, other.anonymous_ids.iter());
        learn(&mut self.external_ids, other.external_ids.iter());
        for one in &other.traits {
            self.set_trait(one.clone());
        }
        if let (Some(first), Some(last)) = (other.first_seen, other.last_seen) {
            self.seen(first, last);
        }
        self.received += other.received;
        self.counters.merge(&other.counters);
        if let Some(orders) = &other.orders {
            self.orders.get_or_insert_default().merge(orders);
        }
        self.sessions.merge(&other.sessions, idle);
        for group in &other.groups {
            self.join_group(group.clone());
        }
        if let Some(consents) = &other.consents {
            self.consents.get_or_insert_default().merge(consents);
        }
    }

    fn seen(&mut self, first: Timestamp, last: Timestamp) {
        self.first_seen = Some(self.first_seen.map_or(first, |known| known.min(first)));
        self.last_seen = self.last_seen.max(Some(last));
    }

    fn set_trait(&mut self, new: Trait) {
        match self.traits.binary_search_by(|one| one.name.cmp(&new.name)) {
            Ok(place) if new.overrules(&self.traits[place]) => self.traits[place] = new,
            Ok(_) => {}
            Err(place) => {
                self.traits.reserve_exact(1);
                self.traits.insert(place, new);
                self.forget_unset();
            }
        }
    }

    /// Unset traits are kept only as long as there is room; past that (which takes merges of very
    /// large profiles) the oldest goes.
    fn forget_unset(&mut self) {
        if self.traits.len() > 2 * TRAITS_MAX {
            let all = self.traits.iter().enumerate();
            if let Some((place, _)) = all.min_by_key(|(_, one)| (one.is_set(), one.at)) {
                self.traits.remove(place);
            }
        }
    }

    fn join_group(&mut self, group: Group) {
        match self.groups.binary_search_by(|known| known.id.cmp(&group.id)) {
            Ok(place) => {
                let since = &mut self.groups[place].since;
                *since = group.since.min(*since);
            }
            Err(place) => {
                self.groups.insert(place, group);
                self.groups.truncate(2 * GROUPS_MAX);
            }
        }
    }
}

/// Adds to a sorted set, which keeps its smallest members.
fn learn<'a>(known: &mut Vec<Text>, new: impl Iterator<Item = &'a Text>) {
    for id in new {
        if let Err(place) = known.binary_search(id) {
            known.reserve_exact(1);
            known.insert(place, id.clone());
            known.truncate(IDS_MAX);
        }
    }
}
