use std::fs;
use std::io;
use std::path::PathBuf;

use impresario_ids::TenantId;

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

    /// The day and the counts that were written last; nothing if there is no readable file: quotas
    /// then begin anew, which is no reason not to start.
    pub(crate) fn load(&self) -> Option<(i64, Vec<(TenantId, u64)>)> {
        let text = fs::read_to_string(&self.path).ok()?;
        let mut lines = text.lines();
        let day = lines.next()?.parse().ok()?;
        let counts = lines.filter_map(|line| {
            let (tenant, used) = line.split_once(' ')?;
            Some((tenant.parse().ok()?, used.parse().ok()?))
        });
        Some((day, counts.collect()))
    }

    /// Writes the counts. Blocks for a file write; not forced to the disk, as only a crash of the
    /// machine itself would lose it.
    pub(crate) fn store(&self, day: i64, counts: &[(TenantId, u64)]) -> io::Result<()> {
        let mut text = format!("{day}\n");
        for (tenant, used) in counts {
            text.push_str(&format!("{tenant} {used}\n"));
        }
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, text)?;
        fs::rename(&fresh, &self.path)
    }
}
