//! What the entities of the tests do one operation at a time.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

use super::{Model, Outcomes};
use crate::chaos::bits::Bits;
use crate::chaos::history::Outcome;

/// One value that can be written, read and compared-and-set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register<V>(PhantomData<V>);

impl<V> Register<V> {
    /// Without a value at first.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// What a register is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterInput<V> {
    /// The value.
    Read,
    /// Sets the value.
    Write(V),
    /// Sets the value to the second if it is the first.
    Swap(V, V),
}

/// What a register answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterOutput<V> {
    /// To a read.
    Value(Option<V>),
    /// To a write.
    Written,
    /// To a swap: whether it was done.
    Swapped(bool),
}

impl<V: Clone + Eq + Hash + Debug> Model for Register<V> {
    type State = Option<V>;
    type Input = RegisterInput<V>;
    type Output = RegisterOutput<V>;

    fn initial(&self) -> Self::State {
        None
    }

    fn step(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State> {
        match (input, output) {
            (RegisterInput::Read, None) => Some(state.clone()),
            (RegisterInput::Read, Some(RegisterOutput::Value(value))) => {
                (value == state).then(|| state.clone())
            }
            (RegisterInput::Write(value), None | Some(RegisterOutput::Written)) => {
                Some(Some(value.clone()))
            }
            (RegisterInput::Swap(from, to), output) => {
                let is_done = state.as_ref() == Some(from);
                let after = if is_done { Some(to.clone()) } else { state.clone() };
                match output {
                    None => Some(after),
                    Some(RegisterOutput::Swapped(said)) => (*said == is_done).then_some(after),
                    Some(RegisterOutput::Value(_) | RegisterOutput::Written) => None,
                }
            }
            (RegisterInput::Read | RegisterInput::Write(_), Some(_)) => None,
        }
    }

    fn is_read(&self, input: &Self::Input) -> bool {
        matches!(input, RegisterInput::Read)
    }

    /// With values written once each and no swaps, an unknown write whose value nobody read can be
    /// left out, and one that somebody read took effect before that.
    fn settle(&self, operations: Vec<Outcomes<Self>>) -> Vec<Outcomes<Self>> {
        if operations.iter().any(|one| matches!(one.input, RegisterInput::Swap(..))) {
            return operations;
        }
        let seen = |value: &V| {
            let sees = |output: &RegisterOutput<V>| matches!(output, RegisterOutput::Value(Some(v)) if v == value);
            operations
                .iter()
                .filter(|one| one.output().is_some_and(sees))
                .map(|one| one.returned_ns)
                .min()
        };
        let writes = |value: &V| {
            let is_it =
                |one: &&Outcomes<Self>| matches!(&one.input, RegisterInput::Write(v) if v == value);
            operations.iter().filter(is_it).count()
        };
        let settle = |one: &Outcomes<Self>| match &one.input {
            RegisterInput::Write(value) if one.is_unknown() && writes(value) == 1 => {
                seen(value).map(|by_ns| known_by(one, by_ns, RegisterOutput::Written))
            }
            RegisterInput::Read | RegisterInput::Write(_) | RegisterInput::Swap(..) => {
                Some(one.clone())
            }
        };
        operations.iter().filter_map(settle).collect()
    }
}

/// The operation, carried out by a time.
fn known_by<I: Clone, O>(
    operation: &super::Operation<I, O>,
    by_ns: u64,
    output: O,
) -> super::Operation<I, O> {
    super::Operation {
        process: operation.process,
        input: operation.input.clone(),
        outcome: Outcome::Done(output),
        invoked_ns: operation.invoked_ns,
        returned_ns: by_ns,
    }
}

/// A number that is added to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

/// What a counter is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterInput {
    /// Adds to it.
    Add(u64),
    /// The number.
    Read,
}

/// What a counter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterOutput {
    /// To an addition.
    Added,
    /// To a read.
    Total(u64),
}

impl Model for Counter {
    type State = u64;
    type Input = CounterInput;
    type Output = CounterOutput;

    fn initial(&self) -> u64 {
        0
    }

    fn step(
        &self,
        state: &u64,
        input: &CounterInput,
        output: Option<&CounterOutput>,
    ) -> Option<u64> {
        match (input, output) {
            (CounterInput::Add(more), None | Some(CounterOutput::Added)) => Some(state + more),
            (CounterInput::Read, None) => Some(*state),
            (CounterInput::Read, Some(CounterOutput::Total(total))) => {
                (total == state).then_some(*state)
            }
            (CounterInput::Add(_) | CounterInput::Read, Some(_)) => None,
        }
    }

    fn is_read(&self, input: &CounterInput) -> bool {
        matches!(input, CounterInput::Read)
    }

    fn hinders(&self, _one: &CounterInput, (_, other): (&CounterInput, &CounterOutput)) -> bool {
        matches!(other, CounterOutput::Total(_))
    }

    fn are_alike(&self, a: &CounterInput, b: &CounterInput) -> bool {
        a == b
    }

    fn is_doomed(&self, state: &u64, _input: &CounterInput, output: &CounterOutput) -> bool {
        matches!(output, CounterOutput::Total(total) if total < state)
    }
}

/// A profile's events: each is there once, however often it is recorded under its key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Events;

/// What a profile is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsInput {
    /// Records the event with this number, which is its idempotency key.
    Record(u32),
    /// How many events there are.
    Count,
    /// Which events there are.
    List,
}

/// What a profile answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsOutput {
    /// To a recording.
    Recorded,
    /// To a count.
    Total(u64),
    /// To a list.
    Listed {
        /// The numbers.
        events: Bits,
        /// Numbers that were listed more than once; never right.
        doubled: Vec<u32>,
    },
}

impl EventsOutput {
    /// The answer to a list.
    #[must_use]
    pub fn listed(numbers: &[u32]) -> Self {
        let mut events = Bits::default();
        let mut doubled = numbers.to_vec();
        doubled.retain(|number| !events.insert(*number as usize));
        Self::Listed { events, doubled }
    }
}

impl Model for Events {
    type State = Bits;
    type Input = EventsInput;
    type Output = EventsOutput;

    fn initial(&self) -> Bits {
        Bits::default()
    }

    fn step(
        &self,
        state: &Bits,
        input: &EventsInput,
        output: Option<&EventsOutput>,
    ) -> Option<Bits> {
        let is_possible = match (input, output) {
            (EventsInput::Record(number), None | Some(EventsOutput::Recorded)) => {
                let mut state = state.clone();
                state.insert(*number as usize);
                return Some(state);
            }
            (EventsInput::Count | EventsInput::List, None) => true,
            (EventsInput::Count, Some(EventsOutput::Total(total))) => *total == state.len(),
            (EventsInput::List, Some(EventsOutput::Listed { events, doubled })) => {
                doubled.is_empty() && events == state
            }
            (EventsInput::Record(_) | EventsInput::Count | EventsInput::List, Some(_)) => false,
        };
        is_possible.then(|| state.clone())
    }

    fn is_read(&self, input: &EventsInput) -> bool {
        matches!(input, EventsInput::Count | EventsInput::List)
    }

    fn hinders(&self, one: &EventsInput, (_, other): (&EventsInput, &EventsOutput)) -> bool {
        match (one, other) {
            (_, EventsOutput::Recorded) | (EventsInput::Count | EventsInput::List, _) => false,
            (EventsInput::Record(_), EventsOutput::Total(_)) => true,
            (EventsInput::Record(number), EventsOutput::Listed { events, .. }) => {
                !events.contains(*number as usize)
            }
        }
    }

    fn are_alike(&self, a: &EventsInput, b: &EventsInput) -> bool {
        // The same event twice counts once, so it cannot stand for another one.
        matches!((a, b), (EventsInput::Record(a), EventsInput::Record(b)) if a != b)
    }

    fn is_doomed(&self, state: &Bits, _input: &EventsInput, output: &EventsOutput) -> bool {
        match output {
            EventsOutput::Recorded => false,
            EventsOutput::Total(total) => *total < state.len(),
            EventsOutput::Listed { events, doubled } => {
                !doubled.is_empty() || !state.is_subset(events)
            }
        }
    }

    /// An unknown event that is in a list took effect before that list was there. One that is in no
    /// list matters only to a count after which no list was asked for.
    fn settle(&self, operations: Vec<Outcomes<Self>>) -> Vec<Outcomes<Self>> {
        let mut lists = Vec::new();
        let mut last_count_ns = None;
        for one in &operations {
            match one.output() {
                Some(EventsOutput::Listed { events, .. }) => {
                    lists.push((events, one.invoked_ns, one.returned_ns));
                }
                Some(EventsOutput::Total(_)) => {
                    last_count_ns = last_count_ns.max(Some(one.returned_ns));
                }
                Some(EventsOutput::Recorded) | None => {}
            }
        }
        let last_list_ns = lists.iter().map(|(_, invoked_ns, _)| *invoked_ns).max();
        let mut times = std::collections::HashMap::new();
        for one in &operations {
            if let EventsInput::Record(number) = one.input {
                *times.entry(number).or_insert(0) += 1;
            }
        }
        let settle = |one: &Outcomes<Self>| {
            let EventsInput::Record(number) = one.input else { return Some(one.clone()) };
            if !one.is_unknown() || times.get(&number) != Some(&1) {
                return Some(one.clone());
            }
            let holding = lists.iter().filter(|(events, ..)| events.contains(number as usize));
            match holding.map(|(.., returned_ns)| *returned_ns).min() {
                Some(by_ns) => Some(known_by(one, by_ns, EventsOutput::Recorded)),
                None if last_count_ns.is_none() || last_list_ns > last_count_ns => None,
                None => Some(one.clone()),
            }
        };
        operations.iter().filter_map(settle).collect()
    }
}
