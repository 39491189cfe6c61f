//! What profiles need to know of their tenant, made from the tenant's state.

use std::sync::Arc;

use dashmap::DashMap;
use impresario_host::{Failure, PolicySource};
use impresario_ids::TenantId;
use impresario_profile::{Policy, PolicyEndpoint, PolicySegment};
use impresario_rules::{ComputedSpec, Problem};
use impresario_tenant::State;
use impresario_tenant::webhook::EVENT_TYPES;
use impresario_views::{Directory, ViewError};

/// Makes a profile policy once per state of its tenant.
pub(crate) struct Policies {
    directory: Arc<Directory>,
    made: DashMap<TenantId, (Arc<State>, Arc<Policy>)>,
}

impl Policies {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, made: DashMap::new() }
    }
}

impl PolicySource<Policy> for Policies {
    fn policy(&self, tenant: TenantId) -> Result<Arc<Policy>, Failure> {
        let state = tenant_state(&self.directory, tenant)?;
        if let Some(made) = self.made.get(&tenant)
            && Arc::ptr_eq(&made.0, &state)
        {
            return Ok(Arc::clone(&made.1));
        }
        let policy = Arc::new(policy_of(&state));
        self.made.insert(tenant, (state, Arc::clone(&policy)));
        Ok(policy)
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

/// The tenant's state as committed last.
pub(crate) fn tenant_state(directory: &Directory, tenant: TenantId) -> Result<Arc<State>, Failure> {
    directory.get(tenant).map_err(failure_of)?.ok_or(Failure::UnknownTenant)
}

/// What a failed read means to whoever asked.
pub(crate) fn failure_of(error: ViewError) -> Failure {
    Failure::Damaged(error.to_string())
}

fn policy_of(state: &State) -> Policy {
    let segments = state.live_segments().filter_map(|live| {
        let rule = readable(impresario_rules::parse(&live.rule), &live.name)?;
        Some(PolicySegment { id: live.id, version: live.version, name: live.name.clone(), rule })
    });
    let computed = state.computed().filter_map(|computed| -> Option<ComputedSpec> {
        readable(impresario_rules::parse_computed(&computed.spec), &computed.name)
    });
    let endpoints = state.endpoints().filter(|endpoint| endpoint.enabled).filter_map(|endpoint| {
        let kinds: Vec<String> = EVENT_TYPES
            .iter()
            .map(|kind| kind.name.to_owned())
            .filter(|kind| endpoint.wants(kind))
            .collect();
        // An empty list would mean all.
        (!kinds.is_empty()).then_some(PolicyEndpoint { id: endpoint.id, kinds })
    });
    Policy::new(segments.collect(), computed.collect(), endpoints.collect())
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
