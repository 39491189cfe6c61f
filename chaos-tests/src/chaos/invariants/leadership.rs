//! In a term a partition has one leader, and a node never goes back to an earlier term.

use std::collections::BTreeMap;

use super::Findings;

/// The name of this promise.
pub const NAME: &str = "a term has one leader";

/// What a node said of one partition when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// When, in milliseconds of the run.
    pub at_ms: u64,
    /// Which node.
    pub node: usize,
    /// Which partition.
    pub partition: u32,
    /// The term it is in.
    pub term: u64,
    /// Whether it says that it leads.
    pub is_leader: bool,
}

/// Checks all that was said. Claims of one node are in the order in which they were made.
#[must_use]
pub fn check(claims: &[Claim]) -> Findings {
    let mut findings = Findings::new(NAME);
    findings.looked_at = claims.len() as u64;
    let mut leaders = BTreeMap::<(u32, u64), &Claim>::new();
    let mut terms = BTreeMap::<(usize, u32), &Claim>::new();
    for claim in claims {
        let Claim { at_ms, node, partition, term, .. } = claim;
        if let Some(before) = terms.insert((*node, *partition), claim).filter(|b| b.term > *term) {
            findings.add(format!(
                "partition {partition}: node-{} was in term {} at {} ms and in term {term} at {at_ms} ms",
                node + 1, before.term, before.at_ms
            ));
        }
        if !claim.is_leader {
            continue;
        }
        let first = *leaders.entry((*partition, *term)).or_insert(claim);
        if first.node != *node {
            findings.add(format!(
                "partition {partition}, term {term}: led by node-{} at {} ms and by node-{} at {at_ms} ms",
                first.node + 1, first.at_ms, node + 1
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(at_ms: u64, node: usize, term: u64, is_leader: bool) -> Claim {
        Claim { at_ms, node, partition: 3, term, is_leader }
    }

    #[test]
    fn leaders_of_different_terms_may_overlap() {
        // A deposed leader does not know yet.
        let claims = [claim(1, 0, 1, true), claim(2, 1, 2, true), claim(3, 0, 1, true)];
        assert!(check(&claims).hold());
        let other_partition = Claim { partition: 4, ..claim(3, 1, 1, true) };
        assert!(check(&[claim(1, 0, 1, true), other_partition]).hold());
        assert!(!check(&[]).hold(), "nobody was asked");
    }

    #[test]
    fn two_leaders_of_a_term_are_found() {
        let findings = check(&[claim(1, 0, 7, true), claim(2, 1, 7, false), claim(9, 2, 7, true)]);
        assert_eq!(
            findings.violations[0].what,
            "partition 3, term 7: led by node-1 at 1 ms and by node-3 at 9 ms"
        );
    }

    #[test]
    fn a_forgotten_term_is_found() {
        let findings = check(&[claim(1, 0, 7, false), claim(2, 0, 6, false)]);
        assert_eq!(findings.violations.len(), 1, "{findings:?}");
    }
}
