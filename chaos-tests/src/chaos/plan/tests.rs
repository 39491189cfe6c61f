use std::collections::BTreeSet;

use super::*;
use crate::Chance;
use crate::chaos::hosts::{End, Links};

fn scope(nodes: usize) -> Scope {
    Scope {
        nodes,
        safety_ms: 30_000,
        liveness_ms: 5_000,
        gap_max_ms: 1_000,
        lasts_max_ms: 3_000,
        kinds: Kind::ALL.to_vec(),
    }
}

#[test]
fn a_seed_is_a_plan() {
    for seed in 0..200 {
        let plan = Plan::draw(seed, &scope(3));
        assert_eq!(plan, Plan::draw(seed, &scope(3)));
        assert_ne!(plan.faults, Plan::draw(seed + 1, &scope(3)).faults);
        assert!(plan.faults.len() > 5, "{plan}");
        assert!(plan.faults.iter().all(|planned| planned.ends_ms() <= plan.safety_ms), "{plan}");
        assert!(plan.faults.is_sorted_by_key(|planned| planned.at_ms), "{plan}");
    }
}

#[test]
fn a_plan_can_be_kept_as_text() {
    let mut kinds = BTreeSet::new();
    for seed in 0..200 {
        let plan = Plan::draw(seed, &scope(1 + seed as usize % 5));
        let text = plan.to_string();
        assert_eq!(text.parse::<Plan>().expect("its own text"), plan, "{text}");
        let word =
            |planned: &Planned| planned.fault.to_string().split(' ').next().map(str::to_owned);
        kinds.extend(plan.faults.iter().filter_map(word));
    }
    // Losing everything one way and losing something are the same word.
    assert_eq!(kinds.len(), Kind::ALL.len() - 1, "{kinds:?}");
}

#[test]
fn a_plan_can_be_written_by_hand() {
    let text = "# two halves\nrun seed 1 nodes 3 safety 9000 liveness 10\n\n\
        at 5 for 6: kill node-2 # the leader\nat 1 for 2: cut node-1 | node-2 node-3\n";
    let plan: Plan = text.parse().expect("a plan");
    let cut = Fault::Cut(vec![vec![0], vec![1, 2]]);
    assert_eq!(plan.faults[0], Planned { at_ms: 1, lasts_ms: 2, fault: cut });
    assert_eq!(plan.faults[1].fault, Fault::Kill(1));
    for wrong in ["", "run", "run seed 1 nodes 1 safety 5 liveness 1\nat 1 for 9: kill node-1"] {
        assert!(wrong.parse::<Plan>().is_err(), "{wrong}");
    }
    for wrong in ["kill", "kill clients", "kill node-0", "burn node-1", "lose node-1 node-2 3"] {
        assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
    }
}

#[test]
fn a_node_has_one_fault_at_a_time() {
    for seed in 0..300 {
        let plan = Plan::draw(seed, &scope(3));
        let mut busy: BTreeSet<usize> = BTreeSet::new();
        let mut is_rolling = false;
        for (_, turn) in plan.turns() {
            let (at, begins) = match turn {
                Turn::Begin(at) => (at, true),
                Turn::Heal(at) => (at, false),
            };
            let fault = &plan.faults[at].fault;
            if *fault == Fault::Rolling {
                is_rolling = begins;
                assert!(busy.is_empty(), "{plan}");
            }
            let Some(node) = fault.node() else { continue };
            assert!(!is_rolling, "{plan}");
            assert!(if begins { busy.insert(node) } else { busy.remove(&node) }, "{plan}");
        }
        assert!(busy.is_empty());
    }
}

#[test]
fn partitions_have_the_shape_they_are_called_by() {
    let lost = |fault: &Fault, a, b| {
        let mut links = Links::default();
        fault.break_links(&mut links);
        links.lost(End::Node(a), End::Node(b))
    };
    let cut = Fault::Cut(vec![vec![0], vec![1], vec![2, 3]]);
    assert_eq!((lost(&cut, 0, 1), lost(&cut, 1, 0), lost(&cut, 2, 3)), (1000, 1000, 0));
    assert_eq!((lost(&cut, 3, 1), lost(&cut, 0, 2)), (1000, 1000));
    let bridge = Fault::Bridge { over: 2, left: vec![0], right: vec![1] };
    assert_eq!((lost(&bridge, 0, 1), lost(&bridge, 0, 2), lost(&bridge, 2, 1)), (1000, 0, 0));
    let one_way = Fault::Lose { from: End::Node(0), to: End::Node(1), per_mille: 1000 };
    assert_eq!((lost(&one_way, 0, 1), lost(&one_way, 1, 0)), (1000, 0));
}

#[test]
fn shrinking_finds_the_faults_that_matter() {
    let mut chance = Chance::new(3);
    for seed in 0..100 {
        let plan = Plan::draw(seed, &scope(5));
        let count = plan.faults.len() as u64;
        let needed: Vec<Planned> =
            (0..2).map(|_| plan.faults[chance.below(count) as usize].clone()).collect();
        let mut runs = 0;
        let small = shrink(&plan, |plan| {
            runs += 1;
            needed.iter().all(|one| plan.faults.contains(one))
        });
        assert!(needed.iter().all(|one| small.faults.contains(one)));
        assert!(small.faults.len() <= 2, "{small}");
        assert!(runs < 120, "{runs} runs for {count} faults");
    }
}

#[test]
fn shrinking_leaves_what_always_fails_without_faults() {
    let plan = Plan::draw(1, &scope(3));
    assert!(shrink(&plan, |_| true).faults.is_empty());
    assert_eq!(shrink(&plan, |_| false), plan);
}
