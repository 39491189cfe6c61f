//! What is done to the links between hosts, as rules for iptables or nft.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use anyhow::{Result, bail};

use crate::chaos::shell::{feed, run};

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The test: clients and the webhook receiver.
    Control,
    /// A node, counted from 0. As text from 1: `node-1`.
    Node(usize),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("clients"),
            Self::Node(node) => write!(f, "node-{}", node + 1),
        }
    }
}

impl FromStr for End {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "clients" {
            return Ok(Self::Control);
        }
        let number = text.strip_prefix("node-").and_then(|rest| rest.parse::<usize>().ok());
        match number {
            Some(number @ 1..) => Ok(Self::Node(number - 1)),
            Some(0) | None => bail!("neither `clients` nor `node-` and a number: {text}"),
        }
    }
}

/// Connections that go another way: what a host sends to a port of another one arrives at a port
/// of the control side, where a proxy passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redirect {
    /// The host that connects.
    pub from: usize,
    /// The host it means.
    pub to: usize,
    /// The port it means.
    pub port: u16,
    /// The port of the control side where it arrives.
    pub proxy_port: u16,
}

/// What is wrong with the links. All right by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Of a thousand packets from one end to the other, so many are dropped.
    lost: BTreeMap<(End, End), u16>,
    redirects: Vec<Redirect>,
}

impl Links {
    /// Drops packets of one direction, in per mille; 1000: all. The worst of several counts.
    pub fn lose(&mut self, from: End, to: End, per_mille: u16) {
        if from != to && per_mille > 0 {
            let lost = self.lost.entry((from, to)).or_default();
            *lost = (*lost).max(per_mille.min(1000));
        }
    }

    /// Drops everything in both directions.
    pub fn cut(&mut self, a: End, b: End) {
        self.lose(a, b, 1000);
        self.lose(b, a, 1000);
    }

    /// Leads connections to a proxy.
    pub fn redirect(&mut self, redirect: Redirect) {
        self.redirects.push(redirect);
    }

    /// Of a thousand packets of this direction, how many are dropped.
    #[must_use]
    pub fn lost(&self, from: End, to: End) -> u16 {
        self.lost.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.lost.is_empty()
    }
}

/// What drops packets here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// iptables, with `-m statistic`.
    Iptables,
    /// nft.
    Nft,
}

impl Tool {
    /// The program and arguments that take a whole set of rules at once, and replace all others.
    #[must_use]
    pub fn program(self) -> &'static [&'static str] {
        match self {
            Self::Iptables => &["iptables-restore"],
            Self::Nft => &["nft", "-f", "-"],
        }
    }
}

/// What this machine can do to links; for what it cannot, the reason.
#[derive(Clone, Debug)]
pub struct Abilities {
    /// Dropping packets.
    pub firewall: Result<Tool, String>,
    /// Leading connections to a proxy.
    pub redirect: Result<(), String>,
    /// Slow links.
    pub rate: Result<(), String>,
    /// Delay, duplication and reordering of packets.
    pub packets: Result<(), String>,
}

impl Default for Abilities {
    fn default() -> Self {
        let no = || Err("not looked at".to_owned());
        let firewall = Err("not looked at".to_owned());
        Self { firewall, redirect: no(), rate: no(), packets: no() }
    }
}

/// Tries everything of the firewall and of `tc` in the namespace of a host that is not used yet.
pub(super) fn abilities(namespace: &str) -> Abilities {
    let mut links = Links::default();
    links.lose(End::Node(1), End::Node(0), 500);
    let redirect = Redirect { from: 0, to: 1, port: 1, proxy_port: 1 };
    let attempt = |tool: Tool, links: &Links| {
        let arguments = [&["netns", "exec", namespace], tool.program()].concat();
        let whole = Links::default();
        let change =
            |old_new| feed("ip", &arguments, &rules(tool, old_new, 0, &|_| "192.0.2.1".to_owned()));
        change((&whole, links))
            .and_then(|_| change((links, &whole)))
            .map_err(|error| format!("{error:#}"))
    };
    let firewall = attempt(Tool::Iptables, &links).map(|_| Tool::Iptables).or_else(|first| {
        attempt(Tool::Nft, &links).map(|_| Tool::Nft).map_err(|second| {
            format!("neither iptables (apt-get install iptables) nor nft: {first}; {second}")
        })
    });
    links.redirect(redirect);
    let redirect = firewall.clone().and_then(|tool| attempt(tool, &links)).map(drop);
    let shape = |shape: &[&str]| {
        let device = ["-n", namespace, "qdisc", "replace", "dev", "eth0", "root"];
        run("tc", &[&device[..], shape].concat())
            .and_then(|_| run("tc", &["-n", namespace, "qdisc", "del", "dev", "eth0", "root"]))
            .map(drop)
            .map_err(|error| format!("{error:#}"))
    };
    let rate = shape(&["tbf", "rate", "1mbit", "burst", "16kb", "latency", "400ms"]);
    Abilities { firewall, redirect, rate, ..Abilities::default() }
}

/// All rules of one host. What arrives is dropped where it arrives, except at the control side,
/// whose own firewall is not ours: that is dropped where it leaves. The rules replace those of the
/// old links.
pub(super) fn rules(
    tool: Tool,
    (old, links): (&Links, &Links),
    host: usize,
    address: &dyn Fn(End) -> String,
) -> String {
    let here = End::Node(host);
    let mut drops = Vec::new();
    for ((from, to), per_mille) in &links.lost {
        if *to == here {
            drops.push(("INPUT", address(*from), *per_mille));
        } else if *from == here && *to == End::Control {
            drops.push(("OUTPUT", address(End::Control), *per_mille));
        }
    }
    let redirects: Vec<_> = links
        .redirects
        .iter()
        .filter(|redirect| redirect.from == host)
        .map(|redirect| (address(End::Node(redirect.to)), redirect))
        .collect();
    let control = address(End::Control);
    match tool {
        // A table that is not named keeps its rules.
        Tool::Iptables => {
            let has_nat = !(old.redirects.is_empty() && links.redirects.is_empty());
            iptables(&drops, has_nat.then_some(&redirects), &control)
        }
        Tool::Nft => nft(&drops, &redirects, &control),
    }
}

type Drops = [(&'static str, String, u16)];

fn iptables(drops: &Drops, nat: Option<&Vec<(String, &Redirect)>>, control: &str) -> String {
    let mut text = String::from("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n");
    for (chain, address, per_mille) in drops {
        let side = if *chain == "INPUT" { "-s" } else { "-d" };
        let _ = write!(text, "-A {chain} {side} {address} ");
        if *per_mille < 1000 {
            let _ = write!(text, "-m statistic --mode random --probability 0.{per_mille:03} ");
        }
        text.push_str("-j DROP\n");
    }
    text.push_str("COMMIT\n");
    if let Some(redirects) = nat {
        text.push_str("*nat\n:OUTPUT ACCEPT\n");
        for (address, redirect) in redirects {
            let (port, proxy) = (redirect.port, redirect.proxy_port);
            let _ = writeln!(
                text,
                "-A OUTPUT -d {address} -p tcp --dport {port} -j DNAT --to-destination {control}:{proxy}"
            );
        }
        text.push_str("COMMIT\n");
    }
    text
}

fn nft(drops: &Drops, redirects: &[(String, &Redirect)], control: &str) -> String {
    // Adding it first makes removing it right, whether it was there or not.
    let mut text = String::from("add table ip impresario\ndelete table ip impresario\n");
    text.push_str("table ip impresario {\n");
    for (chain, side) in [("INPUT", "saddr"), ("OUTPUT", "daddr")] {
        let hook = chain.to_lowercase();
        let _ = writeln!(text, "chain {hook} {{ type filter hook {hook} priority 0;");
        for (_, address, per_mille) in drops.iter().filter(|(of, ..)| *of == chain) {
            let _ = write!(text, "ip {side} {address} ");
            if *per_mille < 1000 {
                let _ = write!(text, "numgen random mod 1000 < {per_mille} ");
            }
            text.push_str("drop;\n");
        }
        text.push_str("}\n");
    }
    if !redirects.is_empty() {
        text.push_str("chain redirect { type nat hook output priority -100;\n");
        for (address, redirect) in redirects {
            let (port, proxy) = (redirect.port, redirect.proxy_port);
            let _ =
                writeln!(text, "ip daddr {address} tcp dport {port} dnat to {control}:{proxy};");
        }
        text.push_str("}\n");
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_links() -> Links {
        let mut links = Links::default();
        links.cut(End::Node(0), End::Node(1));
        links.lose(End::Node(2), End::Node(1), 50);
        links.lose(End::Node(1), End::Control, 1000);
        links.redirect(Redirect { from: 1, to: 2, port: 80, proxy_port: 9 });
        links
    }

    fn address(end: End) -> String {
        match end {
            End::Control => "c".to_owned(),
            End::Node(node) => format!("n{node}"),
        }
    }

    #[test]
    fn a_host_drops_what_arrives_from_the_ends_it_is_cut_from() {
        let (whole, broken) = (Links::default(), some_links());
        let rules = |host| rules(Tool::Iptables, (&whole, &broken), host, &address);
        assert_eq!(
            rules(1),
            "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n\
             -A INPUT -s n0 -j DROP\n\
             -A OUTPUT -d c -j DROP\n\
             -A INPUT -s n2 -m statistic --mode random --probability 0.050 -j DROP\n\
             COMMIT\n*nat\n:OUTPUT ACCEPT\n\
             -A OUTPUT -d n2 -p tcp --dport 80 -j DNAT --to-destination c:9\nCOMMIT\n"
        );
        assert!(rules(0).contains("-A INPUT -s n1 -j DROP\n"));
        assert!(!rules(2).contains("DROP"));
        let healed = super::rules(Tool::Iptables, (&broken, &whole), 1, &address);
        assert!(healed.ends_with("*nat\n:OUTPUT ACCEPT\nCOMMIT\n"), "{healed}");
        let nft = super::rules(Tool::Nft, (&whole, &broken), 1, &address);
        assert!(nft.contains("ip saddr n2 numgen random mod 1000 < 50 drop;"), "{nft}");
        assert!(nft.contains("ip daddr c drop;") && nft.contains("dnat to c:9;"), "{nft}");
    }

    #[test]
    fn the_worst_of_two_losses_counts() {
        let mut links = Links::default();
        links.lose(End::Node(0), End::Node(1), 1000);
        links.lose(End::Node(0), End::Node(1), 10);
        links.lose(End::Node(0), End::Node(0), 10);
        assert_eq!(links.lost(End::Node(0), End::Node(1)), 1000);
        assert_eq!(links.lost(End::Node(1), End::Node(0)), 0);
        assert!(!links.are_whole() && Links::default().are_whole());
    }

    #[test]
    fn ends_have_names() {
        for end in [End::Control, End::Node(0), End::Node(4)] {
            assert_eq!(end.to_string().parse::<End>().expect("its own text"), end);
        }
        assert!("node-0".parse::<End>().is_err() && "host-1".parse::<End>().is_err());
    }
}
