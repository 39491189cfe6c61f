//! C7: deliveries are signed as Standard Webhooks 1.0 wants it, retried under the same id, and stop
//! when the receiver says 410.

use std::time::Duration;

use anyhow::{Result, ensure};
use impresario_chaos_tests::{Options, Receiver, Tenant, TestServer, eventually};
use serde_json::json;
use tokio::task::block_in_place;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that may call this machine.
fn options() -> Options {
    Options::set(&["webhooks.allow_private=true"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_change_is_delivered_signed_and_once() -> Result<()> {
    let mut receiver = Receiver::start(&[]).await?;
    let server = TestServer::start(options())?;
    let tenant = Tenant::onboard(&server.root()?, "hooks").await?;
    let secret = tenant.add_endpoint(&receiver.url()).await?.secret;
    tenant.add_segment("Buyers", &json!({"event": "Order Completed", "at_least": 1})).await?;
    tenant.track("u1", "Order Completed", json!({})).await?.ok()?;
    let delivery = receiver.next(PATIENCE).await?;
    ensure!(delivery.is_signed_with(&secret), "the signature does not fit");
    ensure!(
        !delivery.is_signed_with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        "any signature would fit"
    );
    ensure!(delivery.json()["type"] == "segment.entered", "{}", delivery.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_retried_under_the_same_id_also_across_a_kill() -> Result<()> {
    let mut receiver = Receiver::start(&[500]).await?;
    let mut server = TestServer::start(options())?;
    let tenant = Tenant::onboard(&server.root()?, "hooks").await?;
    let secret = tenant.add_endpoint(&receiver.url()).await?.secret;
    tenant.add_segment("Buyers", &json!({"event": "Order Completed", "at_least": 1})).await?;
    tenant.track("u1", "Order Completed", json!({})).await?.ok()?;
    let first = receiver.next(PATIENCE).await?;
    block_in_place(|| {
        server.kill9()?;
        server.restart()
    })?;
    loop {
        let next = receiver.next(PATIENCE).await?;
        ensure!(next.header("webhook-id") == first.header("webhook-id"), "the id changed");
        ensure!(next.is_signed_with(&secret), "the signature does not fit");
        if next.answered == 200 {
            return Ok(());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gone_disables_the_endpoint() -> Result<()> {
    let mut receiver = Receiver::start(&[410]).await?;
    let server = TestServer::start(options())?;
    let tenant = Tenant::onboard(&server.root()?, "hooks").await?;
    let endpoint = tenant.add_endpoint(&receiver.url()).await?;
    tenant.add_segment("Buyers", &json!({"event": "Order Completed", "at_least": 1})).await?;
    tenant.track("u1", "Order Completed", json!({})).await?.ok()?;
    ensure!(receiver.next(PATIENCE).await?.answered == 410, "the first delivery");
    eventually("the endpoint is disabled", PATIENCE, || async {
        Ok((tenant.endpoint_enabled(&endpoint.id).await? == Some(false)).then_some(()))
    })
    .await?;
    tenant.track("u2", "Order Completed", json!({})).await?.ok()?;
    ensure!(
        receiver.next(Duration::from_secs(2)).await.is_err(),
        "nothing is sent to a disabled endpoint"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_refused_unless_configured() -> Result<()> {
    let mut receiver = Receiver::start(&[]).await?;
    let server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "hooks").await?;
    // Refusing at once, or never calling, are both right.
    if tenant.add_endpoint(&receiver.url()).await.is_ok() {
        tenant.add_segment("Buyers", &json!({"event": "Order Completed", "at_least": 1})).await?;
        tenant.track("u1", "Order Completed", json!({})).await?.ok()?;
    }
    ensure!(receiver.next(Duration::from_secs(2)).await.is_err(), "this machine was called");
    Ok(())
}
