use impresario_messages::{
    Buttons, Channel, ContactCard, List, Media, MediaKind, ProductCard, Rendered, Template,
    text_for,
};
use serde_json::{Map, Value, json};

/// What Meta gives back in the status reports: our id, the part and the person as we call them,
/// `<id>#<part>#<user>`. A report may name the person otherwise than their messages do.
#[must_use]
pub fn callback_data(outgoing_id: &str, part: usize, user: &str) -> String {
    format!("{outgoing_id}#{part}#{user}")
}

/// The body of `POST /<phone number id>/messages`. `user` is a telephone number or a business-scoped
/// user id; `reply_to` the message that this one quotes.
#[must_use]
pub fn payload(rendered: &Rendered, user: &str, callback: &str, reply_to: Option<&str>) -> Value {
    let (kind, body) = content(rendered);
    let mut payload = Map::new();
    payload.insert("messaging_product".into(), json!("whatsapp"));
    payload.insert("recipient_type".into(), json!("individual"));
    if is_scoped(user) {
        payload.insert("recipient".into(), json!(user));
    } else {
        payload.insert("to".into(), json!(user.trim_start_matches('+')));
    }
    // Of several cards in one message only the first has the message's own id.
    if let Some(id) = reply_to.and_then(|id| id.split('#').next()) {
        payload.insert("context".into(), json!({ "message_id": id }));
    }
    payload.insert("type".into(), json!(kind));
    payload.insert(kind.into(), body);
    payload.insert("biz_opaque_callback_data".into(), json!(callback));
    Value::Object(payload)
}

/// Whether an id is business-scoped: a country, a dot and more (`US.1349…`, `US.ENT.1234…`).
fn is_scoped(user: &str) -> bool {
    user.split_once('.').is_some_and(|(country, rest)| {
        country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) && !rest.is_empty()
    })
}

fn wire(text: &str) -> String {
    text_for(text, Channel::WhatsApp)
}

fn content(rendered: &Rendered) -> (&'static str, Value) {
    match rendered {
        Rendered::Text { text } => {
            let text = wire(text);
            let preview = text.contains("https://") || text.contains("http://");
            ("text", json!({ "body": text, "preview_url": preview }))
        }
        Rendered::Media(media) => (media.kind.as_str(), file(media, true)),
        Rendered::Location(place) => (
            "location",
            json!({
                "latitude": place.latitude,
                "longitude": place.longitude,
                "name": place.name,
                "address": place.address,
            }),
        ),
        Rendered::Contact(card) => ("contacts", json!([contact(card)])),
        Rendered::Reaction { message_id, emoji } => {
            let emoji = emoji.as_deref().unwrap_or_default();
            ("reaction", json!({ "message_id": message_id, "emoji": emoji }))
        }
        Rendered::Buttons(question) => ("interactive", buttons(question)),
        Rendered::List(question) => ("interactive", list(question)),
        Rendered::Product(card) => ("interactive", product(card)),
        Rendered::Template(which) => ("template", template(which)),
    }
}

/// Media by Meta's id or by URL.
fn file(media: &Media, captioned: bool) -> Value {
    let mut file = Map::new();
    let place = if media.url().is_some() { "link" } else { "id" };
    file.insert(place.into(), json!(media.id_or_url));
    if captioned && let Some(caption) = &media.caption {
        file.insert("caption".into(), json!(wire(caption)));
    }
    if media.kind == MediaKind::Document
        && let Some(name) = &media.name
    {
        file.insert("filename".into(), json!(name));
    }
    Value::Object(file)
}

fn contact(card: &ContactCard) -> Value {
    let phones: Vec<Value> = card.phones.iter().map(|phone| json!({ "phone": phone })).collect();
    let emails: Vec<Value> = card.emails.iter().map(|email| json!({ "email": email })).collect();
    let first = card.name.split_whitespace().next().unwrap_or(&card.name);
    let mut contact = json!({
        "name": { "formatted_name": card.name, "first_name": first },
        "phones": phones,
        "emails": emails,
    });
    if let Some(company) = &card.organization {
        contact["org"] = json!({ "company": company });
    }
    contact
}

/// What is around every interactive message.
fn interactive(
    kind: &str,
    header: Option<Value>,
    body: &str,
    footer: Option<&str>,
    action: Value,
) -> Value {
    let mut message = Map::new();
    message.insert("type".into(), json!(kind));
    if let Some(header) = header {
        message.insert("header".into(), header);
    }
    if !body.is_empty() {
        message.insert("body".into(), json!({ "text": wire(body) }));
    }
    if let Some(footer) = footer {
        message.insert("footer".into(), json!({ "text": footer }));
    }
    message.insert("action".into(), action);
    Value::Object(message)
}

fn text_header(header: Option<&str>) -> Option<Value> {
    header.map(|text| json!({ "type": "text", "text": text }))
}

fn buttons(question: &Buttons) -> Value {
    let Buttons { header, media, body, footer, buttons } = question;
    let header = match media {
        Some(media) => {
            let kind = media.kind.as_str();
            Some(json!({ "type": kind, kind: file(media, false) }))
        }
        None => text_header(header.as_deref()),
    };
    // The plan lets a link stand only alone.
    if let [button] = buttons.as_slice()
        && let Some(url) = &button.url
    {
        let parameters = json!({ "display_text": button.title, "url": url });
        let action = json!({ "name": "cta_url", "parameters": parameters });
        return interactive("cta_url", header, body, footer.as_deref(), action);
    }
    let replies: Vec<Value> = buttons
        .iter()
        .map(|button| {
            json!({ "type": "reply", "reply": { "id": button.id, "title": button.title } })
        })
        .collect();
    interactive("button", header, body, footer.as_deref(), json!({ "buttons": replies }))
}

fn list(question: &List) -> Value {
    let sections: Vec<Value> = question
        .sections
        .iter()
        .map(|section| {
            let rows: Vec<Value> = section
                .rows
                .iter()
                .map(|row| {
                    let mut line = json!({ "id": row.id, "title": row.title });
                    if let Some(description) = &row.description {
                        line["description"] = json!(description);
                    }
                    line
                })
                .collect();
            let mut group = json!({ "rows": rows });
            if !section.title.is_empty() {
                group["title"] = json!(section.title);
            }
            group
        })
        .collect();
    let action = json!({ "button": question.button, "sections": sections });
    let header = text_header(question.header.as_deref());
    interactive("list", header, &question.body, question.footer.as_deref(), action)
}

fn product(card: &ProductCard) -> Value {
    let action = json!({
        "catalog_id": card.catalog_id,
        "product_retailer_id": card.id,
    });
    interactive("product", None, &card.description, None, action)
}

fn template(template: &Template) -> Value {
    let parameters: Vec<Value> = template
        .params
        .iter()
        .map(|param| {
            let mut value = json!({ "type": "text", "text": param.value });
            if let Some(name) = &param.name {
                value["parameter_name"] = json!(name);
            }
            value
        })
        .collect();
    let mut body = json!({
        "name": template.name,
        "language": { "code": template.language, "policy": "deterministic" },
    });
    if !parameters.is_empty() {
        body["components"] = json!([{ "type": "body", "parameters": parameters }]);
    }
    body
}
