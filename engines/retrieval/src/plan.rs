//! From a question to what is searched for.

use crate::derive;
use crate::filter::Filter;
use crate::index::Index;
use crate::lexical::Group;
use crate::{HOPS_MAX, QUESTION_BYTES_MAX, SUBQUERIES_MAX};

/// How the two searches become one ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fusion {
    /// `dense * cosine + (1 - dense) * share of the best possible BM25 score`. Both are bounded for
    /// each question, so a search that found nothing good does not pull the other one down.
    Weighted {
        /// Weight of the vectors, from 0 to 1.
        dense: f32,
    },
    /// As `Weighted`, but each search stretched to 0..1 over its own candidates.
    MinMax {
        /// Weight of the vectors, from 0 to 1.
        dense: f32,
    },
    /// Reciprocal ranks: `1 / (k + rank)` from each search.
    ReciprocalRank {
        /// How little the first ranks stand out; 60 is usual.
        k: f32,
    },
}

/// Which techniques a question goes through.
#[derive(Clone, Debug, PartialEq)]
pub struct Techniques {
    /// BM25.
    pub lexical: bool,
    /// Vectors.
    pub dense: bool,
    /// How both become one.
    pub fusion: Fusion,
    /// The question's vector is moved towards its three best hits and asked again.
    pub feedback: bool,
    /// Filters derived from the question.
    pub derive_filters: bool,
    /// Newer documents first, also where the question does not ask for it.
    pub recency: bool,
    /// The documents' priority counts.
    pub priority: bool,
    /// Greetings and courtesies are taken out.
    pub rewriting: bool,
    /// The tenant's synonyms are searched for too.
    pub synonyms: bool,
    /// Questions of several parts are asked part by part.
    pub multi_query: bool,
    /// How many further questions an answer may lead to, at most [`HOPS_MAX`]. Each costs an embedding
    /// and a search, so usually none: for questions that go from one thing to another.
    pub hops: u8,
    /// Maximal marginal relevance: the weight of relevance against novelty, from 0 to 1.
    pub mmr: Option<f32>,
    /// Scores of a reranker count, if some are handed in.
    pub rerank: bool,
    /// Passages say which of their sentences matter.
    pub compress: bool,
    /// Passages come with what stands around them.
    pub parents: bool,
}

impl Default for Techniques {
    fn default() -> Self {
        Self {
            lexical: true,
            dense: true,
            fusion: Fusion::Weighted { dense: 0.7 },
            feedback: true,
            derive_filters: true,
            recency: false,
            priority: true,
            rewriting: true,
            synonyms: true,
            multi_query: true,
            hops: 0,
            mmr: Some(0.9),
            rerank: true,
            compress: true,
            parents: true,
        }
    }
}

/// A question to an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The question; of it, [`QUESTION_BYTES_MAX`] bytes are read.
    pub text: String,
    /// How many passages are wanted; 0 stands for 10.
    pub count: usize,
    /// What is done.
    pub techniques: Techniques,
    /// What counts.
    pub filter: Filter,
    /// The time, milliseconds since the epoch.
    pub now_ms: i64,
    /// Its language, ISO 639-1; empty: the most frequent one of the documents.
    pub language: String,
}

impl Query {
    /// A question with everything else as usual.
    #[must_use]
    pub fn new(text: &str, now_ms: i64) -> Self {
        Self { text: text.to_owned(), now_ms, ..Self::default() }
    }
}

/// A text to embed and search for.
#[derive(Clone, Debug)]
pub struct Subquery {
    /// The text.
    pub text: String,
    /// What its scores count.
    pub weight: f32,
    pub(crate) groups: Vec<Group>,
}

/// What will be searched for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The question it is made of.
    pub query: Query,
    /// The texts, the whole question first. Embed each.
    pub queries: Vec<Subquery>,
    /// The filter of the question and, while it leaves something, the derived one.
    pub filter: Filter,
    /// What was derived from the question's words, if anything.
    pub derived: Option<Filter>,
    pub(crate) newest_first: bool,
    pub(crate) hop: u8,
}

impl Index {
    /// Plans a question: rewritten, decomposed, with what its words say about the documents.
    #[must_use]
    pub fn plan(&self, query: &Query) -> Plan {
        let mut query = query.clone();
        truncate(&mut query.text, QUESTION_BYTES_MAX);
        query.techniques.hops = query.techniques.hops.min(HOPS_MAX);
        if query.count == 0 {
            query.count = 10;
        }
        if query.language.is_empty() {
            query.language = self.language();
        }
        let whole =
            if query.techniques.rewriting { rewrite(&query.text) } else { query.text.clone() };
        let mut queries = vec![self.subquery(&whole, 1.0, &query)];
        if query.techniques.multi_query {
            for part in decompose(&whole).into_iter().take(SUBQUERIES_MAX - 1) {
                queries.push(self.subquery(&part, 0.95, &query));
            }
        }
        let wishes = if query.techniques.derive_filters {
            derive::wishes(&query.text, query.now_ms, self)
        } else {
            derive::Wishes::default()
        };
        let newest_first = query.techniques.recency || wishes.newest_first;
        let derived = wishes.filter;
        let filter = match &derived {
            Some(derived) => query.filter.clone().and(derived),
            None => query.filter.clone(),
        };
        Plan { query, queries, filter, derived, newest_first, hop: 0 }
    }

    pub(crate) fn subquery(&self, text: &str, weight: f32, query: &Query) -> Subquery {
        let groups = self.groups(text, &query.language, query.techniques.synonyms);
        Subquery { text: text.to_owned(), weight, groups }
    }
}

fn truncate(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let mut end = bytes;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

const COURTESIES: &[&str] = &[
    "hi there",
    "hello there",
    "good morning",
    "good afternoon",
    "good evening",
    "hello",
    "hallo",
    "hey",
    "hi",
    "please",
    "excuse me",
    "i would like to know",
    "i'd like to know",
    "i want to know",
    "i was wondering",
    "i am wondering",
    "can you tell me",
    "could you tell me",
    "can you please tell me",
    "could you please tell me",
    "do you know",
    "thank you very much",
    "thanks a lot",
    "thank you",
    "thanks",
];

/// The question without greetings and courtesies at its ends; itself if nothing else is in it.
pub(crate) fn rewrite(text: &str) -> String {
    let edge = |c: char| c.is_whitespace() || matches!(c, ',' | '!' | ':' | ';' | '.');
    let mut rest = text.trim();
    loop {
        let before = rest;
        for courtesy in COURTESIES {
            if let Some(after) = strip_start(rest, courtesy) {
                rest = after.trim_start_matches(edge);
            }
            if let Some(front) = strip_end(rest, courtesy) {
                rest = front.trim_end_matches(|c: char| edge(c) && c != '.');
            }
        }
        if rest == before {
            break;
        }
    }
    if rest.chars().any(char::is_alphanumeric) { rest.to_owned() } else { text.trim().to_owned() }
}

fn strip_start<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let head = text.get(..phrase.len())?;
    let rest = &text[phrase.len()..];
    let whole = rest.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '\'' && c != '-');
    (head.eq_ignore_ascii_case(phrase) && whole).then_some(rest)
}

fn strip_end<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '!' | '.' | ','));
    let at = text.len().checked_sub(phrase.len())?;
    let tail = text.get(at..)?;
    let front = &text[..at];
    let whole = front.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
    (tail.eq_ignore_ascii_case(phrase) && whole).then_some(front)
}

/// Words that begin a question of their own after "and".
const OPENERS: &[&str] = &[
    "what", "how", "where", "when", "why", "who", "which", "can", "could", "do", "does", "is",
    "are", "will", "should", "wie", "was", "wo", "wann", "warum", "wer", "comment", "où", "quand",
    "pourquoi", "qué", "cómo", "dónde", "cuándo",
];

/// The parts of a question that asks for several things; empty if it asks for one.
pub(crate) fn decompose(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for piece in text.split_inclusive(['?', '\n']) {
        let mut from = 0;
        for (at, _) in piece.match_indices(' ') {
            let rest = &piece[at + 1..];
            let joined = ["and ", "und ", "et ", "y "].iter().find_map(|and| strip_word(rest, and));
            let opens = joined.is_some_and(|rest| {
                OPENERS.iter().any(|opener| strip_start(rest, opener).is_some())
            });
            if let (true, Some(rest)) = (opens, joined) {
                parts.push(piece[from..at].to_owned());
                from = piece.len() - rest.len();
            }
        }
        parts.push(piece[from..].to_owned());
    }
    let trimmed: Vec<String> = parts
        .iter()
        .map(|part| part.trim().trim_end_matches(',').to_owned())
        .filter(|part| part.split_whitespace().count() >= 3)
        .collect();
    if trimmed.len() < 2 { Vec::new() } else { trimmed }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}
