use impresario_ids::SegmentId;
use impresario_journal::{Journal, Table};
use impresario_kernel::EntityKey;
use impresario_outbox::Options;
use impresario_profile::{self as profile, Call, Profile, id_of_anonymous, id_of_user};
use impresario_segment::{self as segment, Segment};
use impresario_tenant as tenant;

use crate::house::{House, TENANT, message};
use crate::receiver::{Answer, Receiver};

const SEGMENT: SegmentId = SegmentId::from_bytes([5; 16]);

fn save(rule: &str) -> segment::Command {
    segment::Command::Save {
        name: "Buyers".to_owned(),
        description: String::new(),
        rule: rule.to_owned(),
        expected_version: None,
    }
}

fn segment_key() -> EntityKey {
    EntityKey::new(TENANT, segment::KIND, SEGMENT)
}

async fn build(house: &House) -> segment::Build {
    build_of(house, segment_key()).await
}

async fn build_of(house: &House, key: EntityKey) -> segment::Build {
    let answer = house.router.query::<Segment>(key, segment::Query::Get, house.envelope());
    match answer.await.unwrap() {
        segment::Answer::Segment(Some(view)) => view.build,
        other => panic!("no segment: {other:?}"),
    }
}

#[tokio::test]
async fn what_an_anonymous_visitor_did_reaches_the_person_once() {
    let house = House::new().await;
    let (visitor, person) = (id_of_anonymous(TENANT, "a"), id_of_user(TENANT, "u"));
    for id in ["1", "2", "3"] {
        house.track(visitor, message(Call::Track, id, None, Some("a"))).await;
    }
    house.track(person, message(Call::Identify, "4", Some("u"), Some("a"))).await;
    house.until_done().await;
    let view = house.view(person).await.unwrap();
    assert_eq!((view.events, view.merged), (4, vec![visitor]));
    // And what still comes to the visitor is passed on, once.
    for _ in 0..2 {
        house.track(visitor, message(Call::Track, "5", None, Some("a"))).await;
        house.until_done().await;
    }
    assert_eq!(house.view(person).await.unwrap().events, 5);
    assert!(house.rows(Table::DeadLetters).is_empty());
}

#[tokio::test]
async fn what_was_decided_before_a_crash_is_carried_out_after_it() {
    let house = House::dark(Options::default()).await;
    house.onboard(TENANT).await;
    let (visitor, person) = (id_of_anonymous(TENANT, "a"), id_of_user(TENANT, "u"));
    house.track(visitor, message(Call::Track, "1", None, Some("a"))).await;
    house.track(person, message(Call::Identify, "2", Some("u"), Some("a"))).await;
    assert_eq!(house.rows(Table::Outbox).len(), 1);
    let mut house = house.crash().await;
    house.start().await;
    house.until_done().await;
    assert_eq!(house.view(person).await.unwrap().events, 2);
}

#[tokio::test]
async fn a_new_segment_is_published_and_swept_over_all_profiles() {
    let house = House::new().await;
    for number in 0..30 {
        let user = format!("u{number}");
        let call = if number % 3 == 0 { Call::Track } else { Call::Identify };
        house.track(id_of_user(TENANT, &user), message(call, "1", Some(&user), None)).await;
    }
    house
        .ask::<Segment>(segment_key(), save(r#"{"event": "Order", "at_least": 1}"#))
        .await
        .unwrap();
    house.until_done().await;
    let segment::Build::Ready { profiles, members, .. } = build(&house).await else {
        panic!("not swept: {:?}", build(&house).await)
    };
    assert_eq!((profiles, members), (30, 10));
    assert_eq!(house.view(id_of_user(TENANT, "u3")).await.unwrap().segments.len(), 1);
}

#[tokio::test]
async fn a_refused_message_is_set_aside_and_can_be_replayed() {
    let mut house = House::dark(Options::default()).await;
    // The tenant has keys, but was never onboarded: it refuses to publish.
    crate::house::provision(&house.host, TENANT).await;
    house.start().await;
    house
        .ask::<Segment>(segment_key(), save(r#"{"event": "Order", "at_least": 1}"#))
        .await
        .unwrap();
    house.until_done().await;
    let [(key, _)] = house.rows(Table::DeadLetters).try_into().unwrap();
    assert_eq!(EntityKey::from_bytes(&key), Ok(tenant::key(TENANT)));
    house.onboard(TENANT).await;
    assert_eq!(house.host.replay_dead_letter(&key).await.unwrap(), Ok(()));
    assert!(house.tenant_state().live_segment(SEGMENT).is_some());
}

#[tokio::test]
async fn many_more_messages_than_memory_holds_arrive_in_order() {
    let options =
        Options { queue_rows_max: 4, lane_rows_max: 2, page_rows: 3, ..Options::default() };
    let house = House::with(options).await;
    let (visitor, person) = (id_of_anonymous(TENANT, "a"), id_of_user(TENANT, "u"));
    house.track(person, message(Call::Identify, "0", Some("u"), Some("a"))).await;
    house.until_done().await;
    // In one turn, so that they become durable together.
    let commands = (1..=60).map(|number| {
        let message = message(Call::Track, &format!("{number}"), None, Some("a"));
        (profile::Command::Ingest(Box::new(message)), house.envelope())
    });
    let key = EntityKey::new(TENANT, profile::KIND, visitor);
    let answers = house.router.ask_many::<Profile>(key, commands.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    house
        .until_later("everything is done", 1_000, |house| house.rows(Table::Outbox).is_empty())
        .await;
    assert_eq!(house.view(person).await.unwrap().events, 61);
    let want: Vec<String> = (0..=60).map(|number| number.to_string()).collect();
    assert_eq!(house.received(person), want);
}

#[tokio::test]
async fn crashes_at_any_moment_neither_lose_nor_repeat_a_message() {
    let mut house = House::new().await;
    let person = id_of_user(TENANT, "u");
    let mut chance = impresario_kernel::Rng(42);
    let mut sent = 0;
    for round in 0..25 {
        let anonymous = format!("a{round}");
        let visitor = id_of_anonymous(TENANT, &anonymous);
        for number in 0..4 {
            let id = format!("{round}/{number}");
            house.track(visitor, message(Call::Track, &id, None, Some(&anonymous))).await;
        }
        let id = format!("{round}/link");
        house.track(person, message(Call::Identify, &id, Some("u"), Some(&anonymous))).await;
        let id = format!("{round}/late");
        house.track(visitor, message(Call::Track, &id, None, Some(&anonymous))).await;
        sent += 6;
        for _ in 0..chance.next_u64() % 200 {
            tokio::task::yield_now().await;
        }
        house = house.crash().await;
        house.start().await;
    }
    house
        .until_later("everything is done", 1_000, |house| house.rows(Table::Outbox).is_empty())
        .await;
    assert_eq!(house.view(person).await.unwrap().events, sent);
    assert!(house.rows(Table::DeadLetters).is_empty());
}

#[tokio::test]
async fn a_segment_that_is_resumed_is_swept_again_under_its_version() {
    let house = House::new().await;
    let person = id_of_user(TENANT, "u");
    house
        .ask::<Segment>(segment_key(), save(r#"{"event": "Order", "at_least": 1}"#))
        .await
        .unwrap();
    house.until_done().await;
    house.ask::<Segment>(segment_key(), segment::Command::Pause).await.unwrap();
    house.until_done().await;
    house.track(person, message(Call::Track, "1", Some("u"), None)).await;
    assert!(house.view(person).await.unwrap().segments.is_empty());
    house.ask::<Segment>(segment_key(), segment::Command::Resume).await.unwrap();
    house.until_done().await;
    assert_eq!(house.view(person).await.unwrap().segments.len(), 1);
    assert!(matches!(build(&house).await, segment::Build::Ready { profiles: 1, members: 1, .. }));
}

#[tokio::test]
async fn members_leave_a_segment_that_is_archived_also_if_it_was_paused() {
    for is_paused in [false, true] {
        let house = House::new().await;
        let receiver = Receiver::start(&[Answer::Status(200)]).await;
        house.add_endpoint(TENANT, 1, &receiver.url()).await;
        let person = id_of_user(TENANT, "u");
        house
            .ask::<Segment>(segment_key(), save(r#"{"event": "Order", "at_least": 1}"#))
            .await
            .unwrap();
        house.until_done().await;
        house.track(person, message(Call::Track, "1", Some("u"), None)).await;
        house.until_done().await;
        assert_eq!(house.view(person).await.unwrap().segments.len(), 1);
        if is_paused {
            house.ask::<Segment>(segment_key(), segment::Command::Pause).await.unwrap();
            house.until_done().await;
            assert_eq!(house.view(person).await.unwrap().segments.len(), 1);
        }
        house.ask::<Segment>(segment_key(), segment::Command::Archive).await.unwrap();
        house.until_done().await;
        assert!(house.view(person).await.unwrap().segments.is_empty());
        let told: Vec<String> = receiver.seen().into_iter().map(|one| one.body).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].contains(r#""type":"segment.left""#));
        assert!(house.rows(Table::DeadLetters).is_empty());
    }
}

#[tokio::test]
async fn a_segment_past_the_plans_limit_is_shown_to_its_owner_as_failed() {
    let house = House::new().await;
    let overrides = tenant::Overrides { segments: Some(1), ..tenant::Overrides::default() };
    house.tenant(tenant::Command::OverrideLimits { overrides }).await;
    let second = EntityKey::new(TENANT, segment::KIND, SegmentId::from_bytes([6; 16]));
    for key in [segment_key(), second] {
        house.ask::<Segment>(key, save(r#"{"event": "Order", "at_least": 1}"#)).await.unwrap();
        house.until_done().await;
    }
    assert!(matches!(build(&house).await, segment::Build::Ready { .. }));
    let segment::Build::Failed { reason, .. } = build_of(&house, second).await else {
        panic!("not refused: {:?}", build_of(&house, second).await)
    };
    assert_eq!(reason, "plan_limit_reached");
    // With more room the operator replays the publication, and the owner sees that too.
    let overrides = tenant::Overrides::default();
    house.tenant(tenant::Command::OverrideLimits { overrides }).await;
    let [(letter, _)] = house.rows(Table::DeadLetters).try_into().unwrap();
    assert_eq!(house.host.replay_dead_letter(&letter).await.unwrap(), Ok(()));
    house.until_done().await;
    assert!(matches!(build_of(&house, second).await, segment::Build::Ready { .. }));
}

#[tokio::test]
async fn an_erased_tenants_rows_are_dropped() {
    let house = House::dark(Options::default()).await;
    house.onboard(TENANT).await;
    house.track(id_of_user(TENANT, "u"), message(Call::Identify, "1", Some("u"), Some("a"))).await;
    let [(key, value)] = house.rows(Table::Outbox).try_into().unwrap();
    crate::house::erase(&house.host, TENANT).await;
    // As if the erasure had been interrupted before this row.
    let partition = EntityKey::from_bytes(&key).unwrap().partition(house.journal.partitions());
    let write = impresario_journal::Write::Put { table: Table::Outbox, key, value };
    house.host.system_commit(partition, vec![write]).await.unwrap();
    let mut house = house.crash().await;
    house.start().await;
    house.until_done().await;
}
