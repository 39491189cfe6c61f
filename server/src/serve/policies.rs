//! What profiles need to know of their tenant, made from the tenant's state and from how many
//! profiles it has.
//!
//! The number is read from one counter per partition, at most once in [`COUNTED_EVERY`] for each
//! tenant (and at each change of the tenant): an event costs a look at the clock. So a tenant may get
//! past its limit by what begins within that time, and no further.
//!
//! Where other nodes lead some of the partitions, the number comes from them in the background, and
//! the last one that is known counts until then: on each node a tenant may get past its limit by what
//! begins within that time and one answer more, in all its first moments on a node by what begins
//! until the first answer, and while a partition has no leader by what begins in the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use impresario_host::{Failure, PolicySource};
use impresario_ids::TenantId;
use impresario_knowledge::{CollectionSettings, MetadataField};
use impresario_profile::{Policy, PolicyEndpoint, PolicySegment};
use impresario_rules::{ComputedSpec, Problem};
use impresario_tenant::State;
use impresario_tenant::webhook::EVENT_TYPES;
use impresario_views::{Directory, ViewError, Views};

mod heads;
#[cfg(test)]
mod tests;

use heads::{Counted, Heads};

/// How old the number of a tenant's profiles may be.
const COUNTED_EVERY: Duration = Duration::from_secs(1);

/// Makes a profile policy once per state of its tenant, and again when the tenant's plan is full or
/// no longer is.
pub(crate) struct Policies {
    directory: Arc<Directory>,
    heads: Heads,
    made: DashMap<TenantId, Made>,
}

#[derive(Clone)]
struct Made {
    state: Arc<State>,
    policy: Arc<Policy>,
    counted: Counted,
    at: Instant,
}

impl Policies {
    pub(crate) fn new(directory: Arc<Directory>, views: Views) -> Self {
        Self { directory, heads: Heads::new(views, COUNTED_EVERY), made: DashMap::new() }
    }

    fn at(&self, tenant: TenantId, now: Instant) -> Result<Arc<Policy>, Failure> {
        let state = tenant_state(&self.directory, tenant)?;
        let known = match self.made.get(&tenant) {
            Some(made) if Arc::ptr_eq(&made.state, &state) => {
                let age = now.saturating_duration_since(made.at);
                if age < COUNTED_EVERY && !made.counted.is_old() {
                    return Ok(Arc::clone(&made.policy));
                }
                Some(Arc::clone(&made.policy))
            }
            Some(_) | None => None,
        };
        let counted = self.heads.count(tenant, now).map_err(failure_of)?;
        let limit = state.limits().profiles;
        let full = counted.count.is_some_and(|have| have >= limit).then_some(limit);
        let policy = match known {
            Some(policy) if policy.profiles_full() == full => policy,
            Some(_) | None => Arc::new(policy_of(&state, full)),
        };
        self.made.insert(tenant, Made { state, policy: Arc::clone(&policy), counted, at: now });
        Ok(policy)
    }
}

impl PolicySource<Policy> for Policies {
    fn policy(&self, tenant: TenantId) -> Result<Arc<Policy>, Failure> {
        self.at(tenant, Instant::now())
    }
}

/// What segments need to know: which computed traits their rules may name.
pub(crate) struct SegmentPolicies(pub(crate) Arc<Directory>);

impl PolicySource<impresario_segment::Policy> for SegmentPolicies {
    fn policy(&self, tenant: TenantId) -> Result<Arc<impresario_segment::Policy>, Failure> {
        let state = tenant_state(&self.0, tenant)?;
        let names = state.computed().map(|computed| computed.name.clone()).collect();
        Ok(Arc::new(impresario_segment::Policy { computed_traits: Some(names) }))
    }
}

/// What documents need to know: the tenant's collections, and whom to tell.
pub(crate) struct DocumentPolicies(pub(crate) Arc<Directory>);

impl PolicySource<impresario_knowledge::Policy> for DocumentPolicies {
    fn policy(&self, tenant: TenantId) -> Result<Arc<impresario_knowledge::Policy>, Failure> {
        let state = tenant_state(&self.0, tenant)?;
        let collections = state.collections().iter().map(|collection| CollectionSettings {
            name: collection.name.clone(),
            model: collection.embedding.clone(),
            fields: collection.fields.iter().map(field).collect(),
        });
        let endpoints = state.endpoints().filter(|endpoint| endpoint.enabled);
        let endpoints = endpoints.filter_map(|endpoint| {
            let kinds = kinds_of(endpoint);
            // An empty list would mean all.
            let wanted = !kinds.is_empty();
            wanted.then_some(impresario_knowledge::PolicyEndpoint { id: endpoint.id, kinds })
        });
        Ok(Arc::new(impresario_knowledge::Policy {
            collections: collections.collect(),
            model: None,
            endpoints: endpoints.collect(),
        }))
    }
}

fn field(field: &impresario_tenant::CollectionField) -> MetadataField {
    use impresario_knowledge::FieldKind as Kind;
    use impresario_tenant::FieldKind;
    let kind = match field.kind {
        FieldKind::Text => Kind::Text,
        FieldKind::Number => Kind::Number,
        FieldKind::Boolean => Kind::Boolean,
        FieldKind::Date => Kind::Date,
        FieldKind::Labels => Kind::Labels,
    };
    MetadataField { name: field.name.clone(), kind, required: field.required }
}

/// What conversations need to know: how the tenant's assistant behaves. Read once per change.
#[derive(Default)]
pub(crate) struct ConversationPolicies {
    made: DashMap<TenantId, (Arc<State>, Arc<impresario_conversation::Policy>)>,
}

/// A directory with the policies made from it.
pub(crate) struct Assistants(pub(crate) Arc<Directory>, pub(crate) ConversationPolicies);

impl PolicySource<impresario_conversation::Policy> for Assistants {
    fn policy(&self, tenant: TenantId) -> Result<Arc<impresario_conversation::Policy>, Failure> {
        let state = tenant_state(&self.0, tenant)?;
        if let Some(made) = self.1.made.get(&tenant)
            && Arc::ptr_eq(&made.0, &state)
        {
            return Ok(Arc::clone(&made.1));
        }
        let config = Arc::new(impresario_answers::config_of(&state));
        let policy = Arc::new(impresario_conversation::Policy { config });
        self.1.made.insert(tenant, (state, Arc::clone(&policy)));
        Ok(policy)
    }
}

/// The tenant's state as committed last.
pub(crate) fn tenant_state(directory: &Directory, tenant: TenantId) -> Result<Arc<State>, Failure> {
    directory.get(tenant).map_err(failure_of)?.ok_or(Failure::UnknownTenant)
}

/// What a failed read means to whoever asked.
pub(crate) fn failure_of(error: ViewError) -> Failure {
    if error.code() == "unavailable" {
        Failure::Unavailable(error.to_string())
    } else {
        Failure::Damaged(error.to_string())
    }
}

fn policy_of(state: &State, full: Option<u64>) -> Policy {
    let segments = state.live_segments().filter_map(|live| {
        let rule = readable(impresario_rules::parse(&live.rule), &live.name)?;
        Some(PolicySegment { id: live.id, version: live.version, name: live.name.clone(), rule })
    });
    let computed = state.computed().filter_map(|computed| -> Option<ComputedSpec> {
        readable(impresario_rules::parse_computed(&computed.spec), &computed.name)
    });
    let endpoints = state.endpoints().filter(|endpoint| endpoint.enabled).filter_map(|endpoint| {
        let kinds = kinds_of(endpoint);
        // An empty list would mean all.
        (!kinds.is_empty()).then_some(PolicyEndpoint { id: endpoint.id, kinds })
    });
    let idle = u16::try_from(state.settings().session_idle_minutes).unwrap_or(u16::MAX);
    let policy = Policy::new(segments.collect(), computed.collect(), endpoints.collect())
        .with_session_idle(idle);
    match full {
        Some(limit) => policy.with_profiles_full(limit),
        None => policy,
    }
}

/// The event types that an endpoint wants.
fn kinds_of(endpoint: &impresario_tenant::Endpoint) -> Vec<String> {
    let kinds = EVENT_TYPES.iter().map(|kind| kind.name.to_owned());
    kinds.filter(|kind| endpoint.wants(kind)).collect()
}

/// What was validated when it was saved reads, unless a later release took something away.
fn readable<T>(parsed: Result<T, Vec<Problem>>, name: &str) -> Option<T> {
    parsed
        .inspect_err(|problems| {
            tracing::error!(
                name,
                problems = problems.len(),
                "a stored rule does not read, it is left out"
            )
        })
        .ok()
}
