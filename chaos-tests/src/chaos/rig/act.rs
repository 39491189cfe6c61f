//! Faults begin and are healed.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::task::block_in_place;

use super::Rig;
use crate::chaos::cluster::{Cluster, Effect};
use crate::chaos::faults::{Dials, Signal, copy_folder, is_loaded, signal, spoil_tail};
use crate::chaos::hosts::{End, Hosts, Links, Redirect};
use crate::chaos::node::{READY_WITHIN, Started};
use crate::chaos::packets::{Cable, Disorder};
use crate::chaos::plan::Fault;
use crate::chaos::proxy::{Proxy, Weather};
use crate::chaos::shell::run;

fn done(text: impl Into<String>) -> Result<Effect> {
    Ok(Effect::Done(text.into()))
}

impl Rig {
    /// Begins a fault.
    ///
    /// # Errors
    /// If it fails for a reason that is not this machine's permissions.
    pub async fn begin<C: Cluster>(
        &mut self,
        cluster: &mut C,
        number: usize,
        fault: &Fault,
    ) -> Result<Effect> {
        let effect = match fault {
            Fault::Delay { from, to, ms } => {
                self.delay(cluster.peer_ports(), number, (*from, *to), *ms).await?
            }
            Fault::Cut(_) | Fault::Bridge { .. } | Fault::Lose { .. } => {
                self.active.push((number, fault.clone()));
                block_in_place(|| self.set_links())?
            }
            Fault::Slow { node, kbit_per_s } => self.rate(*node, Some(*kbit_per_s))?,
            Fault::Disorder { node, how } => block_in_place(|| self.disorder(number, *node, *how))?,
            Fault::Drain(node) | Fault::Remove(node) | Fault::Replace(node)
                if !cluster.node(*node).is_running() =>
            {
                Effect::Skipped(format!("{} is down", End::Node(*node)))
            }
            Fault::Drain(node) => cluster.drain(*node, true, self).await?,
            Fault::Remove(node) => cluster.remove(*node, true, self).await?,
            Fault::Replace(node) => cluster.replace(*node, true, self).await?,
            Fault::Rolling => self.roll(cluster).await?,
            other => block_in_place(|| self.break_node(cluster, other))?,
        };
        match effect {
            Effect::Done(text) => {
                if !self.active.iter().any(|(known, _)| *known == number) {
                    self.active.push((number, fault.clone()));
                }
                done(text)
            }
            // What was never there is not healed.
            Effect::Skipped(reason) => {
                self.active.retain(|(known, _)| *known != number);
                Ok(Effect::Skipped(reason))
            }
        }
    }

    /// Heals a fault that was begun. Nothing, if it was skipped.
    ///
    /// # Errors
    /// If it cannot be healed.
    pub async fn heal<C: Cluster>(&mut self, cluster: &mut C, number: usize) -> Result<()> {
        let Some(at) = self.active.iter().position(|(known, _)| *known == number) else {
            return Ok(());
        };
        let (_, fault) = self.active.remove(at);
        match &fault {
            Fault::Cut(_) | Fault::Bridge { .. } | Fault::Lose { .. } => {
                block_in_place(|| self.set_links()).map(drop)
            }
            Fault::Delay { .. } => {
                self.proxies.retain(|(known, ..)| *known != number);
                block_in_place(|| self.set_links()).map(drop)
            }
            Fault::Slow { node, .. } => self.rate(*node, None).map(drop),
            Fault::Disorder { node, .. } => block_in_place(|| self.order(number, *node)),
            Fault::Drain(node) => {
                block_in_place(|| self.ensure_up(cluster, *node))?;
                cluster.drain(*node, false, self).await.map(drop)
            }
            Fault::Remove(node) => cluster.remove(*node, false, self).await.map(drop),
            Fault::Replace(node) => cluster.replace(*node, false, self).await.map(drop),
            other => block_in_place(|| self.mend_node(cluster, other)),
        }
    }

    /// Heals everything and starts what does not run.
    ///
    /// # Errors
    /// If something cannot be healed, or a node does not start.
    pub async fn heal_all<C: Cluster>(&mut self, cluster: &mut C) -> Result<()> {
        let numbers: Vec<usize> = self.active.iter().map(|(number, _)| *number).collect();
        for number in numbers {
            self.heal(cluster, number).await?;
        }
        // All at once: one may need the others to get ready.
        for node in 0..cluster.nodes() {
            block_in_place(|| self.ensure_up(cluster, node))?;
        }
        cluster.mend(self).await;
        for node in 0..cluster.nodes() {
            let started = block_in_place(|| cluster.node(node).await_ready(READY_WITHIN))?;
            let result = match started {
                Started::Refused(why) => block_in_place(|| cluster.refused(node, &why, self)),
                started => started.ready(),
            };
            result.with_context(|| End::Node(node).to_string())?;
        }
        Ok(())
    }

    /// Starts what does not run. What then waits for others is left to itself.
    fn ensure_up<C: Cluster>(&self, cluster: &mut C, node: usize) -> Result<()> {
        if cluster.node(node).is_running() {
            return Ok(());
        }
        cluster.node(node).kill9()?;
        cluster.launch(node, self)?;
        let hurry = cluster.hurry();
        match cluster.node(node).await_ready(hurry)? {
            Started::Ready | Started::Waiting => Ok(()),
            Started::Refused(why) => cluster.refused(node, &why, self),
        }
    }

    /// Stops and starts one node after the other, as one who installs a new release does.
    async fn roll<C: Cluster>(&mut self, cluster: &mut C) -> Result<Effect> {
        let mut slow = Vec::new();
        for node in 0..cluster.nodes() {
            block_in_place(|| {
                if cluster.node(node).is_running() && !cluster.node(node).stop()? {
                    slow.push(End::Node(node).to_string());
                }
                self.ensure_up(cluster, node)?;
                cluster.node(node).await_ready(READY_WITHIN).map(drop)
            })?;
        }
        match &slow[..] {
            [] => done(""),
            slow => done(format!("killed, because they did not stop: {}", slow.join(", "))),
        }
    }

    /// The links as the faults that are there make them.
    fn set_links(&mut self) -> Result<Effect> {
        let mut links = Links::default();
        self.active.iter().for_each(|(_, fault)| fault.break_links(&mut links));
        self.proxies.iter().for_each(|(_, redirect, _)| links.redirect(*redirect));
        match &mut self.hosts {
            Hosts::Unavailable(reason) => Ok(Effect::Skipped(reason.clone())),
            Hosts::Ready(network) => {
                if let Err(reason) = &network.abilities().firewall {
                    return Ok(Effect::Skipped(reason.clone()));
                }
                network.set_links(links)?;
                done("")
            }
        }
    }

    fn rate(&self, node: usize, kbit_per_s: Option<u32>) -> Result<Effect> {
        let Some(network) = self.network() else {
            return Ok(Effect::Skipped("no hosts of their own".to_owned()));
        };
        if let Err(reason) = &network.abilities().rate {
            return Ok(Effect::Skipped(reason.clone()));
        }
        network.set_rate(node, kbit_per_s)?;
        done("")
    }

    /// Takes a node's cable apart and passes its packets on as they should not come.
    fn disorder(&mut self, number: usize, node: usize, how: Disorder) -> Result<Effect> {
        let seed = self.chance.below(u64::MAX);
        let network = match &mut self.hosts {
            Hosts::Unavailable(reason) => return Ok(Effect::Skipped(reason.clone())),
            Hosts::Ready(network) => network,
        };
        if let Err(reason) = &network.abilities().packets {
            return Ok(Effect::Skipped(reason.clone()));
        }
        let ends = network.unplug(node)?;
        match Cable::start(&ends, how, seed) {
            Ok(cable) => {
                self.cables.push((number, cable));
                done("")
            }
            Err(error) => network.plug(node).and(Err(error)),
        }
    }

    fn order(&mut self, number: usize, node: usize) -> Result<()> {
        self.cables.retain(|(known, _)| *known != number);
        self.hosts.network_mut().map_or(Ok(()), |network| network.plug(node))
    }

    /// Leads new connections from one node to another through proxies that delay, and ends the old
    /// ones where the kernel can do that.
    async fn delay(
        &mut self,
        ports: Vec<u16>,
        number: usize,
        (from, to): (usize, usize),
        ms: u64,
    ) -> Result<Effect> {
        let Some(network) = self.network() else {
            return Ok(Effect::Skipped("no hosts of their own".to_owned()));
        };
        if let Err(reason) = &network.abilities().redirect {
            return Ok(Effect::Skipped(reason.clone()));
        }
        let (control, target) = (self.control(), self.address(to));
        let namespace = network.namespace(from);
        for port in ports {
            let listen: SocketAddr = format!("{control}:0").parse().context("an address")?;
            let behind: SocketAddr = format!("{target}:{port}").parse().context("an address")?;
            let proxy = Proxy::start(listen, behind, self.chance.below(u64::MAX)).await?;
            proxy.set(Weather::delayed(ms));
            let proxy_port = proxy.address().port();
            self.proxies.push((number, Redirect { from, to, port, proxy_port }, proxy));
        }
        block_in_place(|| {
            let effect = self.set_links()?;
            let kill = ["netns", "exec", &namespace, "ss", "--kill", "dst", &target];
            // Not every kernel can; then only new connections are delayed.
            let _ = run("ip", &kill);
            Ok(effect)
        })
    }

    fn turn(&mut self, node: usize, pid: u32, change: impl FnOnce(&mut Dials)) -> Result<Effect> {
        match &mut self.kits[node].shim {
            Err(reason) => Ok(Effect::Skipped(reason.clone())),
            Ok(_) if !is_loaded(pid)? => {
                Ok(Effect::Skipped("the server is linked statically".to_owned()))
            }
            Ok(shim) => {
                let mut dials = shim.dials();
                change(&mut dials);
                shim.set(dials)?;
                done("")
            }
        }
    }

    fn break_node<C: Cluster>(&mut self, cluster: &mut C, fault: &Fault) -> Result<Effect> {
        let Some(at) = fault.node() else { return done("") };
        let is_running = cluster.node(at).is_running();
        let Some(pid) = cluster.node(at).pid().filter(|_| is_running) else {
            return Ok(Effect::Skipped(format!("{} is down", End::Node(at))));
        };
        match fault {
            Fault::Kill(node) => cluster.node(*node).kill9().and_then(|()| done("")),
            Fault::Restart(node) => match cluster.node(*node).stop()? {
                true => done(""),
                false => done("killed, because it did not stop"),
            },
            Fault::Pause(_) => signal(pid, Signal::Stop).and_then(|()| done("")),
            Fault::DiskFull(node) => match &self.kits[*node].disk {
                Ok(disk) => done(format!("{} KiB filled", disk.fill()? / 1024)),
                Err(reason) => Ok(Effect::Skipped(reason.clone())),
            },
            Fault::SlowSync { node, ms } => {
                self.turn(*node, pid, |dials| dials.sync_delay_us = ms * 1000)
            }
            Fault::FailSync(node) => self.turn(*node, pid, |dials| dials.sync_fails = true),
            Fault::Clock { node, ms } => self.turn(*node, pid, |dials| dials.clock_offset_ms = *ms),
            Fault::SpoilTail { node, bytes } => self.spoil(cluster, *node, *bytes),
            Fault::Drain(_)
            | Fault::Remove(_)
            | Fault::Replace(_)
            | Fault::Cut(_)
            | Fault::Bridge { .. }
            | Fault::Lose { .. }
            | Fault::Slow { .. }
            | Fault::Delay { .. }
            | Fault::Disorder { .. }
            | Fault::Rolling => done(""),
        }
    }

    /// Stops a node, flips bits at the end of its logs and starts it. One that refuses gets its files
    /// back when it is healed; one that starts keeps what it has, or it would go back in time.
    fn spoil<C: Cluster>(&mut self, cluster: &mut C, node: usize, bytes: u64) -> Result<Effect> {
        cluster.node(node).kill9()?;
        let (data, aside) = (self.data(node), self.kits[node].home.join("aside"));
        copy_folder(&data, &aside)?;
        for file in cluster.log_files(&data) {
            spoil_tail(&file, bytes, &mut self.chance)?;
        }
        cluster.launch(node, self)?;
        let hurry = cluster.hurry();
        let started = cluster.node(node).await_ready(hurry)?;
        // Only one that has refused has not taken part in anything since.
        self.kits[node].is_put_aside = matches!(started, Started::Refused(_));
        done(match started {
            Started::Ready | Started::Waiting => "it started".to_owned(),
            Started::Refused(why) => format!("it refused: {why}"),
        })
    }

    fn mend_node<C: Cluster>(&mut self, cluster: &mut C, fault: &Fault) -> Result<()> {
        let Some(node) = fault.node() else { return Ok(()) };
        match fault {
            Fault::Pause(_) => {
                if let Some(pid) = cluster.node(node).pid() {
                    signal(pid, Signal::Cont)?;
                }
            }
            Fault::DiskFull(_) => {
                if let Ok(disk) = &self.kits[node].disk {
                    disk.free()?;
                }
                // A store that could not write takes nothing more until it is opened again.
                cluster.node(node).kill9()?;
            }
            Fault::SlowSync { .. } | Fault::Clock { .. } | Fault::FailSync(_) => {
                if let Ok(shim) = &mut self.kits[node].shim {
                    let mut dials = shim.dials();
                    match fault {
                        Fault::Clock { .. } => dials.clock_offset_ms = 0,
                        Fault::SlowSync { .. } => dials.sync_delay_us = 0,
                        _ => dials.sync_fails = false,
                    }
                    shim.set(dials)?;
                }
                if matches!(fault, Fault::FailSync(_)) {
                    cluster.node(node).kill9()?;
                }
            }
            Fault::SpoilTail { .. } if self.kits[node].is_put_aside => {
                cluster.node(node).kill9()?;
                copy_folder(&self.kits[node].home.join("aside"), &self.data(node))?;
                self.kits[node].is_put_aside = false;
            }
            _ => {}
        }
        self.ensure_up(cluster, node)
    }
}
