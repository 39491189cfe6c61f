//! Walking over all profiles of a tenant after a segment or a computed trait changed.
//!
//! Nothing of the progress is stored: after a restart, or at another node that leads the sweep's
//! partition now, the walk begins anew, and the profiles that were asked before answer from their
//! idempotency records, or evaluate once more to the same end.
//! The keys hold the sweep's row, not only its version: a segment that is paused and resumed is
//! swept again under the same version.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use impresario_ids::{ProfileId, SegmentId, TenantId, TraceId};
use impresario_kernel::{Coded as _, EntityKey};
use impresario_profile::{self as profile, Profile};
use impresario_router::{AskError, Failure, IdempotencyKey};
use impresario_segment::{self as segment, Segment};

use crate::Options;
use crate::backoff;
use crate::book::RowKey;
use crate::parts::Common;
use crate::work::Sweep;

/// Profiles read at a time.
const PAGE: usize = 512;

/// Tries for one profile before the walk is given up for now.
const TRIES_MAX: u32 = 20;

/// The pause after a walk that some node did not answer.
const UNAVAILABLE_MS: i64 = 2_000;

/// A walk.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The row of the outbox that asks for it.
    pub(crate) row: RowKey,
    pub(crate) tenant: TenantId,
    pub(crate) sweep: Sweep,
    pub(crate) trace: TraceId,
}

/// Why a walk did not come to its end. It begins anew later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interrupted {
    #[error("the outbox is stopping")]
    Stopping,
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Interrupted {
    /// When to begin anew, in milliseconds from now.
    pub(crate) fn wait_ms(&self, options: &Options) -> i64 {
        match self {
            // Some partition has no leader right now, but soon.
            Self::Failed(failure @ Failure::NotLeader { .. }) => {
                failure.retry_after_ms().and_then(|ms| i64::try_from(ms).ok())
            }
            // Some node did not answer; the walk reads of all of them.
            Self::Failed(Failure::Unavailable(_)) => Some(UNAVAILABLE_MS),
            Self::Stopping | Self::Failed(_) => None,
        }
        .map_or(options.backoff_max_ms, |ms| ms.min(options.backoff_max_ms))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    profiles: u64,
    members: u64,
    left_out: u64,
}

/// What one profile answered.
enum Visit {
    Member,
    NotMember,
    LeftOut,
}

/// Asks every profile, then tells the segment.
pub(crate) async fn run(common: Arc<Common>, walk: Walk) -> Result<(), Interrupted> {
    // Never closed.
    let _permit = common.sweeps.acquire().await.map_err(|_| Interrupted::Stopping)?;
    // A first event that was decided before the change is listed from here on.
    common.parts.settle.settle(walk.tenant).await?;
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        if common.is_stopping() {
            return Err(Interrupted::Stopping);
        }
        let page = common.parts.profiles.page(walk.tenant, after, PAGE).await?;
        let Some(last) = page.last().copied() else { break };
        after = Some(last);
        let mut visits = stream::iter(page)
            .map(|id| visit(Arc::clone(&common), walk.clone(), id))
            .buffer_unordered(common.options().sweep_asks_max.max(1));
        while let Some(visit) = visits.next().await {
            tally.profiles += 1;
            match visit? {
                Visit::Member => tally.members += 1,
                Visit::NotMember => {}
                Visit::LeftOut => tally.left_out += 1,
            }
        }
    }
    if tally.left_out > 0 {
        tracing::warn!(tenant.id = %walk.tenant, segment = %walk.sweep.segment, left_out = tally.left_out, "sweep went on without some profiles");
    }
    metrics::counter!("impresario_outbox_swept_profiles_total").increment(tally.profiles);
    tell(&common, &walk, tally).await
}

async fn visit(common: Arc<Common>, walk: Walk, id: ProfileId) -> Result<Visit, Interrupted> {
    let Sweep { segment, version } = walk.sweep;
    let to = EntityKey::new(walk.tenant, profile::KIND, id);
    let key = IdempotencyKey::of(&[b"sweep/", &*walk.row, id.as_bytes()].concat());
    let mut last = Failure::Crashed;
    for tries in 1..=TRIES_MAX {
        if common.is_stopping() {
            return Err(Interrupted::Stopping);
        }
        let command = profile::Command::Reevaluate { segment, version };
        let wait_ms = match common.ask::<Profile>(to, command, key, walk.trace).await {
            Ok(profile::Reply::Evaluated { member: true, .. }) => return Ok(Visit::Member),
            Ok(_) => return Ok(Visit::NotMember),
            // The policy at hand is older than the sweep; it is renewed in a moment.
            Err(AskError::Rejected(refused @ profile::Rejection::SegmentVersionUnknown { .. })) => {
                last = Failure::Unavailable(refused.to_string());
                0
            }
            Err(AskError::Rejected(rejection)) => {
                tracing::debug!(entity.key = %to, code = rejection.code(), "profile refused to reevaluate");
                return Ok(Visit::NotMember);
            }
            Err(AskError::Failed(failure @ Failure::UnknownTenant)) => return Err(failure.into()),
            // Set aside, or its bytes are damaged: no reason to keep all others waiting.
            Err(AskError::Failed(failure)) if failure.retry_after_ms().is_none() => {
                tracing::warn!(entity.key = %to, code = failure.code(), "profile left out of a sweep");
                return Ok(Visit::LeftOut);
            }
            Err(AskError::Failed(failure)) => {
                let wait_ms = failure.retry_after_ms().and_then(|ms| i64::try_from(ms).ok());
                last = failure;
                wait_ms.unwrap_or(1_000)
            }
        };
        let wait_ms =
            backoff::wait_ms(tries, 20, 2_000, backoff::seed_of(id.as_bytes(), tries), wait_ms);
        tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
            .await;
    }
    Err(last.into())
}

async fn tell(common: &Common, walk: &Walk, tally: Tally) -> Result<(), Interrupted> {
    let Sweep { segment, version } = walk.sweep;
    if segment == SegmentId::NIL {
        return Ok(());
    }
    let to = EntityKey::new(walk.tenant, segment::KIND, segment);
    let command =
        segment::Command::SweepDone { version, profiles: tally.profiles, members: tally.members };
    let key = IdempotencyKey::of(&walk.row);
    match common.ask::<Segment>(to, command, key, walk.trace).await {
        Err(AskError::Failed(failure)) if !common.is_final(&failure, &walk.row) => {
            Err(failure.into())
        }
        Err(AskError::Rejected(rejection)) => {
            tracing::debug!(entity.key = %to, code = rejection.code(), "segment refused the end of a sweep");
            Ok(())
        }
        Ok(_) | Err(AskError::Failed(_)) => Ok(()),
    }
}
