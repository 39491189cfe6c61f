use impresario_host::{AskError, Failure, Options};

use crate::bench::{Bench, entity};
use crate::tally::{Command, Tally};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn the_same_key_gets_the_same_answer_also_after_a_crash() {
    let bench = Bench::new(Options::default()).await;
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "a").await, Ok(5));
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "b").await, Ok(10));
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "a").await, Ok(5));
    let bench = bench.crash().await;
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "a").await, Ok(5));
    bench.clock.advance_ms(DAY_MS);
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "a").await, Ok(5), "24 hours later");
    assert_eq!(bench.total(entity(1)).await, Ok(10));
    assert_eq!(
        bench.ask_keyed(entity(2), Command::Add(5), "a").await,
        Ok(5),
        "keys are per entity"
    );
}

#[tokio::test]
async fn a_duplicate_of_what_is_not_durable_yet_waits_with_it() {
    let bench = Bench::new(Options::default()).await;
    bench.journal.hold();
    let asks: Vec<_> = (0..2)
        .map(|_| {
            let (host, envelope) = (bench.host.clone(), bench.envelope(Some("a")));
            tokio::spawn(
                async move { host.ask::<Tally>(&entity(1), Command::Add(5), envelope).await },
            )
        })
        .collect();
    bench.until(|bench| bench.journal.held() == 1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(asks.iter().all(|ask| !ask.is_finished()));
    bench.journal.release();
    for ask in asks {
        assert_eq!(ask.await.expect("no panic"), Ok(5));
    }
    assert_eq!(bench.total(entity(1)).await, Ok(5));
}

#[tokio::test]
async fn a_key_that_comes_with_something_else_is_refused() {
    let mut bench = Bench::new(Options::default()).await;
    let with = |bench: &Bench, content: Option<&str>| {
        let mut envelope = bench.envelope(Some("a"));
        if let Some(content) = content {
            envelope.key = envelope.key.map(|key| key.with_content(content.as_bytes()));
        }
        let host = bench.host.clone();
        async move { host.ask::<Tally>(&entity(1), Command::Add(5), envelope).await }
    };
    assert_eq!(with(&bench, Some("five")).await, Ok(5));
    for _ in 0..2 {
        assert_eq!(with(&bench, Some("five")).await, Ok(5));
        assert_eq!(with(&bench, Some("six")).await, Err(AskError::Failed(Failure::KeyReused)));
        assert_eq!(with(&bench, None).await, Ok(5), "who does not say is not held to it");
        bench = bench.crash().await;
    }
    assert_eq!(bench.total(entity(1)).await, Ok(5));
}

#[tokio::test]
async fn a_rejection_is_not_remembered() {
    let bench = Bench::new(Options::default()).await;
    assert!(bench.ask_keyed(entity(1), Command::Refuse, "a").await.is_err());
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "a").await, Ok(5));
}

#[tokio::test]
async fn keys_past_the_horizon_are_forgotten() {
    use impresario_journal::{Journal, KeyRange, Table};
    let bench = Bench::new(Options { sweep_ms: 1, ..Options::default() }).await;
    assert_eq!(bench.ask_keyed(entity(1), Command::Add(5), "a").await, Ok(5));
    let rows = |bench: &Bench| {
        let mut count = 0;
        let partition = bench.host.partition_of(&entity(1));
        bench
            .journal
            .scan(partition, Table::Seen, &KeyRange::all(), false, &mut |_, _| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            })
            .expect("the journal reads");
        count
    };
    assert_eq!(rows(&bench), 1);
    bench.clock.advance_ms(4 * DAY_MS);
    bench.host.forget_seen(impresario_host::clock::Clock::now(&*bench.clock)).await;
    assert_eq!(rows(&bench), 0);
}

/// More keys than an entity keeps in memory: the store is asked, and knows them all the same.
#[tokio::test]
async fn keys_are_known_however_many_there_are() {
    let bench = Bench::new(Options::default()).await;
    let count: i64 = 8_500;
    let envelope = |bench: &Bench, number: i64| bench.envelope(Some(&number.to_string()));
    let group = |bench: &Bench| {
        let commands = (0..count).map(|number| (Command::Add(1), envelope(bench, number)));
        commands.collect::<Vec<_>>()
    };
    let first = bench.host.ask_many::<Tally>(&entity(1), group(&bench), None).await;
    assert_eq!(first.last(), Some(&Ok(count)));
    let again = bench.host.ask_many::<Tally>(&entity(1), group(&bench), None).await;
    assert_eq!(again, first, "every key gets its old answer");
    let bench = bench.crash().await;
    let again = bench.host.ask_many::<Tally>(&entity(1), group(&bench), None).await;
    assert_eq!(again, first, "and after a crash");
    assert_eq!(bench.total(entity(1)).await, Ok(count));
}
