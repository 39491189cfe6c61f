//! What nodes say, read.

use serde_json::Value;

use crate::chaos::invariants::leadership::Claim;
use crate::chaos::invariants::replicas::Digest;

/// The number in the ready line of a node.
pub(super) fn number_in(line: &str) -> Option<u64> {
    number(&serde_json::from_str::<Value>(line).ok()?["node"])
}

/// A node's number, from `node-3` or 3.
pub(super) fn number(value: &Value) -> Option<u64> {
    let text = value.as_str().and_then(|text| text.strip_prefix("node-"));
    value.as_u64().or_else(|| text.and_then(|text| text.parse().ok()))
}

/// The groups in what a node says of its partitions, without the system group.
fn groups(answer: &Value, partitions: u32) -> impl Iterator<Item = (u32, &Value)> {
    let items = answer["items"].as_array().or_else(|| answer["partitions"].as_array());
    items.into_iter().flatten().filter_map(move |item| {
        let group = item["partition"].as_u64().or_else(|| item["group"].as_u64())?;
        let group = u32::try_from(group).ok().filter(|group| *group < partitions)?;
        Some((group, item))
    })
}

/// What one node says about who leads.
pub(super) fn claims(answer: &Value, node: usize, partitions: u32, at_ms: u64) -> Vec<Claim> {
    let claim = |(partition, item): (u32, &Value)| {
        let is_leader = item["role"] == "leader";
        Some(Claim { at_ms, node, partition, term: item["term"].as_u64()?, is_leader })
    };
    groups(answer, partitions).filter_map(claim).collect()
}

/// Whether a node is of a release that does not tell what its replicas hold.
pub(super) fn tells_no_digests(answer: &Value) -> bool {
    let mut groups = groups(answer, u32::MAX);
    groups.any(|(_, item)| {
        let error = item["digest"]["error"].as_str();
        error.is_some_and(|error| error.contains("this release"))
    })
}

/// What one node's replicas hold.
pub(super) fn digests(answer: &Value, node: usize, partitions: u32) -> Vec<Digest> {
    let digest = |(partition, item): (u32, &Value)| {
        let digest = &item["digest"];
        let hash = ["blake3", "digest", "hash"]
            .iter()
            .find_map(|name| digest[*name].as_str())
            .or_else(|| digest.as_str())?;
        let applied = digest["applied"].as_u64().or_else(|| item["applied"].as_u64())?;
        Some(Digest { node, partition, applied, hash: hash.to_owned() })
    };
    groups(answer, partitions).filter_map(digest).collect()
}

/// The greatest lag of any replica, in entries; `None` while some group has no leader that tells.
pub(super) fn lag(status: &Value) -> Option<u64> {
    let groups = status["groups"].as_array()?;
    let of_group = |group: &Value| {
        let lags = group["lag"].as_object().filter(|_| !group["leader"].is_null())?;
        let voters = group["voters"].as_array().map_or(0, Vec::len);
        // One that does not answer has no lag to tell of.
        (lags.len() + 1 >= voters).then(|| lags.values().filter_map(Value::as_u64).max())
    };
    let lags: Option<Vec<Option<u64>>> = groups.iter().map(of_group).collect();
    lags.map(|lags| lags.into_iter().flatten().max().unwrap_or(0))
}

/// Why a cluster is not at rest; `None` if it is.
pub(super) fn unrest(status: &Value, partitions: u32, replicas: usize) -> Option<String> {
    let list = |name: &str| status[name].as_array().cloned().unwrap_or_default();
    for node in list("nodes") {
        let (name, state) = (&node["node"], node["status"].as_str().unwrap_or_default());
        let state = state.to_lowercase();
        let is_gone = state == "left" || state == "removed";
        if !is_gone && (state != "active" || node["alive"] == false) {
            return Some(format!("{name} is {state}, alive: {}", node["alive"]));
        }
    }
    let groups = list("groups");
    let of_data =
        |group: &&Value| group["group"].as_u64().is_none_or(|group| group < u64::from(partitions));
    if groups.iter().filter(of_data).count() < partitions as usize {
        return Some(format!("{} of {partitions} groups are known", groups.len()));
    }
    for group in groups.iter().filter(of_data) {
        let voters = group["voters"].as_array().map_or(0, Vec::len);
        if voters != replicas || group["changing"] == true || group["leader"].is_null() {
            return Some(format!("partition {} has {voters} voters: {group}", group["group"]));
        }
    }
    let pending = list("pending");
    pending.first().map(|first| format!("{} groups are not in place, e.g. {first}", pending.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_says_who_it_is() {
        let line = r#"{"listening":"http://10.0.0.1:8080","node":"node-12","cluster":"clu_x"}"#;
        assert_eq!(number_in(line), Some(12));
        assert_eq!(number_in("{}"), None);
        assert_eq!(number(&json!(3)), Some(3));
    }
}
