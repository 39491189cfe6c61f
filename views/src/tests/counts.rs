use impresario_profile::index::{self, Grain};

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_ms(NOON + hour * HOUR)
}

/// Counts as (name, hours after NOON, count).
#[track_caller]
fn check(
    store: &Store,
    name: Option<&str>,
    hours: [i64; 2],
    bucket: Bucket,
    want: &[(&str, i64, i64)],
) {
    let range = at(hours[0])..at(hours[1]);
    let (counts, _) = store.views.event_counts(ACME, name, range, bucket).expect("it can be read");
    let got: Vec<_> = counts
        .iter()
        .map(|count| (count.name.as_str(), (count.from.as_ms() - NOON) / HOUR, count.count))
        .collect();
    assert_eq!(got, want);
}

fn busy() -> Store {
    let store = Store::new();
    for n in 0..20 {
        let user = format!("u{n}");
        store.receive(ACME, by(&user, track(&format!("{n}-a"), "Order Completed", 0)));
        store.receive(ACME, by(&user, track(&format!("{n}-b"), "Order Completed", 1)));
        store.receive(ACME, by(&user, track(&format!("{n}-c"), "Cart Viewed", 13)));
        store.receive(ACME, by(&user, message(Call::Page, &format!("{n}-d"), 1)));
    }
    store.receive(OTHER, track("x", "Order Completed", 0));
    store
}

#[test]
fn events_are_counted_by_name_and_hour() {
    let store = busy();
    let all = [
        ("Cart Viewed", 13, 20),
        ("Order Completed", 0, 20),
        ("Order Completed", 1, 20),
        ("page", 1, 20),
    ];
    check(&store, None, [0, 24], Bucket::Hour, &all);
    check(&store, None, [1, 2], Bucket::Hour, &all[2..]);
    check(&store, Some("Order Completed"), [0, 1], Bucket::Hour, &all[1..2]);
    check(&store, Some("Order"), [0, 24], Bucket::Hour, &[]);
    check(&store, None, [5, 5], Bucket::Hour, &[]);
    check(&store, None, [9, 2], Bucket::Hour, &[]);
}

#[test]
fn events_are_counted_by_day_and_in_total() {
    let store = busy();
    // NOON is twelve hours after the day's beginning, thirteen hours later is the next day.
    check(
        &store,
        None,
        [0, 24],
        Bucket::Day,
        &[("Cart Viewed", 12, 20), ("Order Completed", -12, 40), ("page", -12, 20)],
    );
    check(&store, Some("Order Completed"), [-1, 24], Bucket::Total, &[("Order Completed", -1, 40)]);
}

#[test]
fn ten_07_usage_is_summed_over_partitions() {
    let store = busy();
    let usage = |tenant, grain| {
        let period = index::period(grain, at(0));
        let (usage, _) =
            store.views.usage(tenant, grain, period..period + 1).expect("it can be read");
        usage.into_iter().map(|row| (row.meter, row.count)).collect::<Vec<_>>()
    };
    assert_eq!(usage(ACME, Grain::Month), [("events", 80), ("active_profiles", 20)]);
    assert_eq!(usage(OTHER, Grain::Month), [("events", 1), ("active_profiles", 1)]);
    let days = index::period(Grain::Day, at(0))..index::period(Grain::Day, at(24));
    let (usage, _) = store.views.usage(ACME, Grain::Day, days).expect("it can be read");
    assert_eq!(
        usage.iter().map(|row| row.count).sum::<i64>(),
        60,
        "received on the first day: {usage:?}"
    );
}
