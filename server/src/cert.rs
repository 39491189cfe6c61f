//! Certificates for a development cluster, or a small one without an authority of its own.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use impresario_host::clock::{Clock as _, SystemClock};
use impresario_ids::{ClusterId, NodeId};
use impresario_wire::issue::{self, Pem, Validity};
use impresario_wire::{Named, TlsOptions, named};

/// Ten years.
const AUTHORITY_DAYS: u32 = 3_650;

/// Make certificates for mutual TLS between nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    /// Make the authority of a cluster: `ca.pem` and `ca.key` in a folder.
    Authority(AuthorityArgs),
    /// Make a node's certificate, signed by the authority in that folder.
    Node(NodeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AuthorityArgs {
    /// The folder; made if it is not there.
    #[arg(long)]
    dir: PathBuf,
    /// The cluster; a new one if it is not given. The first line of a running node's
    /// `impresario shell -c cluster` names it.
    #[arg(long)]
    cluster: Option<ClusterId>,
}

#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// The folder with the authority.
    #[arg(long)]
    dir: PathBuf,
    /// The node's number, as 2 or node-2. Without it the certificate is good for any node of the
    /// cluster, also for one that joins.
    #[arg(long, value_parser = node_of)]
    node: Option<NodeId>,
    /// A name or address under which tools may reach the node. Can be given again.
    #[arg(long = "host")]
    hosts: Vec<String>,
    /// How long it holds, in days.
    #[arg(long, default_value_t = 365)]
    days: u32,
}

impl CertCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let said = match self {
            Self::Authority(args) => args.make()?,
            Self::Node(args) => args.make()?,
        };
        say(&said);
        Ok(ExitCode::SUCCESS)
    }
}

impl AuthorityArgs {
    fn make(&self) -> anyhow::Result<String> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot make {}", self.dir.display()))?;
        let cluster = self.cluster.unwrap_or_else(|| ClusterId::from_bytes(rand::random()));
        let validity = Validity::days(SystemClock.now(), AUTHORITY_DAYS);
        let pem = issue::authority(cluster, validity)?;
        let (certificate, key) = (self.dir.join("ca.pem"), self.dir.join("ca.key"));
        if certificate.exists() {
            bail!("{} is there: an authority is made once", certificate.display());
        }
        write(&key, &pem.key, true)?;
        write(&certificate, &pem.certificate, false)?;
        Ok(format!(
            "the authority of {cluster} is {}. Keep {} where no node is.",
            certificate.display(),
            key.display()
        ))
    }
}

impl NodeArgs {
    fn make(&self) -> anyhow::Result<String> {
        let (ca, ca_key) = (self.dir.join("ca.pem"), self.dir.join("ca.key"));
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let authority = Pem { certificate: read(&ca)?, key: read(&ca_key)? };
        let cluster = issue::cluster_of(&authority)
            .with_context(|| format!("{} is not an authority of a cluster", ca.display()))?;
        let name = self.node.map_or_else(|| "any-node".to_owned(), |node| node.to_string());
        let validity = Validity::days(SystemClock.now(), self.days);
        let wanted = Named { cluster, node: self.node };
        let pem = issue::certificate(&authority, wanted, &self.hosts, validity)?;
        let certificate = self.dir.join(format!("{name}.pem"));
        let key = self.dir.join(format!("{name}.key"));
        // A running node takes the new files when both fit: the key goes first.
        write(&key, &pem.key, true)?;
        write(&certificate, &pem.certificate, false)?;
        named(&TlsOptions::files(ca.clone(), certificate.clone(), key.clone()))
            .context("the certificate that was made cannot be used")?;
        Ok(format!(
            "{name} of {cluster}, for {} days. Start it with --set cluster.tls.authority={} \
             --set cluster.tls.certificate={} --set cluster.tls.key={}",
            self.days,
            ca.display(),
            certificate.display(),
            key.display()
        ))
    }
}

fn node_of(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix("node-").unwrap_or(text);
    match number.parse() {
        Ok(number) if number > 0 => Ok(NodeId(number)),
        Ok(_) | Err(_) => Err("a node is a number above 0, as in 2 or node-2".to_owned()),
    }
}

/// Writes a file as a whole: whoever reads it at this moment sees the old or the new one.
fn write(path: &Path, text: &str, is_secret: bool) -> anyhow::Result<()> {
    let mode = if is_secret { 0o600 } else { 0o644 };
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[expect(clippy::print_stdout, reason = "a program's answer")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_authority_makes_certificates_of_its_cluster() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("certs");
        let cluster = ClusterId::from_bytes([3; 16]);
        let authority = || AuthorityArgs { dir: dir.clone(), cluster: Some(cluster) };
        authority().make().expect("an authority");
        assert!(authority().make().is_err(), "a second one would replace the first");
        for (node, name) in [(None, "any-node"), (Some(NodeId(2)), "node-2")] {
            let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let args = NodeArgs { dir: dir.clone(), node, hosts, days: 1 };
            args.make().expect("a certificate");
            let key = dir.join(format!("{name}.key"));
            let files =
                TlsOptions::files(dir.join("ca.pem"), dir.join(format!("{name}.pem")), key.clone());
            assert_eq!(named(&files).expect("it can be used"), Named { cluster, node });
            let mode = fs::metadata(&key).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn nodes_are_numbers() {
        assert_eq!(node_of("node-2"), Ok(NodeId(2)));
        assert_eq!(node_of("7"), Ok(NodeId(7)));
        for text in ["", "0", "node-", "two"] {
            assert!(node_of(text).is_err(), "{text}");
        }
    }
}
