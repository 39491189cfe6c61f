//! From candidates to passages: reranking, diversity, the sentences that matter, what stands around.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::confidence::Features;
use crate::document::{Chunk, Document, DocumentKey};
use crate::flat::dot;
use crate::index::Index;
use crate::lexical::Group;
use crate::plan::Plan;
use crate::search::{Candidate, Candidates, Vectors, count, keys, sorted};
use crate::sentences::sentences;
use crate::trace::{Step, Trace};
use crate::{CONTEXT_BYTES_MAX, words};

/// What a reranker's score counts against the fused one.
const RERANK_WEIGHT: f32 = 0.7;
/// A sentence matters if it holds so much of what the best sentence of its passage holds.
const COMPRESS_SHARE: f32 = 0.5;

/// A found chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The chunk.
    pub key: u64,
    /// Its document.
    pub document: DocumentKey,
    /// The document's title.
    pub title: String,
    /// The headings above it.
    pub heading: String,
    /// Where the document came from.
    pub source: String,
    /// What it is ranked by.
    pub score: f32,
    /// Its share of the best possible BM25 score.
    pub lexical: f32,
    /// Its cosine with the question, if there are vectors.
    pub cosine: Option<f32>,
    /// The chunk's text.
    pub text: String,
    /// Where the chunk stands in the document's text, in bytes.
    pub span: Range<u32>,
    /// The sentences of `text` that matter for the question; all, without compression.
    pub relevant: Vec<Range<usize>>,
    /// The text with what stands around it in the document; empty without parents.
    pub context: String,
    /// The language of the document.
    pub language: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Retrieved {
    /// The passages, best first.
    pub passages: Vec<Passage>,
    /// What was done.
    pub trace: Trace,
    /// What the confidence is computed from.
    pub features: Features,
    pub(crate) groups: Vec<Group>,
}

impl Index {
    /// Makes passages of candidates. `rerank` holds one score from 0 to 1 per candidate, in their
    /// order, if a reranker was asked.
    #[must_use]
    pub fn finish(
        &self,
        plan: &Plan,
        candidates: Candidates,
        rerank: Option<&[f32]>,
        vectors: &dyn Vectors,
    ) -> Retrieved {
        let Candidates { mut hits, mut trace, agreement } = candidates;
        let techniques = &plan.query.techniques;
        let mut features = features(&hits, agreement);
        if let Some(scores) =
            rerank.filter(|scores| techniques.rerank && scores.len() == hits.len())
        {
            hits = reranked(hits, scores, &mut trace);
        }
        if let Some(lambda) = techniques.mmr {
            hits = self.diverse(hits, plan.query.count, lambda, vectors, &mut trace);
        }
        hits.truncate(plan.query.count);
        let groups: Vec<Group> =
            plan.queries.first().map(|first| first.groups.clone()).unwrap_or_default();
        let mut passages: Vec<Passage> =
            hits.iter().filter_map(|hit| self.passage(plan, hit, &groups)).collect();
        features.coverage = coverage(&groups, &passages);
        if techniques.compress {
            compressed(&passages, &mut trace);
        }
        if techniques.parents {
            for passage in &mut passages {
                passage.context = self.context(passage.key);
            }
            let bytes: usize = passages.iter().map(|passage| passage.context.len()).sum();
            note(&mut trace, "parents", passages.len(), format!("{bytes} bytes of context"));
        }
        Retrieved { passages, trace, features, groups }
    }

    fn passage(&self, plan: &Plan, hit: &Candidate, groups: &[Group]) -> Option<Passage> {
        let (document, chunk) = self.chunk(hit.key)?;
        let spans = sentences(&chunk.text);
        let relevant = if plan.query.techniques.compress {
            relevant(&chunk.text, &document.language, spans, groups)
        } else {
            spans
        };
        Some(Passage {
            key: hit.key,
            document: document.id,
            title: document.title.clone(),
            heading: chunk.heading.clone(),
            source: document.source.clone(),
            score: hit.score,
            lexical: hit.lexical,
            cosine: hit.cosine,
            text: chunk.text.clone(),
            span: chunk.span.clone(),
            relevant,
            context: String::new(),
            language: document.language.clone(),
        })
    }

    /// Takes `wanted` one after the other: the one that is relevant and unlike those taken.
    fn diverse(
        &self,
        hits: Vec<Candidate>,
        wanted: usize,
        lambda: f32,
        vectors: &dyn Vectors,
        trace: &mut Trace,
    ) -> Vec<Candidate> {
        let before = keys(&hits);
        let best = hits.first().map_or(1.0, |hit| hit.score.max(f32::EPSILON));
        let shapes: Vec<Shape> = hits.iter().map(|hit| self.shape(hit.key, vectors)).collect();
        let mut left: Vec<usize> = (0..hits.len()).collect();
        let mut nearest = vec![0f32; hits.len()];
        let mut taken: Vec<usize> = Vec::new();
        while taken.len() < wanted && !left.is_empty() {
            let value = |at: usize| lambda * hits[at].score / best - (1.0 - lambda) * nearest[at];
            let (place, chosen) = left.iter().copied().enumerate().fold(
                (0, left[0]),
                |(place, chosen), (other_place, other)| {
                    if value(other) > value(chosen) {
                        (other_place, other)
                    } else {
                        (place, chosen)
                    }
                },
            );
            left.remove(place);
            for other in &left {
                nearest[*other] = nearest[*other].max(shapes[chosen].likeness(&shapes[*other]));
            }
            taken.push(chosen);
        }
        let chosen: Vec<Candidate> = taken.into_iter().map(|at| hits[at].clone()).collect();
        trace.record("mmr", &before, &keys(&chosen), format!("lambda {lambda}"));
        chosen
    }

    fn shape(&self, key: u64, vectors: &dyn Vectors) -> Shape {
        if let Some(vector) = vectors.vector(key) {
            return Shape::Vector(vector);
        }
        let mut terms = BTreeSet::new();
        if let Some((document, chunk)) = self.chunk(key) {
            words::terms(&chunk.text, &document.language, |term| {
                terms.insert(term);
            });
        }
        Shape::Terms(terms)
    }

    /// The chunk with its neighbours, as much as fits; what chunks share is said once.
    fn context(&self, key: u64) -> String {
        let Some((document, _)) = self.chunk(key) else { return String::new() };
        let Some(at) = document.chunks.iter().position(|chunk| chunk.key == key) else {
            return String::new();
        };
        let (mut from, mut until) = (at, at + 1);
        let mut bytes = document.chunks[at].text.len();
        loop {
            let room = |chunk: &Chunk| bytes + chunk.text.len() < CONTEXT_BYTES_MAX;
            let after = document.chunks.get(until).filter(|chunk| room(chunk));
            let before =
                from.checked_sub(1).map(|at| &document.chunks[at]).filter(|chunk| room(chunk));
            // The side that is nearer to the chunk first.
            match (before, after) {
                (Some(chunk), None) => {
                    from -= 1;
                    bytes += chunk.text.len();
                }
                (Some(chunk), Some(_)) if at - from < until - at => {
                    from -= 1;
                    bytes += chunk.text.len();
                }
                (_, Some(chunk)) => {
                    until += 1;
                    bytes += chunk.text.len();
                }
                (None, None) => break,
            }
        }
        joined(document, from..until)
    }
}

enum Shape {
    Vector(Vec<f32>),
    Terms(BTreeSet<String>),
}

impl Shape {
    fn likeness(&self, other: &Self) -> f32 {
        match (self, other) {
            (Self::Vector(a), Self::Vector(b)) => dot(a, b).max(0.0),
            (Self::Terms(a), Self::Terms(b)) => {
                let both = a.intersection(b).count();
                let any = a.len() + b.len() - both;
                if any == 0 { 0.0 } else { count(both) / count(any) }
            }
            (Self::Vector(_), Self::Terms(_)) | (Self::Terms(_), Self::Vector(_)) => 0.0,
        }
    }
}

fn joined(document: &Document, range: Range<usize>) -> String {
    let mut text = String::new();
    let mut end = 0u32;
    for chunk in &document.chunks[range] {
        let overlap = (end.saturating_sub(chunk.span.start)) as usize;
        let rest = chunk.text.get(overlap..).unwrap_or(&chunk.text);
        if overlap == 0 && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(rest);
        end = chunk.span.end.max(end);
    }
    text
}

fn features(hits: &[Candidate], agreement: f32) -> Features {
    let first = hits.first();
    let rest: Vec<f32> = hits.iter().skip(1).take(9).map(|hit| hit.score).collect();
    let mean = rest.iter().sum::<f32>() / count(rest.len().max(1));
    let cosine = hits.iter().take(3).filter_map(|hit| hit.cosine).fold(0.0, f32::max);
    Features {
        top: first.map_or(0.0, |hit| hit.score),
        cosine,
        lexical: hits.iter().take(3).map(|hit| hit.lexical).fold(0.0, f32::max),
        margin: first.map_or(0.0, |hit| hit.score - mean),
        coverage: 0.0,
        agreement,
    }
}

fn reranked(hits: Vec<Candidate>, scores: &[f32], trace: &mut Trace) -> Vec<Candidate> {
    let before = keys(&hits);
    let hits = hits.into_iter().zip(scores).map(|(mut hit, score)| {
        hit.score = RERANK_WEIGHT * score.clamp(0.0, 1.0) + (1.0 - RERANK_WEIGHT) * hit.score;
        hit
    });
    let hits = sorted(hits.collect());
    trace.record("rerank", &before, &keys(&hits), String::new());
    hits
}

/// The terms of a piece of text.
pub(crate) fn term_set(text: &str, language: &str) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    words::terms(text, language, |term| {
        set.insert(term);
    });
    set
}

/// How much of what is asked for a set of terms holds: rare words count more. From 0 to 1.
pub(crate) fn share(groups: &[Group], terms: &BTreeSet<String>) -> f32 {
    let all: f32 = groups.iter().map(|group| group.idf).sum();
    if all <= 0.0 {
        return 0.0;
    }
    let held = |group: &&Group| group.forms.iter().any(|(form, _)| terms.contains(form));
    groups.iter().filter(held).map(|group| group.idf).sum::<f32>() / all
}

fn coverage(groups: &[Group], passages: &[Passage]) -> f32 {
    let each = passages.iter().take(3).map(|passage| {
        let mut terms = term_set(&passage.text, &passage.language);
        terms.extend(term_set(&passage.title, &passage.language));
        terms.extend(term_set(&passage.heading, &passage.language));
        share(groups, &terms)
    });
    each.fold(0.0, f32::max)
}

fn relevant(
    text: &str,
    language: &str,
    spans: Vec<Range<usize>>,
    groups: &[Group],
) -> Vec<Range<usize>> {
    let scores: Vec<f32> =
        spans.iter().map(|span| share(groups, &term_set(&text[span.clone()], language))).collect();
    let best = scores.iter().copied().fold(0.0, f32::max);
    if best <= 0.0 {
        return spans;
    }
    let matters = |at: usize| scores[at] >= COMPRESS_SHARE * best;
    // The sentence after one that matters often holds what it announces.
    let keep = |at: usize| matters(at) || (at > 0 && matters(at - 1));
    (0..spans.len()).filter(|at| keep(*at)).map(|at| spans[at].clone()).collect()
}

fn compressed(passages: &[Passage], trace: &mut Trace) {
    let all: usize = passages.iter().map(|passage| passage.text.len()).sum();
    let kept: usize = passages.iter().flat_map(|passage| &passage.relevant).map(Range::len).sum();
    note(trace, "compress", passages.len(), format!("{kept} of {all} bytes"));
}

fn note(trace: &mut Trace, technique: &'static str, candidates: usize, note: String) {
    trace.steps.push(Step { technique, candidates, added: 0, moved: 0, note });
}
