//! C4, under the edge: a full disk, a damaged store, a wrong master key, two servers on one folder.
//! Each gets a clear error and loses nothing that was acknowledged.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Options, Tenant, TestServer, impresario};
use serde_json::json;

async fn send(tenant: &Tenant, number: u64) -> bool {
    let body = json!({
        "userId": format!("u{}", number % 50),
        "event": "Filled",
        "messageId": format!("f{number}"),
        "properties": { "number": number, "padding": "x".repeat(8_000) },
    });
    tenant.write.post("/v1/track", &body).await.is_ok_and(|answer| answer.status == 200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_keeps_what_was_acknowledged() -> Result<()> {
    let limited = Options { file_kib_max: Some(12 * 1024), ..Options::default() };
    let mut server = TestServer::start(limited)?;
    let tenant = Tenant::onboard(&server.root()?, "full").await?;
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..20_000 {
        if send(&tenant, number).await {
            acknowledged.push(number);
        } else {
            refused += 1;
        }
        if refused == 20 {
            break;
        }
    }
    ensure!(refused == 20, "the disk was never full after {} events", acknowledged.len());
    ensure!(acknowledged.len() > 50, "some events were acknowledged first: {}", acknowledged.len());
    let ready = server.root()?.get("/readyz").await?;
    ensure!(ready.status == 503, "a node that takes no commits is not ready: {}", ready.status);
    server.kill9()?;
    server.restart_with(Options::default())?;
    for person in 0..50 {
        let history = tenant.history(&format!("u{person}")).await?;
        let found: Vec<u64> =
            history.iter().filter_map(|event| event["properties"]["number"].as_u64()).collect();
        let lost = acknowledged.iter().filter(|n| *n % 50 == person && !found.contains(n)).count();
        ensure!(lost == 0, "u{person} lost {lost} acknowledged events");
    }
    ensure!(send(&tenant, 1_000_000).await, "it takes events again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_folder_refuses_to_start() -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "shared").await?;
    let second = std::process::Command::new(impresario()?)
        .args(["serve", "--ready-line", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .output()
        .context("start a second server")?;
    let said = String::from_utf8_lossy(&second.stderr).into_owned()
        + &String::from_utf8_lossy(&second.stdout);
    ensure!(!second.status.success(), "the second server must refuse");
    ensure!(!said.contains("panicked"), "and not by a panic: {said}");
    ensure!(said.contains("is in use by another process"), "and say why: {said}");
    ensure!(send(&tenant, 1).await, "the first server goes on");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_master_key_is_found_at_start() -> Result<()> {
    let mut server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "keys").await?;
    ensure!(send(&tenant, 1).await, "an event");
    server.stop()?;
    let key = server.data().join("master-key");
    let right = fs::read(&key).context("read the master key")?;
    let mut wrong = right.clone();
    // Another digit of the same alphabet, in the middle of the key.
    let at = wrong.len() / 2;
    wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
    fs::write(&key, &wrong).context("write a wrong key")?;
    let (status, said) = server.refusal()?;
    ensure!(!status.success() && said.contains("wrong master key"), "{status}: {said}");
    fs::write(&key, &right).context("write the right key")?;
    server.restart()?;
    ensure!(tenant.count("u1", "Filled").await? == 1, "nothing was lost");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_refused_with_a_code() -> Result<()> {
    let mut server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "damaged").await?;
    for number in 0..100 {
        ensure!(send(&tenant, number).await, "an event");
    }
    server.stop()?;
    let files = databases(&server)?;
    ensure!(!files.is_empty(), "there are databases");
    for file in files {
        let whole = fs::read(&file).context("read a database")?;
        let mut damaged = whole.clone();
        for byte in damaged.iter_mut().take(4096) {
            *byte ^= 0x5a;
        }
        fs::write(&file, &damaged).context("damage a database")?;
        let (status, said) =
            server.refusal().with_context(|| format!("{} damaged", file.display()))?;
        ensure!(
            !status.success() && said.contains("is damaged"),
            "{}: {status}: {said}",
            file.display()
        );
        fs::write(&file, &whole).context("mend the database")?;
    }
    server.restart()?;
    let mut counted = 0;
    for person in 0..50 {
        counted += tenant.count(&format!("u{person}"), "Filled").await?;
    }
    ensure!(counted == 100, "nothing was lost: {counted}");
    Ok(())
}

/// The databases below the data folder: the log's and some partition's.
fn databases(server: &TestServer) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![server.data().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).context("list the data folder")? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "redb") {
                found.push(path);
            }
        }
    }
    found.sort();
    // The log and two partitions are enough; the others are of the same kind.
    found.sort_by_key(|path| !path.to_string_lossy().contains("log"));
    found.truncate(3);
    Ok(found)
}
