//! A tenant's profiles are led by several nodes, and a sweep is carried out by one of them.

use std::collections::BTreeSet;

use impresario_ids::{NodeId, SegmentId};
use impresario_journal::{Journal, Leadership, Role, Table, Term};
use impresario_kernel::{EntityKey, PartitionId};
use impresario_outbox::Options;
use impresario_profile::{self as profile, Call, id_of_user};
use impresario_segment::{self as segment, Segment};
use impresario_wire::MemoryNet;

use crate::house::{House, TENANT, message};

const SEGMENT: SegmentId = SegmentId::from_bytes([5; 16]);
const NODES: u64 = 2;

struct Street {
    houses: Vec<House>,
}

impl Street {
    /// Two nodes over the same rows; each leads every other partition.
    async fn new() -> Self {
        let first = House::dark(Options::default()).await;
        first.onboard(TENANT).await;
        let second = first.beside().await;
        let net = MemoryNet::new();
        let mut street = Self { houses: vec![first, second] };
        for number in 0..4 {
            street.lead(number, u64::from(number) % NODES, 1);
        }
        street.heard().await;
        for (number, house) in (1..).zip(&mut street.houses) {
            house.join(&net, NodeId(number));
        }
        let hosts: Vec<_> = street.houses.iter().map(|house| house.host.clone()).collect();
        for (number, house) in street.houses.iter_mut().enumerate() {
            let others = hosts.iter().enumerate().filter(|(other, _)| *other != number);
            house.others.lock().unwrap().extend(others.map(|(_, host)| host.clone()));
            house.start().await;
        }
        street
    }

    fn lead(&self, partition: u16, node: u64, term: u64) {
        let leader = NodeId(node + 1);
        for (number, house) in (1..).zip(&self.houses) {
            let role = if NodeId(number) == leader {
                Role::Leader
            } else {
                Role::Follower { leader: Some(leader) }
            };
            house.journal.lead(PartitionId(partition), Leadership { term: Term(term), role });
        }
    }

    /// Every host has heard what it leads.
    async fn heard(&self) {
        for house in &self.houses {
            for number in 0..4 {
                let partition = PartitionId(number);
                let leads = house.journal.leadership(partition).is_leader();
                let heard = |house: &House| house.host.leads(partition).is_some() == leads;
                house.until("it is heard", heard).await;
            }
        }
    }

    async fn meet(&self, user: &str, id: &str) {
        let to = id_of_user(TENANT, user);
        self.houses[0].track(to, message(Call::Track, id, Some(user), None)).await;
    }

    async fn save(&self, rule: &str) {
        let command = segment::Command::Save {
            name: "Buyers".to_owned(),
            description: String::new(),
            rule: rule.to_owned(),
            expected_version: None,
        };
        let key = EntityKey::new(TENANT, segment::KIND, SEGMENT);
        self.houses[1].ask::<Segment>(key, command).await.unwrap();
    }

    async fn done(&self) {
        let house = &self.houses[0];
        house.until("the sweep is over", |house| house.rows(Table::Outbox).is_empty()).await;
    }

    /// In which partitions, and how many, profiles are members of the segment.
    async fn members(&self, users: u32) -> (usize, usize) {
        let (mut members, mut partitions) = (0, BTreeSet::new());
        for number in 0..users {
            let id = id_of_user(TENANT, &number.to_string());
            let key = EntityKey::new(TENANT, profile::KIND, id);
            let view = self.houses[0].view(id).await.unwrap();
            if view.segments.iter().any(|it| it.segment == SEGMENT) {
                members += 1;
                partitions.insert(self.houses[0].host.partition_of(&key));
            }
        }
        (members, partitions.len())
    }
}

#[tokio::test]
async fn a_sweep_reaches_the_profiles_of_all_nodes() {
    let street = Street::new().await;
    for number in 0..24 {
        street.meet(&number.to_string(), &format!("m{number}")).await;
    }
    street.save(r#"{"event": "Order", "at_least": 1}"#).await;
    street.done().await;
    assert_eq!(street.members(24).await, (24, 4));
    let dead = street.houses[0].rows(Table::DeadLetters);
    assert!(dead.is_empty());
    let told =
        street.houses[0].host.peek::<Segment>(&EntityKey::new(TENANT, segment::KIND, SEGMENT));
    let told = format!("{:?}", told.unwrap().state);
    assert!(told.contains("24"), "the segment was told: {told}");
}

/// The partitions change hands after the change was saved: whoever leads the segment then goes on.
#[tokio::test]
async fn a_sweep_goes_on_with_the_next_leaders() {
    let street = Street::new().await;
    for number in 0..24 {
        street.meet(&number.to_string(), &format!("m{number}")).await;
    }
    street.save(r#"{"event": "Order", "at_least": 1}"#).await;
    for number in 0..4 {
        street.lead(number, u64::from(number + 1) % NODES, 2);
    }
    street.heard().await;
    street.done().await;
    assert_eq!(street.members(24).await, (24, 4));
}
