use impresario_ids::{TenantId, TraceId};

use crate::key::mix;
use crate::{EntityKey, Timestamp};

/// Everything `decide` may know beside the state and the command.
#[derive(Debug)]
pub struct Ctx<'a, P, Event> {
    /// The host's clock when the command was taken up.
    pub now: Timestamp,
    /// Chance, handed in. Two commands never share a seed.
    pub seed: u64,
    /// The entity that decides.
    pub key: &'a EntityKey,
    /// The sequence number that the first event of this decision will get. The first ever is 1.
    pub next_seq: u64,
    /// The read-mostly settings that the host fetched for this tenant.
    pub policy: &'a P,
    /// The trace that this command belongs to.
    pub trace: TraceId,
    /// The entity's committed events, oldest first, if the command needed them
    /// ([`crate::Needs::History`]); otherwise empty.
    pub history: &'a [Event],
}

impl<P, Event> Ctx<'_, P, Event> {
    /// The tenant that owns the deciding entity.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.key.tenant
    }

    /// A generator over this context's seed.
    #[must_use]
    pub fn rng(&self) -> Rng {
        Rng(self.seed)
    }
}

/// A small deterministic generator (splitmix64). Not for secrets: those are handed in as bytes.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// The next ten bytes, as a fresh id wants them ([`impresario_ids::Id::at`]).
    pub fn id_bytes(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        bytes[8..].copy_from_slice(&self.next_u64().to_le_bytes()[..2]);
        bytes
    }
}
