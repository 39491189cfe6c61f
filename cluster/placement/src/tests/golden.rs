//! Bytes that were once stored must be read for ever. The file only grows: a new release adds its
//! own, beside those of the earlier ones.

use std::fmt::Debug;

use impresario_ids::TenantId;
use minicbor::{Decode, Encode};

use super::*;

const V1: &str = include_str!("../../golden/v1.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// Checks values against the lines `name hex` of the file, and says what the lines should be.
#[derive(Default)]
struct Book {
    wrong: String,
}

impl Book {
    fn check<T>(&mut self, name: &str, value: &T)
    where
        T: PartialEq + Debug + Encode<()> + for<'b> Decode<'b, ()>,
    {
        let bytes = minicbor::to_vec(value).expect("encodes");
        let kept = V1.lines().filter_map(|line| line.split_once(' ')).find(|(of, _)| *of == name);
        match kept {
            Some((_, kept)) if kept == hex(&bytes) => {
                assert_eq!(&minicbor::decode::<T>(&unhex(kept)).expect("decodes"), value);
            }
            _ => self.wrong += &format!("{name} {}\n", hex(&bytes)),
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        assert!(self.wrong.is_empty() || std::thread::panicking(), "\n{}", self.wrong);
    }
}

fn zone() -> Zone {
    Zone::new("eu-1").expect("a zone")
}

fn assignment() -> Assignment {
    let (voters, learners) = (nodes(&[1, 2, 3]), nodes(&[4]));
    Assignment { voters, learners, leader: Some(NodeId(2)), epoch: 7 }
}

fn hint() -> Hint {
    Hint { group: GroupId(3), zone: zone() }
}

fn recovery() -> Recovery {
    let (kept, lost) = (nodes(&[1]), nodes(&[2, 3]));
    Recovery { group: GroupId(3), kept, lost, reason: "fire".to_owned(), at_ms: 1_000 }
}

fn patch() -> SettingsPatch {
    SettingsPatch {
        replicas: Some(5),
        moving_groups_max: Some(1),
        leader_transfers_max: Some(2),
        dead_after_ms: Some(3),
        caught_up_lag: Some(4),
    }
}

#[test]
fn commands() {
    let mut book = Book::default();
    let (node, group, tenant) = (NodeId(2), GroupId(3), TenantId::from_bytes([9; 16]));
    book.check("command.found", &found(16, 3, "eu-1"));
    book.check("command.join", &join(2, "eu-1"));
    book.check("command.activate", &Command::Activate { node });
    book.check("command.drain", &Command::Drain { node });
    book.check("command.resume", &Command::Resume { node });
    book.check("command.leave", &leave(2, true));
    let votes = Votes { voters: [(group, nodes(&[1, 2]))].into(), silent: nodes(&[3]) };
    let (votes, without_majority) = (Some(votes), Some(true));
    let insisting = Command::Leave { node, forced: false, votes, without_majority };
    book.check("command.leave.insisting", &insisting);
    book.check("command.finish_leave", &Command::FinishLeave { node });
    book.check("command.mark_dead", &Command::MarkDead { node });
    book.check("command.revive", &Command::Revive { node });
    let voters = [(group, nodes(&[1, 2]))].into();
    let remove = Command::RemoveDead { node, voters, silent: nodes(&[3]), forced: true };
    book.check("command.remove_dead", &remove);
    book.check("command.set_zone", &Command::SetZone { node, zone: zone() });
    book.check("command.configure", &Command::Configure { patch: patch() });
    book.check("command.put_hint", &Command::PutHint { tenant, hint: Some(hint()) });
    book.check("command.move", &Command::Move { group, from: NodeId(1), to: node });
    book.check("command.prefer", &Command::Prefer { group, leader: node });
    book.check("command.rebalance", &Command::Rebalance);
    let (voters, kept) = (nodes(&[1, 2, 3]), nodes(&[1]));
    let record = Command::RecordRecovery { group, voters, kept, reason: "fire".to_owned() };
    book.check("command.record_recovery", &record);
    book.check("reply", &Reply { node: Some(node), changed: true, version: 8 });
}

#[test]
fn events() {
    let mut book = Book::default();
    let (node, at_ms, settings) = (NodeId(2), 1_000, Settings::new(16, 3));
    let founded = Event::Founded { cluster: CLUSTER, settings: settings.clone(), at_ms };
    book.check("event.founded", &founded);
    book.check("event.joined", &Event::Joined { node, intro: intro(2, "eu-1"), at_ms });
    book.check("event.introduced", &Event::Introduced { node, intro: intro(2, "") });
    let statuses = [
        Status::Joining,
        Status::Active,
        Status::Draining,
        Status::Leaving,
        Status::Left,
        Status::Dead,
        Status::Removed,
    ];
    for status in statuses {
        let name = format!("event.status_set.{status}");
        book.check(&name, &Event::StatusSet { node, status, at_ms });
    }
    book.check("event.zone_set", &Event::ZoneSet { node, zone: zone() });
    book.check("event.configured", &Event::Configured { settings });
    let tenant = TenantId::from_bytes([9; 16]);
    book.check("event.hinted", &Event::Hinted { tenant, hint: Some(hint()) });
    let groups = [(GroupId(3), assignment())].into();
    book.check("event.mapped", &Event::Mapped { groups });
    book.check("event.recovered", &Event::Recovered { recovery: recovery() });
}

/// From events only, so that another balance does not make it another state.
fn state() -> ClusterState {
    let (at_ms, settings) = (1_000, Settings::new(16, 3));
    let joined = |node: u8, zone| Event::Joined {
        node: NodeId(u64::from(node)),
        intro: intro(node, zone),
        at_ms,
    };
    let status = |node, status| Event::StatusSet { node: NodeId(node), status, at_ms };
    let events = [
        Event::Founded { cluster: CLUSTER, settings, at_ms },
        joined(1, "eu-1"),
        status(1, Status::Active),
        joined(2, ""),
        status(2, Status::Draining),
        status(2, Status::Dead),
        Event::ZoneSet { node: NodeId(2), zone: zone() },
        Event::Mapped { groups: [(GroupId(3), assignment())].into() },
        Event::Hinted { tenant: TenantId::from_bytes([9; 16]), hint: Some(hint()) },
        Event::Recovered { recovery: recovery() },
    ];
    let mut state = ClusterState::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

#[test]
fn states() {
    let mut book = Book::default();
    book.check("state.empty", &ClusterState::default());
    book.check("state.full", &state());
}

#[test]
fn fields_of_a_later_release_are_passed_over() {
    let state = state();
    let mut bytes = minicbor::to_vec(&state).expect("encodes");
    // One field more in the outermost array, and one in the settings.
    assert_eq!(bytes[0], 0x88);
    bytes[0] = 0x89;
    bytes.extend([0x63, b'n', b'e', b'w']);
    let settings = minicbor::to_vec(state.settings()).expect("encodes");
    let at = bytes.windows(settings.len()).position(|window| window == settings).expect("there");
    bytes[at] += 1;
    bytes.insert(at + settings.len(), 0xf5);
    assert_eq!(minicbor::decode::<ClusterState>(&bytes).expect("decodes"), state);
}

#[test]
fn fields_that_an_earlier_release_did_not_have_are_empty() {
    let member = state().member(NodeId(1)).expect("a member").clone();
    let mut bytes = minicbor::to_vec(&member).expect("encodes");
    assert!(bytes[0] == 0x86 && bytes.ends_with(&[0xf4]), "{}", hex(&bytes));
    bytes[0] = 0x85;
    bytes.pop();
    assert_eq!(minicbor::decode::<Member>(&bytes).expect("decodes"), member);
}
