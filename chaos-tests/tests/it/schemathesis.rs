//! C6: the server keeps to its own OpenAPI document, also for requests no person would write.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Options, Tenant, TestServer, venv_program};
use tokio::process::Command;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_keeps_to_its_openapi_document_for_tenants() -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "schema").await?;
    drive(&server, &[format!("Authorization: Bearer {}", tenant.secret.token())], "15").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_keeps_to_its_openapi_document_for_the_operator() -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let root = server.root()?;
    let tenant = Tenant::onboard(&root, "schema").await?;
    let headers = [
        format!("Authorization: Bearer {}", root.token()),
        format!("Impresario-Tenant: {}", tenant.id),
    ];
    drive(&server, &headers, "8").await
}

/// Sends generated requests to every route but the endless ones, and holds the answers against the
/// document.
async fn drive(server: &TestServer, headers: &[String], examples: &str) -> Result<()> {
    let output = Command::new(venv_program("schemathesis")?)
        .args(["run", &format!("{}/openapi.json", server.url())])
        .args(headers.iter().flat_map(|header| ["--header", header]))
        .args(["--checks", CHECKS, "--max-examples", examples, "--seed", "1"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--request-timeout",
            "20",
            "--workers",
            "2",
        ])
        .args(["--exclude-path-regex", "^/(ws/|api/v1/live|admin/v1/tail)"])
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
    ensure!(!said.contains("unresolvable reference"), "{tail}");
    Ok(())
}
