use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt};
use serde::Serialize;

use crate::read::{batches_of, rows_of};
use crate::{BackupError, FileInfo, Part, Point, Steps, Target};

/// Problems that are told of; a backup that has more is lost anyway.
const PROBLEMS_MAX: usize = 100;
/// Objects that are read at once.
const AT_ONCE: usize = 4;

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Objects that were read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows in them.
    pub rows: u64,
    /// Batches in them.
    pub batches: u64,
    /// How many cuts lie behind the backup.
    pub cuts: u64,
    /// What is wrong, empty if nothing is.
    pub problems: Vec<String>,
}

impl Checked {
    fn note(&mut self, outcome: Result<Counted, BackupError>) {
        match outcome {
            Ok(counted) => {
                self.objects += 1;
                self.bytes += counted.bytes;
                self.rows += counted.rows;
                self.batches += counted.batches;
            }
            Err(error) => self.problem(error.to_string()),
        }
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

#[derive(Default)]
struct Counted {
    bytes: u64,
    rows: u64,
    batches: u64,
}

/// Reads every object of a backup and of the cuts behind it, and compares it with its checksum and
/// with what was told of it.
pub async fn verify(target: &Target, point: &Point) -> Checked {
    let mut checked = Checked { cuts: point.cuts.len() as u64, ..Checked::default() };
    let manifest = &point.manifest;
    if manifest.subject == crate::Subject::Cluster {
        let whole = manifest.parts.iter().map(|part| part.group).eq(0..manifest.partitions);
        if !whole {
            checked.problem("the manifest does not have each partition once".to_owned());
        }
    }
    let mut reading: Vec<BoxFuture<'_, _>> = Vec::new();
    for part in manifest.parts.iter().chain(&manifest.system) {
        reading.extend(part.rows.iter().map(|file| rows_counted(target, file).boxed()));
    }
    for part in point.cuts.iter().filter_map(|cut| cut.system.as_ref()) {
        reading.extend(part.rows.iter().map(|file| rows_counted(target, file).boxed()));
    }
    let reading = stream::iter(reading).buffer_unordered(AT_ONCE);
    let outcomes: Vec<_> = reading.collect().await;
    outcomes.into_iter().for_each(|outcome| checked.note(outcome));
    for part in &manifest.parts {
        let steps = point.steps(part);
        check_log(target, part, &steps, &mut checked).await;
    }
    checked
}

async fn rows_counted(target: &Target, file: &FileInfo) -> Result<Counted, BackupError> {
    let rows = rows_of(target, file).await?.len() as u64;
    Ok(Counted { bytes: file.bytes, rows, batches: 0 })
}

/// That the batches lead without a gap from the rows to the last cut.
async fn check_log(target: &Target, part: &Part, steps: &Steps, checked: &mut Checked) {
    let mut last = part.batch;
    for file in &steps.log {
        let outcome = batches_of(target, file, last).await.map(|batches| Counted {
            bytes: file.bytes,
            rows: 0,
            batches: batches.len() as u64,
        });
        checked.note(outcome);
        last = file.last;
    }
    if last != steps.cut {
        let group = part.group;
        checked.problem(format!("partition {group}: batches {last} to {} are missing", steps.cut));
    }
}
