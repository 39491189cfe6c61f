//! Fits the weights of the confidence. Of half of the questions the right documents are taken away, so
//! that half of what is learnt is "the answer is not here"; then the halves change places.

use std::path::Path;

use impresario_retrieval::eval::Collection;
use impresario_retrieval::{Embed, Features, Flat, Index, NoVectors, Query, Vectors};

use crate::{Outcome, collection, say};

const STEPS: usize = 8_000;
const RATE: f64 = 0.5;
/// Keeps weights small where the data say little.
const RIDGE: f64 = 1e-3;

/// What was seen, and whether the first passage was right.
type Sample = ([f64; 6], bool);

pub(crate) fn run(embed: &mut Embed<'_>, folders: &[String]) -> Outcome {
    let mut with_vectors = Vec::new();
    let mut without = Vec::new();
    for folder in folders {
        let collection = collection(Path::new(folder))?;
        let vectors = collection.vectors(embed);
        with_vectors.push(samples(&collection, &vectors, Some(&mut *embed)));
        without.push(samples(&collection, &Flat::default(), None));
    }
    for (name, sets) in [("with vectors", &with_vectors), ("without", &without)] {
        let all: Vec<Sample> = sets.concat();
        let weights = fit(&all);
        let shown: Vec<String> = weights.iter().map(|weight| format!("{weight:.2}")).collect();
        say(&format!("{name}: [{}]", shown.join(", ")));
        say(&format!("   all: {}", judge(&weights, &all)));
        for (held_out, folder) in sets.iter().zip(folders) {
            say(&format!("   {folder}: {}", judge(&weights, held_out)));
        }
        // Honest: learnt from the other collections only.
        for (number, held_out) in sets.iter().enumerate() {
            let others: Vec<Sample> = sets
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != number)
                .flat_map(|(_, s)| s.clone())
                .collect();
            if !others.is_empty() {
                let verdict = judge(&fit(&others), held_out);
                say(&format!("   {} with weights of the others: {verdict}", folders[number]));
            }
        }
    }
    Ok(())
}

/// Two rounds; in each, every second group of questions loses its documents. Questions that share a
/// right document stay together.
fn samples(
    collection: &Collection,
    vectors: &Flat,
    mut embed: Option<&mut Embed<'_>>,
) -> Vec<Sample> {
    let mut out = Vec::new();
    let group = |id: &str| collection.judgements[id].keys().min().copied().unwrap_or(0) % 2;
    for round in 0..2 {
        let mut gone = vec![false; collection.documents.len()];
        for (id, _) in collection.queries.iter().filter(|(id, _)| group(id) == round) {
            collection.judgements[id].keys().for_each(|place| gone[*place] = true);
        }
        let mut index = collection.index();
        remove(&mut index, collection, &gone);
        for (id, text) in &collection.queries {
            let query = Query::new(text, 0);
            let found = match embed.as_deref_mut() {
                Some(embed) => index.run(&query, embed, &Left { vectors, gone: &gone }, None),
                None => index.run(&query, &mut |_| Vec::new(), &NoVectors, None),
            };
            let right = &collection.judgements[id];
            let first = found.passages.iter().take(1).any(|passage| {
                usize::try_from(passage.key).is_ok_and(|place| right.contains_key(&place))
            });
            out.push((wide(&found.features), first));
        }
    }
    out
}

fn remove(index: &mut Index, collection: &Collection, gone: &[bool]) {
    for place in (0..collection.documents.len()).filter(|place| gone[*place]) {
        let document = index.chunk(place as u64).map(|(document, _)| document.id);
        document.map(|id| index.remove(&id));
    }
}

/// The vectors of what is left.
struct Left<'a> {
    vectors: &'a Flat,
    gone: &'a [bool],
}

impl Vectors for Left<'_> {
    fn search(
        &self,
        vector: &[f32],
        count: usize,
        allow: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)> {
        let left = |key: u64| usize::try_from(key).is_ok_and(|place| !self.gone[place]);
        self.vectors.search(
            vector,
            count,
            Some(&|key| left(key) && allow.is_none_or(|allow| allow(key))),
        )
    }

    fn vector(&self, key: u64) -> Option<Vec<f32>> {
        self.vectors.vector(key)
    }
}

fn wide(features: &Features) -> [f64; 6] {
    features.values().map(f64::from)
}

fn probability(weights: &[f64; 7], values: &[f64; 6]) -> f64 {
    let sum: f64 = weights[1..].iter().zip(values).map(|(w, v)| w * v).sum();
    1.0 / (1.0 + (-(weights[0] + sum)).exp())
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples")]
fn fit(samples: &[Sample]) -> [f64; 7] {
    let mut weights = [0f64; 7];
    let count = samples.len().max(1) as f64;
    for _ in 0..STEPS {
        let mut slope = [0f64; 7];
        for (values, right) in samples {
            let error = probability(&weights, values) - f64::from(u8::from(*right));
            slope[0] += error;
            for (slope, value) in slope[1..].iter_mut().zip(values) {
                *slope += error * value;
            }
        }
        for (at, (weight, slope)) in weights.iter_mut().zip(slope).enumerate() {
            let ridge = if at == 0 { 0.0 } else { RIDGE * *weight };
            *weight -= RATE * (slope / count + ridge);
            // More evidence must never mean less confidence.
            if at > 0 {
                *weight = weight.max(0.0);
            }
        }
    }
    weights
}

/// Brier score, expected calibration error over ten bins, area under the curve, and what an abstention
/// below 0.35 does.
#[expect(clippy::cast_precision_loss, reason = "counts of samples")]
fn judge(weights: &[f64; 7], samples: &[Sample]) -> String {
    let mut scored: Vec<(f64, bool)> =
        samples.iter().map(|(values, right)| (probability(weights, values), *right)).collect();
    let count = scored.len().max(1) as f64;
    let truth = |right: bool| f64::from(u8::from(right));
    let brier = scored.iter().map(|(p, right)| (p - truth(*right)).powi(2)).sum::<f64>() / count;
    let mut bins = [(0.0, 0.0); 10];
    for (p, right) in &scored {
        let bin = (0..10).rfind(|bin| *p >= f64::from(*bin) / 10.0).unwrap_or(0);
        let bin = usize::try_from(bin).unwrap_or(0);
        bins[bin].0 += p;
        bins[bin].1 += truth(*right);
    }
    let calibration: f64 = bins.iter().map(|(p, right)| (p - right).abs()).sum::<f64>() / count;
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wrong_so_far, mut pairs) = (0.0, 0.0);
    for (_, right) in &scored {
        if *right { pairs += wrong_so_far } else { wrong_so_far += 1.0 }
    }
    let rights = scored.iter().filter(|(_, right)| *right).count() as f64;
    let auc = pairs / (wrong_so_far * rights).max(1.0);
    let said: Vec<bool> =
        scored.iter().filter(|(p, _)| *p >= 0.35).map(|(_, right)| *right).collect();
    let right_said = said.iter().filter(|right| **right).count() as f64;
    format!(
        "{} samples, {rights:.0} right, Brier {brier:.3}, calibration error {calibration:.3}, AUC {auc:.3}; at 0.35: precision {:.2}, of the right ones {:.2} said",
        scored.len(),
        right_said / (said.len().max(1) as f64),
        right_said / rights.max(1.0)
    )
}
