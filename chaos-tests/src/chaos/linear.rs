//! Whether operations on one entity can have happened one after the other.
//!
//! Wing and Gong's search with Lowe's memory, as in Porcupine: of the operations that had begun
//! before the first open one ended, any may have been the next; a set of operations already placed
//! and the state it led to are looked at once. Operations whose outcome is unknown may be placed at
//! any later time or never. Entities are independent of each other, so each is checked alone.
//!
//! - L1: a correct history is never `Illegal`; a wrong one is never `Linearizable`.
//! - L2: the search ends after a given number of steps. `GaveUp` is no pass.
//! - L3: a witness is itself impossible: it is the history with reads left out, answers forgotten
//!   and cut at a time, all of which only make it easier to explain.

mod models;
mod search;
mod witness;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::hash::Hash;

use crate::chaos::history::{Operation, text};

pub use models::{
    Counter, CounterInput, CounterOutput, Events, EventsInput, EventsOutput, Register,
    RegisterInput, RegisterOutput,
};

/// Steps that are enough for hundreds of concurrent operations on one entity.
pub const STEPS_MAX: u64 = 2_000_000;

/// Steps for making a witness small. What is found by then is the witness.
const WITNESS_STEPS: u64 = 100_000;

/// What one entity does when its operations come one after the other.
pub trait Model {
    /// All that later answers depend on.
    type State: Clone + Eq + Hash + Debug;
    /// What is asked.
    type Input: Clone + Eq + Debug;
    /// What is answered.
    type Output: Clone + Debug;

    /// The state at first.
    fn initial(&self) -> Self::State;

    /// The state after an operation; `None` if it cannot have been answered like that. Without an
    /// output the answer is not known, and the operation is always possible.
    fn step(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State>;

    /// Whether it never changes a state.
    fn is_read(&self, input: &Self::Input) -> bool;

    /// Whether an answer is impossible in this state and in every state that can follow. Never true
    /// where it is not certain; it only saves time.
    fn is_doomed(&self, state: &Self::State, input: &Self::Input, output: &Self::Output) -> bool {
        let _ = (state, input, output);
        false
    }

    /// Whether the one, placed before the other, can make the other's answer impossible. Never false
    /// where that is not certain; it only saves time.
    fn hinders(&self, one: &Self::Input, other: (&Self::Input, &Self::Output)) -> bool {
        let _ = (one, other);
        true
    }

    /// Whether two writes that hinder the same operations can stand for each other. Never true where
    /// that is not certain; it only saves time.
    fn are_alike(&self, a: &Self::Input, b: &Self::Input) -> bool {
        let _ = (a, b);
        false
    }

    /// The same history with fewer unknown outcomes, where the answers of others settle them: left
    /// out if nothing depends on them, known by the time somebody saw them. It must be
    /// linearizable exactly if the given one is.
    fn settle(&self, operations: Vec<Outcomes<Self>>) -> Vec<Outcomes<Self>> {
        operations
    }
}

/// An operation of a model.
pub type Outcomes<M> = Operation<<M as Model>::Input, <M as Model>::Output>;

/// What the check found.
#[derive(Clone, Debug)]
pub enum Verdict<I, O> {
    /// There is an order that explains every answer.
    Linearizable,
    /// There is none.
    Illegal(Witness<I, O>),
    /// Not decided within the steps. Counts as a failure of the run: with fewer concurrent clients,
    /// or shorter, it would have meant something.
    GaveUp {
        /// The steps that were taken.
        steps: u64,
    },
}

impl<I, O> Verdict<I, O> {
    /// Whether the history passed.
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable)
    }
}

/// Operations that no order explains, few enough to be read.
#[derive(Clone, Debug)]
pub struct Witness<I, O> {
    /// The operations.
    pub operations: Vec<Operation<I, O>>,
    /// As many of them as an order explains, in such an order.
    pub explained: Vec<Operation<I, O>>,
}

impl<I: Debug, O: Debug> Witness<I, O> {
    /// As text.
    pub fn text(&self) -> String {
        let explained = self.explained.iter().fold(String::new(), |text, operation| {
            format!("{text}{:?} -> {:?}; ", operation.input, operation.outcome)
        });
        format!(
            "{}the best order gets as far as: {}\n",
            text(&self.operations),
            explained.trim_end()
        )
    }
}

/// Checks the operations of one entity in at most `steps_max` steps, and a bounded number more for
/// the witness.
pub fn check<M: Model>(
    model: &M,
    operations: &[Outcomes<M>],
    steps_max: u64,
) -> Verdict<M::Input, M::Output> {
    let found = search::search(model, operations, steps_max);
    match found.result {
        search::Result::Found => Verdict::Linearizable,
        search::Result::GaveUp => Verdict::GaveUp { steps: found.steps },
        search::Result::Impossible => {
            Verdict::Illegal(witness::smallest(model, operations, WITNESS_STEPS))
        }
    }
}
