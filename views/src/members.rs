use impresario_ids::{ProfileId, SegmentId, TenantId};
use impresario_kernel::{Timestamp, decode};
use impresario_profile::index;
use impresario_segment::{LIST_INDEX, ListRow};
use serde::Serialize;

use crate::error::damaged;
use crate::scatter::{Place, Rows, merge};
use crate::{Cursor, Page, ViewError, Views};

/// One member of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Who.
    pub profile: ProfileId,
    /// Since when, in Unix milliseconds in JSON.
    #[serde(serialize_with = "crate::timeline::ms")]
    pub entered_at: Timestamp,
    /// Until when; `None`: still a member.
    #[serde(serialize_with = "crate::timeline::ms_or_null")]
    pub left_at: Option<Timestamp>,
}

/// One segment in the list of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentItem {
    /// Its id.
    pub id: SegmentId,
    /// What the list shows of it.
    #[serde(flatten)]
    pub row: ListRow,
}

impl Views {
    /// All segments of a tenant, archived ones too, by id.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn segments(
        &self,
        tenant: TenantId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<SegmentItem>, ViewError> {
        let rows = Rows { tenant, index: LIST_INDEX, blind: None, prefix: &[] };
        let mut outcome = Ok(());
        let page = self.page(&rows, after, limit, &mut |place, _, value| match decode(value) {
            Ok(row) => Some(SegmentItem { id: SegmentId::from_bytes(place), row }),
            Err(error) => {
                outcome = Err(damaged(error));
                None
            }
        })?;
        outcome.map(|()| page)
    }

    /// The members of a segment now, by profile.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn members(
        &self,
        tenant: TenantId,
        segment: SegmentId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Member>, ViewError> {
        let prefix = index::segment_prefix(segment);
        let rows = Rows { tenant, index: index::MEMBERS, blind: None, prefix: &prefix };
        self.page(&rows, after, limit, &mut |place, _, value| member(place, value))
    }

    /// The members of a segment at a moment, by profile: who had entered and not yet left.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn members_at(
        &self,
        tenant: TenantId,
        segment: SegmentId,
        at: Timestamp,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Member>, ViewError> {
        let after = Cursor::place(after)?;
        let freshness = self.freshness();
        let prefix = index::segment_prefix(segment);
        let now = Rows { tenant, index: index::MEMBERS, blind: None, prefix: &prefix };
        let past = Rows { tenant, index: index::PAST_MEMBERS, blind: None, prefix: &prefix };
        let mut parts = self.parts(&now, after, limit, &mut |place, _, value| {
            member(place, value).filter(|member| member.entered_at <= at)
        })?;
        parts.extend(self.parts(&past, after, limit, &mut |place, rest, value| {
            past_member(place, rest, value).filter(|member| covers(member, at))
        })?);
        Ok(merge(parts, limit, freshness))
    }

    /// How many members a segment has now, or had at a moment. Reads a row of each (and of each past
    /// stay, for a moment).
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn members_count(
        &self,
        tenant: TenantId,
        segment: SegmentId,
        at: Option<Timestamp>,
    ) -> Result<u64, ViewError> {
        let prefix = index::segment_prefix(segment);
        let now = Rows { tenant, index: index::MEMBERS, blind: None, prefix: &prefix };
        let Some(at) = at else { return self.count(&now, &mut |_, _| true) };
        let entered = |value: &[u8]| index::decode_time(value).is_some_and(|entered| entered <= at);
        let here = self.count(&now, &mut |_, value| entered(value))?;
        let past = Rows { index: index::PAST_MEMBERS, ..now };
        let gone = self.count(&past, &mut |rest, value| {
            let place = rest.get(..16).and_then(|id| Place::try_from(id).ok());
            place
                .and_then(|place| past_member(place, &rest[16..], value))
                .is_some_and(|member| covers(&member, at))
        })?;
        Ok(here + gone)
    }
}

fn member(place: Place, value: &[u8]) -> Option<Member> {
    let entered_at = index::decode_time(value)?;
    Some(Member { profile: ProfileId::from_bytes(place), entered_at, left_at: None })
}

fn past_member(place: Place, rest: &[u8], value: &[u8]) -> Option<Member> {
    let entered_at = index::decode_time(rest)?;
    let left_at = index::decode_time(value)?;
    Some(Member { profile: ProfileId::from_bytes(place), entered_at, left_at: Some(left_at) })
}

fn covers(member: &Member, at: Timestamp) -> bool {
    member.entered_at <= at && member.left_at.is_none_or(|left| at < left)
}
