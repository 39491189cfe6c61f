//! A believable shop, made from a seed: what its people did over the last months, and the totals
//! that a server must find in it. Pure: the same seed and the same moment make the same shop.

use std::collections::BTreeMap;

use serde_json::{Value, json};

mod chance;
mod people;
mod totals;

pub(crate) use chance::Chance;
pub(crate) use totals::{BIG_CENTS, Totals};

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// How far the history goes back.
pub(crate) const DAYS: i64 = 120;

/// A shop's history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shop {
    pub(crate) people: Vec<Person>,
    /// In the order in which they happened.
    pub(crate) events: Vec<Event>,
    /// The moment up to which the history goes.
    pub(crate) now_ms: i64,
}

/// Somebody who was in the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// `None` for a visitor who never said who they are.
    pub(crate) user_id: Option<String>,
    /// Browsers and devices.
    pub(crate) anonymous_ids: Vec<String>,
    pub(crate) name: String,
}

impl Person {
    /// The address, for those who said who they are.
    pub(crate) fn email(&self) -> Option<String> {
        self.user_id
            .as_ref()
            .map(|user| format!("{}.{user}@mail.example", self.name.to_lowercase()))
    }
}

/// Something that a person did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// The position in [`Shop::people`].
    pub(crate) person: usize,
    pub(crate) at_ms: i64,
    pub(crate) what: What,
    /// The position in [`Person::anonymous_ids`], where the browser was known.
    pub(crate) device: Option<usize>,
    /// Whether the person was logged in: then the event carries the user id.
    pub(crate) known: bool,
}

/// What can be done in a shop. Amounts are in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    LoggedIn,
    Viewed { page: &'static str },
    Added { item: &'static Item },
    CheckedOut,
    Ordered { order: u32, cents: u64, items: u32 },
    Refunded { order: u32, cents: u64 },
    OpenedMail { campaign: &'static str },
}

/// Something to buy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: &'static str,
    pub(crate) cents: u64,
}

impl What {
    /// The name under which the server counts it.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::LoggedIn => "identify",
            Self::Viewed { .. } => "page",
            Self::Added { .. } => "Product Added",
            Self::CheckedOut => "Checkout Started",
            Self::Ordered { .. } => "Order Completed",
            Self::Refunded { .. } => "Order Refunded",
            Self::OpenedMail { .. } => "Email Opened",
        }
    }

    fn call(&self) -> &'static str {
        match self {
            Self::LoggedIn => "identify",
            Self::Viewed { .. } => "page",
            Self::Added { .. }
            | Self::CheckedOut
            | Self::Ordered { .. }
            | Self::Refunded { .. }
            | Self::OpenedMail { .. } => "track",
        }
    }

    fn properties(&self) -> Value {
        match self {
            Self::LoggedIn | Self::CheckedOut => json!({}),
            Self::Viewed { page } => json!({ "path": page }),
            Self::Added { item } => json!({ "product": item.name, "price": units(item.cents) }),
            Self::Ordered { order, cents, items } => json!({
                "order_id": format!("o-{order:05}"),
                "revenue": units(*cents),
                "quantity": items,
                "currency": "EUR",
            }),
            Self::Refunded { order, cents } => {
                json!({ "order_id": format!("o-{order:05}"), "revenue": units(*cents) })
            }
            Self::OpenedMail { campaign } => json!({ "campaign": campaign }),
        }
    }
}

/// Cents as a JSON number of euros, every digit kept.
pub(crate) fn units(cents: u64) -> Value {
    let text = format!("{}.{:02}", cents / 100, cents % 100);
    text.parse::<serde_json::Number>().map_or(Value::String(text), Value::Number)
}

impl Shop {
    /// The shop of this seed, with its history up to `now_ms`.
    pub(crate) fn seeded(seed: u64, now_ms: i64) -> Self {
        people::shop(seed, now_ms)
    }

    /// What a server must find.
    pub(crate) fn totals(&self) -> Totals {
        totals::of(self)
    }

    /// The message of an event, as a Segment library would send it. `number` tells events apart.
    pub(crate) fn message(&self, number: usize) -> Value {
        let event = &self.events[number];
        let person = &self.people[event.person];
        let mut message = json!({
            "type": event.what.call(),
            "messageId": format!("shop-{number:05}"),
            "timestamp": time_text(event.at_ms),
        });
        if let Some(device) = event.device {
            message["anonymousId"] = person.anonymous_ids[device].as_str().into();
        }
        if let (true, Some(user)) = (event.known, &person.user_id) {
            message["userId"] = user.as_str().into();
        }
        match event.what {
            What::LoggedIn => {
                message["traits"] = json!({ "name": person.name, "email": person.email() });
            }
            What::Viewed { page } => {
                message["name"] = page.into();
                message["properties"] = event.what.properties();
            }
            _ => {
                message["event"] = event.what.label().into();
                message["properties"] = event.what.properties();
            }
        }
        message
    }

    /// The order in which the events are sent: now and then late, now and then twice. Every event
    /// is in it at least once. Also says how many are in it twice.
    pub(crate) fn sending(&self, seed: u64) -> (Vec<usize>, usize) {
        const LATE_MAX: u64 = 60;
        let mut chance = Chance::new(seed);
        let mut places: Vec<(u64, usize)> = Vec::with_capacity(self.events.len() * 11 / 10);
        let mut twice = 0;
        for number in 0..self.events.len() {
            let place = number as u64 * 2;
            let late = if chance.once_in(8) { chance.below(LATE_MAX) } else { 0 };
            places.push((place + late, number));
            if chance.once_in(30) {
                twice += 1;
                places.push((place + late + chance.below(1_000), number));
            }
        }
        places.sort_unstable();
        (places.into_iter().map(|(_, number)| number).collect(), twice)
    }

    /// How often each event happened, by the name under which the server counts it.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for event in &self.events {
            *counts.entry(event.what.label()).or_default() += 1;
        }
        counts
    }
}

/// A moment as ISO 8601.
pub(crate) fn time_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests;
