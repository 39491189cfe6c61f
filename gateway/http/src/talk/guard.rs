//! How much one visitor of a website may ask for. Visitors have no key, so the plan's limits alone
//! would let one of them use up what all share.

use std::num::NonZeroU32;

use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use impresario_api::codes;
use impresario_ids::TenantId;

use crate::fault::Fault;

/// Who is counted: a hash of an address or of a conversation.
type Who = [u8; 16];
type Limiter = DefaultKeyedRateLimiter<Who>;

/// Past so many counted visitors those who are idle are forgotten.
const VISITORS_MAX: usize = 50_000;
/// New sessions from one address at once; one more each second. An office shares an address.
const SESSIONS: (u32, u32) = (1, 120);
/// Messages of one visitor at once; one more each second.
const MESSAGES: (u32, u32) = (1, 10);
/// Looks at one conversation at once; five more each second.
const LOOKS: (u32, u32) = (5, 60);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Beginning a session, by address.
    Session,
    /// Writing, by visitor.
    Message,
    /// Reading or listening, by visitor.
    Look,
}

/// The counters of visitors and of their open connections.
pub(crate) struct Guard {
    sessions: Limiter,
    messages: Limiter,
    looks: Limiter,
    clock: DefaultClock,
    open: DashMap<TenantId, usize>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}

impl Default for Guard {
    fn default() -> Self {
        let limiter = |(rate, burst): (u32, u32)| {
            let whole = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
            RateLimiter::keyed(Quota::per_second(whole(rate)).allow_burst(whole(burst)))
        };
        Self {
            sessions: limiter(SESSIONS),
            messages: limiter(MESSAGES),
            looks: limiter(LOOKS),
            clock: DefaultClock::default(),
            open: DashMap::new(),
        }
    }
}

impl Guard {
    /// Counts one act, or says when the next one may come.
    pub(crate) fn take(&self, act: Act, tenant: TenantId, who: &str) -> Result<(), Fault> {
        let limiter = match act {
            Act::Session => &self.sessions,
            Act::Message => &self.messages,
            Act::Look => &self.looks,
        };
        if limiter.len() > VISITORS_MAX {
            limiter.retain_recent();
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(tenant.as_bytes()).update(who.as_bytes());
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        limiter.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Fault::new(&codes::RATE_LIMITED)
                .detail("too many requests of one visitor")
                .retry_after_ms(Some(u64::try_from(wait.as_millis()).unwrap_or(1_000).max(1)))
        })
    }

    /// A place for an open connection of a tenant's visitor, if fewer than `max` are taken.
    pub(crate) fn enter(&self, tenant: TenantId, max: usize) -> Result<(), Fault> {
        let mut open = self.open.entry(tenant).or_insert(0);
        if *open >= max {
            return Err(Fault::new(&codes::TOO_MANY_SUBSCRIBERS));
        }
        *open += 1;
        Ok(())
    }

    /// Gives the place back.
    pub(crate) fn leave(&self, tenant: TenantId) {
        if let Some(mut open) = self.open.get_mut(&tenant) {
            *open = open.saturating_sub(1);
        }
        self.open.remove_if(&tenant, |_, open| *open == 0);
    }
}
