//! From try to try, until a node answers that decides.

use std::time::Duration;

use impresario_host::{Failure, Host};
use impresario_ids::NodeId;
use impresario_kernel::PartitionId;
use tokio::time::{Instant, timeout};

use crate::cluster::{Cluster, Trouble};
use crate::search::{Next, Search, Seen, Tried, Why};

/// Failures that may pass by themselves are tried again so often.
const SOFT_TRIES: u8 = 4;

/// Where a try goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    Node(NodeId),
}

/// A message on its way.
pub(crate) struct Hop<'a> {
    host: &'a Host,
    cluster: &'a Cluster,
    pub(crate) partition: PartitionId,
    search: Search,
    /// When the sender stops waiting, if ever.
    until: Option<Instant>,
    seen: Seen,
}

impl<'a> Hop<'a> {
    pub(crate) fn new(
        host: &'a Host,
        cluster: &'a Cluster,
        partition: PartitionId,
        wait: Option<Duration>,
    ) -> Self {
        let search = Search::new(cluster.directions.me(), &cluster.options, cluster.next_seed());
        let until = wait.map(|wait| Instant::now() + wait);
        let seen = look(host, cluster, partition);
        Self { host, cluster, partition, search, until, seen }
    }

    /// Milliseconds until the deadline.
    fn left_ms(&self) -> u64 {
        self.until.map_or(u64::MAX, |until| {
            let left = until.saturating_duration_since(Instant::now());
            // What is left of a millisecond is still time.
            u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
        })
    }

    /// How long one call may take.
    pub(crate) fn within(&self) -> Duration {
        Duration::from_millis(self.left_ms().min(self.cluster.options.call_ms_max))
    }

    /// Makes a deadline that passed during a call out of its trouble.
    pub(crate) fn late(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Doubtful(_) if self.left_ms() == 0 => {
                Trouble::Failed(Failure::DeadlineExceeded)
            }
            other => other,
        }
    }

    /// Where to go next; waits while nobody is known to decide.
    pub(crate) async fn next(&mut self, tried: Option<Tried>) -> Result<Place, Why> {
        let mut next = match tried {
            None => self.search.look(self.seen, self.left_ms()),
            Some(tried) => self.search.after(tried, self.left_ms()),
        };
        loop {
            match next {
                Next::Here => return Ok(Place::Here),
                Next::Ask(node) => return Ok(Place::Node(node)),
                Next::GiveUp(why) => return Err(why),
                Next::Wait { ms } => {
                    self.wait(Duration::from_millis(ms)).await;
                    next = self.search.look(self.seen, self.left_ms());
                }
            }
        }
    }

    /// Waits until something else is seen of the partition, at most so long.
    async fn wait(&mut self, at_most: Duration) {
        metrics::counter!("impresario_router_leader_waits_total").increment(1);
        let since = Instant::now();
        let mut news = self.cluster.directions.watch();
        let (before, host, cluster) = (self.seen, self.host, self.cluster);
        let partition = self.partition;
        let changed = async {
            while look(host, cluster, partition) == before {
                if news.changed().await.is_err() {
                    // Nobody will tell any more.
                    std::future::pending::<()>().await;
                }
            }
        };
        // Whether there was news or not: what to do then depends on what is seen.
        let _ = timeout(at_most, changed).await;
        self.seen = look(host, cluster, partition);
        let waited = since.elapsed();
        metrics::histogram!("impresario_router_leader_wait_seconds").record(waited.as_secs_f64());
        self.search.waited(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
    }

    /// Why nothing came of it, for what is certainly not done.
    pub(crate) fn gave_up(&self, why: Why) -> Failure {
        tracing::debug!(partition = self.partition.0, why = ?why, asks = self.search.asks(), "gave up the search for who decides");
        metrics::counter!("impresario_router_gave_up_total").increment(1);
        if why == Why::Deadline {
            return Failure::DeadlineExceeded;
        }
        if let Some(reason) = self.host.failed_partitions().remove(&self.partition) {
            return Failure::Unavailable(reason);
        }
        let leader = match look(self.host, self.cluster, self.partition).direction {
            crate::Direction::Node(node) => Some(node),
            crate::Direction::Here | crate::Direction::Unknown => None,
        };
        Failure::NotLeader { leader }
    }
}

fn look(host: &Host, cluster: &Cluster, partition: PartitionId) -> Seen {
    let leads = host.leads(partition).is_some();
    Seen { leads, direction: cluster.directions.of(partition) }
}

/// What was tried with a message so far.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    /// Set if it was perhaps carried out: why that is not known.
    doubt: Option<String>,
    soft: u8,
}

impl Tries {
    /// What follows from the trouble of a try: another one, or the failure. `may_repeat` says
    /// whether the message may be sent again although it was perhaps carried out.
    pub(crate) fn after(&mut self, trouble: Trouble, may_repeat: bool) -> Result<Tried, Failure> {
        match trouble {
            Trouble::NotSent => Ok(Tried::Again),
            Trouble::Failed(Failure::NotLeader { leader }) => Ok(Tried::Elsewhere { hint: leader }),
            Trouble::Doubtful(why) | Trouble::Failed(Failure::OutcomeUnknown(why)) => {
                if !may_repeat {
                    return Err(Failure::OutcomeUnknown(why));
                }
                self.doubt = Some(why);
                Ok(Tried::Again)
            }
            // A node that stops says so, and so does one whose store has just failed.
            Trouble::Failed(Failure::Unavailable(_)) if may_repeat && self.soft < SOFT_TRIES => {
                self.soft += 1;
                Ok(Tried::Again)
            }
            Trouble::Failed(failure) | Trouble::Hopeless(failure) => Err(self.in_doubt(failure)),
            Trouble::Rejected(rejected) => {
                Err(Failure::Unavailable(format!("refused with {}", rejected.code)))
            }
        }
    }

    /// The failure to end with: that an earlier try is perhaps carried out comes before why the
    /// last one was not.
    pub(crate) fn in_doubt(&mut self, failure: Failure) -> Failure {
        match (self.doubt.take(), failure) {
            // The first says itself that it may still be carried out, the second that the key is
            // another command's.
            (_, failure @ (Failure::DeadlineExceeded | Failure::KeyReused)) | (None, failure) => {
                failure
            }
            (Some(why), _) => Failure::OutcomeUnknown(why),
        }
    }
}

/// Where the rest of a group goes after several of its items had trouble.
pub(crate) fn together(one: Tried, other: Tried) -> Tried {
    match (one, other) {
        (Tried::Elsewhere { hint: Some(hint) }, _) | (_, Tried::Elsewhere { hint: Some(hint) }) => {
            Tried::Elsewhere { hint: Some(hint) }
        }
        (Tried::Elsewhere { hint: None }, _) | (_, Tried::Elsewhere { hint: None }) => {
            Tried::Elsewhere { hint: None }
        }
        (Tried::Again, Tried::Again) => Tried::Again,
    }
}
