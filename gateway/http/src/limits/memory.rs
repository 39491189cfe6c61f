use std::fs;
use std::io;
use std::path::PathBuf;

use impresario_ids::TenantId;

/// Stands before the lines of what other nodes counted; an earlier release passes them over.
const ELSEWHERE: &str = "+ ";

/// The counts of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Days of the Unix epoch.
    pub(crate) day: i64,
    /// At this node.
    pub(crate) own: Vec<(TenantId, u64)>,
    /// At the others.
    pub(crate) elsewhere: Vec<(TenantId, u64)>,
}

/// The file in which the counts of the day outlive the process: a line with the day, then one line
/// per tenant. Replaced as a whole by a rename, so a reader never sees half of it.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    path: PathBuf,
}

impl Memory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The counts that were written last; nothing if there is no readable file: quotas then begin
    /// anew, which is no reason not to start.
    pub(crate) fn load(&self) -> Option<Kept> {
        let text = fs::read_to_string(&self.path).ok()?;
        let mut lines = text.lines();
        let mut kept = Kept { day: lines.next()?.parse().ok()?, ..Kept::default() };
        for line in lines {
            let (line, to) = match line.strip_prefix(ELSEWHERE) {
                Some(rest) => (rest, &mut kept.elsewhere),
                None => (line, &mut kept.own),
            };
            to.extend(count(line));
        }
        Some(kept)
    }

    /// Writes the counts. Blocks for a file write; not forced to the disk, as only a crash of the
    /// machine itself would lose it.
    pub(crate) fn store(&self, kept: &Kept) -> io::Result<()> {
        let mut text = format!("{}\n", kept.day);
        for (before, counts) in [("", &kept.own), (ELSEWHERE, &kept.elsewhere)] {
            for (tenant, used) in counts {
                text.push_str(&format!("{before}{tenant} {used}\n"));
            }
        }
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, text)?;
        fs::rename(&fresh, &self.path)
    }
}

fn count(line: &str) -> Option<(TenantId, u64)> {
    let (tenant, used) = line.split_once(' ')?;
    Some((tenant.parse().ok()?, used.parse().ok()?))
}
