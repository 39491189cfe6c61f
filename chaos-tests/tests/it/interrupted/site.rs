use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use impresario_chaos_tests::chaos::faults::{Dials, Shim, build};
use impresario_chaos_tests::chaos::say;
use impresario_chaos_tests::{Api, Options, Tenant, TestServer, impresario};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::interval;

/// The same everywhere: what is about keys is tried elsewhere.
const MASTER: &str = "0909090909090909090909090909090909090909090909090909090909090909";
/// Each fsync of what is to be killed takes so much longer: enough to hit it between two.
const SYNC_US: u64 = 12_000;
const LOOK: Duration = Duration::from_millis(1);
const PEOPLE: u64 = 10;

/// What the tests of this file share.
pub(super) struct Tools {
    library: PathBuf,
    folder: TempDir,
}

impl Tools {
    /// `None`, said aloud, where fsyncs cannot be counted.
    pub(super) fn new() -> Result<Option<Self>> {
        let folder = tempfile::tempdir().context("a folder")?;
        match build(folder.path())? {
            Ok(library) => Ok(Some(Self { library, folder })),
            Err(reason) => {
                say(&format!("NOT TESTED: {reason}"));
                let is_strict = std::env::var_os("IMPRESARIO_CHAOS_STRICT").is_some();
                ensure!(!is_strict, "{reason}");
                Ok(None)
            }
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn shim(&self, name: &str) -> Result<Shim> {
        Shim::new(&self.library, &self.path(&format!("dials-{name}")))
    }

    /// A server that is not started.
    pub(super) fn site(&self, name: &str, settings: &[String]) -> Result<Site> {
        let shim = self.shim(name)?;
        let options =
            Options { set: settings.to_vec(), env: environment(&shim), ..Options::default() };
        Ok(Site { server: TestServer::prepare(impresario()?, options)?, shim })
    }
}

pub(super) fn environment(shim: &Shim) -> Vec<(String, String)> {
    let mut environment = shim.environment();
    environment.push(("IMPRESARIO_MASTER_KEY".to_owned(), MASTER.to_owned()));
    environment
}

/// A moment in the life of what counts its fsyncs here; they are slow until it has come.
pub(super) struct Moment<'a> {
    shim: &'a mut Shim,
    syncs: u64,
}

impl<'a> Moment<'a> {
    /// The fsync of this number from now on.
    pub(super) fn of(shim: &'a mut Shim, number: u64) -> Result<Self> {
        let syncs = shim.syncs()? + number;
        shim.set(Dials { sync_delay_us: SYNC_US, ..Dials::default() })?;
        Ok(Self { shim, syncs })
    }

    /// What became of some work before this moment; `None` if the moment came first.
    pub(super) async fn before<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        let mut ticks = interval(LOOK);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done.map(Some),
                _ = ticks.tick() => if self.shim.syncs()? >= self.syncs { return Ok(None) },
            }
        }
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        // Only the next run would be slower.
        let _ = self.shim.set(Dials::default());
    }
}

/// A server, and what counts its fsyncs.
pub(super) struct Site {
    pub(super) server: TestServer,
    pub(super) shim: Shim,
}

impl Site {
    /// What became of some work; `None` if the server was killed at its fsync of this number before.
    /// It serves again then.
    pub(super) async fn killed_at<T>(
        &mut self,
        number: u64,
        work: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        let moment = Moment::of(&mut self.shim, number)?;
        let done = moment.before(work).await?;
        if done.is_none() {
            self.server.kill9()?;
        }
        drop(moment);
        if done.is_none() {
            tokio::task::block_in_place(|| self.server.restart())?;
        }
        Ok(done)
    }

    /// The same tenant here.
    pub(super) fn tenant(&self, like: &Tenant) -> Result<Tenant> {
        let here = |api: &Api| Api::new(&self.server.url(), api.token());
        Ok(Tenant { id: like.id.clone(), write: here(&like.write)?, secret: here(&like.secret)? })
    }
}

/// What a server knows of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    Suspended,
    Whole,
}

/// A tenant, and everything that its key shows.
pub(super) struct Shop {
    pub(super) tenant: Tenant,
    all: Vec<Value>,
}

fn message(user: u64, number: u64) -> Value {
    json!({
        "type": "track", "userId": format!("u{user}"), "event": "Order Completed",
        "properties": { "total": 10 + number }, "messageId": format!("m{user}-{number}"),
    })
}

async fn everything(tenant: &Tenant) -> Result<Vec<Value>> {
    let mut all = vec![json!(tenant.usage_events().await?)];
    for user in 0..PEOPLE {
        let user = format!("u{user}");
        all.push(tenant.profile(&user).await?);
        all.extend(tenant.history(&user).await?);
    }
    for path in ["/api/v1/segments", "/api/v1/keys", "/api/v1/profiles?limit=500"] {
        all.push(tenant.secret.get(path).await?.ok()?);
    }
    Ok(all)
}

impl Shop {
    /// A shop with customers, of whom some buy often.
    pub(super) async fn open(root: &Api) -> Result<Self> {
        let tenant = Tenant::onboard(root, "shop").await?;
        tenant.add_segment("Loyal", &json!({ "event": "Order Completed", "at_least": 2 })).await?;
        for user in 0..PEOPLE {
            let batch: Vec<Value> = (0..=user % 4).map(|number| message(user, number)).collect();
            tenant.write.post("/v1/batch", &json!({ "batch": batch })).await?.ok()?;
        }
        let all = everything(&tenant).await?;
        Ok(Self { tenant, all })
    }

    /// What a server knows of it: nothing, or exactly everything.
    pub(super) async fn known(&self, site: &Site) -> Result<Known> {
        let there = site.tenant(&self.tenant)?;
        let answer = there.secret.get("/api/v1/keys").await?;
        let listed = site.server.root()?.get("/api/v1/tenants").await?.ok()?;
        let is_listed = listed.to_string().contains(&self.tenant.id);
        match (answer.status, answer.code()) {
            (200, _) => {
                let all = everything(&there).await?;
                for (want, got) in self.all.iter().zip(&all) {
                    ensure!(want == got, "half of it is served: not {want}, but {got}");
                }
                ensure!(all.len() == self.all.len() && is_listed, "half of it is served");
                Ok(Known::Whole)
            }
            (403, "tenant_suspended") => Ok(Known::Suspended),
            (401 | 404 | 410, _) => Ok(Known::Nothing),
            (status, _) => bail!("{status} {}", answer.body),
        }
    }

    /// It works: what was sent before is known, and what is new counts once.
    pub(super) async fn trades(&self, site: &Site) -> Result<()> {
        let there = site.tenant(&self.tenant)?;
        let before = there.count("u3", "Order Completed").await?;
        for message in [message(3, 0), message(3, 9), message(3, 9)] {
            there.write.post("/v1/batch", &json!({ "batch": [message] })).await?.ok()?;
        }
        let after = there.count("u3", "Order Completed").await?;
        ensure!(after == before + 1, "{before} orders, then {after}");
        Ok(())
    }
}

/// The program with these words, which counts its own fsyncs if it is given a shim.
pub(super) fn program(words: &[&str], shim: Option<&Shim>, data: Option<&Path>) -> Result<Command> {
    let mut command = Command::new(impresario()?);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("IMPRESARIO_MASTER_KEY", MASTER).kill_on_drop(true);
    command.envs(shim.map(environment).unwrap_or_default());
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    Ok(command)
}
