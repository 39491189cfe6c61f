//! A history that no order explains, made small.

use super::search::{Result, search};
use super::{Model, Outcomes, Witness};
use crate::chaos::history::{Operation, Outcome};

/// A part of `operations` that is impossible by itself. Each change makes a history easier to
/// explain: what is left was wrong in the whole.
pub(super) fn smallest<M: Model>(
    model: &M,
    operations: &[Outcomes<M>],
    steps_max: u64,
) -> Witness<M::Input, M::Output> {
    let mut steps_left = steps_max;
    let mut is_impossible = |operations: &[Outcomes<M>]| {
        let found = search(model, operations, steps_left);
        steps_left = steps_left.saturating_sub(found.steps.max(1));
        matches!(found.result, Result::Impossible)
    };
    let whole = operations;
    let mut operations = shortest::<M>(whole, &mut is_impossible);
    let mut size = operations.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < operations.len() {
            let end = (at + size).min(operations.len());
            let (fewer, is_other) = relaxed(model, &operations, at..end);
            if is_other && is_impossible(&fewer) {
                at = end + fewer.len() - operations.len();
                operations = fewer;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    // Unknown outcomes on which nothing depends are not worth reading.
    let settled = model.settle(operations.clone());
    let same = |one: &Outcomes<M>, other: &Outcomes<M>| {
        (one.process, one.invoked_ns) == (other.process, other.invoked_ns)
    };
    operations.retain(|one| !one.is_unknown() || settled.iter().any(|other| same(one, other)));
    // The answers that were forgotten on the way make it no less impossible, and easier to read.
    for one in &mut operations {
        if let Some(original) = whole.iter().find(|original| same(one, original)) {
            one.clone_from(original);
        }
    }
    operations.sort_by_key(|operation| operation.invoked_ns);
    let explained = search(model, &operations, steps_max).longest;
    Witness { operations, explained }
}

/// The history up to the earliest answer that no order explains.
fn shortest<M: Model>(
    operations: &[Outcomes<M>],
    is_impossible: &mut impl FnMut(&[Outcomes<M>]) -> bool,
) -> Vec<Outcomes<M>> {
    let mut ends: Vec<u64> = operations
        .iter()
        .filter(|operation| operation.output().is_some())
        .map(|operation| operation.returned_ns)
        .collect();
    ends.sort_unstable();
    let (mut low, mut high) = (0, ends.len().saturating_sub(1));
    while low < high {
        let middle = usize::midpoint(low, high);
        if is_impossible(&until(operations, ends[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    ends.get(low).map_or_else(|| operations.to_vec(), |end| until(operations, *end))
}

/// What was known at a time.
fn until<I: Clone, O: Clone>(operations: &[Operation<I, O>], end_ns: u64) -> Vec<Operation<I, O>> {
    let began = operations.iter().filter(|operation| operation.invoked_ns <= end_ns);
    began
        .map(
            |operation| {
                if operation.returned_ns <= end_ns { operation.clone() } else { forget(operation) }
            },
        )
        .collect()
}

fn forget<I: Clone, O: Clone>(operation: &Operation<I, O>) -> Operation<I, O> {
    let mut operation = operation.clone();
    operation.outcome = Outcome::Unknown;
    operation.returned_ns = u64::MAX;
    operation
}

/// Reads of a range left out, the answers of its writes forgotten; and whether that made a
/// difference.
fn relaxed<M: Model>(
    model: &M,
    operations: &[Outcomes<M>],
    range: std::ops::Range<usize>,
) -> (Vec<Outcomes<M>>, bool) {
    let mut fewer = Vec::with_capacity(operations.len());
    let mut is_other = false;
    for (at, operation) in operations.iter().enumerate() {
        if !range.contains(&at) {
            fewer.push(operation.clone());
        } else if model.is_read(&operation.input) {
            is_other = true;
        } else {
            is_other |= !operation.is_unknown();
            fewer.push(forget(operation));
        }
    }
    (fewer, is_other)
}
