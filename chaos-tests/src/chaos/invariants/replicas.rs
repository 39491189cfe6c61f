//! After healing all replicas of a partition hold the same bytes.

use std::collections::BTreeMap;

use super::Findings;

/// The name of this promise.
pub const NAME: &str = "replicas are equal";

/// What a node's replica of a partition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Which node.
    pub node: usize,
    /// Which partition.
    pub partition: u32,
    /// The index of the last entry that is in it. Replicas can be compared at the same one only.
    pub applied: u64,
    /// A hash over all rows in order.
    pub hash: String,
}

/// Checks the digests of all partitions. Each of `partitions` must have `replicas` of them.
#[must_use]
pub fn check(digests: &[Digest], partitions: u32, replicas: usize) -> Findings {
    let mut findings = Findings::new(NAME);
    findings.looked_at = digests.len() as u64;
    let mut by_partition = BTreeMap::<u32, Vec<&Digest>>::new();
    for digest in digests {
        by_partition.entry(digest.partition).or_default().push(digest);
    }
    for partition in 0..partitions {
        let digests = by_partition.remove(&partition).unwrap_or_default();
        if digests.len() != replicas {
            let nodes: Vec<_> = digests.iter().map(|one| one.node + 1).collect();
            findings.add(format!(
                "partition {partition} has {} replicas instead of {replicas}: nodes {nodes:?}",
                nodes.len()
            ));
        }
        let Some(first) = digests.first() else { continue };
        for other in &digests[1..] {
            let (a, b) = (first.node + 1, other.node + 1);
            if first.applied != other.applied {
                findings.add(format!(
                    "partition {partition}: node-{a} is at entry {} and node-{b} at entry {}",
                    first.applied, other.applied
                ));
            } else if first.hash != other.hash {
                findings.add(format!(
                    "partition {partition} at entry {}: node-{a} holds {} and node-{b} holds {}",
                    first.applied, first.hash, other.hash
                ));
            }
        }
    }
    for partition in by_partition.keys() {
        findings.add(format!("partition {partition} is not one of the cluster's"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(node: usize, applied: u64, hash: &str) -> Digest {
        Digest { node, partition: 0, applied, hash: hash.to_owned() }
    }

    #[test]
    fn equal_replicas_hold() {
        assert!(check(&[digest(0, 5, "a"), digest(1, 5, "a"), digest(2, 5, "a")], 1, 3).hold());
    }

    #[track_caller]
    fn finds(digests: &[Digest], wanted: &str) {
        let findings = check(digests, 1, 2);
        let texts: Vec<_> = findings.violations.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(texts, [wanted]);
    }

    #[test]
    fn difference_lag_and_absence_are_found() {
        let a = digest(0, 5, "a");
        let holds = "partition 0 at entry 5: node-1 holds a and node-2 holds b";
        finds(&[a.clone(), digest(1, 5, "b")], holds);
        let lags = "partition 0: node-1 is at entry 5 and node-2 at entry 4";
        finds(&[a.clone(), digest(1, 4, "a")], lags);
        finds(std::slice::from_ref(&a), "partition 0 has 1 replicas instead of 2: nodes [1]");
        finds(&[], "partition 0 has 0 replicas instead of 2: nodes []");
        let strange = Digest { partition: 9, ..a.clone() };
        let is_strange = "partition 9 is not one of the cluster's";
        finds(&[a.clone(), digest(1, 5, "a"), strange], is_strange);
    }
}
