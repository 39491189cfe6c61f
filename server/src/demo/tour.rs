//! The scripted tour.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use impresario_host::clock::{Clock, SystemClock};
use impresario_webhooks::Secret;
use serde_json::{Value, json};

use super::Node;
use super::checks::{Checks, settle};
use super::live::Census;
use super::receiver::Receiver;
use super::screen::Screen;
use super::shop::{BIG_CENTS, Shop, Totals};
use crate::client::{CallError, Client};
use crate::import::send::{Batch, Item, deliver};
use crate::shell::print::{amount, grouped};

/// Events of one request.
const BATCH: usize = 500;
/// How long a request is tried again while the node says "later".
const PATIENCE: Duration = Duration::from_secs(20);
/// What the tenant's own server may do.
const SCOPES: [&str; 10] = [
    "profiles:read",
    "segments:read",
    "segments:write",
    "webhooks:manage",
    "tenants:read",
    "usage:read",
    "analytics:view",
    "integrations:manage",
    "conversations:read",
    "conversations:write",
];

/// A tour under way.
pub(crate) struct Tour {
    pub(crate) node: Node,
    pub(crate) screen: Screen,
    pub(crate) checks: Checks,
    pub(crate) receiver: Receiver,
    /// Of the webhook endpoint.
    pub(crate) secret: Secret,
    pub(crate) write_key: String,
    pub(crate) secret_key: String,
    pub(super) shop: Shop,
    pub(super) totals: Totals,
    /// Segment ids by name.
    pub(super) segments: BTreeMap<String, String>,
    seed: u64,
    halfway: Option<String>,
    pub(super) tenant: String,
}

impl Tour {
    /// Makes the shop and starts the node.
    pub(crate) async fn begin(screen: Screen, data: &Path, args: &super::Args) -> Result<Self> {
        let seed = args.seed;
        let shop = Shop::seeded(seed, SystemClock.now().as_ms());
        let totals = shop.totals();
        let node = match &args.token_file {
            Some(token) => {
                screen.step("A cluster", "It runs already; each connection goes to another node.");
                screen.note(&args.url.join("  "));
                Node::elsewhere(&args.url, token).await?
            }
            None => {
                let text = "One program, one folder; no database, queue or cache beside it.";
                screen.step("A node", text);
                let began = Instant::now();
                let node = Node::start(data, args.listen, args.model.as_deref()).await?;
                let ms = began.elapsed().as_millis();
                screen.note(&format!("listens at {} after {ms} ms", node.url()));
                node
            }
        };
        Ok(Self {
            node,
            screen,
            checks: Checks::default(),
            receiver: Receiver::start().await?,
            secret: Secret::from_bytes(&[0; 32])?,
            write_key: String::new(),
            secret_key: String::new(),
            shop,
            totals,
            segments: BTreeMap::new(),
            seed,
            halfway: args.halfway.clone(),
            tenant: String::new(),
        })
    }

    /// The whole of it. Wrong figures are kept in the checks; an error means there was no figure.
    pub(crate) async fn run(&mut self) -> Result<()> {
        self.tenant().await?;
        self.define().await?;
        self.endpoint().await?;
        self.history().await?;
        self.figures().await?;
        self.members().await?;
        self.webhooks().await?;
        self.person().await?;
        self.visitor().await?;
        self.talk().await?;
        self.restart().await
    }

    /// The tenant's server.
    pub(super) fn owner(&self) -> Result<Client> {
        Ok(self.node.root()?.with_credential(&self.secret_key))
    }

    /// The tenant's website.
    pub(super) fn website(&self) -> Result<Client> {
        Ok(self.node.root()?.with_credential(&self.write_key))
    }

    /// Asks, and shows question and answer.
    pub(super) async fn ask(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        self.screen.asks(method, path, body);
        let answer = match (method, body) {
            ("GET", _) => client.get(path, &[]).await,
            ("PUT", Some(body)) => client.put(path, body).await,
            (_, Some(body)) => client.post(path, body).await,
            (_, None) => client.act(path).await,
        };
        let answer = answer.with_context(|| format!("{method} {path}"))?;
        self.screen.answers(&hide_secrets(&answer).to_string());
        Ok(answer)
    }

    async fn tenant(&mut self) -> Result<()> {
        self.screen.step(
            "A tenant",
            "The operator begins a tenant and hands out two keys, shown only once.",
        );
        let root = self.node.root()?;
        let body = json!({ "name": "Nordlicht Shop", "plan": "enterprise" });
        self.tenant =
            member(&self.ask(&root, "POST", "/api/v1/tenants", Some(&body)).await?, "id")?;
        let root = root.of_tenant(&self.tenant);
        let body = json!({ "kind": "write", "name": "Website" });
        self.write_key =
            member(&self.ask(&root, "POST", "/api/v1/keys", Some(&body)).await?, "key")?;
        let body = json!({ "kind": "secret", "name": "Backend", "scopes": SCOPES });
        self.secret_key =
            member(&self.ask(&root, "POST", "/api/v1/keys", Some(&body)).await?, "key")?;
        Ok(())
    }

    async fn define(&mut self) -> Result<()> {
        self.screen.step(
            "Segments",
            "Rules over events, traits and time; they follow every event and the clock.",
        );
        let owner = self.owner()?;
        let trait_ = json!({
            "kind": "sum", "event": "Order Completed", "property": "revenue", "within_last": "90d",
        });
        self.ask(&owner, "PUT", "/api/v1/computed-traits/spent_90d", Some(&trait_)).await?;
        for (name, rule) in rules() {
            let body = json!({ "name": name, "rule": rule });
            let id =
                member(&self.ask(&owner, "POST", "/api/v1/segments", Some(&body)).await?, "id")?;
            self.segments.insert(name.to_owned(), id);
        }
        let wrong =
            json!({ "name": "Buyers", "rule": { "event": "Order Completed", "at_lest": 3 } });
        self.screen.note("A mistake in a rule is refused, with its place:");
        self.screen.asks("POST", "/api/v1/segments", Some(&wrong));
        let Err(CallError::Refused(problem)) = owner.post("/api/v1/segments", &wrong).await else {
            anyhow::bail!("a wrong rule was not refused");
        };
        let place = problem.errors.first();
        let (at, detail) =
            place.map_or(("", ""), |error| (error.pointer.as_str(), error.detail.as_str()));
        self.screen.answers(&format!("{} {} at {at}: {detail}", problem.status, problem.code));
        self.checks.equal(&self.screen, "a mistake's place", "/rule/at_lest", at);
        Ok(())
    }

    async fn endpoint(&mut self) -> Result<()> {
        self.screen.step(
            "A webhook",
            "Another system wants to know who enters and leaves; messages are signed.",
        );
        let owner = self.owner()?;
        let body = json!({ "url": self.receiver.url(), "events": ["segment.*"] });
        let answer = self.ask(&owner, "POST", "/api/v1/webhooks", Some(&body)).await?;
        self.secret = Secret::parse(&member(&answer, "secret")?)?;
        Ok(())
    }

    async fn history(&mut self) -> Result<()> {
        let (order, twice) = self.shop.sending(self.seed);
        let late = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
        self.screen.step("A history", "Four months of a shop, sent as a Segment library would.");
        self.screen.note(&format!(
            "{} events of {} people: visits, carts, orders, refunds, mail; {late} come late, {twice} twice",
            grouped(self.totals.events),
            self.shop.people.len(),
        ));
        let example = self.shop.message(order[order.len() / 2]);
        self.screen.asks("POST", "/v1/batch", Some(&example));
        let began = Instant::now();
        let parts = order.len().div_ceil(BATCH);
        for (number, part) in order.chunks(BATCH).enumerate() {
            if number == parts / 2 {
                self.halfway().await?;
            }
            self.send(part).await?;
        }
        let took = began.elapsed().as_secs_f64();
        self.screen.answers(&format!(
            "{} messages in {} requests, all durable after {took:.1} s",
            grouped(order.len() as u64),
            order.len().div_ceil(BATCH),
        ));
        Ok(())
    }

    /// Something happens in the middle of it.
    async fn halfway(&self) -> Result<()> {
        let Some(command) = &self.halfway else { return Ok(()) };
        self.screen.note(&format!("half of it is sent; now: {command}"));
        let status = tokio::process::Command::new("sh").args(["-c", command]).status().await;
        ensure!(status.context("sh")?.success(), "`{command}` failed");
        Ok(())
    }

    /// Sends events by their numbers.
    pub(super) async fn send(&self, numbers: &[usize]) -> Result<()> {
        let messages: Vec<Value> =
            numbers.iter().map(|number| self.shop.message(*number)).collect();
        self.send_messages(&messages).await
    }

    pub(super) async fn send_messages(&self, messages: &[Value]) -> Result<()> {
        let body = json!({ "batch": messages }).to_string().into_bytes();
        let batch = Batch { body, messages: messages.len() };
        let verdict =
            deliver(&self.website()?, &batch, PATIENCE).await.context("POST /v1/batch")?;
        let refused = verdict.items.iter().find(|item| matches!(item, Item::Refused { .. }));
        ensure!(refused.is_none(), "an event was refused: {refused:?}");
        Ok(())
    }

    async fn figures(&mut self) -> Result<()> {
        self.screen.step(
            "The people",
            "Who they are and what they brought, counted from the profiles themselves.",
        );
        let (owner, wanted) = (self.owner()?, Census::wanted(&self.shop, &self.totals));
        self.screen.asks(
            "GET",
            "/api/v1/profiles, /api/v1/profiles/{id}, /api/v1/events/counts",
            None,
        );
        // Merges follow by themselves, a moment after the events that tell of them.
        let census = settle(|| Census::take(&owner), |census| census.agrees(&wanted)).await?;
        self.screen.answers(&format!("{} profiles", census.profiles));
        let (screen, checks) = (&self.screen, &mut self.checks);
        checks.equal(screen, "profiles", wanted.profiles, census.profiles);
        checks.equal(screen, "browsers merged into people", wanted.merged, census.merged);
        checks.equal(screen, "events, each once", grouped(wanted.events), grouped(census.events));
        checks.equal(screen, "orders", wanted.orders, census.orders);
        checks.equal(screen, "refunds", wanted.refunds, census.refunds);
        checks.equal(
            screen,
            "revenue",
            amount(wanted.revenue_micros),
            amount(census.revenue_micros),
        );
        for (name, count) in &wanted.counts {
            let found = census.counts.get(name).copied().unwrap_or(0);
            checks.equal(
                screen,
                &format!("counted by hour: {name}"),
                grouped(*count),
                grouped(found),
            );
        }
        Ok(())
    }

    /// The profile ids that the shop says are in a segment.
    fn wanted_members(&self, census: &Census, name: &str) -> BTreeSet<String> {
        let members = self.totals.members();
        let wanted =
            members.iter().find(|(segment, _)| *segment == name).map(|(_, members)| *members);
        wanted
            .into_iter()
            .flatten()
            .map(|(person, alone)| {
                let person = &self.shop.people[*person];
                let id = match (alone, &person.user_id) {
                    (Some(device), _) => census.by_anonymous.get(&person.anonymous_ids[*device]),
                    (None, Some(user)) => census.by_user.get(user),
                    (None, None) => None,
                };
                id.cloned().unwrap_or_else(|| format!("nobody knows {}", person.name))
            })
            .collect()
    }

    async fn members(&mut self) -> Result<()> {
        self.screen.step("The segments", "Exactly those people are in each of them, one by one.");
        let owner = self.owner()?;
        let census = Census::take(&owner).await?;
        for (name, id) in self.segments.clone() {
            let wanted = self.wanted_members(&census, &name);
            let path = format!("/api/v1/segments/{id}/members");
            self.screen.asks("GET", &path, None);
            let found =
                settle(|| super::live::members(&owner, &id), |found| *found == wanted).await?;
            let strangers = found.symmetric_difference(&wanted).count();
            let known = |count: usize, off: usize| match off {
                0 => format!("{count} people"),
                off => format!("{count} people, {off} of them others"),
            };
            self.checks.equal(
                &self.screen,
                &name,
                known(wanted.len(), 0),
                known(found.len(), strangers),
            );
        }
        Ok(())
    }

    async fn webhooks(&mut self) -> Result<()> {
        self.screen.step(
            "The webhooks",
            "Every change was told; whoever entered and did not leave is a member.",
        );
        let wanted: usize = self.totals.members().iter().map(|(_, members)| members.len()).sum();
        let receiver = self.receiver.clone();
        let balance = async || Ok(super::live::Balance::of(&receiver.since(0)));
        let balance = settle(balance, |balance| balance.members() == Some(wanted)).await?;
        let deliveries = self.receiver.since(0);
        let genuine =
            deliveries.iter().filter(|delivery| delivery.is_genuine(&self.secret)).count();
        self.screen.note(&format!(
            "{} messages came: {} entered, {} left",
            grouped(deliveries.len() as u64),
            balance.entered,
            balance.left
        ));
        if let Some(delivery) = deliveries.last() {
            self.screen.note(&delivery.headline(&self.secret));
        }
        let members = balance
            .members()
            .map_or("contradicting itself".to_owned(), |members| members.to_string());
        self.checks.equal(&self.screen, "entered and not left", wanted, members);
        self.checks.equal(&self.screen, "genuine signatures", deliveries.len(), genuine);
        Ok(())
    }
}

/// The segments of the tour, as the rule language says them. [`Totals`] says them in Rust.
fn rules() -> [(&'static str, Value); 4] {
    [
        ("Big spenders 90d", json!({ "computed": "spent_90d", "gte": BIG_CENTS / 100 })),
        (
            "Abandoned cart",
            // Three seconds in place of an hour, so that it can be watched.
            json!({ "all": [
                { "event": "Product Added", "within_last": "7d" },
                { "no_event": "Order Completed", "within_last": "7d" },
                { "no_event": "Product Added", "within_last": "3s" },
            ]}),
        ),
        (
            "Reached the checkout",
            json!({
                "sequence": ["Product Added", { "event": "Checkout Started", "within": "1h" }],
                "within_last": "30d",
            }),
        ),
        (
            "Quiet customers",
            json!({ "all": [
                { "event": "Order Completed", "at_least": 1 },
                { "field": "last_seen", "older_than": "45d" },
            ]}),
        ),
    ]
}

pub(super) fn member(value: &Value, name: &str) -> Result<String> {
    let text = value[name].as_str();
    text.map(str::to_owned).with_context(|| format!("the answer has no {name:?}: {value}"))
}

/// What is shown once is not for the screen.
fn hide_secrets(answer: &Value) -> Value {
    let mut shown = answer.clone();
    for name in ["key", "secret"] {
        if let Some(Value::String(text)) = shown.get_mut(name) {
            let kept: String = text.chars().take(7).collect();
            *text = format!("{kept}…");
        }
    }
    shown
}
