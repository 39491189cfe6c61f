use std::sync::Arc;

use impresario_journal::{CommitError, CommitIndex, Leadership, Role, Term};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{oneshot, watch};

/// Told of each change of a group's leadership, in order per group. Must not block.
pub type GroupObserver = Box<dyn Fn(u16, Leadership) + Send + Sync>;

/// Those who are told of changes, of all groups of a node.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<GroupObserver>>);

impl Observers {
    pub(crate) fn add(&self, observer: GroupObserver) {
        self.0.write().push(observer);
    }

    fn tell(&self, group: u16, leadership: Leadership) {
        for observer in self.0.read().iter() {
            observer(group, leadership);
        }
    }
}

pub(crate) type Outcome = Result<CommitIndex, CommitError>;

/// What this node is for one group, and the proposals it has under way for it.
pub(crate) struct Office {
    group: u16,
    observers: Arc<Observers>,
    leadership: watch::Sender<Leadership>,
    /// Held while a change is told, so that changes are told in order.
    telling: Mutex<()>,
    desk: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    next: u64,
    flights: Vec<Flight>,
    /// The last term in which an outcome is unknown: it takes no commits any more.
    doubt: Option<Term>,
    /// Why the group's core has stopped, if it has.
    failed: Option<String>,
    /// How often this node began to lead the group.
    reigns: u64,
    /// Own batches committed.
    committed: u64,
}

struct Flight {
    number: u64,
    term: Term,
    answer: oneshot::Sender<Outcome>,
}

pub(crate) const ABSENT: Leadership = Leadership { term: Term(0), role: Role::Absent };

impl Office {
    pub(crate) fn new(group: u16, observers: Arc<Observers>) -> Self {
        Self {
            group,
            observers,
            leadership: watch::Sender::new(ABSENT),
            telling: Mutex::new(()),
            desk: Mutex::default(),
        }
    }

    pub(crate) fn leadership(&self) -> Leadership {
        *self.leadership.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    pub(crate) fn reigns(&self) -> u64 {
        self.desk.lock().reigns
    }

    /// How many batches of this node were committed.
    pub(crate) fn committed(&self) -> u64 {
        self.desk.lock().committed
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.desk.lock().flights.len()
    }

    /// The term that takes no commits any more, if any.
    pub(crate) fn doubted(&self) -> Option<Term> {
        self.desk.lock().doubt
    }

    /// Makes known what this node is now. Proposals of an ended reign are answered: nobody here
    /// will learn what becomes of them.
    pub(crate) fn publish(&self, mut now: Leadership) {
        let told = self.telling.lock();
        let mut desk = self.desk.lock();
        if now.is_leader() && desk.doubt.is_some_and(|doubt| now.term <= doubt) {
            now.role = Role::Follower { leader: None };
        }
        let before = self.leadership();
        if before == now {
            return;
        }
        if now.is_leader() {
            desk.reigns += 1;
        }
        self.leadership.send_replace(now);
        let goes_on = |flight: &Flight| now.is_leader() && flight.term == now.term;
        let (kept, ended) = std::mem::take(&mut desk.flights).into_iter().partition(goes_on);
        desk.flights = kept;
        if before.is_leader() && (!now.is_leader() || now.term != before.term) {
            desk.doubt = desk.doubt.max(Some(before.term));
        }
        drop(desk);
        for flight in ended {
            let why = "the leadership was lost before the batch was known to be committed";
            answer(flight, Err(CommitError::Unknown(why.to_owned())));
        }
        tracing::info!(
            group = self.group,
            term = now.term.0,
            role = ?now.role,
            "leadership changed"
        );
        self.observers.tell(self.group, now);
        drop(told);
    }

    /// This node may still believe that it leads under `term`, but it has reached no majority for
    /// so long that another one may lead. Whatever it decided is thrown away, and it leads again
    /// only under a later term.
    pub(crate) fn abandon(&self, term: Term) {
        let mut desk = self.desk.lock();
        desk.doubt = desk.doubt.max(Some(term));
        drop(desk);
        let now = self.leadership();
        if now.is_leader() && now.term <= term {
            self.publish(Leadership { term: now.term, role: Role::Follower { leader: None } });
        }
    }

    /// The group's core has stopped: nothing can be committed until the node starts again.
    pub(crate) fn stop(&self, why: &str) {
        self.desk.lock().failed.get_or_insert_with(|| why.to_owned());
        let term = self.leadership().term;
        self.publish(Leadership { term, role: Role::Follower { leader: None } });
    }

    /// Takes a batch that was decided under `term` on board, if this node leads under it.
    pub(crate) fn board(
        &self,
        term: Term,
    ) -> Result<(u64, oneshot::Receiver<Outcome>), CommitError> {
        let mut desk = self.desk.lock();
        self.check(term, &desk)?;
        let (answer, outcome) = oneshot::channel();
        desk.next += 1;
        let number = desk.next;
        desk.flights.push(Flight { number, term, answer });
        Ok((number, outcome))
    }

    /// Whether this node leads under `term`, as far as is known without asking anybody.
    pub(crate) fn leads(&self, term: Term) -> Result<(), CommitError> {
        self.check(term, &self.desk.lock())
    }

    fn check(&self, term: Term, desk: &Desk) -> Result<(), CommitError> {
        let now = self.leadership();
        match now.role {
            Role::Leader if term == now.term => Ok(()),
            Role::Leader if term < now.term => {
                Err(CommitError::StaleTerm { batch: term.0, current: now.term.0 })
            }
            Role::Leader | Role::Follower { .. } | Role::Absent => match &desk.failed {
                Some(why) => Err(CommitError::Failed(why.clone())),
                None => Err(CommitError::NotLeader { leader: now.leader() }),
            },
        }
    }

    /// What became of a batch. Nothing if it was answered before.
    pub(crate) fn settle(&self, number: u64, outcome: Outcome) {
        let mut desk = self.desk.lock();
        let place = desk.flights.iter().position(|flight| flight.number == number);
        let Some(flight) = place.map(|place| desk.flights.remove(place)) else { return };
        match &outcome {
            Ok(_) => desk.committed += 1,
            Err(CommitError::Unknown(_)) => desk.doubt = desk.doubt.max(Some(flight.term)),
            Err(_) => {}
        }
        drop(desk);
        answer(flight, outcome);
    }
}

fn answer(flight: Flight, outcome: Outcome) {
    // A caller that no longer waits has dropped the receiver.
    let _ = flight.answer.send(outcome);
}
