use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use impresario_ids::{ClusterId, NodeId};
use impresario_wire::{Me, StoreId};

const FILE: &str = "node.id";
const HEAD: &str = "impresario node 1";

/// Who a data folder belongs to: the file `node.id` in it.
///
/// The store's own identity is made at random with the folder and never changes. Cluster, number
/// and partitions are added once the node was let in, and never change either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    path: PathBuf,
    store: StoreId,
    me: Option<Me>,
}

/// Why an identity cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("{path}: cannot be read or written")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not one.
    #[error("{path} is not the identity of a node: {why}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The folder belongs to another node.
    #[error("{path} says {}, so the folder cannot be that of {}", have.node, wanted.node)]
    Taken {
        /// Which file.
        path: PathBuf,
        /// What it says.
        have: Box<Me>,
        /// What it should say.
        wanted: Box<Me>,
    },
}

impl Identity {
    /// Reads the identity of a data folder. A folder without one gets a new one, which is durable
    /// when this returns.
    ///
    /// # Errors
    /// If the file cannot be read or written, or is damaged.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => match parse(&text) {
                Ok((store, me)) => Ok(Self { path, store, me }),
                Err(why) => Err(IdentityError::Damaged { path, why }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let new = Self { path, store: StoreId(rand::random()), me: None };
                new.save()?;
                Ok(new)
            }
            Err(source) => Err(IdentityError::Io { path, source }),
        }
    }

    /// Keeps what the cluster said. Durable when this returns; nothing happens if it is known.
    ///
    /// # Errors
    /// If something else was said before, or the file cannot be written.
    pub fn settle(&mut self, me: Me) -> Result<(), IdentityError> {
        match self.me {
            Some(have) if have == me => return Ok(()),
            Some(have) => {
                let (path, have, wanted) = (self.path.clone(), Box::new(have), Box::new(me));
                return Err(IdentityError::Taken { path, have, wanted });
            }
            None if me.store != self.store => {
                let have = Box::new(Me::guest(self.store));
                let path = self.path.clone();
                return Err(IdentityError::Taken { path, have, wanted: Box::new(me) });
            }
            None => {}
        }
        let settled = Self { me: Some(me), ..self.clone() };
        settled.save()?;
        *self = settled;
        Ok(())
    }

    /// The identity of the data folder.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Who the node is, once it was let in.
    #[must_use]
    pub fn me(&self) -> Option<Me> {
        self.me
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\nstore = {}\n", self.store);
        if let Some(me) = &self.me {
            // Writing into a string cannot fail.
            let _ = write!(
                text,
                "cluster = {}\nnode = {}\npartitions = {}\n",
                me.cluster, me.node.0, me.partitions
            );
        }
        text
    }

    /// Replaces the file as a whole: after a crash it is the old one or the new one.
    fn save(&self) -> Result<(), IdentityError> {
        let saved = || -> io::Result<()> {
            let new = self.path.with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            match self.path.parent() {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        };
        saved().map_err(|source| IdentityError::Io { path: self.path.clone(), source })
    }
}

/// Lines `name = value`; names that are not known are passed over, a later release may add some.
fn parse(text: &str) -> Result<(StoreId, Option<Me>), &'static str> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err("it does not begin as one of this release");
    }
    let (mut store, mut cluster, mut node, mut partitions) = (None, None, None, None);
    for (name, value) in lines.filter_map(|line| line.split_once(" = ")) {
        match name {
            "store" => store = Some(unhex(value).ok_or("its store is malformed")?),
            "cluster" => {
                let parsed: Result<ClusterId, _> = value.parse();
                cluster = Some(parsed.map_err(|_| "its cluster is malformed")?);
            }
            "node" => {
                let parsed: Result<u64, _> = value.parse();
                node = Some(NodeId(parsed.map_err(|_| "its node is malformed")?));
            }
            "partitions" => {
                let parsed: Result<u16, _> = value.parse();
                partitions = Some(parsed.map_err(|_| "its partitions are malformed")?);
            }
            _ => {}
        }
    }
    let store = store.ok_or("it has no store")?;
    match (cluster, node, partitions) {
        (Some(cluster), Some(node), Some(partitions)) => {
            Ok((store, Some(Me { cluster, node, store, partitions })))
        }
        (None, None, None) => Ok((store, None)),
        _ => Err("it is not whole"),
    }
}

fn unhex(text: &str) -> Option<StoreId> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(StoreId(bytes))
}
