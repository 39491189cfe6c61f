//! What is busy: entities and tenants by events per second, commands per second, waits.
//!
//! Nothing is counted for this beside what the host and its metrics keep anyway: two looks are
//! compared. An entity's rate is that of its events, from its sequence; one that was not active at
//! the first look has none yet.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use impresario_http::PortError;
use impresario_ids::NodeId;
use impresario_kernel::EntityKey;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::actors::id_text;
use super::waits::{Counted, rate};
use super::{Admin, internal};

/// Looks are kept for whoever looks again.
#[derive(Debug, Default)]
pub(super) struct Heat {
    looks: Mutex<VecDeque<Look>>,
}

/// What was seen at one moment.
#[derive(Clone, Debug)]
struct Look {
    at: Instant,
    sequences: HashMap<EntityKey, u64>,
    counted: Counted,
}

/// So many entities are looked at: the most recently used ones.
const ENTITIES_MAX: usize = 10_000;
/// A rate over less than this would jump about.
const WINDOW_MIN: Duration = Duration::from_millis(700);
/// A look older than this says nothing about now.
const WINDOW_MAX: Duration = Duration::from_secs(60);
/// How long the first look waits for its second.
const FIRST: Duration = Duration::from_secs(1);
const LOOKS_KEPT: usize = 8;

impl Heat {
    /// The newest look that is old enough to compare with.
    fn base(&self, now: Instant) -> Option<Look> {
        let looks = self.looks.lock();
        let fits = |look: &&Look| {
            let age = now.duration_since(look.at);
            (WINDOW_MIN..=WINDOW_MAX).contains(&age)
        };
        looks.iter().rev().find(fits).cloned()
    }

    fn keep(&self, look: Look) {
        let mut looks = self.looks.lock();
        looks.push_back(look);
        while looks.len() > LOOKS_KEPT {
            looks.pop_front();
        }
    }
}

impl Admin {
    pub(super) async fn top_value(&self, limit: usize) -> Result<Value, PortError> {
        let base = match self.heat.base(Instant::now()) {
            Some(base) => base,
            None => {
                let (first, _) = self.look().await?;
                tokio::time::sleep(FIRST).await;
                first
            }
        };
        let (look, infos) = self.look().await?;
        let seconds = look.at.duration_since(base.at).as_secs_f64();
        let hottest: Vec<Value> = infos
            .iter()
            .map(|info| {
                let before = base.sequences.get(&info.key).copied().unwrap_or(info.seq);
                json!({
                    "tenant": info.key.tenant,
                    "kind": info.kind,
                    "id": id_text(&info.key),
                    "partition": self.parts.host.partition_of(&info.key).0,
                    "pending": info.pending,
                    "events_per_s": rate(info.seq.saturating_sub(before) as f64, seconds),
                    "down": info.down.is_some(),
                })
            })
            .collect();
        let waits = look.counted.since(&base.counted, seconds);
        let kinds: BTreeMap<&str, usize> =
            self.parts.host.info().iter().map(|info| (info.kind, info.active)).collect();
        let leads = self.parts.host.journal().partitions();
        let leads = (0..leads)
            .filter(|id| self.parts.host.leads(impresario_kernel::PartitionId(*id)).is_some());
        let node = json!({
            "node": self.parts.neighbours.me(),
            "window_ms": (seconds * 1_000.0).round(),
            "leads": leads.count(),
            "active": kinds,
            "under_way": self.parts.router.under_way(),
            "waits": waits,
        });
        self.heat.keep(look);
        let tenants = by_tenant(&hottest);
        Ok(json!({
            "nodes": [node],
            "entities": hottest_first(hottest, limit),
            "tenants": hottest_first(tenants, limit),
        }))
    }

    async fn look(&self) -> Result<(Look, Vec<impresario_host::EntityInfo>), PortError> {
        let (host, metrics) = (self.parts.host.clone(), self.parts.metrics.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let infos = host.top(None, ENTITIES_MAX);
            let sequences = infos.iter().map(|info| (info.key, info.seq)).collect();
            let counted = Counted::read(&metrics.render());
            (Look { at: Instant::now(), sequences, counted }, infos)
        });
        looking.await.map_err(internal)
    }
}

fn by_tenant(entities: &[Value]) -> Vec<Value> {
    let mut tenants: BTreeMap<String, (f64, u64, u64)> = BTreeMap::new();
    for entity in entities {
        let tenant = tenants.entry(entity["tenant"].as_str().unwrap_or_default().to_owned());
        let (rate, active, pending) = tenant.or_default();
        *rate += entity["events_per_s"].as_f64().unwrap_or(0.0);
        *active += 1;
        *pending += entity["pending"].as_u64().unwrap_or(0);
    }
    let shown = |(tenant, (rate, active, pending)): (String, (f64, u64, u64))| {
        let rate = (rate * 10.0).round() / 10.0;
        json!({ "tenant": tenant, "events_per_s": rate, "active": active, "pending": pending })
    };
    tenants.into_iter().map(shown).collect()
}

fn hottest_first(mut rows: Vec<Value>, limit: usize) -> Vec<Value> {
    rows.sort_by_key(|row| {
        let tenths = row["events_per_s"].as_f64().unwrap_or(0.0) * 10.0;
        (Reverse(tenths.round() as u64), Reverse(row["pending"].as_u64()))
    });
    rows.truncate(limit);
    rows
}

/// What is busy in the whole cluster, out of what is busy on each node.
pub(super) fn merge(answers: Vec<(NodeId, Value)>, limit: usize) -> Value {
    let (mut nodes, mut entities) = (Vec::new(), Vec::new());
    let mut tenants: BTreeMap<String, Value> = BTreeMap::new();
    for (node, mut answer) in answers {
        let mut take = |name: &str| match answer.get_mut(name).map(Value::take) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        nodes.extend(take("nodes"));
        entities.extend(take("entities").into_iter().map(|mut row| {
            row["node"] = json!(node);
            row
        }));
        for row in take("tenants") {
            let name = row["tenant"].as_str().unwrap_or_default().to_owned();
            match tenants.get_mut(&name) {
                Some(known) => add(known, &row),
                None => drop(tenants.insert(name, row)),
            }
        }
    }
    json!({
        "nodes": nodes,
        "entities": hottest_first(entities, limit),
        "tenants": hottest_first(tenants.into_values().collect(), limit),
    })
}

fn add(known: &mut Value, more: &Value) {
    let sum = |name: &str| known[name].as_f64().unwrap_or(0.0) + more[name].as_f64().unwrap_or(0.0);
    let (rate, active, pending) = (sum("events_per_s"), sum("active"), sum("pending"));
    known["events_per_s"] = ((rate * 10.0).round() / 10.0).into();
    known["active"] = (active as u64).into();
    known["pending"] = (pending as u64).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_added_up_over_nodes() {
        let answer = |id: &str, rate: f64| {
            let entities = vec![json!({
                "tenant": "ten_1", "id": id, "events_per_s": rate, "pending": 1,
            })];
            let tenants = by_tenant(&entities);
            json!({ "nodes": [{ "node": 1 }], "entities": entities, "tenants": tenants })
        };
        let merged = merge(vec![(NodeId(1), answer("a", 2.5)), (NodeId(2), answer("b", 4.0))], 1);
        assert_eq!(
            merged["tenants"],
            json!([{ "tenant": "ten_1", "events_per_s": 6.5, "active": 2, "pending": 2 }])
        );
        assert_eq!(merged["entities"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            (&merged["entities"][0]["id"], &merged["entities"][0]["node"]),
            (&json!("b"), &json!(2))
        );
        assert_eq!(merged["nodes"].as_array().map(Vec::len), Some(2));
    }
}
