use impresario_messages::{Choice, ContactCard, Content, Location, Media, MediaKind};
use serde_json::Value;

use crate::parse::{items, text, unknown};

/// What a message says. Only business cards can be several.
pub(crate) fn contents(message: &Value) -> Vec<Content> {
    let kind = text(&message["type"]).unwrap_or("unknown");
    let body = &message[kind];
    let one = match kind {
        "text" => Content::text(text(&body["body"]).unwrap_or_default()),
        "image" => media(MediaKind::Image, body),
        "video" => media(MediaKind::Video, body),
        "audio" | "voice" => media(MediaKind::Audio, body),
        "document" => media(MediaKind::Document, body),
        "sticker" => media(MediaKind::Sticker, body),
        "location" => location(body),
        "contacts" => return items(body).map(contact).collect(),
        "reaction" => Content::Reaction {
            message_id: owned(&body["message_id"]).unwrap_or_default(),
            emoji: owned(&body["emoji"]),
        },
        "interactive" => return interactive(body),
        "button" => Content::Choice(Choice {
            id: text(&body["payload"]).or_else(|| text(&body["text"])).unwrap_or_default().into(),
            title: owned(&body["text"]).unwrap_or_default(),
        }),
        "order" => Content::text(order(body)),
        other => return unknown(other),
    };
    vec![one]
}

fn owned(value: &Value) -> Option<String> {
    text(value).map(str::to_owned)
}

fn media(kind: MediaKind, body: &Value) -> Content {
    Content::Media(Media {
        kind,
        id_or_url: owned(&body["id"]).unwrap_or_default(),
        mime: owned(&body["mime_type"]).unwrap_or_default(),
        caption: owned(&body["caption"]),
        name: owned(&body["filename"]),
        size: body["file_size"].as_u64(),
    })
}

fn location(body: &Value) -> Content {
    Content::Location(Location {
        latitude: body["latitude"].as_f64().unwrap_or_default(),
        longitude: body["longitude"].as_f64().unwrap_or_default(),
        name: owned(&body["name"]),
        address: owned(&body["address"]),
    })
}

fn contact(card: &Value) -> Content {
    let list = |value: &Value, name: &str| items(value).filter_map(|it| owned(&it[name])).collect();
    Content::Contact(ContactCard {
        name: owned(&card["name"]["formatted_name"]).unwrap_or_default(),
        phones: list(&card["phones"], "phone"),
        emails: list(&card["emails"], "email"),
        organization: owned(&card["org"]["company"]),
    })
}

fn interactive(body: &Value) -> Vec<Content> {
    let kind = text(&body["type"]).unwrap_or("interactive");
    let reply = &body[kind];
    let choice = |id: &Value, title: &Value| {
        let (id, title) = (owned(id).unwrap_or_default(), owned(title).unwrap_or_default());
        vec![Content::Choice(Choice { id, title })]
    };
    match kind {
        "button_reply" | "list_reply" => choice(&reply["id"], &reply["title"]),
        // The form that was filled in is in the extras.
        "nfm_reply" => choice(&reply["name"], &reply["body"]),
        other => unknown(other),
    }
}

/// An order as words; the items themselves are in the extras.
fn order(body: &Value) -> String {
    let mut lines: Vec<String> = text(&body["text"]).map(str::to_owned).into_iter().collect();
    for item in items(&body["product_items"]) {
        let count = item["quantity"].as_u64().unwrap_or(1);
        lines.push(format!("{count} × {}", text(&item["product_retailer_id"]).unwrap_or("?")));
    }
    lines.join("\n")
}

/// What else a message tells: where the person comes from, what the form said, what was ordered.
pub(crate) fn extras(message: &Value) -> Vec<(String, String)> {
    let mut extra = Vec::new();
    let mut add = |name: &str, value: &Value| {
        let value = match value {
            Value::Null => return,
            Value::String(text) if text.is_empty() => return,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        extra.push((name.to_owned(), value));
    };
    if let Some(referral) = message["referral"].as_object() {
        for (name, value) in referral {
            add(&format!("referral.{name}"), value);
        }
    }
    let form = &message["interactive"]["nfm_reply"]["response_json"];
    add("form.response_json", form);
    add("order.catalog_id", &message["order"]["catalog_id"]);
    add("order.product_items", &message["order"]["product_items"]);
    add("context.product_id", &message["context"]["referred_product"]["product_retailer_id"]);
    add("context.forwarded", &message["context"]["forwarded"]);
    add("audio.voice", &message["audio"]["voice"]);
    if let Some(error) = message["errors"].as_array().and_then(|errors| errors.first()) {
        add("error.code", &error["code"]);
    }
    extra
}
