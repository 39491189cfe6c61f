use std::sync::Arc;

use impresario_ids::NodeId;
use impresario_redb::{Adopt, Adopted};

use crate::ballot::Ballot;
use crate::consensus::Consensus;
use crate::stored::{Applied, id_bytes};
use crate::types::{LogId, Member, Membership, StoredMembership, Vote};

impl Consensus {
    /// How a store of a node that was alone ([`impresario_redb::RedbJournal`]) becomes the store of
    /// a cluster's founder: each partition goes on as a group whose only voter is this node. For
    /// [`impresario_redb::ReplicaOptions::adopt`].
    #[must_use]
    pub fn adopt(node: NodeId, partitions: u16) -> Adopt {
        let begin = Arc::new(move |_: u16, last: u64, term: u64| begin(node, last, term));
        Adopt { partitions, begin }
    }
}

/// As if `last` batches had been committed under `term`, after the group was founded.
fn begin(node: NodeId, last: u64, term: u64) -> Adopted {
    let member = Member::from(node);
    let id = LogId::new_term_index(term, last);
    let membership = Membership::new_with_defaults(vec![[member].into()], []);
    let membership = StoredMembership::new(Some(LogId::new_term_index(0, 0)), membership);
    let applied = Applied { last: Some(id), membership, batches: last };
    let ballot = Ballot { vote: Some(Vote::new(term, member)), floor: None };
    Adopted { mark: applied.mark(id), id: id_bytes(&id), vote: Some(ballot.encode()) }
}
