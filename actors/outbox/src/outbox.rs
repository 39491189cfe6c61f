use std::sync::Arc;
use std::time::Duration;

use impresario_kernel::PartitionId;
use impresario_router::Failure;
use ractor::{Actor, ActorRef};
use tokio::sync::oneshot;

use crate::Parts;
use crate::hook::Hook;
use crate::parts::Common;
use crate::supervisor::{Supervisor, SupervisorMessage, SupervisorStart};

/// The running outbox of a node: a pump for effects and one for timers per partition, the workers
/// for webhooks, and their supervisor.
#[derive(Debug)]
pub struct Outbox {
    common: Arc<Common>,
    supervisor: ActorRef<SupervisorMessage>,
}

impl Outbox {
    /// Starts carrying out what is durable and what becomes so. `hook` is the one that the host was
    /// given. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If an actor cannot be started.
    pub async fn start(parts: Parts, hook: Arc<Hook>) -> Result<Self, Failure> {
        let partitions = (0..parts.host.journal().partitions()).map(PartitionId).collect();
        let common = Arc::new(Common::new(parts));
        let start = SupervisorStart { common: Arc::clone(&common), hook, partitions };
        let (supervisor, _ended) = Actor::spawn(None, Supervisor, start)
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        Ok(Self { common, supervisor })
    }

    /// Has every pump look at the clock again; for clocks that are moved by hand.
    pub fn look(&self) {
        let _ = self.supervisor.send_message(SupervisorMessage::Look);
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
    }
}
