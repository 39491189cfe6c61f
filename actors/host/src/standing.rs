//! What this node is for a partition.

use impresario_ids::NodeId;
use impresario_journal::{CommitError, Leadership, Role, Term};

use crate::Failure;

/// Whether this node decides for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does, under this term.
    Leads(Term),
    /// Another node does, or none at the moment.
    Follows(Option<NodeId>),
    /// It did, and a commit failed in a way that leaves its outcome open. Only a later term, or a
    /// new start, gets over that.
    Failed(Term, String),
}

impl Standing {
    pub(crate) fn of(told: Leadership) -> Self {
        match told.role {
            Role::Leader => Self::Leads(told.term),
            Role::Follower { leader } => Self::Follows(leader),
            Role::Absent => Self::Follows(None),
        }
    }

    /// The term under which this node decides.
    pub(crate) fn check(&self) -> Result<Term, Failure> {
        match self {
            Self::Leads(term) => Ok(*term),
            Self::Follows(leader) => Err(Failure::NotLeader { leader: *leader }),
            Self::Failed(_, reason) => Err(Failure::Unavailable(reason.clone())),
        }
    }

    /// What follows when the journal tells this; `None` if nothing changes.
    pub(crate) fn next(&self, told: Leadership) -> Option<Self> {
        let next = Self::of(told);
        match self {
            Self::Failed(term, _) if told.term <= *term => None,
            _ if *self == next => None,
            Self::Leads(_) | Self::Follows(_) | Self::Failed(..) => Some(next),
        }
    }

    /// What follows from a failed commit under `term`; `None` if the partition goes on.
    pub(crate) fn after(error: &CommitError, term: Term) -> Option<Self> {
        match error {
            CommitError::TooLarge { .. } => None,
            CommitError::NotLeader { leader } => Some(Self::Follows(*leader)),
            CommitError::StaleTerm { .. } => Some(Self::Follows(None)),
            CommitError::Unknown(_)
            | CommitError::Failed(_)
            | CommitError::Closed
            | CommitError::NoPartition(_) => Some(Self::Failed(term, error.to_string())),
        }
    }

    /// Why the partition is out of service, if it is.
    pub(crate) fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(_, reason) => Some(reason),
            Self::Leads(_) | Self::Follows(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn told(term: u64, role: Role) -> Leadership {
        Leadership { term: Term(term), role }
    }

    #[track_caller]
    fn check(from: &Standing, told: Leadership, want: Option<Standing>) {
        assert_eq!(from.next(told), want, "{from:?} told {told:?}");
    }

    #[test]
    fn a_reign_begins_and_ends() {
        let leads = Standing::Leads(Term(3));
        let follows = Standing::Follows(Some(NodeId(2)));
        let other = Role::Follower { leader: Some(NodeId(2)) };
        check(&leads, told(3, Role::Leader), None);
        check(&leads, told(4, other), Some(follows.clone()));
        check(&leads, told(5, Role::Leader), Some(Standing::Leads(Term(5))));
        check(&follows, told(5, Role::Leader), Some(Standing::Leads(Term(5))));
        check(&follows, told(6, Role::Absent), Some(Standing::Follows(None)));
    }

    #[test]
    fn an_unknown_outcome_ends_only_with_a_later_term() {
        let unknown = CommitError::Unknown("the disk is gone".to_owned());
        let failed = Standing::after(&unknown, Term(3)).expect("it is out of service");
        assert!(failed.failure().is_some_and(|why| why.contains("the disk is gone")));
        check(&failed, told(3, Role::Leader), None);
        check(&failed, told(3, Role::Follower { leader: None }), None);
        check(&failed, told(4, Role::Leader), Some(Standing::Leads(Term(4))));
        assert_eq!(Standing::after(&CommitError::TooLarge { bytes: 2, limit: 1 }, Term(3)), None);
    }
}
