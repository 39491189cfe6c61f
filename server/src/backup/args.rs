//! The command line of backups. What concerns a running cluster goes to one of its nodes over HTTP;
//! a target is looked at directly.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use clap::{Args, Subcommand};
use impresario_backup::{BackupError, Library, verify};
use impresario_ids::TenantId;
use serde_json::{Value, json};

use super::offline::{Wish, fill};
use super::{Failed, open_target};
use crate::cli::ConfigArgs;
use crate::client::{CallError, Client};

/// Between two looks at work that goes on.
const LOOK: Duration = Duration::from_millis(500);

/// A node of a running cluster.
#[derive(Clone, Debug, Args)]
pub(crate) struct NodeArgs {
    /// A node of the cluster
    #[arg(long, env = "IMPRESARIO_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The file of the root token, which the node made on its first start
    #[arg(long, env = "IMPRESARIO_TOKEN_FILE", default_value = "data/root-token")]
    token_file: PathBuf,
}

/// Take, list and check backups.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Take a backup of a running cluster
    Create {
        #[command(flatten)]
        node: NodeArgs,
        /// A folder that every node reaches, or s3://bucket/prefix; if not the configured one
        #[arg(long)]
        to: Option<String>,
        /// Go on with a backup that was cut short
        #[arg(long)]
        resume: Option<String>,
    },
    /// Say what backups a target holds
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// The target; if not the configured one
        target: Option<String>,
    },
    /// Read all of a backup and hold it against its checksums
    Verify {
        #[command(flatten)]
        config: ConfigArgs,
        /// The target; if not the configured one
        target: Option<String>,
        /// The backup; if not the newest
        #[arg(long)]
        id: Option<String>,
    },
    /// Say how far batches are shipped behind the newest backup
    Shipping {
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// Fill a new data folder, or an empty running cluster, from a backup.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  impresario restore --from /backups --data new --partitions 32 --master-key-file key
      then: impresario serve --data new --cluster-listen .., and let other nodes join
  impresario restore --from s3://bucket/prod --into http://10.0.0.7:8080 --token-file token
      into a running cluster without tenants")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The target; if not the configured one
    #[arg(long)]
    from: Option<String>,
    /// The backup; if not the newest
    #[arg(long)]
    id: Option<String>,
    /// Go no further than this time, as in 2026-11-20T21:05:00Z
    #[arg(long)]
    until: Option<String>,
    /// Partitions of the new cluster; if not as many as the old one had
    #[arg(long)]
    partitions: Option<u16>,
    /// The master key of the backup's cluster; the new folder goes on with it
    #[arg(long)]
    master_key_file: Option<PathBuf>,
    /// Fill the running cluster of this node, which must be empty, instead of a data folder
    #[arg(long, value_name = "URL")]
    into: Option<String>,
    /// The file of that node's root token
    #[arg(long, default_value = "data/root-token")]
    token_file: PathBuf,
}

/// Take a tenant out of a cluster, bring one in, or move one.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Write everything of a tenant into an archive
    Export {
        #[command(flatten)]
        node: NodeArgs,
        tenant: TenantId,
        /// A folder that every node reaches, or s3://bucket/prefix; if not the configured one
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Bring a tenant in, which is not there
    Import {
        #[command(flatten)]
        node: NodeArgs,
        tenant: TenantId,
        /// Where the archive is; if not in the configured target
        #[arg(long)]
        from: Option<String>,
        /// The archive; if not the tenant's newest
        #[arg(long)]
        archive: Option<String>,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Move a tenant to another cluster: suspend, take out, bring in, resume there, erase here
    Move {
        #[command(flatten)]
        node: NodeArgs,
        tenant: TenantId,
        /// A node of the cluster that the tenant goes to
        #[arg(long, value_name = "URL")]
        to_url: String,
        /// The file of that node's root token
        #[arg(long)]
        to_token_file: PathBuf,
        /// A folder or bucket that both clusters reach
        #[arg(long)]
        by: String,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        /// Leave the tenant, suspended, where it was
        #[arg(long)]
        keep: bool,
    },
}

/// What a tenant's key is wrapped by on the way.
#[derive(Clone, Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// A file with a passphrase of at least 12 characters. Without it, both clusters must have the
    /// same master key
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
}

impl NodeArgs {
    fn client(&self) -> anyhow::Result<Client> {
        client(&self.url, &self.token_file)
    }
}

fn client(url: &str, token_file: &std::path::Path) -> anyhow::Result<Client> {
    let token = std::fs::read_to_string(token_file)
        .with_context(|| format!("cannot read the root token in {}", token_file.display()))?;
    ensure!(!token.trim().is_empty(), "{} is empty", token_file.display());
    Client::new(url, &token)
}

impl PassphraseArgs {
    fn read(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.passphrase_file else { return Ok(None) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// With the stable code in front, for scripts.
fn coded(error: anyhow::Error) -> anyhow::Error {
    if let Some(failed) = error.downcast_ref::<Failed>() {
        return anyhow!("{}: {failed}", failed.code);
    }
    match error.downcast_ref::<BackupError>() {
        Some(failed) => anyhow!("{}: {failed}", failed.code()),
        None => error,
    }
}

impl BackupCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        self.done().await.map_err(coded)
    }

    async fn done(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create { node, to, resume } => {
                let client = node.client()?;
                let ask = json!({ "target": to, "id": resume });
                say(&work(&client, Verb::Post, "/admin/v1/backups", ask).await?);
            }
            Self::List { config, target } => {
                let config = config.load(Vec::new())?;
                let target = open_target(target.as_deref(), &config.backup)?;
                let backups = Library::of_clusters(target).list().await?;
                say(&json!({ "backups": backups }));
            }
            Self::Verify { config, target, id } => {
                let config = config.load(Vec::new())?;
                let target = open_target(target.as_deref(), &config.backup)?;
                let library = Library::of_clusters(target.clone());
                let point = library.point(id.as_deref(), None).await?;
                let checked = verify(&target, &point).await;
                say(&json!({ "id": point.manifest.id, "checked": checked }));
                if !checked.problems.is_empty() {
                    return Ok(ExitCode::FAILURE);
                }
            }
            Self::Shipping { node } => {
                say(&node.client()?.get("/admin/v1/backups/shipping", &[]).await?);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl RestoreArgs {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = match &self.into {
            Some(url) => {
                ensure!(
                    self.partitions.is_none() && self.master_key_file.is_none(),
                    "a running cluster has its partitions and its master key already"
                );
                let client = client(url, &self.token_file)?;
                let ask = json!({ "target": self.from, "id": self.id, "until": self.until });
                work(&client, Verb::Post, "/admin/v1/backups/restore", ask).await?
            }
            None => {
                let wish = Wish {
                    target: self.from,
                    id: self.id,
                    until: self.until,
                    partitions: self.partitions,
                    master_key_file: self.master_key_file,
                };
                fill(&self.config.load(Vec::new())?, wish).await.map_err(coded)?
            }
        };
        say(&answer);
        Ok(ExitCode::SUCCESS)
    }
}

impl TenantCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = match self {
            Self::Export { node, tenant, to, passphrase } => {
                let ask = json!({ "target": to, "passphrase": passphrase.read()? });
                work(&node.client()?, Verb::Post, &archive_path(tenant), ask).await?
            }
            Self::Import { node, tenant, from, archive, passphrase } => {
                let passphrase = passphrase.read()?;
                let ask = json!({ "target": from, "archive": archive, "passphrase": passphrase });
                work(&node.client()?, Verb::Put, &archive_path(tenant), ask).await?
            }
            Self::Move { node, tenant, to_url, to_token_file, by, passphrase, keep } => {
                let moving = Moving {
                    from: node.client()?,
                    to: client(&to_url, &to_token_file)?,
                    tenant,
                    by,
                    passphrase: passphrase.read()?,
                };
                moving.run(keep).await?
            }
        };
        say(&answer);
        Ok(ExitCode::SUCCESS)
    }
}

fn archive_path(tenant: TenantId) -> String {
    format!("/admin/v1/tenants/{tenant}/archive")
}

struct Moving {
    from: Client,
    to: Client,
    tenant: TenantId,
    by: String,
    passphrase: Option<String>,
}

impl Moving {
    /// Every step may be done again, so an interrupted move is repeated with the same command. Before
    /// the tenant is resumed there, nothing has happened to it here but the suspension.
    async fn run(&self, keep: bool) -> anyhow::Result<Value> {
        let tenant = self.tenant;
        let reason = format!("moving to {}", self.to.base());
        let there = self.status(&self.to).await?;
        let here = self.status(&self.from).await?;
        let mut answer = json!({ "tenant": tenant, "kept": keep });
        match (here.as_deref(), there.as_deref()) {
            (None, None) => bail!("neither cluster knows {tenant}"),
            // All but the last step is done.
            (None, Some(_)) => {}
            (Some(here), Some(_)) if here != SUSPENDED => {
                bail!("{tenant} is at work in both clusters: a move never makes that so")
            }
            (Some(_), Some(_)) => self.finish_import().await?,
            (Some(_), None) => {
                let suspend = format!("{}/suspend", tenant_path(tenant));
                let suspended = self.from.post(&suspend, &json!({ "reason": reason })).await;
                suspended.context("the tenant cannot be suspended")?;
                let ask = json!({ "target": self.by, "passphrase": self.passphrase });
                let out = work(&self.from, Verb::Post, &archive_path(tenant), ask).await?;
                let ask = self.import(out.get("archive").cloned());
                answer["in"] = work(&self.to, Verb::Put, &archive_path(tenant), ask).await?;
                answer["out"] = out;
            }
        }
        // Erased before it is resumed there: at no moment do two clusters work for its callers.
        if here.is_some() && !keep {
            let erased = self.from.delete(&tenant_path(tenant)).await;
            erased.context("the tenant cannot be erased where it was")?;
        }
        let resumed = self.to.act(&format!("{}/resume", tenant_path(tenant))).await;
        resumed.context("the tenant cannot be resumed")?;
        answer["moved"] = json!(true);
        Ok(answer)
    }

    fn import(&self, archive: Option<Value>) -> Value {
        json!({ "target": self.by, "archive": archive, "passphrase": self.passphrase })
    }

    /// Ends an import that was interrupted when the tenant's keys were there already.
    async fn finish_import(&self) -> anyhow::Result<()> {
        let ended = work(&self.to, Verb::Put, &archive_path(self.tenant), self.import(None)).await;
        match ended {
            Err(error) if !error.to_string().starts_with("tenant_exists") => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The tenant's status; `None` if it is not there, or no more.
    async fn status(&self, client: &Client) -> anyhow::Result<Option<String>> {
        match client.get(&tenant_path(self.tenant), &[]).await {
            Ok(tenant) => {
                let status = tenant["status"].as_str().filter(|status| *status != "deleted");
                Ok(status.map(str::to_owned))
            }
            Err(CallError::Refused(problem)) if GONE.contains(&problem.code.as_str()) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

const SUSPENDED: &str = "suspended";
const RUNNING: &str = "backup_running";
/// What a cluster says of a tenant that it does not have.
const GONE: [&str; 4] =
    ["unknown_tenant", "tenant_not_onboarded", "tenant_deleted", "admin_not_found"];

fn tenant_path(tenant: TenantId) -> String {
    format!("/api/v1/tenants/{tenant}")
}

#[derive(Clone, Copy)]
enum Verb {
    Post,
    Put,
}

/// Has a node do something that takes long, and waits for it.
async fn work(client: &Client, verb: Verb, path: &str, mut ask: Value) -> anyhow::Result<Value> {
    if let Some(fields) = ask.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.insert("background".to_owned(), json!(true));
    }
    let begun = loop {
        let begun = match verb {
            Verb::Post => client.post(path, &ask).await,
            Verb::Put => client.put(path, &ask).await,
        };
        match begun {
            // It goes on for somebody who was interrupted; what there is to do afterwards is seen then.
            Err(CallError::Refused(problem)) if problem.code == RUNNING => {
                tokio::time::sleep(LOOK).await;
            }
            begun => break begun?,
        }
    };
    let name = begun["name"].as_str().context("the node does not say what it does")?.to_owned();
    loop {
        let known = client.get("/admin/v1/backups/shipping", &[]).await?;
        let jobs = known["work"].as_array().cloned().unwrap_or_default();
        let job = jobs.into_iter().find(|job| job["name"] == json!(name));
        let Some(job) = job else {
            bail!("the node was started again meanwhile: look, and repeat")
        };
        if job["running"] == json!(false) {
            if job["done"] == json!(true) {
                return Ok(job["result"].clone());
            }
            let text = |field: &str| job[field].as_str().unwrap_or_default().to_owned();
            bail!("{}: {}", text("code"), text("error"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn say(value: &Value) {
    // Whoever reads may have left; what was done is done.
    let _ = writeln!(std::io::stdout().lock(), "{value:#}");
}
