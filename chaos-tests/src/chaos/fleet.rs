//! A cluster of real processes, each on a host of its own where that is permitted, else on ports of
//! this one.

mod admin;
mod cluster;
mod seen;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::api::Api;
use crate::chaos::cluster::PORT;
use crate::chaos::node::Node;
use crate::chaos::rig::Rig;
use crate::chaos::shell::run;

/// The port on which nodes hear each other, where each has an address of its own.
const PEER_PORT: u16 = 7400;
/// The same at all nodes, so that an operator is one at each of them; there is nothing to hide.
const ROOT_TOKEN: &str = "imp_root_of_a_cluster_for_tests";
/// The same.
const MASTER_KEY: &str = "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b";

/// What all nodes are started with, besides their addresses.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The program `impresario`.
    pub program: PathBuf,
    /// What a node runs from its second start on, if it is another one: the next release.
    pub next: Option<PathBuf>,
    /// Settings in the form `path=value`.
    pub settings: Vec<String>,
    /// Partitions of the cluster.
    pub partitions: u16,
    /// Replicas of each partition.
    pub replicas: u8,
}

impl Recipe {
    /// A cluster for tests: few partitions, webhooks to this machine allowed.
    #[must_use]
    pub fn of_tests(program: PathBuf) -> Self {
        let settings = [
            "webhooks.allow_private=true",
            "webhooks.timeout_ms=2000",
            "outbox.breaker_open_ms=1000",
        ];
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self { program, next: None, settings, partitions: 6, replicas: 3 }
    }
}

/// Where a node runs, and who it is there.
#[derive(Debug)]
struct Place {
    node: Node,
    program: PathBuf,
    /// `host:port` of its HTTP interface.
    http: String,
    /// `host:port` at which other nodes reach it.
    peer: String,
    /// Its number in the cluster, once it has said it; `None` again after its data were destroyed.
    id: Option<u64>,
    /// Whether it was ever started with the data that it has.
    is_member: bool,
    /// Whether it joins the others: all do but the one that founds the cluster. Told at each start,
    /// since nobody knows whether a node that was killed has come as far as to join.
    joins: bool,
    operator: Option<Api>,
}

/// Nodes that are one cluster.
#[derive(Debug)]
pub struct Fleet {
    recipe: Recipe,
    places: Vec<Place>,
    certificates: PathBuf,
    /// Numbers of destroyed nodes that the cluster must still forget.
    doomed: Vec<u64>,
    /// Numbers of nodes that were drained.
    drained: Vec<u64>,
    /// Places whose node was asked to leave.
    leaving: Vec<usize>,
}

impl Fleet {
    /// A cluster of this many nodes, none started; its certificates are made.
    ///
    /// # Errors
    /// If the program cannot make certificates.
    pub fn new(nodes: usize, recipe: Recipe, rig: &Rig) -> Result<Self> {
        let place = |node: usize| {
            let host = rig.address(node);
            // Without a network of its own the fixed ports may be taken.
            let own = rig.network().is_some();
            let (http, peer) =
                if own { (PORT, PEER_PORT) } else { (rig.free_port(), rig.free_port()) };
            Place {
                node: Node::new(&rig.log(node)),
                program: recipe.program.clone(),
                http: format!("{host}:{http}"),
                peer: format!("{host}:{peer}"),
                id: None,
                is_member: false,
                joins: false,
                operator: None,
            }
        };
        let places = (0..nodes).map(place).collect();
        let certificates = rig.folder().join("certificates");
        make_certificates(&recipe.program, &certificates, nodes, rig)?;
        Ok(Self {
            recipe,
            places,
            certificates,
            doomed: Vec::new(),
            drained: Vec::new(),
            leaving: Vec::new(),
        })
    }

    /// The number of a node in the cluster, once it has said it.
    pub fn id(&mut self, node: usize) -> Option<u64> {
        let place = &mut self.places[node];
        if place.id.is_none()
            && let Some(line) = place.node.ready_line()
        {
            place.id = seen::number_in(line);
        }
        place.id
    }

    /// The interface of a node for the operator.
    ///
    /// # Errors
    /// If the node has not written its token.
    pub fn operator(&mut self, node: usize, rig: &Rig) -> Result<Api> {
        let place = &mut self.places[node];
        if let Some(api) = &place.operator {
            return Ok(api.clone());
        }
        let token = fs::read_to_string(rig.data(node).join("root-token"));
        let token = token.context("read the operator's token")?;
        let api = Api::new(&format!("http://{}", place.http), token.trim())?;
        place.operator = Some(api.clone());
        Ok(api)
    }

    fn command(&self, node: usize, rig: &Rig) -> Command {
        let place = &self.places[node];
        let mut command = rig.command(node, &place.program);
        command.env("IMPRESARIO_MASTER_KEY", MASTER_KEY);
        command.args(["serve", "--ready-line", "--data"]).arg(rig.data(node));
        command.args(["--listen", &place.http, "--cluster-listen", &place.peer]);
        if place.joins {
            for (other, there) in self.places.iter().enumerate() {
                if other != node {
                    command.args(["--join", &there.peer]);
                }
            }
        }
        let file = |name: &str| self.certificates.join(name).display().to_string();
        let mut set = |path: &str, value: &str| {
            command.args(["--set", &format!("{path}={value}")]);
        };
        set("cluster.tls.authority", &file("ca.pem"));
        set("cluster.tls.certificate", &file("any-node.pem"));
        set("cluster.tls.key", &file("any-node.key"));
        set("node.partitions", &self.recipe.partitions.to_string());
        set("cluster.replicas", &self.recipe.replicas.to_string());
        for setting in &self.recipe.settings {
            command.args(["--set", setting]);
        }
        command
    }

    /// Gives a node the operators' token before its first start.
    fn admit_operators(&self, node: usize, rig: &Rig) -> Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let data = rig.data(node);
        fs::create_dir_all(&data).context("make a data folder")?;
        let path = data.join("root-token");
        if path.exists() {
            return Ok(());
        }
        // A node does not take a token that others can read.
        let file = fs::File::options().create_new(true).write(true).mode(0o600).open(path);
        file.context("the operators' token")?.write_all(ROOT_TOKEN.as_bytes())?;
        Ok(())
    }

    /// Forgets who a node is: its data are destroyed, the next start joins.
    fn wipe(&mut self, node: usize, rig: &Rig) -> Result<()> {
        let data = rig.data(node);
        if data.exists() {
            fs::remove_dir_all(&data).context("destroy a node's data")?;
        }
        let place = &mut self.places[node];
        (place.id, place.is_member, place.operator) = (None, false, None);
        Ok(())
    }
}

/// The first node of a cluster in which nobody is a member founds it.
fn is_somebody_there(places: &[Place], but: usize) -> bool {
    places.iter().enumerate().any(|(other, place)| other != but && place.is_member)
}

fn make_certificates(program: &Path, folder: &Path, nodes: usize, rig: &Rig) -> Result<()> {
    let (program, dir) = (program.display().to_string(), folder.display().to_string());
    run(&program, &["cert", "authority", "--dir", &dir]).context("the cluster's authority")?;
    let hosts: Vec<String> = (0..nodes).map(|node| rig.address(node)).collect();
    let mut arguments = vec!["cert", "node", "--dir", &dir];
    for host in &hosts {
        arguments.extend(["--host", host]);
    }
    run(&program, &arguments).context("a certificate for the nodes")?;
    let wanted = folder.join("any-node.pem");
    ensure!(wanted.is_file(), "`cert node` has made no {}", wanted.display());
    Ok(())
}
