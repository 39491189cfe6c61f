//! Two nodes over one journal, and leadership that moves between them.

use std::collections::BTreeMap;
use std::time::Duration;

use impresario_ids::{NodeId, ProfileId, SegmentId, TenantId};
use impresario_journal::{Leadership, Role, Table, Term};
use impresario_kernel::{Entity, EntityKey, PartitionId, Rng};
use impresario_outbox::Options;
use impresario_profile::{self as profile, Call, Message, Profile, id_of_anonymous, id_of_user};
use impresario_router::{Envelope, Failure, IdempotencyKey};
use impresario_segment::{self as segment, Segment};
use impresario_tenant::{self as tenant, Tenant};

use crate::house::{House, TENANT, message};
use crate::receiver::{Answer, Receiver};

const DAY_MS: i64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::from_bytes([5; 16]);

/// Tenants whose news are webhooks, each of its own partition's tenant entity.
const OTHERS: [TenantId; 3] =
    [TenantId::from_bytes([2; 16]), TenantId::from_bytes([3; 16]), TenantId::from_bytes([4; 16])];

struct Pair {
    nodes: [House; 2],
    leaders: Vec<usize>,
    term: u64,
    chance: Rng,
    keys: u64,
    /// For each partition the key of a row that is not there.
    nowhere: Vec<Vec<u8>>,
}

impl Pair {
    /// The first node leads everything, and its tenants are onboarded.
    async fn new(seed: u64) -> Self {
        let options = Options { ask_timeout_ms: DAY_MS, ..Options::default() };
        let mut first = House::dark(options).await;
        first.onboard(TENANT).await;
        for id in OTHERS {
            first.onboard(id).await;
        }
        let mut second = first.beside().await;
        // Each must ask the journal whether it still leads before it answers from what it has.
        first.journal.doubt(true);
        second.journal.doubt(true);
        first.start().await;
        second.start().await;
        let leaders = vec![0; usize::from(first.host.journal().partitions())];
        let nowhere = (0..leaders.len()).map(|partition| nowhere(&first, partition)).collect();
        Self { nodes: [first, second], leaders, term: 0, chance: Rng(seed), keys: 0, nowhere }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.next_u64() % bound
    }

    async fn run_a_little(&mut self) {
        for _ in 0..self.below(60) {
            tokio::task::yield_now().await;
        }
    }

    fn depose(&self, partition: usize, node: usize, term: u64) {
        let role = Role::Follower { leader: Some(NodeId(2 - node as u64)) };
        self.tell(partition, node, term, role);
    }

    fn tell(&self, partition: usize, node: usize, term: u64, role: Role) {
        let partition = PartitionId(u16::try_from(partition).unwrap());
        self.nodes[node].journal.lead(partition, Leadership { term: Term(term), role });
    }

    /// A new term: under the other node or the same again. Whoever is deposed hears of it before the
    /// new leader, with it, or later.
    async fn elect(&mut self, partition: usize, node: usize) {
        self.term += 1;
        let (term, old) = (self.term, self.leaders[partition]);
        let hears_first = self.below(3) > 0;
        if old != node && hears_first {
            self.depose(partition, old, term);
            if self.below(2) > 0 {
                self.run_a_little().await;
            }
        }
        self.tell(partition, node, term, Role::Leader);
        self.leaders[partition] = node;
        if old != node && !hears_first {
            self.run_a_little().await;
            self.depose(partition, old, term);
        }
    }

    async fn move_something(&mut self) {
        let (partition, node) = (self.below(self.leaders.len() as u64), self.below(2));
        self.elect(partition as usize, node as usize).await;
    }

    fn advance(&self, ms: i64) {
        self.nodes[0].advance(ms);
        self.nodes[1].advance(0);
    }

    /// Asks whoever leads, as a client does: again, under the same key, until there is an answer.
    async fn ask<E: Entity>(&mut self, entity: EntityKey, command: E::Command)
    where
        E::Command: Clone,
    {
        self.keys += 1;
        let key = Some(IdempotencyKey::of(&self.keys.to_be_bytes()));
        for node in (0..2).cycle() {
            let house = &self.nodes[node];
            let envelope = Envelope { key, ..house.envelope() };
            if house.router.ask::<E>(entity, command.clone(), envelope).await.is_ok() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn track(&mut self, id: ProfileId, message: Message) {
        let command = profile::Command::Ingest(Box::new(message));
        self.ask::<Profile>(EntityKey::new(TENANT, profile::KIND, id), command).await;
    }

    async fn save(&mut self, id: SegmentId, rule: &str) {
        let command = segment::Command::Save {
            name: format!("Segment {id}"),
            description: String::new(),
            rule: rule.to_owned(),
            expected_version: None,
        };
        self.ask::<Segment>(EntityKey::new(TENANT, segment::KIND, id), command).await;
    }

    async fn nudge(&mut self, id: TenantId) {
        let suspend = tenant::Command::Suspend { reason: "test".to_owned() };
        self.ask::<Tenant>(tenant::key(id), suspend).await;
        self.ask::<Tenant>(tenant::key(id), tenant::Command::Resume).await;
    }

    /// Waits until every pump has looked at the clock, lest it outruns what is to happen in its time.
    async fn keep_up(&self) {
        for house in &self.nodes {
            let outbox = house.outbox.as_ref().unwrap();
            for key in &self.nowhere {
                // Not there, or not led here: the order comes behind the look, which is all.
                let _ = outbox.retry(key).await;
            }
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    async fn until(&self, what: &str, condition: impl Fn(&House) -> bool) {
        let held = tokio::time::timeout(Duration::from_secs(60), async {
            while !condition(&self.nodes[0]) {
                self.advance(100);
                self.keep_up().await;
            }
        });
        let is_held = held.await.is_ok();
        let rows = self.nodes[0].rows(Table::Outbox).len();
        assert!(is_held, "never held: {what}; rows left: {rows}");
    }

    /// One node leads everything, and everything is done.
    async fn settle(&mut self, node: usize) {
        for partition in 0..self.leaders.len() {
            self.elect(partition, node).await;
            let (host, term) = (self.nodes[node].host.clone(), Term(self.term));
            let partition = PartitionId(u16::try_from(partition).unwrap());
            self.until("it is heard", |_| host.leads(partition) == Some(term)).await;
        }
        self.until("the outbox is empty", |house| house.rows(Table::Outbox).is_empty()).await;
    }

    fn violations(&self) -> (usize, usize) {
        let [first, second] = self.nodes.each_ref().map(|house| house.ears.counts());
        (first.0 + second.0, first.1 + second.1)
    }
}

/// The key of a row in this partition that is not there.
fn nowhere(house: &House, partition: usize) -> Vec<u8> {
    let entities = (0_u32..).map(|number| {
        let id = ProfileId::derived(&[b"nobody", &number.to_be_bytes()]);
        EntityKey::new(TENANT, profile::KIND, id)
    });
    let found =
        entities.into_iter().find(|key| usize::from(house.host.partition_of(key).0) == partition);
    impresario_rows::outbox_key(&found.unwrap(), 1, 0)
}

fn user(number: u64) -> String {
    format!("u{number:02}")
}

/// What a person and the visitor that the person turns out to be do, in this order.
async fn live(pair: &mut Pair, number: u64, step: u64) {
    let (user, visitor) = (user(number), format!("a{number:02}"));
    let (person, anonymous) = (id_of_user(TENANT, &user), id_of_anonymous(TENANT, &visitor));
    let id = format!("{user}/{step}");
    let (to, sent) = match step {
        0 => (person, message(Call::Track, &id, Some(&user), None)),
        2 => (person, message(Call::Identify, &id, Some(&user), Some(&visitor))),
        _ => (anonymous, message(Call::Page, &id, None, Some(&visitor))),
    };
    pair.track(to, sent).await;
}

const PEOPLE: u64 = 10;
const STEPS: u64 = 8;

async fn check(seed: u64) {
    let mut pair = Pair::new(seed).await;
    let answers = [Answer::Status(500), Answer::Status(200)];
    let news = Receiver::start(&answers).await;
    let memberships = Receiver::start(&answers).await;
    for (number, id) in (2..).zip(OTHERS) {
        pair.nodes[0].add_endpoint(id, number, &news.url()).await;
    }
    pair.nodes[0].add_endpoint(TENANT, 1, &memberships.url()).await;
    pair.save(SEGMENT, r#"{"event": "Order", "at_least": 1, "within_last": "7d"}"#).await;
    pair.settle(0).await;
    let mut nudges = 0;
    for step in 0..STEPS {
        for number in 0..PEOPLE {
            live(&mut pair, number, step).await;
            if pair.below(2) == 0 {
                pair.move_something().await;
            }
            if pair.below(4) == 0 {
                let id = OTHERS[pair.below(3) as usize];
                pair.nudge(id).await;
                nudges += 2;
            }
            pair.advance(300);
            pair.keep_up().await;
            pair.run_a_little().await;
        }
        if step == 4 {
            pair.save(SegmentId::from_bytes([6; 16]), r#"{"event": "Order", "at_least": 1}"#).await;
        }
    }
    let node = pair.below(2) as usize;
    pair.settle(node).await;
    check_people(&pair, node).await;
    check_news(&pair, &news, nudges);
    check_timers(&mut pair, &memberships).await;
    let (checks, violations) = pair.violations();
    assert!(checks > 0);
    assert_eq!(violations, 0, "carried out by a node that knew it did not lead");
}

/// Everything reached each person once, and what one visitor did in its order.
async fn check_people(pair: &Pair, node: usize) {
    let house = &pair.nodes[node];
    assert!(house.rows(Table::DeadLetters).is_empty());
    for number in 0..PEOPLE {
        let person = id_of_user(TENANT, &user(number));
        assert_eq!(house.view(person).await.unwrap().events, STEPS, "{}", user(number));
        let late: Vec<String> = house
            .story(person)
            .into_iter()
            .filter(|id| id.rsplit('/').next().is_some_and(|step| step > "2"))
            .collect();
        assert!(late.is_sorted(), "{late:?}");
    }
}

fn check_news(pair: &Pair, news: &Receiver, nudges: usize) {
    let kinds = House::kinds(&news.seen());
    assert_eq!(kinds.len(), nudges, "every message came, under one id");
    let deliveries = pair.nodes[0].rows(Table::Deliveries);
    assert!(deliveries.len() >= nudges);
}

/// Everybody leaves the first segment after a week, once, wherever the timers are led meanwhile.
async fn check_timers(pair: &mut Pair, memberships: &Receiver) {
    assert_eq!(pair.nodes[0].rows(Table::Timers).len(), PEOPLE as usize);
    pair.advance(7 * DAY_MS - 60_000);
    for _ in 0..120 {
        pair.advance(1_000);
        pair.keep_up().await;
        if pair.below(3) == 0 {
            pair.move_something().await;
        }
        pair.run_a_little().await;
    }
    pair.until("the timers are gone", |house| house.rows(Table::Timers).is_empty()).await;
    pair.settle(1).await;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for kind in House::kinds(&memberships.seen()).into_values() {
        *counts.entry(kind).or_default() += 1;
    }
    // Into both segments, out of the first.
    assert_eq!(counts.get("segment.entered"), Some(&(2 * PEOPLE)), "{counts:?}");
    assert_eq!(counts.get("segment.left"), Some(&PEOPLE), "{counts:?}");
}

#[tokio::test]
async fn effects_take_effect_once_while_leadership_moves() {
    for seed in 1..=8 {
        check(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_take_effect_once_while_leadership_moves_on_many_threads() {
    for seed in 21..=24 {
        check(seed).await;
    }
}

#[tokio::test]
async fn a_delivery_under_way_is_dropped_and_made_again_under_its_id_by_the_next_leader() {
    let mut pair = Pair::new(1).await;
    let receiver = Receiver::start(&[Answer::Silence, Answer::Status(200)]).await;
    pair.nodes[0].add_endpoint(OTHERS[0], 1, &receiver.url()).await;
    let suspend = tenant::Command::Suspend { reason: "test".to_owned() };
    pair.ask::<Tenant>(tenant::key(OTHERS[0]), suspend).await;
    pair.until("it is under way", |_| receiver.count() == 1).await;
    let [(key, _)] = pair.nodes[0].rows(Table::Outbox).try_into().unwrap();
    let order = pair.nodes[1].outbox.as_ref().unwrap().retry(&key).await;
    assert_eq!(order, Err(Failure::NotLeader { leader: Some(NodeId(1)) }));
    pair.settle(1).await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!((&seen[0].id, &seen[0].body), (&seen[1].id, &seen[1].body));
    assert_eq!(pair.violations().1, 0);
}

#[tokio::test]
async fn what_a_deposed_leader_could_not_write_down_is_not_written_later() {
    let mut pair = Pair::new(1).await;
    let receiver = Receiver::start(&[Answer::Status(500), Answer::Status(200)]).await;
    pair.nodes[0].add_endpoint(OTHERS[0], 1, &receiver.url()).await;
    let suspend = tenant::Command::Suspend { reason: "test".to_owned() };
    pair.ask::<Tenant>(tenant::key(OTHERS[0]), suspend).await;
    // The first node's word that the attempt failed is on its way when the second takes over.
    pair.nodes[0].journal.hold();
    pair.until("the outcome waits", |house| house.journal.held() > 0).await;
    assert_eq!(receiver.count(), 1);
    for partition in 0..pair.leaders.len() {
        pair.tell(partition, 1, 9, Role::Leader);
    }
    pair.until("the second node delivered it", |house| house.rows(Table::Outbox).is_empty()).await;
    assert_eq!(receiver.count(), 2);
    for partition in 0..pair.leaders.len() {
        pair.depose(partition, 1, 10);
        pair.tell(partition, 0, 10, Role::Leader);
    }
    pair.nodes[0].journal.release();
    pair.ask::<Tenant>(tenant::key(OTHERS[0]), tenant::Command::Resume).await;
    pair.until("the news came", |_| receiver.count() == 3).await;
    pair.until("and no more", |house| house.rows(Table::Outbox).is_empty()).await;
    let ids: Vec<String> = receiver.seen().into_iter().map(|one| one.id).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn an_outbox_that_starts_after_the_host_was_told_knows_what_it_leads() {
    let first = House::dark(Options::default()).await;
    first.onboard(TENANT).await;
    let mut second = first.beside().await;
    let receiver = Receiver::start(&[Answer::Status(200)]).await;
    first.add_endpoint(TENANT, 1, &receiver.url()).await;
    first.nudge(TENANT).await;
    for number in 0..first.host.journal().partitions() {
        let partition = PartitionId(number);
        second.journal.lead(partition, Leadership { term: Term(1), role: Role::Leader });
    }
    let host = second.host.clone();
    second.until("it leads", |_| host.leads(PartitionId(3)) == Some(Term(1))).await;
    second.start().await;
    second.until_done().await;
    assert_eq!(receiver.count(), 2);
    // A second outbox on the same hook goes on after the first was stopped.
    let stopped = second.outbox.take().unwrap();
    stopped.stop(Duration::from_secs(5)).await;
    second.nudge(TENANT).await;
    assert_eq!(second.rows(Table::Outbox).len(), 2);
    second.start().await;
    second.until_done().await;
    assert_eq!(receiver.count(), 4);
}
