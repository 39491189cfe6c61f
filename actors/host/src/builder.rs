//! Putting a host together.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use impresario_journal::Journal;
use impresario_kernel::{Entity, PartitionId};
use impresario_vault::Vault;
use parking_lot::RwLock;
use ractor::Actor;

use crate::clock::Clock;
use crate::dynamic::Kinds;
use crate::host::{Host, unavailable};
use crate::janitor::Janitor;
use crate::kind::Kind;
use crate::partition::{PartitionActor, PartitionHandle, PartitionMessage, PartitionParts};
use crate::standing::Standing;
use crate::{CommitHook, Failure, Observer, Options, PolicySource};

/// What a host stands on.
pub struct HostParts {
    /// Where everything becomes durable.
    pub journal: Arc<dyn Journal>,
    /// The tenants' data keys.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How to run.
    pub options: Options,
    /// Chance: 64 random bits, different at each start.
    pub seed: u64,
}

/// A host to be: kinds and hooks are added, then it is started.
pub struct HostBuilder {
    parts: HostParts,
    kinds: Kinds,
    hooks: Vec<Arc<dyn CommitHook>>,
}

impl std::fmt::Debug for HostParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostParts").field("options", &self.options).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl HostBuilder {
    /// A host without kinds.
    #[must_use]
    pub fn new(parts: HostParts) -> Self {
        let kinds = Kinds::new(parts.journal.partitions());
        Self { parts, kinds, hooks: Vec::new() }
    }

    /// Adds a kind of entity, where its policy comes from, and who observes its events.
    #[must_use]
    pub fn entity<E: Entity>(
        mut self,
        policy: Arc<dyn PolicySource<E::Policy>>,
        observers: Vec<Observer<E>>,
    ) -> Self {
        self.kinds.insert::<E>(Kind::new(policy, observers));
        self
    }

    /// Adds a hook that learns of effects and timers.
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn CommitHook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Starts the partitions' actors. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If an actor cannot be started.
    pub async fn start(self) -> Result<Host, Failure> {
        let Self { parts, kinds, hooks } = self;
        let shared_kinds = Arc::new(OnceLock::new());
        let mut partitions = Vec::with_capacity(usize::from(parts.journal.partitions()));
        for number in 0..parts.journal.partitions() {
            let told = parts.journal.leadership(PartitionId(number));
            let standing = Arc::new(RwLock::new(Standing::of(told)));
            let epoch = Arc::new(AtomicU64::new(0));
            let arguments = PartitionParts {
                id: PartitionId(number),
                journal: Arc::clone(&parts.journal),
                hooks: hooks.clone(),
                kinds: Arc::clone(&shared_kinds),
                standing: Arc::clone(&standing),
                epoch: Arc::clone(&epoch),
                batch_bytes_max: parts.options.batch_bytes_max,
            };
            let (actor, _ended) =
                Actor::spawn(None, PartitionActor, arguments).await.map_err(unavailable)?;
            partitions.push(PartitionHandle { actor, standing, epoch });
        }
        follow_leadership(&*parts.journal, &partitions);
        let host = Host::of(parts, kinds, shared_kinds, partitions);
        let (janitor, _ended) =
            Actor::spawn(None, Janitor, host.clone()).await.map_err(unavailable)?;
        host.swept_by(janitor);
        Ok(host)
    }
}

/// Has every partition look at its leadership: now, and whenever the journal tells of a change.
fn follow_leadership(journal: &dyn Journal, partitions: &[PartitionHandle]) {
    let actors: Vec<_> = partitions.iter().map(|handle| handle.actor.clone()).collect();
    let tell = move |id: PartitionId| {
        if let Some(actor) = actors.get(usize::from(id.0)) {
            // An actor that is gone has nothing to stand for.
            let _ = actor.send_message(PartitionMessage::Stand);
        }
    };
    let all = (0_u16..).zip(partitions).map(|(number, _)| PartitionId(number));
    let at_once = tell.clone();
    journal.watch_leadership(Box::new(move |id, _| tell(id)));
    // What changed between the look at the beginning and the watch.
    all.for_each(at_once);
}
