use crate::codec::{Damaged, Reader, Writer};
use crate::types::{LogId, Vote};

/// What a replica has promised, as the store keeps it.
///
/// A replica that is removed from a node forgets its log but not its ballot: should it come back,
/// it holds the vote it gave, and it neither votes nor stands before its log reaches as far as the
/// log it once acknowledged. Otherwise a member that was away all the time, with an old list of
/// voters, could make it the second half of a quorum of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) vote: Option<Vote>,
    /// The last entry of an earlier life, until this life has reached it.
    pub(crate) floor: Option<LogId>,
}

impl Ballot {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Writer::new(36);
        bytes.flag(self.vote.is_some());
        if let Some(vote) = &self.vote {
            bytes.vote(vote);
        }
        bytes.some_log_id(self.floor.as_ref());
        bytes.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut bytes = Reader::new(bytes)?;
        let vote = if bytes.flag()? { Some(bytes.vote()?) } else { None };
        let floor = bytes.some_log_id()?;
        bytes.finish()?;
        Ok(Self { vote, floor })
    }
}
