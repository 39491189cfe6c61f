//! The parts of the tour that look at people: all of them, one of them, one who comes by just now,
//! and all of them again after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::checks::settle;
use super::receiver::Delivery;
use super::shop::{DAY_MS, DAYS, Shop, Totals, time_text, units};
use super::tour::{Tour, member};
use crate::client::{CallError, Client, segment};
use crate::shell::print::{amount, grouped};

const IN_FLIGHT_MAX: usize = 8;
/// How long the passing of time may take to be noticed.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);
/// How long a request is sent again that is answered "later".
const PATIENCE: Duration = Duration::from_secs(15);

/// Everything that a tenant's profiles add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Census {
    pub(crate) profiles: u64,
    pub(crate) merged: u64,
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) refunds: u64,
    pub(crate) revenue_micros: i128,
    /// From the hourly counts, not from the profiles.
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) by_user: BTreeMap<String, String>,
    pub(crate) by_anonymous: BTreeMap<String, String>,
}

impl Census {
    /// What the shop says.
    pub(crate) fn wanted(shop: &Shop, totals: &Totals) -> Self {
        Self {
            profiles: totals.profiles,
            merged: totals.merged,
            events: totals.events,
            orders: totals.orders,
            refunds: totals.refunds,
            revenue_micros: i128::from(totals.revenue_cents) * 10_000,
            counts: shop
                .counts()
                .into_iter()
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            ..Self::default()
        }
    }

    /// Whether the figures are the same, whoever the people are.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let people = |census: &Self| Self {
            by_user: BTreeMap::new(),
            by_anonymous: BTreeMap::new(),
            ..census.clone()
        };
        people(self) == people(other)
    }

    /// Looks at every profile.
    pub(crate) async fn take(owner: &Client) -> Result<Self> {
        let mut ids = everything(owner, "/api/v1/profiles", "id").await?.into_iter();
        let mut census = Self { counts: counts(owner).await?, ..Self::default() };
        let mut looking: JoinSet<Result<Value, CallError>> = JoinSet::new();
        loop {
            while looking.len() < IN_FLIGHT_MAX
                && let Some(id) = ids.next()
            {
                let owner = owner.clone();
                looking.spawn(async move {
                    get(&owner, &format!("/api/v1/profiles/{}", segment(&id)), &[]).await
                });
            }
            match looking.join_next().await {
                None => return Ok(census),
                Some(profile) => match profile.context("a request panicked")? {
                    Ok(profile) => census.add(&profile),
                    // Merged since the list was read: it is counted where it went.
                    Err(CallError::Refused(problem)) if problem.status == 404 => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
    }

    fn add(&mut self, profile: &Value) {
        let id = profile["id"].as_str().unwrap_or_default();
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let texts = |name: &str| -> Vec<String> {
            let texts = profile[name].as_array().into_iter().flatten();
            texts.filter_map(|text| Some(text.as_str()?.to_owned())).collect()
        };
        self.profiles += 1;
        self.merged += texts("merged").len() as u64;
        self.events += number(&profile["events"]);
        self.orders += number(&profile["orders"]["completed"]);
        self.refunds += number(&profile["orders"]["refunded"]);
        self.revenue_micros += impresario_rules::micros(&profile["orders"]["revenue"]).unwrap_or(0);
        self.by_user.extend(texts("user_ids").into_iter().map(|user| (user, id.to_owned())));
        self.by_anonymous
            .extend(texts("anonymous_ids").into_iter().map(|browser| (browser, id.to_owned())));
    }
}

/// A read that is repeated while the node says "later".
async fn get(client: &Client, path: &str, query: &[(&str, &str)]) -> Result<Value, CallError> {
    let began = Instant::now();
    loop {
        match client.get(path, query).await {
            Err(error) if began.elapsed() < PATIENCE && error.retry().is_some() => {
                let asked = error.retry().flatten().unwrap_or_default();
                tokio::time::sleep(asked.max(Duration::from_millis(50))).await;
            }
            answer => return answer,
        }
    }
}

/// A member of every entry of a list, over all its pages.
async fn everything(client: &Client, path: &str, name: &str) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "500")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = get(client, path, &query).await.with_context(|| format!("GET {path}"))?;
        let items = page["items"].as_array().into_iter().flatten();
        all.extend(items.filter_map(|item| Some(item[name].as_str()?.to_owned())));
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// The members of a segment.
pub(crate) async fn members(client: &Client, id: &str) -> Result<BTreeSet<String>> {
    let members = everything(client, &format!("/api/v1/segments/{id}/members"), "profile").await?;
    Ok(members.into_iter().collect())
}

async fn counts(client: &Client) -> Result<BTreeMap<String, u64>> {
    use impresario_host::clock::{Clock, SystemClock};
    let now_ms = SystemClock.now().as_ms();
    let (from, to) = (time_text(now_ms - (DAYS + 2) * DAY_MS), time_text(now_ms + DAY_MS / 24));
    let query = [("bucket", "total"), ("from", from.as_str()), ("to", to.as_str())];
    let page =
        get(client, "/api/v1/events/counts", &query).await.context("GET /api/v1/events/counts")?;
    let items = page["items"].as_array().into_iter().flatten();
    Ok(items
        .filter_map(|item| Some((item["event"].as_str()?.to_owned(), item["count"].as_u64()?)))
        .collect())
}

/// What webhooks say about memberships.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) entered: usize,
    pub(crate) left: usize,
    open: BTreeMap<(String, String), i64>,
}

impl Balance {
    /// Each message counts once, however often it came; their order does not matter.
    pub(crate) fn of(deliveries: &[Delivery]) -> Self {
        let mut balance = Self::default();
        let mut seen = BTreeSet::new();
        for delivery in deliveries.iter().filter(|delivery| seen.insert(delivery.id.clone())) {
            let json = delivery.json();
            let text = |name: &str| json["data"][name].as_str().unwrap_or_default().to_owned();
            let open = balance.open.entry((text("segment_id"), text("profile_id"))).or_default();
            match json["type"].as_str() {
                Some("segment.entered") => {
                    balance.entered += 1;
                    *open += 1;
                }
                Some("segment.left") => {
                    balance.left += 1;
                    *open -= 1;
                }
                _ => {}
            }
        }
        balance
    }

    /// How many are in, over all segments; `None` while something does not add up.
    pub(crate) fn members(&self) -> Option<usize> {
        let possible = self.open.values().all(|open| (0..=1).contains(open));
        possible.then(|| self.open.values().filter(|open| **open == 1).count())
    }
}

impl Tour {
    /// Somebody who was anonymous at first and bought much since.
    pub(super) async fn person(&self) -> Result<()> {
        self.screen.step(
            "One person",
            "Anonymous at first, then known: one profile, with the history of both.",
        );
        let owner = self.owner()?;
        let spenders = self.totals.big_spenders.iter();
        let known = spenders.map(|(person, _)| (&self.shop.people[*person], *person));
        let best = known.max_by_key(|(person, number)| {
            let orders = self.shop.events.iter().filter(|event| event.person == *number);
            (person.anonymous_ids.len(), orders.count())
        });
        let Some(user) = best.and_then(|(person, _)| person.user_id.clone()) else { return Ok(()) };
        let path = format!("/api/v1/profiles/user:{user}");
        self.screen.asks("GET", &path, None);
        let profile = get(&owner, &path, &[]).await.context("GET a profile")?;
        self.screen.answers(&format!(
            "{} {}, known by {} and {} browsers",
            profile["traits"]["name"].as_str().unwrap_or_default(),
            profile["email"].as_str().unwrap_or_default(),
            user,
            profile["merged"].as_array().map_or(0, Vec::len),
        ));
        self.screen.answers(&format!(
            "{} events in {} visits, {} orders, revenue {}, spent_90d {}",
            profile["events"],
            profile["session_count"],
            profile["orders"]["completed"],
            profile["orders"]["revenue"],
            profile["computed"]["spent_90d"],
        ));
        let query = [("limit", "50")];
        let timeline =
            get(&owner, &format!("{path}/timeline"), &query).await.context("GET a timeline")?;
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = timeline["items"].as_array().into_iter().flatten();
        let done = entries.filter(|entry| entry.get("message_id").is_some());
        for entry in done.take(4) {
            let (at, kind, name) = (text(entry, "at"), text(entry, "type"), text(entry, "name"));
            self.screen.answers(&format!("{at}  {kind} {name} {}", entry["properties"]));
        }
        Ok(())
    }

    /// Somebody comes by just now.
    pub(super) async fn visitor(&mut self) -> Result<()> {
        self.screen.step(
            "Just now",
            "A visitor leaves a full cart; three seconds of silence are an event, too.",
        );
        let before = self.receiver.count();
        let browser = "browser-live";
        let added = json!({ "product": "Coat", "price": units(24_900) });
        self.send_messages(&[
            json!({ "type": "page", "messageId": "live-1", "anonymousId": browser, "name": "/coats" }),
            json!({ "type": "track", "messageId": "live-2", "anonymousId": browser, "event": "Product Added", "properties": added }),
        ])
        .await?;
        let began = Instant::now();
        self.screen.asks("POST", "/v1/batch: page, Product Added (anonymous)", None);
        self.screen.note("… nothing is sent any more …");
        let entered =
            self.change(before, "segment.entered", "Abandoned cart", "anonymous_id", browser).await;
        let waited = began.elapsed().as_secs_f64();
        self.screen.note(&format!("{} s after the last event:", (waited * 10.0).round() / 10.0));
        self.expect("time alone made a member", entered);

        self.screen.note("Now the visitor logs in and buys:");
        let before = self.receiver.count();
        let order = json!({ "order_id": "o-live", "revenue": units(60_000), "currency": "EUR" });
        self.send_messages(&[
            json!({ "type": "identify", "messageId": "live-3", "anonymousId": browser, "userId": "u-live", "traits": { "name": "Lia", "email": "lia@mail.example" } }),
            json!({ "type": "track", "messageId": "live-4", "userId": "u-live", "event": "Order Completed", "properties": order }),
        ])
        .await?;
        self.screen.asks("POST", "/v1/batch: identify, Order Completed 600.00 (known)", None);
        let left =
            self.change(before, "segment.left", "Abandoned cart", "anonymous_id", browser).await;
        self.expect("the cart is no longer abandoned", left);
        let entered =
            self.change(before, "segment.entered", "Big spenders 90d", "user_id", "u-live").await;
        self.expect("the order made a big spender", entered);

        let owner = self.owner()?;
        let look = async || match get(&owner, "/api/v1/profiles/user:u-live", &[]).await {
            Ok(profile) => Ok(profile),
            Err(error) => Err(error.into()),
        };
        let whole = |profile: &Value| {
            profile["events"] == 4
                && profile["segments"].as_array().is_some_and(|all| all.len() == 1)
        };
        let profile = settle(look, whole).await?;
        let merged = profile["merged"].as_array().map_or(0, Vec::len);
        let revenue = impresario_rules::micros(&profile["orders"]["revenue"]).unwrap_or(0);
        self.checks.equal(&self.screen, "events of both, in one profile", 4, &profile["events"]);
        self.checks.equal(&self.screen, "profiles merged into it", 1, merged);
        self.checks.equal(&self.screen, "what it brought", "600.00", amount(revenue));
        Ok(())
    }

    /// A change of a membership, told by webhook.
    async fn change(
        &self,
        skip: usize,
        kind: &str,
        name: &str,
        by: &str,
        who: &str,
    ) -> Option<Delivery> {
        let wanted = |message: &Value| {
            let data = &message["data"];
            message["type"] == kind && data["segment_name"] == name && data[by] == who
        };
        self.receiver.find(skip, NOTICED_WITHIN, wanted).await
    }

    fn expect(&mut self, name: &str, delivery: Option<Delivery>) {
        if let Some(delivery) = &delivery {
            self.screen.note(&delivery.headline(&self.secret));
        }
        let genuine = delivery.map(|delivery| delivery.is_genuine(&self.secret));
        let found = match genuine {
            Some(true) => "told, signed",
            Some(false) => "told, signature wrong",
            None => "not told in time",
        };
        self.checks.equal(&self.screen, name, "told, signed", found);
    }

    /// Stop, start, and everything is there; what is sent once more is not counted once more.
    pub(super) async fn restart(&mut self) -> Result<()> {
        let (title, text) = if self.node.is_elsewhere() {
            ("Once more", "Old events are sent again, to whichever nodes are left.")
        } else {
            (
                "A restart",
                "The node stops and starts on its folder; then old events are sent again.",
            )
        };
        self.screen.step(title, text);
        let owner = self.owner()?;
        let before = Census::take(&owner).await?;
        if !self.node.is_elsewhere() {
            let began = Instant::now();
            self.node.restart().await?;
            self.screen.note(&format!("up again after {} ms", began.elapsed().as_millis()));
        }
        let again: Vec<usize> = (0..self.shop.events.len()).step_by(12).collect();
        self.send(&again).await?;
        self.screen.asks(
            "POST",
            &format!("/v1/batch: {} events of the history once more", again.len()),
            None,
        );
        let owner = self.owner()?;
        let after = Census::take(&owner).await?;
        let (screen, checks) = (&self.screen, &mut self.checks);
        checks.equal(screen, "profiles afterwards", before.profiles, after.profiles);
        checks.equal(screen, "events afterwards", grouped(before.events), grouped(after.events));
        let (wanted, found) = (amount(before.revenue_micros), amount(after.revenue_micros));
        checks.equal(screen, "revenue afterwards", wanted, found);
        checks.equal(screen, "everything else is the same", true, before == after);
        let tenant = get(&owner, "/api/v1/tenant", &[]).await.context("GET /api/v1/tenant")?;
        let name = member(&tenant["settings"], "name")?;
        checks.equal(screen, "the tenant", "Nordlicht Shop", name);
        Ok(())
    }
}
