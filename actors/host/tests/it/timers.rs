use impresario_host::Options;
use impresario_journal::{Journal, Table};
use impresario_kernel::Timestamp;

use crate::bench::{Bench, START, entity};
use crate::tally::Command;

fn row(bench: &Bench) -> Option<Vec<u8>> {
    let key = impresario_rows::timer_key(&entity(1), "wake");
    bench
        .journal
        .get(bench.host.partition_of(&entity(1)), Table::Timers, &key)
        .expect("the journal reads")
}

#[tokio::test]
async fn a_timer_goes_with_the_commit_of_what_it_led_to() {
    let bench = Bench::new(Options::default()).await;
    let due = START.plus_ms(1_000);
    bench.ask(entity(1), Command::Wake(due)).await.expect("it sets the timer");
    assert_eq!(bench.seen.lock().timers.last().and_then(|change| change.due), Some(due));
    assert!(row(&bench).is_some());
    bench.host.fire_timer(&entity(1), "wake", due).await.expect("it fires");
    assert!(row(&bench).is_none());
    assert_eq!(bench.total(entity(1)).await, Ok(100));
}

#[tokio::test]
async fn firing_the_old_time_of_a_replaced_timer_leaves_the_new_one() {
    let bench = Bench::new(Options::default()).await;
    let (old, new) = (START.plus_ms(1_000), START.plus_ms(2_000));
    for due in [old, new] {
        bench.ask(entity(1), Command::Wake(due)).await.expect("it sets the timer");
    }
    bench.host.fire_timer(&entity(1), "wake", old).await.expect("it fires");
    assert_eq!(row(&bench).as_deref().and_then(impresario_rows::due_time), Some(new));
}

#[tokio::test]
async fn a_timer_whose_name_means_nothing_is_dropped() {
    let bench = Bench::new(Options::default()).await;
    bench.host.fire_timer(&entity(1), "nonsense", Timestamp::EPOCH).await.expect("it is dropped");
    assert_eq!(bench.total(entity(1)).await, Ok(0));
}
