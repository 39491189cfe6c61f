//! Plans as text: one line for the run, one for each fault. What follows a `#` is a comment.
//!
//! ```text
//! run seed 7 nodes 3 safety 20000 liveness 10000
//! at 1200 for 3000: cut node-1 | node-2 node-3
//! at 2500 for 400: kill node-2
//! ```

use std::fmt::{self, Write as _};
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use super::{Fault, Plan, Planned};
use crate::chaos::hosts::End;
use crate::chaos::packets::Disorder;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, safety_ms, liveness_ms, faults } = self;
        writeln!(f, "run seed {seed} nodes {nodes} safety {safety_ms} liveness {liveness_ms}")?;
        faults.iter().try_for_each(|planned| writeln!(f, "{planned}"))
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} for {}: {}", self.at_ms, self.lasts_ms, self.fault)
    }
}

fn name(node: usize) -> String {
    End::Node(node).to_string()
}

fn names(nodes: &[usize]) -> String {
    nodes.iter().map(|node| name(*node)).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(groups) => {
                let groups: Vec<String> = groups.iter().map(|group| names(group)).collect();
                write!(f, "cut {}", groups.join(" | "))
            }
            Self::Bridge { over, left, right } => {
                write!(f, "bridge {} : {} | {}", name(*over), names(left), names(right))
            }
            Self::Lose { from, to, per_mille } => write!(f, "lose {from} -> {to} {per_mille}"),
            Self::Slow { node, kbit_per_s } => write!(f, "slow {} {kbit_per_s}", name(*node)),
            Self::Delay { from, to, ms } => {
                write!(f, "delay {} -> {} {ms}", name(*from), name(*to))
            }
            Self::Disorder { node, how: Disorder { delay_ms, late, late_ms, doubled } } => {
                let at = name(*node);
                write!(f, "disorder {at} {delay_ms} late {late} by {late_ms} doubled {doubled}")
            }
            Self::Kill(node) => write!(f, "kill {}", name(*node)),
            Self::Restart(node) => write!(f, "restart {}", name(*node)),
            Self::Rolling => f.write_str("rolling"),
            Self::Pause(node) => write!(f, "pause {}", name(*node)),
            Self::DiskFull(node) => write!(f, "disk-full {}", name(*node)),
            Self::SlowSync { node, ms } => write!(f, "slow-sync {} {ms}", name(*node)),
            Self::FailSync(node) => write!(f, "fail-sync {}", name(*node)),
            Self::Clock { node, ms } => write!(f, "clock {} {ms:+}", name(*node)),
            Self::SpoilTail { node, bytes } => write!(f, "spoil-tail {} {bytes}", name(*node)),
            Self::Drain(node) => write!(f, "drain {}", name(*node)),
            Self::Remove(node) => write!(f, "remove {}", name(*node)),
            Self::Replace(node) => write!(f, "replace {}", name(*node)),
        }
    }
}

impl FromStr for Plan {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .filter(|line| !line.is_empty());
        let head = lines.next().context("an empty plan")?;
        let words: Vec<&str> = head.split_whitespace().collect();
        let ["run", "seed", seed, "nodes", nodes, "safety", safety, "liveness", liveness] =
            words[..]
        else {
            bail!("the first line is not `run seed N nodes N safety MS liveness MS`: {head}");
        };
        let mut faults = lines.map(planned).collect::<Result<Vec<_>>>()?;
        faults.sort_by_key(|planned| planned.at_ms);
        let plan = Self {
            seed: number(seed)?,
            nodes: number(nodes)?,
            safety_ms: number(safety)?,
            liveness_ms: number(liveness)?,
            faults,
        };
        let mut text = String::new();
        for planned in &plan.faults {
            if planned.ends_ms() > plan.safety_ms {
                write!(text, "`{planned}` ends after the safety phase; ").context("text")?;
            }
        }
        if text.is_empty() { Ok(plan) } else { bail!("{text}") }
    }
}

fn planned(line: &str) -> Result<Planned> {
    let (times, fault) = line.split_once(':').with_context(|| format!("no `:` in: {line}"))?;
    let words: Vec<&str> = times.split_whitespace().collect();
    let ["at", at, "for", lasts] = words[..] else {
        bail!("not `at MS for MS: FAULT`: {line}");
    };
    let fault = fault.trim().parse().with_context(|| format!("in: {line}"))?;
    Ok(Planned { at_ms: number(at)?, lasts_ms: number(lasts)?, fault })
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse().ok().with_context(|| format!("not a number: {text}"))
}

fn node(text: &str) -> Result<usize> {
    match text.parse()? {
        End::Node(node) => Ok(node),
        End::Control => bail!("a node, not the clients"),
    }
}

fn nodes(text: &str) -> Result<Vec<usize>> {
    text.split_whitespace().map(node).collect()
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        Ok(match (kind, &words[..]) {
            ("cut", _) => Self::Cut(rest.split('|').map(nodes).collect::<Result<_>>()?),
            ("bridge", _) => {
                let (over, sides) = rest.split_once(':').context("no `:` after the bridge")?;
                let (left, right) = sides.split_once('|').context("no `|` between the sides")?;
                Self::Bridge { over: node(over.trim())?, left: nodes(left)?, right: nodes(right)? }
            }
            ("lose", [from, "->", to, per_mille]) => {
                Self::Lose { from: from.parse()?, to: to.parse()?, per_mille: number(per_mille)? }
            }
            ("slow", [at, rate]) => Self::Slow { node: node(at)?, kbit_per_s: number(rate)? },
            ("delay", [from, "->", to, ms]) => {
                Self::Delay { from: node(from)?, to: node(to)?, ms: number(ms)? }
            }
            ("disorder", [at, delay_ms, "late", late, "by", late_ms, "doubled", doubled]) => {
                let (delay_ms, late_ms) = (number(delay_ms)?, number(late_ms)?);
                let (late, doubled) = (number(late)?, number(doubled)?);
                let how = Disorder { delay_ms, late, late_ms, doubled };
                Self::Disorder { node: node(at)?, how }
            }
            ("kill", [at]) => Self::Kill(node(at)?),
            ("restart", [at]) => Self::Restart(node(at)?),
            ("rolling", []) => Self::Rolling,
            ("pause", [at]) => Self::Pause(node(at)?),
            ("disk-full", [at]) => Self::DiskFull(node(at)?),
            ("slow-sync", [at, ms]) => Self::SlowSync { node: node(at)?, ms: number(ms)? },
            ("fail-sync", [at]) => Self::FailSync(node(at)?),
            ("clock", [at, ms]) => Self::Clock { node: node(at)?, ms: number(ms)? },
            ("spoil-tail", [at, bytes]) => {
                Self::SpoilTail { node: node(at)?, bytes: number(bytes)? }
            }
            ("drain", [at]) => Self::Drain(node(at)?),
            ("remove", [at]) => Self::Remove(node(at)?),
            ("replace", [at]) => Self::Replace(node(at)?),
            _ => bail!("no such fault: {text}"),
        })
    }
}
