//! Leaders: on voters that may lead, evenly, and where hints would like them.

use std::cmp::Reverse;

use super::exchange::{Exchange, Reach};
use super::{Field, Row};

/// Gives each row a leader if it has none that may lead.
pub(super) fn place(field: &Field, rows: &mut [Row]) {
    for row in &mut *rows {
        row.leader = row.leader.filter(|node| row.on[*node] && field.leads[*node]);
    }
    let mut load = loads(field, rows);
    for row in rows.iter_mut().filter(|row| row.leader.is_none()) {
        let candidates = (0..row.on.len()).filter(|node| row.on[*node] && field.leads[*node]);
        row.leader = candidates.min_by_key(|node| (load[*node], *node));
        if let Some(node) = row.leader {
            load[node] += 1;
        }
    }
}

/// Evens the number of leaders out, as far as the replicas permit.
pub(super) fn level(field: &Field, rows: &mut [Row]) {
    let nodes = field.nodes.len();
    let mut load = loads(field, rows);
    loop {
        let mut heaviest: Vec<usize> = (0..nodes).collect();
        heaviest.sort_by_key(|node| (Reverse(load[*node]), *node));
        let chain = heaviest.into_iter().find_map(|start| {
            let limit = load[start].checked_sub(2)?;
            let reach = reach(field, rows, start, |_| true);
            reach.least(&load, limit).map(|end| reach.chain(end))
        });
        let Some(chain) = chain else { return };
        hand_over(rows, &chain, &mut load);
    }
}

/// Moves leaders to the zones that hints ask for, where that leaves the balance as good as it is.
/// `wanted[row]` is that zone.
pub(super) fn honour(field: &Field, rows: &mut [Row], wanted: &[Option<usize>]) {
    // One move may make room for another; each honours one hint more, so this ends.
    while (0..rows.len()).filter(|group| honour_one(field, rows, wanted, *group)).count() > 0 {}
}

fn honour_one(field: &Field, rows: &mut [Row], wanted: &[Option<usize>], group: usize) -> bool {
    let (Some(zone), Some(leader)) = (wanted[group], rows[group].leader) else { return false };
    if field.zones[leader] == zone {
        return false;
    }
    let mut load = loads(field, rows);
    let row = &rows[group];
    let fits = |node: &usize| row.on[*node] && field.leads[*node] && field.zones[*node] == zone;
    let mut there: Vec<usize> = (0..field.nodes.len()).filter(fits).collect();
    there.sort_by_key(|node| (load[*node], *node));
    let chain = there.into_iter().find_map(|to| {
        let own = Exchange { group, from: leader, to };
        if load[to] < load[leader] {
            return Some(vec![own]);
        }
        // Another group must lead elsewhere in return, but none whose hint is honoured now.
        let free = |other: usize| {
            let leader = rows[other].leader.map(|node| field.zones[node]);
            other != group && (wanted[other].is_none() || wanted[other] != leader)
        };
        let reach = reach(field, rows, to, free);
        // The old leader has one less then, so it may take one; so may any node as light.
        let mut after = load.clone();
        after[leader] -= 1;
        let mut chain = reach.chain(reach.least(&after, load[leader] - 1)?);
        chain.push(own);
        Some(chain)
    });
    let Some(chain) = chain else { return false };
    hand_over(rows, &chain, &mut load);
    true
}

fn reach(field: &Field, rows: &[Row], start: usize, free: impl Fn(usize) -> bool) -> Reach {
    Reach::from(start, field.nodes.len(), |from, see| {
        for (group, row) in rows.iter().enumerate() {
            if row.leader == Some(from) && free(group) {
                let others = (0..row.on.len()).filter(|to| *to != from);
                for to in others.filter(|to| row.on[*to] && field.leads[*to]) {
                    see(Exchange { group, from, to });
                }
            }
        }
    })
}

fn hand_over(rows: &mut [Row], chain: &[Exchange], load: &mut [usize]) {
    for Exchange { group, from, to } in chain {
        rows[*group].leader = Some(*to);
        load[*from] -= 1;
        load[*to] += 1;
    }
}

fn loads(field: &Field, rows: &[Row]) -> Vec<usize> {
    let mut load = vec![0; field.nodes.len()];
    for node in rows.iter().filter_map(|row| row.leader) {
        load[node] += 1;
    }
    load
}
