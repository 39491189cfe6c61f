use std::collections::BTreeMap;

use impresario_ids::{ProfileId, TenantId};
use impresario_journal::Table;
use impresario_kernel::{EntityKey, Rng};
use impresario_outbox::Options;
use impresario_profile::{self as profile, Call, Profile, id_of_anonymous, id_of_user};

use crate::house::{House, TENANT, message};
use crate::receiver::{Answer, Receiver};

const OTHER: TenantId = TenantId::from_bytes([2; 16]);

/// A crash that is a minute away from the one before counts as the first.
const WELL_MS: i64 = 61_000;

/// With every move of the clock the pumps look at old deliveries, which is where they crash.
fn busy() -> Options {
    Options { tidy_ms: 50, ..Options::default() }
}

/// Messages of a merged visitor, which are passed on in order. In one turn, so that they become
/// durable together.
async fn forward(house: &House, visitor: ProfileId, numbers: std::ops::Range<u64>) {
    let commands = numbers.map(|number| {
        let message = message(Call::Page, &format!("{number:06}"), None, Some("a"));
        (profile::Command::Ingest(Box::new(message)), house.envelope())
    });
    let key = EntityKey::new(TENANT, profile::KIND, visitor);
    let answers = house.router.ask_many::<Profile>(key, commands.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn pumps_that_crash_at_any_moment_go_on_in_order_without_loss() {
    let house = House::with(busy()).await;
    house.onboard(OTHER).await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    house.add_endpoint(OTHER, 1, &receiver.url()).await;
    let (visitor, person) = (id_of_anonymous(TENANT, "a"), id_of_user(TENANT, "u"));
    house.track(person, message(Call::Identify, "000000", Some("u"), Some("a"))).await;
    house.until_done().await;
    let mut chance = Rng(11);
    let (mut sent, rounds) = (1, 20);
    for _ in 0..rounds {
        let count = 1 + chance.next_u64() % 8;
        forward(&house, visitor, sent..sent + count).await;
        sent += count;
        house.nudge(OTHER).await;
        for _ in 0..chance.next_u64() % 60 {
            tokio::task::yield_now().await;
        }
        house.traps.arm(Table::Deliveries, chance.next_u64() % 4);
        house.until_later("a pump crashed", WELL_MS, |house| !house.traps.is_armed()).await;
    }
    house
        .until_later("everything is done", 1_000, |house| house.rows(Table::Outbox).is_empty())
        .await;
    let want: Vec<String> = (0..sent).map(|number| format!("{number:06}")).collect();
    assert_eq!(house.story(person), want);
    assert_eq!(house.view(person).await.unwrap().events, sent);
    assert!(house.rows(Table::DeadLetters).is_empty());
    let kinds = House::kinds(&receiver.seen());
    assert_eq!(kinds.len(), 2 * rounds);
}

#[tokio::test]
async fn pumps_that_crash_while_they_read_begin_anew() {
    let house = House::dark(Options { page_rows: 2, ..Options::default() }).await;
    house.onboard(TENANT).await;
    let (visitor, person) = (id_of_anonymous(TENANT, "a"), id_of_user(TENANT, "u"));
    house.track(person, message(Call::Identify, "000000", Some("u"), Some("a"))).await;
    let mut house = house.crash().await;
    house.traps.arm(Table::Outbox, 3);
    house.start().await;
    house.until("it crashed", |house| !house.traps.is_armed()).await;
    house.until_done().await;
    forward(&house, visitor, 1..20).await;
    for spared in 0..6 {
        house = house.crash().await;
        house.traps.arm(Table::Outbox, spared);
        house.start().await;
        house.until("it crashed", |house| !house.traps.is_armed()).await;
        house.advance(WELL_MS);
    }
    house
        .until_later("everything is done", 1_000, |house| house.rows(Table::Outbox).is_empty())
        .await;
    let want: Vec<String> = (0..20).map(|number| format!("{number:06}")).collect();
    assert_eq!(house.story(person), want);
}

#[tokio::test]
async fn a_timer_pump_that_crashes_while_it_reads_begins_anew() {
    let house = House::dark(Options::default()).await;
    house.onboard(TENANT).await;
    let mut house = house.crash().await;
    house.start().await;
    let day_ms = 86_400_000;
    crate::timers::leaves_after_a_week(&house).await;
    let person = id_of_user(TENANT, "u");
    let mut house = house.crash().await;
    house.traps.arm(Table::Timers, 0);
    house.advance(8 * day_ms);
    house.start().await;
    house.until("it crashed", |house| !house.traps.is_armed()).await;
    house.until("the timer is gone", |house| house.rows(Table::Timers).is_empty()).await;
    assert!(house.view(person).await.unwrap().segments.is_empty());
    let events: BTreeMap<Vec<u8>, Vec<u8>> = house.rows(Table::Events).into_iter().collect();
    house.advance(day_ms);
    house.until_done().await;
    assert_eq!(house.rows(Table::Events).len(), events.len(), "it fired once");
}
