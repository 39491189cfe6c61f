//! What operators get wrong with a cluster: each gets a clear error with a code, loses nothing, and
//! never makes two clusters of one. Real processes on loopback addresses.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Options, Tenant, TestServer, eventually, impresario};
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);
const MASTER: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// A node among others, and where they reach it.
struct Member {
    server: TestServer,
    addr: String,
}

fn options(addr: &str, join: &str, more: &[String]) -> Options {
    let mut set = vec![
        "node.partitions=4".to_owned(),
        format!("cluster.listen={addr}"),
        format!("cluster.join={join}"),
    ];
    set.extend(more.iter().cloned());
    let env = vec![("IMPRESARIO_MASTER_KEY".to_owned(), MASTER.to_owned())];
    Options { set, env, ..Options::default() }
}

impl Member {
    fn prepare(join: &str, more: &[String]) -> Result<Self> {
        let mut server = TestServer::prepare(impresario()?, Options::default())?;
        // The port that is free on one loopback address, on another.
        let addr = server.address().replace("127.0.0.1", "127.0.0.2");
        server.set_options(options(&addr, join, more));
        Ok(Self { server, addr })
    }

    fn start(join: &str, more: &[String]) -> Result<Self> {
        let mut member = Self::prepare(join, more)?;
        member.server.restart()?;
        Ok(member)
    }
}

/// Starts it, expecting a refusal with this code.
#[track_caller]
fn check_refused(server: &mut TestServer, code: &str) -> Result<()> {
    let (status, said) = server.refusal()?;
    ensure!(!status.success(), "it ended well: {said}");
    let last = said.lines().last().unwrap_or_default();
    ensure!(last.contains(code), "not {code}, but: {said}");
    Ok(())
}

/// Waits until every partition has so many voters and nothing is under way.
async fn settled(server: &TestServer, voters: usize) -> Result<()> {
    let root = server.root()?;
    eventually("every group has its voters", MINUTE, async || {
        let answer = root.get("/admin/v1/cluster").await?;
        let groups = answer.body["groups"].as_array().cloned().unwrap_or_default();
        let is_whole = |group: &serde_json::Value| {
            group["voters"].as_array().is_some_and(|all| all.len() == voters)
                && !group["leader"].is_null()
                && group["changing"] == false
        };
        Ok((!groups.is_empty() && groups.iter().all(is_whole)).then_some(()))
    })
    .await
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().context("cp")?;
    ensure!(done.success(), "cp failed");
    Ok(())
}

/// A folder of another cluster, a copy of a member's folder, a member without its cluster, another
/// master key, a node that was removed: each is told so at its start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_belong_is_not_let_in() -> Result<()> {
    let first = Member::start("", &[])?;
    let mut second = Member::start(&first.addr, &[])?;

    let mut stranger = Member::start("", &[])?;
    stranger.server.stop()?;
    let joined = options(&stranger.addr, &first.addr, &[]);
    stranger.server.set_options(joined);
    check_refused(&mut stranger.server, "cluster_wrong")?;

    let mut poor = Member::prepare(&first.addr, &[])?;
    let mut other_key = options(&poor.addr, &first.addr, &[]);
    other_key.env[0].1 = MASTER.replace('7', "8");
    poor.server.set_options(other_key);
    check_refused(&mut poor.server, "wrong_master_key")?;

    let mut clone = Member::prepare(&first.addr, &[])?;
    copy(second.server.data(), clone.server.data())?;
    check_refused(&mut clone.server, "node_store_copied")?;

    second.server.stop()?;
    let alone = Options { env: second.server.options().env.clone(), ..Options::default() };
    second.server.set_options(alone);
    check_refused(&mut second.server, "not_alone")?;
    second.server.set_options(options(&second.addr, "", &[]));
    second.server.restart()?;

    let root = first.server.root()?;
    // Of the two that came with a number: the second, and the one with the wrong key.
    let node = root.get("/admin/v1/node").await?;
    ensure!(node.status == 200, "{node:?}");
    Ok(())
}

/// With TLS: a certificate of another cluster is refused by both sides, one of this cluster but
/// another node too; without a certificate nobody speaks to anybody but on loopback addresses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_certificate_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    for dir in [&ours, &theirs] {
        cert(&["authority"], dir)?;
        cert(&["node", "--host", "127.0.0.1"], dir)?;
    }
    cert(&["node", "--node", "7"], &ours)?;
    let tls = |dir: &Path, name: &str| {
        let file =
            |key: &str, name: String| format!("cluster.tls.{key}={}", dir.join(name).display());
        vec![
            file("authority", "ca.pem".to_owned()),
            file("certificate", format!("{name}.pem")),
            file("key", format!("{name}.key")),
        ]
    };
    let first = Member::start("", &tls(&ours, "any-node"))?;
    let _second = Member::start(&first.addr, &tls(&ours, "any-node"))?;

    // It waits to be let in, and says why it is not.
    let mut wrong = Member::prepare(&first.addr, &tls(&theirs, "any-node"))?;
    let mut patience = options(&wrong.addr, &first.addr, &tls(&theirs, "any-node"));
    patience.set.push("cluster.steward.join.within_ms=500".to_owned());
    wrong.server.set_options(patience);
    check_refused(&mut wrong.server, "certificate")?;
    ensure!(first.server.log_text().contains("refused"), "the cluster's side says so too");

    let mut seventh = Member::prepare(&first.addr, &tls(&ours, "node-7"))?;
    check_refused(&mut seventh.server, "node_number_wrong")?;

    let mut bare = Member::prepare("", &[])?;
    let mut open = options(&bare.addr, "", &[]);
    open.set.push("cluster.listen=0.0.0.0:7999".to_owned());
    bare.server.set_options(open);
    check_refused(&mut bare.server, "loopback")?;
    Ok(())
}

fn cert(words: &[&str], dir: &Path) -> Result<()> {
    let done = Command::new(impresario()?)
        .arg("cert")
        .args(words)
        .arg("--dir")
        .arg(dir)
        .output()
        .context("impresario cert")?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// A minority serves nobody and says so; what was acknowledged before is there when the majority is
/// back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_refuses_and_loses_nothing() -> Result<()> {
    let more = ["router.patience_ms=500".to_owned()];
    let first = Member::start("", &more)?;
    let mut second = Member::start(&first.addr, &more)?;
    let mut third = Member::start(&first.addr, &more)?;
    settled(&first.server, 3).await?;
    let tenant = Tenant::onboard(&first.server.root()?, "minority").await?;
    let event = |number: u32| json!({ "userId": format!("u{}", number % 8), "event": "Sent", "messageId": format!("m{number}") });
    for number in 0..40 {
        let answer = tenant.write.post("/v1/track", &event(number)).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    second.server.kill9()?;
    third.server.kill9()?;
    let mut codes = Vec::new();
    for number in 40..48 {
        let answer = tenant.write.post("/v1/track", &event(number)).await?;
        ensure!(answer.status == 503, "a minority took an event: {answer:?}");
        codes.push(answer.body["code"].as_str().unwrap_or_default().to_owned());
    }
    ensure!(
        codes
            .iter()
            .all(|code| ["not_leader", "outcome_unknown", "unavailable"].contains(&&**code)),
        "{codes:?}"
    );
    let first_operator = first.server.root()?;
    eventually("a node in a minority is not ready", MINUTE, async || {
        Ok((first_operator.get("/readyz").await?.status == 503).then_some(()))
    })
    .await?;
    second.server.restart()?;
    for number in 40..48 {
        eventually("a majority takes the event", MINUTE, async || {
            let answer = tenant.write.post("/v1/track", &event(number)).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await?;
    }
    eventually("it is ready again", MINUTE, async || {
        Ok((first_operator.get("/readyz").await?.status == 200).then_some(()))
    })
    .await?;
    let mut found = 0;
    for person in 0..8 {
        found += tenant.history(&format!("u{person}")).await?.len();
    }
    ensure!(found == 48, "48 events, each once, not {found}");
    ensure!(fs::metadata(third.server.data()).is_ok(), "it still has its folder");
    Ok(())
}
