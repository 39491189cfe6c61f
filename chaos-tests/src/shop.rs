//! A shop's purchase history, made from a seed, with totals that are known in advance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::plan::Chance;

/// One purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Whose.
    pub customer: String,
    /// The day, as `YYYY-MM-DD`.
    pub date: String,
    /// How many things.
    pub quantity: u64,
    /// The price of all of them, in cents.
    pub cents: u64,
}

/// A purchase history.
#[derive(Clone, Debug)]
pub struct Shop {
    /// In the order of the file.
    pub purchases: Vec<Purchase>,
}

impl Shop {
    /// A history of about `customers` people. A few buy often, most once; some buy twice on one
    /// day, and some purchases are equal in every column, as in real files.
    #[must_use]
    pub fn seeded(seed: u64, customers: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut purchases = Vec::new();
        for customer in 0..customers {
            let times = if chance.once_in(8) { 2 + chance.below(20) } else { 1 + chance.below(2) };
            for _ in 0..times {
                let purchase = Purchase {
                    customer: format!("c{customer:05}"),
                    date: format!("2025-{:02}-{:02}", 1 + chance.below(12), 1 + chance.below(28)),
                    quantity: 1 + chance.below(4),
                    cents: 99 + chance.below(20_000),
                };
                if chance.once_in(50) {
                    purchases.push(purchase.clone());
                }
                purchases.push(purchase);
            }
        }
        Self { purchases }
    }

    /// The history as CSV with a header: `customer,date,quantity,amount`, amounts as `12.34`.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = String::from("customer,date,quantity,amount\n");
        for purchase in &self.purchases {
            let (euros, cents) = (purchase.cents / 100, purchase.cents % 100);
            let Purchase { customer, date, quantity, .. } = purchase;
            let _ = writeln!(text, "{customer},{date},{quantity},{euros}.{cents:02}");
        }
        text
    }

    /// Orders and cents by customer.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut totals = BTreeMap::new();
        for purchase in &self.purchases {
            let (orders, cents) = totals.entry(purchase.customer.as_str()).or_default();
            *orders += 1;
            *cents += purchase.cents;
        }
        totals
    }
}
