//! What a tenant knows, in memory.

use std::collections::BTreeMap;

use crate::QUESTION_TERMS_MAX;
use crate::document::{Chunk, Document, DocumentKey};
use crate::filter::Filter;
use crate::lexical::{Bag, Group, Lexical};
use crate::stopwords::is_stopword;
use crate::words::{self, Vocabulary, raw_words, stemmer, term};

/// What a synonym counts against the word itself.
const SYNONYM_WEIGHT: f32 = 0.7;
/// Words of a question are stemmed by so many of the documents' languages, besides its own.
const OTHER_LANGUAGES_MAX: usize = 3;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) document: u32,
    pub(crate) chunk: u32,
}

/// How many documents say something; to derive filters from.
type Counts = BTreeMap<String, usize>;

/// Documents and their words. Vectors are elsewhere, under the same keys.
#[derive(Debug, Default)]
pub struct Index {
    vocabulary: Vocabulary,
    documents: Vec<Option<Document>>,
    free_documents: Vec<u32>,
    by_id: BTreeMap<DocumentKey, u32>,
    chunks: Vec<Option<Place>>,
    free_chunks: Vec<u32>,
    by_key: BTreeMap<u64, u32>,
    pub(crate) lexical: Lexical,
    languages: Counts,
    categories: Counts,
    collections: Counts,
    sources: Counts,
}

impl Index {
    /// An empty one, with the tenant's synonyms.
    #[must_use]
    pub fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary, ..Self::default() }
    }

    /// Adds a document or replaces the one of the same id. Chunks whose key another document has
    /// already are left out. Answers how many chunks it has now.
    pub fn put(&mut self, mut document: Document) -> usize {
        self.remove(&document.id);
        document.chunks.retain(|chunk| !self.by_key.contains_key(&chunk.key));
        let number = self.free_documents.pop().unwrap_or_else(|| {
            self.documents.push(None);
            index_u32(self.documents.len() - 1)
        });
        let mut kept = 0;
        for (at, chunk) in document.chunks.iter().enumerate() {
            if self.by_key.contains_key(&chunk.key) {
                continue;
            }
            let slot = self.free_chunks.pop().unwrap_or_else(|| {
                self.chunks.push(None);
                index_u32(self.chunks.len() - 1)
            });
            self.chunks[slot as usize] = Some(Place { document: number, chunk: index_u32(at) });
            self.by_key.insert(chunk.key, slot);
            self.lexical.add(slot, &bag(&document, chunk));
            kept += 1;
        }
        self.count(&document, true);
        self.by_id.insert(document.id, number);
        self.documents[number as usize] = Some(document);
        kept
    }

    /// Takes a document out; answers whether it was there.
    pub fn remove(&mut self, id: &DocumentKey) -> bool {
        let Some(number) = self.by_id.remove(id) else { return false };
        let Some(document) = self.documents[number as usize].take() else { return false };
        self.count(&document, false);
        for (at, chunk) in document.chunks.iter().enumerate() {
            let Some(slot) = self.by_key.get(&chunk.key).copied() else { continue };
            let ours = self.chunks[slot as usize]
                .is_some_and(|place| place.document == number && place.chunk == index_u32(at));
            if ours {
                self.by_key.remove(&chunk.key);
                self.lexical.remove(slot, &bag(&document, chunk));
                self.chunks[slot as usize] = None;
                self.free_chunks.push(slot);
            }
        }
        self.free_documents.push(number);
        true
    }

    fn count(&mut self, document: &Document, there: bool) {
        let all = [
            (&mut self.languages, &document.language),
            (&mut self.categories, &document.category),
            (&mut self.collections, &document.collection),
            (&mut self.sources, &document.source),
        ];
        for (counts, value) in all {
            if value.is_empty() {
                continue;
            }
            let count = counts.entry(value.clone()).or_default();
            *count = if there { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                counts.remove(value);
            }
        }
    }

    /// A document.
    #[must_use]
    pub fn document(&self, id: &DocumentKey) -> Option<&Document> {
        self.by_id.get(id).and_then(|number| self.documents[*number as usize].as_ref())
    }

    /// A chunk and its document.
    #[must_use]
    pub fn chunk(&self, key: u64) -> Option<(&Document, &Chunk)> {
        self.by_key.get(&key).and_then(|slot| self.at(*slot))
    }

    pub(crate) fn slot(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn at(&self, slot: u32) -> Option<(&Document, &Chunk)> {
        let place = self.chunks.get(slot as usize).copied().flatten()?;
        let document = self.documents[place.document as usize].as_ref()?;
        Some((document, document.chunks.get(place.chunk as usize)?))
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.by_key.len()
    }

    /// Whether a chunk is here and its document passes the filter: for the search over vectors.
    #[must_use]
    pub fn allows(&self, filter: &Filter, now_ms: i64, key: u64) -> bool {
        self.chunk(key).is_some_and(|(document, _)| filter.allows(document, now_ms))
    }

    /// By slot, whether the chunk passes; `None` if all do.
    pub(crate) fn allowed(&self, filter: &Filter, now_ms: i64) -> Option<Vec<bool>> {
        let pass: Vec<bool> = self
            .documents
            .iter()
            .map(|document| document.as_ref().is_some_and(|one| filter.allows(one, now_ms)))
            .collect();
        let all = self.documents.iter().zip(&pass).all(|(one, pass)| one.is_none() || *pass);
        if all {
            return None;
        }
        let of = |place: &Option<Place>| place.is_some_and(|place| pass[place.document as usize]);
        Some(self.chunks.iter().map(of).collect())
    }

    /// The most frequent language of the documents, or English.
    pub(crate) fn language(&self) -> String {
        let most =
            self.languages.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)));
        most.map_or_else(|| "en".to_owned(), |(name, _)| name.clone())
    }

    pub(crate) fn categories(&self) -> impl Iterator<Item = &str> {
        self.categories.keys().map(String::as_str)
    }

    pub(crate) fn collections(&self) -> impl Iterator<Item = &str> {
        self.collections.keys().map(String::as_str)
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// What a text asks for, word by word.
    pub(crate) fn groups(&self, text: &str, language: &str, synonyms: bool) -> Vec<Group> {
        let mut others: Vec<(&String, &usize)> =
            self.languages.iter().filter(|(name, _)| *name != language).collect();
        others.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let languages = others.into_iter().take(OTHER_LANGUAGES_MAX).map(|(name, _)| name.as_str());
        let stemmers: Vec<_> = std::iter::once(language).chain(languages).map(stemmer).collect();
        let mut groups: Vec<Group> = Vec::new();
        let mut add = |forms: Vec<(String, f32)>| {
            if let Some(group) = groups.iter_mut().find(|group| group.forms == forms) {
                group.count += 1.0;
            } else if groups.len() < QUESTION_TERMS_MAX {
                groups.push(Group { forms, count: 1.0, idf: 0.0 });
            }
        };
        for (_, word) in raw_words(text) {
            if is_stopword(&word, language) {
                continue;
            }
            let mut forms: Vec<(String, f32)> = Vec::new();
            let mut push = |form: String, weight: f32| {
                if !forms.iter().any(|(other, _)| *other == form) {
                    forms.push((form, weight));
                }
            };
            stemmers.iter().for_each(|stemmer| push(term(&word, stemmer.as_ref()), 1.0));
            let same = if synonyms { self.vocabulary.of(&word) } else { &[] };
            same.iter().for_each(|other| push(term(other, stemmers[0].as_ref()), SYNONYM_WEIGHT));
            // Forms that nobody uses cost nothing and say nothing; the word itself stays.
            let known =
                |(at, (form, _)): &(usize, (String, f32))| *at == 0 || self.lexical.has(form);
            add(forms.into_iter().enumerate().filter(known).map(|(_, form)| form).collect());
        }
        words::pairs(text).for_each(|pair| add(vec![(pair, 1.0)]));
        for group in &mut groups {
            let known = group.forms.iter().filter(|(form, _)| self.lexical.has(form));
            let rarest =
                known.map(|(form, _)| self.lexical.idf(form)).fold(f32::INFINITY, f32::min);
            let unknown = self.lexical.idf(&group.forms[0].0);
            group.idf = if rarest.is_finite() { rarest } else { unknown };
        }
        groups
    }

    /// Bytes on the heap, nearly; texts included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let texts: usize = self
            .documents
            .iter()
            .flatten()
            .map(|document| {
                let chunks = document.chunks.iter();
                chunks
                    .map(|chunk| chunk.text.capacity() + chunk.heading.capacity() + 80)
                    .sum::<usize>()
                    + document.title.capacity()
                    + 400
            })
            .sum();
        texts
            + self.lexical.memory_bytes()
            + self.chunks.capacity() * 40
            + self.documents.capacity() * 8
    }

    /// Gives back memory that growing reserved; worth it after a large import.
    pub fn shrink(&mut self) {
        self.lexical.shrink();
    }
}

/// The words of a chunk, as they are counted.
fn bag(document: &Document, chunk: &Chunk) -> Bag {
    let mut bag = Bag::default();
    words::terms(&chunk.text, &document.language, |term| bag.body.push(term));
    let keywords = document.keywords.iter().map(String::as_str);
    for text in [document.title.as_str(), chunk.heading.as_str()].into_iter().chain(keywords) {
        words::terms(text, &document.language, |term| bag.head.push(term));
    }
    bag
}

/// Four thousand million chunks do not fit into the memory of one machine.
fn index_u32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
