use impresario_messages::{Buttons, Channel, List, Rendered, Row, text_for};
use serde_json::{Map, Value, json};

/// What a content template of ours looks like, without its texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// So many buttons.
    QuickReply(usize),
    /// So many rows: whether each has a second line.
    ListPicker(Vec<bool>),
}

impl Shape {
    /// The name by which it is found again.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::QuickReply(count) => format!("impresario_quick_reply_{count}"),
            Self::ListPicker(rows) => {
                let rows: String = rows.iter().map(|more| if *more { 'd' } else { 't' }).collect();
                format!("impresario_list_picker_{rows}")
            }
        }
    }

    /// The body of `POST /v1/Content` that makes it: every text is a variable.
    #[must_use]
    pub fn template(&self, language: &str) -> Value {
        let mut variables = Map::new();
        let mut next = |example: &str| {
            let number = variables.len() + 1;
            variables.insert(number.to_string(), json!(example));
            format!("{{{{{number}}}}}")
        };
        let body = next("Question");
        let types = match self {
            Self::QuickReply(count) => {
                let actions: Vec<Value> = (0..*count)
                    .map(|_| json!({ "type": "QUICK_REPLY", "title": next("Answer"), "id": next("id") }))
                    .collect();
                json!({ "twilio/quick-reply": { "body": body, "actions": actions } })
            }
            Self::ListPicker(rows) => {
                let button = next("Open");
                let items: Vec<Value> = rows
                    .iter()
                    .map(|more| {
                        let mut item = json!({ "item": next("Row"), "id": next("id") });
                        if *more {
                            item["description"] = json!(next("More"));
                        }
                        item
                    })
                    .collect();
                json!({ "twilio/list-picker": { "body": body, "button": button, "items": items } })
            }
        };
        json!({
            "friendly_name": self.name(),
            "language": language,
            "variables": variables,
            "types": types,
        })
    }
}

/// The shape that a message needs, with the texts for its variables in order.
pub(crate) fn shape(rendered: &Rendered) -> Option<(Shape, Vec<String>)> {
    match rendered {
        Rendered::Buttons(buttons) => Some(quick_reply(buttons)),
        Rendered::List(list) => Some(list_picker(list)),
        Rendered::Text { .. }
        | Rendered::Media(_)
        | Rendered::Location(_)
        | Rendered::Contact(_)
        | Rendered::Reaction { .. }
        | Rendered::Product(_)
        | Rendered::Template(_) => None,
    }
}

fn quick_reply(buttons: &Buttons) -> (Shape, Vec<String>) {
    let mut texts = vec![text_for(&buttons.body, Channel::Twilio)];
    for button in &buttons.buttons {
        texts.extend([button.title.clone(), button.id.clone()]);
    }
    (Shape::QuickReply(buttons.buttons.len()), texts)
}

fn list_picker(list: &List) -> (Shape, Vec<String>) {
    let rows: Vec<&Row> = list.sections.iter().flat_map(|section| &section.rows).collect();
    let mut texts = vec![text_for(&list.body, Channel::Twilio), list.button.clone()];
    for row in &rows {
        texts.extend([row.title.clone(), row.id.clone()]);
        texts.extend(row.description.clone());
    }
    (Shape::ListPicker(rows.iter().map(|row| row.description.is_some()).collect()), texts)
}

/// The fields of `POST …/Messages.json` that are the message itself. `content_sid` is the template
/// for a message that needs one of ours.
#[must_use]
pub fn form(rendered: &Rendered, content_sid: Option<&str>) -> Vec<(&'static str, String)> {
    let wire = |text: &str| text_for(text, Channel::Twilio);
    if let (Some(sid), Some((_, texts))) = (content_sid, shape(rendered)) {
        let numbered =
            texts.iter().enumerate().map(|(at, text)| ((at + 1).to_string(), json!(text)));
        let variables = Value::Object(numbered.collect());
        return vec![("ContentSid", sid.to_owned()), ("ContentVariables", variables.to_string())];
    }
    match rendered {
        Rendered::Text { text } => vec![("Body", wire(text))],
        Rendered::Media(media) => {
            let caption = media.caption.as_deref().map(|text| ("Body", wire(text)));
            caption.into_iter().chain([("MediaUrl", media.id_or_url.clone())]).collect()
        }
        Rendered::Location(place) => {
            let name = place.name.as_deref().or(place.address.as_deref()).unwrap_or_default();
            let (north, east) = (place.latitude, place.longitude);
            let label = name.replace(['|', ','], " ");
            let name = if name.is_empty() { format!("{north}, {east}") } else { name.to_owned() };
            vec![("Body", name), ("PersistentAction", format!("geo:{north},{east}|{label}"))]
        }
        Rendered::Template(template) => {
            let variables: Map<String, Value> = template
                .params
                .iter()
                .enumerate()
                .map(|(at, param)| {
                    let name = param.name.clone().unwrap_or_else(|| (at + 1).to_string());
                    (name, json!(param.value))
                })
                .collect();
            let mut fields = vec![("ContentSid", template.name.clone())];
            if !variables.is_empty() {
                fields.push(("ContentVariables", Value::Object(variables).to_string()));
            }
            fields
        }
        // The plan gives none of these for this channel.
        Rendered::Buttons(_)
        | Rendered::List(_)
        | Rendered::Contact(_)
        | Rendered::Reaction { .. }
        | Rendered::Product(_) => Vec::new(),
    }
}
