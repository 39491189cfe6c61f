//! What is said about something that the tenant sells.

use impresario_assistant::AssistantConfig;
use impresario_conversation::{Citation, Suggestion};
use impresario_messages::{
    Button, Buttons, Content, Media, MediaKind, Price, ProductCard, ServiceCard,
};

use super::read::{Ask, Burst};
use crate::library::{Item, Names};

/// So many suggestions are made in a turn.
const SUGGESTIONS_MAX: usize = 2;

/// The facts about an item, in words: only what the catalogue says.
pub(crate) fn facts(item: &Item) -> String {
    let mut facts = Vec::new();
    if let Some(price) = item.price_micros {
        facts.push(price_text(price, &item.currency));
    }
    if item.is_service {
        if !item.slots.is_empty() {
            facts.push(item.slots.join(", "));
        }
    } else if let Some(stock) = item.stock {
        facts.push(if stock > 0 { format!("{stock} in stock") } else { "out of stock".to_owned() });
    }
    if facts.is_empty() {
        item.title.clone()
    } else {
        format!("{}: {}", item.title, facts.join(", "))
    }
}

/// `89.90 EUR` of 89 900 000 millionths.
pub(crate) fn price_text(micros: i64, currency: &str) -> String {
    let (whole, rest) = (micros / 1_000_000, (micros % 1_000_000).unsigned_abs());
    let digits = format!("{rest:06}");
    let digits = digits.trim_end_matches('0');
    let text = format!("{whole}.{digits:0<2}");
    format!("{text} {currency}").trim_end().to_owned()
}

/// The item as a card, or its facts as a text.
pub(crate) fn card(item: &Item, config: &AssistantConfig) -> Content {
    if !config.features.rich {
        return Content::text(facts(item));
    }
    let id = item.handle().to_owned();
    let price = item.price_micros.map(|micros| Price { micros, currency: item.currency.clone() });
    if item.is_service {
        return Content::ServiceCard(ServiceCard {
            id,
            title: item.title.clone(),
            price,
            slots: item.slots.clone(),
            url: item.url.clone(),
            ..ServiceCard::default()
        });
    }
    let availability = item.stock.map(|stock| match stock {
        ..=0 => "out of stock".to_owned(),
        stock => format!("{stock} in stock"),
    });
    Content::ProductCard(ProductCard {
        id,
        title: item.title.clone(),
        price,
        availability,
        image: item.image.as_ref().map(|url| picture(url)),
        url: item.url.clone(),
        ..ProductCard::default()
    })
}

/// "Did you mean …?", with the names to choose from.
pub(crate) fn which(perhaps: &[Item], config: &AssistantConfig) -> Content {
    let names: Vec<&str> = perhaps.iter().map(|item| item.title.as_str()).collect();
    let body = format!("Did you mean {}?", names.join(" / "));
    if !config.features.rich {
        return Content::text(body);
    }
    let buttons = perhaps.iter().take(3).map(|item| Button {
        id: format!("product:{}", item.handle()),
        title: item.title.clone(),
        url: None,
    });
    Content::Buttons(Buttons { body, buttons: buttons.collect(), ..Buttons::default() })
}

/// What a part about the item rests on.
pub(crate) fn citation(item: &Item) -> Citation {
    Citation {
        document: item.document.to_string(),
        chunk: String::new(),
        title: item.title.clone(),
        url: item.url.clone(),
    }
}

/// What goes with what was asked for, can be had, and was not asked for (CNV-24).
pub(crate) fn suggestions(names: &Names, burst: &Burst) -> Vec<(Suggestion, Item)> {
    let meant: Vec<&Item> = burst.asks.iter().filter_map(|ask| ask.item.as_ref()).collect();
    let mut suggested = Vec::new();
    for item in &meant {
        for name in &item.complements {
            let Some(other) = names.named(name) else { continue };
            let is_known = meant.contains(&other)
                || suggested.iter().any(|(_, known): &(Suggestion, Item)| known == other);
            if other.is_available() && !is_known && suggested.len() < SUGGESTIONS_MAX {
                let suggestion = Suggestion {
                    sku: other.handle().to_owned(),
                    title: other.title.clone(),
                    reason: format!("goes with {}", item.title),
                };
                suggested.push((suggestion, other.clone()));
            }
        }
    }
    suggested
}

/// Suggestions as something that can be pressed.
pub(crate) fn offer(suggested: &[(Suggestion, Item)], config: &AssistantConfig) -> Option<Content> {
    if suggested.is_empty() {
        return None;
    }
    let lines: Vec<String> = suggested
        .iter()
        .map(|(suggestion, item)| format!("{} ({})", facts(item), suggestion.reason))
        .collect();
    let body = format!("You may also like: {}", lines.join("; "));
    if !config.features.rich {
        return Some(Content::text(body));
    }
    let buttons = suggested.iter().map(|(suggestion, _)| Button {
        id: format!("product:{}", suggestion.sku),
        title: suggestion.title.clone(),
        url: None,
    });
    Some(Content::Buttons(Buttons { body, buttons: buttons.collect(), ..Buttons::default() }))
}

/// Whether the question is about the item itself: its price, whether it can be had.
pub(crate) fn is_about_item(ask: &Ask) -> bool {
    ask.item.is_some()
        && ask.found.retrieved.passages.first().is_none_or(|passage| {
            let item = ask.item.as_ref().map(|item| *item.document.as_bytes());
            item == Some(passage.document)
        })
}

fn picture(url: &str) -> Media {
    Media {
        kind: MediaKind::Image,
        id_or_url: url.to_owned(),
        mime: String::new(),
        caption: None,
        name: None,
        size: None,
    }
}
