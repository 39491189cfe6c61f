use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{Channel, Content, Template, TemplateParam, What, limit, plain};

/// How long a person's message opens the window: 24 hours, in milliseconds.
pub const WINDOW_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long a first message from an advertisement opens it: 72 hours, in milliseconds.
pub const WINDOW_FREE_ENTRY_MS: i64 = 72 * 60 * 60 * 1_000;

/// Until when a person can be written to freely on channels that have a window. Only the person
/// opens it; reports arrive in any order and it never shrinks, except when the platform says that
/// it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// The end, in milliseconds since 1970; none if the person never wrote.
    #[n(0)]
    pub open_until_ms: Option<i64>,
}

impl Window {
    /// After a message of the person, said at `at_ms`; `free_entry` if an advertisement led to it.
    #[must_use]
    pub fn heard(self, at_ms: i64, free_entry: bool) -> Self {
        let length = if free_entry { WINDOW_FREE_ENTRY_MS } else { WINDOW_MS };
        let until = at_ms.saturating_add(length);
        Self { open_until_ms: Some(self.open_until_ms.map_or(until, |known| known.max(until))) }
    }

    /// After the platform refused a message because the window was closed at `at_ms`: its clock
    /// counts. A later message of the person opens it again.
    #[must_use]
    pub fn refused(self, at_ms: i64) -> Self {
        Self { open_until_ms: self.open_until_ms.map(|until| until.min(at_ms)) }
    }

    /// Whether anything may be said now.
    #[must_use]
    pub fn is_open(self, now_ms: i64) -> bool {
        self.open_until_ms.is_some_and(|until| now_ms < until)
    }

    /// Whether these contents may go out on the channel now.
    #[must_use]
    pub fn allows(self, channel: Channel, content: &[Content], now_ms: i64) -> bool {
        !channel.has_window()
            || self.is_open(now_ms)
            || content.iter().all(|item| matches!(item, Content::Template(_)))
    }
}

/// Words as the last value of a template, for when the window is closed. `None` if there is more than
/// words, or more of them than a template's value can hold: values have no line breaks.
#[must_use]
pub fn as_template(content: &[Content], template: &Template, channel: Channel) -> Option<Template> {
    let mut words: Vec<String> = Vec::new();
    for item in content {
        let Content::Text { text } = item else { return None };
        words.extend(plain(text).split_whitespace().map(str::to_owned));
    }
    let value = words.join(" ");
    let fits = limit(channel, What::TemplateParam).is_some_and(|row| row.holds(&value));
    if value.is_empty() || !fits {
        return None;
    }
    let mut template = template.clone();
    template.params.push(TemplateParam { name: None, value });
    Some(template)
}
