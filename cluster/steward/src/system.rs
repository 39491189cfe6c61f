use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::SystemJournal;
use impresario_journal::{CommitError, ReadError, Table, Term, Write};
use impresario_placement::{ClusterState, Command, GroupId, Reply, decide};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ask::Trouble;

/// The row of the system group that holds the state of the cluster.
const KEY: &[u8] = b"cluster/state";

/// How often it is looked whether there is a replica of the system group by now.
const LOOK: Duration = Duration::from_millis(200);

/// The state of the cluster, as this node has it, and the way to change it where this node leads
/// the system group.
pub(crate) struct SystemState {
    group: GroupId,
    journal: SystemJournal,
    latest: watch::Sender<Arc<ClusterState>>,
    /// Held while a command is decided and committed: one at a time.
    one: tokio::sync::Mutex<()>,
}

impl SystemState {
    pub(crate) fn open(group: GroupId, journal: SystemJournal) -> Result<Self, ReadError> {
        let latest = watch::Sender::new(Arc::new(read(&journal)?.unwrap_or_default()));
        Ok(Self { group, journal, latest, one: tokio::sync::Mutex::default() })
    }

    pub(crate) fn latest(&self) -> Arc<ClusterState> {
        Arc::clone(&self.latest.borrow())
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.latest.subscribe()
    }

    pub(crate) fn journal(&self) -> &SystemJournal {
        &self.journal
    }

    /// The row as it is here, without what others told.
    pub(crate) fn stored(&self) -> Result<Option<ClusterState>, ReadError> {
        read(&self.journal)
    }

    /// Takes a state that may be newer than the one that is known.
    pub(crate) fn offer(&self, state: ClusterState) {
        self.latest.send_if_modified(|latest| {
            let newer = state.version() > latest.version();
            if newer {
                *latest = Arc::new(state);
            }
            newer
        });
    }

    /// Takes the state as it is here, even if it is older than what others told: after a recovery
    /// there is no newer one.
    pub(crate) fn begin_again(&self) {
        if let Ok(Some(state)) = self.stored() {
            self.latest.send_replace(Arc::new(state));
        }
    }

    /// Decides a command and commits what follows, if this node leads the system group.
    pub(crate) async fn command(&self, command: &Command, at_ms: i64) -> Result<Reply, Trouble> {
        let _one = self.one.lock().await;
        let now = self.journal.leadership();
        let term = now.term;
        if !now.is_leader() {
            return Err(Trouble::NotLeader { leader: now.leader(), term: term.0 });
        }
        let failed = |error: ReadError| Trouble::Failed(error.to_string());
        let mut state = self.stored().map_err(failed)?.unwrap_or_default();
        let decided = decide(&state, command, at_ms);
        let decision = match decided {
            Ok(decision) if !decision.events.is_empty() => decision,
            // What changes nothing is true only if this node still leads.
            unchanged => {
                let confirmed = self.journal.confirm(term).await;
                confirmed.map_err(|error| trouble(&error, term))?;
                let refused = |rejection: impresario_placement::Rejection| Trouble::Rejected {
                    code: rejection.code().to_owned(),
                    message: rejection.to_string(),
                };
                return unchanged.map(|decision| decision.reply).map_err(refused);
            }
        };
        for event in &decision.events {
            state.apply(event);
        }
        let value = impresario_kernel::encode(&state);
        let put = Write::Put { table: Table::Meta, key: KEY.to_vec(), value };
        self.journal.commit(term, vec![put]).await.map_err(|error| trouble(&error, term))?;
        for event in &decision.events {
            tracing::info!(event = ?event, "the cluster has changed");
        }
        self.offer(state);
        Ok(decision.reply)
    }

    /// Follows the row of the local replica, until `stop`.
    pub(crate) async fn follow(&self, stop: &CancellationToken) {
        let mut seen = 0;
        while !stop.is_cancelled() {
            let applied = tokio::select! {
                applied = self.journal.await_applied(seen + 1) => applied,
                () = stop.cancelled() => return,
            };
            let Ok(applied) = applied else {
                // No replica, or no longer: it may come.
                seen = 0;
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => continue,
                    () = stop.cancelled() => return,
                }
            };
            seen = applied;
            match self.stored() {
                Ok(Some(state)) => self.offer(state),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(group = %self.group, error = %error, "the state of the cluster cannot be read");
                }
            }
        }
    }
}

fn read(journal: &SystemJournal) -> Result<Option<ClusterState>, ReadError> {
    let bytes = match journal.get(Table::Meta, KEY) {
        // There is no replica here (yet).
        Err(ReadError::NoPartition(_)) => None,
        read => read?,
    };
    let Some(bytes) = bytes else { return Ok(None) };
    let state = impresario_kernel::decode::<ClusterState>(&bytes);
    state.map(Some).map_err(|error| ReadError::Store(error.to_string()))
}

fn trouble(error: &CommitError, term: Term) -> Trouble {
    match error {
        CommitError::NotLeader { leader } => Trouble::NotLeader { leader: *leader, term: term.0 },
        CommitError::StaleTerm { current, .. } => {
            Trouble::NotLeader { leader: None, term: *current }
        }
        CommitError::Unknown(why) => Trouble::NoAnswer(why.clone()),
        CommitError::NoPartition(_)
        | CommitError::Failed(_)
        | CommitError::TooLarge { .. }
        | CommitError::Closed => Trouble::Failed(error.to_string()),
    }
}
