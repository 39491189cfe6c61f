//! Hosts of their own on one machine: network namespaces, joined by a bridge.
//!
//! Each host has one interface `eth0` and one address; the test itself sits at the bridge and
//! reaches every host. Names carry the process id of the test, so that what a killed test left
//! behind is known as such and removed by the next one, the processes in it too.

mod firewall;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

pub use firewall::{Abilities, End, Links, Redirect, Tool};

use crate::chaos::packets;
use crate::chaos::shell::{feed, is_alive, pid_in, run};

/// Begins every name of ours. Interface names have at most 15 characters.
const PREFIX: &str = "imp";
/// The last byte of the test's own address.
const CONTROL: u8 = 254;
/// More would not fit into a name.
const HOSTS_MAX: usize = 200;

/// What is said where namespaces, cables or bridges are not to be had.
const REFUSALS: [&str; 7] = [
    "start ip",
    "Operation not permitted",
    "Permission denied",
    "not supported",
    "Unknown device type",
    "Read-only file system",
    "No space left",
];

/// Hosts, or why there are none.
#[derive(Debug)]
pub enum Hosts {
    /// They are there.
    Ready(Network),
    /// This machine does not permit them; the reason. Never to be taken for success: the report
    /// says it, and every fault of the network is skipped with it.
    Unavailable(String),
}

impl Hosts {
    /// Sets up `count` hosts, after removing what killed runs left behind.
    ///
    /// # Errors
    /// If namespaces are permitted, but setting up fails.
    pub fn up(count: usize) -> Result<Self> {
        ensure!((1..=HOSTS_MAX).contains(&count), "between 1 and {HOSTS_MAX} hosts");
        match permitted().map_err(|error| format!("{error:#}")) {
            // Anything else is a mistake of ours, which must not look like a lack of permission.
            Err(reason) if REFUSALS.iter().any(|refusal| reason.contains(refusal)) => {
                Ok(Self::Unavailable(reason))
            }
            Err(reason) => bail!("{reason}"),
            Ok(()) => {
                remove_stale()?;
                Network::up(count).map(Self::Ready)
            }
        }
    }

    /// The hosts, if they are there.
    #[must_use]
    pub fn network(&self) -> Option<&Network> {
        match self {
            Self::Ready(network) => Some(network),
            Self::Unavailable(_) => None,
        }
    }

    /// The hosts, if they are there.
    pub fn network_mut(&mut self) -> Option<&mut Network> {
        match self {
            Self::Ready(network) => Some(network),
            Self::Unavailable(_) => None,
        }
    }

    /// The hosts.
    ///
    /// # Errors
    /// The reason, if there are none.
    pub fn need(self) -> Result<Network> {
        match self {
            Self::Ready(network) => Ok(network),
            Self::Unavailable(reason) => bail!("no network namespaces here: {reason}"),
        }
    }
}

/// Hosts that are there. They are removed when it is dropped, with the processes in them.
#[derive(Debug)]
pub struct Network {
    name: String,
    /// The first three bytes of all addresses.
    subnet: [u8; 3],
    hosts: usize,
    abilities: Abilities,
    links: Links,
    /// Hosts whose cable is taken apart.
    unplugged: BTreeSet<usize>,
}

impl Network {
    fn up(hosts: usize) -> Result<Self> {
        let name = claim(0..0x80)?;
        // From here on dropping it removes what is there so far.
        let mut network = Self {
            subnet: free_subnet(&name)?,
            name,
            hosts,
            abilities: Abilities::default(),
            links: Links::default(),
            unplugged: BTreeSet::new(),
        };
        for host in 1..hosts {
            run("ip", &["netns", "add", &network.namespace(host)])?;
        }
        feed("ip", &["-batch", "-"], &network.outside())?;
        for host in 0..hosts {
            let batch = ["-n", &network.namespace(host), "-batch", "-"];
            feed("ip", &batch, &network.inside(host))?;
        }
        network.abilities = firewall::abilities(&network.namespace(0));
        network.abilities.packets = packets::permitted();
        Ok(network)
    }

    /// What `ip` is told to make the bridge and the cables to the hosts.
    fn outside(&self) -> String {
        let bridge = format!("{}br", self.name);
        let control = self.address(End::Control);
        let mut lines = format!(
            "link add {bridge} type bridge forward_delay 0 stp_state 0\n\
             addr add {control}/24 dev {bridge}\n\
             link set {bridge} up\n"
        );
        for host in 0..self.hosts {
            // The near end of a cable has the name of the namespace at its far end.
            let name = self.namespace(host);
            lines += &format!(
                "link add {name} type veth peer name eth0 netns {name}\n\
                 link set {name} master {bridge}\n\
                 link set {name} up\n"
            );
        }
        lines
    }

    /// What `ip` is told inside a host.
    fn inside(&self, host: usize) -> String {
        let address = self.address(End::Node(host));
        format!("addr add {address}/24 dev eth0\nlink set eth0 up\nlink set lo up\n")
    }

    /// How many hosts there are.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.hosts
    }

    /// What this machine can do to their links.
    #[must_use]
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// The name of a host's namespace.
    #[must_use]
    pub fn namespace(&self, host: usize) -> String {
        format!("{}h{:02x}", self.name, host + 1)
    }

    /// An address. The control side's is in the namespace of the test.
    #[must_use]
    pub fn address(&self, end: End) -> String {
        let [a, b, c] = self.subnet;
        match end {
            End::Control => format!("{a}.{b}.{c}.{CONTROL}"),
            End::Node(host) => format!("{a}.{b}.{c}.{}", host + 1),
        }
    }

    /// A command that will run on a host. The id of the started process is the program's own.
    #[must_use]
    pub fn command(&self, host: usize, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host)]).arg(program);
        command
    }

    /// The links as they are now.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Makes the links so, on all hosts; each host changes at once.
    ///
    /// # Errors
    /// If there is neither iptables nor nft, or it refuses.
    pub fn set_links(&mut self, links: Links) -> Result<()> {
        if links == self.links {
            return Ok(());
        }
        let tool = self.abilities.firewall.clone().map_err(anyhow::Error::msg)?;
        for host in 0..self.hosts {
            let rules = firewall::rules(tool, (&self.links, &links), host, &|e| self.address(e));
            let name = self.namespace(host);
            let arguments = [&["netns", "exec", &name], tool.program()].concat();
            feed("ip", &arguments, &rules)?;
        }
        self.links = links;
        Ok(())
    }

    /// Bounds what a host sends, to whomever, in bits per second; `None`: as fast as it can.
    ///
    /// # Errors
    /// If the kernel cannot do it.
    pub fn set_rate(&self, host: usize, kbit_per_s: Option<u32>) -> Result<()> {
        let name = self.namespace(host);
        match kbit_per_s {
            Some(rate) => {
                let rate = format!("{rate}kbit");
                // A burst below one full packet would let nothing through.
                let shape = ["tbf", "rate", &rate, "burst", "16kb", "latency", "400ms"];
                let arguments = ["-n", &name, "qdisc", "replace", "dev", "eth0", "root"];
                run("tc", &[&arguments[..], &shape].concat()).map(drop)
            }
            None => run("tc", &["-n", &name, "qdisc", "del", "dev", "eth0", "root"]).map(drop),
        }
    }

    /// Takes a host's cable apart: nothing passes between the two interfaces of this namespace that
    /// are named but what somebody passes on.
    ///
    /// # Errors
    /// If it is apart already, or the kernel refuses.
    pub fn unplug(&mut self, host: usize) -> Result<[String; 2]> {
        ensure!(self.unplugged.insert(host), "{} is unplugged already", End::Node(host));
        let (near, [here, there]) = (self.namespace(host), self.ends(host));
        let bridge = format!("{}br", self.name);
        // The kernel must not answer for its own addresses at ends that have none.
        let lines = format!(
            "link add {here} type veth peer name {there}\n\
             link set {here} addrgenmode none\n\
             link set {here} arp off\n\
             link set {here} up\n\
             link set {there} master {bridge}\n\
             link set {there} up\n\
             link set {near} arp off\n\
             link set {near} nomaster\n"
        );
        feed("ip", &["-batch", "-"], &lines)?;
        Ok([near, here])
    }

    /// Puts a host's cable together again.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn plug(&mut self, host: usize) -> Result<()> {
        if self.unplugged.remove(&host) {
            let (near, [here, _]) = (self.namespace(host), self.ends(host));
            let bridge = format!("{}br", self.name);
            let lines = format!(
                "link del {here}\nlink set {near} master {bridge}\nlink set {near} arp on\n"
            );
            feed("ip", &["-batch", "-"], &lines)?;
        }
        Ok(())
    }

    /// The names of what is put between a host's cable and the bridge.
    fn ends(&self, host: usize) -> [String; 2] {
        ["v", "w"].map(|letter| format!("{}{letter}{:02x}", self.name, host + 1))
    }

    /// Uses this tool for dropping packets from now on, whatever was found first. Only while the
    /// links are whole.
    pub fn prefer(&mut self, tool: Tool) {
        self.abilities.firewall = Ok(tool);
    }

    /// The processes that run on a host.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn processes(&self, host: usize) -> Result<Vec<u32>> {
        processes(&self.namespace(host))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What cannot be removed now is stale to the next run.
        for host in &self.unplugged {
            let _ = run("ip", &["link", "del", &self.ends(*host)[0]]);
        }
        for host in 0..self.hosts {
            let _ = remove_namespace(&self.namespace(host));
        }
        let _ = run("ip", &["link", "del", &format!("{}br", self.name)]);
    }
}

fn processes(namespace: &str) -> Result<Vec<u32>> {
    let text = run("ip", &["netns", "pids", namespace])?;
    text.split_whitespace().map(|pid| pid.parse().context("a process id")).collect()
}

/// Ends what runs in a namespace of ours, and removes it.
fn remove_namespace(namespace: &str) -> Result<()> {
    for pid in processes(namespace)? {
        // It may have ended meanwhile.
        let _ = run("kill", &["-KILL", &pid.to_string()]);
    }
    // The kernel takes a namespace down some time after it was asked to; the cable goes at once, so
    // that its name is free. It is not there if setting up ended before it.
    let _ = run("ip", &["link", "del", namespace]);
    run("ip", &["netns", "del", namespace]).map(drop)
}

/// Whether something of this name was made by a test process that is gone.
fn is_stale(name: &str) -> bool {
    let is_ours = name.get(PREFIX.len() + 6..).is_some_and(|rest| rest.starts_with('c'));
    is_ours && pid_in(name, PREFIX).is_some_and(|pid| !is_alive(pid))
}

/// Removes the namespaces and interfaces of test processes that are gone.
fn remove_stale() -> Result<()> {
    for line in run("ip", &["netns", "list"])?.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if is_stale(name) {
            // Another test process may be removing it too.
            let _ = remove_namespace(name);
        }
    }
    let links = run("ip", &["-brief", "link"])?;
    for line in links.lines() {
        let name = line.split(['@', ' ']).next().unwrap_or_default();
        if is_stale(name) {
            let _ = run("ip", &["link", "del", name]);
        }
    }
    Ok(())
}

/// Makes the namespace of the first host, under a name that no other network of this process has;
/// the name without the host.
fn claim(numbers: std::ops::Range<u16>) -> Result<String> {
    for number in numbers {
        let name = format!("{PREFIX}{:06x}c{number:02x}", std::process::id());
        match run("ip", &["netns", "add", &format!("{name}h01")]) {
            Ok(_) => return Ok(name),
            Err(error) if format!("{error:#}").contains("File exists") => {}
            Err(error) => return Err(error),
        }
    }
    bail!("too many networks in one process")
}

/// Whether namespaces, cables and bridges can be made here: by making them.
fn permitted() -> Result<()> {
    let name = claim(0x80..0x100)? + "h01";
    let add = |what: &[&str]| run("ip", &[&["-n", &name, "link", "add", "name"], what].concat());
    let cable = add(&["one", "type", "veth", "peer", "name", "other"]);
    let bridge = add(&["three", "type", "bridge"]);
    run("ip", &["netns", "del", &name])?;
    cable.and(bridge).map(drop)
}

/// The first three bytes of addresses that nobody uses here.
fn free_subnet(name: &str) -> Result<[u8; 3]> {
    let taken = fs::read_to_string("/proc/net/fib_trie").context("the routes")?;
    // Networks that are made at the same time begin to look at different places.
    let start: usize = name.bytes().fold(7, |sum, byte| (sum * 31 + usize::from(byte)) % 12_500);
    (0..50 * 250)
        .map(|offset| (start + offset) % (50 * 250))
        .map(|place| [10, 200 + (place / 250) as u8, 1 + (place % 250) as u8])
        .find(|[a, b, c]| !taken.contains(&format!(" {a}.{b}.{c}.")))
        .context("no free subnet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_gone_test_processes_are_stale() {
        let own = format!("{PREFIX}{:06x}c00h01", std::process::id());
        assert!(!is_stale(&own), "{own} is in use");
        // No process has an id this high.
        assert!(is_stale("impffffffc00h01"));
        assert!(is_stale("impffffffc00br") && is_stale("impffffffc00v01"));
        assert!(!is_stale("impffffffx"));
        assert!(!is_stale("eth0"));
    }
}
