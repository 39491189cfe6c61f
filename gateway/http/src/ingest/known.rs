//! Events that were refused because the plan allows no more profiles, although the person is known
//! under another id of the event: a visitor who logs in, say. The profile that would begin takes the
//! other one in, so there are not more of them. Only the edge can see both; it looks only after such
//! a refusal, so that the usual event pays nothing.

use std::collections::{BTreeMap, HashMap};

use impresario_api::codes;
use impresario_ids::{ProfileId, TenantId};
use impresario_kernel::EntityKey;
use impresario_profile::{
    Answer, Call as MessageKind, Message, Profile, Query, id_of_anonymous, id_of_user,
};
use impresario_router::Envelope;

use super::{Events, Outcome, ask_one, fresh_message_id, profile_of};
use crate::call::Call;
use crate::fault::Fault;
use crate::wire::message;

/// Asks again for the events of people who are known, and replaces their outcomes.
pub(super) async fn ask_again(
    call: &Call,
    events: &Events<'_>,
    outcomes: &mut [Outcome],
) -> Result<(), Fault> {
    let tenant = call.tenant()?;
    let mut refused: BTreeMap<ProfileId, Vec<(usize, Message)>> = BTreeMap::new();
    for (position, text) in events.texts.iter().enumerate() {
        if !outcomes.get(position).is_some_and(is_for_the_plan) {
            continue;
        }
        let fresh_id = || fresh_message_id(call, position);
        if let Ok(message) = message::read(text, events.expect, &events.common, fresh_id) {
            refused.entry(profile_of(tenant, &message)).or_default().push((position, message));
        }
    }
    let mut seen = HashMap::new();
    for (profile, mut messages) in refused {
        if !is_known(call, tenant, profile, &messages, &mut seen).await? {
            continue;
        }
        messages.iter_mut().for_each(|(_, message)| message.person_is_known = true);
        for (position, outcome) in ask_one(call, profile, messages).await? {
            if let Some(place) = outcomes.get_mut(position) {
                *place = outcome;
            }
        }
    }
    Ok(())
}

/// Whether the plan has no room for what the event would begin.
pub(super) fn is_for_the_plan(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { fault, .. } if fault.code() == codes::PLAN_LIMIT_REACHED.name)
}

/// Whether any of the messages names an id under which there is a profile of its own.
async fn is_known(
    call: &Call,
    tenant: TenantId,
    profile: ProfileId,
    messages: &[(usize, Message)],
    seen: &mut HashMap<ProfileId, bool>,
) -> Result<bool, Fault> {
    let ids = messages.iter().flat_map(|(_, message)| other_ids(tenant, message));
    for id in ids.filter(|id| *id != profile) {
        let exists = match seen.get(&id) {
            Some(exists) => *exists,
            None => {
                let exists = exists(call, tenant, id).await?;
                seen.insert(id, exists);
                exists
            }
        };
        if exists {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The profiles that the message would be merged with.
fn other_ids(tenant: TenantId, message: &Message) -> impl Iterator<Item = ProfileId> {
    let anonymous = message.anonymous_id.as_ref().map(|id| id_of_anonymous(tenant, &id.0));
    let previous = message.previous_id.as_ref().filter(|_| message.call == MessageKind::Alias);
    let previous = previous.map(|id| [id_of_anonymous(tenant, &id.0), id_of_user(tenant, &id.0)]);
    anonymous.into_iter().chain(previous.into_iter().flatten())
}

async fn exists(call: &Call, tenant: TenantId, id: ProfileId) -> Result<bool, Fault> {
    let entity = EntityKey::new(tenant, impresario_profile::KIND, id);
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let answer = call.edge.router.query::<Profile>(entity, Query::Exists, envelope).await?;
    Ok(matches!(answer, Answer::Exists { exists: true }))
}
