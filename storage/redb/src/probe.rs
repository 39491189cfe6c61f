use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use crate::clock::now;

/// How long the disk itself takes: overwrites 4 KiB of a file in `dir` and syncs its data, `count`
/// times. The durations in the order they were measured; the file is removed. What the store does
/// per durable write is compared with this.
///
/// # Errors
/// What the operating system says.
pub fn probe_fsync(dir: &Path, count: usize) -> io::Result<Vec<Duration>> {
    let path = dir.join("fsync-probe");
    let file = File::create(&path)?;
    let probed = probe(&file, count);
    std::fs::remove_file(&path)?;
    probed
}

fn probe(file: &File, count: usize) -> io::Result<Vec<Duration>> {
    const BLOCK: u64 = 4096;
    const BLOCKS: u64 = 256;
    let mut block = [0; BLOCK as usize];
    for at in 0..BLOCKS {
        file.write_all_at(&block, at * BLOCK)?;
    }
    file.sync_all()?;
    let mut times = Vec::with_capacity(count);
    for at in (0..BLOCKS).cycle().take(count) {
        block.fill(at as u8);
        let started = now();
        file.write_all_at(&block, at * BLOCK)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(times)
}
