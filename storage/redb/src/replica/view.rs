use std::collections::VecDeque;
use std::ops::Range;

use crate::replica::log::Known;
use crate::replica::stored::{self, At};
use crate::replica::{LogEntry, LogState};

/// What an entry costs in memory beyond its bytes.
const ENTRY_COST: usize = 160;

/// The log of one group as it will be when all that is queued is written.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) held: bool,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) committed: Option<Vec<u8>>,
    purged: Option<At>,
    live: Range<u64>,
    last: Option<At>,
    /// The purge went beyond the entries: what comes next leaves a gap behind the old ones.
    jumped: bool,
    /// The newest entries, without a gap up to the last.
    recent: VecDeque<Recent>,
    recent_bytes: usize,
    /// Counts appends.
    ticket: u64,
}

struct Recent {
    entry: LogEntry,
    bytes: usize,
    ticket: u64,
}

impl View {
    /// The log as the disk has it.
    pub(crate) fn of(known: Known) -> Self {
        Self {
            held: true,
            vote: known.vote,
            committed: known.committed,
            purged: known.purged,
            live: known.live,
            last: known.last,
            ..Self::default()
        }
    }

    /// A replica that holds nothing. Tickets go on, because writes of an earlier one may be queued.
    pub(crate) fn reset(&mut self, held: bool) -> usize {
        let freed = self.recent_bytes;
        *self = Self { held, ticket: self.ticket, ..Self::default() };
        freed
    }

    pub(crate) fn state(&self) -> LogState {
        let last = self.last.clone().or_else(|| self.purged.clone());
        LogState { last, purged: self.purged.clone() }
    }

    pub(crate) fn last_index(&self) -> Option<u64> {
        self.last.as_ref().or(self.purged.as_ref()).map(|(index, _)| *index)
    }

    pub(crate) fn purged_index(&self) -> Option<u64> {
        self.purged.as_ref().map(|(index, _)| *index)
    }

    /// Whether these entries may come next. `durable` says what the group's state database holds.
    pub(crate) fn accepts(
        &self,
        entries: &[LogEntry],
        durable: impl FnOnce() -> Option<u64>,
    ) -> Result<(), String> {
        let Some(first) = entries.first() else { return Ok(()) };
        let wanted = self.last_index().map_or(first.index, |last| last.saturating_add(1));
        for (entry, wanted) in entries.iter().zip(wanted..) {
            if entry.index != wanted {
                return Err(format!("entry {} instead of {wanted}", entry.index));
            }
            if entry.id.len() > usize::from(u16::MAX) {
                return Err(format!("the id of entry {} is too long", entry.index));
            }
        }
        // The log must not lose entries that the state database lacks.
        if self.jumped && durable() < self.purged_index() {
            return Err("the log was purged beyond its end and beyond the state".to_owned());
        }
        Ok(())
    }

    /// The ticket of the next append.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.ticket + 1
    }

    /// Takes entries that are accepted and queued. Gives the bytes of memory they take.
    pub(crate) fn append(&mut self, entries: Vec<LogEntry>) -> usize {
        self.ticket += 1;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return 0 };
        if self.live.is_empty() {
            self.live = first.index..first.index;
        }
        self.jumped = false;
        self.live.end = last.index.saturating_add(1);
        self.last = Some((last.index, last.id.clone()));
        let mut added = 0;
        for entry in entries {
            let bytes = ENTRY_COST + stored::entry_bytes(&entry);
            added += bytes;
            self.recent.push_back(Recent { entry, bytes, ticket: self.ticket });
        }
        self.recent_bytes += added;
        added
    }

    /// Lets the oldest entry go if it is on the disk (its ticket is at most `written`) and more
    /// than `share` bytes are held. Gives its bytes.
    pub(crate) fn evict(&mut self, written: u64, share: usize) -> Option<usize> {
        let oldest = self.recent.front()?;
        if self.recent_bytes <= share || oldest.ticket > written {
            return None;
        }
        self.drop_oldest()
    }

    fn drop_oldest(&mut self) -> Option<usize> {
        let oldest = self.recent.pop_front()?;
        self.recent_bytes -= oldest.bytes;
        Some(oldest.bytes)
    }

    /// Whether entries from `index` on may be taken away.
    pub(crate) fn may_truncate(&self, index: u64) -> Result<(), String> {
        match self.purged_index() {
            Some(purged) if index <= purged => {
                Err(format!("truncation from {index}, the log was purged to {purged}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The entry before `index` if it stays after a truncation from there but is not in memory: its
    /// id must be given to [`View::truncate`].
    pub(crate) fn wants_id_for(&self, index: u64) -> Option<u64> {
        let before = index.checked_sub(1)?;
        (index < self.live.end && self.live.contains(&before) && before < self.first_recent())
            .then_some(before)
    }

    /// Takes entries from `index` on away. Gives the bytes of memory they took.
    pub(crate) fn truncate(&mut self, index: u64, id_before: Option<Vec<u8>>) -> usize {
        if index >= self.live.end {
            return 0;
        }
        let mut freed = 0;
        while self.recent.back().is_some_and(|recent| recent.entry.index >= index) {
            let gone = self.recent.pop_back().map_or(0, |recent| recent.bytes);
            self.recent_bytes -= gone;
            freed += gone;
        }
        self.live.end = index.max(self.live.start);
        self.last = (!self.live.is_empty()).then(|| {
            let id = self.recent.back().map(|recent| recent.entry.id.clone()).or(id_before);
            (index - 1, id.unwrap_or_default())
        });
        freed
    }

    /// Purges up to `at`. Gives the bytes of memory that were held, `None` if that was done before.
    pub(crate) fn purge(&mut self, at: At) -> Option<usize> {
        let next = at.0.saturating_add(1);
        if self.purged_index().is_some_and(|purged| purged >= at.0) {
            return None;
        }
        self.purged = Some(at);
        let mut freed = 0;
        while self.recent.front().is_some_and(|recent| recent.entry.index < next) {
            freed += self.drop_oldest().unwrap_or(0);
        }
        if next >= self.live.end {
            self.jumped = self.jumped || (self.live.end > 0 && next > self.live.end);
            self.live = next..next;
            self.last = None;
        } else {
            self.live.start = self.live.start.max(next);
        }
        Some(freed)
    }

    fn first_recent(&self) -> u64 {
        self.live.end - self.recent.len() as u64
    }

    /// What there is of a range.
    pub(crate) fn within(&self, range: &Range<u64>) -> Range<u64> {
        range.start.max(self.live.start)..range.end.min(self.live.end)
    }

    /// From where on entries are in memory.
    pub(crate) fn in_memory_from(&self) -> u64 {
        self.first_recent()
    }

    /// Copies entries of a range that is in memory, while there is room for `max` bytes.
    pub(crate) fn copy(&self, range: Range<u64>, max: usize, found: &mut Vec<LogEntry>) {
        let mut bytes: usize = found.iter().map(stored::entry_bytes).sum();
        let skip = usize::try_from(range.start - self.first_recent()).unwrap_or(usize::MAX);
        let count = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        for recent in self.recent.iter().skip(skip).take(count) {
            bytes += stored::entry_bytes(&recent.entry);
            if bytes > max && !found.is_empty() {
                return;
            }
            found.push(recent.entry.clone());
        }
    }
}
