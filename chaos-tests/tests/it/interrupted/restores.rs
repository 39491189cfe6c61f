use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::chaos::say;
use impresario_chaos_tests::{Api, eventually};
use serde_json::{Value, json};

use super::site::{Known, Moment, Shop, Site, Tools, program};

const MINUTE: Duration = Duration::from_secs(60);

fn one_node(partitions: u16) -> Vec<String> {
    vec![format!("node.partitions={partitions}")]
}

/// A shop, and a backup of the server that it was on.
async fn backed_up(tools: &Tools) -> Result<Shop> {
    let mut old = tools.site("old", &one_node(3))?;
    tokio::task::block_in_place(|| old.server.restart())?;
    let root = old.server.root()?;
    let shop = Shop::open(&root).await?;
    root.post("/admin/v1/backups", &json!({ "target": tools.path("backups") })).await?.ok()?;
    Ok(shop)
}

/// Asks a node to restore. One that was restored and could not say so any more refuses.
async fn restore(root: &Api, tools: &Tools, is_there: bool) -> Result<Value> {
    let ask = json!({ "target": tools.path("backups") });
    let answer = root.post("/admin/v1/backups/restore", &ask).await?;
    if is_there && answer.code() == "restore_not_empty" {
        return Ok(answer.body);
    }
    answer.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_while_it_restores_serves_all_or_nothing() -> Result<()> {
    let Some(tools) = Tools::new()? else { return Ok(()) };
    let shop = backed_up(&tools).await?;
    let mut site = tools.site("new", &one_node(4))?;
    tokio::task::block_in_place(|| site.server.restart())?;
    let (mut kills, mut known) = (0, Known::Nothing);
    for number in (1..).step_by(2) {
        let root = site.server.root()?;
        let restoring = restore(&root, &tools, known == Known::Whole);
        let done = site.killed_at(number, restoring).await?;
        known = shop.known(&site).await?;
        if let Some(answer) = done {
            ensure!(known == Known::Whole, "restored, and {known:?}: {answer}");
            break;
        }
        kills += 1;
    }
    say(&format!("killed {kills} times"));
    ensure!(kills >= 4, "only {kills} kills: it was not killed in the middle");
    shop.trades(&site).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_filled_is_there_whole_or_not_at_all() -> Result<()> {
    let Some(tools) = Tools::new()? else { return Ok(()) };
    let shop = backed_up(&tools).await?;
    let mut site = tools.site("new", &one_node(5))?;
    let data = site.server.data().to_owned();
    let backups = tools.path("backups").display().to_string();
    let words = ["restore", "--from", &backups, "--partitions", "5"];
    let mut kills = 0;
    for number in (1..).step_by(24) {
        let mut child = program(&words, Some(&site.shim), Some(&data))?.spawn()?;
        let moment = Moment::of(&mut site.shim, number)?;
        let ended = moment.before(async { child.wait().await.context("its end") }).await?;
        if ended.is_none() {
            child.kill().await?;
            kills += 1;
            // At its last moment it may have been done already.
            if !data.exists() {
                continue;
            }
        }
        ensure!(ended.is_none_or(|ended| ended.success()), "{ended:?}");
        break;
    }
    say(&format!("killed {kills} times"));
    ensure!(kills >= 4, "only {kills} kills: it was not killed in the middle");
    tokio::task::block_in_place(|| site.server.restart())?;
    ensure!(shop.known(&site).await? == Known::Whole);
    shop.trades(&site).await
}

/// Three nodes that hold everything.
async fn three(tools: &Tools) -> Result<[Site; 3]> {
    let mut join = String::new();
    let mut sites = Vec::new();
    for name in ["one", "two", "three"] {
        let mut site = tools.site(name, &[])?;
        // The port that is free on one loopback address, on another.
        let listen = site.server.address().replace("127.0.0.1", "127.0.0.2");
        let mut options = site.server.options().clone();
        options.set = one_node(4);
        options.set.push("cluster.replicas=3".to_owned());
        options.set.push(format!("cluster.listen={listen}"));
        options.set.push(format!("cluster.join={join}"));
        site.server.set_options(options);
        tokio::task::block_in_place(|| site.server.restart())?;
        if join.is_empty() {
            join = listen;
        }
        sites.push(site);
    }
    let root = sites[0].server.root()?;
    eventually("everything is everywhere", MINUTE, async || {
        let status = root.get("/admin/v1/cluster").await?;
        let groups = status.body["groups"].as_array().cloned().unwrap_or_default();
        let is_whole = |group: &Value| {
            group["voters"].as_array().is_some_and(|all| all.len() == 3)
                && !group["leader"].is_null()
                && group["changing"] == false
        };
        Ok((groups.len() == 5 && groups.iter().all(is_whole)).then_some(()))
    })
    .await?;
    <[Site; 3]>::try_from(sites).ok().context("three")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_ends_what_one_began_that_was_killed() -> Result<()> {
    let Some(tools) = Tools::new()? else { return Ok(()) };
    let shop = backed_up(&tools).await?;
    let mut sites = three(&tools).await?;
    for (at, number) in [(0, 3), (1, 9)] {
        let root = sites[at].server.root()?;
        let done = sites[at].killed_at(number, restore(&root, &tools, false)).await?;
        ensure!(done.is_none(), "not killed in the middle");
        for site in &sites {
            ensure!(shop.known(site).await? == Known::Nothing, "half of it is served");
        }
    }
    restore(&sites[2].server.root()?, &tools, false).await?;
    for site in &sites {
        ensure!(shop.known(site).await? == Known::Whole, "not everywhere");
    }
    shop.trades(&sites[0]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_restore_at_once_do_not_mix() -> Result<()> {
    let Some(tools) = Tools::new()? else { return Ok(()) };
    let shop = backed_up(&tools).await?;
    let sites = three(&tools).await?;
    let (one, other) = (sites[0].server.root()?, sites[1].server.root()?);
    let both = tokio::join!(restore(&one, &tools, false), restore(&other, &tools, false));
    let mut known = Vec::new();
    for site in &sites {
        known.push(shop.known(site).await?);
    }
    // Whoever came first was told that another one goes on with it, or had ended.
    let has_ended = both.0.is_ok() || both.1.is_ok();
    let all = if has_ended { Known::Whole } else { Known::Nothing };
    ensure!(known == [all; 3], "{known:?} after {both:?}");
    restore(&sites[2].server.root()?, &tools, has_ended).await?;
    ensure!(shop.known(&sites[2]).await? == Known::Whole);
    shop.trades(&sites[0]).await
}
