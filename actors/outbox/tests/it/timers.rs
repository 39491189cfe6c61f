use impresario_ids::{ProfileId, SegmentId};
use impresario_journal::{Journal, Table, Write};
use impresario_kernel::{EntityKey, PartitionId};
use impresario_outbox::Options;
use impresario_profile::{self as profile, Call, id_of_user};
use impresario_rows::{due_value, timer_key};
use impresario_segment::{self as segment, Segment};

use crate::house::{House, START, TENANT, message};
use crate::receiver::{Answer, Receiver};

const DAY_MS: i64 = 86_400_000;

pub(crate) async fn leaves_after_a_week(house: &House) {
    let key = EntityKey::new(TENANT, segment::KIND, SegmentId::from_bytes([5; 16]));
    let command = segment::Command::Save {
        name: "Recent buyers".to_owned(),
        description: String::new(),
        rule: r#"{"event": "Order", "at_least": 1, "within_last": "7d"}"#.to_owned(),
        expected_version: None,
    };
    house.ask::<Segment>(key, command).await.unwrap();
    house.until_done().await;
    house.track(id_of_user(TENANT, "u"), message(Call::Track, "1", Some("u"), None)).await;
    house.until_done().await;
}

#[tokio::test]
async fn time_alone_ends_a_membership_and_the_endpoint_is_told() {
    let house = House::new().await;
    let receiver = Receiver::start(&[Answer::Status(204)]).await;
    house.add_endpoint(TENANT, 1, &receiver.url()).await;
    leaves_after_a_week(&house).await;
    house.until("entered", |_| receiver.count() == 1).await;
    assert!(receiver.seen()[0].body.contains(r#""type":"segment.entered""#));
    house.advance(6 * DAY_MS);
    assert_eq!(house.rows(Table::Timers).len(), 1);
    house.advance(2 * DAY_MS);
    house.until("left", |_| receiver.count() == 2).await;
    assert!(receiver.seen()[1].body.contains(r#""type":"segment.left""#));
    house.until("the timer is gone", |house| house.rows(Table::Timers).is_empty()).await;
}

#[tokio::test]
async fn a_timer_that_came_due_while_the_node_was_down_fires_late() {
    let house = House::new().await;
    leaves_after_a_week(&house).await;
    assert_eq!(house.view(id_of_user(TENANT, "u")).await.unwrap().segments.len(), 1);
    let mut house = house.crash().await;
    house.advance(30 * DAY_MS);
    assert_eq!(house.rows(Table::Timers).len(), 1);
    house.start().await;
    house.until("the timer is gone", |house| house.rows(Table::Timers).is_empty()).await;
    assert!(house.view(id_of_user(TENANT, "u")).await.unwrap().segments.is_empty());
}

#[tokio::test]
async fn of_two_hundred_thousand_timers_exactly_the_due_ones_fire() {
    const ALL: u32 = 200_000;
    const DUE: u32 = 500;
    let mut house = House::dark(Options { timers_in_flight_max: 32, ..Options::default() }).await;
    house.onboard(TENANT).await;
    let mut writes: Vec<Vec<Write>> = vec![Vec::new(); usize::from(house.journal.partitions())];
    let rows: Vec<(PartitionId, Vec<u8>)> = (0..ALL).map(|number| row(&house, number)).collect();
    for (number, (partition, key)) in (0_u32..).zip(&rows) {
        let late = if number < DUE { 0 } else { DAY_MS + i64::from(number) };
        let value = due_value(START.plus_ms(late));
        let write = Write::Put { table: Table::Timers, key: key.clone(), value };
        writes[usize::from(partition.0)].push(write);
    }
    for (number, writes) in (0..).zip(writes) {
        house.host.system_commit(PartitionId(number), writes).await.unwrap();
    }
    house.start().await;
    let is_left = |house: &House, number: u32| {
        let (partition, key) = &rows[number as usize];
        house.journal.get(*partition, Table::Timers, key).unwrap().is_some()
    };
    house.until("the due ones fired", |house| !(0..DUE).any(|number| is_left(house, number))).await;
    assert_eq!(house.rows(Table::Timers).len(), (ALL - DUE) as usize);
    house.advance(DAY_MS + i64::from(DUE));
    house.until("the next one fired", |house| !is_left(house, DUE)).await;
    assert_eq!(house.rows(Table::Timers).len(), (ALL - DUE) as usize - 1);
}

fn row(house: &House, number: u32) -> (PartitionId, Vec<u8>) {
    let id = ProfileId::derived(&[&number.to_be_bytes()]);
    let entity = EntityKey::new(TENANT, profile::KIND, id);
    (house.host.partition_of(&entity), timer_key(&entity, profile::TIMER))
}
