//! Messages between releases: bytes that one release sent must be read by the next. The file only
//! grows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use impresario_ids::{ClusterId, NodeId};
use impresario_placement::{
    ClusterState, Command, GroupId, Introduction, Reply, StoreId, WireRange, Zone, decide,
};
use minicbor::{Decode, Encode};

use crate::message::{
    Ask, Beat, GroupMembers, GroupReport, JoinAnswer, JoinRequest, Lead, Order, Process, Report,
    Told, WorkReport, decode, encode,
};

const V1: &str = include_str!("../../golden/v1.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks values against the lines `name hex` of the file, and says what the lines should be.
#[derive(Default)]
struct Book(String);

impl Book {
    fn check<T>(&mut self, name: &str, value: &T)
    where
        T: PartialEq + Debug + Encode<()> + for<'b> Decode<'b, ()>,
    {
        let bytes = encode(value);
        assert_eq!(&decode::<T>(&bytes).expect("decodes"), value);
        let kept = V1.lines().filter_map(|line| line.split_once(' ')).find(|(of, _)| *of == name);
        if kept.is_none_or(|(_, kept)| kept != hex(&bytes)) {
            self.0 += &format!("{name} {}\n", hex(&bytes));
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || std::thread::panicking(), "\n{}", self.0);
    }
}

fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn intro() -> Introduction {
    Introduction {
        store: StoreId([5; 16]),
        addr: "a:1".to_owned(),
        http: "a:2".to_owned(),
        zone: Zone::new("eu").expect("a zone"),
        version: "1".to_owned(),
        wire: WireRange { lowest: 1, highest: 2 },
    }
}

fn members() -> GroupMembers {
    GroupMembers { voters: nodes(&[1, 2]), learners: nodes(&[3]), changing: true }
}

fn report() -> Report {
    let lead = Lead {
        members: members(),
        confirmed: true,
        lag: BTreeMap::from([(NodeId(2), 7)]),
        sent_bytes: BTreeMap::from([(NodeId(3), 9)]),
    };
    let (group, lead) = (GroupId(1), Some(lead));
    let replica = GroupReport { group, term: 2, last: 30, applied: 29, bytes: 4096, lead };
    let (step, why) = ("add_learner: p1 to node-2".to_owned(), "it should vote".to_owned());
    let work = WorkReport { step, group: Some(group), why, since_ms: 1_000 };
    Report { groups: vec![replica], works: vec![work] }
}

#[test]
fn questions() {
    let mut book = Book::default();
    let (group, node) = (GroupId(1), NodeId(2));
    book.check("ask_command", &Ask::Command(Command::Drain { node }));
    book.check("ask_report", &Ask::Report(BTreeSet::from([group])));
    book.check("ask_members", &Ask::Members(group));
    book.check("ask_beat", &Ask::Beat(Beat { leads: vec![(group, 4)], version: 6 }));
    book.check("ask_who", &Ask::Who);
    let (from, to) = (nodes(&[1, 2]), nodes(&[1, 3]));
    let orders = [
        ("add", Order::AddLearner { group, node }),
        ("change", Order::ChangeVoters { group, from, to }),
        ("remove", Order::RemoveReplica { group, node }),
        ("transfer", Order::TransferLeader { group, to: node }),
        ("delete", Order::DeleteReplica { group }),
    ];
    for (name, order) in orders {
        book.check(&format!("order_{name}"), &Ask::Order(order));
    }
    let cluster = Some(ClusterId::derived(&[b"a test"]));
    let node = Some(node);
    let request = JoinRequest { cluster, node, partitions: 4, run: [6; 16], intro: intro() };
    book.check("join_request", &request);
}

#[test]
fn answers() {
    let mut book = Book::default();
    let reply = Reply { node: Some(NodeId(2)), changed: true, version: 8 };
    book.check("told_reply", &Told::Reply(reply));
    book.check("told_report", &Told::Report(report()));
    book.check("told_done", &Told::Done);
    book.check("told_members", &Told::Members(members()));
    book.check("told_beat", &Told::Beat(Beat { leads: Vec::new(), version: 6 }));
    book.check("told_who", &Told::Who(Process { store: [1; 16], run: [2; 16] }));
    let cluster = ClusterId::derived(&[b"a test"]);
    let found = Command::Found { cluster, partitions: 1, replicas: 1, intro: intro() };
    let mut state = ClusterState::default();
    for event in decide(&state.clone(), &found, 1).expect("founded").events {
        state.apply(&event);
    }
    book.check("told_retired", &Told::Retired(state.clone()));
    let (node, partitions) = (NodeId(1), 1);
    book.check("join_welcome", &JoinAnswer::Welcome { cluster, node, partitions, state });
    let (code, message) = ("node_store_copied".to_owned(), "a copy".to_owned());
    book.check("join_refused", &JoinAnswer::Refused { code, message });
    book.check("join_later", &JoinAnswer::Later("no leader".to_owned()));
}

#[test]
fn bodies_of_others_are_not_understood() {
    assert!(decode::<Ask>(&[]).is_err());
    assert!(decode::<Ask>(&[2, 0x82, 0x05, 0x80]).is_err());
    assert!(decode::<Ask>(&[1, 0xff]).is_err());
}
