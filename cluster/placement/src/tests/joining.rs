//! Who may come in.

use super::*;

#[test]
fn a_cluster_begins_with_one_node_that_has_everything() {
    let mut state = ClusterState::default();
    refused(&state, &join(2, ""), "cluster_not_founded");
    refused(&state, &found(0, 3, ""), "cluster_setting_invalid");
    refused(&state, &found(4_097, 3, ""), "cluster_setting_invalid");
    refused(&state, &found(4, 2, ""), "cluster_setting_invalid");
    let reply = tell(&mut state, [found(4, 3, "")]);
    assert_eq!(reply, [Reply { node: Some(NodeId(1)), changed: true, version: 4 }]);
    assert_eq!(state.map().count(), 5);
    assert!(state.map().all(|(_, want)| want.voters == nodes(&[1])));
    assert_eq!(held(&state, 1), (4, 4));
    assert_eq!(state.system_group(), Some(GroupId(4)));
    // Again, and somebody else.
    assert!(!tell(&mut state, [found(4, 3, "")])[0].changed);
    let Command::Found { partitions, replicas, .. } = found(4, 3, "") else { return };
    let other =
        |cluster, store| Command::Found { cluster, partitions, replicas, intro: intro(store, "") };
    refused(&state, &other(CLUSTER, 2), "cluster_already_founded");
    refused(&state, &other(ClusterId::NIL, 1), "cluster_already_founded");
}

#[test]
fn a_store_gets_one_number_however_often_it_joins() {
    let mut state = cluster(4, 1, &[""]);
    let replies = tell(&mut state, [join(9, ""), join(8, ""), join(9, "")]);
    assert_eq!(
        replies.iter().map(|r| r.node).collect::<Vec<_>>(),
        [2, 3, 2].map(|n| Some(NodeId(n)))
    );
    assert!(!replies[2].changed);
    let mut moved = intro(9, "z");
    moved.addr = "elsewhere:1".to_owned();
    moved.version = "0.2.0".to_owned();
    let again = Command::Join {
        cluster: CLUSTER,
        partitions: 4,
        node: Some(NodeId(2)),
        intro: moved.clone(),
        answered_elsewhere: false,
    };
    assert!(tell(&mut state, [again])[0].changed);
    assert_eq!(state.member(NodeId(2)).map(|member| &member.intro), Some(&moved));
}

#[test]
fn strangers_and_copies_are_refused() {
    let state = cluster(4, 1, &["", ""]);
    let change = |change: &dyn Fn(&mut Command)| {
        let mut command = join(2, "");
        change(&mut command);
        command
    };
    type Parts<'a> = (
        &'a mut ClusterId,
        &'a mut u16,
        &'a mut Option<NodeId>,
        &'a mut Introduction,
        &'a mut bool,
    );
    let with = |edit: &dyn Fn(Parts<'_>)| {
        change(&|command| {
            if let Command::Join { cluster, partitions, node, intro, answered_elsewhere } = command
            {
                edit((cluster, partitions, node, intro, answered_elsewhere));
            }
        })
    };
    refused(&state, &with(&|parts| *parts.0 = ClusterId::NIL), "cluster_wrong");
    refused(&state, &with(&|parts| *parts.1 = 8), "cluster_partitions_wrong");
    refused(&state, &with(&|parts| *parts.2 = Some(NodeId(1))), "node_number_wrong");
    refused(&state, &with(&|parts| *parts.4 = true), "node_store_copied");
    refused(&state, &with(&|parts| parts.3.addr = "n1:7000".to_owned()), "node_address_taken");
    refused(
        &state,
        &with(&|parts| parts.3.wire = WireRange { lowest: 2, highest: 3 }),
        "node_wire_incompatible",
    );
    for addr in ["", "host", ":1", "host:0", "host:70000", "a b:1"] {
        let bad = with(&|parts| parts.3.addr = addr.to_owned());
        refused(&state, &bad, "node_introduction_invalid");
    }
    // A number of ours in a store that was never here.
    let stranger = with(&|parts| {
        parts.3.store = StoreId([77; 16]);
        *parts.2 = Some(NodeId(5));
    });
    refused(&state, &stranger, "node_number_wrong");
    refused(&state, &with(&|parts| parts.3.store = StoreId([0; 16])), "node_introduction_invalid");
}

#[test]
fn the_store_of_a_node_that_is_gone_never_comes_back() {
    let node = NodeId(2);
    let mut state = cluster(4, 1, &["", ""]);
    let dead = [Command::MarkDead { node }];
    tell(&mut state, dead);
    // A replacement at the same address, with its own store.
    let mut new = intro(3, "");
    new.addr = "n2:7000".to_owned();
    let replacement = Command::Join {
        cluster: CLUSTER,
        partitions: 0,
        node: None,
        intro: new,
        answered_elsewhere: false,
    };
    assert_eq!(tell(&mut state, [replacement])[0].node, Some(NodeId(3)));
    let remove = Command::RemoveDead { node, voters: [].into(), silent: [].into(), forced: false };
    refused(&state, &remove, "cluster_quorum_at_risk");
    tell(&mut state, [Command::Activate { node: NodeId(3) }, remove]);
    refused(&state, &join(2, ""), "node_store_retired");
    assert_eq!(state.node_of_store(StoreId([2; 16])), Some(node));
    assert_eq!(tell(&mut state, [join(4, "")])[0].node, Some(NodeId(4)));
}
