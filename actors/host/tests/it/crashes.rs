use impresario_host::{AskError, Failure, Options};
use impresario_journal::{Journal, KeyRange, Table};

use crate::bench::{Bench, entity};
use crate::tally::Command;

fn options() -> Options {
    Options { restart_backoff_ms: 10, ..Options::default() }
}

#[tokio::test]
async fn a_panic_ends_one_actor_and_never_its_neighbours() {
    let bench = Bench::new(options()).await;
    for number in [1, 2] {
        assert_eq!(bench.ask(entity(number), Command::Add(1)).await, Ok(1));
    }
    assert_eq!(bench.ask(entity(1), Command::Panic).await, Err(AskError::Failed(Failure::Crashed)));
    let held_back = bench.ask(entity(1), Command::Add(1)).await;
    assert!(
        matches!(held_back, Err(AskError::Failed(Failure::Restarting { .. }))),
        "{held_back:?}"
    );
    assert_eq!(bench.ask(entity(2), Command::Add(1)).await, Ok(2));
    bench.clock.advance_ms(10);
    assert_eq!(bench.ask(entity(1), Command::Add(1)).await, Ok(2), "restarted from durable state");
}

#[tokio::test]
async fn a_command_that_kills_again_and_again_is_set_aside_and_can_be_replayed_or_dropped() {
    let bench = Bench::new(options()).await;
    for _ in 0..10 {
        let killed = bench.ask(entity(1), Command::Panic).await;
        assert!(matches!(killed, Err(AskError::Failed(_))));
        bench.clock.advance_ms(60_000);
        if matches!(killed, Err(AskError::Failed(Failure::DeadLettered { .. }))) {
            break;
        }
    }
    let refused = bench.ask(entity(1), Command::Panic).await;
    assert!(matches!(refused, Err(AskError::Failed(Failure::DeadLettered { .. }))), "{refused:?}");
    assert_eq!(bench.ask(entity(1), Command::Add(3)).await, Ok(3), "others pass");
    let letters = dead_letters(&bench);
    assert_eq!(letters.len(), 1);
    bench.host.drop_dead_letter(&letters[0]).await.expect("it is dropped");
    assert!(dead_letters(&bench).is_empty());
}

fn dead_letters(bench: &Bench) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    bench
        .journal
        .scan(
            bench.host.partition_of(&entity(1)),
            Table::DeadLetters,
            &KeyRange::all(),
            false,
            &mut |key, _| {
                keys.push(key.to_vec());
                std::ops::ControlFlow::Continue(())
            },
        )
        .expect("the journal reads");
    keys
}

#[tokio::test]
async fn an_entity_whose_events_do_not_apply_is_held_back_alone() {
    let bench = Bench::new(options()).await;
    let _ = bench.ask(entity(1), Command::Curse).await;
    bench.clock.advance_ms(60_000);
    let refused = bench.ask(entity(1), Command::Add(1)).await;
    assert!(matches!(refused, Err(AskError::Failed(Failure::Damaged(_)))), "{refused:?}");
    assert_eq!(bench.ask(entity(2), Command::Add(1)).await, Ok(1));
}

#[tokio::test]
async fn history_includes_what_is_not_durable_yet() {
    let bench = Bench::new(options()).await;
    assert_eq!(bench.ask(entity(1), Command::Add(4)).await, Ok(4));
    let group =
        vec![(Command::Add(5), bench.envelope(None)), (Command::Recount, bench.envelope(None))];
    let replies = bench.host.ask_many::<crate::tally::Tally>(&entity(1), group, None).await;
    assert_eq!(replies, [Ok(9), Ok(9)]);
}
