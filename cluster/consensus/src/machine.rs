use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{Stream, StreamExt};
use impresario_redb::{Mark, ReplicaError, ReplicaStore, SnapshotInstall, SnapshotReader};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::codec::Damaged;
use crate::stored::{self, Applied};
use crate::types::{EntryPayload, LogId, Outcome, Snapshot, SnapshotMeta, StoredMembership, Types};

/// The state of one group: applies batches to the store and gives and takes snapshots of it.
pub(crate) struct Machine {
    store: ReplicaStore,
    group: u16,
    applied: Applied,
    reached: Reached,
}

/// How far the state is, for those who wait for it.
#[derive(Clone)]
pub(crate) struct Reached {
    place: watch::Sender<Place>,
    /// Until openraft has begun, it asks for snapshots only for what is in them.
    begun: Arc<AtomicBool>,
    /// Whether the replica has been removed. Held while the store is written, because openraft's
    /// worker may still be at it when the group has ended.
    removed: Arc<Mutex<bool>>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    /// The last applied entry.
    pub(crate) last: Option<LogId>,
    /// How many batches the state holds.
    pub(crate) batches: u64,
}

impl Reached {
    pub(crate) fn new() -> Self {
        Self { place: watch::Sender::default(), begun: Arc::default(), removed: Arc::default() }
    }

    /// From now on a snapshot is one that can be sent.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// From now on nothing is written for this replica.
    pub(crate) fn remove(&self) {
        *self.removed.lock() = true;
    }

    /// Writes, unless the replica has been removed.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce() -> Result<T, ReplicaError>,
    ) -> Result<T, ReplicaError> {
        let removed = self.removed.lock();
        if *removed { Err(ReplicaError::Closed) } else { write() }
    }

    fn tell(&self, applied: &Applied) {
        self.place.send_if_modified(|place| {
            let moved = place.last != applied.last;
            *place = Place { last: applied.last, batches: applied.batches };
            moved
        });
    }

    pub(crate) fn place(&self) -> Place {
        *self.place.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Place> {
        self.place.subscribe()
    }
}

/// The rows of a snapshot, wherever they are.
pub(crate) enum Rows {
    /// Still in the state database: this snapshot only says how far that is.
    Here,
    /// To be sent.
    Source(Box<SnapshotReader>),
    /// Received as a whole, and to be put in the place of the state.
    Staged(Box<SnapshotInstall>),
}

pub(crate) fn meta(applied: &Applied) -> SnapshotMeta {
    SnapshotMeta { last_log_id: applied.last, last_membership: applied.membership.clone() }
}

impl Machine {
    /// # Errors
    /// If the state's mark cannot be read.
    pub(crate) fn open(
        store: ReplicaStore,
        group: u16,
        reached: Reached,
    ) -> Result<Self, io::Error> {
        let applied = read_applied(&store, group)?;
        reached.tell(&applied);
        Ok(Self { store, group, applied, reached })
    }

    /// Applies one entry. A function of the state and the entry alone.
    fn apply_entry(&mut self, id: LogId, payload: EntryPayload) -> Result<Outcome, io::Error> {
        self.applied.last = Some(id);
        let outcome = match &payload {
            EntryPayload::Blank => Outcome::Nothing,
            EntryPayload::Membership(membership) => {
                self.applied.membership = StoredMembership::new(Some(id), membership.clone());
                Outcome::Nothing
            }
            EntryPayload::Normal(_) => {
                self.applied.batches += 1;
                Outcome::Committed(self.applied.batches)
            }
        };
        let (mark, payload) = (self.applied.mark(id), stored::payload_of(&payload));
        let applied = self.reached.write(|| self.store.apply(self.group, mark, &payload));
        applied.map_err(io::Error::other)?;
        Ok(outcome)
    }

    async fn install(&self, mark: Mark, rows: Rows) -> Result<(), io::Error> {
        let (store, group, reached) = (self.store.clone(), self.group, self.reached.clone());
        blocking(move || {
            reached.write(|| match rows {
                Rows::Here => Err(ReplicaError::Store("a snapshot without rows".to_owned())),
                Rows::Staged(install) => install.finish(),
                Rows::Source(mut reader) => {
                    let mut install = store.install(group, &mark)?;
                    while !install.is_complete() {
                        let chunk = reader.chunk(install.next())?;
                        let short = || ReplicaError::Store("a snapshot without an end".to_owned());
                        install.write(&chunk.ok_or_else(short)?)?;
                    }
                    install.finish()
                }
            })
        })
        .await
    }
}

fn read_applied(store: &ReplicaStore, group: u16) -> Result<Applied, io::Error> {
    let mark = store.applied(group).map_err(io::Error::other)?;
    Applied::of(mark.as_ref()).map_err(io::Error::other)
}

/// Runs what waits for the disk where it holds up nobody else.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReplicaError> + Send + 'static,
) -> Result<T, io::Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(io::Error::other),
        Err(error) => Err(io::Error::other(error)),
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Rows;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.applied.last, self.applied.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + openraft::OptionalSend,
    {
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            if !self.store.has_room() {
                self.store.room().await;
            }
            let outcome = self.apply_entry(entry.log_id, entry.payload)?;
            if let Some(responder) = responder {
                // Before the answer: who has it may look how far the state is.
                self.reached.tell(&self.applied);
                responder.send(outcome);
            }
        }
        self.reached.tell(&self.applied);
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        Some(Builder { store: self.store.clone(), group: self.group, force })
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { store: self.store.clone(), group: self.group, force: true }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, rows: Rows) -> Result<(), io::Error> {
        let Some(last) = meta.last_log_id else {
            return Err(io::Error::other(Damaged::Bytes("a snapshot of nothing")));
        };
        let batches = match &rows {
            Rows::Source(reader) => Applied::of(reader.mark()).map_err(io::Error::other)?.batches,
            // The installation already has its mark.
            Rows::Here | Rows::Staged(_) => 0,
        };
        let membership = meta.last_membership.clone();
        let mark = Applied { last: Some(last), membership, batches }.mark(last);
        self.install(mark, rows).await?;
        self.applied = read_applied(&self.store, self.group)?;
        if self.applied.last != Some(last) {
            return Err(io::Error::other(Damaged::Bytes("a snapshot of another moment")));
        }
        self.reached.tell(&self.applied);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let (store, group) = (self.store.clone(), self.group);
        if !self.reached.begun.load(Ordering::Acquire) {
            let mark = store.durable(group).map_err(io::Error::other)?;
            let Some(mark) = mark else { return Ok(None) };
            let applied = Applied::of(Some(&mark)).map_err(io::Error::other)?;
            return Ok(Some(Snapshot { meta: meta(&applied), snapshot: Rows::Here }));
        }
        let reader = blocking(move || store.snapshot(group)).await?;
        let applied = Applied::of(reader.mark()).map_err(io::Error::other)?;
        if applied.last.is_none() {
            return Ok(None);
        }
        let snapshot = Rows::Source(Box::new(reader));
        Ok(Some(Snapshot { meta: meta(&applied), snapshot }))
    }
}

/// "Builds" a snapshot: the state database is one at any time, so this only says how far it is,
/// which lets openraft purge the log up to there.
pub(crate) struct Builder {
    store: ReplicaStore,
    group: u16,
    /// Up to now, even if that costs a checkpoint.
    force: bool,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Rows;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let (store, group) = (self.store.clone(), self.group);
        if self.force {
            blocking(move || store.checkpoint(group)).await?;
        }
        let mark = self.store.durable(self.group).map_err(io::Error::other)?;
        let applied = Applied::of(mark.as_ref()).map_err(io::Error::other)?;
        Ok(Snapshot { meta: meta(&applied), snapshot: Rows::Here })
    }
}
