//! Shortest chains of exchanges.
//!
//! What each group may choose is a matroid's bases (so many nodes, spread over zones so; one leader
//! among the voters). For loads that are sums of such choices, a chain of exchanges from a node to
//! one with at least two less exists as long as the sum of squares of the loads is not the least
//! possible one. So levelling by chains ends at the best balance, not merely at a local one.

use std::collections::VecDeque;

/// One group gives up `from` and takes `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) group: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Everything that chains of exchanges lead to from one node.
#[derive(Debug)]
pub(crate) struct Reach {
    start: usize,
    /// In the order of distance, without the start.
    found: Vec<usize>,
    /// The last exchange of the chain to a node.
    last: Vec<Option<Exchange>>,
}

impl Reach {
    /// `exchanges(node, see)` calls `see` with each exchange that gives up `node`.
    pub(crate) fn from(
        start: usize,
        nodes: usize,
        exchanges: impl Fn(usize, &mut dyn FnMut(Exchange)),
    ) -> Self {
        let mut reach = Self { start, found: Vec::new(), last: vec![None; nodes] };
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            exchanges(node, &mut |exchange| {
                let to = exchange.to;
                if to != start && reach.last[to].is_none() {
                    reach.last[to] = Some(exchange);
                    reach.found.push(to);
                    queue.push_back(to);
                }
            });
        }
        reach
    }

    /// The nearest of the reached nodes with the least `load`, if that is at most `limit`.
    pub(crate) fn least(&self, load: &[usize], limit: usize) -> Option<usize> {
        // The first of equal ones.
        self.found
            .iter()
            .copied()
            .filter(|node| load[*node] <= limit)
            .min_by_key(|node| load[*node])
    }

    /// The chain to a reached node, its last exchange first: in this order each exchange is
    /// possible when its turn comes.
    pub(crate) fn chain(&self, end: usize) -> Vec<Exchange> {
        let mut chain = Vec::new();
        let mut at = end;
        while at != self.start {
            let Some(exchange) = self.last[at] else { break };
            chain.push(exchange);
            at = exchange.from;
        }
        chain
    }
}
