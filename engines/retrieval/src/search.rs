//! From a plan to at most fifty candidates: two searches, fused, with feedback and boosts.

use std::collections::BTreeMap;

use crate::filter::Filter;
use crate::flat::dot;
use crate::index::Index;
use crate::lexical::Scores;
use crate::plan::{Fusion, Plan, Subquery};
use crate::trace::Trace;
use crate::{CANDIDATES_MAX, POOL};

/// Feedback: so many of the best hits pull the question's vector, so strongly (its own weight is 1).
const FEEDBACK_HITS: usize = 3;
const FEEDBACK_WEIGHT: f32 = 0.8;
/// What being new or preferred can add to a score of 0 to 1.
const RECENCY_WEIGHT: f32 = 0.1;
const RECENCY_HALF_LIFE_MS: f32 = 180.0 * 86_400_000.0;
const PRIORITY_WEIGHT: f32 = 0.01;

/// A search over vectors of unit length, one per chunk, of the model that the questions are embedded
/// with.
pub trait Vectors {
    /// The `count` nearest chunks among those that `allow` names, or of all, with their cosines, best
    /// first. Chunks that the index does not have are left out afterwards.
    fn search(
        &self,
        vector: &[f32],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)>;

    /// The vector of a chunk.
    fn vector(&self, key: u64) -> Option<Vec<f32>>;
}

/// There are no vectors: everything works on words alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVectors;

impl Vectors for NoVectors {
    fn search(
        &self,
        _: &[f32],
        _: usize,
        _: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)> {
        Vec::new()
    }

    fn vector(&self, _: u64) -> Option<Vec<f32>> {
        None
    }
}

/// A chunk that may answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its key.
    pub key: u64,
    /// What it is ranked by.
    pub score: f32,
    /// Its share of the best possible BM25 score.
    pub lexical: f32,
    /// Its cosine with the question, if there are vectors.
    pub cosine: Option<f32>,
}

/// The candidates of a plan, best first.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// At most [`CANDIDATES_MAX`].
    pub hits: Vec<Candidate>,
    /// What was done.
    pub trace: Trace,
    /// Share of the first ten of either search that the other one has among its first ten.
    pub(crate) agreement: f32,
}

/// Both searches for one text.
struct Found {
    hits: BTreeMap<u64, Candidate>,
    lexical: Vec<u64>,
    dense: Vec<u64>,
}

impl Index {
    /// Searches. `vectors` of the plan's texts in their order; an empty list, or an empty vector, means
    /// that there is none.
    #[must_use]
    pub fn candidates(
        &self,
        plan: &Plan,
        query_vectors: &[Vec<f32>],
        vectors: &dyn Vectors,
    ) -> Candidates {
        let mut out = Candidates::default();
        let filter = self.effective_filter(plan, &mut out.trace);
        let allowed = self.allowed(&filter, plan.query.now_ms);
        let mut best: BTreeMap<u64, Candidate> = BTreeMap::new();
        for (number, subquery) in plan.queries.iter().enumerate() {
            let vector = query_vectors.get(number).filter(|vector| !vector.is_empty());
            let vector = vector.filter(|_| plan.query.techniques.dense);
            let ranked = self.one(plan, subquery, vector, vectors, allowed.as_deref(), &mut out);
            let before = keys(&sorted(best.values().cloned().collect()));
            for mut hit in ranked {
                hit.score *= subquery.weight;
                let entry = best.entry(hit.key).or_insert_with(|| hit.clone());
                if hit.score > entry.score {
                    *entry = hit;
                }
            }
            if number > 0 {
                let after = keys(&sorted(best.values().cloned().collect()));
                out.trace.record("multi_query", &before, &after, subquery.text.clone());
            }
        }
        out.hits = sorted(best.into_values().collect());
        self.boost(plan, &mut out);
        out.hits.truncate(CANDIDATES_MAX);
        out
    }

    /// T3: a derived filter that leaves nothing is dropped.
    fn effective_filter(&self, plan: &Plan, trace: &mut Trace) -> Filter {
        if plan.derived.is_none() {
            return plan.filter.clone();
        }
        let left = |filter: &Filter| {
            self.allowed(filter, plan.query.now_ms)
                .map_or(self.chunks(), |allowed| allowed.iter().filter(|one| **one).count())
        };
        let count = left(&plan.filter);
        let note = format!("{:?}", plan.derived);
        let mut step = |candidates, note| {
            trace.steps.push(crate::trace::Step {
                technique: "derived_filter",
                candidates,
                added: 0,
                moved: 0,
                note,
            });
        };
        if count == 0 {
            step(left(&plan.query.filter), format!("dropped, it leaves nothing: {note}"));
            return plan.query.filter.clone();
        }
        step(count, note);
        plan.filter.clone()
    }

    fn one(
        &self,
        plan: &Plan,
        subquery: &Subquery,
        vector: Option<&Vec<f32>>,
        vectors: &dyn Vectors,
        allowed: Option<&[bool]>,
        out: &mut Candidates,
    ) -> Vec<Candidate> {
        let techniques = &plan.query.techniques;
        let groups = if techniques.lexical { subquery.groups.as_slice() } else { &[] };
        let scores = self.lexical.score(groups, allowed);
        let passes = allowed.map(|allowed| {
            move |key: u64| self.slot(key).is_some_and(|slot| allowed[slot as usize])
        });
        let allow = passes.as_ref().map(|passes| passes as &(dyn Fn(u64) -> bool + Sync));
        let mut found = Found { hits: BTreeMap::new(), lexical: Vec::new(), dense: Vec::new() };
        self.take_lexical(&scores, &mut found);
        if techniques.lexical {
            out.trace.record("lexical", &[], &found.lexical, String::new());
        }
        let Some(vector) = vector else {
            return rank(found, techniques.fusion, techniques.lexical, false);
        };
        let nearest = vectors.search(vector, POOL, allow);
        self.take_dense(&nearest, &scores, &mut found);
        complete(&mut found, vector, vectors);
        out.trace.record("dense", &found.lexical, &found.dense, String::new());
        if plan.hop == 0 {
            out.agreement = out.agreement.max(agreement(&found));
        }
        let mut ranked = rank(clone(&found), techniques.fusion, techniques.lexical, true);
        if techniques.lexical {
            out.trace.record(
                "fusion",
                &found.dense,
                &keys(&ranked),
                format!("{:?}", techniques.fusion),
            );
        }
        if techniques.feedback
            && let Some(moved) = feedback(vector, &ranked, vectors)
        {
            let before = keys(&ranked);
            let nearest = vectors.search(&moved, POOL, allow);
            self.take_dense(&nearest, &scores, &mut found);
            for hit in found.hits.values_mut() {
                hit.cosine = None;
            }
            complete(&mut found, &moved, vectors);
            ranked = rank(found, techniques.fusion, techniques.lexical, true);
            out.trace.record("feedback", &before, &keys(&ranked), String::new());
            // What is reported is the nearness to the question itself.
            for hit in &mut ranked {
                if let Some(own) = vectors.vector(hit.key) {
                    hit.cosine = Some(dot(vector, &own));
                }
            }
        }
        ranked
    }

    fn take_lexical(&self, scores: &Scores, found: &mut Found) {
        let mut best: Vec<f32> =
            scores.touched.iter().map(|slot| scores.by_slot[*slot as usize]).collect();
        // Keys are looked up only for those that are good enough: common words touch everything.
        let least = if best.len() > POOL {
            *best.select_nth_unstable_by(POOL - 1, |a, b| b.total_cmp(a)).1
        } else {
            0.0
        };
        let good = scores.touched.iter().filter(|slot| scores.by_slot[**slot as usize] >= least);
        let mut slots: Vec<(u32, u64)> =
            good.filter_map(|slot| self.at(*slot).map(|(_, chunk)| (*slot, chunk.key))).collect();
        let order = |a: &(u32, u64), b: &(u32, u64)| {
            let score = |one: &(u32, u64)| scores.by_slot[one.0 as usize];
            score(b).total_cmp(&score(a)).then(a.1.cmp(&b.1))
        };
        slots.sort_by(order);
        slots.truncate(POOL);
        for (slot, key) in slots {
            let lexical = scores.by_slot[slot as usize];
            found.hits.insert(key, Candidate { key, score: 0.0, lexical, cosine: None });
            found.lexical.push(key);
        }
    }

    fn take_dense(&self, nearest: &[(u64, f32)], scores: &Scores, found: &mut Found) {
        found.dense.clear();
        for (key, cosine) in nearest {
            let Some(slot) = self.slot(*key) else { continue };
            let lexical = scores.by_slot.get(slot as usize).copied().unwrap_or(0.0);
            let new = Candidate { key: *key, score: 0.0, lexical, cosine: None };
            found.hits.entry(*key).or_insert(new).cosine = Some(*cosine);
            found.dense.push(*key);
        }
    }

    fn boost(&self, plan: &Plan, out: &mut Candidates) {
        let before = keys(&out.hits);
        let techniques = &plan.query.techniques;
        for hit in &mut out.hits {
            let Some((document, _)) = self.chunk(hit.key) else { continue };
            if plan.newest_first {
                hit.score += RECENCY_WEIGHT * freshness(document.updated_ms, plan.query.now_ms);
            }
            if techniques.priority {
                hit.score += PRIORITY_WEIGHT * small(document.priority.clamp(-10, 10));
            }
        }
        out.hits = sorted(std::mem::take(&mut out.hits));
        let after = keys(&out.hits);
        if before != after {
            let note = if plan.newest_first { "newest first" } else { "priority" };
            out.trace.record("boosts", &before, &after, note);
        }
    }
}

fn clone(found: &Found) -> Found {
    Found { hits: found.hits.clone(), lexical: found.lexical.clone(), dense: found.dense.clone() }
}

/// Gives every candidate its cosine, also those that only their words brought.
fn complete(found: &mut Found, vector: &[f32], vectors: &dyn Vectors) {
    for hit in found.hits.values_mut() {
        if hit.cosine.is_none() {
            hit.cosine = vectors.vector(hit.key).map(|own| dot(vector, &own));
        }
    }
}

/// The question's vector, moved towards its best hits.
fn feedback(vector: &[f32], ranked: &[Candidate], vectors: &dyn Vectors) -> Option<Vec<f32>> {
    let best: Vec<Vec<f32>> =
        ranked.iter().take(FEEDBACK_HITS).filter_map(|hit| vectors.vector(hit.key)).collect();
    if best.is_empty() {
        return None;
    }
    let share = FEEDBACK_WEIGHT / count(best.len());
    let mut moved = vector.to_vec();
    for other in &best {
        for (value, other) in moved.iter_mut().zip(other) {
            *value += share * other;
        }
    }
    let norm = dot(&moved, &moved).sqrt();
    if norm <= f32::EPSILON {
        return None;
    }
    moved.iter_mut().for_each(|value| *value /= norm);
    Some(moved)
}

fn rank(mut found: Found, fusion: Fusion, lexical: bool, dense: bool) -> Vec<Candidate> {
    let weights = |wanted: f32| match (lexical, dense) {
        (true, true) => (wanted, 1.0 - wanted),
        (false, _) => (1.0, 0.0),
        (true, false) => (0.0, 1.0),
    };
    match fusion {
        Fusion::Weighted { dense } => {
            let (dense, lexical) = weights(dense);
            for hit in found.hits.values_mut() {
                hit.score = dense * hit.cosine.unwrap_or(0.0).max(0.0) + lexical * hit.lexical;
            }
        }
        Fusion::MinMax { dense } => {
            let (dense, lexical) = weights(dense);
            let cosines = range(found.hits.values().filter_map(|hit| hit.cosine));
            let words = range(found.hits.values().map(|hit| hit.lexical));
            for hit in found.hits.values_mut() {
                let cosine = hit.cosine.map_or(0.0, |cosine| stretch(cosine, cosines));
                hit.score = dense * cosine + lexical * stretch(hit.lexical, words);
            }
        }
        Fusion::ReciprocalRank { k } => {
            for list in [&found.lexical, &found.dense] {
                for (at, key) in list.iter().enumerate() {
                    if let Some(hit) = found.hits.get_mut(key) {
                        hit.score += 1.0 / (k + count(at + 1));
                    }
                }
            }
        }
    }
    sorted(found.hits.into_values().collect())
}

fn range(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

fn stretch(value: f32, (low, high): (f32, f32)) -> f32 {
    if high > low { (value - low) / (high - low) } else { 0.0 }
}

fn agreement(found: &Found) -> f32 {
    let first = |keys: &[u64]| keys.iter().take(10).copied().collect::<Vec<_>>();
    let (lexical, dense) = (first(&found.lexical), first(&found.dense));
    let both = lexical.iter().filter(|key| dense.contains(key)).count();
    count(both) / count(lexical.len().min(dense.len()).max(1))
}

/// From 1 (now) to 0 (long ago).
#[expect(clippy::cast_precision_loss, reason = "a boost needs no more digits")]
fn freshness(updated_ms: i64, now_ms: i64) -> f32 {
    let age = now_ms.saturating_sub(updated_ms).max(0) as f32;
    0.5f32.powf(age / RECENCY_HALF_LIFE_MS)
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(crate) fn count(value: usize) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn small(value: i32) -> f32 {
    value as f32
}

/// Best first; equal ones by key, so that the order is always the same (T6).
pub(crate) fn sorted(mut hits: Vec<Candidate>) -> Vec<Candidate> {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
    hits
}

pub(crate) fn keys(hits: &[Candidate]) -> Vec<u64> {
    hits.iter().map(|hit| hit.key).collect()
}
