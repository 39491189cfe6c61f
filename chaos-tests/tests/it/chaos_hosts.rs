//! The tools do what they say: packets are lost one way, links are slow, disks are full, fsync is
//! slow or fails, clocks are off, and nothing of a killed run stays.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::chaos::faults::{Dials, Disk, Shim, build};
use impresario_chaos_tests::chaos::hosts::{End, Hosts, Links, Network, Redirect, Tool};
use impresario_chaos_tests::chaos::node::Node;
use impresario_chaos_tests::chaos::packets::{Cable, Disorder};
use impresario_chaos_tests::chaos::proxy::{Proxy, Weather};
use impresario_chaos_tests::chaos::say;
use impresario_chaos_tests::impresario;
use tokio::task::block_in_place;

/// Hosts; `None`, said aloud, where they are not permitted.
fn network(hosts: usize) -> Result<Option<Network>> {
    match Hosts::up(hosts)? {
        Hosts::Ready(network) => Ok(Some(network)),
        Hosts::Unavailable(reason) => {
            say(&format!("NOT TESTED: no hosts of their own here: {reason}"));
            let is_strict = std::env::var_os("IMPRESARIO_CHAOS_STRICT").is_some();
            ensure!(!is_strict, "no hosts of their own: {reason}");
            Ok(None)
        }
    }
}

const PORT: u16 = 8080;

/// A server on a host.
fn serve(network: &Network, host: usize, folder: &Path) -> Result<Node> {
    let mut node = Node::new(&folder.join("log"));
    let mut command = network.command(host, &impresario()?);
    let listen = format!("{}:{PORT}", network.address(End::Node(host)));
    command.args(["serve", "--ready-line", "--listen", &listen, "--data"]);
    node.start({
        command.arg(folder.join("data"));
        command
    })?
    .ready()?;
    Ok(node)
}

/// How long a host's request to another one takes; `None` if there is no answer in a second.
fn asks(network: &Network, from: usize, to: usize) -> Result<Option<Duration>> {
    let address = network.address(End::Node(to));
    let script = format!(
        "exec 3<>/dev/tcp/{address}/{PORT} && \
         printf 'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n' >&3 && \
         grep -q '200 OK' <&3"
    );
    let began = Instant::now();
    let mut command = network.command(from, Path::new("timeout"));
    let status = command.args(["1", "bash", "-c", &script]).stderr(Stdio::null()).status();
    Ok(status.context("ask")?.success().then(|| began.elapsed()))
}

fn drops_packets(network: &mut Network) -> Result<()> {
    let (a, b) = (End::Node(0), End::Node(1));
    ensure!(asks(network, 1, 0)?.is_some(), "whole links");
    for (from, to) in [(a, b), (b, a)] {
        let mut links = Links::default();
        links.lose(from, to, 1000);
        network.set_links(links)?;
        ensure!(asks(network, 1, 0)?.is_none(), "nothing from {from} to {to}: no answer");
        ensure!(asks(network, 2, 0)?.is_some(), "the third host is not concerned");
    }
    let mut links = Links::default();
    links.lose(a, b, 300);
    network.set_links(links)?;
    let times: Vec<_> = (0..6).map(|_| asks(network, 1, 0)).collect::<Result<_>>()?;
    let slow = Duration::from_millis(150);
    ensure!(times.iter().any(|time| time.is_none_or(|time| time > slow)), "loss: {times:?}");
    network.set_links(Links::default())?;
    ensure!(asks(network, 1, 0)?.is_some(), "healed");
    Ok(())
}

#[test]
fn chaos_hosts_lose_packets_one_way_by_iptables_and_by_nft() -> Result<()> {
    let Some(mut network) = network(3)? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let _node = serve(&network, 0, folder.path())?;
    for (tool, program) in [(Tool::Iptables, "iptables"), (Tool::Nft, "nft")] {
        let is_there = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        if is_there.is_ok_and(|status| status.success()) {
            network.prefer(tool);
            drops_packets(&mut network).with_context(|| format!("with {program}"))?;
        } else {
            say(&format!("NOT TESTED: {program} is not installed"));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_hosts_are_delayed_by_a_proxy_and_slowed_by_a_bucket() -> Result<()> {
    let Some(mut network) = block_in_place(|| network(2))? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let _node = block_in_place(|| serve(&network, 0, folder.path()))?;
    let quick = block_in_place(|| asks(&network, 1, 0))?.context("an answer")?;
    ensure!(network.abilities().redirect.is_ok(), "{:?}", network.abilities());
    let listen: SocketAddr = format!("{}:0", network.address(End::Control)).parse()?;
    let target: SocketAddr = format!("{}:{PORT}", network.address(End::Node(0))).parse()?;
    let proxy = Proxy::start(listen, target, 1).await?;
    proxy.set(Weather::delayed(150));
    let proxy_port = proxy.address().port();
    let mut links = Links::default();
    links.redirect(Redirect { from: 1, to: 0, port: PORT, proxy_port });
    network.set_links(links)?;
    let slow = block_in_place(|| asks(&network, 1, 0))?.context("an answer through the proxy")?;
    ensure!(slow >= quick.max(Duration::from_millis(300)), "{quick:?}, then {slow:?}");
    network.set_links(Links::default())?;
    let again = block_in_place(|| asks(&network, 1, 0))?.context("an answer")?;
    ensure!(again < Duration::from_millis(300), "healed: {again:?}");
    if let Err(reason) = &network.abilities().rate {
        say(&format!("NOT TESTED: slow links: {reason}"));
        return Ok(());
    }
    let url = format!("http://{target}/openapi.json");
    network.set_rate(0, Some(1_024))?;
    let began = Instant::now();
    let bytes = reqwest_bytes(&url).await?;
    let took = began.elapsed();
    let fastest = Duration::from_secs_f64((bytes as f64 * 8.0 - 131_072.0).max(0.0) / 1_024_000.0);
    ensure!(took >= fastest / 2, "{bytes} bytes at 1024 kbit/s in {took:?}");
    network.set_rate(0, None)?;
    Ok(())
}

async fn reqwest_bytes(url: &str) -> Result<usize> {
    let api = impresario_chaos_tests::Api::new(url, "")?;
    let answer = api.get("").await?;
    Ok(answer.body.to_string().len())
}

/// The hash of a large answer that one host gets from another.
fn fetch(network: &Network, from: usize, to: usize) -> Result<String> {
    let address = network.address(End::Node(to));
    let script = format!(
        "exec 3<>/dev/tcp/{address}/{PORT} && \
         printf 'GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n' >&3 && \
         sed '1,/^\r$/d' <&3 | sha256sum"
    );
    let mut command = network.command(from, Path::new("timeout"));
    let output = command.args(["20", "bash", "-c", &script]).output().context("fetch")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What the TCP of a host has counted, by these names together.
fn tcp(network: &Network, host: usize, names: &[&str]) -> Result<u64> {
    let output = network.command(host, Path::new("cat")).arg("/proc/self/net/netstat").output();
    let text = String::from_utf8(output.context("the counts")?.stdout)?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (known, values) = (lines.next().context("names")?, lines.next().context("values")?);
    let pairs = known.split(' ').zip(values.split(' '));
    let wanted = pairs.filter(|(name, _)| names.contains(name));
    wanted.map(|(_, value)| value.parse::<u64>().context("a number")).sum()
}

#[test]
fn chaos_hosts_packets_come_late_twice_and_out_of_order_and_tcp_sorts_them() -> Result<()> {
    let Some(mut network) = network(2)? else { return Ok(()) };
    if let Err(reason) = &network.abilities().packets {
        say(&format!("NOT TESTED: late, doubled and reordered packets: {reason}"));
        let is_strict = std::env::var_os("IMPRESARIO_CHAOS_STRICT").is_some();
        ensure!(!is_strict, "{reason}");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let _node = serve(&network, 0, folder.path())?;
    let whole = fetch(&network, 1, 0)?;
    let (reordered, doubled) = (["TCPOFOQueue"], ["TCPDSACKOldSent", "TCPDSACKOfoSent"]);
    let counts = |network: &Network| -> Result<_> {
        Ok((tcp(network, 1, &reordered)?, tcp(network, 1, &doubled)?))
    };
    let before = counts(&network)?;
    let ends = network.unplug(0)?;
    ensure!(asks(&network, 1, 0)?.is_none(), "nobody passes packets on");
    let how = Disorder { delay_ms: 20, late: 300, late_ms: 15, doubled: 300 };
    let cable = Cable::start(&ends, how, 1)?;
    let began = Instant::now();
    ensure!(fetch(&network, 1, 0)? == whole, "other bytes arrived");
    // One round trip for the connection, one for the answer.
    ensure!(began.elapsed() >= Duration::from_millis(80), "{:?}", began.elapsed());
    let tally = cable.finish();
    network.plug(0)?;
    let after = counts(&network)?;
    say(&format!("{tally:?}, TCP counted {before:?}, then {after:?}"));
    ensure!(tally.late > 10 && tally.doubled > 10 && tally.lost == 0, "{tally:?}");
    ensure!(after.0 > before.0, "TCP has put nothing into order");
    ensure!(after.1 > before.1, "TCP has seen nothing twice");
    ensure!(asks(&network, 1, 0)?.context("healed")? < Duration::from_millis(80), "still slow");
    Ok(())
}

#[test]
fn chaos_hosts_of_a_killed_run_are_removed_with_their_processes() -> Result<()> {
    let Some(network) = network(1)? else { return Ok(()) };
    drop(network);
    // No process has an id this high: what a test left behind that was killed.
    let name = "imp7ffffec00h01";
    let ip = |arguments: &[&str]| Command::new("ip").args(arguments).status();
    ensure!(ip(&["netns", "add", name])?.success(), "a namespace that was left behind");
    let mut left = Command::new("ip").args(["netns", "exec", name, "sleep", "600"]).spawn()?;
    let known = || Path::new("/run/netns").join(name).exists();
    ensure!(known(), "it is there");
    // Until the process has entered the namespace it is not found in it.
    let deadline = Instant::now() + Duration::from_secs(5);
    while Command::new("ip").args(["netns", "pids", name]).output()?.stdout.is_empty() {
        ensure!(Instant::now() < deadline, "the process never entered its namespace");
    }
    drop(Hosts::up(1)?);
    ensure!(!known(), "the namespace is gone");
    ensure!(!left.wait()?.success(), "and its process");
    Ok(())
}

#[test]
fn chaos_faults_fill_a_disk_and_free_it() -> Result<()> {
    let disk = match Disk::mount(2)? {
        Ok(disk) => disk,
        Err(reason) => {
            say(&format!("NOT TESTED: no mounts here: {reason}"));
            return Ok(());
        }
    };
    let file = disk.folder().join("file");
    std::fs::write(&file, vec![1; 100_000])?;
    ensure!(disk.fill()? > 1_000_000, "room was taken");
    ensure!(std::fs::write(disk.folder().join("more"), vec![1; 10_000]).is_err(), "it is full");
    disk.free()?;
    std::fs::write(disk.folder().join("more"), vec![1; 10_000])?;
    let folder = disk.folder().to_owned();
    drop(disk);
    ensure!(!folder.exists(), "nothing stays");
    Ok(())
}

#[test]
fn chaos_faults_slow_and_fail_fsync_and_move_the_clock() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let library = match build(folder.path())? {
        Ok(library) => library,
        Err(reason) => {
            say(&format!("NOT TESTED: {reason}"));
            return Ok(());
        }
    };
    let mut shim = Shim::new(&library, &folder.path().join("dials"))?;
    let run = |shim: &Shim, program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).envs(shim.environment()).current_dir(folder.path());
        command.stderr(Stdio::null()).output()
    };
    let write = ["if=/dev/zero", "of=file", "bs=4k", "count=1", "conv=fsync"];
    ensure!(run(&shim, "dd", &write)?.status.success() && shim.syncs()? == 1, "as ever");
    shim.set(Dials { sync_delay_us: 300_000, ..Dials::default() })?;
    let began = Instant::now();
    ensure!(run(&shim, "dd", &write)?.status.success(), "slow, but right");
    ensure!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    shim.set(Dials { sync_fails: true, ..Dials::default() })?;
    ensure!(!run(&shim, "dd", &write)?.status.success(), "fsync fails");
    shim.set(Dials::default())?;
    let seconds = |shim: &Shim| -> Result<i64> {
        let text = String::from_utf8(run(shim, "date", &["+%s"])?.stdout)?;
        text.trim().parse().context("seconds")
    };
    let now = seconds(&shim)?;
    shim.set(Dials { clock_offset_ms: -3_600_500, ..Dials::default() })?;
    let then = seconds(&shim)?;
    ensure!((now - then - 3_600).abs() <= 3, "{now}, then {then}");
    Ok(())
}
