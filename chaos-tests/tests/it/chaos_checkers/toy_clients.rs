//! Clients of the toy: they append and read, wait, give up, and send again.

use impresario_chaos_tests::Chance;
use impresario_chaos_tests::chaos::history::{Operation, Outcome};
use impresario_chaos_tests::chaos::invariants::leadership::Claim;

use super::toy::{Bug, Request, Toy};

const CLIENTS: usize = 4;
const STEPS: u64 = 700;
/// Steps in which a healed toy must answer.
const HEALED_STEPS: u64 = 4_000;

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Append(u32),
    Read,
}

/// What happened.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) operations: Vec<Operation<Asked, Vec<u32>>>,
    pub(super) claims: Vec<Claim>,
    pub(super) at_the_end: Vec<u32>,
}

impl Run {
    /// The operations in terms of a model: what was asked, and what was answered if it was.
    pub(super) fn translated<I, O>(
        &self,
        translate: impl Fn(Asked, Option<&Vec<u32>>) -> (I, Option<O>),
    ) -> Vec<Operation<I, O>> {
        let one = |operation: &Operation<Asked, Vec<u32>>| {
            let (input, output) = translate(operation.input, operation.output());
            Operation {
                process: operation.process,
                input,
                outcome: output.map_or(Outcome::Unknown, Outcome::Done),
                invoked_ns: operation.invoked_ns,
                returned_ns: operation.returned_ns,
            }
        };
        self.operations.iter().map(one).collect()
    }
}

struct Clients {
    operations: Vec<Operation<Asked, Vec<u32>>>,
    /// The operation of each client that is under way.
    waiting: [Option<usize>; CLIENTS],
    processes: u32,
}

impl Clients {
    fn begin(&mut self, client: usize, now: u64, toy: &mut Toy, chance: &mut Chance) {
        let number = self.operations.len();
        let input = if chance.once_in(2) { Asked::Read } else { Asked::Append(number as u32) };
        self.processes += 1;
        self.operations.push(Operation {
            process: self.processes,
            input,
            outcome: Outcome::Unknown,
            invoked_ns: now,
            returned_ns: u64::MAX,
        });
        self.waiting[client] = Some(number);
        self.send(number, toy, chance);
    }

    fn send(&self, number: usize, toy: &mut Toy, chance: &mut Chance) {
        let append = match self.operations[number].input {
            Asked::Append(number) => Some(number),
            Asked::Read => None,
        };
        toy.ask(Request { operation: number, append }, chance);
    }

    /// Takes the answers; those that nobody waits for any more are late, and as good as lost.
    fn hear(&mut self, now: u64, toy: &mut Toy) {
        for answer in toy.answers.drain(..) {
            let Some(waiting) = self.waiting.iter_mut().find(|w| **w == Some(answer.operation))
            else {
                continue;
            };
            *waiting = None;
            let operation = &mut self.operations[answer.operation];
            operation.outcome = Outcome::Done(answer.list);
            operation.returned_ns = now;
        }
    }

    /// A client begins, sends again, or gives up.
    fn act(&mut self, now: u64, toy: &mut Toy, chance: &mut Chance) {
        let client = chance.below(CLIENTS as u64) as usize;
        match self.waiting[client] {
            None => self.begin(client, now, toy, chance),
            Some(number) if chance.once_in(3) => self.send(number, toy, chance),
            Some(_) if chance.once_in(6) => self.waiting[client] = None,
            Some(_) => {}
        }
    }
}

/// One run of the toy: things break, then heal, then everyone reads.
pub(super) fn run(seed: u64, bug: Option<Bug>) -> Run {
    let mut chance = Chance::new(seed);
    let mut toy = Toy::new(bug);
    let mut clients = Clients { operations: Vec::new(), waiting: [None; CLIENTS], processes: 0 };
    let mut now = 0;
    while now < STEPS {
        now += 1;
        toy.step(now, &mut chance);
        clients.hear(now, &mut toy);
        if chance.once_in(5) {
            clients.act(now, &mut toy, &mut chance);
        }
    }
    toy.heal(&mut chance);
    clients.waiting = [None; CLIENTS];
    let last = clients.operations.len();
    clients.operations.push(Operation {
        process: u32::MAX,
        input: Asked::Read,
        outcome: Outcome::Unknown,
        invoked_ns: now,
        returned_ns: u64::MAX,
    });
    clients.waiting[0] = Some(last);
    clients.send(last, &mut toy, &mut chance);
    let until = now + HEALED_STEPS;
    // Also a leader that answers too early has to commit what it has.
    while (clients.waiting[0].is_some() || !toy.is_settled()) && now < until {
        now += 1;
        toy.step_healed(now, &mut chance);
        clients.hear(now, &mut toy);
        if chance.once_in(50) && clients.waiting[0].is_some() {
            clients.send(last, &mut toy, &mut chance);
        }
    }
    assert!(clients.waiting[0].is_none(), "seed {seed}: a healed toy does not answer");
    let at_the_end = toy.final_list();
    Run { operations: clients.operations, claims: std::mem::take(&mut toy.claims), at_the_end }
}
