use std::collections::BTreeMap;
use std::sync::Arc;

use impresario_consensus::Allowed;
use impresario_ids::NodeId;
use impresario_placement::{ClusterState, GroupId};
use impresario_wire::{Doorman, Hello, Me, Refusal, StoreId};
use parking_lot::RwLock;

/// Who may come in, and which groups may come here: made before the wire and the consensus, and
/// kept as the cluster's state says once a steward runs. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    me: Me,
    state: Arc<RwLock<Option<Arc<ClusterState>>>>,
    /// Members that were told of by the one that let this node in.
    contacts: Arc<RwLock<BTreeMap<NodeId, StoreId>>>,
}

impl Gate {
    /// A gate that lets nobody in but guests, and no group but the system group.
    #[must_use]
    pub fn new(me: Me) -> Self {
        Self { me, state: Arc::default(), contacts: Arc::default() }
    }

    /// What the consensus asks before it makes a replica for another node.
    #[must_use]
    pub fn allowed(&self) -> Allowed {
        let gate = self.clone();
        Arc::new(move |group, _| gate.wants(group))
    }

    /// Whether this node may come in with this data folder.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, node: NodeId, store: StoreId) -> Result<(), Refusal> {
        if node == NodeId(0) {
            return Ok(());
        }
        let state = self.state.read().clone();
        let member = state.as_ref().and_then(|state| state.member(node));
        let known = match member {
            Some(member) if member.status.is_final() => return Err(Refusal::RemovedNode(node)),
            Some(member) => Some(StoreId(member.intro.store.0)),
            None => self.contacts.read().get(&node).copied(),
        };
        match known {
            None => Err(Refusal::UnknownNode(node)),
            Some(known) if known != store => {
                Err(Refusal::OtherStore { node, known, theirs: store })
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether a replica of this group belongs here, as far as this node knows.
    fn wants(&self, group: u16) -> bool {
        let system = group == self.me.partitions;
        let state = self.state.read();
        let Some(state) = state.as_ref().filter(|state| state.cluster().is_some()) else {
            return system;
        };
        let node = self.me.node;
        let present = state.member(node).is_none_or(|member| !member.status.is_final());
        let assigned = state.assignment(GroupId(group)).is_some_and(|assignment| {
            assignment.voters.contains(&node) || assignment.learners.contains(&node)
        });
        present && (system || assigned)
    }

    pub(crate) fn follow(&self, state: &Arc<ClusterState>) {
        *self.state.write() = Some(Arc::clone(state));
    }

    /// Lets in the members of a state that may be ahead of the one that is followed.
    pub(crate) fn meet(&self, state: &ClusterState) {
        let mut contacts = self.contacts.write();
        for member in state.members().filter(|member| !member.status.is_final()) {
            contacts.insert(member.node, StoreId(member.intro.store.0));
        }
    }
}

impl Doorman for Gate {
    fn admit(&self, peer: &Hello) -> Result<(), Refusal> {
        self.admits(peer.who.node, peer.who.store)
    }
}
