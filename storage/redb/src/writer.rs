use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use impresario_journal::{CommitError, CommitIndex, Term};
use tokio::sync::oneshot;

use crate::cell::Cell;
use crate::clock::now;
use crate::entry;
use crate::format::Applied;
use crate::log::{Append, Cut, Log};
use crate::shared::{Gather, Queued, Shared};

/// The most entries of one partition that are cut off in one write, beyond twice those written.
const CUT_LEAST: u64 = 64;

/// A batch on its way: encoded, because that needs no index and can be done by the caller.
pub(crate) struct Proposal {
    pub(crate) partition: u16,
    pub(crate) term: Term,
    pub(crate) entry: Bytes,
    pub(crate) answer: oneshot::Sender<Result<CommitIndex, CommitError>>,
}

impl Queued for Proposal {
    fn bytes(&self) -> usize {
        self.entry.len()
    }
    fn group(&self) -> u16 {
        self.partition
    }
    fn needs_room(&self) -> bool {
        true
    }
    fn is_lazy(&self) -> bool {
        false
    }
}

/// The thread that owns the log: everything durable goes through here.
pub(crate) struct Writer {
    shared: Arc<Shared<Proposal>>,
    log: Log,
    drain_bytes: usize,
    gather: Gather,
    cells: Arc<[Arc<Cell<Applied>>]>,
    places: Vec<Place>,
}

/// Where a partition's log is.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) last: Applied,
    pub(crate) cut: u64,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared<Proposal>>,
        log: Log,
        (drain_bytes, wait): (usize, Duration),
        cells: Arc<[Arc<Cell<Applied>>]>,
        places: Vec<Place>,
    ) -> Self {
        let gather = Gather { count: 0, wait };
        Self { shared, log, drain_bytes, gather, cells, places }
    }

    /// Until the store closes.
    pub(crate) fn run(mut self) {
        loop {
            let drained = self.shared.drain(self.drain_bytes, self.gather);
            self.gather.count = drained.len();
            if drained.is_empty() {
                return;
            }
            match self.shared.failure() {
                Some(why) => refuse(drained, &CommitError::Failed(why)),
                None => self.commit(drained),
            }
        }
    }

    fn commit(&mut self, drained: Vec<Proposal>) {
        let mut taken = Vec::with_capacity(drained.len());
        for proposal in drained {
            let place = &mut self.places[usize::from(proposal.partition)];
            if proposal.term.0 < place.last.term {
                let stale =
                    CommitError::StaleTerm { batch: proposal.term.0, current: place.last.term };
                // A caller that no longer waits has dropped the receiver.
                let _ = proposal.answer.send(Err(stale));
                continue;
            }
            place.last = Applied { index: place.last.index + 1, term: proposal.term.0 };
            taken.push((place.last, proposal));
        }
        if taken.is_empty() {
            return;
        }
        let cuts = self.cuts(taken.len() as u64);
        let appends: Vec<_> = taken
            .iter()
            .map(|(place, proposal)| Append {
                partition: proposal.partition,
                index: place.index,
                entry: &proposal.entry,
            })
            .collect();
        let started = now();
        if let Err(error) = self.log.append(&appends, &cuts) {
            let why = format!("log.redb: {error}");
            self.shared.fail(&why);
            refuse(taken.into_iter().map(|(_, proposal)| proposal), &CommitError::Unknown(why));
            return;
        }
        metrics::histogram!("impresario_log_fsync_seconds").record(started.elapsed().as_secs_f64());
        metrics::histogram!("impresario_log_batch_size").record(taken.len() as f64);
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        self.shared.batches.fetch_add(taken.len() as u64, Ordering::Relaxed);
        for cut in cuts {
            self.places[usize::from(cut.partition)].cut = cut.to;
        }
        self.apply(taken);
    }

    fn apply(&self, taken: Vec<(Applied, Proposal)>) {
        let now = now();
        let mut taken = taken.into_iter();
        while let Some((applied, proposal)) = taken.next() {
            let Proposal { partition, entry, answer, .. } = proposal;
            let cell = &self.cells[usize::from(partition)];
            let changes =
                entry::decode(&entry).map_err(|error| redb::Error::Corrupted(format!("{error:?}")));
            let applied_now = changes
                .and_then(|(_, changes)| cell.partition.apply(applied, entry.len(), changes, now));
            match applied_now {
                Ok(grown) => {
                    self.shared.grew(grown.cast_signed());
                    let _ = answer.send(Ok(CommitIndex(applied.index)));
                }
                // Durable, but not visible: only opening again brings both together.
                Err(error) => {
                    let why = format!("partition {partition}: {error}");
                    self.shared.fail(&why);
                    let unknown = CommitError::Unknown(why);
                    let _ = answer.send(Err(unknown.clone()));
                    refuse(taken.by_ref().map(|(_, proposal)| proposal), &unknown);
                }
            }
        }
    }

    /// What the state databases made superfluous, a bounded number per write.
    fn cuts(&self, written: u64) -> Vec<Cut> {
        let most = CUT_LEAST + 2 * written;
        let places = self.places.iter().zip(self.cells.iter()).zip(0..);
        places
            .filter_map(|((place, cell), partition)| {
                let to = cell.checkpointed().min(place.cut + most);
                (to > place.cut).then_some(Cut { partition, from: place.cut + 1, to })
            })
            .collect()
    }
}

fn refuse(proposals: impl IntoIterator<Item = Proposal>, error: &CommitError) {
    for proposal in proposals {
        let _ = proposal.answer.send(Err(error.clone()));
    }
}
