//! The search for an order.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::{Model, Outcomes};
use crate::chaos::bits::Bits;
use crate::chaos::history::{Operation, Outcome};

pub(super) enum Result {
    Found,
    Impossible,
    GaveUp,
}

/// How a search ended.
pub(super) struct Found<I, O> {
    pub(super) result: Result,
    pub(super) steps: u64,
    /// The longest order that was found.
    pub(super) longest: Vec<Operation<I, O>>,
}

pub(super) fn search<M: Model>(
    model: &M,
    operations: &[Outcomes<M>],
    steps_max: u64,
) -> Found<M::Input, M::Output> {
    let candidates: Vec<Outcomes<M>> = operations
        .iter()
        .filter(|operation| match operation.outcome {
            Outcome::Done(_) => true,
            Outcome::Failed => false,
            // A read that nobody saw the answer of says nothing.
            Outcome::Unknown => !model.is_read(&operation.input),
        })
        .cloned()
        .collect();
    let settled = model.settle(candidates);
    Search::new(model, &settled).run(steps_max)
}

struct Search<'a, M: Model> {
    model: &'a M,
    operations: &'a [Outcomes<M>],
    /// Those that have to be placed, by the time they began.
    known: Vec<usize>,
    /// Those that may be placed, by the time they began, each with the one before it that asks for
    /// the same: of two such, only the earlier one needs to be tried.
    unknown: Vec<(usize, Option<usize>)>,
    /// For each known write the known operations that it hinders.
    hindered: Vec<Bits>,
    placed: Bits,
    seen: HashSet<u128>,
    order: Vec<usize>,
    longest: Vec<usize>,
}

/// One place in the order: what may stand here, and what was tried.
struct Place<S> {
    state: S,
    /// All of `known` before this one are placed.
    first: usize,
    choices: Vec<usize>,
    next: usize,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, operations: &'a [Outcomes<M>]) -> Self {
        let by_start = |is_unknown: bool| {
            let mut found: Vec<usize> = (0..operations.len())
                .filter(|at| operations[*at].is_unknown() == is_unknown)
                .collect();
            found.sort_by_key(|at| operations[*at].invoked_ns);
            found
        };
        let unknown = by_start(true);
        let twin = |place: usize| {
            let input = &operations[unknown[place]].input;
            unknown[..place].iter().rev().copied().find(|at| operations[*at].input == *input)
        };
        let unknown = (0..unknown.len()).map(|place| (unknown[place], twin(place))).collect();
        let known = by_start(false);
        let hindered = |one: usize| {
            let input = &operations[one].input;
            let others = known.iter().copied().filter(|other| {
                let output = operations[*other].output();
                let is_hindered =
                    |output| model.hinders(input, (&operations[*other].input, output));
                *other != one && output.is_some_and(is_hindered)
            });
            others.collect()
        };
        let is_write =
            |one: &usize| !operations[*one].is_unknown() && !model.is_read(&operations[*one].input);
        let hindered = (0..operations.len())
            .map(|one| if is_write(&one) { hindered(one) } else { Bits::default() })
            .collect();
        Self {
            model,
            operations,
            known,
            hindered,
            unknown,
            placed: Bits::default(),
            seen: HashSet::new(),
            order: Vec::new(),
            longest: Vec::new(),
        }
    }

    fn run(mut self, steps_max: u64) -> Found<M::Input, M::Output> {
        let mut steps = 0;
        let mut open = self.known.len();
        let mut places = vec![self.place(self.model.initial(), 0)];
        let result = loop {
            if open == 0 {
                break Result::Found;
            }
            let Some(place) = places.last_mut() else { break Result::Impossible };
            let Some(&choice) = place.choices.get(place.next) else {
                places.pop();
                if let Some(last) = self.order.pop() {
                    self.placed.remove(last);
                    open += usize::from(!self.operations[last].is_unknown());
                }
                continue;
            };
            place.next += 1;
            steps += 1;
            if steps > steps_max {
                break Result::GaveUp;
            }
            let operation = &self.operations[choice];
            let after = self.model.step(&place.state, &operation.input, operation.output());
            let first = place.first;
            let Some(state) = after else { continue };
            self.placed.insert(choice);
            let next = self.place(state, first);
            if self.is_hopeless(&next) {
                self.placed.remove(choice);
                continue;
            }
            open -= usize::from(!operation.is_unknown());
            self.order.push(choice);
            if self.order.len() > self.longest.len() {
                self.longest.clone_from(&self.order);
            }
            places.push(next);
        };
        let longest = self.longest.iter().map(|at| self.operations[*at].clone()).collect();
        Found { result, steps, longest }
    }

    /// What may come next in this state.
    fn place(&self, state: M::State, mut first: usize) -> Place<M::State> {
        while self.known.get(first).is_some_and(|at| self.placed.contains(*at)) {
            first += 1;
        }
        let mut horizon = u64::MAX;
        let mut choices = Vec::new();
        for at in &self.known[first..] {
            let operation = &self.operations[*at];
            if operation.invoked_ns > horizon {
                break;
            }
            if !self.placed.contains(*at) {
                horizon = horizon.min(operation.returned_ns);
                choices.push(*at);
            }
        }
        choices.retain(|at| self.operations[*at].invoked_ns <= horizon);
        if let Some(only) = choices.iter().find(|at| self.loses_nothing(&state, **at)) {
            return Place { choices: vec![*only], state, first, next: 0 };
        }
        // Whoever had to be done first usually was.
        choices.sort_by_key(|at| self.operations[*at].returned_ns);
        self.drop_alike(&mut choices);
        choices.extend(
            self.unknown
                .iter()
                .take_while(|(at, _)| self.operations[*at].invoked_ns <= horizon)
                .filter(|(at, twin)| {
                    !self.placed.contains(*at) && twin.is_none_or(|twin| self.placed.contains(twin))
                })
                .map(|(at, _)| *at),
        );
        Place { state, first, choices, next: 0 }
    }

    /// Whether an operation that may come next can as well come at once: a read that is answered
    /// right in this state, and a write that hinders nothing that is still to be placed.
    fn loses_nothing(&self, state: &M::State, at: usize) -> bool {
        let operation = &self.operations[at];
        let is_easy =
            self.model.is_read(&operation.input) || self.hindered[at].is_subset(&self.placed);
        is_easy && self.model.step(state, &operation.input, operation.output()).is_some()
    }

    /// Of writes that can stand for each other only the first one needs to be tried: the one that
    /// had to be done first. The others fit wherever it does.
    fn drop_alike(&self, choices: &mut Vec<usize>) {
        let mut kept: Vec<usize> = Vec::with_capacity(choices.len());
        for at in choices.iter().copied() {
            let input = &self.operations[at].input;
            let is_like = |other: &usize| {
                self.model.are_alike(input, &self.operations[*other].input)
                    && self.hindered[at] == self.hindered[*other]
            };
            if self.model.is_read(input) || !kept.iter().any(is_like) {
                kept.push(at);
            }
        }
        *choices = kept;
    }

    /// Whether this place was looked at before, or one of the next answers can never come.
    fn is_hopeless(&mut self, place: &Place<M::State>) -> bool {
        let is_doomed = place.choices.iter().any(|at| {
            let operation = &self.operations[*at];
            operation
                .output()
                .is_some_and(|output| self.model.is_doomed(&place.state, &operation.input, output))
        });
        is_doomed || !self.seen.insert(fingerprint(&self.placed, &place.state))
    }
}

/// Two hashes in place of what they stand for: that two places of a search share both by chance is
/// far less likely than that the memory itself errs.
fn fingerprint<S: Hash>(placed: &Bits, state: &S) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, placed, state).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
