//! Who a node is: made once, kept in the data folder.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use impresario_ids::{ClusterId, NodeId};
use rand::RngCore;
use serde::{Deserialize, Serialize};

const FILE: &str = "node.json";

/// The cluster that a data folder belongs to, and the node that it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) cluster: ClusterId,
    pub(crate) node: NodeId,
    /// Of this folder, in hexadecimal: a copy of the folder has it too, another folder never.
    pub(crate) store: String,
}

impl Identity {
    /// What the data folder says; a folder that says nothing founds a cluster of its own.
    pub(crate) fn of(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} does not say who this node is; take it from a backup", path.display())
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::found(data),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn found(data: &Path) -> anyhow::Result<Self> {
        let mut cluster = [0; 16];
        let mut store = [0; 16];
        rand::rng().fill_bytes(&mut cluster);
        rand::rng().fill_bytes(&mut store);
        let identity = Self {
            cluster: ClusterId::from_bytes(cluster),
            node: NodeId(1),
            store: blake3::hash(&store).to_hex()[..32].to_owned(),
        };
        identity.save(data)?;
        Ok(identity)
    }

    /// Writes the file as a whole or not at all.
    fn save(&self, data: &Path) -> anyhow::Result<()> {
        let (path, draft) = (data.join(FILE), data.join("node.json.new"));
        let write = || -> anyhow::Result<()> {
            let mut options = fs::OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            fs::File::open(data)?.sync_all()?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}
