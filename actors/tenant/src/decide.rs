mod endpoints;
mod keys;
mod policy;
mod talk;

use impresario_ids::MessageId;
use impresario_kernel::{Ctx, Decision, Personal, Timestamp};

use crate::keys::Pepper;
use crate::rejection::{Problem, Subject};
use crate::{
    Command, Effect, Event, Overrides, Patch, Plan, Rejection, Reply, State, Status, Tenant,
};
use crate::{settings, webhook};

/// Grace periods of rotations end after at most 30 days.
const GRACE_MS_MAX: i64 = 30 * 86_400_000;
const REASON_CHARS_MAX: usize = 500;

type Decided = Result<Decision<Tenant>, Rejection>;
type Context<'a> = Ctx<'a, (), Event>;

pub(crate) fn decide(state: &State, command: Command, ctx: &Context<'_>) -> Decided {
    if let Command::Onboard { name, domain, plan, pepper } = command {
        return onboard(state, name, domain, plan, pepper, ctx);
    }
    admit(state, &command)?;
    match command {
        // Taken above.
        Command::Onboard { .. } => Err(Rejection::AlreadyOnboarded),
        Command::Update { patch } => update(state, patch, ctx),
        Command::ChangePlan { plan } if plan == state.plan() => Ok(unchanged(state)),
        Command::ChangePlan { plan } => {
            Ok(changed(state, Event::PlanChanged { plan, at: ctx.now }))
        }
        Command::OverrideLimits { overrides } => override_limits(state, overrides, ctx),
        Command::CreateKey { key } => keys::create(state, key, ctx),
        Command::RotateKey { old, new, grace_ms } => keys::rotate(state, old, new, grace_ms, ctx),
        Command::RevokeKey { id } => keys::revoke(state, id, ctx),
        Command::Suspend { reason } => suspend(state, reason, ctx),
        Command::Resume => Ok(resume(state, ctx)),
        Command::MarkExported => Ok(changed(state, Event::Exported { at: ctx.now })),
        Command::Delete => Ok(delete(state, ctx)),
        Command::PublishSegment { segment, version, name, rule } => {
            policy::publish(state, segment, version, name, rule, ctx)
        }
        Command::WithdrawSegment { segment, archived } => {
            Ok(policy::withdraw(state, segment, archived, ctx))
        }
        Command::DefineComputed { spec } => policy::define(state, &spec, ctx),
        Command::RemoveComputed { name } => policy::remove(state, name, ctx),
        Command::AddEndpoint { endpoint } => endpoints::add(state, endpoint, ctx),
        Command::UpdateEndpoint { id, patch } => endpoints::update(state, id, patch, ctx),
        Command::RemoveEndpoint { id } => endpoints::remove(state, id, ctx),
        Command::DisableEndpoint { id, reason } => endpoints::disable(state, id, &reason, ctx),
        Command::RotateEndpointSecret { id, secret, grace_ms } => {
            endpoints::rotate_secret(state, id, secret, grace_ms, ctx)
        }
        Command::ReplayDelivery { endpoint, message, kind, body } => {
            endpoints::replay(state, endpoint, message, kind, body, ctx)
        }
        Command::ConfigureAssistant { config } => talk::configure(state, config, ctx),
        Command::PutConnection { name, kind, settings } => {
            talk::put(state, name, kind, settings, ctx)
        }
        Command::RemoveConnection { name } => talk::remove(state, name, ctx),
        Command::ConfigureCollections { collections } => talk::collect(state, collections, ctx),
        Command::Announce { message, kind, at, data } => {
            Ok(tell(state, message, kind, at, &data, ctx))
        }
    }
}

/// Whether the tenant's status lets this command through.
fn admit(state: &State, command: &Command) -> Result<(), Rejection> {
    match state.status() {
        Status::Missing => Err(Rejection::NotOnboarded),
        Status::Active => Ok(()),
        Status::Suspended { reason, .. } if !passes_suspension(command) => {
            Err(Rejection::Suspended { reason: reason.clone() })
        }
        Status::Suspended { .. } => Ok(()),
        Status::Deleted { .. } if matches!(command, Command::Delete) => Ok(()),
        Status::Deleted { .. } => Err(Rejection::Deleted),
    }
}

/// While suspended, what the operator does and what effects bring home still passes, and a leaked
/// key can still be ended.
const fn passes_suspension(command: &Command) -> bool {
    match command {
        Command::ChangePlan { .. }
        | Command::OverrideLimits { .. }
        | Command::RevokeKey { .. }
        | Command::Suspend { .. }
        | Command::Resume
        | Command::MarkExported
        | Command::Delete
        | Command::PublishSegment { .. }
        | Command::WithdrawSegment { .. }
        | Command::DisableEndpoint { .. }
        | Command::Announce { .. } => true,
        Command::Onboard { .. }
        | Command::Update { .. }
        | Command::CreateKey { .. }
        | Command::RotateKey { .. }
        | Command::DefineComputed { .. }
        | Command::RemoveComputed { .. }
        | Command::AddEndpoint { .. }
        | Command::UpdateEndpoint { .. }
        | Command::RemoveEndpoint { .. }
        | Command::RotateEndpointSecret { .. }
        | Command::ReplayDelivery { .. }
        | Command::ConfigureAssistant { .. }
        | Command::PutConnection { .. }
        | Command::RemoveConnection { .. }
        | Command::ConfigureCollections { .. } => false,
    }
}

pub(crate) fn check_beginning(name: &str, domain: &str) -> Result<(), Rejection> {
    let patch =
        Patch { name: Some(name.to_owned()), domain: Some(domain.to_owned()), ..Patch::default() };
    refuse_if_any(Subject::Settings, settings::problems(&patch))
}

fn onboard(
    state: &State,
    name: String,
    domain: String,
    plan: Plan,
    pepper: Pepper,
    ctx: &Context<'_>,
) -> Decided {
    match state.status() {
        Status::Missing => {}
        Status::Deleted { .. } => return Err(Rejection::Deleted),
        Status::Active | Status::Suspended { .. } => {
            let settings = state.settings();
            // The pepper is fresh in every attempt, so it does not count.
            let same = settings.name == name && settings.domain == domain && state.plan() == plan;
            return if same { Ok(unchanged(state)) } else { Err(Rejection::AlreadyOnboarded) };
        }
    }
    check_beginning(&name, &domain)?;
    let event = Event::Onboarded { name, domain, plan, pepper, at: ctx.now };
    Ok(changed(state, event))
}

fn update(state: &State, patch: Patch, ctx: &Context<'_>) -> Decided {
    refuse_if_any(Subject::Settings, settings::problems(&patch))?;
    let mut after = state.settings().clone();
    after.apply(&patch);
    if after == *state.settings() {
        return Ok(unchanged(state));
    }
    Ok(changed(state, Event::Updated { patch, at: ctx.now }))
}

fn override_limits(state: &State, overrides: Overrides, ctx: &Context<'_>) -> Decided {
    if overrides == *state.overrides() {
        return Ok(unchanged(state));
    }
    let mut problems = Vec::new();
    for (pointer, limit) in [
        ("/requests_per_day", overrides.requests_per_day),
        ("/burst_per_second", overrides.burst_per_second),
    ] {
        if limit == Some(0) {
            problems.push(Problem::new(
                pointer,
                "out_of_range",
                "must be at least 1; to stop a tenant, suspend it",
            ));
        }
    }
    refuse_if_any(Subject::Limits, problems)?;
    Ok(changed(state, Event::LimitsOverridden { overrides, at: ctx.now }))
}

fn suspend(state: &State, reason: String, ctx: &Context<'_>) -> Decided {
    let mut problems = Vec::new();
    settings::text("/reason", &reason, 1, REASON_CHARS_MAX, &mut problems);
    refuse_if_any(Subject::Settings, problems)?;
    if matches!(state.status(), Status::Suspended { reason: same, .. } if *same == reason) {
        return Ok(unchanged(state));
    }
    let data = serde_json::json!({ "tenant": ctx.tenant(), "reason": reason });
    let decision = changed(state, Event::Suspended { reason, at: ctx.now });
    Ok(announce(decision, state, webhook::TENANT_SUSPENDED, &data, None, ctx))
}

fn resume(state: &State, ctx: &Context<'_>) -> Decision<Tenant> {
    if *state.status() == Status::Active {
        return unchanged(state);
    }
    let data = serde_json::json!({ "tenant": ctx.tenant() });
    let decision = changed(state, Event::Resumed { at: ctx.now });
    announce(decision, state, webhook::TENANT_RESUMED, &data, None, ctx)
}

fn delete(state: &State, ctx: &Context<'_>) -> Decision<Tenant> {
    if matches!(state.status(), Status::Deleted { .. }) {
        return unchanged(state);
    }
    changed(state, Event::Deleted { at: ctx.now })
}

/// Tells the endpoints that want this type, if there are any.
fn tell(
    state: &State,
    message: MessageId,
    kind: String,
    at: Timestamp,
    data: &Personal<String>,
    ctx: &Context<'_>,
) -> Decision<Tenant> {
    if !state.endpoints().any(|endpoint| endpoint.wants(&kind)) {
        return unchanged(state);
    }
    // Effects stand with the event that they follow from.
    let event = Event::Announced { message, kind: kind.clone(), at: ctx.now };
    told(changed(state, event), state, (message, &kind, at, data), None)
}

/// Adds a webhook message for every endpoint that wants this type, except `beside`.
fn announce(
    decision: Decision<Tenant>,
    state: &State,
    kind: &str,
    data: &serde_json::Value,
    beside: Option<impresario_ids::EndpointId>,
    ctx: &Context<'_>,
) -> Decision<Tenant> {
    let seq = ctx.next_seq.to_be_bytes();
    let message = MessageId::derived(&[&ctx.key.to_bytes(), &seq, kind.as_bytes()]);
    let data = Personal(data.to_string());
    told(decision, state, (message, kind, ctx.now, &data), beside)
}

/// The same with an id, a time and data that are given.
fn told(
    mut decision: Decision<Tenant>,
    state: &State,
    (message, kind, at, data): (MessageId, &str, Timestamp, &Personal<String>),
    beside: Option<impresario_ids::EndpointId>,
) -> Decision<Tenant> {
    for endpoint in
        state.endpoints().filter(|endpoint| Some(endpoint.id) != beside && endpoint.wants(kind))
    {
        decision.effects.push(Effect::Webhook {
            endpoint: endpoint.id,
            message,
            kind: kind.to_owned(),
            at,
            data: data.clone(),
        });
    }
    decision
}

fn unchanged(state: &State) -> Decision<Tenant> {
    Decision::unchanged(Reply { version: state.version(), changed: false })
}

fn changed(state: &State, event: Event) -> Decision<Tenant> {
    changes(state, vec![event])
}

fn changes(state: &State, events: Vec<Event>) -> Decision<Tenant> {
    let version = state.version() + events.len() as u64;
    Decision::events(events, Reply { version, changed: true })
}

fn refuse_if_any(subject: Subject, problems: Vec<Problem>) -> Result<(), Rejection> {
    if problems.is_empty() { Ok(()) } else { Err(Rejection::Invalid { subject, problems }) }
}

/// Refuses if `have` things of a kind are already as many as the plan allows.
fn within(what: &'static str, have: usize, limit: u64) -> Result<(), Rejection> {
    if (have as u64) < limit {
        Ok(())
    } else {
        Err(Rejection::LimitReached { what: what.into(), limit })
    }
}

/// The end of a grace period that begins now.
fn grace_end(subject: Subject, grace_ms: i64, now: Timestamp) -> Result<Timestamp, Rejection> {
    if (0..=GRACE_MS_MAX).contains(&grace_ms) {
        return Ok(now.plus_ms(grace_ms));
    }
    let message = format!("must be 0 to {GRACE_MS_MAX}");
    Err(Rejection::Invalid {
        subject,
        problems: vec![Problem::new("/grace_ms", "out_of_range", message)],
    })
}
