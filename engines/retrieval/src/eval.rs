//! How good retrieval is on judged collections of the form `corpus.jsonl`, `queries.jsonl`,
//! `qrels.tsv` (KNO-26): nDCG@10, recall@10, MRR, latency, and what each technique is worth.
//!
//! Nothing here is fitted to the judgements. The global constants of retrieval (BM25 k1 1.2 and b 0.75,
//! weights 0.7 and 0.3, feedback from three hits with weight 0.8) are textbook values, chosen once among
//! such values by looking at two public collections.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::document::{Chunk, Document};
use crate::flat::Flat;
use crate::index::Index;
use crate::plan::{Fusion, Query, Techniques};
use crate::run::Embed;

/// How many hits count.
const DEPTH: usize = 10;
/// Texts embedded at once.
const BATCH: usize = 32;

/// Why a collection cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A line is not what its file should hold.
    #[error("{file} line {line}: {reason}")]
    Line {
        /// Which file.
        file: &'static str,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing to judge.
    #[error("{0} holds nothing that can be used")]
    Empty(&'static str),
}

/// Documents, questions, and which documents are right for which question.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// Name, title, text.
    pub documents: Vec<(String, String, String)>,
    /// Name, text; only those with a judgement.
    pub queries: Vec<(String, String)>,
    /// By question: by document (its place), how right it is.
    pub judgements: BTreeMap<String, BTreeMap<usize, f64>>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
}

fn lines(bytes: &[u8], file: &'static str) -> Result<Vec<Line>, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| ParseError::Line {
                file,
                line: at + 1,
                reason: error.to_string(),
            })
        })
        .collect()
}

impl Collection {
    /// Reads the three files.
    ///
    /// # Errors
    /// A line that cannot be read, or nothing to judge.
    pub fn parse(corpus: &[u8], queries: &[u8], qrels: &[u8]) -> Result<Self, ParseError> {
        let documents: Vec<(String, String, String)> = lines(corpus, "corpus.jsonl")?
            .into_iter()
            .map(|line| (line.id, line.title, line.text))
            .collect();
        let places: BTreeMap<&str, usize> =
            documents.iter().enumerate().map(|(at, (id, ..))| (id.as_str(), at)).collect();
        let mut judgements: BTreeMap<String, BTreeMap<usize, f64>> = BTreeMap::new();
        for (at, line) in String::from_utf8_lossy(qrels).lines().enumerate() {
            let wrong = |reason: &str| ParseError::Line {
                file: "qrels.tsv",
                line: at + 1,
                reason: reason.to_owned(),
            };
            if line.trim().is_empty() {
                continue;
            }
            // Both usual forms: query, document, score; and query, 0, document, score.
            let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
            let (query, document, score) = match fields.as_slice() {
                [query, document, score] | [query, _, document, score] => (query, document, score),
                _ => return Err(wrong("three or four fields are wanted")),
            };
            let Ok(score) = score.parse::<f64>() else {
                if at == 0 {
                    continue;
                }
                return Err(wrong("the score is no number"));
            };
            if let Some(place) = places.get(document).filter(|_| score > 0.0) {
                judgements.entry((*query).to_owned()).or_default().insert(*place, score);
            }
        }
        let mut queries: Vec<(String, String)> =
            lines(queries, "queries.jsonl")?.into_iter().map(|line| (line.id, line.text)).collect();
        queries.retain(|(id, _)| judgements.contains_key(id));
        if documents.is_empty() {
            return Err(ParseError::Empty("corpus.jsonl"));
        }
        if queries.is_empty() {
            return Err(ParseError::Empty("qrels.tsv"));
        }
        Ok(Self { documents, queries, judgements })
    }

    /// The index of its documents, one chunk each. The chunk at place `n` has the key `n`.
    #[must_use]
    pub fn index(&self) -> Index {
        let mut index = Index::default();
        for (place, (_, title, text)) in self.documents.iter().enumerate() {
            index.put(document(place, title, text));
        }
        index
    }

    /// The vectors of its documents.
    pub fn vectors(&self, embed: &mut Embed<'_>) -> Flat {
        let mut flat = Flat::default();
        let mut key = 0;
        for batch in self.documents.chunks(BATCH) {
            let texts: Vec<String> = batch
                .iter()
                .map(|(_, title, text)| format!("{title} {text}").trim().to_owned())
                .collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            for vector in embed(&texts) {
                flat.insert(key, vector);
                key += 1;
            }
        }
        flat
    }
}

/// A document of a collection, as it is indexed.
fn document(place: usize, title: &str, text: &str) -> Document {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(place as u64).to_be_bytes());
    Document {
        id,
        title: title.to_owned(),
        language: "en".to_owned(),
        chunks: vec![Chunk { key: place as u64, text: text.to_owned(), ..Chunk::default() }],
        ..Document::default()
    }
}

/// One way to retrieve, measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// What was on or off.
    pub name: String,
    /// Normalised discounted cumulative gain of the first ten.
    pub ndcg10: f64,
    /// Share of the right documents among the first ten.
    pub recall10: f64,
    /// Mean of one over the rank of the first right one, within the first ten.
    pub mrr10: f64,
    /// Milliseconds of a question, embedding included.
    pub p50_ms: f64,
    /// Milliseconds that one of twenty questions exceeds.
    pub p95_ms: f64,
}

/// A collection, measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many documents.
    pub documents: usize,
    /// How many questions.
    pub queries: usize,
    /// All ways, the usual one first.
    pub scores: Vec<Score>,
}

impl Report {
    /// A table in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!(
            "{} documents, {} questions\n\n| techniques | nDCG@10 | recall@10 | MRR@10 | p50 ms | p95 ms |\n|---|---|---|---|---|---|\n",
            self.documents, self.queries
        );
        for score in &self.scores {
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "| {} | {:.4} | {:.4} | {:.4} | {:.1} | {:.1} |",
                score.name, score.ndcg10, score.recall10, score.mrr10, score.p50_ms, score.p95_ms
            );
        }
        out
    }
}

/// The ways that are compared: the usual one, the single searches, the other fusions, and the usual one
/// without each technique. Without vectors only those that need none.
#[must_use]
pub fn variants(vectors: bool) -> Vec<(&'static str, Techniques)> {
    let usual = Techniques::default;
    let mut all = vec![
        ("all", usual()),
        ("only BM25", Techniques { dense: false, ..usual() }),
        ("with multi-hop", Techniques { hops: 1, ..usual() }),
        ("without decomposition", Techniques { multi_query: false, ..usual() }),
        ("without rewriting", Techniques { rewriting: false, ..usual() }),
        ("without derived filters", Techniques { derive_filters: false, ..usual() }),
        ("without MMR", Techniques { mmr: None, ..usual() }),
        ("MMR at 0.7", Techniques { mmr: Some(0.7), ..usual() }),
    ];
    if vectors {
        let plain = |fusion| Techniques { feedback: false, mmr: None, fusion, ..usual() };
        all.extend([
            ("without feedback", Techniques { feedback: false, ..usual() }),
            ("only vectors", Techniques { lexical: false, ..usual() }),
            ("only vectors, plain", {
                Techniques { lexical: false, ..plain(Fusion::Weighted { dense: 0.7 }) }
            }),
            ("fused, nothing else", plain(Fusion::Weighted { dense: 0.7 })),
            ("fused by min-max, nothing else", plain(Fusion::MinMax { dense: 0.7 })),
            ("fused by ranks, nothing else", plain(Fusion::ReciprocalRank { k: 60.0 })),
        ]);
    }
    all
}

/// Measures all variants. `embed` is `None` without a model. `clock_ms` tells milliseconds since any
/// moment. `progress` is told what is being done.
pub fn run(
    collection: &Collection,
    mut embed: Option<&mut Embed<'_>>,
    clock_ms: &dyn Fn() -> f64,
    progress: &mut dyn FnMut(&str),
) -> Report {
    progress("index the documents");
    let index = collection.index();
    let mut flat = Flat::default();
    let mut known: BTreeMap<String, (Vec<f32>, f64)> = BTreeMap::new();
    let with_vectors = embed.is_some();
    if let Some(embed) = embed.as_deref_mut() {
        progress("embed the documents");
        flat = collection.vectors(embed);
    }
    let mut report = Report {
        documents: collection.documents.len(),
        queries: collection.queries.len(),
        scores: Vec::new(),
    };
    for (name, techniques) in variants(with_vectors) {
        progress(name);
        let mut sums = Sums::default();
        for (id, text) in &collection.queries {
            let query =
                Query { techniques: techniques.clone(), count: DEPTH, ..Query::new(text, 0) };
            let mut embedding_ms = 0.0;
            let began = clock_ms();
            let mut cached = 0.0;
            let mut vectors_of = |texts: &[&str]| -> Vec<Vec<f32>> {
                let Some(embed) = embed.as_deref_mut() else { return Vec::new() };
                let before = clock_ms();
                let vectors = texts
                    .iter()
                    .map(|text| {
                        let (vector, took) = known.entry((*text).to_owned()).or_insert_with(|| {
                            let before = clock_ms();
                            let vector = embed(&[text]).pop().unwrap_or_default();
                            (vector, clock_ms() - before)
                        });
                        embedding_ms += *took;
                        vector.clone()
                    })
                    .collect();
                cached += clock_ms() - before;
                vectors
            };
            let found = index.run(&query, &mut vectors_of, &flat, None);
            let took = clock_ms() - began - cached + embedding_ms;
            let ranking: Vec<usize> = found
                .passages
                .iter()
                .map(|passage| usize::try_from(passage.key).unwrap_or(usize::MAX))
                .collect();
            sums.add(&ranking, &collection.judgements[id], took);
        }
        report.scores.push(sums.score(name));
    }
    report
}

#[derive(Default)]
struct Sums {
    ndcg: f64,
    recall: f64,
    mrr: f64,
    times: Vec<f64>,
}

impl Sums {
    fn add(&mut self, ranking: &[usize], right: &BTreeMap<usize, f64>, took_ms: f64) {
        self.ndcg += ndcg(ranking, right);
        self.recall += recall(ranking, right);
        self.mrr += reciprocal_rank(ranking, right);
        self.times.push(took_ms);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of questions")]
    fn score(mut self, name: &str) -> Score {
        let count = self.times.len().max(1) as f64;
        self.times.sort_by(f64::total_cmp);
        let quantile = |permille: usize| {
            let at = self.times.len().saturating_sub(1) * permille / 1000;
            self.times.get(at).copied().unwrap_or(0.0)
        };
        Score {
            name: name.to_owned(),
            ndcg10: self.ndcg / count,
            recall10: self.recall / count,
            mrr10: self.mrr / count,
            p50_ms: quantile(500),
            p95_ms: quantile(950),
        }
    }
}

/// nDCG@10 of a ranking of documents, given how right each is.
#[must_use]
pub fn ndcg(ranking: &[usize], right: &BTreeMap<usize, f64>) -> f64 {
    let discounted = |gains: &mut dyn Iterator<Item = f64>| -> f64 {
        gains.take(DEPTH).zip(2u32..).map(|(gain, rank)| gain / f64::from(rank).log2()).sum()
    };
    let mut best: Vec<f64> = right.values().copied().collect();
    best.sort_by(|a, b| b.total_cmp(a));
    let ideal = discounted(&mut best.into_iter());
    let mut gains = ranking.iter().map(|place| right.get(place).copied().unwrap_or(0.0));
    if ideal > 0.0 { discounted(&mut gains) / ideal } else { 0.0 }
}

/// Share of the right documents among the first ten.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
pub fn recall(ranking: &[usize], right: &BTreeMap<usize, f64>) -> f64 {
    let found = ranking.iter().take(DEPTH).filter(|place| right.contains_key(place)).count();
    found as f64 / right.len().max(1) as f64
}

/// One over the rank of the first right document, 0 if none of the first ten is.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a rank is at most ten")]
pub fn reciprocal_rank(ranking: &[usize], right: &BTreeMap<usize, f64>) -> f64 {
    let place = ranking.iter().take(DEPTH).position(|place| right.contains_key(place));
    place.map_or(0.0, |place| 1.0 / (place + 1) as f64)
}
