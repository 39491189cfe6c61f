//! The benches that put load on a cluster, or none.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use impresario_chaos_tests::chaos::cluster::{Cluster as _, start};
use tokio::task::block_in_place;

use crate::Scale;
use crate::report::{Report, say};
use crate::scene::{Scene, Shape};

/// Durable asks on one node and on three; local and over one hop.
pub(crate) async fn asks(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let people = scale.profiles;
    let mut one = Scene::open(program, Shape::of(1)).await?;
    one.singles((0, 64), scale.lasting / 3, ("warm", people)).await?;
    let measured = one.singles((0, 64), scale.lasting, ("one", people)).await?;
    let alone = report.load("one node, 64 connections", measured);
    drop(one);

    let mut three = Scene::open(program, Shape::of(3)).await?;
    three.singles((0, 64), scale.lasting / 3, ("warm", people)).await?;
    let measured = three.singles((0, 64), scale.lasting, ("three", people)).await?;
    let together = report.load("three nodes, 64 connections to one of them", measured);
    report.figure("three nodes over one node, asks/s", format!("{:.2}", together / alone));

    // All leaders on the first node: whoever asks it asks the leader, whoever asks another hops.
    for node in [1, 2] {
        three.fleet.drain(node, true, &three.rig).await?;
    }
    settle_leaders(&mut three, 0).await?;
    for (node, name) in
        [(0, "local: the node that is asked leads"), (1, "remote: one hop to the leader")]
    {
        for connections in [1, 64] {
            let run = ["l1", "l64", "r1", "r64"][node * 2 + usize::from(connections > 1)];
            let measured =
                three.singles((node, connections), scale.lasting / 2, (run, people)).await?;
            report.load(&format!("three nodes, {name}, {connections} connections"), measured);
        }
    }
    Ok(())
}

/// Waits until one node leads everything.
async fn settle_leaders(scene: &mut Scene, node: usize) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        let leaders = scene.fleet.leaders(&scene.rig).await?;
        let others = leaders.iter().filter(|(_, leader)| *leader != Some(node)).count();
        if others == 0 {
            return Ok(());
        }
        if Instant::now() > until {
            say(&format!("   {others} groups are still led elsewhere"));
            return Ok(());
        }
    }
}

/// What moving replicas costs those who ask meanwhile, and how quickly a replica catches up.
pub(crate) async fn moving(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let people = scale.profiles;
    let mut scene = Scene::open(program, Shape { started: 3, ..Shape::of(4) }).await?;
    scene.singles((0, 64), scale.lasting, ("fill", people)).await?;
    let calm = scene.singles((0, 16), scale.lasting, ("calm", people)).await?;
    report.load("three nodes, 16 connections, nothing moves", calm);
    block_in_place(|| start(&mut scene.fleet, 3, &scene.rig))?.ready()?;
    let moving = scene.singles((0, 16), scale.lasting, ("moving", people)).await?;
    report.load("the same while a fourth node joins and takes its replicas", moving);
    let rest = scene.settle().await?;
    report.figure(
        "a fourth node holds its replicas, after its start",
        format!("{:.1} s", (scale.lasting + rest).as_secs_f64()),
    );

    block_in_place(|| scene.fleet.node(2).kill9())?;
    let missed = scene.singles((0, 64), scale.lasting, ("missed", people)).await?;
    let events = missed.events;
    let began = Instant::now();
    block_in_place(|| start(&mut scene.fleet, 2, &scene.rig))?.ready()?;
    scene.fleet.caught_up(&scene.rig, Duration::from_secs(120)).await?;
    let took = began.elapsed().as_secs_f64();
    report.figure(
        &format!("a node that missed {events} asks is started and has caught up, without load"),
        format!("{took:.1} s, {:.0} asks/s", events as f64 / took),
    );
    Ok(())
}

/// What partitions cost that nobody asks anything of.
pub(crate) async fn idle(program: &Path, report: &mut Report, scale: Scale) -> Result<()> {
    let few = 8;
    let mut costs = Vec::new();
    for partitions in [few, scale.idle_partitions] {
        let mut scene = Scene::open(program, Shape { partitions, ..Shape::of(3) }).await?;
        let mut over = tokio::time::interval(scale.lasting);
        over.tick().await;
        // What comes after a start is over by then.
        over.tick().await;
        let (before, began) = (scene.cpu(), Instant::now());
        over.tick().await;
        let share = (scene.cpu() - before).as_secs_f64() / began.elapsed().as_secs_f64() / 3.0;
        let bytes = scene.rss() as f64 / 3.0;
        report.figure(
            &format!("idle, {partitions} partitions on three nodes: each node"),
            format!("{:.1} % of a core, {:.0} MB", share * 100.0, bytes / 1e6),
        );
        costs.push((f64::from(partitions), share, bytes));
    }
    if let [(few, low, small), (many, high, large)] = costs[..] {
        report.figure(
            "idle, each further partition, on each node",
            format!(
                "{:.3} % of a core, {:.0} KB",
                (high - low) * 100.0 / (many - few),
                (large - small) / 1e3 / (many - few)
            ),
        );
    }
    Ok(())
}
