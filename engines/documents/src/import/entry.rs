use serde::Serialize;

use super::row::Fields;

/// A knowledge entry as a row says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryDraft {
    /// Its title or question.
    pub title: String,
    /// Its text or answer.
    pub content: String,
    /// Where it belongs, if the row says so.
    pub collection: Option<String>,
    /// Words that it should be found by.
    pub keywords: Vec<String>,
    /// Its shelf; may be empty.
    pub category: String,
    /// -100 to 100.
    pub priority: i32,
    /// Who may be answered from it; empty: everybody.
    pub audience: Vec<String>,
    /// Its language.
    pub language: Option<String>,
    /// The text of a JSON object; may be empty.
    pub metadata: String,
    /// When somebody should look at it, in Unix milliseconds.
    pub review_at_ms: Option<i64>,
    /// When it ends, in Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

impl EntryDraft {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<(Option<String>, Self)> {
        let id = fields.text(&["external_id", "id", "key"]);
        let title = fields.needed(&["title", "question", "name"]);
        let content = fields.needed(&["content", "answer", "text", "body"]);
        let priority = fields.integer(&["priority"], -100, 100);
        let rest = Self {
            title: String::new(),
            content: String::new(),
            collection: fields.text(&["collection"]),
            keywords: fields.list(&["keywords", "tags"]),
            category: fields.text(&["category"]).unwrap_or_default(),
            priority: priority.and_then(|priority| i32::try_from(priority).ok()).unwrap_or(0),
            audience: fields.list(&["audience"]),
            language: fields.text(&["language", "lang", "locale"]),
            metadata: fields.metadata(),
            review_at_ms: fields.time(&["review_at"]),
            expires_at_ms: fields.time(&["expires_at"]),
        };
        Some((id, Self { title: title?, content: content?, ..rest }))
    }
}
