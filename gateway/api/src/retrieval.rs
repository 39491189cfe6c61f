//! Questions to what a tenant knows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Which techniques a search uses; those that are not given are used as the tenant has set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"mmr": true, "rerank": false}))]
pub struct Techniques {
    /// Search by words (BM25).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<bool>,
    /// Search by meaning (vectors).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<bool>,
    /// `weighted` (0.7 meaning, 0.3 words) or `rrf` (by rank).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// Read filters out of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derive_filters: Option<bool>,
    /// Ask the question in several ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_query: Option<bool>,
    /// Correct and expand the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<bool>,
    /// Prefer passages that differ from each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mmr: Option<bool>,
    /// Let a cross-encoder or a reranking API order the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<bool>,
    /// Keep only what fits the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress: Option<bool>,
    /// Give the section around each passage too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parents: Option<bool>,
    /// Follow what was found to what it speaks of, within bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_hop: Option<bool>,
}

/// How the results of searching by words and by meaning become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fusion {
    /// By weight.
    Weighted,
    /// By rank.
    Rrf,
}

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"query": "how long can I return shoes", "collections": ["product-docs"], "limit": 5}))]
pub struct SearchKnowledge {
    /// The question, 1 to 2 000 characters.
    pub query: String,
    /// Only in these collections; everywhere if empty.
    #[serde(default)]
    pub collections: Vec<String>,
    /// Only documents whose fields have these values: `category`, `source`, `language`, or a name
    /// of their metadata. A list means one of them.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filters: Map<String, Value>,
    /// Only documents for everybody or for one of these labels.
    #[serde(default)]
    pub audience: Vec<String>,
    /// How many passages at most: 1 to 50, 10 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub limit: Option<u32>,
    /// Which techniques to use.
    #[serde(default)]
    pub techniques: Techniques,
    /// Whether to say what each technique contributed.
    #[serde(default)]
    pub trace: bool,
}

/// A passage that fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "document": "doc_01jd5x2k3m4n5p6q7r8s9t0v1w", "chunk": "3f6b1c0a9d2e4f5a",
    "collection": "product-docs", "title": "Returns", "path": ["Returns"], "page": null,
    "score": 0.83, "text": "Send it back within 30 days.", "parent": null
}))]
pub struct Passage {
    /// The document.
    pub document: String,
    /// The chunk within it.
    pub chunk: String,
    /// The document's collection.
    pub collection: String,
    /// The document's title.
    pub title: String,
    /// The headings above the passage.
    pub path: Vec<String>,
    /// The page, from 1.
    pub page: Option<u32>,
    /// How well it fits, higher is better; comparable within one answer only.
    pub score: f32,
    /// The passage, compressed if that was used.
    pub text: String,
    /// The section around it, if that was asked for.
    pub parent: Option<String>,
}

/// The passages that fit best.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchReply {
    /// The best first.
    pub passages: Vec<Passage>,
    /// `hybrid`, `keyword` (no vectors are there) or `dense`.
    pub mode: String,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// What each technique contributed, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub trace: Option<Value>,
}

/// A question to be answered out of what the tenant knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"question": "how long can I return shoes"}))]
pub struct AskKnowledge {
    /// The question, 1 to 2 000 characters.
    pub question: String,
    /// Only in these collections; everywhere if empty.
    #[serde(default)]
    pub collections: Vec<String>,
    /// As when searching.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filters: Map<String, Value>,
    /// As when searching.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Which techniques to use.
    #[serde(default)]
    pub techniques: Techniques,
    /// Whether a model may write the answer, where one is configured (yes if not given). Otherwise
    /// it is made of sentences of the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<bool>,
    /// Whether to say what each technique contributed.
    #[serde(default)]
    pub trace: bool,
}

/// Where a sentence of an answer comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "document": "doc_01jd5x2k3m4n5p6q7r8s9t0v1w", "chunk": "3f6b1c0a9d2e4f5a",
    "title": "Returns", "page": null, "quote": "Send it back within 30 days."
}))]
pub struct Citation {
    /// The document.
    pub document: String,
    /// The chunk within it.
    pub chunk: String,
    /// The document's title.
    pub title: String,
    /// The page, from 1.
    pub page: Option<u32>,
    /// The words that bear the sentence out.
    pub quote: String,
}

/// A sentence of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnswerSentence {
    /// The sentence.
    pub text: String,
    /// Numbers of the answer's citations, from 1.
    pub citations: Vec<u32>,
    /// How well the citations bear it out: 0 to 1.
    pub support: f32,
}

/// An answer whose sentences are borne out by what is cited, or an abstention.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "text": "Send it back within 30 days. [1]", "abstained": false, "confidence": 0.91,
    "path": "extractive", "model": null, "cost_micros": 0, "took_ms": 12, "call": null,
    "sentences": [{"text": "Send it back within 30 days.", "citations": [1], "support": 1.0}],
    "citations": [{"document": "doc_01jd5x2k3m4n5p6q7r8s9t0v1w", "chunk": "3f6b1c0a9d2e4f5a",
        "title": "Returns", "page": null, "quote": "Send it back within 30 days."}]
}))]
pub struct Answered {
    /// The answer, with the numbers of its citations.
    pub text: String,
    /// Whether nothing was found that bears an answer out.
    pub abstained: bool,
    /// How likely the answer is right: 0 to 1.
    pub confidence: f32,
    /// `generated` or `extractive`.
    pub path: String,
    /// The model that wrote it.
    pub model: Option<String>,
    /// What it cost, in millionths of a US dollar.
    pub cost_micros: i64,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// The last model call, if there was one; a cached one too.
    pub call: Option<String>,
    /// Sentence by sentence.
    pub sentences: Vec<AnswerSentence>,
    /// What is cited, the first is number 1.
    pub citations: Vec<Citation>,
    /// What each technique contributed, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub trace: Option<Value>,
}

/// How fresh the index of what a tenant knows is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "mode": "hybrid", "model": "all-minilm-l6-v2@0123456789abcdef", "dimensions": 384,
    "documents": 120, "chunks": 900, "embedded": 880, "waiting": 20, "fresh": false,
    "indexed_at": "2026-11-20T12:00:00.000Z", "building": null, "notes": []
}))]
pub struct KnowledgeStatus {
    /// `hybrid`, or `keyword` as long as there are no vectors.
    pub mode: String,
    /// The embedding model in use.
    pub model: Option<String>,
    /// The length of its vectors.
    pub dimensions: Option<u32>,
    /// Documents in the index.
    pub documents: u64,
    /// Chunks in the index.
    pub chunks: u64,
    /// Chunks with a vector of the model in use.
    pub embedded: u64,
    /// Chunks that wait for one.
    pub waiting: u64,
    /// Whether everything saved so far is in the index.
    pub fresh: bool,
    /// When the index last took something up.
    pub indexed_at: Option<String>,
    /// The model whose index is being built beside it.
    pub building: Option<String>,
    /// What people should know, for example that no weights are installed.
    pub notes: Vec<String>,
}
