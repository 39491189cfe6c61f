//! What clients asked and what they were told, in time.

use std::fmt::{self, Debug, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How an operation ended, as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<O> {
    /// It was carried out, with this answer.
    Done(O),
    /// It certainly was not carried out, and never will be.
    Failed,
    /// Nobody knows: it may take effect at any time after its start, or never.
    Unknown,
}

/// One operation of one client on one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<I, O> {
    /// Who asked. A process has one operation under way at a time; after one whose outcome is
    /// unknown it goes on under another number.
    pub process: u32,
    /// What was asked for.
    pub input: I,
    /// What came of it.
    pub outcome: Outcome<O>,
    /// When it was asked, on the clock of the test, in nanoseconds.
    pub invoked_ns: u64,
    /// When the answer was there; `u64::MAX` while the outcome is unknown.
    pub returned_ns: u64,
}

impl<I, O> Operation<I, O> {
    /// The answer, if it was carried out.
    pub fn output(&self) -> Option<&O> {
        match &self.outcome {
            Outcome::Done(output) => Some(output),
            Outcome::Failed | Outcome::Unknown => None,
        }
    }

    /// Whether its outcome is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown)
    }
}

impl<I: Debug, O: Debug> fmt::Display for Operation<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: u64| format!("{}.{:03}", ns / 1_000_000, ns / 1_000 % 1_000);
        let (process, input, from) = (self.process, &self.input, ms(self.invoked_ns));
        let till = if self.returned_ns == u64::MAX { "?".to_owned() } else { ms(self.returned_ns) };
        write!(f, "{from:>12} … {till:>12} ms  client {process:<4} {input:?} -> ")?;
        match &self.outcome {
            Outcome::Done(output) => write!(f, "{output:?}"),
            Outcome::Failed => f.write_str("failed"),
            Outcome::Unknown => f.write_str("unknown"),
        }
    }
}

/// Operations as text, one line each, in the order in which they began.
pub fn text<I: Debug, O: Debug>(operations: &[Operation<I, O>]) -> String {
    let mut sorted: Vec<_> = operations.iter().collect();
    sorted.sort_by_key(|operation| operation.invoked_ns);
    sorted.iter().fold(String::new(), |mut text, operation| {
        let _ = writeln!(text, "{operation}");
        text
    })
}

/// Names an operation under way.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(usize);

/// Collects operations from many tasks. What is never finished is unknown.
#[derive(Debug)]
pub struct Recorder<I, O> {
    began: Instant,
    operations: Mutex<Vec<(String, Operation<I, O>)>>,
}

impl<I, O> Default for Recorder<I, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I, O> Recorder<I, O> {
    /// An empty one; its clock starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { began: Instant::now(), operations: Mutex::new(Vec::new()) }
    }

    /// Nanoseconds since it was made.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<(String, Operation<I, O>)>) -> T) -> T {
        work(&mut self.operations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A client asks. To be called before the first byte is sent.
    pub fn invoke(&self, process: u32, entity: &str, input: I) -> Ticket {
        let invoked_ns = self.now_ns();
        let outcome = Outcome::Unknown;
        let operation = Operation { process, input, outcome, invoked_ns, returned_ns: u64::MAX };
        self.with(|operations| {
            operations.push((entity.to_owned(), operation));
            Ticket(operations.len() - 1)
        })
    }

    fn finish(&self, ticket: Ticket, outcome: Outcome<O>) {
        let now = self.now_ns();
        self.with(|operations| {
            if let Some((_, operation)) = operations.get_mut(ticket.0) {
                operation.outcome = outcome;
                operation.returned_ns = now;
            }
        });
    }

    /// It was answered. To be called after the last byte has arrived.
    pub fn done(&self, ticket: Ticket, output: O) {
        self.finish(ticket, Outcome::Done(output));
    }

    /// It certainly was not carried out. Only for answers that say so.
    pub fn failed(&self, ticket: Ticket) {
        self.finish(ticket, Outcome::Failed);
    }

    /// What was collected, by entity.
    pub fn take(&self) -> std::collections::BTreeMap<String, Vec<Operation<I, O>>> {
        let mut entities = std::collections::BTreeMap::<String, Vec<_>>::new();
        for (entity, operation) in self.with(std::mem::take) {
            entities.entry(entity).or_default().push(operation);
        }
        entities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_finished_is_unknown() {
        let recorder = Recorder::<&str, u32>::new();
        let first = recorder.invoke(1, "a", "write");
        let _lost = recorder.invoke(2, "a", "write");
        let refused = recorder.invoke(3, "b", "write");
        recorder.done(first, 7);
        recorder.failed(refused);
        let entities = recorder.take();
        let [done, lost] = &entities["a"][..] else { panic!("two operations on a") };
        assert_eq!(done.output(), Some(&7));
        assert!(done.invoked_ns <= done.returned_ns && done.returned_ns < u64::MAX);
        assert!(lost.is_unknown() && lost.returned_ns == u64::MAX);
        assert_eq!(entities["b"][0].outcome, Outcome::Failed);
        assert!(text(&entities["a"]).contains("\"write\" -> 7"));
    }
}
