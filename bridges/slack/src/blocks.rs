use impresario_messages::{Button, Buttons, Channel, List, Media, Rendered, Row, plain, text_for};
use serde_json::{Map, Value, json};

/// The most characters of an image's words.
const ALT_CHARS_MAX: usize = 1_900;

/// The fields of `chat.postMessage` that are the message itself: `text` for notifications and
/// readers, `blocks` for what has more than words. None for what is no message (a reaction).
#[must_use]
pub fn message(rendered: &Rendered) -> Option<Map<String, Value>> {
    let wire = |text: &str| text_for(text, Channel::Slack);
    let (text, blocks) = match rendered {
        Rendered::Text { text } => (wire(text), Vec::new()),
        Rendered::Media(media) => picture(media),
        Rendered::Buttons(question) => (wire(&question.body), buttons(question)),
        Rendered::List(question) => (wire(&question.body), list(question)),
        // The plan gives none of these for this channel.
        Rendered::Reaction { .. }
        | Rendered::Location(_)
        | Rendered::Contact(_)
        | Rendered::Product(_)
        | Rendered::Template(_) => return None,
    };
    let mut fields = Map::new();
    fields.insert("text".into(), json!(text));
    if blocks.is_empty() {
        fields.insert("mrkdwn".into(), json!(true));
    } else {
        fields.insert("blocks".into(), json!(blocks));
    }
    Some(fields)
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text_for(text, Channel::Slack) })
}

fn words(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": true })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

fn image(media: &Media) -> Value {
    let alt = media.caption.as_deref().map(plain);
    let alt = alt.or_else(|| media.name.clone()).unwrap_or_else(|| media.kind.as_str().to_owned());
    let alt: String = alt.chars().take(ALT_CHARS_MAX).collect();
    json!({ "type": "image", "image_url": media.id_or_url, "alt_text": alt })
}

fn picture(media: &Media) -> (String, Vec<Value>) {
    let caption = media.caption.as_deref();
    let above = caption.map(section);
    let text = caption.or(media.name.as_deref()).unwrap_or(media.kind.as_str());
    (text_for(text, Channel::Slack), above.into_iter().chain([image(media)]).collect())
}

fn frame(
    header: Option<&str>,
    media: Option<&Media>,
    body: &str,
    middle: Vec<Value>,
    footer: Option<&str>,
) -> Vec<Value> {
    let mut blocks = Vec::new();
    blocks.extend(header.map(|text| json!({ "type": "header", "text": words(text) })));
    blocks.extend(media.map(image));
    blocks.push(section(body));
    blocks.extend(middle);
    blocks.extend(footer.map(|text| json!({ "type": "context", "elements": [words(text)] })));
    blocks
}

fn button(index: usize, button: &Button) -> Value {
    let mut element = json!({
        "type": "button",
        "action_id": format!("impresario_{index}"),
        "text": words(&button.title),
    });
    match &button.url {
        Some(url) => element["url"] = json!(url),
        None => element["value"] = json!(button.id),
    }
    element
}

fn buttons(question: &Buttons) -> Vec<Value> {
    let elements: Vec<Value> =
        question.buttons.iter().enumerate().map(|(index, it)| button(index, it)).collect();
    let actions = json!({ "type": "actions", "elements": elements });
    let Buttons { header, media, body, footer, .. } = question;
    frame(header.as_deref(), media.as_ref(), body, vec![actions], footer.as_deref())
}

fn option(row: &Row) -> Value {
    let mut option = json!({ "text": words(&row.title), "value": row.id });
    if let Some(description) = &row.description {
        option["description"] = words(description);
    }
    option
}

fn list(question: &List) -> Vec<Value> {
    let mut select = json!({
        "type": "static_select",
        "action_id": "impresario_list",
        "placeholder": words(&question.button),
    });
    let options = |rows: &[Row]| rows.iter().map(option).collect::<Vec<_>>();
    match question.sections.as_slice() {
        [only] if only.title.is_empty() => select["options"] = json!(options(&only.rows)),
        sections => {
            let groups: Vec<Value> = sections
                .iter()
                .map(|group| json!({ "label": words(&group.title), "options": options(&group.rows) }))
                .collect();
            select["option_groups"] = json!(groups);
        }
    }
    let actions = json!({ "type": "actions", "elements": [select] });
    let List { header, body, footer, .. } = question;
    frame(header.as_deref(), None, body, vec![actions], footer.as_deref())
}
