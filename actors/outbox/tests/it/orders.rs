use impresario_ids::{EndpointId, TenantId};
use impresario_journal::Table;
use impresario_outbox::{DeliveryStatus, Options, Outbox, list_deliveries};
use impresario_tenant as tenant;

use crate::house::{House, TENANT};
use crate::receiver::{Answer, Receiver};

const HOUR_MS: i64 = 3_600_000;

fn statuses(house: &House, endpoint: EndpointId) -> Vec<(DeliveryStatus, u32)> {
    let listed = list_deliveries(&*house.journal, TENANT, endpoint, None, 100).unwrap();
    listed.into_iter().map(|(_, row)| (row.status, row.attempts)).collect()
}

fn outbox(house: &House) -> &Outbox {
    house.outbox.as_ref().unwrap()
}

fn keys(house: &House) -> Vec<Vec<u8>> {
    house.rows(Table::Outbox).into_iter().map(|(key, _)| key).collect()
}

/// A message that was tried once, in vain, and waits. One failure shuts the endpoint's breaker.
async fn failed_once(house: &House, receiver: &Receiver) -> (EndpointId, Vec<u8>) {
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    house.tenant(tenant::Command::Suspend { reason: "test".to_owned() }).await;
    house.until("tried", |house| statuses(house, endpoint) == [(DeliveryStatus::Pending, 1)]).await;
    let [key] = keys(house).try_into().unwrap();
    (endpoint, key)
}

fn impatient() -> Options {
    Options { breaker_failures: 1, ..Options::default() }
}

#[tokio::test]
async fn a_waiting_message_is_tried_at_once_past_schedule_and_breaker() {
    let house = House::with(impatient()).await;
    let receiver = Receiver::start(&[Answer::Status(500), Answer::Status(200)]).await;
    let (endpoint, key) = failed_once(&house, &receiver).await;
    outbox(&house).retry(&key).await.unwrap();
    house.until_done().await;
    assert_eq!(receiver.count(), 2);
    assert_eq!(statuses(&house, endpoint), [(DeliveryStatus::Delivered, 2)]);
    outbox(&house).retry(&key).await.unwrap();
}

#[tokio::test]
async fn a_hastened_message_that_fails_goes_back_to_the_schedule() {
    let house = House::with(impatient()).await;
    let receiver = Receiver::start(&[Answer::Status(500)]).await;
    let (endpoint, key) = failed_once(&house, &receiver).await;
    for attempts in 2..=4 {
        outbox(&house).retry(&key).await.unwrap();
        house
            .until("tried again", |house| {
                statuses(house, endpoint) == [(DeliveryStatus::Pending, attempts)]
            })
            .await;
    }
    assert_eq!((receiver.count(), keys(&house)), (4, vec![key]));
}

#[tokio::test]
async fn a_dropped_message_is_gone_and_never_sent_again() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(500), Answer::Status(200)]).await;
    let (endpoint, key) = failed_once(&house, &receiver).await;
    outbox(&house).forget(&key).await.unwrap();
    assert!(keys(&house).is_empty());
    assert_eq!(statuses(&house, endpoint), [(DeliveryStatus::Dropped, 1)]);
    house.advance(HOUR_MS);
    house.tenant(tenant::Command::Resume).await;
    house.until_done().await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0].id, seen[1].id);
    outbox(&house).forget(&key).await.unwrap();
    outbox(&house).retry(&key).await.unwrap();
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn what_waits_for_a_worker_can_be_dropped_and_what_is_under_way_too() {
    const OTHER: TenantId = TenantId::from_bytes([2; 16]);
    let options =
        Options { deliveries_in_flight_max: 2, deliveries_per_tenant_max: 1, ..impatient() };
    let house = House::with(options).await;
    house.onboard(OTHER).await;
    let (silent, theirs) =
        (Receiver::start(&[Answer::Silence]).await, Receiver::start(&[Answer::Status(200)]).await);
    house.add_endpoint(TENANT, 1, &silent.url()).await;
    house.add_endpoint(OTHER, 2, &theirs.url()).await;
    house.nudge(TENANT).await;
    house.until("one is under way", |_| silent.count() == 1).await;
    let waiting = keys(&house);
    assert_eq!(waiting.len(), 2);
    for key in &waiting {
        outbox(&house).forget(key).await.unwrap();
    }
    assert!(keys(&house).is_empty());
    house.nudge(OTHER).await;
    house.until_done().await;
    assert_eq!((silent.count(), theirs.count()), (1, 2));
}

#[tokio::test]
async fn dropping_at_any_moment_leaves_nothing_behind() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(500)]).await;
    house.add_endpoint(TENANT, 1, &receiver.url()).await;
    let mut chance = impresario_kernel::Rng(7);
    for _ in 0..50 {
        house.nudge(TENANT).await;
        for _ in 0..chance.next_u64() % 300 {
            tokio::task::yield_now().await;
        }
        for key in keys(&house) {
            outbox(&house).forget(&key).await.unwrap();
        }
        assert!(keys(&house).is_empty());
    }
    let stop = std::time::Duration::from_secs(30);
    outbox(&house).stop(stop).await;
    let sent = receiver.count();
    let mut house = house.crash().await;
    house.advance(HOUR_MS);
    house.start().await;
    house.nudge(TENANT).await;
    house.until("only what is new is sent", |_| receiver.count() == sent + 2).await;
}
