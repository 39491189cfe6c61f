use super::*;
use crate::Chance;
use crate::chaos::history::Outcome;

type Reg = Operation<RegisterInput<u32>, RegisterOutput<u32>>;

fn op<I, O>(process: u32, input: I, output: Option<O>, from: u64, till: u64) -> Operation<I, O> {
    let returned_ns = if output.is_some() { till } else { u64::MAX };
    let outcome = output.map_or(Outcome::Unknown, Outcome::Done);
    Operation { process, input, outcome, invoked_ns: from, returned_ns }
}

fn write(value: u32, from: u64, till: u64) -> Reg {
    op(value, RegisterInput::Write(value), Some(RegisterOutput::Written), from, till)
}

fn lost(value: u32, from: u64) -> Reg {
    op(value, RegisterInput::Write(value), None, from, 0)
}

fn read(value: Option<u32>, from: u64, till: u64) -> Reg {
    op(90, RegisterInput::Read, Some(RegisterOutput::Value(value)), from, till)
}

fn swap(from_to: (u32, u32), done: bool, from: u64, till: u64) -> Reg {
    let input = RegisterInput::Swap(from_to.0, from_to.1);
    op(91, input, Some(RegisterOutput::Swapped(done)), from, till)
}

#[track_caller]
fn check_register(operations: &[Reg], wanted: bool) {
    let verdict = check(&Register::new(), operations, STEPS_MAX);
    assert_eq!(verdict.is_linearizable(), wanted, "{verdict:?}\n{}", text(operations));
}

#[test]
fn a_read_sees_the_last_write() {
    check_register(&[], true);
    check_register(&[read(None, 0, 1)], true);
    check_register(&[write(1, 0, 1), read(Some(1), 2, 3)], true);
    check_register(&[write(1, 0, 1), read(None, 2, 3)], false);
    check_register(&[write(1, 0, 1), write(2, 2, 3), read(Some(1), 4, 5)], false);
}

#[test]
fn operations_at_the_same_time_have_any_order() {
    check_register(&[write(1, 0, 9), read(None, 1, 2), read(Some(1), 3, 4)], true);
    check_register(&[write(1, 0, 9), read(Some(1), 1, 2), read(None, 3, 4)], false);
    check_register(&[write(1, 0, 9), write(2, 0, 9), read(Some(1), 10, 11)], true);
    // Two readers that disagree about the order of two writes.
    let writes = [write(1, 0, 9), write(2, 0, 9)];
    let one = [read(Some(1), 1, 2), read(Some(2), 3, 4)];
    let other = [read(Some(2), 1, 2), read(Some(1), 3, 4)];
    check_register(&[&writes[..], &one].concat(), true);
    check_register(&[&writes[..], &one, &other].concat(), false);
}

#[test]
fn what_is_unknown_happens_late_or_never() {
    check_register(&[lost(1, 0), read(None, 1, 2), read(None, 3, 4)], true);
    check_register(&[lost(1, 0), read(None, 1, 2), read(Some(1), 3, 4)], true);
    check_register(&[lost(1, 0), read(Some(1), 1, 2), read(None, 3, 4)], false);
    check_register(&[read(Some(1), 1, 2), lost(1, 3)], false);
    let failed = Operation { outcome: Outcome::Failed, ..write(1, 0, 1) };
    check_register(&[failed, read(Some(1), 2, 3)], false);
}

#[test]
fn a_swap_happens_only_from_its_value() {
    check_register(&[write(1, 0, 1), swap((1, 2), true, 2, 3), read(Some(2), 4, 5)], true);
    check_register(&[write(1, 0, 1), swap((3, 2), true, 2, 3)], false);
    check_register(&[write(1, 0, 1), swap((1, 2), false, 2, 3)], false);
    check_register(&[write(1, 0, 1), lost(4, 0), swap((1, 2), false, 2, 3)], true);
}

#[test]
fn retries_of_an_event_count_once() {
    let record = |number: u32, till: Option<u64>, from| {
        op(
            number,
            EventsInput::Record(number),
            till.map(|_| EventsOutput::Recorded),
            from,
            till.unwrap_or(0),
        )
    };
    let list = |numbers: &[u32], from| {
        op(80, EventsInput::List, Some(EventsOutput::listed(numbers)), from, from + 1)
    };
    let count =
        |total, from| op(81, EventsInput::Count, Some(EventsOutput::Total(total)), from, from + 1);
    let holds = |operations: &[_]| check(&Events, operations, STEPS_MAX).is_linearizable();
    let (a, again) = (record(1, Some(1), 0), record(1, Some(9), 4));
    assert!(holds(&[a.clone(), again.clone(), list(&[1], 10), count(1, 12)]));
    assert!(!holds(&[a.clone(), again.clone(), count(2, 12)]));
    assert!(!holds(&[a.clone(), again, list(&[1, 1], 10)]));
    assert!(!holds(&[a.clone(), list(&[], 2)]), "lost");
    assert!(!holds(&[a.clone(), list(&[1, 7], 2)]), "never sent");
    let unknown = record(2, None, 0);
    assert!(holds(&[a.clone(), unknown.clone(), count(1, 2), list(&[1, 2], 4), count(2, 6)]));
    assert!(holds(&[a.clone(), unknown.clone(), count(2, 2), count(2, 4)]));
    assert!(!holds(&[a.clone(), unknown.clone(), count(2, 2), count(1, 4)]));
    assert!(!holds(&[a, unknown, count(2, 2), list(&[1], 4)]));
}

/// All orders of all choices of unknown operations, one by one.
fn by_hand<M: Model>(model: &M, operations: &[Outcomes<M>]) -> bool {
    fn go<M: Model>(model: &M, state: &M::State, left: &[Outcomes<M>]) -> bool {
        let open = left.iter().filter(|one| one.output().is_some());
        let Some(horizon) = open.map(|one| one.returned_ns).min() else { return true };
        (0..left.len()).filter(|at| left[*at].invoked_ns <= horizon).any(|at| {
            let mut rest = left.to_vec();
            let one = rest.remove(at);
            model
                .step(state, &one.input, one.output())
                .is_some_and(|state| go(model, &state, &rest))
        })
    }
    let left: Vec<_> =
        operations.iter().filter(|one| !matches!(one.outcome, Outcome::Failed)).cloned().collect();
    go(model, &model.initial(), &left)
}

/// Up to `most` operations at random times, some of them unknown, from inputs and outputs of
/// `make`.
fn random<I, O>(
    chance: &mut Chance,
    most: u64,
    make: impl Fn(&mut Chance, u32) -> (I, O),
) -> Vec<Operation<I, O>> {
    let count = 1 + chance.below(most) as u32;
    let mut operations = Vec::new();
    for process in 0..count {
        let (input, output) = make(chance, process);
        let from = chance.below(20);
        let till = from + chance.below(8);
        let output = (!chance.once_in(4)).then_some(output);
        operations.push(op(process, input, output, from, till));
    }
    operations
}

/// Compares with trying everything, and looks at the witnesses.
fn compare<M: Model>(
    model: &M,
    rounds: u64,
    make: impl Fn(&mut Chance, u32) -> (M::Input, M::Output),
) {
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..rounds {
        let operations = random(&mut Chance::new(seed), 7, &make);
        match check(model, &operations, STEPS_MAX) {
            Verdict::Linearizable => {
                right += 1;
                assert!(by_hand(model, &operations), "seed {seed}\n{}", text(&operations));
            }
            Verdict::Illegal(witness) => {
                wrong += 1;
                assert!(!by_hand(model, &operations), "seed {seed}\n{}", text(&operations));
                assert!(!by_hand(model, &witness.operations), "seed {seed}\n{}", witness.text());
                assert!(witness.operations.len() <= operations.len());
            }
            Verdict::GaveUp { .. } => panic!("seed {seed}\n{}", text(&operations)),
        }
    }
    assert!(right > rounds / 20 && wrong > rounds / 20, "{right} right and {wrong} wrong");
}

#[test]
fn it_agrees_with_trying_everything_on_registers() {
    compare(&Register::new(), 3_000, |chance, process| match chance.below(3) {
        0 => (RegisterInput::Write(process), RegisterOutput::Written),
        _ => {
            let value = chance.below(5) as u32;
            (RegisterInput::Read, RegisterOutput::Value((value < 4).then_some(value)))
        }
    });
    compare(&Register::new(), 3_000, |chance, _| {
        let (a, b) = (chance.below(2) as u32, chance.below(3) as u32);
        match chance.below(3) {
            0 => (RegisterInput::Write(a), RegisterOutput::Written),
            1 => (RegisterInput::Swap(a, b), RegisterOutput::Swapped(chance.once_in(2))),
            _ => (RegisterInput::Read, RegisterOutput::Value((b < 2).then_some(b))),
        }
    });
}

#[test]
fn it_agrees_with_trying_everything_on_counters() {
    compare(&Counter, 3_000, |chance, _| {
        if chance.once_in(2) {
            (CounterInput::Add(1 + chance.below(2)), CounterOutput::Added)
        } else {
            (CounterInput::Read, CounterOutput::Total(chance.below(4)))
        }
    });
}

#[test]
fn it_agrees_with_trying_everything_on_events() {
    compare(&Events, 5_000, |chance, process| match chance.below(4) {
        0 | 1 => (EventsInput::Record(process % 4), EventsOutput::Recorded),
        2 => (EventsInput::Count, EventsOutput::Total(chance.below(3))),
        _ => {
            let numbers: Vec<u32> = (0..4).filter(|_| chance.once_in(3)).collect();
            (EventsInput::List, EventsOutput::listed(&numbers))
        }
    });
}

#[test]
fn a_witness_is_small() {
    let mut operations = Vec::new();
    for step in 0..50 {
        let at = u64::from(step) * 10;
        operations.push(write(step, at, at + 2));
        operations.push(read(Some(step), at + 3, at + 4));
    }
    operations.push(read(Some(48), 600, 601));
    let Verdict::Illegal(witness) = check(&Register::new(), &operations, STEPS_MAX) else {
        panic!("a stale read was not found");
    };
    assert!(witness.operations.len() <= 5, "{}", witness.text());
    assert!(witness.text().contains("Value(Some(48))"), "{}", witness.text());
}

#[test]
fn many_unknown_outcomes_are_decided_in_time() {
    let mut operations = Vec::new();
    for number in 0..400_u32 {
        let at = u64::from(number) * 10;
        let output = (number % 3 != 0).then_some(EventsOutput::Recorded);
        operations.push(op(number, EventsInput::Record(number), output, at, at + 25));
        if number % 20 == 19 {
            // Of the unknown ones, every second was recorded.
            let numbers: Vec<u32> = (0..number - 3).filter(|n| n % 6 != 0).collect();
            let output = EventsOutput::listed(&numbers);
            operations.push(op(999, EventsInput::List, Some(output), at - 12, at - 11));
        }
    }
    assert!(check(&Events, &operations, STEPS_MAX).is_linearizable());
    let mut counts = Vec::new();
    for number in 0..60_u64 {
        counts.push(op(number as u32, CounterInput::Add(1), None, number, 0));
        let output = CounterOutput::Total(number / 3);
        counts.push(op(99, CounterInput::Read, Some(output), number * 100, number * 100 + 1));
    }
    assert!(check(&Counter, &counts, STEPS_MAX).is_linearizable());
}

#[test]
fn too_few_steps_are_said_and_are_no_pass() {
    let operations = [write(1, 0, 9), write(2, 0, 9), read(Some(1), 10, 11)];
    let verdict = check(&Register::new(), &operations, 2);
    assert!(matches!(verdict, Verdict::GaveUp { .. }) && !verdict.is_linearizable());
}
