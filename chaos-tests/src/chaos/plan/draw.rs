//! A plan from a seed.

use super::{Fault, Kind, Plan, Planned};
use crate::chaos::hosts::End;
use crate::chaos::packets::Disorder;
use crate::plan::Chance;

/// Healthy for so long at first, so that there is something to lose.
const CALM_MS: u64 = 500;

/// What a plan is drawn for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// How many nodes there are at first.
    pub nodes: usize,
    /// How long faults come and go, in milliseconds.
    pub safety_ms: u64,
    /// How long the cluster then has to show that it serves, in milliseconds.
    pub liveness_ms: u64,
    /// The longest pause between the beginnings of two faults, in milliseconds.
    pub gap_max_ms: u64,
    /// The longest time that a fault lasts, in milliseconds.
    pub lasts_max_ms: u64,
    /// What may go wrong. A kind that is named twice is twice as frequent; one that needs more
    /// nodes is left out.
    pub kinds: Vec<Kind>,
}

impl Plan {
    /// The plan of a seed: equal seeds and scopes give equal plans.
    #[must_use]
    pub fn draw(seed: u64, scope: &Scope) -> Self {
        let mut chance = Chance::new(seed);
        let kinds: Vec<Kind> =
            scope.kinds.iter().copied().filter(|kind| kind.nodes_min() <= scope.nodes).collect();
        let mut faults: Vec<Planned> = Vec::new();
        let mut at_ms = CALM_MS;
        while !kinds.is_empty() {
            at_ms += 50 + chance.below(scope.gap_max_ms);
            let lasts_ms = 100 + chance.below(scope.lasts_max_ms);
            if at_ms + lasts_ms > scope.safety_ms {
                break;
            }
            let kind = kinds[chance.below(kinds.len() as u64) as usize];
            let planned = Planned { at_ms, lasts_ms, fault: fault(kind, scope.nodes, &mut chance) };
            // A node that is down cannot be paused, and what heals one fault would heal the other.
            if faults.iter().all(|other| !collide(other, &planned)) {
                faults.push(planned);
            }
        }
        Self {
            seed,
            nodes: scope.nodes,
            safety_ms: scope.safety_ms,
            liveness_ms: scope.liveness_ms,
            faults,
        }
    }
}

/// Whether two faults at the same time are at the same node.
fn collide(a: &Planned, b: &Planned) -> bool {
    let is_at_once = a.at_ms <= b.ends_ms() && b.at_ms <= a.ends_ms();
    let is_same = match (&a.fault, &b.fault) {
        (Fault::Rolling, other) | (other, Fault::Rolling) => {
            other.node().is_some() || *other == Fault::Rolling
        }
        (Fault::Slow { node, .. }, Fault::Slow { node: other, .. })
        | (Fault::Disorder { node, .. }, Fault::Disorder { node: other, .. }) => node == other,
        (a, b) => a.node().is_some() && a.node() == b.node(),
    };
    is_at_once && is_same
}

fn fault(kind: Kind, nodes: usize, chance: &mut Chance) -> Fault {
    let node = chance.below(nodes as u64) as usize;
    let among =
        |chance: &mut Chance, values: &[u64]| values[chance.below(values.len() as u64) as usize];
    match kind {
        Kind::Cut => Fault::Cut(halves(shuffled(nodes, chance), chance)),
        Kind::Bridge => {
            let mut order = shuffled(nodes, chance);
            let over = order.swap_remove(0);
            let [left, right] = <[_; 2]>::try_from(halves(order, chance)).unwrap_or_default();
            Fault::Bridge { over, left, right }
        }
        Kind::OneWay => lose(node, nodes, 1000, chance),
        Kind::Lose => lose(node, nodes, among(chance, &[20, 100, 300]) as u16, chance),
        Kind::Slow => Fault::Slow { node, kbit_per_s: among(chance, &[128, 512, 2_000]) as u32 },
        Kind::Delay => {
            let to = (node + 1 + chance.below(nodes as u64 - 1) as usize) % nodes;
            Fault::Delay { from: node, to, ms: among(chance, &[5, 50, 400]) }
        }
        Kind::Disorder => Fault::Disorder { node, how: disorder(chance) },
        Kind::Kill => Fault::Kill(node),
        Kind::Restart => Fault::Restart(node),
        Kind::Rolling => Fault::Rolling,
        Kind::Pause => Fault::Pause(node),
        Kind::DiskFull => Fault::DiskFull(node),
        Kind::SlowSync => Fault::SlowSync { node, ms: among(chance, &[5, 50, 500]) },
        Kind::FailSync => Fault::FailSync(node),
        Kind::Clock => {
            let ms = among(chance, &[700, 30_000, 3_600_000]) as i64;
            Fault::Clock { node, ms: if chance.once_in(2) { ms } else { -ms } }
        }
        Kind::SpoilTail => Fault::SpoilTail { node, bytes: among(chance, &[64, 4_096, 65_536]) },
        Kind::Drain => Fault::Drain(node),
        Kind::Remove => Fault::Remove(node),
        Kind::Replace => Fault::Replace(node),
    }
}

fn disorder(chance: &mut Chance) -> Disorder {
    let mut among = |values: &[u64]| values[chance.below(values.len() as u64) as usize];
    Disorder {
        delay_ms: among(&[0, 2, 30]),
        late: among(&[50, 300]) as u16,
        late_ms: among(&[3, 20, 150]),
        doubled: among(&[20, 200]) as u16,
    }
}

/// From or to a node; the other end is another node or, now and then, the clients.
fn lose(node: usize, nodes: usize, per_mille: u16, chance: &mut Chance) -> Fault {
    let other = if nodes == 1 || chance.once_in(6) {
        End::Control
    } else {
        End::Node((node + 1 + chance.below(nodes as u64 - 1) as usize) % nodes)
    };
    let (from, to) =
        if chance.once_in(2) { (End::Node(node), other) } else { (other, End::Node(node)) };
    Fault::Lose { from, to, per_mille }
}

fn shuffled(nodes: usize, chance: &mut Chance) -> Vec<usize> {
    let mut order: Vec<usize> = (0..nodes).collect();
    for at in (1..nodes).rev() {
        order.swap(at, chance.below(at as u64 + 1) as usize);
    }
    order
}

/// Two sides, neither empty, each in order.
fn halves(order: Vec<usize>, chance: &mut Chance) -> Vec<Vec<usize>> {
    let cut = 1 + chance.below(order.len() as u64 - 1) as usize;
    let (left, right) = order.split_at(cut);
    let sorted = |side: &[usize]| {
        let mut side = side.to_vec();
        side.sort_unstable();
        side
    };
    vec![sorted(left), sorted(right)]
}
