use crate::dialect::escape;
use crate::question::line;
use crate::{Button, Buttons, Media, Price, ProductCard, ServiceCard, Template};

/// A template's wording with its values in it.
pub(crate) fn wording(template: &Template) -> String {
    let Some(text) = &template.text else {
        let values = template.params.iter().map(|param| escape(&param.value));
        return values.collect::<Vec<_>>().join("\n");
    };
    let mut text = text.clone();
    for (index, param) in template.params.iter().enumerate() {
        let numbered = (index + 1).to_string();
        let name = param.name.as_deref().unwrap_or(&numbered);
        text = text.replace(&format!("{{{{{name}}}}}"), &escape(&param.value));
    }
    text
}

pub(crate) fn product(card: &ProductCard) -> Buttons {
    let facts = [card.price.as_ref().map(price), card.availability.clone()];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    card_of(&card.title, &facts, &card.description, card.image.as_ref(), &card.buttons, &card.url)
}

pub(crate) fn service(card: &ServiceCard) -> Buttons {
    let facts = [card.price.as_ref().map(price), card.duration_min.map(|min| format!("{min} min"))];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let slots: Vec<String> = card.slots.iter().map(|slot| format!("- {}", escape(slot))).collect();
    let more = [card.description.as_str(), &slots.join("\n")].join("\n\n");
    card_of(&card.title, &facts, more.trim(), card.image.as_ref(), &card.buttons, &card.url)
}

fn card_of(
    title: &str,
    facts: &[String],
    more: &str,
    image: Option<&Media>,
    buttons: &[Button],
    url: &Option<String>,
) -> Buttons {
    let top = format!("**{}**", escape(&line(title)));
    let facts: Vec<String> = facts.iter().map(|fact| escape(&line(fact))).collect();
    let parts = [top, facts.join(" · "), more.trim().to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let mut body = parts.join("\n");
    let linked = buttons.iter().any(|button| button.url == *url);
    if let Some(url) = url.as_deref().filter(|_| !linked) {
        body = format!("{body}\n{url}");
    }
    Buttons { media: image.cloned(), body, buttons: buttons.to_vec(), ..Buttons::default() }
}

/// An amount with its currency, without zeros that say nothing: `12.50 EUR`.
fn price(price: &Price) -> String {
    let sign = if price.micros < 0 { "-" } else { "" };
    let micros = price.micros.unsigned_abs();
    let mut decimals = format!("{:06}", micros % 1_000_000);
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    format!("{sign}{}.{decimals} {}", micros / 1_000_000, price.currency)
}
