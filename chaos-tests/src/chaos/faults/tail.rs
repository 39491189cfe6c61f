//! Files of a stopped node.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::Chance;

/// Copies a folder with everything in it; `to` is replaced.
///
/// # Errors
/// If something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("remove {}", to.display()))?;
    }
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("a name")?);
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            // The permissions are copied too.
            fs::copy(&path, &target).with_context(|| format!("copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// Flips bits of about one byte in eight among the last `bytes` of a file; how many bytes are
/// changed, at least one unless the file is empty.
///
/// # Errors
/// If it cannot be changed.
pub fn spoil_tail(file: &Path, bytes: u64, chance: &mut Chance) -> Result<u64> {
    let open = File::options().read(true).write(true).open(file);
    let open = open.with_context(|| format!("open {}", file.display()))?;
    let size = open.metadata().context("its size")?.len();
    let from = size.saturating_sub(bytes);
    let mut tail = vec![0; (size - from) as usize];
    open.read_exact_at(&mut tail, from).context("read the tail")?;
    let mut changed = 0;
    for byte in &mut tail {
        if changed == 0 || chance.once_in(8) {
            *byte ^= 1 << chance.below(8);
            changed += 1;
        }
    }
    open.write_all_at(&tail, from).context("spoil the tail")?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_kept_and_the_tail_is_spoilt() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::create_dir_all(one.join("store"))?;
        fs::write(one.join("store/log"), vec![7; 10_000])?;
        copy_folder(&one, &two)?;
        let changed = spoil_tail(&one.join("store/log"), 100, &mut Chance::new(1))?;
        let (spoilt, kept) = (fs::read(one.join("store/log"))?, fs::read(two.join("store/log"))?);
        assert_eq!(kept, vec![7; 10_000]);
        assert_eq!(spoilt[..9_900], kept[..9_900]);
        let differing = spoilt.iter().zip(&kept).filter(|(a, b)| a != b).count() as u64;
        assert!(changed > 0 && differing == changed);
        Ok(())
    }
}
