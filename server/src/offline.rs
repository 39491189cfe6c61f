//! Commands on a data folder that no node uses: check, shrink, look, rotate the master key.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use impresario_vault::MasterKey;

use crate::cli::ConfigArgs;
use crate::serve::OpenNode;

/// Work on a data folder that no node uses.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read every row and say whether all of it is well.
    Verify(ConfigArgs),
    /// Give unused space back to the file system.
    Compact(ConfigArgs),
    /// Say what the store holds.
    Inspect(ConfigArgs),
}

/// Wrap every tenant's keys by a new master key.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The file of the new master key; made if it is not there.
    #[arg(long)]
    new_key_file: PathBuf,
}

impl StoreCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let (Self::Verify(args) | Self::Compact(args) | Self::Inspect(args)) = &self;
        let dir = args.load(Vec::new())?.store_dir();
        let text = tokio::task::spawn_blocking(move || -> anyhow::Result<String> {
            Ok(match self {
                Self::Verify(_) => {
                    format!("{:#?}\nevery row reads", impresario_redb::verify(&dir)?)
                }
                Self::Compact(_) => format!("{:#?}", impresario_redb::compact(&dir)?),
                Self::Inspect(_) => format!("{:#?}", impresario_redb::inspect(&dir)?),
            })
        })
        .await??;
        say(&text);
        Ok(ExitCode::SUCCESS)
    }
}

impl RotateArgs {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load(Vec::new())?;
        if config.cluster.is_open() {
            bail!("the master key of a cluster cannot be replaced while it is one");
        }
        let node = OpenNode::open(&config).await?;
        let key = MasterKey::from_file_or_create(&self.new_key_file)
            .context("the new master key cannot be used")?;
        let rows = node.vault.rotate_master(key)?;
        let count = rows.len();
        node.ledger.replace(rows).await?;
        node.journal.close();
        say(&format!(
            "{count} rows are wrapped by the key in {}. From now on start with \
             --set node.master_key_file={} and destroy the old key.",
            self.new_key_file.display(),
            self.new_key_file.display(),
        ));
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::print_stdout, reason = "a program's answer")]
fn say(text: &str) {
    println!("{text}");
}
