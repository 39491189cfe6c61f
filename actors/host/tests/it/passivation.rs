use impresario_host::Options;
use impresario_host::clock::Clock;
use impresario_journal::{Journal, Table};

use crate::bench::{Bench, entity};
use crate::tally::Command;

fn active(bench: &Bench) -> usize {
    bench.host.info().iter().map(|kind| kind.active).sum()
}

/// Sweeps until the snapshots that a first sweep asks for are written and nothing changes any more.
async fn sweep(bench: &Bench, want: usize) {
    for _ in 0..1_000 {
        bench.host.sweep(bench.clock.now());
        if active(bench) == want {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} entities stay active, not {want}", active(bench));
}

#[tokio::test]
async fn idle_entities_leave_a_snapshot_and_come_back_as_they_were() {
    let bench = Bench::new(Options::default()).await;
    assert_eq!(bench.ask(entity(1), Command::Add(7)).await, Ok(7));
    bench.clock.advance_ms(Options::default().idle_ms + 1);
    assert_eq!(bench.ask(entity(2), Command::Add(1)).await, Ok(1));
    sweep(&bench, 1).await;
    let snapshot = impresario_rows::snapshot_key(&entity(1));
    let stored =
        bench.journal.get(bench.host.partition_of(&entity(1)), Table::Snapshots, &snapshot);
    assert!(stored.expect("the journal reads").is_some());
    assert_eq!(bench.ask(entity(1), Command::Add(1)).await, Ok(8));
}

#[tokio::test]
async fn past_the_bound_the_least_recently_used_leave() {
    let bench = Bench::new(Options { active_max: 3, ..Options::default() }).await;
    for number in 1..=8 {
        bench.ask(entity(number), Command::Add(1)).await.expect("it counts");
        bench.clock.advance_ms(1);
    }
    sweep(&bench, 3).await;
    let mut kept: Vec<_> = bench.host.top(None, 10).into_iter().map(|info| info.key).collect();
    kept.sort();
    assert_eq!(kept, [entity(6), entity(7), entity(8)]);
}

#[tokio::test]
async fn past_the_memory_bound_the_least_recently_used_leave() {
    let bench = Bench::new(Options { active_bytes_max: 30_000, ..Options::default() }).await;
    for number in 1..=8 {
        bench.ask(entity(number), Command::Add(1)).await.expect("it counts");
        bench.clock.advance_ms(1);
    }
    sweep(&bench, 3).await;
    assert!(bench.host.top(None, 10).into_iter().all(|info| info.key >= entity(6)));
}

#[tokio::test]
async fn an_entity_with_something_under_way_stays() {
    let bench = Bench::new(Options::default()).await;
    bench.journal.hold();
    let (host, envelope) = (bench.host.clone(), bench.envelope(None));
    let ask = tokio::spawn(async move {
        host.ask::<crate::tally::Tally>(&entity(1), Command::Add(1), envelope).await
    });
    bench.until(|bench| bench.journal.held() == 1).await;
    bench.clock.advance_ms(Options::default().idle_ms * 2);
    for _ in 0..10 {
        bench.host.sweep(bench.clock.now());
        tokio::task::yield_now().await;
    }
    assert_eq!(active(&bench), 1);
    bench.journal.release();
    assert_eq!(ask.await.expect("no panic"), Ok(1));
}

#[tokio::test]
async fn snapshots_are_taken_every_so_many_events_and_replay_goes_on_from_them() {
    let bench = Bench::new(Options { snapshot_events: 4, ..Options::default() }).await;
    for _ in 0..10 {
        bench.ask(entity(1), Command::Add(1)).await.expect("it counts");
    }
    let loaded = bench.host.peek::<crate::tally::Tally>(&entity(1)).expect("it loads");
    assert_eq!((loaded.state.total, loaded.seq, loaded.snapshot_seq), (10, 10, 8));
    let bench = bench.crash().await;
    assert_eq!(bench.total(entity(1)).await, Ok(10));
}

/// Commands sent while entities are passivated as fast as can be are neither lost nor doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passivation_loses_nothing_under_load() {
    let bench = Bench::new(Options { active_max: 0, sweep_ms: 1, ..Options::default() }).await;
    let asks: Vec<_> = (0..8_u8)
        .map(|number| {
            let (host, envelope) = (bench.host.clone(), bench.envelope(None));
            tokio::spawn(async move {
                for _ in 0..200 {
                    host.ask::<crate::tally::Tally>(&entity(number), Command::Add(1), envelope)
                        .await
                        .expect("it counts");
                    host.sweep(impresario_kernel::Timestamp::from_ms(i64::MAX));
                }
            })
        })
        .collect();
    for ask in asks {
        ask.await.expect("no panic");
    }
    for number in 0..8 {
        assert_eq!(bench.total(entity(number)).await, Ok(200));
    }
}

#[tokio::test]
async fn a_stop_leaves_a_snapshot_of_everything() {
    let bench = Bench::new(Options::default()).await;
    for number in 1..=20 {
        bench.ask(entity(number), Command::Add(i64::from(number))).await.expect("it counts");
    }
    bench.host.stop().await;
    assert_eq!(active(&bench), 0);
    let bench = bench.crash().await;
    for number in 1..=20 {
        let loaded = bench.host.peek::<crate::tally::Tally>(&entity(number)).expect("it loads");
        assert_eq!((loaded.state.total, loaded.snapshot_seq), (i64::from(number), 1));
    }
}

#[tokio::test]
async fn an_operator_lets_one_entity_go_and_it_comes_back_as_it_was() {
    let bench = Bench::new(Options::default()).await;
    assert_eq!(bench.ask(entity(1), Command::Add(7)).await, Ok(7));
    assert_eq!(bench.ask(entity(2), Command::Add(1)).await, Ok(1));
    assert_eq!(bench.host.passivate(&entity(1)).await, Ok(true));
    assert_eq!(active(&bench), 1);
    assert_eq!(bench.host.passivate(&entity(1)).await, Ok(false));
    assert_eq!(bench.ask(entity(1), Command::Add(1)).await, Ok(8));
}

#[tokio::test]
async fn a_held_entity_answers_nobody_until_it_is_released_or_its_time_has_come() {
    let bench = Bench::new(Options::default()).await;
    assert_eq!(bench.ask(entity(1), Command::Add(7)).await, Ok(7));
    let until = bench.clock.now().plus_ms(60_000);
    // One that is active, and one that is not.
    for number in [1, 2] {
        let key = entity(number);
        bench.host.hold(&key, until, "it floods".to_owned()).expect("it is decided for here");
        let refused = bench.ask(key, Command::Add(1)).await;
        let failure = refused.expect_err("it is held");
        assert_eq!(failure.code(), "entity_restarting");
        assert!(failure.to_string().contains("it floods"), "{failure}");
    }
    assert_eq!(bench.host.release(&entity(1)), Ok(true));
    assert_eq!(bench.host.release(&entity(3)), Ok(false));
    assert_eq!(bench.ask(entity(1), Command::Add(1)).await, Ok(8));
    bench.clock.advance_ms(60_001);
    assert_eq!(bench.ask(entity(2), Command::Add(1)).await, Ok(1));
}

/// What was sent before a hold is decided, once, and nothing after it.
#[tokio::test]
async fn a_hold_loses_nothing_that_is_under_way() {
    let bench = Bench::new(Options::default()).await;
    bench.journal.hold();
    let (host, envelope) = (bench.host.clone(), bench.envelope(None));
    let ask = tokio::spawn(async move {
        host.ask::<crate::tally::Tally>(&entity(1), Command::Add(3), envelope).await
    });
    bench.until(|bench| bench.journal.held() == 1).await;
    let until = bench.clock.now().plus_ms(1_000);
    bench.host.hold(&entity(1), until, "look".to_owned()).expect("it is decided for here");
    bench.journal.release();
    assert_eq!(ask.await.expect("no panic"), Ok(3));
    assert_eq!(bench.host.release(&entity(1)), Ok(true));
    assert_eq!(bench.ask(entity(1), Command::Add(1)).await, Ok(4));
}
