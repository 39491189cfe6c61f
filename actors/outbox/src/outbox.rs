use std::sync::Arc;
use std::time::Duration;

use impresario_kernel::PartitionId;
use impresario_router::Failure;
use impresario_rows::entity_of;
use ractor::{Actor, ActorRef};
use tokio::sync::oneshot;

use crate::Parts;
use crate::hook::Hook;
use crate::parts::Common;
use crate::pump::{Order, Wish};
use crate::supervisor::{Supervisor, SupervisorMessage, SupervisorStart};

/// The running outbox of a node: a pump for effects and one for timers per partition for which this
/// node decides, the workers for webhooks, and their supervisor.
#[derive(Debug)]
pub struct Outbox {
    common: Arc<Common>,
    hook: Arc<Hook>,
    supervisor: ActorRef<SupervisorMessage>,
}

impl Outbox {
    /// Starts carrying out what is durable and what becomes so, for each partition as long as this
    /// node decides for it. `hook` is the one that the host was given. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// If an actor cannot be started.
    pub async fn start(parts: Parts, hook: Arc<Hook>) -> Result<Self, Failure> {
        let partitions = (0..parts.host.journal().partitions()).map(PartitionId).collect();
        let common = Arc::new(Common::new(parts));
        let start =
            SupervisorStart { common: Arc::clone(&common), hook: Arc::clone(&hook), partitions };
        let (supervisor, _ended) = Actor::spawn(None, Supervisor, start)
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        Ok(Self { common, hook, supervisor })
    }

    /// Has every pump look at the clock again; for clocks that are moved by hand.
    pub fn look(&self) {
        let _ = self.supervisor.send_message(SupervisorMessage::Look);
    }

    /// Drops a row by its key, for operators: its effect is not begun any more. What is under way
    /// right now ends as it may, and is not tried again. A webhook message that waited is listed as
    /// dropped. A row that is not there (any more) is no error.
    ///
    /// # Errors
    /// If the commit failed (it is tried again, and so may the caller), the partition's pump does not
    /// run right now, or another node decides for the row's partition ([`Failure::NotLeader`]): there
    /// it can be dropped.
    pub async fn forget(&self, row_key: &[u8]) -> Result<(), Failure> {
        self.order(row_key, Wish::Forget).await
    }

    /// Has a row tried now, for operators: without waiting for its time, and once without regard for
    /// its endpoint's breaker. A message to an entity stays behind those of its source that were
    /// decided before; these are tried now. Returns when the try has begun, or nothing waits.
    ///
    /// # Errors
    /// If the row cannot be read, there is no room for it right now, the partition's pump does not
    /// run, or another node decides for the row's partition ([`Failure::NotLeader`]).
    pub async fn retry(&self, row_key: &[u8]) -> Result<(), Failure> {
        self.order(row_key, Wish::Retry).await
    }

    async fn order(&self, row_key: &[u8], wish: Wish) -> Result<(), Failure> {
        let source = entity_of(row_key)
            .ok_or_else(|| Failure::Damaged("a row without an entity".to_owned()))?;
        let (answer, outcome) = oneshot::channel();
        let order = Order { key: Arc::from(row_key), wish, answer };
        let partition = self.common.parts.host.partition_of(&source);
        // If nobody takes it, the answer is dropped.
        let _ = self.supervisor.send_message(SupervisorMessage::Order(partition, order));
        outcome.await.unwrap_or_else(|_| {
            let leadership = self.common.parts.host.journal().leadership(partition);
            Err(if leadership.is_leader() {
                Failure::Unavailable("the outbox does not run".to_owned())
            } else {
                Failure::NotLeader { leader: leadership.leader() }
            })
        })
    }

    /// Begins nothing more, waits at most `grace` until nothing is under way, and stops the actors.
    /// What was not finished is durable and goes on after the next start. Call it before the host is
    /// stopped.
    pub async fn stop(&self, grace: Duration) {
        self.common.stop();
        let (done, drained) = oneshot::channel();
        if self.supervisor.send_message(SupervisorMessage::Drain(done)).is_ok()
            && tokio::time::timeout(grace, drained).await.is_err()
        {
            tracing::warn!("outbox stopped with work under way, goes on after the next start");
        }
        self.supervisor.stop(None);
        self.hook.detach();
    }
}
