//! The parts that need no cluster.

mod golden;

use std::fs;

use impresario_ids::{ClusterId, NodeId};
use impresario_journal::{Leadership, Role, Term};
use impresario_placement::GroupId;
use impresario_wire::{Me, StoreId};

use crate::{Gate, Identity, IdentityError, LeaderTable, Options};

fn me(store: StoreId) -> Me {
    Me { cluster: ClusterId::derived(&[b"a test"]), node: NodeId(3), store, partitions: 4 }
}

#[test]
fn an_identity_is_made_once_and_settled_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Identity::open(folder.path()).expect("an identity");
    let store = open().store();
    assert_eq!((open().store(), open().me()), (store, None));
    let mut identity = open();
    identity.settle(me(store)).expect("settles");
    identity.settle(me(store)).expect("the same again");
    assert_eq!(open().me(), Some(me(store)));
    let other = Me { node: NodeId(4), ..me(store) };
    assert!(matches!(identity.settle(other), Err(IdentityError::Taken { .. })));
    assert_eq!(identity.me(), Some(me(store)));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut stranger = Identity::open(elsewhere.path()).expect("an identity");
    assert_ne!(stranger.store(), store);
    assert!(matches!(stranger.settle(me(store)), Err(IdentityError::Taken { .. })));
}

#[test]
fn identities_of_this_release_are_read_for_ever() {
    let text = "impresario node 1\nstore = 0102030405060708090a0b0c0d0e0f10\n\
                cluster = clu_0000000000000000000000000g\nnode = 3\npartitions = 4\nlater = yes\n";
    check(text, Some((NodeId(3), 4)), None);
    check("impresario node 1\nstore = 0102030405060708090a0b0c0d0e0f10\n", None, None);
    check("", None, Some("it does not begin as one of this release"));
    check("impresario node 1\n", None, Some("it has no store"));
    check("impresario node 1\nstore = 01\n", None, Some("its store is malformed"));
    let half = "impresario node 1\nstore = 0102030405060708090a0b0c0d0e0f10\nnode = 3\n";
    check(half, None, Some("it is not whole"));
}

fn check(text: &str, expected: Option<(NodeId, u16)>, wrong: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("node.id"), text).expect("written");
    match (Identity::open(folder.path()), wrong) {
        (Ok(identity), None) => {
            assert_eq!(identity.me().map(|me| (me.node, me.partitions)), expected, "{text}");
            assert_eq!(identity.store().0[15], 16);
        }
        (Err(IdentityError::Damaged { why, .. }), Some(wrong)) => assert_eq!(why, wrong),
        (read, _) => panic!("{text}: {read:?}"),
    }
}

#[test]
fn later_terms_count_and_earlier_ones_do_not() {
    let (table, group, me) = (LeaderTable::new(), GroupId(2), NodeId(1));
    let mut news = table.watch();
    assert_eq!((table.of(group), table.term(group)), (None, None));
    assert!(table.note(group, 5, Some(NodeId(2))));
    assert!(!table.note(group, 4, Some(NodeId(3))));
    assert!(!table.note(group, 5, None));
    assert_eq!(table.of(group), Some(NodeId(2)));
    table.note_own(me, group, Leadership { term: Term(6), role: Role::Leader });
    assert_eq!((table.of(group), table.term(group)), (Some(me), Some(6)));
    table.note_own(me, group, Leadership { term: Term(9), role: Role::Absent });
    table.note_own(me, group, Leadership { term: Term(7), role: Role::Follower { leader: None } });
    assert_eq!((table.of(group), table.term(group)), (None, Some(7)));
    assert!(news.has_changed().expect("the table lives"));
    assert_eq!(*news.borrow_and_update(), 3);
}

#[test]
fn a_new_gate_takes_guests_and_the_system_group() {
    let gate = Gate::new(me(StoreId([1; 16])));
    let allowed = gate.allowed();
    assert!(allowed(4, NodeId(1)) && !allowed(0, NodeId(1)));
    assert!(gate.admits(NodeId(0), StoreId([2; 16])).is_ok());
    assert!(gate.admits(NodeId(1), StoreId([2; 16])).is_err());
}

#[test]
fn options_that_cannot_work_are_named() {
    assert_eq!(Options::default().problem(), None);
    let hasty = Options { silence_ms: 10, ..Options::default() };
    assert_eq!(hasty.problem(), Some("silence_ms must be two beats or more"));
}
