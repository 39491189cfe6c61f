//! C5: the official Segment libraries work unchanged, and what they send adds up to the cent.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Options, Shop, Tenant, TestServer, eventually, node, python};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_library() -> Result<()> {
    drive(python("segment_history.py")?, 11).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_library() -> Result<()> {
    drive(node("segment_history.cjs")?, 12).await
}

/// Sends a history through a library and compares every customer with the file.
async fn drive(mut library: Command, seed: u64) -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "shop").await?;
    let shop = Shop::seeded(seed, 60);
    let file = server.data().with_file_name("history.csv");
    std::fs::write(&file, shop.csv()).context("write the history")?;
    let output = library
        .arg(server.url())
        .arg(tenant.write.token())
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .await
        .context("run the library")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "the library failed: {said}");
    for (customer, (orders, cents)) in shop.totals() {
        // Merging the anonymous visitor follows the acknowledgement by itself.
        eventually("the visit is merged", Duration::from_secs(20), || async {
            Ok((tenant.count(customer, "page").await? == 1).then_some(()))
        })
        .await
        .with_context(|| customer.to_owned())?;
        ensure!(tenant.orders(customer).await? == (orders, cents), "{customer} does not add up");
    }
    let people = tenant.search("email", "c00001@example.org").await?;
    ensure!(people.len() == 1, "the traits of identify are searchable: {people:?}");
    ensure!(tenant.quarantined().await?.is_empty(), "nothing was refused");
    Ok(())
}
