use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use impresario_host::{AskError, Deadline, Envelope, Failure, Host};
use impresario_kernel::{Entity, EntityKey};
use impresario_wire::CallTransport;

use crate::cluster::Cluster;
use crate::permits::{Held, Permits};
use crate::{Directions, Options, commands, query};

/// Finds entities and asks them. A handle: cheap to clone.
#[derive(Clone, Debug)]
pub struct Router {
    host: Host,
    permits: Arc<Permits>,
    /// `None`: the host decides for every entity there is.
    cluster: Option<Arc<Cluster>>,
}

/// A wait longer than this is taken for no deadline at all.
const DEADLINE_MAX_MS: i64 = 86_400_000;

impl Router {
    /// A router to the entities of this host, which is alone.
    #[must_use]
    pub fn new(host: Host, options: Options) -> Self {
        let permits = Arc::new(Permits::new(options, host.journal().partitions()));
        Self { host, permits, cluster: None }
    }

    /// A router to the entities of a cluster that this host is part of.
    #[must_use]
    pub fn clustered(
        host: Host,
        options: Options,
        calls: Arc<dyn CallTransport>,
        directions: Arc<dyn Directions>,
    ) -> Self {
        let cluster = Cluster::new(calls, directions, options.clone());
        Self { cluster: Some(Arc::new(cluster)), ..Self::new(host, options) }
    }

    pub(crate) fn parts(&self) -> (Host, Arc<Permits>) {
        (self.host.clone(), Arc::clone(&self.permits))
    }

    /// The cluster, if a message to this entity may have to go elsewhere or be sent again.
    fn abroad(&self, entity: &EntityKey) -> Option<&Arc<Cluster>> {
        let cluster = self.cluster.as_ref()?;
        let partition = self.host.partition_of(entity);
        let stays = !cluster.directions.may_move(partition) && self.host.leads(partition).is_some();
        (!stays).then_some(cluster)
    }

    /// The deadline `wait` from now.
    #[must_use]
    pub fn deadline(&self, wait: Duration) -> Deadline {
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Deadline(self.host.clock().now().plus_ms(wait_ms))
    }

    /// Messages under way on this node.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.permits.under_way()
    }

    /// Asks an entity to carry out a command and waits until that is durable.
    ///
    /// When the future is dropped, the command may still be carried out.
    ///
    /// # Errors
    /// The entity's rejection, or why the system could not carry it out.
    pub async fn ask<E: Entity>(
        &self,
        entity: EntityKey,
        command: E::Command,
        envelope: Envelope,
    ) -> Result<E::Reply, AskError<E::Rejection>> {
        let mut answers = self.ask_many::<E>(entity, vec![(command, envelope)]).await;
        answers.pop().unwrap_or(Err(AskError::Failed(Failure::Crashed)))
    }

    /// Asks an entity to carry out commands in one turn, each on its own; answers come in their
    /// order. They wait together, until the latest of their deadlines.
    ///
    /// When the future is dropped, the commands may still be carried out.
    pub async fn ask_many<E: Entity>(
        &self,
        entity: EntityKey,
        commands: Vec<(E::Command, Envelope)>,
    ) -> Vec<Result<E::Reply, AskError<E::Rejection>>> {
        let count = commands.len();
        let fail =
            |failure: Failure| (0..count).map(|_| Err(AskError::Failed(failure.clone()))).collect();
        let Some(deadline) = commands.iter().map(|(_, envelope)| envelope.deadline).max() else {
            return Vec::new();
        };
        let held = match self.permits.take(entity.tenant, self.host.partition_of(&entity), count) {
            Ok(held) => held,
            Err(failure) => return fail(failure),
        };
        if let Some(cluster) = self.abroad(&entity) {
            let wait = self.wait(deadline);
            // Boxed, so that the way of most messages is as small as it was.
            let search =
                Box::pin(commands::ask::<E>(&self.host, cluster, entity, commands, wait, held));
            return self.within(deadline, search).await.unwrap_or_else(fail);
        }
        let answers = self.host.ask_many::<E>(&entity, commands, Some(Box::new(held)));
        self.within(deadline, answers).await.unwrap_or_else(fail)
    }

    /// Asks an entity to carry out a command and does not wait for the outcome. `Ok` says only that
    /// it was sent.
    ///
    /// # Errors
    /// If it could not be sent.
    pub fn tell<E: Entity>(
        &self,
        entity: EntityKey,
        command: E::Command,
        envelope: Envelope,
    ) -> Result<(), Failure> {
        let held = self.permits.take(entity.tenant, self.host.partition_of(&entity), 1)?;
        let router = self.clone();
        tokio::spawn(async move { router.carry_out::<E>(entity, command, envelope, held).await });
        Ok(())
    }

    /// Told, not asked: the host's metrics count what becomes of it.
    async fn carry_out<E: Entity>(
        &self,
        entity: EntityKey,
        command: E::Command,
        envelope: Envelope,
        held: Held,
    ) {
        let command = vec![(command, envelope)];
        match self.abroad(&entity) {
            Some(cluster) => {
                let wait = self.wait(envelope.deadline);
                commands::ask::<E>(&self.host, cluster, entity, command, wait, held).await
            }
            None => self.host.ask_many::<E>(&entity, command, Some(Box::new(held))).await,
        };
    }

    /// Asks an entity a question. The answer is linearizable.
    ///
    /// # Errors
    /// Why the system could not answer.
    pub async fn query<E: Entity>(
        &self,
        entity: EntityKey,
        query: E::Query,
        envelope: Envelope,
    ) -> Result<E::Answer, Failure> {
        let held = self.permits.take(entity.tenant, self.host.partition_of(&entity), 1)?;
        let deadline = envelope.deadline;
        if let Some(cluster) = self.abroad(&entity) {
            let wait = self.wait(deadline);
            let host = &self.host;
            let search =
                Box::pin(query::ask::<E>(host, cluster, entity, query, envelope, wait, held));
            return self.within(deadline, search).await?;
        }
        let answer = self.host.query::<E>(&entity, query, envelope, Some(Box::new(held)));
        self.within(deadline, answer).await?
    }

    /// How long the sender waits; `None` for as long as it takes.
    fn wait(&self, deadline: Deadline) -> Option<Duration> {
        let wait_ms = deadline.0.since_ms(self.host.clock().now());
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        (wait_ms <= DEADLINE_MAX_MS).then_some(wait)
    }

    /// Waits for `answer` until the deadline.
    async fn within<T>(
        &self,
        deadline: Deadline,
        answer: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        match self.wait(deadline) {
            None => Ok(answer.await),
            Some(wait) => {
                tokio::time::timeout(wait, answer).await.map_err(|_| Failure::DeadlineExceeded)
            }
        }
    }
}
