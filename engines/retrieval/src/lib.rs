//! Finding and proving answers: lexical index, fusion with vectors, diversity, compression, extractive
//! answers with citations, verification, confidence, evaluation (KNO-12 to KNO-21, KNO-26).
//!
//! One [`Index`] holds what one tenant knows, in memory, and is rebuilt from the documents. A question
//! goes through it in steps, each of which can be switched ([`Techniques`]) and is recorded
//! ([`Trace`]):
//!
//! ```text
//! plan        rewrite, decompose, derive filters          -> texts to embed
//! candidates  BM25 + vectors, fused; feedback; boosts     -> at most 50
//! finish      rerank (scores handed in), MMR, compress, parents
//! hop         what is still uncovered, asked again         (bounded)
//! extract     best supported sentences, cited, with a confidence, or an abstention
//! verify      is this sentence what the cited text says?
//! ```
//!
//! - T1: adding and removing a document leaves the index as if it had never been there: same scores,
//!   same statistics.
//! - T2: a document that a filter excludes, or that was removed, is in no result.
//! - T3: a filter that was only derived from the question never empties the answer: if nothing is
//!   left, it is dropped and the trace says so.
//! - T4: every citation's span lies on character borders of the cited chunk and, in an extractive
//!   answer, the cited bytes are the sentence.
//! - T5: [`verify`] calls nothing supported that contains a number, a name or a negation that the
//!   cited text contradicts.
//! - T6: same documents, same question, same vectors, same clock: same result, order included.
//! - T7: no text makes it panic; work per question is bounded by the constants below.
//!
//! What it is not: it computes no vectors and keeps none (`impresario-embed`, `impresario-vectors`),
//! calls no model, reads no clock and stores nothing.

#![deny(clippy::wildcard_enum_match_arm)]

mod answer;
mod confidence;
mod derive;
mod document;
pub mod eval;
mod filter;
mod finish;
mod flat;
mod hop;
mod index;
mod lexical;
mod plan;
mod run;
mod search;
mod sentences;
mod stopwords;
mod trace;
mod verify;
mod words;

#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerOptions, Citation, Sentence, Similarity, extract, support};
pub use confidence::{ABSTAIN_BELOW, Features, WEIGHTS, confidence};
pub use document::{Chunk, Document, DocumentKey, chunk_key};
pub use filter::Filter;
pub use finish::{Passage, Retrieved};
pub use flat::Flat;
pub use index::Index;
pub use plan::{Fusion, Plan, Query, Subquery, Techniques};
pub use run::{Embed, Rerank};
pub use search::{Candidate, Candidates, NoVectors, Vectors};
pub use sentences::sentences;
pub use trace::{Step, Trace};
pub use verify::{Conflict, Support, Verdict, verify};
pub use words::Vocabulary;

/// Most candidates that are fused and handed to a reranker.
pub const CANDIDATES_MAX: usize = 50;
/// How many hits each of the two searches contributes.
pub const POOL: usize = 200;
/// Most different words of a question that count.
pub const QUESTION_TERMS_MAX: usize = 64;
/// Longest question that is read, in bytes; the rest is ignored.
pub const QUESTION_BYTES_MAX: usize = 4_096;
/// Most texts that one question becomes.
pub const SUBQUERIES_MAX: usize = 4;
/// Most times that an answer leads to a further question.
pub const HOPS_MAX: u8 = 2;
/// Longest context that is returned for a passage, in bytes.
pub const CONTEXT_BYTES_MAX: usize = 4_000;
