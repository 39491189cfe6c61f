use impresario_host::{AskError, Failure, Options};
use impresario_journal::{Fault, Journal};

use crate::bench::{Bench, entity};
use crate::tally::{Command, Refused, Tally};

#[tokio::test]
async fn a_reply_waits_for_its_commit_and_a_query_for_what_it_saw() {
    let bench = Bench::new(Options::default()).await;
    bench.journal.hold();
    let host = bench.host.clone();
    let (envelope, asked) = (bench.envelope(None), entity(1));
    let mut reply =
        tokio::spawn(async move { host.ask::<Tally>(&asked, Command::Add(5), envelope).await });
    bench.until(|bench| bench.journal.held() == 1).await;
    let host = bench.host.clone();
    let mut answer =
        tokio::spawn(async move { host.query::<Tally>(&asked, (), envelope, None).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(
        !reply.is_finished() && !answer.is_finished(),
        "nothing leaves before it is durable (H1)"
    );
    assert!(bench.seen.lock().events.is_empty());
    bench.journal.release();
    assert_eq!((&mut reply).await.expect("no panic"), Ok(5));
    assert_eq!((&mut answer).await.expect("no panic"), Ok(5));
}

/// PLT-02: a hot entity is not limited to one durable write per command.
#[tokio::test]
async fn commands_that_arrive_during_a_commit_are_committed_together() {
    let bench = Bench::new(Options::default()).await;
    bench.journal.hold();
    let before = bench.journal.stats().batches;
    let asks: Vec<_> = (0..100)
        .map(|_| {
            let (host, envelope) = (bench.host.clone(), bench.envelope(None));
            tokio::spawn(
                async move { host.ask::<Tally>(&entity(1), Command::Add(1), envelope).await },
            )
        })
        .collect();
    bench.until(|bench| bench.journal.held() == 1).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    bench.journal.release();
    let mut replies = Vec::new();
    for ask in asks {
        replies.push(ask.await.expect("no panic").expect("it counts"));
    }
    replies.sort_unstable();
    assert_eq!(
        replies,
        (1..=100).collect::<Vec<i64>>(),
        "each was decided once, one after another"
    );
    assert_eq!(bench.journal.stats().batches - before, 2, "the first alone, all others together");
}

#[tokio::test]
async fn a_group_is_decided_in_order_each_on_its_own() {
    let bench = Bench::new(Options::default()).await;
    let commands = [Command::Add(1), Command::Refuse, Command::Add(2)];
    let group = commands.into_iter().map(|command| (command, bench.envelope(None))).collect();
    let replies = bench.host.ask_many::<Tally>(&entity(1), group, None).await;
    assert_eq!(replies, [Ok(1), Err(AskError::Rejected(Refused)), Ok(3)]);
}

#[tokio::test]
async fn what_was_decided_on_a_failed_commit_never_leaves() {
    let bench = Bench::new(Options::default()).await;
    assert_eq!(bench.ask(entity(1), Command::Add(1)).await, Ok(1));
    bench.journal.fail_next(bench.host.partition_of(&entity(1)), Fault::UnknownLost);
    let failed = bench.ask(entity(1), Command::Emit).await;
    assert!(matches!(failed, Err(AskError::Failed(Failure::OutcomeUnknown(_)))), "{failed:?}");
    assert!(bench.seen.lock().effects.is_empty(), "H2");
    let refused = bench.ask(entity(1), Command::Add(1)).await;
    assert!(matches!(refused, Err(AskError::Failed(Failure::Unavailable(_)))), "{refused:?}");
    let bench = bench.crash().await;
    assert_eq!(bench.total(entity(1)).await, Ok(1));
}

#[tokio::test]
async fn a_deadline_that_passed_is_not_worked_for() {
    let bench = Bench::new(Options::default()).await;
    let envelope = bench.envelope(None);
    bench.clock.advance_ms(60_000);
    let late = bench.host.ask::<Tally>(&entity(1), Command::Add(1), envelope).await;
    assert_eq!(late, Err(AskError::Failed(Failure::DeadlineExceeded)));
    assert_eq!(bench.total(entity(1)).await, Ok(0));
}

#[tokio::test]
async fn observers_and_hooks_see_each_durable_event_once_in_order() {
    let bench = Bench::new(Options::default()).await;
    for amount in 1..=3 {
        bench.ask(entity(1), Command::Add(amount)).await.expect("it counts");
    }
    bench.ask(entity(1), Command::Emit).await.expect("it counts");
    let seen = bench.seen.lock();
    let sequences: Vec<u64> = seen.events.iter().map(|(_, seq, _)| *seq).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert_eq!(seen.effects.len(), 1);
    assert_eq!(seen.effects[0].entity, entity(1));
}
