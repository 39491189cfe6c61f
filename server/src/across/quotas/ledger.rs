//! Who has counted how much today. Pure.

use std::collections::{BTreeMap, HashMap};

use impresario_ids::{NodeId, TenantId};

use super::Row;

/// The counts of one day, by tenant and node. Each only grows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    day: i64,
    tenants: HashMap<TenantId, BTreeMap<NodeId, u64>>,
    /// This node's counts that changed, with the number of the change.
    changed: HashMap<TenantId, u64>,
    changes: u64,
}

impl Ledger {
    /// Begins anew, if it is another day.
    pub(super) fn turn_to(&mut self, day: i64) {
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
    }

    pub(super) fn day(&self) -> i64 {
        self.day
    }

    /// Notes a count; whether it says something new.
    pub(super) fn note(&mut self, row: &Row) -> bool {
        let known = self.tenants.entry(row.tenant).or_default().entry(row.node).or_default();
        let is_new = row.used > *known;
        *known = (*known).max(row.used);
        is_new
    }

    /// Notes this node's own count.
    pub(super) fn note_own(&mut self, me: NodeId, tenant: TenantId, used: u64) {
        if self.note(&Row { tenant, node: me, used }) {
            self.changes += 1;
            self.changed.insert(tenant, self.changes);
        }
    }

    /// What all nodes but one have counted for a tenant.
    pub(super) fn but(&self, me: NodeId, tenant: TenantId) -> u64 {
        let counts = self.tenants.get(&tenant).into_iter().flatten();
        counts.filter(|(node, _)| **node != me).map(|(_, used)| *used).sum()
    }

    /// This node's counts that changed after a change, at most so many, the oldest changes first; and
    /// the last change that is among them.
    pub(super) fn since(&self, me: NodeId, change: u64, rows_max: usize) -> (Vec<Row>, u64) {
        let after = self.changed.iter().filter(|(_, number)| **number > change);
        let mut changed: Vec<(u64, TenantId)> = after.map(|(of, number)| (*number, *of)).collect();
        changed.sort_unstable();
        changed.truncate(rows_max);
        let last = changed.last().map_or(change, |(number, _)| *number);
        let row = |(_, tenant): (u64, TenantId)| {
            let used = self.tenants.get(&tenant)?.get(&me).copied()?;
            Some(Row { tenant, node: me, used })
        };
        (changed.into_iter().filter_map(row).collect(), last)
    }

    /// Every count of every node.
    pub(super) fn all(&self) -> Vec<Row> {
        let rows = self.tenants.iter().flat_map(|(tenant, counts)| {
            counts.iter().map(|(node, used)| Row { tenant: *tenant, node: *node, used: *used })
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: TenantId = TenantId::from_bytes([1; 16]);
    const OTHER: TenantId = TenantId::from_bytes([2; 16]);
    const ME: NodeId = NodeId(1);

    fn row(tenant: TenantId, node: u64, used: u64) -> Row {
        Row { tenant, node: NodeId(node), used }
    }

    #[test]
    fn counts_only_grow_and_a_day_begins_at_nothing() {
        let mut ledger = Ledger::default();
        ledger.turn_to(7);
        assert!(ledger.note(&row(ACME, 2, 5)) && ledger.note(&row(ACME, 3, 1)));
        assert!(!ledger.note(&row(ACME, 2, 4)));
        ledger.note_own(ME, ACME, 9);
        assert_eq!((ledger.but(ME, ACME), ledger.but(NodeId(2), ACME)), (6, 10));
        assert_eq!((ledger.all().len(), ledger.but(ME, OTHER)), (3, 0));
        ledger.turn_to(7);
        assert_eq!(ledger.but(ME, ACME), 6);
        ledger.turn_to(8);
        assert_eq!((ledger.day(), ledger.but(ME, ACME)), (8, 0));
        assert_eq!(ledger.since(ME, 0, 9), (Vec::new(), 0));
    }

    #[test]
    fn only_what_changed_here_is_told() {
        let mut ledger = Ledger::default();
        ledger.note(&row(ACME, 2, 5));
        ledger.note_own(ME, ACME, 1);
        ledger.note_own(ME, OTHER, 1);
        assert_eq!(ledger.since(ME, 0, 1), (vec![row(ACME, 1, 1)], 1));
        assert_eq!(ledger.since(ME, 1, 1), (vec![row(OTHER, 1, 1)], 2));
        ledger.note_own(ME, OTHER, 1);
        assert_eq!(ledger.since(ME, 2, 9), (Vec::new(), 2));
        ledger.note_own(ME, ACME, 3);
        assert_eq!(ledger.since(ME, 1, 9), (vec![row(OTHER, 1, 1), row(ACME, 1, 3)], 3));
    }
}
