//! Where nodes run and what breaks them: a host, a disk and a shim for each, as far as this machine
//! permits.

mod act;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::chaos::faults::{Disk, Shim, build};
use crate::chaos::hosts::{End, Hosts, Network};
use crate::chaos::packets::Cable;
use crate::chaos::plan::Fault;
use crate::chaos::proxy::Proxy;
use crate::plan::Chance;

/// Enough for the runs of the tests; nodes on it are as fast as memory.
const DISK_MIB: u32 = 512;

/// Ports for nodes without hosts of their own.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// What belongs to one node.
#[derive(Debug)]
struct Kit {
    home: PathBuf,
    disk: Result<Disk, String>,
    shim: Result<Shim, String>,
    /// Whether its files were put aside before they were spoilt.
    is_put_aside: bool,
}

/// Everything around the nodes of one run. Must outlive them.
#[derive(Debug)]
pub struct Rig {
    kits: Vec<Kit>,
    hosts: Hosts,
    /// The faults that are there, with their numbers.
    active: Vec<(usize, Fault)>,
    /// Delays that are there, each with the number of its fault.
    proxies: Vec<(usize, crate::chaos::hosts::Redirect, Proxy)>,
    /// What passes the packets of nodes on, each with the number of its fault.
    cables: Vec<(usize, Cable)>,
    chance: Chance,
    /// Where to look for the next free port.
    next_port: AtomicUsize,
    // Last, so that it goes after what is in it.
    folder: TempDir,
}

impl Rig {
    /// Prepares for `nodes` nodes. What this machine does not permit is left out, and said by
    /// [`Rig::missing`].
    ///
    /// # Errors
    /// If what is permitted fails.
    pub fn set_up(nodes: usize, seed: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("impresario-chaos-").tempdir();
        let folder = folder.context("make a folder")?;
        let library = build(folder.path())?;
        let mut kits = Vec::new();
        for node in 0..nodes {
            let home = folder.path().join(End::Node(node).to_string());
            fs::create_dir_all(&home).context("make a node's folder")?;
            let shim = match &library {
                Ok(library) => Ok(Shim::new(library, &home.join("dials"))?),
                Err(reason) => Err(reason.clone()),
            };
            kits.push(Kit { home, disk: Disk::mount(DISK_MIB)?, shim, is_put_aside: false });
        }
        let hosts = Hosts::up(nodes)?;
        let chance = Chance::new(seed);
        Ok(Self::of(kits, hosts, chance, folder))
    }

    fn of(kits: Vec<Kit>, hosts: Hosts, chance: Chance, folder: TempDir) -> Self {
        let next_port = AtomicUsize::new(std::process::id() as usize * 37);
        let (active, proxies, cables) = (Vec::new(), Vec::new(), Vec::new());
        Self { kits, hosts, active, proxies, cables, chance, next_port, folder }
    }

    /// Folders on this machine and nothing that could be broken but processes: for showing and
    /// measuring.
    ///
    /// # Errors
    /// If there is no room for a folder.
    pub fn plain(nodes: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("impresario-cluster-").tempdir();
        let folder = folder.context("make a folder")?;
        let reason = || "not wanted here".to_owned();
        let mut kits = Vec::new();
        for node in 0..nodes {
            let home = folder.path().join(End::Node(node).to_string());
            fs::create_dir_all(&home).context("make a node's folder")?;
            let (disk, shim) = (Err(reason()), Err(reason()));
            kits.push(Kit { home, disk, shim, is_put_aside: false });
        }
        Ok(Self::of(kits, Hosts::Unavailable(reason()), Chance::new(0), folder))
    }

    /// The same without hosts: for machines that do not permit namespaces, and to try that.
    ///
    /// # Errors
    /// As [`Rig::set_up`].
    pub fn without_hosts(nodes: usize, seed: u64, reason: &str) -> Result<Self> {
        let rig = Self::set_up(nodes, seed)?;
        Ok(Self { hosts: Hosts::Unavailable(reason.to_owned()), ..rig })
    }

    /// What cannot be done on this machine, and why.
    #[must_use]
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        let mut missing = Vec::new();
        match &self.hosts {
            Hosts::Unavailable(reason) => missing.push(("hosts of their own", reason.clone())),
            Hosts::Ready(network) => {
                let abilities = network.abilities();
                let no =
                    |what, result: Option<&String>| result.map(|reason| (what, reason.clone()));
                missing.extend(no("dropping packets", abilities.firewall.as_ref().err()));
                missing.extend(no("delays by proxy", abilities.redirect.as_ref().err()));
                missing.extend(no("slow links", abilities.rate.as_ref().err()));
                let packets = abilities.packets.as_ref().err();
                missing.extend(no("late, doubled and reordered packets", packets));
            }
        }
        for kit in self.kits.iter().take(1) {
            missing.extend(kit.disk.as_ref().err().map(|reason| ("full disks", reason.clone())));
            missing.extend(
                kit.shim.as_ref().err().map(|reason| ("slow fsync and clocks", reason.clone())),
            );
        }
        missing
    }

    /// The network, if there is one.
    #[must_use]
    pub fn network(&self) -> Option<&Network> {
        self.hosts.network()
    }

    /// A node's address.
    #[must_use]
    pub fn address(&self, node: usize) -> String {
        let own = self.network().map(|network| network.address(End::Node(node)));
        own.unwrap_or_else(|| "127.0.0.1".to_owned())
    }

    /// The address of the test itself, which nodes reach.
    #[must_use]
    pub fn control(&self) -> String {
        let own = self.network().map(|network| network.address(End::Control));
        own.unwrap_or_else(|| "127.0.0.1".to_owned())
    }

    /// A port of this machine that nobody uses now, below the range from which the system takes
    /// those of outgoing connections: a node that was killed finds its port free again. 0 if there
    /// is none.
    #[must_use]
    pub fn free_port(&self) -> u16 {
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let next =
            || PORTS.start + (self.next_port.fetch_add(1, Ordering::Relaxed) % PORTS.len()) as u16;
        (0..PORTS.len()).map(|_| next()).find(is_free).unwrap_or(0)
    }

    /// A node's data folder.
    #[must_use]
    pub fn data(&self, node: usize) -> PathBuf {
        let kit = &self.kits[node];
        kit.disk.as_ref().map_or(kit.home.as_path(), Disk::folder).join("data")
    }

    /// A node's log.
    #[must_use]
    pub fn log(&self, node: usize) -> PathBuf {
        self.kits[node].home.join("node.log")
    }

    /// A command that will run where a node runs.
    #[must_use]
    pub fn command(&self, node: usize, program: &Path) -> Command {
        let own = self.network().map(|network| network.command(node, program));
        let mut command = own.unwrap_or_else(|| Command::new(program));
        if let Ok(shim) = &self.kits[node].shim {
            command.envs(shim.environment());
        }
        command
    }

    /// How often a node has called fsync; `None` without a shim.
    #[must_use]
    pub fn syncs(&self, node: usize) -> Option<u64> {
        self.kits[node].shim.as_ref().ok().and_then(|shim| shim.syncs().ok())
    }

    /// How far the clock that is the furthest ahead is ahead now, in milliseconds.
    #[must_use]
    pub fn clocks_ahead_ms(&self) -> i64 {
        let ahead = |(_, fault): &(usize, Fault)| match fault {
            Fault::Clock { ms, .. } => *ms,
            _ => 0,
        };
        self.active.iter().map(ahead).max().unwrap_or(0).max(0)
    }

    /// Whether some node's clock is off now.
    #[must_use]
    pub fn are_clocks_off(&self) -> bool {
        self.active.iter().any(|(_, fault)| matches!(fault, Fault::Clock { .. }))
    }

    /// The folder of the run, which is removed at its end.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
