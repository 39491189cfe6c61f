//! One answer out of the answers of several nodes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use impresario_api::codes;
use impresario_http::{AdminAsk, PortError};
use impresario_ids::NodeId;
use serde_json::{Value, json};

use super::heat;

/// What each node said.
pub(super) type Answers = Vec<(NodeId, Result<Value, PortError>)>;

/// Puts answers together. Who did not answer is named; if nobody did, the first error is the answer.
pub(super) fn merge(ask: &AdminAsk, answers: Answers) -> Result<Value, PortError> {
    let mut given = Vec::new();
    let (mut missing, mut first) = (Vec::new(), None);
    for (node, answer) in answers {
        match answer {
            Ok(answer) => given.push((node, answer)),
            Err(error) => {
                missing
                    .push(json!({ "node": node, "code": error.code.name, "error": error.detail }));
                // One that answers knows better than one that does not.
                if first.is_none() || error.code != &codes::NODE_UNREACHABLE {
                    first = Some(error);
                }
            }
        }
    }
    if given.is_empty() {
        return Err(first.unwrap_or_else(|| PortError::internal("no node was asked")));
    }
    let mut merged = match ask {
        AdminAsk::Actors { limit, .. } => {
            let mut rows = rows(given, "actors");
            rows.sort_by_key(|row| (Reverse(row["pending"].as_u64()), row["idle_ms"].as_i64()));
            rows.truncate(*limit);
            json!({ "actors": rows })
        }
        AdminAsk::Top { limit } => heat::merge(given, *limit),
        AdminAsk::Audit { limit } => json!({ "acts": acts(given, *limit) }),
        AdminAsk::Partition { partition, .. } => {
            let rows = rows(given, "replicas");
            json!({ "partition": partition, "replicas": rows })
        }
        _ => {
            let nodes: Vec<Value> = given
                .into_iter()
                .map(|(node, answer)| match answer {
                    Value::Object(mut members) => {
                        members.insert("node".to_owned(), json!(node));
                        Value::Object(members)
                    }
                    other => json!({ "node": node, "answer": other }),
                })
                .collect();
            json!({ "nodes": nodes })
        }
    };
    merged["unreachable"] = missing.into();
    Ok(merged)
}

/// The rows of a list of all nodes, each with its node.
fn rows(answers: Vec<(NodeId, Value)>, member: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for (node, mut answer) in answers {
        if let Some(Value::Array(rows)) = answer.get_mut(member).map(Value::take) {
            all.extend(rows.into_iter().map(|mut row| {
                row["node"] = json!(node);
                row
            }));
        }
    }
    all
}

/// Acts by their id: each node has what the others told it, and the most complete one counts.
fn acts(answers: Vec<(NodeId, Value)>, limit: usize) -> Vec<Value> {
    let mut by_id: BTreeMap<String, Value> = BTreeMap::new();
    for (_, mut answer) in answers {
        let Some(Value::Array(acts)) = answer.get_mut("acts").map(Value::take) else { continue };
        for act in acts {
            let id = act["id"].as_str().unwrap_or_default().to_owned();
            let known = by_id.get(&id);
            if known.is_none_or(|known| known["outcome"] == super::audit::UNKNOWN) {
                by_id.insert(id, act);
            }
        }
    }
    by_id.into_values().rev().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_do_not_answer_are_named() {
        let answers = vec![
            (NodeId(1), Ok(json!({ "actors": [{ "id": "a", "pending": 0, "idle_ms": 5 }] }))),
            (NodeId(2), Err(PortError::internal("gone"))),
            (NodeId(3), Ok(json!({ "actors": [{ "id": "b", "pending": 2, "idle_ms": 9 }] }))),
        ];
        let merged = merge(&AdminAsk::Actors { kind: None, limit: 1 }, answers).expect("an answer");
        assert_eq!(merged["actors"], json!([{ "id": "b", "pending": 2, "idle_ms": 9, "node": 3 }]));
        assert_eq!(merged["unreachable"][0]["node"], 2);
    }

    #[test]
    fn a_refusal_by_all_is_a_refusal() {
        let silent = PortError { code: &codes::NODE_UNREACHABLE, detail: String::new() };
        let refused = PortError::coded("partition_unknown", "no");
        for answers in [
            vec![(NodeId(1), Err(silent.clone())), (NodeId(2), Err(refused.clone()))],
            vec![(NodeId(1), Err(refused.clone()))],
        ] {
            let ask = AdminAsk::Partition { partition: 9, digest: false };
            assert_eq!(merge(&ask, answers), Err(refused.clone()));
        }
    }

    #[test]
    fn an_act_counts_once_with_its_outcome() {
        let begun = json!({ "id": "1", "outcome": super::super::audit::UNKNOWN });
        let ended = json!({ "id": "1", "outcome": "done" });
        let later = json!({ "id": "2", "outcome": "done" });
        let answers = vec![
            (NodeId(1), Ok(json!({ "acts": [begun] }))),
            (NodeId(2), Ok(json!({ "acts": [later, ended] }))),
        ];
        let merged = merge(&AdminAsk::Audit { limit: 9 }, answers).expect("an answer");
        assert_eq!(merged["acts"], json!([later, ended]));
    }
}
