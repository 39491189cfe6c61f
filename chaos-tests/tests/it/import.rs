//! C2: a purchase history arrives to the cent, however often the importer and the server are
//! killed on the way.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Chance, Options, Shop, Tenant, TestServer, impresario};
use tokio::process::{Child, Command};
use tokio::task::block_in_place;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_kills_of_both_sides() -> Result<()> {
    let mut chance = Chance::from_environment();
    let mut server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "history").await?;
    let shop = Shop::seeded(7, 3_000);
    let file = server.data().with_file_name("purchases.csv");
    std::fs::write(&file, shop.csv()).context("write the purchases")?;
    let mut kills = 0;
    let mut pause = 300;
    loop {
        let mut import = start_import(&server, &tenant, &file, "first")?;
        // Each round lasts longer, so that the end is reached.
        pause = (pause * 5 / 4).min(30_000);
        let wait = chance.pause(20, pause);
        if let Ok(ended) = timeout(wait, import.wait()).await {
            ensure!(ended?.success(), "the import failed");
            break;
        }
        kills += 1;
        // Which of the two dies, or both; the importer may also live through the server's death.
        let (importer, node) =
            [(true, false), (true, true), (false, true)][chance.below(3) as usize];
        if importer {
            import.kill().await.context("kill the import")?;
        }
        if node {
            block_in_place(|| {
                server.kill9()?;
                server.restart()
            })?;
        }
        if !importer
            && !timeout(wait, import.wait())
                .await
                .is_ok_and(|ended| ended.is_ok_and(|s| s.success()))
        {
            import.kill().await.context("kill the import")?;
        }
    }
    ensure!(kills >= 3, "the import was killed only {kills} times: make it longer");
    audit(&tenant, &shop).await?;
    // Once more from the first row, with its memory gone: every row is known.
    let mut again = start_import(&server, &tenant, &file, "again")?;
    ensure!(again.wait().await?.success(), "the import again");
    audit(&tenant, &shop).await
}

fn start_import(server: &TestServer, tenant: &Tenant, file: &Path, memory: &str) -> Result<Child> {
    Command::new(impresario()?)
        .arg("import")
        .arg(file)
        .args(["--url", &server.url(), "--key", tenant.write.token()])
        .args(["--map", "user_id=customer,at=date,revenue=amount,quantity=quantity"])
        .arg("--state")
        .arg(file.with_extension(memory))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start the import")
}

async fn audit(tenant: &Tenant, shop: &Shop) -> Result<()> {
    let totals = shop.totals();
    let (mut orders, mut cents) = (0, 0);
    for (customer, wanted) in &totals {
        let found = tenant.orders(customer).await?;
        ensure!(found == *wanted, "{customer}: {found:?} instead of {wanted:?}");
        orders += found.0;
        cents += found.1;
    }
    let sum: u64 = shop.purchases.iter().map(|purchase| purchase.cents).sum();
    ensure!((orders, cents) == (shop.purchases.len() as u64, sum), "the sums differ");
    Ok(())
}
