//! Which documents count.

use crate::document::Document;

/// What a document must be to count. Empty lists ask for nothing; within a list one entry suffices,
/// all lists must agree. Texts compare without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Collections.
    pub collections: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// Sources; a part of the source suffices.
    pub sources: Vec<String>,
    /// Languages, ISO 639-1.
    pub languages: Vec<String>,
    /// What the asking person is. A document with audiences needs one of them.
    pub audiences: Vec<String>,
    /// Changed at this time or later, milliseconds since the epoch.
    pub updated_from_ms: Option<i64>,
    /// Changed before this time.
    pub updated_before_ms: Option<i64>,
    /// Fields of the metadata, each of which must have this value.
    pub metadata: Vec<(String, String)>,
}

impl Filter {
    /// Whether a document counts at `now_ms`.
    #[must_use]
    pub fn allows(&self, document: &Document, now_ms: i64) -> bool {
        let one_of = |list: &[String], value: &str| {
            list.is_empty() || list.iter().any(|entry| same(entry, value))
        };
        one_of(&self.collections, &document.collection)
            && one_of(&self.categories, &document.category)
            && one_of(&self.languages, &document.language)
            && (self.sources.is_empty()
                || self.sources.iter().any(|source| contains(&document.source, source)))
            && (document.audiences.is_empty()
                || document
                    .audiences
                    .iter()
                    .any(|wanted| self.audiences.iter().any(|audience| same(audience, wanted))))
            && self.updated_from_ms.is_none_or(|from| document.updated_ms >= from)
            && self.updated_before_ms.is_none_or(|before| document.updated_ms < before)
            && document.expires_ms.is_none_or(|expires| now_ms < expires)
            && self.metadata.iter().all(|(name, value)| {
                document.metadata.iter().any(|(n, v)| same(n, name) && same(v, value))
            })
    }

    /// Both filters at once. Where both name something, what `other` names counts.
    #[must_use]
    pub(crate) fn and(mut self, other: &Self) -> Self {
        let narrow = |mine: &mut Vec<String>, theirs: &[String]| {
            if mine.is_empty() {
                *mine = theirs.to_vec();
            }
        };
        narrow(&mut self.collections, &other.collections);
        narrow(&mut self.categories, &other.categories);
        narrow(&mut self.sources, &other.sources);
        narrow(&mut self.languages, &other.languages);
        self.updated_from_ms = self.updated_from_ms.max(other.updated_from_ms);
        self.updated_before_ms = match (self.updated_before_ms, other.updated_before_ms) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.metadata.extend(other.metadata.iter().cloned());
        self
    }
}

pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}
