//! A server, a tenant that answers, a model and a platform.

use std::path::Path;

use anyhow::{Context, Result};
use impresario_chaos_tests::conversations::furnish;
use impresario_chaos_tests::conversations::oracle::Windows;
use impresario_chaos_tests::{Api, Options, Tenant, TestServer};
use impresario_farm::{Farm, Fault, Rule, Running};

use crate::Scale;
use crate::platform::Platform;

/// The longest wait from the first message of a burst; none gets that far.
const MAX_WAIT_MS: i64 = 15_000;
/// Where the model is asked.
pub(crate) const CHAT: &str = "chat/completions";

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) root: Api,
    pub(crate) tenant: Tenant,
    pub(crate) farm: Running,
    pub(crate) platform: Platform,
}

impl Scene {
    pub(crate) async fn open(program: &Path, scale: Scale) -> Result<Self> {
        let farm = Farm::local().await.context("the farm")?;
        let platform = Platform::start().await?;
        let ms = u64::try_from(scale.model.as_millis())?;
        let late = Rule::next("openai", Fault::SlowFirstByte { ms }).at(CHAT).times(u32::MAX);
        farm.farm.script(late);
        let server = TestServer::start_program(program.to_path_buf(), options(&farm, &[]))?;
        let root = server.root()?;
        let tenant = Tenant::onboard(&root, "bench").await?;
        let quiet_ms = i64::try_from(scale.quiet.as_millis())?;
        let windows = Windows { quiet_ms, max_wait_ms: MAX_WAIT_MS };
        let provider = format!("{}/v1", farm.url("openai"));
        furnish(&tenant.secret, windows, &provider, &platform.url()).await?;
        Ok(Self { server, root, tenant, farm, platform })
    }

    /// Starts the server again, with further settings.
    pub(crate) fn restart(&mut self, more: &[&str]) -> Result<()> {
        self.server.stop()?;
        self.server.restart_with(options(&self.farm, more))
    }
}

fn options(farm: &Running, more: &[&str]) -> Options {
    let servers = format!("answers.local_servers={}", farm.address);
    let settings = [&[servers.as_str(), "answers.platforms_anywhere=true"], more].concat();
    Options { quiet: true, ..Options::set(&settings) }
}
