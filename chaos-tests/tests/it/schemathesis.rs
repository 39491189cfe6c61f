//! C6: the server keeps to its own OpenAPI document, also for requests no person would write.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Options, Tenant, TestServer, venv_program};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_keeps_to_its_openapi_document() -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "schema").await?;
    let output = Command::new(venv_program("schemathesis")?)
        .args(["run", &format!("{}/openapi.json", server.url())])
        .args(["--header", &format!("Authorization: Bearer {}", tenant.secret.token())])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        .args(["--max-examples", "15", "--seed", "1", "--phases", "examples,coverage,fuzzing"])
        .args(["--request-timeout", "20", "--workers", "2", "--exclude-path-regex", "^/(ws/|api/v1/live|api/v1/admin)"])
        .args(["--suppress-health-check", "all", "--no-color"])
        .current_dir(server.data())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("run schemathesis")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let skip = said.lines().count().saturating_sub(150);
    let tail: String = said.lines().skip(skip).map(|line| format!("{line}\n")).collect();
    ensure!(output.status.success(), "{tail}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
