//! The checkers are proved: a toy cluster that is right passes for every seed, and each of its
//! deliberate bugs is found.

mod toy;
mod toy_clients;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, ensure};
use impresario_chaos_tests::chaos::history::{Operation, Outcome};
use impresario_chaos_tests::chaos::invariants::acknowledged::{self, Ledger};
use impresario_chaos_tests::chaos::invariants::leadership;
use impresario_chaos_tests::chaos::linear::{
    Events, EventsInput, EventsOutput, Register, RegisterInput, RegisterOutput, STEPS_MAX, Verdict,
    check,
};

use toy::Bug;
use toy_clients::{Asked, Run, run};

/// Seeds for the toy that is right.
const SEEDS: u64 = 1_500;
/// Seeds within which each bug must be found.
const SEEDS_PER_BUG: u64 = 150;

/// What the checkers say of a run: which of them found something.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    as_events: bool,
    as_register: bool,
    ledger: bool,
    leaders: bool,
}

/// The run as operations on a set of events.
fn as_events(run: &Run) -> Vec<Operation<EventsInput, EventsOutput>> {
    run.translated(|asked, seen| match (asked, seen) {
        (Asked::Append(number), seen) => {
            (EventsInput::Record(number), seen.map(|_| EventsOutput::Recorded))
        }
        (Asked::Read, seen) => (EventsInput::List, seen.map(|seen| EventsOutput::listed(seen))),
    })
}

/// The run as operations on a register that holds the last event.
fn as_register(run: &Run) -> Vec<Operation<RegisterInput<u32>, RegisterOutput<u32>>> {
    run.translated(|asked, seen| match (asked, seen) {
        (Asked::Append(number), seen) => {
            (RegisterInput::Write(number), seen.map(|_| RegisterOutput::Written))
        }
        (Asked::Read, seen) => {
            (RegisterInput::Read, seen.map(|seen| RegisterOutput::Value(seen.last().copied())))
        }
    })
}

fn ledger(run: &Run) -> Ledger {
    let mut ledger = Ledger { found: run.at_the_end.clone(), ..Ledger::default() };
    for operation in &run.operations {
        let Asked::Append(number) = operation.input else { continue };
        match operation.outcome {
            Outcome::Done(_) => ledger.acknowledged.insert(number),
            Outcome::Unknown => ledger.unknown.insert(number),
            Outcome::Failed => false,
        };
    }
    ledger
}

fn judge(seed: u64, bug: Option<Bug>) -> Result<Said> {
    let run = run(seed, bug);
    ensure!(run.operations.len() >= 5, "seed {seed}: too little happened");
    let found = |is_gave_up: bool, is_illegal: bool| {
        ensure!(!is_gave_up, "seed {seed}: the checker gave up");
        Ok(is_illegal)
    };
    let events = check(&Events, &as_events(&run), STEPS_MAX);
    let register = check(&Register::new(), &as_register(&run), STEPS_MAX);
    let ledgers = BTreeMap::from([("toy".to_owned(), ledger(&run))]);
    Ok(Said {
        as_events: found(
            matches!(events, Verdict::GaveUp { .. }),
            matches!(events, Verdict::Illegal(_)),
        )?,
        as_register: found(
            matches!(register, Verdict::GaveUp { .. }),
            matches!(register, Verdict::Illegal(_)),
        )?,
        ledger: !acknowledged::check(&ledgers).violations.is_empty(),
        leaders: !leadership::check(&run.claims).violations.is_empty(),
    })
}

#[test]
fn a_toy_that_is_right_passes_for_every_seed() -> Result<()> {
    let began = Instant::now();
    for seed in 0..SEEDS {
        let said = judge(seed, None)?;
        ensure!(said == Said::default(), "seed {seed}: {said:?}");
    }
    let per_minute = SEEDS as f64 * 60.0 / began.elapsed().as_secs_f64();
    ensure!(per_minute > 2_000.0, "only {per_minute:.0} seeds per minute");
    Ok(())
}

/// How many of the first seeds each checker found the bug with.
fn found(bug: Bug) -> Result<(u64, [u64; 4])> {
    let (mut any, mut each) = (0, [0; 4]);
    for seed in 0..SEEDS_PER_BUG {
        let said = judge(seed, Some(bug))?;
        let flags = [said.as_events, said.as_register, said.ledger, said.leaders];
        any += u64::from(flags.contains(&true));
        for (count, flag) in each.iter_mut().zip(flags) {
            *count += u64::from(flag);
        }
    }
    Ok((any, each))
}

#[test]
fn acknowledging_before_the_quorum_is_found() -> Result<()> {
    let (any, [events, register, ledger, leaders]) = found(Bug::AcknowledgesBeforeQuorum)?;
    ensure!(events > 0 && register > 0 && ledger > 0, "{events} {register} {ledger}");
    ensure!(any >= SEEDS_PER_BUG / 10 && leaders == 0, "{any} of {SEEDS_PER_BUG}; {leaders}");
    Ok(())
}

#[test]
fn skipping_the_deduplication_is_found() -> Result<()> {
    let (any, [events, register, ledger, _]) = found(Bug::SkipsDedupe)?;
    ensure!(events > 0 && register > 0 && ledger > 0, "{events} {register} {ledger}");
    ensure!(any >= SEEDS_PER_BUG / 10, "{any} of {SEEDS_PER_BUG}");
    Ok(())
}

#[test]
fn stale_reads_are_found() -> Result<()> {
    let (any, [events, register, ledger, _]) = found(Bug::ReadsStale)?;
    ensure!(events > 0 && register > 0, "{events} {register}");
    ensure!(ledger == 0, "nothing is lost by reading: {ledger}");
    ensure!(any >= SEEDS_PER_BUG / 10, "{any} of {SEEDS_PER_BUG}");
    Ok(())
}

#[test]
fn two_leaders_of_a_term_are_found() -> Result<()> {
    let (any, [.., leaders]) = found(Bug::VotesTwice)?;
    ensure!(leaders > 0 && any >= SEEDS_PER_BUG / 10, "{any}, {leaders} by leadership");
    Ok(())
}
