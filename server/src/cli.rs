//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use impresario_config::{Config, Sources};

use crate::{backup, cert, demo, eval, import, offline, serve, shell, top};

/// Runs a company's marketing and customer service: events in, live profiles, segments, webhooks.
#[derive(Debug, Parser)]
#[command(name = "impresario", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node.
    Serve(ServeArgs),
    /// Look at and repair a running node.
    Shell(shell::Args),
    /// Watch a running cluster, full screen.
    Top(top::Args),
    /// Load a history of events from a file.
    Import(import::Args),
    /// See the main job done, with a shop that the program makes up.
    Demo(demo::Args),
    /// Work on a data folder that no node uses.
    #[command(subcommand)]
    Store(offline::StoreCommand),
    /// Wrap every tenant's keys by a new master key.
    RotateMasterKey(offline::RotateArgs),
    /// Make certificates for mutual TLS between nodes.
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// Measure retrieval and the text engines on labelled data.
    #[command(subcommand)]
    Eval(eval::EvalCommand),
    /// Take, list and check backups.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Fill a new data folder, or an empty running cluster, from a backup.
    Restore(backup::RestoreArgs),
    /// Take a tenant out of a cluster, bring one in, or move one.
    #[command(subcommand)]
    Tenant(backup::TenantCommand),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// A TOML file; `config/impresario.toml` in the source names every key.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// The folder that holds everything durable (`node.data`).
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Set one option, as in `--set http.drain_ms=5000`. Can be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to listen (`http.listen`); port 0 lets the system choose.
    #[arg(long)]
    listen: Option<String>,
    /// Where other nodes reach this one (`cluster.listen`), as 10.0.0.1:7400. Without it the node
    /// is alone.
    #[arg(long)]
    cluster_listen: Option<String>,
    /// A node of the cluster to join (`cluster.join`). Can be given again. Without one the first
    /// start of a node founds a cluster; later starts need none.
    #[arg(long)]
    join: Vec<String>,
    /// Where the node is (`cluster.zone`): replicas are spread over zones.
    #[arg(long)]
    zone: Option<String>,
    /// Print one JSON line with the address, the node and the cluster once the node serves.
    #[arg(long)]
    ready_line: bool,
}

impl ServeArgs {
    fn overrides(&self) -> Vec<String> {
        let join = (!self.join.is_empty()).then(|| self.join.join(","));
        let options = [
            ("http.listen", self.listen.clone()),
            ("cluster.listen", self.cluster_listen.clone()),
            ("cluster.join", join),
            ("cluster.zone", self.zone.clone()),
        ];
        let given = options.into_iter().filter_map(|(key, value)| Some((key, value?)));
        given.map(|(key, value)| format!("{key}={value}")).collect()
    }
}

impl ConfigArgs {
    /// Loads the configuration, with these overrides before those of `--set`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(&self, more: Vec<String>) -> anyhow::Result<Config> {
        let mut overrides = more;
        if let Some(data) = &self.data {
            overrides.push(format!("node.data={}", data.display()));
        }
        overrides.extend(self.set.iter().cloned());
        let sources = Sources { file: self.config.clone(), environment: true, overrides };
        Ok(impresario_config::load(&sources)?)
    }
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(args) => {
                let config = args.config.load(args.overrides())?;
                let threads = config.node.worker_threads;
                block_on(threads, serve::run(config, args.ready_line))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Shell(args) => block_on(1, shell::run(args)),
            Command::Top(args) => block_on(1, top::run(args)),
            Command::Import(args) => block_on(0, import::run(args)),
            Command::Demo(args) => block_on(0, demo::run(args)),
            Command::Store(command) => block_on(1, command.run()),
            Command::RotateMasterKey(args) => block_on(1, args.run()),
            Command::Cert(command) => command.run(),
            Command::Eval(command) => command.run(),
            Command::Backup(command) => block_on(0, command.run()),
            Command::Restore(args) => block_on(0, args.run()),
            Command::Tenant(command) => block_on(0, command.run()),
        }
    }
}

/// Runs a future on this many threads; 0 means one per core.
fn block_on<T>(
    threads: usize,
    future: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("the runtime does not start")?.block_on(future)
}
