//! The oracle for conversations is proved: a toy assistant that is right passes for every seed, and
//! each of its deliberate bugs is found.

mod toy;

use std::time::Duration;

use anyhow::{Result, ensure};
use impresario_chaos_tests::Chance;
use impresario_chaos_tests::conversations::bursts::{Burst, Pace, mark, marked};
use impresario_chaos_tests::conversations::oracle::{Record, Verdict, judge, marks};

use toy::{Bug, WINDOWS, play};

/// Seeds for the toy that is right.
const SEEDS: u64 = 300;
/// Seeds within which each bug must be found.
const SEEDS_PER_BUG: u64 = 60;
const TALKS: usize = 4;

fn verdict(seed: u64, bug: Option<Bug>) -> Verdict {
    let mut chance = Chance::new(seed);
    let pace = Pace { spread: Duration::ZERO, gap_max_ms: 250, again_max_ms: 1_500 };
    let mut record = Record { windows: WINDOWS, talks: Vec::new(), calls: Vec::new() };
    for talk in 0..TALKS {
        let burst = Burst::draw(talk, pace, &mut chance);
        let (talk, calls) = play(&burst, bug, &mut chance);
        record.talks.push((burst, talk));
        record.calls.extend(calls);
    }
    judge(&record)
}

#[test]
fn an_assistant_that_is_right_passes() -> Result<()> {
    let mut sum = Verdict::default();
    for seed in 0..SEEDS {
        let verdict = verdict(seed, None);
        ensure!(verdict.has_passed(), "seed {seed}: {:?}", verdict.broken);
        ensure!(verdict.replies >= TALKS && verdict.replies <= verdict.windows, "seed {seed}");
        sum.torn += verdict.torn;
        sum.calls_lost += verdict.calls_lost;
        sum.overtaken += verdict.overtaken;
        sum.put_off += verdict.put_off;
    }
    let seen = [sum.torn, sum.calls_lost, sum.overtaken, sum.put_off];
    ensure!(seen.iter().all(|count| *count > 20), "too little happened: {seen:?}");
    Ok(())
}

/// What must be among the findings.
fn check(bug: Bug, finding: &str) {
    let found = (0..SEEDS_PER_BUG)
        .find(|seed| verdict(*seed, Some(bug)).broken.iter().any(|what| what.contains(finding)));
    assert!(found.is_some(), "{bug:?} is not found as \u{201c}{finding}\u{201d}");
}

#[test]
fn each_bug_is_found() {
    check(Bug::ForgetsDeliveries, "2 times");
    check(Bug::LosesAcknowledged, "lost");
    check(Bug::ForgetsItsTimer, "does not come to rest");
    check(Bug::WaitsFromTheFirst, "several turns");
    check(Bug::RepliesTwice, "has 2 replies");
    check(Bug::ForgetsWishes, "neither answered nor put off");
    check(Bug::PaysAgain, "paid 2 times for the same messages");
    check(Bug::PaysAgain, "call T");
    check(Bug::ReadsByArrival, "out of order");
    check(Bug::PostsTwice, "came to the platform 2 times");
    check(Bug::PostsNothing, "did not come to the platform");
}

#[test]
fn marks_are_found_in_any_text() {
    let text = format!("Tents (T12M) and ({})? \u{fc} {}.", mark(7, 3), mark(941, 12));
    assert_eq!(marks(&text), [(7, 3), (941, 12)]);
    assert_eq!(marked("Toast"), None);
}
