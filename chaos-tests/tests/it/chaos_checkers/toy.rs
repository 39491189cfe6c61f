//! Three replicas of a list, after Raft's rules, in one process, one message at a time. Elections
//! are one step: everyone in a majority agrees at once, or nobody.

use impresario_chaos_tests::Chance;
use impresario_chaos_tests::chaos::invariants::leadership::Claim;

/// What the toy does wrong, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A leader acknowledges what only it holds.
    AcknowledgesBeforeQuorum,
    /// A number that was sent twice is in the list twice.
    SkipsDedupe,
    /// A leader answers reads without asking whether it still leads.
    ReadsStale,
    /// A majority follows two candidates in the same term.
    VotesTwice,
}

pub(super) const REPLICAS: usize = 3;
/// More than this on the way are lost.
const LETTERS_MAX: usize = 40;

/// A request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Names the operation; the same when it is sent again.
    pub(super) operation: usize,
    /// The number to append; `None`: a read.
    pub(super) append: Option<u32>,
}

/// An answer: the list at that time.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) operation: usize,
    pub(super) list: Vec<u32>,
}

/// An entry of the log; a new leader begins with one without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    term: u64,
    number: Option<u32>,
}

#[derive(Clone, Debug)]
enum Letter {
    Ask(Request),
    /// The leader's whole log: what an append says, without the bookkeeping.
    Log {
        term: u64,
        from: usize,
        log: Vec<Entry>,
        commit: usize,
        round: u64,
    },
    Ack {
        term: u64,
        from: usize,
        length: usize,
        round: u64,
    },
}

#[derive(Clone, Debug, Default)]
struct Replica {
    is_up: bool,
    term: u64,
    log: Vec<Entry>,
    // What is below is lost in a crash.
    is_leader: bool,
    commit: usize,
    matched: [usize; REPLICAS],
    /// The last round that each replica has answered.
    heard: [u64; REPLICAS],
    round: u64,
    /// Operations that wait for an entry to be committed.
    appends: Vec<(usize, usize)>,
    /// Reads, each with the round that has to be heard by a majority.
    reads: Vec<(usize, u64)>,
}

impl Replica {
    fn list(&self) -> Vec<u32> {
        self.log[..self.commit].iter().filter_map(|entry| entry.number).collect()
    }

    fn follow(&mut self, term: u64) {
        self.term = term;
        self.is_leader = false;
        self.appends.clear();
        self.reads.clear();
    }
}

/// The toy.
#[derive(Debug)]
pub(super) struct Toy {
    bug: Option<Bug>,
    replicas: [Replica; REPLICAS],
    letters: Vec<(usize, Letter)>,
    /// Whom a replica does not hear: `cut[from][to]`.
    cut: [[bool; REPLICAS]; REPLICAS],
    pub(super) answers: Vec<Answer>,
    pub(super) claims: Vec<Claim>,
    now: u64,
}

impl Toy {
    pub(super) fn new(bug: Option<Bug>) -> Self {
        let replica = || Replica { is_up: true, ..Replica::default() };
        Self {
            bug,
            replicas: std::array::from_fn(|_| replica()),
            letters: Vec::new(),
            cut: Default::default(),
            answers: Vec::new(),
            claims: Vec::new(),
            now: 0,
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// One thing happens, at a time.
    pub(super) fn step(&mut self, now: u64, chance: &mut Chance) {
        self.now = now;
        while self.letters.len() > LETTERS_MAX {
            self.letters.swap_remove(below(self.letters.len(), chance));
        }
        match chance.below(100) {
            0..=69 => self.deliver(chance),
            70..=84 => self.tick(chance),
            85..=88 => {
                self.elect(chance);
            }
            89..=90 => self.crash(chance),
            91..=94 => self.start(chance),
            95..=96 => {
                let (from, to) = (below(REPLICAS, chance), below(REPLICAS, chance));
                self.cut[from][to] = true;
            }
            97..=98 => self.cut = Default::default(),
            _ => {
                if !self.letters.is_empty() {
                    let lost = below(self.letters.len(), chance);
                    self.letters.swap_remove(lost);
                }
            }
        }
    }

    /// Everything is well again.
    pub(super) fn heal(&mut self, chance: &mut Chance) {
        self.cut = Default::default();
        while self.replicas.iter().any(|replica| !replica.is_up) {
            self.start(chance);
        }
        while !self.elect(chance) {}
    }

    /// One thing happens, and it is none that breaks something.
    pub(super) fn step_healed(&mut self, now: u64, chance: &mut Chance) {
        self.now = now;
        if chance.once_in(4) { self.tick(chance) } else { self.deliver(chance) }
    }

    /// The list as the leader of the latest term has committed it.
    pub(super) fn final_list(&self) -> Vec<u32> {
        let leader = self.replicas.iter().filter(|replica| replica.is_leader);
        leader.max_by_key(|replica| replica.term).map(Replica::list).unwrap_or_default()
    }

    /// Whether the leader of the latest term has committed all that it has.
    pub(super) fn is_settled(&self) -> bool {
        let leaders = self.replicas.iter().filter(|replica| replica.is_leader);
        let latest = leaders.max_by_key(|replica| replica.term);
        latest.is_some_and(|leader| leader.commit == leader.log.len())
    }

    /// Sends a request to a replica that thinks it leads; to anyone, if none does.
    pub(super) fn ask(&mut self, request: Request, chance: &mut Chance) {
        let leaders: Vec<usize> = (0..REPLICAS).filter(|at| self.replicas[*at].is_leader).collect();
        let to = if leaders.is_empty() { below(REPLICAS, chance) } else { *pick(&leaders, chance) };
        self.letters.push((to, Letter::Ask(request)));
    }

    fn deliver(&mut self, chance: &mut Chance) {
        if self.letters.is_empty() {
            return;
        }
        let (to, letter) = self.letters.swap_remove(below(self.letters.len(), chance));
        if !self.replicas[to].is_up {
            return;
        }
        match letter {
            Letter::Ask(request) => self.take(to, request),
            Letter::Log { term, from, log, commit, round } => {
                if !self.cut[from][to] {
                    self.take_log(to, (term, from, round), log, commit);
                }
            }
            Letter::Ack { term, from, length, round } => {
                if !self.cut[from][to] {
                    self.take_ack(to, (term, from, round), length);
                }
            }
        }
    }

    fn take(&mut self, at: usize, request: Request) {
        let (is_hasty, is_double) =
            (self.has(Bug::AcknowledgesBeforeQuorum), self.has(Bug::SkipsDedupe));
        let is_stale = self.has(Bug::ReadsStale);
        let replica = &mut self.replicas[at];
        if !replica.is_leader {
            return;
        }
        let operation = request.operation;
        let Some(number) = request.append else {
            if is_stale {
                let list = replica.list();
                self.answers.push(Answer { operation, list });
            } else {
                replica.round += 1;
                replica.reads.push((operation, replica.round));
                self.spread(at);
            }
            return;
        };
        let known = replica.log.iter().position(|entry| entry.number == Some(number));
        let index = match known.filter(|_| !is_double) {
            Some(index) => index,
            None => {
                replica.log.push(Entry { term: replica.term, number: Some(number) });
                replica.log.len() - 1
            }
        };
        replica.appends.push((operation, index));
        if is_hasty {
            self.answers.push(Answer { operation, list: Vec::new() });
        }
        self.spread(at);
        self.advance(at);
    }

    /// A leader sends its log to the others.
    fn spread(&mut self, at: usize) {
        let leader = &self.replicas[at];
        for to in (0..REPLICAS).filter(|to| *to != at) {
            let log = Letter::Log {
                term: leader.term,
                from: at,
                log: leader.log.clone(),
                commit: leader.commit,
                round: leader.round,
            };
            self.letters.push((to, log));
        }
    }

    fn take_log(
        &mut self,
        at: usize,
        (term, from, round): (u64, usize, u64),
        log: Vec<Entry>,
        commit: usize,
    ) {
        let replica = &mut self.replicas[at];
        if term < replica.term || (term == replica.term && replica.is_leader) {
            // A deposed leader learns of it by the term of the answer.
            let ack = Letter::Ack { term: replica.term, from: at, length: 0, round: 0 };
            self.letters.push((from, ack));
            return;
        }
        if term > replica.term {
            replica.follow(term);
        }
        let length = log.len();
        // An older message of the same leader is a part of what is there, and cuts nothing off.
        if !replica.log.starts_with(&log) {
            replica.log = log;
        }
        replica.commit = replica.commit.max(commit.min(length));
        self.letters.push((from, Letter::Ack { term, from: at, length, round }));
    }

    fn take_ack(&mut self, at: usize, (term, from, round): (u64, usize, u64), length: usize) {
        let replica = &mut self.replicas[at];
        if term > replica.term {
            replica.follow(term);
        }
        if replica.is_leader && term == replica.term {
            replica.matched[from] = replica.matched[from].max(length);
            replica.heard[from] = replica.heard[from].max(round);
            self.advance(at);
        }
    }

    /// A leader commits what a majority holds and answers what waits for it.
    fn advance(&mut self, at: usize) {
        let is_hasty = self.has(Bug::AcknowledgesBeforeQuorum);
        let replica = &mut self.replicas[at];
        replica.matched[at] = replica.log.len();
        replica.heard[at] = replica.round;
        let (mut matched, mut heard) = (replica.matched, replica.heard);
        matched.sort_unstable();
        heard.sort_unstable();
        let (held, heard) = (matched[REPLICAS / 2], heard[REPLICAS / 2]);
        let term = replica.term;
        // Only entries of its own term are counted: with them all before them are committed.
        if held > replica.commit && replica.log[held - 1].term == term {
            replica.commit = held;
        }
        let (commit, list) = (replica.commit, replica.list());
        let is_settled = commit > 0 && replica.log[commit - 1].term == term;
        let answers = &mut self.answers;
        let mut answer = |operation| answers.push(Answer { operation, list: list.clone() });
        replica.appends.retain(|(operation, index)| {
            if *index < commit && !is_hasty {
                answer(*operation);
            }
            *index >= commit
        });
        replica.reads.retain(|(operation, round)| {
            let is_ready = is_settled && *round <= heard;
            if is_ready {
                answer(*operation);
            }
            !is_ready
        });
    }

    /// A leader sends its log again.
    fn tick(&mut self, chance: &mut Chance) {
        let at = below(REPLICAS, chance);
        if self.replicas[at].is_up && self.replicas[at].is_leader {
            self.replicas[at].round += 1;
            self.spread(at);
        }
    }

    /// A majority that is up follows the best of them, whom it hears, in a new term; whether there
    /// is one.
    fn elect(&mut self, chance: &mut Chance) -> bool {
        let mut up: Vec<usize> = (0..REPLICAS).filter(|at| self.replicas[*at].is_up).collect();
        while up.len() > REPLICAS / 2 + 1 {
            up.swap_remove(below(up.len(), chance));
        }
        let is_together = up.iter().all(|a| up.iter().all(|b| !self.cut[*a][*b]));
        if up.len() <= REPLICAS / 2 || !is_together {
            return false;
        }
        let rank = |at: usize| {
            let log = &self.replicas[at].log;
            (log.last().map_or(0, |entry| entry.term), log.len())
        };
        let best = up.iter().map(|at| rank(*at)).max().unwrap_or_default();
        let leader = up.iter().copied().find(|at| rank(*at) == best).unwrap_or_default();
        let highest = up.iter().map(|at| self.replicas[*at].term).max().unwrap_or_default();
        let term = highest + u64::from(!self.has(Bug::VotesTwice) || chance.once_in(2));
        for at in up {
            self.replicas[at].follow(term);
        }
        let replica = &mut self.replicas[leader];
        replica.is_leader = true;
        replica.matched = [0; REPLICAS];
        replica.heard = [0; REPLICAS];
        replica.log.push(Entry { term, number: None });
        self.claims.push(Claim {
            at_ms: self.now,
            node: leader,
            partition: 0,
            term,
            is_leader: true,
        });
        self.spread(leader);
        true
    }

    fn crash(&mut self, chance: &mut Chance) {
        let replica = &mut self.replicas[below(REPLICAS, chance)];
        let (term, log) = (replica.term, std::mem::take(&mut replica.log));
        *replica = Replica { term, log, ..Replica::default() };
    }

    fn start(&mut self, chance: &mut Chance) {
        self.replicas[below(REPLICAS, chance)].is_up = true;
    }
}

pub(super) fn below(end: usize, chance: &mut Chance) -> usize {
    chance.below(end as u64) as usize
}

fn pick<'a, T>(values: &'a [T], chance: &mut Chance) -> &'a T {
    &values[below(values.len(), chance)]
}
