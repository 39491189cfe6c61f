//! Takes in tracking events: reads each on its own, asks their profiles, puts what is refused into
//! the quarantine. A success is answered only when every event is durable in one of the two.

mod known;

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};
use impresario_api::{ItemResult, ItemStatus};
use impresario_ids::{MessageId, ProfileId};
use impresario_kernel::{EntityKey, Personal};
use impresario_profile::{Command, Message, Profile, Reply};
use impresario_quarantine::{Quarantine, Refused};
use impresario_router::{AskError, Envelope, IdempotencyKey};
use impresario_tenant::Scope;

use crate::call::Call;
use crate::fault::{self, Fault};
use crate::wire::message::{self, Common, Expect, Refusal};

/// Events of one request, as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events<'a> {
    pub(crate) texts: &'a [&'a str],
    pub(crate) expect: Expect,
    pub(crate) common: Common<'a>,
}

/// What became of one event.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Accepted { message_id: String, profile: ProfileId },
    Refused { message_id: Option<String>, fault: Fault },
}

/// Takes in all events; one outcome for each, in their order.
///
/// # Errors
/// If any event is neither in its profile nor in the quarantine: then the whole request must be
/// sent again, and message ids keep that safe.
pub(crate) async fn take_in(call: &Call, events: &Events<'_>) -> Result<Vec<Outcome>, Fault> {
    let tenant = call.tenant()?;
    if let [text] = events.texts {
        // The usual case, a single event, without the machinery for many.
        let outcome = match message::read(text, events.expect, &events.common, || {
            fresh_message_id(call, 0)
        }) {
            Ok(message) => {
                let profile = profile_of(tenant, &message);
                let (_, outcome) = ask_one(call, profile, vec![(0, message)]).await?.swap_remove(0);
                outcome
            }
            Err(refusal) => Outcome::Refused { message_id: None, fault: refusal.into() },
        };
        return settle(call, events, vec![outcome]).await;
    }
    let mut outcomes: Vec<Option<Outcome>> = vec![None; events.texts.len()];
    let mut groups: HashMap<ProfileId, Vec<(usize, Message)>> = HashMap::new();
    for (position, text) in events.texts.iter().enumerate() {
        let fresh_id = || fresh_message_id(call, position);
        match message::read(text, events.expect, &events.common, fresh_id) {
            Ok(message) => {
                groups.entry(profile_of(tenant, &message)).or_default().push((position, message));
            }
            Err(refusal) => {
                outcomes[position] =
                    Some(Outcome::Refused { message_id: None, fault: refusal.into() });
            }
        }
    }
    for (position, outcome) in ask_all(call, groups).await? {
        outcomes[position] = Some(outcome);
    }
    settle(call, events, outcomes.into_iter().flatten().collect()).await
}

/// Second thoughts, and the quarantine for what is refused for good.
async fn settle(
    call: &Call,
    events: &Events<'_>,
    mut outcomes: Vec<Outcome>,
) -> Result<Vec<Outcome>, Fault> {
    if outcomes.iter().any(known::is_for_the_plan) {
        // Boxed: it is rare, and every request would carry its room.
        Box::pin(known::ask_again(call, events, &mut outcomes)).await?;
    }
    set_aside(call, events.texts, &outcomes).await?;
    Ok(outcomes)
}

/// A known person's messages go to their profile, all others to the anonymous one's.
fn profile_of(tenant: impresario_ids::TenantId, message: &Message) -> ProfileId {
    match (&message.user_id, &message.anonymous_id) {
        (Some(user), _) => impresario_profile::id_of_user(tenant, &user.0),
        (None, Some(anonymous)) => impresario_profile::id_of_anonymous(tenant, &anonymous.0),
        // `message::read` lets no event without both through.
        (None, None) => ProfileId::NIL,
    }
}

fn fresh_message_id(call: &Call, position: usize) -> String {
    match call.idempotency_text() {
        Ok(Some(key)) => {
            let path = call.parts.uri.path();
            MessageId::derived(&[path.as_bytes(), key.as_bytes(), &position.to_le_bytes()])
                .to_string()
        }
        _ => call.edge.fresh_id::<impresario_ids::MessageKind>(call.received).to_string(),
    }
}

async fn ask_all(
    call: &Call,
    groups: HashMap<ProfileId, Vec<(usize, Message)>>,
) -> Result<Vec<(usize, Outcome)>, Fault> {
    let mut answers = stream::iter(groups)
        .map(|(profile, messages)| ask_one(call, profile, messages))
        .buffer_unordered(call.edge.options.batch_concurrency);
    let mut outcomes = Vec::new();
    let mut failed: Option<Fault> = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(part) => outcomes.extend(part),
            Err(fault)
                if failed.as_ref().is_none_or(|known| known.waits_ms() < fault.waits_ms()) =>
            {
                failed = Some(fault);
            }
            Err(_) => {}
        }
    }
    match failed {
        Some(fault) => Err(fault),
        None => Ok(outcomes),
    }
}

async fn ask_one(
    call: &Call,
    profile: ProfileId,
    messages: Vec<(usize, Message)>,
) -> Result<Vec<(usize, Outcome)>, Fault> {
    let entity = EntityKey::new(call.tenant()?, impresario_profile::KIND, profile);
    let deadline = call.deadline();
    let mut named = Vec::with_capacity(messages.len());
    let mut commands = Vec::with_capacity(messages.len());
    let by_header = call.idempotency_text()?.is_some();
    for (position, message) in messages {
        let key = IdempotencyKey::of(message.message_id.as_bytes());
        // An id that was made from the header stands for these bytes. One that the sender chose
        // stands for the event, however it is written the next time.
        let made = by_header && message.message_id == fresh_message_id(call, position);
        let key = Some(if made { key.with_content(&call.body) } else { key });
        named.push((position, message.message_id.clone()));
        let envelope = Envelope { key, deadline, trace: call.trace };
        commands.push((Command::Ingest(Box::new(message)), envelope));
    }
    let replies = call.edge.router.ask_many::<Profile>(entity, commands).await;
    let mut outcomes = Vec::with_capacity(named.len());
    for ((position, message_id), reply) in named.into_iter().zip(replies) {
        let outcome = match reply {
            Ok(Reply::Ingested { profile } | Reply::Forwarded { into: profile }) => {
                Outcome::Accepted { message_id, profile }
            }
            Ok(_) => Outcome::Accepted { message_id, profile },
            Err(AskError::Rejected(rejection)) => Outcome::Refused {
                message_id: Some(message_id),
                fault: fault::rejected(&rejection),
            },
            Err(AskError::Failed(failure)) => return Err(failure.into()),
        };
        outcomes.push((position, outcome));
    }
    Ok(outcomes)
}

/// Puts refused events into the quarantine. The body is the idempotency key: the same body again is
/// the same request again.
async fn set_aside(call: &Call, texts: &[&str], outcomes: &[Outcome]) -> Result<(), Fault> {
    let items: Vec<Refused> = texts
        .iter()
        .zip(outcomes)
        .filter_map(|(text, outcome)| match outcome {
            Outcome::Accepted { .. } => None,
            Outcome::Refused { fault, .. } => Some(refused(call, text, fault)),
        })
        .collect();
    if items.is_empty() {
        return Ok(());
    }
    let digest = blake3::hash(&call.body);
    let entity = impresario_quarantine::key(
        call.tenant()?,
        impresario_quarantine::shard_of(digest.as_bytes()),
    );
    for (part, items) in items.chunks(impresario_quarantine::BATCH_MAX).enumerate() {
        let mut key = digest.as_bytes().to_vec();
        key.extend_from_slice(call.route.path.as_bytes());
        key.extend_from_slice(&part.to_le_bytes());
        let envelope = Envelope {
            key: Some(IdempotencyKey::of(&key)),
            deadline: call.deadline(),
            trace: call.trace,
        };
        let command = impresario_quarantine::Command::Refuse { items: items.to_vec() };
        call.edge.router.ask::<Quarantine>(entity, command, envelope).await?;
    }
    Ok(())
}

fn refused(call: &Call, text: &str, fault: &Fault) -> Refused {
    let end = text.len().min(impresario_quarantine::RAW_BYTES_MAX);
    metrics::counter!("impresario_quarantined_total", "code" => fault.code().to_owned())
        .increment(1);
    Refused {
        reason: fault.code().to_owned(),
        detail: Personal(fault.problem().detail.clone().unwrap_or_default()),
        raw: Personal(text.as_bytes()[..end].to_vec().into()),
        source: call.route.path.to_owned(),
        received_at: call.received,
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let fault = Self::new(refusal.code).detail(refusal.detail);
        match refusal.pointer {
            Some(pointer) => fault.pointer(pointer),
            None => fault,
        }
    }
}

/// The outcomes as the API shows them; profile ids only to those who may read profiles.
pub(crate) fn results(call: &Call, outcomes: Vec<Outcome>) -> Result<Vec<ItemResult>, Fault> {
    let shows = call.caller()?.may(Scope::ProfilesRead);
    Ok(outcomes
        .into_iter()
        .enumerate()
        .map(|(index, outcome)| match outcome {
            Outcome::Accepted { message_id, profile } => ItemResult {
                index,
                status: ItemStatus::Accepted,
                message_id: Some(message_id),
                profile_id: shows.then(|| profile.to_string()),
                code: None,
                detail: None,
                pointer: None,
            },
            Outcome::Refused { message_id, fault } => ItemResult {
                index,
                status: ItemStatus::Rejected,
                message_id,
                profile_id: None,
                code: Some(fault.code().to_owned()),
                detail: fault.problem().detail.clone(),
                pointer: fault.problem().pointer.clone(),
            },
        })
        .collect())
}
