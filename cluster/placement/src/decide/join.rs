//! Who may come in.

use impresario_ids::{ClusterId, NodeId};

use super::{Draft, checks};
use crate::{Event, Introduction, Rejection, Status};

/// What a node claims besides what it says of itself.
pub(super) struct Claim {
    pub(super) cluster: ClusterId,
    pub(super) partitions: u16,
    pub(super) node: Option<NodeId>,
    pub(super) answered_elsewhere: bool,
}

impl Draft {
    pub(super) fn join(&mut self, claim: Claim, intro: &Introduction) -> Result<(), Rejection> {
        checks::introduction(intro)?;
        self.check_cluster(&claim)?;
        match self.now.node_of_store(intro.store) {
            Some(node) => {
                if claim.node.is_some_and(|claimed| claimed != node) {
                    return Err(Rejection::WrongNode { node: claim.node.unwrap_or(node) });
                }
                if self.now.is(node, Status::is_final) {
                    return Err(Rejection::StoreRetired { node });
                }
                if claim.answered_elsewhere {
                    return Err(Rejection::StoreCopied { node });
                }
                self.check_others(Some(node), intro)?;
                self.introduce(node, intro);
            }
            None => {
                // A number of ours in a store that we never saw: not a store of this cluster.
                if let Some(node) = claim.node {
                    return Err(Rejection::WrongNode { node });
                }
                self.check_others(None, intro)?;
                let (node, at_ms) = (NodeId(self.now.next_node), self.at_ms);
                self.node = Some(node);
                self.record(Event::Joined { node, intro: intro.clone(), at_ms });
                self.rebalance();
            }
        }
        Ok(())
    }

    fn check_cluster(&self, claim: &Claim) -> Result<(), Rejection> {
        if let Some(ours) = self.now.cluster().filter(|ours| *ours != claim.cluster) {
            return Err(Rejection::WrongCluster { ours, theirs: claim.cluster });
        }
        let ours = self.now.settings().map_or(0, |settings| settings.partitions);
        if claim.partitions != 0 && claim.partitions != ours {
            return Err(Rejection::WrongPartitions { ours, theirs: claim.partitions });
        }
        Ok(())
    }

    /// It must be able to speak with every member, and not sit where one is.
    fn check_others(&self, own: Option<NodeId>, intro: &Introduction) -> Result<(), Rejection> {
        for member in self.now.members().filter(|member| Some(member.node) != own) {
            let node = member.node;
            if member.status.is_present() && member.intro.addr == intro.addr {
                return Err(Rejection::AddressTaken { node });
            }
            if member.status.is_present() && !member.intro.wire.meets(&intro.wire) {
                return Err(Rejection::WireIncompatible { node });
            }
        }
        Ok(())
    }

    /// A member started again, perhaps elsewhere or as another release.
    fn introduce(&mut self, node: NodeId, intro: &Introduction) {
        self.node = Some(node);
        let Some(member) = self.now.member(node) else { return };
        let mut after = intro.clone();
        if member.zone_pinned {
            after.zone = member.intro.zone.clone();
        }
        if after != member.intro {
            let moved = after.zone != member.intro.zone;
            self.record(Event::Introduced { node, intro: after });
            if moved {
                self.rebalance();
            }
        }
    }
}
