//! Several scans at once, page by page.

use std::sync::atomic::Ordering;

use impresario_journal::{KeyRange, ManyVisitor, ReadError, Scan};
use impresario_kernel::PartitionId;

use super::ClusterReads;
use super::fetch::Got;
use super::form::{Ask, Row};

/// Rows of the first page of a scan that does not say how many it wants; the next ones grow.
const FIRST_ROWS: usize = 256;

/// How far one scan has come.
struct Track<'a> {
    scan: &'a Scan,
    /// What is still to be visited, behind the rows at hand.
    rest: KeyRange,
    rows: Vec<Row>,
    rows_max: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was fetched yet.
    Fresh,
    /// There is perhaps more than what is at hand.
    More,
    /// The rest is read here.
    Here,
    End,
}

/// Visits the rows of all scans in their order. The first pages of all that are elsewhere are
/// fetched together, as many as an answer holds; further pages when they are reached.
pub(super) fn walk(
    reads: &ClusterReads,
    scans: &[Scan],
    visit: &mut ManyVisitor<'_>,
) -> Result<(), ReadError> {
    let mut tracks: Vec<_> = scans.iter().map(|scan| Track::new(reads, scan)).collect();
    for number in 0..tracks.len() {
        while let Some(track) = tracks.get_mut(number) {
            let mut rows = std::mem::take(&mut track.rows).into_iter();
            if rows.any(|row| visit(number, &row.key, &row.value).is_break()) {
                break;
            }
            match track.state {
                State::End => break,
                State::Here => match track.local(reads, number, visit) {
                    // It was moved away meanwhile.
                    Err(ReadError::NoPartition(_)) => track.state = State::More,
                    other => {
                        other?;
                        break;
                    }
                },
                State::Fresh | State::More => fill(reads, &mut tracks, number)?,
            }
        }
    }
    Ok(())
}

/// Fetches the next page of one track, and the first pages of those behind it.
fn fill(reads: &ClusterReads, tracks: &mut [Track<'_>], number: usize) -> Result<(), ReadError> {
    let wanted: Vec<usize> = (number..tracks.len())
        .filter(|at| *at == number || tracks[*at].state == State::Fresh)
        .collect();
    let page_bytes = reads.fetch.options.page_bytes;
    let asks: Vec<Ask> = wanted.iter().map(|at| tracks[*at].ask(page_bytes)).collect();
    let answers = reads.fetch(&asks)?;
    for (at, got) in wanted.into_iter().zip(answers) {
        let track = &mut tracks[at];
        match got {
            Got::Here => track.state = State::Here,
            Got::Rows { rows, more } => {
                if let Some(last) = rows.last() {
                    track.rest = behind(&track.rest, track.scan.reverse, &last.key);
                } else if more {
                    // There was no room for it; whoever is asked first has room.
                    if at == number {
                        return Err(track.lost("an empty page that is not the last"));
                    }
                    continue;
                }
                track.rows = rows;
                track.rows_max = (track.rows_max * 4).min(reads.fetch.options.page_rows);
                track.state = if more { State::More } else { State::End };
            }
            Got::Value(_) => return Err(track.lost("a value for a range")),
        }
    }
    Ok(())
}

impl<'a> Track<'a> {
    fn new(reads: &ClusterReads, scan: &'a Scan) -> Self {
        let page_rows = reads.fetch.options.page_rows.max(1);
        let rows_max = if scan.rows_hint == 0 { FIRST_ROWS } else { scan.rows_hint };
        Self {
            scan,
            rest: scan.range.clone(),
            rows: Vec::new(),
            rows_max: rows_max.min(page_rows),
            state: if reads.leads(scan.partition) { State::Here } else { State::Fresh },
        }
    }

    /// Visits the rest in this node's own journal.
    fn local(
        &mut self,
        reads: &ClusterReads,
        number: usize,
        visit: &mut ManyVisitor<'_>,
    ) -> Result<(), ReadError> {
        let Scan { partition, table, reverse, .. } = *self.scan;
        let mut last = None;
        let local = &reads.fetch.local;
        let done = local.scan(partition, table, &self.rest, reverse, &mut |key, value| {
            last = Some(key.to_vec());
            visit(number, key, value)
        });
        if let (Err(_), Some(last)) = (&done, last) {
            self.rest = behind(&self.rest, reverse, &last);
        }
        done
    }

    fn ask(&self, bytes_max: usize) -> Ask {
        Ask::Scan {
            partition: self.scan.partition.0,
            table: self.scan.table.code(),
            from: self.rest.from.clone(),
            to: self.rest.to.clone(),
            reverse: self.scan.reverse,
            rows_max: u32::try_from(self.rows_max).unwrap_or(u32::MAX),
            bytes_max: u32::try_from(bytes_max).unwrap_or(u32::MAX),
        }
    }

    fn lost(&self, why: &str) -> ReadError {
        ReadError::Unreachable { partition: self.scan.partition.0, why: why.to_owned() }
    }
}

/// What of a range comes after a key.
fn behind(range: &KeyRange, reverse: bool, key: &[u8]) -> KeyRange {
    if reverse {
        KeyRange { from: range.from.clone(), to: key.to_vec() }
    } else {
        range.clone().after(key)
    }
}

/// The latest batch of a partition that was heard of.
pub(super) fn applied(reads: &ClusterReads, partition: PartitionId) -> u64 {
    let known = reads.fetch.applied.get(usize::from(partition.0));
    known.map_or(0, |applied| applied.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_key_leaves_it_out() {
        let range = KeyRange { from: vec![1], to: vec![9] };
        let forward = KeyRange { from: vec![5, 0], to: vec![9] };
        assert_eq!(behind(&range, false, &[5]), forward);
        assert_eq!(behind(&range, true, &[5]), KeyRange { from: vec![1], to: vec![5] });
    }
}
