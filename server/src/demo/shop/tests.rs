use std::collections::BTreeSet;

use super::*;

const NOW_MS: i64 = 1_795_000_000_000;

fn shop() -> Shop {
    Shop::seeded(7, NOW_MS)
}

#[test]
fn the_same_seed_makes_the_same_shop() {
    assert_eq!(Shop::seeded(7, NOW_MS), shop());
    assert_ne!(Shop::seeded(8, NOW_MS).events, shop().events);
    let hash = |shop: &Shop| {
        let text: String =
            (0..shop.events.len()).map(|number| shop.message(number).to_string()).collect();
        blake3::hash(text.as_bytes())
    };
    assert_eq!(hash(&Shop::seeded(7, NOW_MS)), hash(&shop()));
}

#[test]
fn the_moment_moves_times_and_nothing_else() {
    let (shop, later) = (shop(), Shop::seeded(7, NOW_MS + 12_345));
    assert_eq!(later.totals(), shop.totals());
    assert!(
        shop.events
            .iter()
            .zip(&later.events)
            .all(|(a, b)| a.at_ms + 12_345 == b.at_ms && a.what == b.what)
    );
}

#[test]
fn it_is_a_shop_of_the_size_that_was_promised() {
    let (shop, totals) = (shop(), shop().totals());
    assert!((5_000..7_500).contains(&shop.events.len()), "{} events", shop.events.len());
    assert!((280..420).contains(&totals.profiles), "{} profiles", totals.profiles);
    for (segment, members) in totals.members() {
        assert!((8..250).contains(&members.len()), "{segment}: {}", members.len());
    }
    assert!(totals.refunds > 5 && totals.merged > 150, "{totals:?}");
    let begins = NOW_MS - (DAYS + 1) * DAY_MS;
    assert!(shop.events.iter().all(|event| (begins..NOW_MS).contains(&event.at_ms)));
    assert!(shop.events.is_sorted_by_key(|event| event.at_ms));
}

#[test]
fn totals_are_sums_over_events() {
    let (shop, totals) = (shop(), shop().totals());
    let mut cents = 0;
    for number in 0..shop.events.len() {
        let message = shop.message(number);
        let amount =
            impresario_rules::micros(&message["properties"]["revenue"]).unwrap_or(0) / 10_000;
        match message["event"].as_str() {
            Some("Order Completed") => cents += amount,
            Some("Order Refunded") => cents -= amount,
            _ => {}
        }
    }
    assert_eq!(cents, i128::from(totals.revenue_cents));
    assert_eq!(shop.counts().values().sum::<u64>(), totals.events);
    assert_eq!(shop.counts()["Order Completed"], totals.orders);
}

#[test]
fn every_event_says_whose_it_is() {
    let shop = shop();
    for (number, event) in shop.events.iter().enumerate() {
        let message = shop.message(number);
        assert!(
            message.get("userId").is_some() || message.get("anonymousId").is_some(),
            "{message}"
        );
        assert_eq!(message.get("userId").is_some(), event.known, "{message}");
    }
}

#[test]
fn a_known_browser_stays_known() {
    let shop = shop();
    let mut known = BTreeSet::new();
    for event in &shop.events {
        let Some(device) = event.device else { continue };
        if event.known {
            known.insert((event.person, device));
        } else {
            assert!(!known.contains(&(event.person, device)), "somebody was forgotten");
        }
    }
}

#[test]
fn sending_leaves_nothing_out_and_repeats_a_little() {
    let shop = shop();
    let (order, twice) = shop.sending(3);
    assert_eq!(shop.sending(3), (order.clone(), twice));
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), shop.events.len());
    assert_eq!(order.len(), shop.events.len() + twice);
    assert!(twice > 100);
    let late = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(late > 300, "{late} are late");
}

#[test]
fn nothing_happens_at_the_edge_of_a_window() {
    for seed in 0..20 {
        let shop = Shop::seeded(seed, NOW_MS);
        for days in [7, 30, 45, 90] {
            let edge = NOW_MS - days * DAY_MS;
            let near = shop.events.iter().find(|event| (event.at_ms - edge).abs() < 20 * 60_000);
            assert_eq!(near, None, "seed {seed}, {days} days");
        }
    }
}
