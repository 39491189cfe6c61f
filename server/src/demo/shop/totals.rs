//! What must be found in a shop, counted event by event, without any of the server's code.

use std::collections::{BTreeMap, BTreeSet};

use super::{DAY_MS, Shop, What};

/// A profile: a person with all that is linked to them, or a browser of theirs that never was.
pub(crate) type Profile = (usize, Option<usize>);

/// What a server must find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Known people, and each browser of visitors who never said who they are.
    pub(crate) profiles: u64,
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) refunds: u64,
    /// Orders less refunds.
    pub(crate) revenue_cents: i64,
    /// Anonymous profiles that turn out to be known people.
    pub(crate) merged: u64,
    pub(crate) big_spenders: BTreeSet<Profile>,
    pub(crate) abandoned_carts: BTreeSet<Profile>,
    pub(crate) checkouts: BTreeSet<Profile>,
    pub(crate) quiet_customers: BTreeSet<Profile>,
}

impl Totals {
    /// The members by the segment's name.
    pub(crate) fn members(&self) -> [(&'static str, &BTreeSet<Profile>); 4] {
        [
            ("Big spenders 90d", &self.big_spenders),
            ("Abandoned cart", &self.abandoned_carts),
            ("Reached the checkout", &self.checkouts),
            ("Quiet customers", &self.quiet_customers),
        ]
    }
}

/// What makes a big spender, in cents.
pub(crate) const BIG_CENTS: u64 = 50_000;

pub(super) fn of(shop: &Shop) -> Totals {
    let mut totals = Totals { events: shop.events.len() as u64, ..Totals::default() };
    for event in &shop.events {
        match event.what {
            What::Ordered { cents, .. } => {
                totals.orders += 1;
                totals.revenue_cents += signed(cents);
            }
            What::Refunded { cents, .. } => {
                totals.refunds += 1;
                totals.revenue_cents -= signed(cents);
            }
            What::LoggedIn
            | What::Viewed { .. }
            | What::Added { .. }
            | What::CheckedOut
            | What::OpenedMail { .. } => {}
        }
    }
    let linked: BTreeSet<(usize, usize)> = shop
        .events
        .iter()
        .filter(|event| event.known)
        .filter_map(|event| Some((event.person, event.device?)))
        .collect();
    totals.merged = linked.len() as u64;
    let mut profiles: BTreeMap<Profile, Vec<(i64, What)>> = BTreeMap::new();
    for event in &shop.events {
        let alone = event.device.filter(|device| !linked.contains(&(event.person, *device)));
        let done = profiles.entry((event.person, alone)).or_default();
        done.push((shop.now_ms - event.at_ms, event.what));
    }
    totals.profiles = profiles.len() as u64;
    for (profile, done) in &profiles {
        segments(*profile, done, &mut totals);
    }
    totals
}

fn signed(cents: u64) -> i64 {
    i64::try_from(cents).unwrap_or(i64::MAX)
}

/// `done`: how long ago, and what.
fn segments(profile: Profile, done: &[(i64, What)], totals: &mut Totals) {
    let is_order = |what: &What| matches!(what, What::Ordered { .. });
    let is_added = |what: &What| matches!(what, What::Added { .. });
    let within = |days: i64, wanted: &dyn Fn(&What) -> bool| {
        done.iter().any(|(ago, what)| *ago < days * DAY_MS && wanted(what))
    };
    let spent: u64 = done
        .iter()
        .filter(|(ago, _)| *ago < 90 * DAY_MS)
        .map(|(_, what)| if let What::Ordered { cents, .. } = what { *cents } else { 0 })
        .sum();
    if spent >= BIG_CENTS {
        totals.big_spenders.insert(profile);
    }
    if within(7, &is_added) && !within(7, &is_order) {
        totals.abandoned_carts.insert(profile);
    }
    if checked_out(done) {
        totals.checkouts.insert(profile);
    }
    let last = done.iter().map(|(ago, _)| *ago).min().unwrap_or(0);
    if done.iter().any(|(_, what)| is_order(what)) && last > 45 * DAY_MS {
        totals.quiet_customers.insert(profile);
    }
}

/// Something was put into the cart and the checkout started within an hour, in the last 30 days.
fn checked_out(done: &[(i64, What)]) -> bool {
    const HOUR_MS: i64 = 3_600_000;
    let checkouts =
        done.iter().filter(|(ago, what)| matches!(what, What::CheckedOut) && *ago < 30 * DAY_MS);
    let added = |checkout: i64| {
        done.iter().any(|(ago, what)| {
            matches!(what, What::Added { .. }) && *ago > checkout && ago - checkout <= HOUR_MS
        })
    };
    checkouts.map(|(ago, _)| *ago).any(added)
}
