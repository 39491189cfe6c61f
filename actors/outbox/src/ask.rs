//! Asking one entity on behalf of another.

use impresario_kernel::{Coded, Entity, EntityKey};
use impresario_profile::Profile;
use impresario_router::{AskError, Failure, IdempotencyKey};
use impresario_segment::Segment;
use impresario_tenant::Tenant;

use crate::backoff;
use crate::book::Row;
use crate::parts::{Common, Origin};
use crate::work::Ask;

/// What became of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Its row can go.
    Done,
    /// Ask again after this many milliseconds.
    Again {
        /// From now.
        wait_ms: i64,
    },
}

/// Makes one try. The receiver dedupes by the row's key, so trying again is safe.
pub(crate) async fn ask(common: &Common, row: &Row<Ask>) -> Asked {
    let tenant = row.source.tenant;
    let outcome = match &*row.ask {
        Ask::Profile { to, command, key } => {
            let to = EntityKey::new(tenant, impresario_profile::KIND, *to);
            ask_one::<Profile>(common, row, to, command, *key).await
        }
        Ask::Tenant(command) => {
            let to = impresario_tenant::key(tenant);
            match ask_one::<Tenant>(common, row, to, command, None).await {
                Ok(Some(code)) => tell_segment(common, row, command, code).await.map(|()| None),
                asked => asked,
            }
        }
    };
    let Err(failure) = outcome else { return Asked::Done };
    let tries = row.tries.saturating_add(1);
    let seed = backoff::seed_of(&row.key, tries);
    let wait_ms = backoff::after(&failure, tries, common.options(), seed);
    tracing::debug!(entity.key = %row.source, code = failure.code(), tries, wait_ms, "entity message failed, asked again");
    metrics::counter!("impresario_outbox_retries_total", "code" => failure.code()).increment(1);
    Asked::Again { wait_ms }
}

/// The owner of a segment looks at the segment, not at the dead letters of the tenant.
async fn tell_segment(
    common: &Common,
    row: &Row<Ask>,
    refused: &impresario_tenant::Command,
    code: &str,
) -> Result<(), Failure> {
    let impresario_tenant::Command::PublishSegment { segment, version, .. } = refused else {
        return Ok(());
    };
    let to = EntityKey::new(row.source.tenant, impresario_segment::KIND, *segment);
    let command =
        impresario_segment::Command::SweepFailed { version: *version, reason: code.to_owned() };
    let key = IdempotencyKey::of(&[b"refused/", &*row.key].concat());
    match common.ask::<Segment>(to, command, key, row.trace).await {
        Err(AskError::Failed(failure)) if !common.is_final(&failure, &row.key) => Err(failure),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The code if it was refused and set aside. `Err` if asking again can help.
async fn ask_one<E>(
    common: &Common,
    row: &Row<Ask>,
    to: EntityKey,
    command: &E::Command,
    key: Option<IdempotencyKey>,
) -> Result<Option<&'static str>, Failure>
where
    E: Entity,
    E::Command: Clone,
{
    let key = key.unwrap_or_else(|| IdempotencyKey::of(&row.key));
    let code = match common.ask::<E>(to, command.clone(), key, row.trace).await {
        Ok(_) => return Ok(None),
        Err(AskError::Rejected(rejection)) => rejection.code(),
        Err(AskError::Failed(failure)) if common.is_final(&failure, &row.key) => {
            tracing::warn!(entity.key = %to, code = failure.code(), trace = %row.trace, "entity message dropped");
            return Ok(None);
        }
        Err(AskError::Failed(failure)) => return Err(failure),
    };
    tracing::warn!(entity.key = %to, code, trace = %row.trace, "entity message refused, set aside");
    metrics::counter!("impresario_outbox_refused_total", "kind" => E::KIND.name, "code" => code)
        .increment(1);
    let origin = Origin { key: &row.key, at: row.at, trace: row.trace };
    match common.set_aside::<E>(&to, command, code, &origin).await {
        Err(failure) if !common.is_final(&failure, &row.key) => Err(failure),
        Ok(()) | Err(_) => Ok(Some(code)),
    }
}
