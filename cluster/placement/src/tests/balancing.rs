//! P2 and P3.

use std::collections::BTreeMap;

use impresario_ids::TenantId;
use proptest::prelude::*;

use super::*;

fn loads(state: &ClusterState, nodes: u64) -> Vec<(usize, usize)> {
    (1..=nodes).map(|node| held(state, node)).collect()
}

/// Replicas of partitions that are on other nodes than before.
fn moved(before: &ClusterState, after: &ClusterState) -> usize {
    let partitions = after.map().filter(|(group, _)| Some(*group) != after.system_group());
    let new = partitions.map(|(group, now)| {
        let then = &before.assignment(group).expect("the same groups").voters;
        now.voters.difference(then).count()
    });
    new.sum()
}

#[test]
fn replica_counts() {
    let counts = |wanted| (0..=6).map(|nodes| replica_count(wanted, nodes)).collect::<Vec<_>>();
    assert_eq!(counts(1), [0, 1, 1, 1, 1, 1, 1]);
    assert_eq!(counts(3), [0, 1, 2, 3, 3, 3, 3]);
    assert_eq!(counts(5), [0, 1, 2, 3, 3, 5, 5]);
}

#[test]
fn sixteen_partitions_over_three_and_five_nodes() {
    let three = cluster(16, 3, &["", "", ""]);
    assert_eq!(loads(&three, 3).iter().map(|(replicas, _)| *replicas).collect::<Vec<_>>(), [16; 3]);
    assert_eq!(loads(&three, 3).iter().map(|(_, leads)| *leads).sum::<usize>(), 16);
    let five = cluster(16, 3, &["", "", "", "", ""]);
    for (replicas, leads) in loads(&five, 5) {
        assert!((9..=10).contains(&replicas) && (3..=4).contains(&leads), "{replicas}, {leads}");
    }
}

#[test]
fn no_zone_has_a_majority_if_there_are_three() {
    let state = cluster(12, 3, &["a", "a", "b", "b", "c", "c"]);
    for (group, want) in state.map() {
        let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
        for node in &want.voters {
            *zones.entry(state.member(*node).expect("a member").intro.zone.name()).or_default() +=
                1;
        }
        assert!(zones.values().all(|count| *count * 2 < want.voters.len()), "{group}: {zones:?}");
    }
    assert!(loads(&state, 6).iter().all(|load| *load == (6, 2)), "{:?}", loads(&state, 6));
}

#[test]
fn a_zone_of_one_node_among_larger_ones_carries_what_the_spread_asks_for() {
    let state = cluster(12, 3, &["a", "b", "b", "b", "b"]);
    // At least one replica of each group in each zone; two of three in the larger.
    assert_eq!(held(&state, 1).0, 12);
    assert!((2..=5).all(|node| held(&state, node).0 == 6));
}

#[test]
fn the_system_group_has_voters_over_the_zones_and_everyone_else_listens() {
    let mut state = cluster(4, 1, &["a", "a", "a", "b", "b", "c", "c"]);
    tell(&mut state, [join(8, "d")]);
    let system = state.assignment(GroupId(4)).expect("the system group");
    assert_eq!((system.voters.len(), system.learners.len()), (5, 3));
    assert!(system.learners.contains(&NodeId(8)), "who joins listens first");
    let zone = |node: &NodeId| state.member(*node).expect("a member").intro.zone.name().to_owned();
    let zones: BTreeSet<String> = system.voters.iter().map(zone).collect();
    assert_eq!(zones.len(), 3);
}

#[test]
fn a_hint_takes_the_leader_to_its_zone_and_leaves_the_balance() {
    let zones = ["a", "b", "c"];
    let mut state = cluster(9, 3, &zones);
    for group in 0..3 {
        let hint = |zone| Hint { group: GroupId(group), zone: Zone::new(zone).expect("a zone") };
        for (tenant, zone) in [(1, "c"), (2, "b"), (3, "c")] {
            let number = u8::try_from(group * 10).expect("small") + tenant;
            let tenant = TenantId::from_bytes([number; 16]);
            tell(&mut state, [Command::PutHint { tenant, hint: Some(hint(zone)) }]);
        }
        let leader = state.assignment(GroupId(group)).expect("a group").leader;
        assert_eq!(leader, Some(NodeId(3)), "most of its tenants want zone c");
        assert!(loads(&state, 3).iter().all(|(_, leads)| *leads == 3));
    }
    // Four hints for three places: one is not followed, and the balance stays.
    let tenant = TenantId::from_bytes([99; 16]);
    let hint = Some(Hint { group: GroupId(7), zone: Zone::new("c").expect("a zone") });
    tell(&mut state, [Command::PutHint { tenant, hint }]);
    assert!(loads(&state, 3).iter().all(|(_, leads)| *leads == 3));
    tell(&mut state, [Command::PutHint { tenant, hint: None }]);
    assert_eq!(state.hints().count(), 9);
    let hint = Some(Hint { group: GroupId(9), zone: Zone::default() });
    refused(&state, &Command::PutHint { tenant, hint }, "partition_unknown");
}

proptest! {
    #[test]
    fn a_join_moves_the_new_nodes_share_and_no_more(
        partitions in 1_u16..40,
        replicas in prop::sample::select(vec![1_u8, 3, 5]),
        count in 1_usize..9,
    ) {
        let before = cluster(partitions, replicas, &vec![""; count]);
        let mut after = before.clone();
        let node = NodeId(count as u64 + 1);
        let number = u8::try_from(count + 1).expect("small");
        tell(&mut after, [join(number, ""), Command::Activate { node }]);
        let share = held(&after, node.0).0;
        prop_assert!(balance(&after).is_empty());
        if replica_count(usize::from(replicas), count) == replica_count(usize::from(replicas), count + 1) {
            prop_assert_eq!(moved(&before, &after), share);
        }
    }

    #[test]
    fn a_leave_moves_what_was_on_the_node_and_little_else(
        partitions in 1_u16..40,
        replicas in prop::sample::select(vec![1_u8, 3]),
        count in 4_usize..9,
        node in 1_u64..4,
    ) {
        let before = cluster(partitions, replicas, &vec![""; count]);
        let mut after = before.clone();
        tell(&mut after, [leave(node, false)]);
        let extra = moved(&before, &after) - held(&before, node).0;
        prop_assert!(extra <= count, "{extra} more than needed");
    }

    #[test]
    fn loads_differ_by_at_most_one(
        partitions in 1_u16..40,
        replicas in prop::sample::select(vec![1_u8, 3, 5]),
        count in 1_usize..10,
        zones in 1_usize..4,
    ) {
        let names: Vec<&str> = (0..count).map(|at| ["a", "b", "c"][at % zones]).collect();
        let state = cluster(partitions, replicas, &names);
        let even = count % zones == 0;
        let spread = |pick: fn(&(usize, usize)) -> usize| {
            let loads: Vec<usize> = loads(&state, count as u64).iter().map(pick).collect();
            loads.iter().max().zip(loads.iter().min()).map_or(0, |(most, least)| most - least)
        };
        prop_assert!(!even || (spread(|load| load.0) <= 1 && spread(|load| load.1) <= 1));
    }
}
