use impresario_api::codes;
use serde::Deserialize;

use crate::fault::Fault;
use crate::port::Said;

const MESSAGES_MAX: usize = 500;
const TEXT_CHARS_MAX: usize = 32_000;
const USER_BYTES_MAX: usize = 200;

/// What is read of a request; other members are for other models.
#[derive(Deserialize)]
pub(super) struct Chat {
    pub(super) messages: Vec<Message>,
    #[serde(default)]
    pub(super) stream: Option<bool>,
    #[serde(default)]
    pub(super) stream_options: Option<StreamOptions>,
    #[serde(default)]
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) n: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: bool,
}

#[derive(Deserialize)]
pub(super) struct Message {
    role: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    #[serde(default)]
    text: Option<String>,
}

pub(super) fn invalid(pointer: &str, detail: impl Into<String>) -> Fault {
    Fault::new(&codes::INVALID_REQUEST).detail(detail).pointer(pointer)
}

fn words(place: usize, message: &Message) -> Result<String, Fault> {
    match &message.content {
        None => Ok(String::new()),
        Some(Content::Text(text)) => Ok(text.clone()),
        Some(Content::Parts(parts)) => {
            let mut words = Vec::new();
            for part in parts {
                match part.r#type.as_str() {
                    "text" => words.push(part.text.as_deref().unwrap_or_default()),
                    other => {
                        let pointer = format!("/messages/{place}/content");
                        return Err(invalid(&pointer, format!("{other} cannot be read, text can")));
                    }
                }
            }
            Ok(words.join("\n"))
        }
    }
}

/// What is asked, and what was said before.
pub(super) fn said(messages: &[Message], user: Option<String>) -> Result<Said, Fault> {
    if messages.len() > MESSAGES_MAX {
        return Err(invalid("/messages", format!("at most {MESSAGES_MAX} messages")));
    }
    let mut history = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        match message.role.as_str() {
            "user" => history.push((false, words(place, message)?)),
            "assistant" => history.push((true, words(place, message)?)),
            // How it behaves is what the tenant configured.
            "system" | "developer" | "tool" | "function" => {}
            _ => {
                return Err(invalid(
                    &format!("/messages/{place}/role"),
                    "a role is system, developer, user, assistant or tool",
                ));
            }
        }
    }
    history.retain(|(_, text)| !text.trim().is_empty());
    let text = match history.pop() {
        Some((false, text)) => text,
        Some((true, _)) | None => {
            return Err(invalid("/messages", "the last message is one of the user"));
        }
    };
    if text.chars().count() > TEXT_CHARS_MAX || text.contains('\0') {
        return Err(invalid("/messages", format!("at most {TEXT_CHARS_MAX} characters, no NUL")));
    }
    let user = user.unwrap_or_default();
    if user.len() > USER_BYTES_MAX || user.contains('\0') {
        return Err(invalid("/user", format!("at most {USER_BYTES_MAX} bytes, no NUL")));
    }
    Ok(Said { text, history, user })
}
