//! Replicas: how many, in which zones, and evenly.

use std::cmp::Reverse;

use super::exchange::{Exchange, Reach};
use super::{Field, Row, replica_count};

/// Gives each row its number of replicas, in the best spread over zones.
pub(super) fn place(field: &Field, rows: &mut [Row], wanted: usize) {
    let mut load = loads(field, rows);
    for row in rows {
        let nodes = field.nodes.len();
        let count = replica_count(wanted, nodes + row.dead.len());
        let live = replica_count(wanted, nodes);
        // If the dead raise the number, every live node is in already and they make up the rest.
        let (live, dead) = if count > live { (nodes, count - nodes) } else { (live, 0) };
        row.dead.truncate(dead);
        while placed(row) > live {
            let Some(node) = worst(field, row, &load) else { break };
            row.on[node] = false;
            load[node] -= 1;
        }
        while placed(row) < live {
            let Some(node) = best(field, row, &load) else { break };
            row.on[node] = true;
            load[node] += 1;
        }
        while let Some((from, to)) = better_zone(field, row, &load) {
            row.on[from] = false;
            row.on[to] = true;
            load[from] -= 1;
            load[to] += 1;
        }
    }
}

/// Evens the loads out, as far as the spread over zones permits.
pub(super) fn level(field: &Field, rows: &mut [Row]) {
    let nodes = field.nodes.len();
    let mut load = loads(field, rows);
    let mut counts: Vec<Vec<usize>> = rows.iter().map(|row| zone_counts(field, row)).collect();
    loop {
        let mut heaviest: Vec<usize> = (0..nodes).collect();
        heaviest.sort_by_key(|node| (Reverse(load[*node]), *node));
        let chain = heaviest.into_iter().find_map(|start| {
            let limit = load[start].checked_sub(2)?;
            let see_all = |node: usize, see: &mut dyn FnMut(Exchange)| {
                exchanges(field, rows, &counts, node, see);
            };
            let reach = Reach::from(start, nodes, see_all);
            reach.least(&load, limit).map(|end| reach.chain(end))
        });
        let Some(chain) = chain else { return };
        for Exchange { group, from, to } in chain {
            rows[group].on[from] = false;
            rows[group].on[to] = true;
            counts[group] = zone_counts(field, &rows[group]);
            load[from] -= 1;
            load[to] += 1;
        }
    }
}

/// Exchanges that keep the spread over zones as good as it is. `counts[row]` is the row's spread.
fn exchanges(
    field: &Field,
    rows: &[Row],
    counts: &[Vec<usize>],
    from: usize,
    see: &mut dyn FnMut(Exchange),
) {
    let here = field.zones[from];
    for (group, row) in rows.iter().enumerate().filter(|(_, row)| row.on[from]) {
        let counts = &counts[group];
        for to in (0..row.on.len()).filter(|to| !row.on[*to]) {
            let there = field.zones[to];
            if here == there || counts[there] + 1 == counts[here] {
                see(Exchange { group, from, to });
            }
        }
    }
}

pub(super) fn loads(field: &Field, rows: &[Row]) -> Vec<usize> {
    (0..field.nodes.len()).map(|node| rows.iter().filter(|row| row.on[node]).count()).collect()
}

fn placed(row: &Row) -> usize {
    row.on.iter().filter(|on| **on).count()
}

fn zone_counts(field: &Field, row: &Row) -> Vec<usize> {
    let mut counts = vec![0; field.zone_names.len()];
    for (zone, _) in field.zones.iter().zip(&row.on).filter(|(_, on)| **on) {
        counts[*zone] += 1;
    }
    counts
}

/// The node to take a replica from: of the fullest zone, with the most load, not the leader.
fn worst(field: &Field, row: &Row, load: &[usize]) -> Option<usize> {
    let counts = zone_counts(field, row);
    let on = (0..row.on.len()).filter(|node| row.on[*node]);
    on.max_by_key(|node| {
        (counts[field.zones[*node]], row.leader != Some(*node), load[*node], *node)
    })
}

/// The node to give a replica to: of the emptiest zone, with the least load.
fn best(field: &Field, row: &Row, load: &[usize]) -> Option<usize> {
    let counts = zone_counts(field, row);
    let off = (0..row.on.len()).filter(|node| !row.on[*node]);
    off.min_by_key(|node| (counts[field.zones[*node]], load[*node], *node))
}

/// A move that spreads the row better over zones.
fn better_zone(field: &Field, row: &Row, load: &[usize]) -> Option<(usize, usize)> {
    let counts = zone_counts(field, row);
    let (from, to) = (worst(field, row, load)?, best(field, row, load)?);
    (counts[field.zones[from]] >= counts[field.zones[to]] + 2).then_some((from, to))
}
