use impresario_messages::{Button, Channel, List, Media, Rendered, Row, text_for};
use serde_json::{Map, Value, json};

/// How many buttons stand in one row.
const ROW_BUTTONS: usize = 5;

/// The fields of "create message" that are the message itself. None for what is no message (a
/// reaction).
#[must_use]
pub fn message(rendered: &Rendered) -> Option<Map<String, Value>> {
    let wire = |text: &str| text_for(text, Channel::Discord);
    let mut fields = Map::new();
    match rendered {
        Rendered::Text { text } => {
            fields.insert("content".into(), json!(wire(text)));
        }
        Rendered::Media(media) => {
            if let Some(caption) = &media.caption {
                fields.insert("content".into(), json!(wire(caption)));
            }
            fields.insert("embeds".into(), json!([picture(media)]));
        }
        Rendered::Buttons(question) => {
            fields.insert("content".into(), json!(wire(&question.body)));
            if let Some(media) = &question.media {
                fields.insert("embeds".into(), json!([picture(media)]));
            }
            let rows: Vec<Value> = question
                .buttons
                .chunks(ROW_BUTTONS)
                .map(|row| json!({ "type": 1, "components": row.iter().map(button).collect::<Vec<_>>() }))
                .collect();
            fields.insert("components".into(), json!(rows));
        }
        Rendered::List(question) => {
            fields.insert("content".into(), json!(wire(&question.body)));
            fields.insert("components".into(), json!(menus(question)));
        }
        // The plan gives none of these for this channel.
        Rendered::Reaction { .. }
        | Rendered::Location(_)
        | Rendered::Contact(_)
        | Rendered::Product(_)
        | Rendered::Template(_) => return None,
    }
    fields.insert("allowed_mentions".into(), json!({ "parse": [] }));
    Some(fields)
}

fn picture(media: &Media) -> Value {
    json!({ "image": { "url": media.id_or_url } })
}

fn button(button: &Button) -> Value {
    match &button.url {
        Some(url) => json!({ "type": 2, "style": 5, "label": button.title, "url": url }),
        None => json!({ "type": 2, "style": 1, "label": button.title, "custom_id": button.id }),
    }
}

fn option(row: &Row) -> Value {
    let mut option = json!({ "label": row.title, "value": row.id });
    if let Some(description) = &row.description {
        option["description"] = json!(description);
    }
    option
}

/// One menu per section, with the section's title in it.
fn menus(question: &List) -> Vec<Value> {
    let menu = |(index, section): (usize, &impresario_messages::Section)| {
        let title = if section.title.is_empty() { &question.button } else { &section.title };
        let options: Vec<Value> = section.rows.iter().map(option).collect();
        let select = json!({
            "type": 3,
            "custom_id": format!("impresario_list_{index}"),
            "placeholder": title,
            "options": options,
        });
        json!({ "type": 1, "components": [select] })
    };
    question.sections.iter().enumerate().map(menu).collect()
}
