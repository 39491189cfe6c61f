//! Bytes that are stored and sent: fixed-width little-endian numbers and counted bytes, always
//! behind a version byte. openraft's own encodings are not used, because they may change with each
//! of its releases; golden tests hold these.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{LogId, Member, Membership, StoredMembership, Vote};

/// The version byte of everything that this release stores and sends.
pub(crate) const VERSION: u8 = 1;

/// The most members that a decoder believes.
const MEMBERS_LIMIT: u32 = 1024;

/// Bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damaged {
    #[error("version {0} is not known")]
    Version(u8),
    #[error("the bytes are damaged: {0}")]
    Bytes(&'static str),
}

pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins with the version byte.
    pub(crate) fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity + 1);
        bytes.push(VERSION);
        Self(bytes)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Counted bytes. Lengths are bounded by the log's limit for an entry, far below 4 GiB.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value);
    }

    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    pub(crate) fn vote(&mut self, vote: &Vote) {
        self.u64(vote.leader_id.term);
        self.u64(vote.leader_id.voted_for.0);
        self.flag(vote.committed);
    }

    pub(crate) fn log_id(&mut self, id: &LogId) {
        self.u64(id.committed_leader_id().term);
        self.u64(id.index());
    }

    pub(crate) fn some_log_id(&mut self, id: Option<&LogId>) {
        self.flag(id.is_some());
        if let Some(id) = id {
            self.log_id(id);
        }
    }

    pub(crate) fn membership(&mut self, membership: &Membership) {
        let configs = membership.get_joint_config();
        self.u32(count(configs.len()));
        for config in configs {
            self.u32(count(config.len()));
            for member in config {
                self.u64(member.0);
            }
        }
        let nodes: Vec<_> = membership.nodes().map(|(member, ())| *member).collect();
        self.u32(count(nodes.len()));
        for node in nodes {
            self.u64(node.0);
        }
    }

    pub(crate) fn stored_membership(&mut self, stored: &StoredMembership) {
        self.some_log_id(stored.log_id().as_ref());
        self.membership(stored.membership());
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// After the version byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Damaged> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((other, _)) => Err(Damaged::Version(*other)),
            None => Err(Damaged::Bytes("empty")),
        }
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), Damaged> {
        if self.0.is_empty() { Ok(()) } else { Err(Damaged::Bytes("something after the end")) }
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged::Bytes("cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N)?.try_into().map_err(|_| Damaged::Bytes("cut short"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Damaged> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Damaged> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Damaged> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Damaged> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged::Bytes("neither yes nor no")),
        }
    }

    /// The length of counted bytes.
    pub(crate) fn length(&mut self) -> Result<usize, Damaged> {
        let length = self.u32()? as usize;
        if length > self.0.len() { Err(Damaged::Bytes("cut short")) } else { Ok(length) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = self.length()?;
        self.take(length)
    }

    pub(crate) fn vote(&mut self) -> Result<Vote, Damaged> {
        let (term, member, committed) = (self.u64()?, Member(self.u64()?), self.flag()?);
        Ok(if committed { Vote::new_committed(term, member) } else { Vote::new(term, member) })
    }

    pub(crate) fn log_id(&mut self) -> Result<LogId, Damaged> {
        Ok(LogId::new_term_index(self.u64()?, self.u64()?))
    }

    pub(crate) fn some_log_id(&mut self) -> Result<Option<LogId>, Damaged> {
        if self.flag()? { self.log_id().map(Some) } else { Ok(None) }
    }

    fn members(&mut self) -> Result<BTreeSet<Member>, Damaged> {
        let count = self.u32()?;
        if count > MEMBERS_LIMIT {
            return Err(Damaged::Bytes("too many members"));
        }
        (0..count).map(|_| self.u64().map(Member)).collect()
    }

    pub(crate) fn membership(&mut self) -> Result<Membership, Damaged> {
        let configs = self.u32()?;
        if configs > 2 {
            return Err(Damaged::Bytes("more than two sets of voters"));
        }
        let configs = (0..configs).map(|_| self.members()).collect::<Result<Vec<_>, _>>()?;
        let nodes: BTreeMap<_, _> = self.members()?.into_iter().map(|node| (node, ())).collect();
        if configs.is_empty() && nodes.is_empty() {
            return Ok(Membership::default());
        }
        Membership::new(configs, nodes).map_err(|_| Damaged::Bytes("voters that are no members"))
    }

    pub(crate) fn stored_membership(&mut self) -> Result<StoredMembership, Damaged> {
        Ok(StoredMembership::new(self.some_log_id()?, self.membership()?))
    }
}
