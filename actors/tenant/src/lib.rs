//! One customer of the platform: plan and limits, API keys, settings, webhook endpoints, the
//! tenant-level copy of every live segment and computed trait, which is the policy that its
//! profiles decide by, and what its conversations depend on: assistant, connections, collections.
//!
//! - T1: a revoked, expired or foreign key never authenticates, and no key of a deleted tenant does.
//! - T2: no command takes keys, endpoints, segments or computed traits past the limits of the plan
//!   (under the operator's overrides). Lowered limits take nothing away; replaced keys in their
//!   grace period count apart, up to the same limit.
//! - T3: settings in the state are always valid; a refused change names each wrong field by an RFC
//!   6901 pointer.
//! - T4: secrets (pepper, key hashes, webhook secrets, settings of connections) never print and never
//!   leave in a view.
//! - T5: a segment's version only grows; an older publication that arrives late changes nothing, nor
//!   does any once the segment is archived.
//! - T6: `version` grows with every event, `policy_version` with every event that profiles,
//!   deliveries or conversations depend on; the versions of assistant and connections with each of
//!   their changes.
//!
//! What it is not: a counter of requests (the edge) or of usage (rows that the profiles write), a
//! sender of webhooks (the outbox), or a source of secrets (they are handed in).

#![deny(clippy::wildcard_enum_match_arm)]

mod command;
mod decide;
mod effect;
mod endpoint;
mod event;
mod key;
pub mod keys;
mod plan;
mod rejection;
mod scope;
mod settings;
mod state;
mod talk;
#[cfg(test)]
mod tests;
mod time;
mod view;
pub mod webhook;

pub use command::{
    Answer, Command, EndpointPatch, NewEndpoint, NewKey, Patch, Query, Reply, RotatedKey,
};
pub use effect::Effect;
pub use endpoint::Endpoint;
pub use event::Event;
pub use key::Key;
pub use plan::{Limits, Overrides, Plan};
pub use rejection::{CODES, Problem, Rejection, Subject};
pub use scope::{KeyKind, ParseNameError, Scope};
pub use settings::{Branding, Settings};
pub use state::{Computed, LiveSegment, State, Status};
pub use talk::{Assistant, Collection, CollectionField, Connection, ConnectionView, FieldKind};
pub use view::{EndpointView, KeyView, View};

use impresario_ids::TenantId;
use impresario_kernel::{Ctx, Decision, Entity, EntityKey, EntityKind};

/// The stored code and the name of this kind.
pub const KIND: EntityKind = EntityKind { code: 1, name: "tenant" };

/// The one entity of this kind in a tenant: its id is the tenant's own.
#[must_use]
pub fn key(tenant: TenantId) -> EntityKey {
    EntityKey::new(tenant, KIND, tenant)
}

/// Whether a tenant may begin under this name and domain: what [`Command::Onboard`] looks at, for
/// whoever prepares something before that.
///
/// # Errors
/// [`Rejection::Invalid`] with every wrong field.
pub fn check_beginning(name: &str, domain: &str) -> Result<(), Rejection> {
    decide::check_beginning(name, domain)
}

/// The entity.
#[derive(Debug)]
pub struct Tenant;

impl Entity for Tenant {
    const KIND: EntityKind = KIND;

    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Reply = Reply;
    type Rejection = Rejection;
    type Query = Query;
    type Answer = Answer;
    type Policy = ();

    fn decide(
        state: &State,
        command: Command,
        ctx: &Ctx<'_, (), Event>,
    ) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, event: &Event) {
        state.apply(event);
    }

    fn answer(state: &State, query: Query, ctx: &Ctx<'_, (), Event>) -> Answer {
        match query {
            Query::Get => {
                Answer::Tenant(state.is_onboarded().then(|| View::of(ctx.tenant(), state)))
            }
            Query::Keys => {
                Answer::Keys(state.keys().map(|key| KeyView::of(key, ctx.now)).collect())
            }
            Query::Endpoints => {
                Answer::Endpoints(state.endpoints().map(EndpointView::of).collect())
            }
            Query::Assistant => Answer::Assistant(state.assistant().cloned()),
            Query::Connections => {
                Answer::Connections(state.connections().map(ConnectionView::of).collect())
            }
            Query::Collections => Answer::Collections(state.collections().to_vec()),
        }
    }

    fn on_timer(_name: &str) -> Option<Command> {
        None
    }
}
