use std::sync::atomic::Ordering;

use impresario_host::clock::Clock as _;
use impresario_ids::{EndpointId, TenantId};
use impresario_journal::Table;
use impresario_outbox::{
    DeliveryRow, DeliveryStatus, Options, find_delivery, list_deliveries, open_delivery,
};
use impresario_tenant as tenant;
use impresario_webhooks::{Secret, sign};

use crate::house::{House, SECRET, START, TENANT};
use crate::receiver::{Answer, Receiver};

const HOUR_MS: i64 = 3_600_000;

fn deliveries(house: &House, endpoint: EndpointId) -> Vec<DeliveryRow> {
    let listed = list_deliveries(&*house.journal, TENANT, endpoint, None, 100).unwrap();
    listed.into_iter().map(|(_, row)| row).collect()
}

async fn suspend(house: &House) {
    house.tenant(tenant::Command::Suspend { reason: "test".to_owned() }).await;
}

#[tokio::test]
async fn a_message_is_delivered_signed_and_listed() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    suspend(&house).await;
    house.until_done().await;
    let [received] = receiver.seen().try_into().unwrap();
    assert!(
        received
            .body
            .starts_with(r#"{"type":"tenant.suspended","timestamp":"2023-11-14T22:13:20Z""#)
    );
    let secret = Secret::parse(SECRET).unwrap();
    assert_eq!(
        received.signature,
        sign(&secret, &received.id, START.as_ms() / 1_000, &received.body)
    );
    let [row] = deliveries(&house, endpoint).try_into().unwrap();
    assert_eq!(
        (row.status, row.attempts, row.http_status),
        (DeliveryStatus::Delivered, 1, Some(200))
    );
    assert_eq!((row.kind.as_str(), row.error), ("tenant.suspended", None));
}

#[tokio::test]
async fn a_past_message_is_replayed_byte_for_byte_under_its_id() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    house.nudge(TENANT).await;
    house.until_done().await;
    let first = receiver.seen()[0].clone();
    let message = first.id.parse().unwrap();
    let (key, row) = find_delivery(&*house.journal, TENANT, endpoint, message).unwrap().unwrap();
    let sent = open_delivery(house.host.vault(), &key, &row).unwrap();
    assert_eq!((sent.body.0.as_str(), sent.detail.0.as_str()), (first.body.as_str(), "ok"));
    let replay = tenant::Command::ReplayDelivery {
        endpoint,
        message,
        kind: row.kind.clone(),
        body: sent.body,
    };
    house.tenant(replay).await;
    house.until_done().await;
    assert_eq!(receiver.seen()[2], first);
}

#[tokio::test]
async fn a_failing_endpoint_is_tried_again_by_the_schedule_also_over_a_crash() {
    let house = House::new().await;
    let answers = [Answer::Status(500), Answer::Status(503), Answer::Status(200)];
    let receiver = Receiver::start(&answers).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    suspend(&house).await;
    let tried = |attempts| {
        move |house: &House| deliveries(house, endpoint).iter().any(|row| row.attempts == attempts)
    };
    house.until("first try", tried(1)).await;
    let row = deliveries(&house, endpoint).remove(0);
    assert_eq!((row.status, row.error.as_deref()), (DeliveryStatus::Pending, Some("status")));
    let wait = row.next_at.unwrap().since_ms(START);
    assert!((5_000..=5_500).contains(&wait), "{wait}");
    house.advance(4_000);
    assert_eq!(receiver.count(), 1);
    house.advance(1_500);
    house.until("second try", tried(2)).await;

    let mut house = house.crash().await;
    house.start().await;
    assert_eq!(house.rows(Table::Outbox).len(), 1);
    house.advance(6 * 60_000);
    house.until_done().await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| one.id == seen[0].id && one.body == seen[0].body));
    assert_eq!(deliveries(&house, endpoint)[0].status, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_at_once() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(410)]).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    suspend(&house).await;
    house.until_done().await;
    let state = house.tenant_state();
    let known = state.endpoint(endpoint).unwrap();
    assert_eq!((known.enabled, known.disabled_reason.as_deref()), (false, Some("gone_410")));
    assert_eq!(deliveries(&house, endpoint)[0].status, DeliveryStatus::Gone);
}

#[tokio::test]
async fn an_endpoint_that_failed_the_whole_schedule_is_disabled() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(500)]).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    suspend(&house).await;
    for attempt in 1..=10 {
        house
            .until("the next try", |house| {
                deliveries(house, endpoint).iter().any(|row| row.attempts == attempt)
            })
            .await;
        house.advance(27 * HOUR_MS);
    }
    house.until_done().await;
    assert_eq!(receiver.count(), 10);
    assert_eq!(deliveries(&house, endpoint)[0].status, DeliveryStatus::Failed);
    let state = house.tenant_state();
    assert_eq!(state.endpoint(endpoint).unwrap().disabled_reason.as_deref(), Some("failing"));
}

#[tokio::test]
async fn a_silent_endpoint_delays_neither_its_tenant_nor_another() {
    const OTHER: TenantId = TenantId::from_bytes([2; 16]);
    let options = Options {
        deliveries_in_flight_max: 3,
        deliveries_per_tenant_max: 2,
        deliveries_per_endpoint_max: 1,
        ..Options::default()
    };
    let house = House::with(options).await;
    house.onboard(OTHER).await;
    let silent = Receiver::start(&[Answer::Silence]).await;
    let (mine, theirs) = (
        Receiver::start(&[Answer::Status(200)]).await,
        Receiver::start(&[Answer::Status(200)]).await,
    );
    house.add_endpoint(TENANT, 1, &silent.url()).await;
    house.add_endpoint(TENANT, 2, &mine.url()).await;
    house.add_endpoint(OTHER, 3, &theirs.url()).await;
    for _ in 0..5 {
        house.nudge(TENANT).await;
        house.nudge(OTHER).await;
    }
    house.until("the others have everything", |_| mine.count() == 10 && theirs.count() == 10).await;
    assert!(silent.count() <= 1);
}

#[tokio::test]
async fn more_messages_than_memory_holds_are_all_delivered() {
    let options = Options {
        queue_rows_max: 4,
        page_rows: 3,
        parked_rows_max: 2,
        breaker_failures: 1_000,
        ..Options::default()
    };
    let house = House::with(options).await;
    let answers: Vec<Answer> =
        [Answer::Status(500); 10].into_iter().chain([Answer::Status(200)]).collect();
    let receiver = Receiver::start(&answers).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    // In one turn, so that they become durable together.
    let commands = (0..20).flat_map(|_| {
        let suspend = tenant::Command::Suspend { reason: "test".to_owned() };
        [suspend, tenant::Command::Resume].map(|command| (command, house.envelope()))
    });
    let answers =
        house.router.ask_many::<tenant::Tenant>(tenant::key(TENANT), commands.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    house
        .until_later("everything is done", 600, |house| house.rows(Table::Outbox).is_empty())
        .await;
    let rows = deliveries(&house, endpoint);
    assert_eq!(rows.len(), 40);
    assert!(rows.iter().all(|row| row.status == DeliveryStatus::Delivered));
    assert_eq!(receiver.count(), 50);
}

#[tokio::test]
async fn messages_to_a_disabled_endpoint_are_dropped_and_stay_listed() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(500)]).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    house.nudge(TENANT).await;
    house.until("tried", |house| deliveries(house, endpoint).len() == 2).await;
    let patch = tenant::EndpointPatch { enabled: Some(false), ..tenant::EndpointPatch::default() };
    house.tenant(tenant::Command::UpdateEndpoint { id: endpoint, patch }).await;
    house.advance(10_000);
    house.until_done().await;
    assert!(deliveries(&house, endpoint).iter().all(|row| row.status == DeliveryStatus::Dropped));
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn an_attempt_that_panics_is_made_again_a_minute_later() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    house.add_endpoint(TENANT, 1, &receiver.url()).await;
    house.panics.store(true, Ordering::SeqCst);
    suspend(&house).await;
    house.until("it panicked", |house| !house.panics.load(Ordering::SeqCst)).await;
    assert_eq!(receiver.count(), 0);
    house.until_later("it is done", 1_000, |house| house.rows(Table::Outbox).is_empty()).await;
    assert_eq!(receiver.count(), 1);
    assert!(house.clock.now().since_ms(START) >= 60_000);
}

#[tokio::test]
async fn old_deliveries_are_forgotten() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    let endpoint = house.add_endpoint(TENANT, 1, &receiver.url()).await;
    house.nudge(TENANT).await;
    house.until_done().await;
    house.advance(6 * 24 * HOUR_MS);
    house.nudge(TENANT).await;
    house.until_done().await;
    assert_eq!(deliveries(&house, endpoint).len(), 4);
    house.advance(2 * 24 * HOUR_MS);
    house
        .until("the older ones are forgotten", |house| deliveries(house, endpoint).len() == 2)
        .await;
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    house.add_endpoint(TENANT, 1, &receiver.url()).await;
    suspend(&house).await;
    house.until("it arrived", |_| receiver.count() == 1).await;
    let outbox = house.outbox.as_ref().unwrap();
    outbox.stop(std::time::Duration::from_secs(30)).await;
    assert!(house.rows(Table::Outbox).is_empty());
}
