//! An index as a file: list and graph together, a checksum over all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::graph::Graph;
use crate::index::{Error, Index, Options};
use crate::slab::Slab;

/// Changes with the layout; another one is an index of another kind.
const MAGIC: &[u8; 8] = b"IMPVEC01";
const HASH_BYTES: usize = 32;

/// Why an index begins empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// There is no file.
    Missing,
    /// The file is damaged, or cannot be read.
    Damaged(String),
    /// The file is of another model, collection or version.
    OtherKind,
}

/// An opened index.
#[derive(Debug)]
pub struct Opened {
    /// The index.
    pub index: Index,
    /// Why it is empty and has to be filled, if so.
    pub fresh: Option<Fresh>,
}

impl Index {
    /// Opens a file, or begins anew and says why.
    #[must_use]
    pub fn open(path: &Path, options: Options) -> Opened {
        match read(path, &options) {
            Ok(index) => Opened { index, fresh: None },
            Err(fresh) => Opened { index: Self::new(options), fresh: Some(fresh) },
        }
    }

    /// Writes the file: beside, synced, renamed. What was there stays until the new one is whole.
    ///
    /// # Errors
    /// The file system or usearch refused; the old file is still there.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().ok_or_else(|| io::Error::other("a file has a folder"))?;
        fs::create_dir_all(folder)?;
        let graph = self.graph.as_ref().map(Graph::bytes).transpose()?.unwrap_or_default();
        let beside = path.with_extension("new");
        let mut out = Hashed {
            file: io::BufWriter::new(File::create(&beside)?),
            hash: blake3::Hasher::new(),
        };
        out.put(MAGIC)?;
        out.put_u64(self.options.dimensions)?;
        out.put_u64(self.options.tag.len())?;
        out.put(self.options.tag.as_bytes())?;
        out.put_u64(self.slab.len())?;
        for key in &self.slab.keys {
            out.put(&key.to_le_bytes())?;
        }
        for scale in &self.slab.scales {
            out.put(&scale.to_le_bytes())?;
        }
        let codes: Vec<u8> = self.slab.codes.iter().map(|number| number.cast_unsigned()).collect();
        out.put(&codes)?;
        out.put_u64(graph.len())?;
        out.put(&graph)?;
        let hash = out.hash.finalize();
        out.file.write_all(hash.as_bytes())?;
        let file = out.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()?;
        Ok(())
    }
}

struct Hashed {
    file: io::BufWriter<File>,
    hash: blake3::Hasher,
}

impl Hashed {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }

    fn put_u64(&mut self, value: usize) -> io::Result<()> {
        self.put(&(value as u64).to_le_bytes())
    }
}

fn read(path: &Path, options: &Options) -> Result<Index, Fresh> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Fresh::Missing),
        Err(error) => return Err(Fresh::Damaged(error.to_string())),
    };
    parse(&bytes, options)
}

pub(crate) fn parse(bytes: &[u8], options: &Options) -> Result<Index, Fresh> {
    let damaged = |what: &str| Fresh::Damaged(what.to_owned());
    let at = bytes.len().checked_sub(HASH_BYTES).ok_or_else(|| damaged("too short"))?;
    let (body, hash) = bytes.split_at(at);
    if !body.starts_with(MAGIC) {
        let other = body.starts_with(&MAGIC[..6]);
        return Err(if other { Fresh::OtherKind } else { damaged("not an index") });
    }
    if blake3::hash(body).as_bytes() != hash {
        return Err(damaged("the checksum is wrong"));
    }
    let mut rest = Reader(&body[MAGIC.len()..]);
    let mut parts = || -> Option<_> {
        let dimensions = rest.number()?;
        let tag = rest.number()?;
        let tag = rest.take(tag)?;
        let count = rest.number()?;
        let keys = rest.take(count.checked_mul(8)?)?;
        let scales = rest.take(count.checked_mul(4)?)?;
        let codes = rest.take(count.checked_mul(dimensions)?)?;
        let graph = rest.number()?;
        Some((dimensions, tag, keys, scales, codes, rest.take(graph)?))
    };
    let (dimensions, tag, keys, scales, codes, graph) =
        parts().ok_or_else(|| damaged("too short"))?;
    if dimensions != options.dimensions || tag != options.tag.as_bytes() {
        return Err(Fresh::OtherKind);
    }
    let keys = keys.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let scales = scales.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let codes = codes.iter().map(|byte| byte.cast_signed()).collect();
    let slab = Slab::of_parts(dimensions, keys, scales, codes)
        .ok_or_else(|| damaged("parts that do not fit"))?;
    let graph = if graph.is_empty() {
        None
    } else {
        // A graph of another usearch is built anew from the list.
        Graph::read(dimensions, graph, slab.len()).ok()
    };
    let mut index = Index::of_parts(options.clone(), slab, graph);
    if index.stale() {
        index.rebuild().map_err(|error| Fresh::Damaged(error.to_string()))?;
    }
    Ok(index)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn number(&mut self) -> Option<usize> {
        let (word, _) = self.take(8)?.split_first_chunk::<8>()?;
        usize::try_from(u64::from_le_bytes(*word)).ok()
    }
}
